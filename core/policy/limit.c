/*
 * limit: paces the calls of one route so that no minute, wherever it starts, holds more than allowed.
 *
 * Two mechanisms work together. GCRA spreads requests and tokens evenly, so that a limit is used up
 * smoothly and no burst meets a provider that judges by the second. A sliding window of half-second
 * slots is the hard bound: what is given back (unused estimates, calls never sent) makes the pace
 * faster, but never fuller than the window. The window is a second longer than a minute, because calls
 * arrive later than they are reserved, and not all by the same time.
 *
 * A call that ends does not say when it was reserved; the oldest one that runs is taken for it. What it
 * gives back then leaves the window no later than it should, so the bound errs on the safe side.
 */
#include "policy/limit.h"

#include <stddef.h>

#define TICK_US   500000
#define WINDOW_US ((double)LIMIT_SLOTS * TICK_US)

void limit_init(struct limit *l, int64_t rpm, int64_t tpm, int64_t parallel)
{
    *l = (struct limit){.rpm = rpm > 0 ? rpm : 0,
                        .tpm = tpm > 0 ? tpm : 0,
                        .parallel = parallel > 0 ? parallel : 0,
                        .tick = LIMIT_SLOTS};
}

static struct limit_slot *slot_at(struct limit *l, int64_t tick)
{
    return &l->slot[tick % LIMIT_SLOTS];
}

/* Empties the slot that `tick` is going to use: what it holds has left the window. */
static void retire(struct limit *l, int64_t tick)
{
    struct limit_slot *s = slot_at(l, tick);

    l->window_requests -= s->requests;
    l->window_tokens -= s->tokens;
    l->old_running += s->running;
    *s = (struct limit_slot){0};
}

static void advance(struct limit *l, int64_t now_us)
{
    int64_t tick = now_us / TICK_US + LIMIT_SLOTS; /* so that no slot has a negative number */
    int64_t from = 0;

    if (tick <= l->tick)
        return; /* another thread's clock reading was a little later */
    from = l->tick + 1;
    if (tick - from >= LIMIT_SLOTS)
        from = tick - LIMIT_SLOTS + 1;
    for (; from <= tick; from++)
        retire(l, from);
    l->tick = tick;
}

/* Calls that may go at once after a pause: a quarter of a second's worth, at least one. */
static double burst(const struct limit *l)
{
    return (double)(1 + l->rpm / 240);
}

/* Time between two requests, so that burst and pace together stay within the limit in any window. */
static double request_gap_us(const struct limit *l)
{
    return WINDOW_US / ((double)l->rpm - burst(l) + 1);
}

static double token_gap_us(const struct limit *l)
{
    return WINDOW_US / (double)l->tpm;
}

/* When `need` more of something will fit into the window. */
static int64_t window_free_at(struct limit *l, bool tokens, int64_t need)
{
    int64_t sum = tokens ? l->window_tokens : l->window_requests;
    int64_t max = tokens ? l->tpm : l->rpm;
    int64_t tick = l->tick - LIMIT_SLOTS + 1;

    for (; tick <= l->tick && sum + need > max; tick++) {
        const struct limit_slot *s = slot_at(l, tick);

        sum -= tokens ? s->tokens : s->requests;
    }
    return (tick - 1) * TICK_US; /* the slot before `tick` leaves when its place is used again */
}

static void later(int64_t *at_us, int64_t than_us)
{
    if (than_us > *at_us)
        *at_us = than_us;
}

static int64_t requests_at(struct limit *l, int64_t now_us)
{
    double slack = (burst(l) - 1) * request_gap_us(l);
    int64_t at_us = now_us;

    if (l->request_tat_us - slack > (double)now_us)
        at_us = (int64_t)(l->request_tat_us - slack) + 1;
    if (l->window_requests >= l->rpm)
        later(&at_us, window_free_at(l, false, 1));
    return at_us;
}

static int64_t tokens_at(struct limit *l, int64_t tokens, int64_t now_us)
{
    int64_t at_us = now_us;

    if (l->token_tat_us > (double)now_us)
        at_us = (int64_t)l->token_tat_us + 1;
    if (l->window_tokens + tokens > l->tpm)
        later(&at_us, window_free_at(l, true, tokens));
    return at_us;
}

static double from_now(double tat_us, int64_t now_us)
{
    return tat_us > (double)now_us ? tat_us : (double)now_us;
}

static void reserve(struct limit *l, int64_t tokens, int64_t now_us)
{
    struct limit_slot *s = slot_at(l, l->tick);

    s->requests++;
    s->running++;
    l->running++;
    l->window_requests++;
    if (l->rpm)
        l->request_tat_us = from_now(l->request_tat_us, now_us) + request_gap_us(l);
    if (!l->tpm)
        return;
    s->tokens += tokens;
    l->window_tokens += tokens;
    l->token_tat_us = from_now(l->token_tat_us, now_us) + (double)tokens * token_gap_us(l);
}

int limit_try(struct limit *l, int64_t tokens, int64_t now_us, int64_t *ret_at_us)
{
    int64_t at_us = now_us;

    if (tokens < 0)
        tokens = 0;
    if (l->tpm && tokens > l->tpm)
        return LIMIT_NEVER;
    if (l->parallel && l->running >= l->parallel)
        return LIMIT_FULL;
    advance(l, now_us);
    if (l->rpm)
        later(&at_us, requests_at(l, now_us));
    if (l->tpm)
        later(&at_us, tokens_at(l, tokens, now_us));
    if (at_us > now_us) {
        *ret_at_us = at_us;
        return LIMIT_WAIT;
    }
    reserve(l, tokens, now_us);
    return LIMIT_GO;
}

/* Slot of the oldest call that runs; NULL: it was reserved before the window began. */
static struct limit_slot *end_oldest(struct limit *l)
{
    int64_t tick = l->tick - LIMIT_SLOTS + 1;

    if (l->running > 0)
        l->running--;
    if (l->old_running > 0) {
        l->old_running--;
        return NULL;
    }
    for (; tick <= l->tick; tick++) {
        struct limit_slot *s = slot_at(l, tick);

        if (s->running > 0) {
            s->running--;
            return s;
        }
    }
    return NULL;
}

static void charge(struct limit *l, struct limit_slot *s, int64_t tokens)
{
    if (s->tokens + tokens < 0)
        tokens = -s->tokens;
    s->tokens += tokens;
    l->window_tokens += tokens;
}

void limit_settle(struct limit *l, int64_t reserved, int64_t used, int64_t now_us)
{
    struct limit_slot *s = NULL;

    advance(l, now_us);
    s = end_oldest(l);
    if (!l->tpm)
        return;
    if (reserved < 0)
        reserved = 0;
    if (used < 0)
        used = reserved;
    l->token_tat_us += (double)(used - reserved) * token_gap_us(l);
    if (used > reserved)
        charge(l, slot_at(l, l->tick), used - reserved);
    else if (s)
        charge(l, s, used - reserved);
}

void limit_refund(struct limit *l, int64_t reserved)
{
    struct limit_slot *s = end_oldest(l);

    if (l->rpm)
        l->request_tat_us -= request_gap_us(l);
    if (l->tpm && reserved > 0)
        l->token_tat_us -= (double)reserved * token_gap_us(l);
    if (!s)
        return;
    s->requests--;
    l->window_requests--;
    if (l->tpm && reserved > 0)
        charge(l, s, -reserved);
}

void limit_used(struct limit *l, int64_t now_us, int64_t *ret_requests, int64_t *ret_tokens)
{
    advance(l, now_us);
    *ret_requests = l->window_requests;
    *ret_tokens = l->window_tokens;
}
