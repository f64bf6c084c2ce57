/*
 * world_provider: the other side of a row: counts what it gets in the way of its provider, and refuses what is
 * too much. Beside that it keeps a log of the last minute, which is the strictest way to count.
 */
#ifndef SLUICE_TESTS_WORLD_PROVIDER_H
#define SLUICE_TESTS_WORLD_PROVIDER_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tests/unit/pool/world_plan.h"

#define DAY_ENDS_US (9 * MINUTE) /* the provider's day, seen from the beginning of the run */
#define DAY_US      (24 * 60 * MINUTE)

struct mark {
    int64_t at_us, tokens;
};

struct account {
    const struct row_plan *plan;
    struct mark *marks; /* all calls that were counted */
    int nmarks, room;
    int head, head10;                /* the first of the last minute, and of the last ten seconds */
    int64_t tokens;                  /* in the last minute */
    double may_requests, may_tokens; /* what the buckets hold */
    int64_t filled_us;
    int64_t clock_minute, clock_requests, clock_tokens; /* in the minute of the clock */
    int64_t day, day_requests;
    int64_t running;
};

struct ruling {
    enum error_class class;
    int64_t hint_ms; /* -1: none */
    const char *what;
};

static inline void account_open(struct account *a, const struct row_plan *plan)
{
    *a = (struct account){.plan = plan,
                          .may_requests = (double)plan->rpm,
                          .may_tokens = (double)plan->tpm,
                          .clock_minute = -1};
}

static inline void account_close(struct account *a)
{
    free(a->marks);
}

static inline double filled(double has, int64_t limit, int64_t us)
{
    return fmin((double)limit, has + (double)limit * (double)us / (double)MINUTE);
}

static inline void account_advance(struct account *a, int64_t now_us)
{
    while (a->head < a->nmarks && a->marks[a->head].at_us <= now_us - MINUTE)
        a->tokens -= a->marks[a->head++].tokens;
    while (a->head10 < a->nmarks && a->marks[a->head10].at_us <= now_us - 10 * S)
        a->head10++;
    a->may_requests = filled(a->may_requests, a->plan->rpm, now_us - a->filled_us);
    a->may_tokens = filled(a->may_tokens, a->plan->tpm, now_us - a->filled_us);
    a->filled_us = now_us;
    if (a->clock_minute != now_us / MINUTE) {
        a->clock_minute = now_us / MINUTE;
        a->clock_requests = a->clock_tokens = 0;
    }
    if (a->day != (now_us - DAY_ENDS_US + DAY_US) / DAY_US) {
        a->day = (now_us - DAY_ENDS_US + DAY_US) / DAY_US;
        a->day_requests = 0;
    }
}

static inline void account_count(struct account *a, int64_t tokens, int64_t now_us)
{
    if (a->nmarks == a->room) {
        struct mark *more = mem_array((size_t)a->room * 2 + 256, sizeof *more);

        if (a->nmarks)
            memcpy(more, a->marks, (size_t)a->nmarks * sizeof *more);
        free(a->marks);
        a->marks = more;
        a->room = a->room * 2 + 256;
    }
    a->marks[a->nmarks++] = (struct mark){now_us, tokens};
    a->tokens += tokens;
    a->may_requests -= 1;
    a->may_tokens -= (double)tokens;
    a->clock_requests++;
    a->clock_tokens += tokens;
    a->day_requests++;
}

static inline int64_t us_to_fill(double lacks, int64_t limit)
{
    return lacks > 0 ? (int64_t)(lacks * (double)MINUTE / (double)limit) + 1 : 0;
}

/* How long until the account can take this call; 0: it can now. */
static inline int64_t account_wait_us(const struct account *a, int64_t tokens, int64_t now_us)
{
    const struct row_plan *p = a->plan;
    int64_t to_minute_us = (a->clock_minute + 1) * MINUTE - now_us;
    int64_t us = 0;

    switch (p->rule) {
    case RULE_OPENAI:
    case RULE_ANTHROPIC:
        if (p->rpm)
            us = us_to_fill(1 - a->may_requests - 1e-6, p->rpm);
        if (p->tpm && us == 0)
            us = us_to_fill((double)tokens - a->may_tokens - 1e-6, p->tpm);
        return us;
    case RULE_AZURE:
        if (p->rpm && a->nmarks - a->head10 >= (p->rpm + 5) / 6 + 2)
            return a->marks[a->head10].at_us + 10 * S - now_us;
        return p->tpm && a->clock_tokens + tokens > p->tpm ? to_minute_us : 0;
    case RULE_GROQ:
        if ((p->rpm && a->nmarks - a->head >= p->rpm) || (p->tpm && a->tokens + tokens > p->tpm))
            return a->marks[a->head].at_us + MINUTE - now_us;
        return 0;
    default:
        if ((p->rpm && a->clock_requests >= p->rpm) ||
            (p->tpm && a->clock_tokens + tokens > p->tpm))
            return to_minute_us;
        return 0;
    }
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
static inline struct ruling account_judge(struct account *a, int64_t tokens, int64_t now_us)
{
    const struct span *down = span_at(a->plan, now_us);
    int64_t wait_us;

    account_advance(a, now_us);
    if (down && down->class != CLASS_OVERLOAD)
        return (struct ruling){down->class, -1, "outage"};
    if (down)
        return (struct ruling){down->class, now_us % 2 ? 5000 : -1, "overload"};
    if (a->plan->parallel && a->running >= a->plan->parallel)
        return (struct ruling){CLASS_RATE_LIMIT, 1000, "concurrency"};
    if (a->plan->rpd && a->day_requests >= a->plan->rpd)
        return (struct ruling){CLASS_QUOTA,
                               (DAY_US - (now_us - DAY_ENDS_US + DAY_US) % DAY_US) / 1000, "day"};
    wait_us = account_wait_us(a, tokens, now_us);
    if (wait_us > 0) {
        if (a->plan->rule == RULE_OPENAI)
            a->may_requests = fmax(0, a->may_requests - 1);
        wait_us = account_wait_us(a, tokens, now_us); /* what is refused counts as well */
        return (struct ruling){CLASS_RATE_LIMIT, hint_of(a->plan, wait_us), "minute"};
    }
    account_count(a, tokens, now_us);
    return (struct ruling){CLASS_OK, -1, ""};
}

#endif
