/*
 * world_plan: what is drawn for one run of the world (world.h): rows of model_list with the rules of their
 * providers, workers, tasks and accidents. The same seed draws the same plan.
 */
#ifndef SLUICE_TESTS_WORLD_PLAN_H
#define SLUICE_TESTS_WORLD_PLAN_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "policy/limit.h"
#include "task/class.h"
#include "task/task.h"

#define S           1000000LL
#define MINUTE      (60 * S)
#define DAY_US      (24 * 60 * MINUTE)
#define ROWS_MAX    3
#define WORKERS_MAX 4
#define PARTS_MAX   12
#define SPANS_MAX   2
#define CRASHES_MAX 2
#define TASKS_MAX   2500
#define CLIENTS_MAX 6
#define TENANTS_MAX 3
#define BOUND_CALLS 15 /* a budget is at least as large as so many of the dearest calls */
#define ANSWERS     4  /* sizes of answers that are asked for */

/* How a provider counts and refuses. */
enum rule {
    RULE_OPENAI,    /* buckets that fill all the time; refused requests count */
    RULE_ANTHROPIC, /* the same, refused requests do not; retry-after */
    RULE_AZURE,     /* requests are judged in every ten seconds */
    RULE_GROQ,      /* a sliding minute */
    RULE_GEMINI,    /* minutes of the clock, RetryInfo; and days of the clock */
    RULES
};

static const char *const rule_names[RULES] = {"openai", "anthropic", "azure", "groq", "gemini"};

/* What limits count. */
enum counted { CALLS, TOKENS, INPUT, OUTPUT, COUNTED };

static const struct {
    int64_t span_us;
    enum counted what;
} dims[LIMIT_DIMS] = {
    [LIMIT_RPS] = {S, CALLS},
    [LIMIT_RPM] = {MINUTE, CALLS},
    [LIMIT_RPD] = {DAY_US, CALLS},
    [LIMIT_TPM] = {MINUTE, TOKENS},
    [LIMIT_INPUT_TPM] = {MINUTE, INPUT},
    [LIMIT_OUTPUT_TPM] = {MINUTE, OUTPUT},
    [LIMIT_TPD] = {DAY_US, TOKENS},
};

static inline int64_t amount_of(enum counted what, struct limit_need n)
{
    return what == CALLS    ? 1
           : what == TOKENS ? n.tokens
           : what == INPUT  ? n.tokens - n.output
                            : n.output;
}

/* A time in which calls fail. */
struct span {
    int64_t from_us, to_us;
    enum error_class class;
};

enum told { TOLD_TRUE, TOLD_NOTHING, TOLD_TOO_MUCH };

struct row_plan {
    enum rule rule;
    enum told told;                    /* what the configuration says of the provider's limits */
    int name;                          /* 0 "a", 1 "b", to which "a" falls back */
    int64_t max[LIMIT_DIMS], parallel; /* the provider's; 0: none */
    bool day_told;                     /* else its limit of a day is known to nobody */
    int64_t latency_us, stuck_us;      /* of most calls; until a stuck one is given up */
    double flaky;                      /* part of the calls that fail anyhow */
    struct span spans[SPANS_MAX];
    int nspans;
    double usd_input, usd_output; /* of a token */
};

enum arriving { ARRIVE_AT_ONCE, ARRIVE_STEADY, ARRIVE_TAIL, ARRIVINGS };

struct crash {
    int worker;
    int64_t at_us, down_us;
    bool leaves; /* its parts go to the others */
};

/* Whose tasks are alike. */
struct client_plan {
    int tenant; /* -1: none */
    int level;  /* its topic's priority */
    int priority;
    double part; /* of all tasks */
};

/* Of a budget. */
struct bound {
    double usd;    /* negative: none */
    int64_t calls; /* 0: none */
};

struct plan {
    uint64_t seed;
    struct row_plan rows[ROWS_MAX];
    int nrows;
    int workers, parts;
    bool shared; /* the limits are for all workers together */
    enum arriving arriving;
    double rate; /* tasks a second that all rows can serve */
    double load; /* of that, how many come */
    int ntasks;
    int64_t prompt; /* tokens of most prompts */
    int64_t answers[ANSWERS];
    double least_use, most_use; /* of the estimate */
    int64_t deadline_us;        /* the mean; 0: none */
    int64_t late_us;            /* how late timers are */
    struct client_plan clients[CLIENTS_MAX];
    int nclients;
    int64_t weights[TENANTS_MAX];
    int ntenants;
    bool money, daily;                    /* there are budgets; for each day */
    struct bound bounds[1 + TENANTS_MAX]; /* of each worker: of all, of each tenant */
    const char *strategy, *sticky;
    bool parks;   /* tasks of models that cool for long; then "a" does not fall back to "b" */
    int open_max; /* tasks of a part */
    int64_t park_for_us;
    struct crash crashes[CRASHES_MAX];
    int ncrashes;
};

static inline int64_t plan_between(struct rng *r, int64_t from, int64_t to)
{
    return from + (int64_t)rng_below(r, (uint64_t)(to - from + 1));
}

/* As often between 10 and 100 as between 100 and 1000. */
static inline int64_t plan_scale(struct rng *r, double from, double to)
{
    return (int64_t)(from * pow(to / from, rng_unit(r)));
}

static inline bool plan_chance(struct rng *r, int percent)
{
    return rng_below(r, 100) < (uint64_t)percent;
}

static inline double plan_normal(struct rng *r)
{
    return sqrt(-2 * log(1 - rng_unit(r))) * cos(2 * M_PI * rng_unit(r));
}

/* Tokens of most calls. */
static inline struct limit_need plan_need(const struct plan *p)
{
    int64_t output = (p->answers[0] + p->answers[1] + p->answers[2] + p->answers[3]) / ANSWERS;

    return (struct limit_need){p->prompt + output, output};
}

static inline int count_limits(const struct row_plan *row)
{
    enum limit_dim d;
    int n = 0;

    for (d = 0; d < LIMIT_DIMS; d++)
        n += row->max[d] > 0;
    return n;
}

static inline bool counts_tokens(const struct row_plan *row)
{
    return row->max[LIMIT_TPM] || row->max[LIMIT_INPUT_TPM] || row->max[LIMIT_OUTPUT_TPM] ||
           row->max[LIMIT_TPD];
}

static inline bool has_day(const struct row_plan *row)
{
    return row->max[LIMIT_RPD] || row->max[LIMIT_TPD];
}

static inline bool knows_day(const struct row_plan *row)
{
    return row->day_told && has_day(row);
}

/* Calls a second that the row can take. */
static inline double plan_row_rate(const struct plan *p, const struct row_plan *row)
{
    double rate = 30;
    enum limit_dim d;

    for (d = 0; d < LIMIT_DIMS; d++)
        if (row->max[d] && dims[d].span_us < DAY_US)
            rate = fmin(rate, (double)row->max[d] * S / (double)dims[d].span_us /
                                  (double)amount_of(dims[d].what, plan_need(p)));
    if (row->parallel)
        rate = fmin(rate, (double)(row->parallel * S) / (double)row->latency_us);
    return rate;
}

/* Has some tenant a budget of its own? */
static inline bool has_own_bounds(const struct plan *p)
{
    int i;

    for (i = 1; i <= p->ntenants; i++)
        if (p->bounds[i].usd >= 0 || p->bounds[i].calls > 0)
            return true;
    return false;
}

static inline void plan_print(const struct plan *p, FILE *to)
{
    enum limit_dim d;
    int i, k;

    fprintf(to,
            "seed %llu: %d workers, %d parts%s, %d tasks (%s, %.1f/s at load %.2f), prompt %lld, "
            "use %.2f-%.2f, deadline %lld s\n",
            (unsigned long long)p->seed, p->workers, p->parts, p->shared ? " shared" : "",
            p->ntasks,
            p->arriving == ARRIVE_AT_ONCE ? "at once"
            : p->arriving == ARRIVE_TAIL  ? "tail"
                                          : "steady",
            p->rate, p->load, (long long)p->prompt, p->least_use, p->most_use,
            (long long)(p->deadline_us / S));
    for (i = 0; i < p->nrows; i++) {
        const struct row_plan *r = &p->rows[i];

        fprintf(to, "  row %d \"%c\" %s%s: parallel %lld, %.1f s, flaky %.2f", i, 'a' + r->name,
                rule_names[r->rule],
                r->told == TOLD_TRUE      ? ""
                : r->told == TOLD_NOTHING ? " (not told)"
                                          : " (told too much)",
                (long long)r->parallel, (double)r->latency_us / S, r->flaky);
        for (d = 0; d < LIMIT_DIMS; d++)
            if (r->max[d])
                fprintf(to, ", %s %lld", limit_name(d), (long long)r->max[d]);
        for (k = 0; k < r->nspans; k++)
            fprintf(to, ", %.1f-%.1f s %s", (double)r->spans[k].from_us / S,
                    (double)r->spans[k].to_us / S, class_name(r->spans[k].class));
        fprintf(to, "\n");
    }
    for (i = 0; i < p->nclients && p->nclients > 1; i++) {
        const struct client_plan *c = &p->clients[i];

        fprintf(to, "  client %d: tenant %d of weight %lld, topic %d, priority %d, %.0f %%\n", i,
                c->tenant, (long long)p->weights[c->tenant], c->level, c->priority, 100 * c->part);
    }
    for (i = 0; p->money && i <= p->ntenants; i++)
        fprintf(to, "  money of %s %d each %s: $%.4f, %lld calls\n", i ? "tenant" : "all", i - 1,
                p->daily ? "day" : "run", p->bounds[i].usd, (long long)p->bounds[i].calls);
    if (p->parks)
        fprintf(to, "  parks for %lld s, %d open in a part\n", (long long)(p->park_for_us / S),
                p->open_max);
    if (p->nrows > 1)
        fprintf(to, "  %s, sticky: %s\n", p->strategy, p->sticky);
    for (i = 0; i < p->ncrashes; i++)
        fprintf(to, "  worker %d crashes at %.1f s for %.1f s%s\n", p->crashes[i].worker,
                (double)p->crashes[i].at_us / S, (double)p->crashes[i].down_us / S,
                p->crashes[i].leaves ? " and is gone" : "");
}

#endif
