/*
 * learn: finds how much a route bears; see learn.h. It decides nothing about tasks and knows no class of
 * failures: whoever reports says whether a call was served or was one too many.
 *
 * The number of calls at once follows a cubic curve over time: from DEPTH below the mark quickly back up to it,
 * slowly past it, then faster and faster, so that it spends most of its time close to what was found right, and a
 * limit that was raised is found within minutes. Few refusals are the price of looking: up to TOLERATED of the
 * answers only stop the growth. That also keeps refusals that have nothing to do with our calls (a provider that is
 * short for everybody) from bringing the number down to nothing.
 */
#include "policy/learn.h"

#include <math.h>

#define SECOND_US       ((int64_t)1000000)
#define GROW_US         (20 * SECOND_US) /* from a cut back to the mark, at least */
#define GROW_MAX        (120 * SECOND_US)
#define GROW_CALLS      5   /* and at least as long as this many calls take */
#define DEPTH           0.1 /* of the mark, that a cut goes below it */
#define HALF            0.5 /* between what was right and what was one too many */
#define FORGET          16  /* times the mark: there is no such limit any more */
#define TOLERATED       0.15
#define LATELY          150       /* answers that are remembered */
#define LATENCY_NONE_US SECOND_US /* before the first answer */
#define SMOOTH          0.1
#define RESTORE_S       16               /* doublings until all calls are back */
#define BLIND_US        (60 * SECOND_US) /* nothing that headers say keeps a route idle for longer */

static double latency_of(const struct learn *l)
{
    return l->latency_us > 0 ? l->latency_us : LATENCY_NONE_US;
}

static double grow_us(const struct learn *l)
{
    double us = GROW_CALLS * latency_of(l);

    us = us > GROW_US ? us : GROW_US;
    return us < GROW_MAX ? us : GROW_MAX;
}

/* Calls at once that the mark allows now. */
static double found(const struct learn *l, int64_t now_us)
{
    double x = (double)(now_us - l->cut_us) / grow_us(l) - 1;
    double times = 1 + DEPTH * x * x * x;

    return l->most > 0 && times < FORGET ? l->most * times : INFINITY;
}

/* Calls at once that may be back after an outage. */
static double restored(const struct learn *l, int64_t now_us)
{
    double s = (double)(now_us - l->restore_us) / SECOND_US;

    return l->restore_us > 0 && s < RESTORE_S ? exp2(s > 0 ? s : 0) : INFINITY;
}

/* Until the next whole call more is back. */
static int64_t restored_at(const struct learn *l)
{
    return l->restore_us + (int64_t)ceil(log2((double)l->running + 1) * SECOND_US);
}

/* When the mark will allow that many, as found() says. */
static int64_t found_at(const struct learn *l, double calls)
{
    double x = cbrt((fmin(calls / l->most, FORGET) - 1) / DEPTH);

    return l->cut_us + (int64_t)ceil((x + 1) * grow_us(l));
}

/* The place that is there in part only is used for that part of the time. */
static int64_t place_at(const struct learn *l, double places)
{
    double part = places - floor(places);
    int64_t grown_us = 0;
    int64_t part_us = INT64_MAX;

    if (l->running < floor(places))
        return 0;
    grown_us = found_at(l, (double)l->running + 1);
    if (part > 0 && l->running == floor(places))
        part_us = l->start_us + (int64_t)(latency_of(l) / part);
    return part_us < grown_us ? part_us : grown_us;
}

/* When `need` is there of what the headers said, after `since` of it has gone. */
static int64_t said_at(const struct learn *l, const struct learn_left *s, double since, double need,
                       int64_t now_us)
{
    double left = s->left - since;
    int64_t at_us = s->until_us;

    if (now_us >= s->until_us)
        return 0;
    if (left >= need * (double)(l->running + 1)) /* enough for those on their way, too */
        return 0;
    if (s->refill_s > 0)
        at_us = s->from_us + (int64_t)((need - left) / s->refill_s * SECOND_US);
    else if (left >= need) /* what is left is spread over the time */
        at_us = l->start_us + (int64_t)((double)(s->until_us - now_us) * need / left);
    return at_us < s->until_us ? at_us : s->until_us;
}

static int64_t headers_at(const struct learn *l, int64_t tokens, int64_t now_us)
{
    const struct learn_left *r = &l->said[LEARN_REQUESTS];
    const struct learn_left *t = &l->said[LEARN_TOKENS];
    int64_t requests_us = said_at(l, r, (double)(l->calls - r->calls), 1, now_us);
    int64_t tokens_us =
        tokens > 0 ? said_at(l, t, (double)(l->tokens - t->tokens), (double)tokens, now_us) : 0;
    int64_t at_us = requests_us > tokens_us ? requests_us : tokens_us;

    return at_us < l->start_us + BLIND_US ? at_us : l->start_us + BLIND_US;
}

int learn_try(const struct learn *l, int64_t tokens, int64_t now_us, int64_t *ret_at_us,
              enum why *ret_why)
{
    int64_t at_us = 0;

    if ((double)l->running + 1 > restored(l, now_us))
        at_us = restored_at(l);
    *ret_why = WHY_LEARNED;
    if (at_us <= now_us)
        at_us = place_at(l, found(l, now_us));
    if (at_us <= now_us) {
        *ret_why = WHY_HEADERS;
        at_us = headers_at(l, tokens, now_us);
    }
    if (at_us <= now_us)
        return LEARN_GO;
    *ret_at_us = at_us;
    return LEARN_WAIT;
}

void learn_start(struct learn *l, int64_t tokens, int64_t now_us, struct call_mark *ret_mark)
{
    l->running++;
    l->calls++;
    l->tokens += tokens;
    l->start_us = now_us;
    *ret_mark = (struct call_mark){.us = now_us, .calls = l->calls, .tokens = l->tokens};
}

static void count(struct learn *l, bool good)
{
    if (l->good + l->refused >= LATELY) {
        l->good *= 1 - 1.0 / LATELY;
        l->refused *= 1 - 1.0 / LATELY;
    }
    l->good += good;
    l->refused += !good;
}

static void served(struct learn *l, const struct call_mark *mark, int64_t now_us)
{
    double us = (double)(now_us - mark->us);

    count(l, true);
    l->latency_us = l->latency_us > 0 ? l->latency_us + SMOOTH * (us - l->latency_us) : us;
    if (!l->served && l->most > 0 && l->most <= 1 && mark->us >= l->cut_us &&
        l->good <= TOLERATED * (l->good + l->refused)) {
        /* All that was tried was refused: which says nothing about how much may be tried now. */
        l->most = 0;
        learn_restore(l, now_us);
    }
    l->served = true;
}

/* What ran beside the refused call is what the route bears, or nearly. */
static double mark_of(const struct learn *l, int64_t now_us)
{
    double places = fmin(found(l, now_us), restored(l, now_us));
    double beside = l->running > 1 ? (double)l->running + HALF : 1;

    return places < beside ? places : beside;
}

/* A refusal among many good answers. Below the mark it is chance; past it, the growth has gone far enough. */
static void few(struct learn *l, int64_t now_us)
{
    double places = found(l, now_us);

    if (!isfinite(places) || places < l->most)
        return;
    l->most = mark_of(l, now_us);
    l->cut_us = now_us - (int64_t)(grow_us(l) / 2);
}

static void refused(struct learn *l, const struct call_mark *mark, int64_t now_us)
{
    bool many = false;

    count(l, false);
    /* Those that are still running may yet be served: refusals come first. */
    many = l->refused > TOLERATED * (l->good + l->refused + (double)l->running);
    if (l->most > 0 && mark->us < l->cut_us) {
        /* Of the burst that is known already: each that was refused takes its own place away. */
        if (many && l->most > 1)
            l->most = l->most > 2 ? l->most - 1 : 1;
        return;
    }
    if (!many) {
        few(l, now_us);
        return;
    }
    if (l->most == 0 || l->most > 1 || l->served)
        l->most = mark_of(l, now_us);
    l->cut_us = now_us;
    l->served = false;
    l->restore_us = 0;
}

void learn_end(struct learn *l, enum learn_end end, const struct call_mark *mark, int64_t now_us)
{
    l->running--;
    if (end == LEARN_SERVED)
        served(l, mark, now_us);
    else if (end == LEARN_REFUSED)
        refused(l, mark, now_us);
}

void learn_restore(struct learn *l, int64_t now_us)
{
    l->restore_us = now_us;
}

void learn_headers(struct learn *l, const struct allowance said[LEARN_KINDS],
                   const struct call_mark *mark, int64_t now_us)
{
    int k = 0;

    for (k = 0; k < LEARN_KINDS; k++) {
        const struct allowance *a = &said[k];
        struct learn_left *s = &l->said[k];
        int64_t until_us = mark->us + a->reset_ms * 1000;

        if (!a->known || mark->calls <= s->calls || until_us <= now_us)
            continue;
        *s = (struct learn_left){.calls = mark->calls,
                                 .tokens = mark->tokens,
                                 .from_us = mark->us,
                                 .until_us = until_us,
                                 .left = (double)a->left};
        if (a->steady && a->limit > a->left)
            s->refill_s = (double)(a->limit - a->left) * 1000 / (double)a->reset_ms;
    }
}
