/*
 * limit: paces the calls of one route so that no minute, wherever it starts, holds more than allowed.
 *
 * Two mechanisms work together. GCRA spreads requests and tokens evenly, so that a limit is used up
 * smoothly and no burst meets a provider that judges by the second. A sliding window of half-second
 * slots is the hard bound: what is given back (unused estimates, calls never sent) makes the pace
 * faster, but never fuller than the window. The window is a second longer than a minute, because calls
 * arrive later than they are reserved, and not all by the same time.
 *
 * Tokens may go some seconds ahead of their pace: a pace without that falls behind for good with each call that
 * is larger than those around it, and with each estimate that was too high. The window is the bound all the same.
 * With a share it is a quarter of a second, since a worker that is gone pays for nothing any more.
 *
 * What a call gives back is taken out of the half second that it was reserved in, so that the window holds what was
 * used, and never less.
 *
 * With a share, each slot keeps what was granted in it, too, and the window may hold what was granted in the
 * window. What has changed owner is granted to the new one from then on, with nothing for the past; what was
 * called and not paid by the pace yet is owed by the worker that called, from whatever it keeps. A window that
 * ends at one worker's last call is not the window that ends at another's, so that grants alone would let a
 * change of owners put one call too many into a minute: a worker whose share changes pays for that part of its
 * largest call. Who leaves altogether pays nothing; the second and a half that the window is longer covers
 * calls of up to a fortieth of the limit.
 *
 * A limit of a few requests for each part would lose too much by that. There the pace is the wall clock's: each
 * instant is good for one call, of its owner, within half a second. The other second of the window is for clocks
 * that differ and for the way to the provider.
 */
#include "policy/limit.h"

#include <stddef.h>

#define TICK_US   500000
#define WINDOW_US ((double)LIMIT_SLOTS * TICK_US)
#define SPAN_US   ((int64_t)LIMIT_SLOTS * TICK_US)

#define AHEAD_US    5000000 /* of the pace of tokens, */
#define AHEAD_SHARE 250000  /* and while others have a part of the limit */
#define LATE_US     500000  /* how long an instant is good for a call */
#define BY_INSTANT  16      /* requests of a part: fewer go by instants */
#define WHOLE_LEAST 120     /* requests: a worker that has all parts needs no instants */
#define ROUNDING    1e-6

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
    l->granted_requests -= s->granted_requests;
    l->granted_tokens -= s->granted_tokens;
    *s = (struct limit_slot){0};
}

static int64_t tick_start(int64_t tick)
{
    return (tick - LIMIT_SLOTS) * TICK_US;
}

/* Books what the share has granted until then into the newest slot. */
static void grant(struct limit *l, int64_t until_us)
{
    struct limit_slot *s = slot_at(l, l->tick);
    double part = 0;

    if (!l->share)
        return;
    if (until_us > share_ends_us(l->share))
        until_us = share_ends_us(l->share);
    if (until_us <= l->granted_us)
        return;
    part = (double)(until_us - l->granted_us) / WINDOW_US;
    s->granted_requests += part * (double)l->quota_requests;
    s->granted_tokens += part * (double)l->quota_tokens;
    l->granted_requests += part * (double)l->quota_requests;
    l->granted_tokens += part * (double)l->quota_tokens;
    l->granted_us = until_us;
}

static void advance(struct limit *l, int64_t now_us)
{
    int64_t tick = now_us / TICK_US + LIMIT_SLOTS; /* so that no slot has a negative number */
    int64_t from = 0;

    if (tick < l->tick)
        return; /* another thread's clock reading was a little later */
    from = l->tick + 1;
    if (tick - from >= LIMIT_SLOTS)
        from = tick - LIMIT_SLOTS + 1;
    for (; from <= tick; from++) {
        grant(l, tick_start(from));
        retire(l, from);
        l->tick = from;
    }
    grant(l, now_us);
}

static int64_t requests_max(const struct limit *l)
{
    return l->share ? l->quota_requests : l->rpm;
}

static int64_t tokens_max(const struct limit *l)
{
    return l->share ? l->quota_tokens : l->tpm;
}

/* Calls that may go at once after a pause: a quarter of a second's worth, at least one. */
static double burst(const struct limit *l)
{
    return (double)(1 + requests_max(l) / 240);
}

/* Time between two requests, so that burst and pace together stay within the limit in any window. 0: there is
 * no pace, the requests are owed. */
static double request_gap_us(const struct limit *l)
{
    int64_t max = requests_max(l);

    return max > 0 ? WINDOW_US / ((double)max - burst(l) + 1) : 0;
}

static double token_gap_us(const struct limit *l)
{
    int64_t max = tokens_max(l);

    return max > 0 ? WINDOW_US / (double)max : 0;
}

/* What the slot of a tick adds to the bound of the window. The newest one counts as whole, unless the share
 * ends before. */
static double granted_in(struct limit *l, bool tokens, int64_t tick)
{
    const struct limit_slot *s = slot_at(l, tick);
    double sum = tokens ? s->granted_tokens : s->granted_requests;
    int64_t rest_us = tick_start(tick + 1) - l->granted_us;

    if (tick == l->tick && rest_us > 0)
        sum += (double)rest_us / WINDOW_US * (double)(tokens ? l->quota_tokens : l->quota_requests);
    return sum;
}

/* What the window may hold. */
static double window_max(struct limit *l, bool tokens)
{
    const struct limit_slot *s = slot_at(l, l->tick);

    if (!l->share)
        return (double)(tokens ? l->tpm : l->rpm);
    return (tokens ? l->granted_tokens - s->granted_tokens
                   : l->granted_requests - s->granted_requests) +
           granted_in(l, tokens, l->tick) + ROUNDING;
}

/* What it may hold when `tick` has left it, and as much was granted anew. */
static double next_max(struct limit *l, bool tokens, int64_t tick, double max)
{
    if (!l->share)
        return max;
    return max - granted_in(l, tokens, tick) +
           TICK_US / WINDOW_US * (double)(tokens ? l->quota_tokens : l->quota_requests);
}

/* When `need` more of something will fit into the window. */
static int64_t window_free_at(struct limit *l, bool tokens, int64_t need)
{
    int64_t sum = tokens ? l->window_tokens : l->window_requests;
    double max = window_max(l, tokens);
    int64_t tick = l->tick - LIMIT_SLOTS + 1;

    for (; tick <= l->tick && (double)(sum + need) > max; tick++) {
        const struct limit_slot *s = slot_at(l, tick);

        sum -= tokens ? s->tokens : s->requests;
        max = next_max(l, tokens, tick, max);
    }
    return (tick - 1) * TICK_US; /* the slot before `tick` leaves when its place is used again */
}

static void later(int64_t *at_us, int64_t than_us)
{
    if (than_us > *at_us)
        *at_us = than_us;
}

/* The instant of the wall clock that a call made now would use, or wait for. INT64_MAX: none. */
static int64_t instant_of(const struct limit *l, int64_t now_us)
{
    int64_t wall_us = now_us + l->share->wall_offset_us;
    int64_t after_us = wall_us - LATE_US;

    if (l->instant_us > after_us && l->instant_us <= wall_us) /* else the clock was put back */
        after_us = l->instant_us;
    return share_next_instant(l->share, l->rpm, SPAN_US, after_us);
}

static int64_t instant_at(const struct limit *l, int64_t now_us)
{
    int64_t at_us = instant_of(l, now_us);
    int64_t wall_us = now_us + l->share->wall_offset_us;

    if (at_us == INT64_MAX)
        return INT64_MAX;
    return at_us > wall_us ? now_us + (at_us - wall_us) : now_us;
}

static int64_t requests_at(struct limit *l, int64_t now_us)
{
    double slack = (burst(l) - 1) * request_gap_us(l);
    int64_t at_us = now_us;

    if (l->by_instant)
        return instant_at(l, now_us);
    if (l->request_tat_us - slack > (double)now_us)
        at_us = (int64_t)(l->request_tat_us - slack) + 1;
    if ((double)(l->window_requests + 1) > window_max(l, false))
        later(&at_us, window_free_at(l, false, 1));
    return at_us;
}

static int64_t tokens_at(struct limit *l, int64_t tokens, int64_t now_us)
{
    int64_t at_us = now_us;

    double ahead_us = l->share ? AHEAD_SHARE : AHEAD_US;

    if (l->token_tat_us - ahead_us > (double)now_us)
        at_us = (int64_t)(l->token_tat_us - ahead_us) + 1;
    if ((double)(l->window_tokens + tokens) > window_max(l, true))
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
    l->running++;
    l->window_requests++;
    if (l->share && l->by_instant)
        l->instant_us = instant_of(l, now_us);
    if (l->rpm)
        l->request_tat_us = from_now(l->request_tat_us, now_us) + request_gap_us(l);
    if (!l->tpm)
        return;
    s->tokens += tokens;
    s->largest = tokens > s->largest ? tokens : s->largest;
    l->window_tokens += tokens;
    l->token_tat_us = from_now(l->token_tat_us, now_us) + (double)tokens * token_gap_us(l);
}

/* What the share says before any pace: LIMIT_GO, or why nothing can go. */
static int look_at_share(struct limit *l, int64_t tokens, int64_t now_us, int64_t *ret_at_us)
{
    int64_t slots = l->parallel;

    l->why = WHY_SHARE;
    if (l->share && l->share->active == 0 && (l->rpm || l->tpm || l->parallel))
        return LIMIT_FULL;
    if (l->share && now_us > share_ends_us(l->share) && (l->rpm || l->tpm || l->parallel))
        return LIMIT_FULL;
    l->why = WHY_LARGE;
    if (l->share && l->tpm && tokens > l->quota_tokens)
        return LIMIT_LARGE;
    l->why = WHY_PARALLEL;
    if (l->share && l->parallel) {
        if (now_us >= l->slots_until_us)
            l->slots = share_slots(l->share, l->parallel, l->call_us, now_us, &l->slots_until_us);
        slots = l->slots;
    }
    if (!l->parallel || l->running < slots)
        return LIMIT_GO;
    if (!l->share || l->slots_until_us == INT64_MAX)
        return LIMIT_FULL;
    *ret_at_us = l->slots_until_us;
    return LIMIT_WAIT;
}

int limit_try(struct limit *l, int64_t tokens, int64_t now_us, int64_t *ret_at_us)
{
    int64_t at_us = now_us;
    int64_t tokens_us = now_us;
    int r = LIMIT_GO;

    if (tokens < 0)
        tokens = 0;
    if (l->tpm && tokens > l->tpm)
        return LIMIT_NEVER;
    r = look_at_share(l, tokens, now_us, ret_at_us);
    if (r != LIMIT_GO)
        return r;
    advance(l, now_us);
    if (l->rpm)
        later(&at_us, requests_at(l, now_us));
    l->why = WHY_RPM;
    if (l->tpm)
        tokens_us = tokens_at(l, tokens, now_us);
    if (tokens_us > at_us)
        l->why = WHY_TPM;
    later(&at_us, tokens_us);
    if (at_us == INT64_MAX)
        return LIMIT_FULL;
    if (at_us > now_us) {
        *ret_at_us = at_us;
        return LIMIT_WAIT;
    }
    reserve(l, tokens, now_us);
    return LIMIT_GO;
}

/* Slot of a call that was reserved then; NULL: it has left the window. What another thread's late reading of the
 * clock put into a newer slot is looked for in an older one, which leaves no later. */
static struct limit_slot *end_call(struct limit *l, int64_t reserved_us)
{
    int64_t tick = reserved_us / TICK_US + LIMIT_SLOTS;

    if (l->running > 0)
        l->running--;
    return tick > l->tick - LIMIT_SLOTS && tick <= l->tick ? slot_at(l, tick) : NULL;
}

static void charge(struct limit *l, struct limit_slot *s, int64_t tokens)
{
    if (s->tokens + tokens < 0)
        tokens = -s->tokens;
    s->tokens += tokens;
    l->window_tokens += tokens;
}

/* Moves the pace by tokens that are used, or were not. */
static void owe_tokens(struct limit *l, int64_t tokens)
{
    if (tokens_max(l) > 0)
        l->token_tat_us += (double)tokens * token_gap_us(l);
    else if (l->owed_tokens + (double)tokens > 0)
        l->owed_tokens += (double)tokens;
    else
        l->owed_tokens = 0;
}

void limit_settle(struct limit *l, int64_t reserved, int64_t used, int64_t reserved_us,
                  int64_t now_us)
{
    struct limit_slot *s = NULL;

    advance(l, now_us);
    s = end_call(l, reserved_us);
    if (!l->tpm)
        return;
    if (reserved < 0)
        reserved = 0;
    if (used < 0)
        used = reserved;
    owe_tokens(l, used - reserved);
    if (used > reserved)
        charge(l, slot_at(l, l->tick), used - reserved);
    else if (s)
        charge(l, s, used - reserved);
}

void limit_refund(struct limit *l, int64_t reserved, int64_t reserved_us)
{
    struct limit_slot *s = end_call(l, reserved_us);

    if (l->rpm && requests_max(l) == 0)
        l->owed_requests -= l->owed_requests > 1 ? 1 : l->owed_requests;
    else if (l->rpm)
        l->request_tat_us -= request_gap_us(l);
    if (l->tpm && reserved > 0)
        owe_tokens(l, -reserved);
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

bool limit_is_by_instant(int64_t rpm, int64_t parts)
{
    return rpm > 0 && rpm < BY_INSTANT * parts;
}

void limit_share(struct limit *l, const struct share *s, int64_t call_us)
{
    l->share = s;
    l->call_us = call_us;
    l->instant_us = INT64_MIN;
}

void limit_before_share(struct limit *l, int64_t now_us)
{
    advance(l, now_us);
}

static int64_t largest_call(const struct limit *l)
{
    int64_t most = 0;
    int i = 0;

    for (i = 0; i < LIMIT_SLOTS; i++)
        most = l->slot[i].largest > most ? l->slot[i].largest : most;
    return most;
}

/* What is owed of a pace, in requests or tokens. */
static double owed(double tat_us, double gap_us, int64_t now_us)
{
    return gap_us > 0 && tat_us > (double)now_us ? (tat_us - (double)now_us) / gap_us : 0;
}

/* The part of the largest call that a change of the quota costs. */
static double fee(int64_t was, int64_t is, double largest)
{
    int64_t more = was > is ? was : is;
    int64_t change = was > is ? was - is : is - was;

    return more > 0 ? largest * (double)change / (double)more : 0;
}

static void repace_requests(struct limit *l, int64_t quota, int64_t now_us)
{
    double owes = l->owed_requests + owed(l->request_tat_us, request_gap_us(l), now_us);

    owes += fee(l->quota_requests, quota, l->window_requests > 0);
    l->quota_requests = quota;
    if (l->window_requests == 0)
        owes = 0;
    l->request_tat_us = (double)now_us + owes * request_gap_us(l);
    l->owed_requests = quota > 0 ? 0 : owes;
}

static void repace_tokens(struct limit *l, int64_t quota, int64_t now_us)
{
    double owes = l->owed_tokens + owed(l->token_tat_us, token_gap_us(l), now_us);

    owes += fee(l->quota_tokens, quota, (double)largest_call(l));
    l->quota_tokens = quota;
    if (l->window_tokens == 0)
        owes = 0;
    l->token_tat_us = (double)now_us + owes * token_gap_us(l);
    l->owed_tokens = quota > 0 ? 0 : owes;
}

void limit_after_share(struct limit *l, int64_t now_us)
{
    const struct share *s = l->share;

    l->granted_us = now_us;
    repace_requests(l, share_of(s, l->rpm), now_us);
    repace_tokens(l, share_of(s, l->tpm), now_us);
    l->by_instant =
        limit_is_by_instant(l->rpm, s->total) && !(share_is_whole(s) && l->rpm >= WHOLE_LEAST);
    l->slots_until_us = INT64_MIN;
}
