/*
 * world_plan: what is drawn for one run of the world (world.h): rows of model_list with the rules of their
 * providers, workers, tasks and accidents. The same seed draws the same plan.
 */
#ifndef SLUICE_TESTS_WORLD_PLAN_H
#define SLUICE_TESTS_WORLD_PLAN_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/rng.h"
#include "task/class.h"

#define S           1000000LL
#define MINUTE      (60 * S)
#define ROWS_MAX    3
#define WORKERS_MAX 4
#define PARTS_MAX   12
#define SPANS_MAX   2
#define CRASHES_MAX 2
#define TASKS_MAX   2500
#define ANSWERS     4 /* sizes of answers that are asked for */

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

/* A time in which calls fail. */
struct span {
    int64_t from_us, to_us;
    enum error_class class;
};

enum told { TOLD_TRUE, TOLD_NOTHING, TOLD_TOO_MUCH };

struct row_plan {
    enum rule rule;
    enum told told;               /* what the configuration says of the provider's limits */
    int name;                     /* 0 "a", 1 "b", to which "a" falls back */
    int64_t rpm, tpm, parallel;   /* the provider's; 0: none */
    int64_t rpd;                  /* requests in a day of the clock, known to nobody */
    int64_t latency_us, stuck_us; /* of most calls; until a stuck one is given up */
    double flaky;                 /* part of the calls that fail anyhow */
    struct span spans[SPANS_MAX];
    int nspans;
};

enum arriving { ARRIVE_AT_ONCE, ARRIVE_STEADY, ARRIVE_TAIL, ARRIVINGS };

struct crash {
    int worker;
    int64_t at_us, down_us;
    bool leaves; /* its parts go to the others */
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

static inline void plan_faults(struct rng *r, struct row_plan *row)
{
    static const enum error_class classes[] = {CLASS_TRANSPORT, CLASS_TRANSIENT, CLASS_OVERLOAD,
                                               CLASS_TIMEOUT};
    int i;

    if (plan_chance(r, 25))
        row->flaky = 0.02;
    row->nspans = plan_chance(r, 35) ? 1 + plan_chance(r, 30) : 0;
    for (i = 0; i < row->nspans; i++) {
        int64_t from_us = plan_between(r, i * 3 * MINUTE, (i * 3 + 2) * MINUTE);

        row->spans[i] = (struct span){.from_us = from_us,
                                      .to_us = from_us + plan_scale(r, 5 * S, 60 * S),
                                      .class = classes[rng_below(r, 4)]};
    }
}

static inline int64_t plan_tokens_each(const struct plan *p)
{
    return p->prompt + (p->answers[0] + p->answers[1] + p->answers[2] + p->answers[3]) / ANSWERS;
}

/* Calls a second that the row can take. */
static inline double plan_row_rate(const struct plan *p, const struct row_plan *row)
{
    double rate = 30;

    if (row->rpm)
        rate = fmin(rate, (double)row->rpm / 60);
    if (row->tpm)
        rate = fmin(rate, (double)row->tpm / 60 / (double)plan_tokens_each(p));
    if (row->parallel)
        rate = fmin(rate, (double)(row->parallel * S) / (double)row->latency_us);
    return rate;
}

static inline void plan_row(struct rng *r, struct plan *p, int i)
{
    struct row_plan *row = &p->rows[i];
    int64_t calls = plan_scale(r, 20, 1200);
    int kind = (int)rng_below(r, 5);

    row->rule = (enum rule)rng_below(r, RULES);
    row->told = plan_chance(r, 85) ? TOLD_TRUE : (enum told)(1 + rng_below(r, 2));
    row->latency_us = plan_scale(r, 300000, 15e6);
    row->stuck_us = MINUTE;
    row->rpm = kind == 0 || kind == 2 ? calls : 0;
    if (kind == 1 || kind == 2)
        row->tpm = plan_tokens_each(p) * plan_scale(r, 20, 600);
    if (kind >= 3)
        row->parallel = plan_scale(r, 2, 60);
    if (kind == 4)
        row->rpm = calls;
    if (row->rule == RULE_GEMINI && plan_chance(r, 20))
        row->rpd = plan_between(r, 300, 1000);
    plan_faults(r, row);
}

static inline void plan_crashes(struct rng *r, struct plan *p)
{
    int i;

    p->ncrashes = p->shared && p->most_use <= 1 && plan_chance(r, 40) ? 1 + plan_chance(r, 40) : 0;
    for (i = 0; i < p->ncrashes; i++)
        p->crashes[i] =
            (struct crash){.worker = (int)rng_below(r, (uint64_t)p->workers),
                           .at_us = plan_between(r, (2 * i + 1) * MINUTE / 2, (2 * i + 2) * MINUTE),
                           .down_us = plan_scale(r, 300000, 20e6),
                           .leaves = i == 0 && p->workers > 1 && plan_chance(r, 40)};
}

static inline void plan_sizes(struct rng *r, struct plan *p)
{
    int i;

    p->prompt = plan_scale(r, 50, 3000);
    for (i = 0; i < ANSWERS; i++)
        p->answers[i] = plan_scale(r, 30, 2000);
    p->most_use = 1;
    p->least_use = plan_chance(r, 30) ? 1 : 0.25;
    if (plan_chance(r, 15))
        p->most_use = 4; /* text that has more tokens than bytes / 4 */
}

static inline void plan_draw(struct plan *p, uint64_t seed)
{
    struct rng r = {seed};
    int i;

    *p = (struct plan){.seed = seed, .workers = 1, .parts = 1};
    plan_sizes(&r, p);
    p->nrows = plan_chance(&r, 50) ? 1 : 1 + (int)rng_below(&r, ROWS_MAX);
    p->shared = plan_chance(&r, 50);
    if (p->shared) {
        p->workers = 1 + (int)rng_below(&r, WORKERS_MAX);
        p->parts = p->workers + (int)rng_below(&r, (uint64_t)(PARTS_MAX - p->workers + 1));
    }
    for (i = 0; i < p->nrows; i++)
        plan_row(&r, p, i);
    if (p->nrows > 1 && plan_chance(&r, 40))
        p->rows[p->nrows - 1].name = 1;
    for (i = 0; i < p->nrows; i++)
        p->rate += plan_row_rate(p, &p->rows[i]);
    p->arriving = (enum arriving)rng_below(&r, ARRIVINGS);
    p->load = 0.5 + rng_unit(&r);
    p->ntasks = (int)fmin(TASKS_MAX, p->rate * p->load * (double)plan_between(&r, 90, 420));
    for (i = 0; i < p->nrows; i++)
        if (p->rows[i].told != TOLD_TRUE && p->ntasks > 500)
            p->ntasks = 500; /* most of its calls are refused */
    if (p->ntasks < 20)
        p->ntasks = 20;
    p->deadline_us = plan_chance(&r, 50) ? plan_scale(&r, 60e6, 600e6) : 0;
    p->late_us = plan_between(&r, 0, 3000);
    plan_crashes(&r, p);
}

static inline void plan_print(const struct plan *p, FILE *to)
{
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

        fprintf(
            to,
            "  row %d \"%c\" %s%s: rpm %lld tpm %lld parallel %lld rpd %lld, %.1f s, flaky %.2f", i,
            'a' + r->name, rule_names[r->rule],
            r->told == TOLD_TRUE      ? ""
            : r->told == TOLD_NOTHING ? " (not told)"
                                      : " (told too much)",
            (long long)r->rpm, (long long)r->tpm, (long long)r->parallel, (long long)r->rpd,
            (double)r->latency_us / S, r->flaky);
        for (k = 0; k < r->nspans; k++)
            fprintf(to, ", %.1f-%.1f s %s", (double)r->spans[k].from_us / S,
                    (double)r->spans[k].to_us / S, class_name(r->spans[k].class));
        fprintf(to, "\n");
    }
    for (i = 0; i < p->ncrashes; i++)
        fprintf(to, "  worker %d crashes at %.1f s for %.1f s%s\n", p->crashes[i].worker,
                (double)p->crashes[i].at_us / S, (double)p->crashes[i].down_us / S,
                p->crashes[i].leaves ? " and is gone" : "");
}

#endif
