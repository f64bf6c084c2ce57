/*
 * world_provider: the other side of a row: counts what it gets in the way of its provider, and refuses what is
 * too much. Beside that it keeps a log, of which the last second, minute or day is the strictest way to count.
 */
#ifndef SLUICE_TESTS_WORLD_PROVIDER_H
#define SLUICE_TESTS_WORLD_PROVIDER_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tests/unit/pool/world_plan.h"

#define DAY_ENDS_US (9 * MINUTE) /* the provider's day, seen from the beginning of the run */

struct mark {
    int64_t at_us;
    struct limit_need used;
};

/* What was counted for one limit. */
struct tally {
    int head;           /* the first mark of the last span, */
    int64_t sum;        /* and what these are */
    double may;         /* what the bucket holds */
    int64_t clock, set; /* number of the clock's span; used in it */
};

struct account {
    const struct row_plan *plan;
    struct mark *marks; /* all calls that were counted */
    int nmarks, room;
    int head10; /* the first mark of the last ten seconds */
    struct tally of[LIMIT_DIMS];
    int64_t filled_us;
    int64_t running;
};

struct ruling {
    enum error_class class;
    int64_t hint_ms; /* -1: none */
    const char *what;
    enum limit_dim lacks; /* of a refusal; LIMIT_DIMS: none of these */
};

static inline void account_open(struct account *a, const struct row_plan *plan)
{
    enum limit_dim d;

    *a = (struct account){.plan = plan};
    for (d = 0; d < LIMIT_DIMS; d++)
        a->of[d] = (struct tally){.may = (double)plan->max[d], .clock = -1};
}

static inline void account_close(struct account *a)
{
    free(a->marks);
}

/* Spans by the clock: days end at DAY_ENDS_US. */
static inline int64_t clock_of(enum limit_dim d, int64_t now_us)
{
    return (now_us + dims[d].span_us - (dims[d].span_us == DAY_US ? DAY_ENDS_US : 0)) /
           dims[d].span_us;
}

static inline int64_t to_next_clock_us(enum limit_dim d, int64_t now_us)
{
    return clock_of(d, now_us) * dims[d].span_us + (dims[d].span_us == DAY_US ? DAY_ENDS_US : 0) -
           now_us;
}

static inline void tally_advance(struct account *a, enum limit_dim d, int64_t now_us)
{
    struct tally *t = &a->of[d];
    double fills =
        (double)a->plan->max[d] * (double)(now_us - a->filled_us) / (double)dims[d].span_us;

    for (; t->head < a->nmarks && a->marks[t->head].at_us <= now_us - dims[d].span_us; t->head++)
        t->sum -= amount_of(dims[d].what, a->marks[t->head].used);
    t->may = fmin((double)a->plan->max[d], t->may + fills);
    if (t->clock != clock_of(d, now_us)) {
        t->clock = clock_of(d, now_us);
        t->set = 0;
    }
}

static inline void account_advance(struct account *a, int64_t now_us)
{
    enum limit_dim d;

    for (d = 0; d < LIMIT_DIMS; d++)
        if (a->plan->max[d])
            tally_advance(a, d, now_us);
    while (a->head10 < a->nmarks && a->marks[a->head10].at_us <= now_us - 10 * S)
        a->head10++;
    a->filled_us = now_us;
}

static inline void account_count(struct account *a, struct limit_need used, int64_t now_us)
{
    enum limit_dim d;

    if (a->nmarks == a->room) {
        struct mark *more = mem_array((size_t)a->room * 2 + 256, sizeof *more);

        if (a->nmarks)
            memcpy(more, a->marks, (size_t)a->nmarks * sizeof *more);
        free(a->marks);
        a->marks = more;
        a->room = a->room * 2 + 256;
    }
    a->marks[a->nmarks++] = (struct mark){now_us, used};
    for (d = 0; d < LIMIT_DIMS; d++) {
        int64_t amount = amount_of(dims[d].what, used);

        a->of[d].sum += amount;
        a->of[d].may -= (double)amount;
        a->of[d].set += amount;
    }
}

/* How long until this limit can take the amount; 0: it can now. */
static inline int64_t tally_wait_us(const struct account *a, enum limit_dim d, int64_t amount,
                                    int64_t now_us)
{
    const struct tally *t = &a->of[d];
    int64_t max = a->plan->max[d];
    double lacks = (double)amount - t->may - 1e-6;

    switch (a->plan->rule) {
    case RULE_OPENAI:
    case RULE_ANTHROPIC:
        return lacks > 0 ? (int64_t)(lacks * (double)dims[d].span_us / (double)max) + 1 : 0;
    case RULE_GROQ:
        return t->sum + amount > max ? a->marks[t->head].at_us + dims[d].span_us - now_us : 0;
    case RULE_AZURE:
        if (d == LIMIT_RPM)
            return a->nmarks - a->head10 >= (max + 5) / 6 + 2
                       ? a->marks[a->head10].at_us + 10 * S - now_us
                       : 0;
        return t->set + amount > max ? to_next_clock_us(d, now_us) : 0;
    default:
        return t->set + amount > max ? to_next_clock_us(d, now_us) : 0;
    }
}

/* The first limit that lacks, and for how long; LIMIT_DIMS: none does. */
static inline enum limit_dim account_lacks(const struct account *a, struct limit_need n,
                                           int64_t now_us, int64_t *us)
{
    enum limit_dim d;

    for (d = 0; d < LIMIT_DIMS; d++) {
        *us = a->plan->max[d] ? tally_wait_us(a, d, amount_of(dims[d].what, n), now_us) : 0;
        if (*us > 0)
            return d;
    }
    return LIMIT_DIMS;
}

static inline int64_t hint_of(const struct row_plan *p, int64_t wait_us)
{
    if (p->rule == RULE_OPENAI || p->rule == RULE_GEMINI)
        return wait_us / 1000 + 1;
    return (wait_us / S + 1) * 1000;
}

static inline const struct span *span_at(const struct row_plan *p, int64_t now_us)
{
    int i;

    for (i = 0; i < p->nspans; i++)
        if (now_us >= p->spans[i].from_us && now_us < p->spans[i].to_us)
            return &p->spans[i];
    return NULL;
}

/* A call of so many tokens arrives. */
static inline struct ruling account_judge(struct account *a, struct limit_need n, int64_t now_us)
{
    const struct span *down = span_at(a->plan, now_us);
    enum limit_dim lacks;
    int64_t wait_us;

    account_advance(a, now_us);
    if (down && down->class != CLASS_OVERLOAD)
        return (struct ruling){down->class, -1, "outage", LIMIT_DIMS};
    if (down)
        return (struct ruling){down->class, now_us % 2 ? 5000 : -1, "overload", LIMIT_DIMS};
    if (a->plan->parallel && a->running >= a->plan->parallel)
        return (struct ruling){CLASS_RATE_LIMIT, 1000, "concurrency", LIMIT_DIMS};
    lacks = account_lacks(a, n, now_us, &wait_us);
    if (lacks == LIMIT_DIMS) {
        account_count(a, n, now_us);
        return (struct ruling){CLASS_OK, -1, "", LIMIT_DIMS};
    }
    if (dims[lacks].span_us == DAY_US)
        return (struct ruling){CLASS_QUOTA, wait_us / 1000, limit_name(lacks), lacks};
    if (a->plan->rule == RULE_OPENAI)
        a->of[LIMIT_RPM].may = fmax(0, a->of[LIMIT_RPM].may - 1);
    account_lacks(a, n, now_us, &wait_us); /* what is refused counts as well */
    return (struct ruling){CLASS_RATE_LIMIT, hint_of(a->plan, wait_us), limit_name(lacks), lacks};
}

#endif
