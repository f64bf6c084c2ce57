/*
 * world_draw: draws the plan of one run of the world (world_plan.h) from its seed.
 */
#ifndef SLUICE_TESTS_WORLD_DRAW_H
#define SLUICE_TESTS_WORLD_DRAW_H

#include "tests/unit/pool/world_plan.h"

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

/* Calls that the row lets go on a day. */
static inline double plan_day_calls(const struct plan *p, const struct row_plan *row)
{
    double calls = INFINITY;

    if (row->max[LIMIT_RPD])
        calls = (double)row->max[LIMIT_RPD];
    if (row->max[LIMIT_TPD])
        calls = fmin(calls, (double)row->max[LIMIT_TPD] / (double)plan_need(p).tokens);
    return calls;
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
    row->max[LIMIT_RPM] = kind == 0 || kind == 2 ? calls : 0;
    if (kind == 1 || kind == 2)
        row->max[LIMIT_TPM] = plan_need(p).tokens * plan_scale(r, 20, 600);
    if (kind >= 3)
        row->parallel = plan_scale(r, 2, 60);
    if (kind == 4)
        row->max[LIMIT_RPM] = calls;
    if (row->rule == RULE_GEMINI && plan_chance(r, 20))
        row->max[LIMIT_RPD] = plan_between(r, 300, 1000);
    plan_faults(r, row);
}

/* Limits of seconds and days, and of one kind of tokens, by chances of their own: what a seed draws beside them does
 * not change. */
static inline void plan_more_limits(struct rng *r, struct plan *p, struct row_plan *row)
{
    struct limit_need n = plan_need(p);

    if (!plan_chance(r, 30))
        return;
    switch (rng_below(r, 5)) {
    case 0:
        row->max[LIMIT_RPS] = plan_scale(r, 1, 20);
        break;
    case 1:
        row->max[LIMIT_INPUT_TPM] = (n.tokens - n.output) * plan_scale(r, 20, 600);
        row->max[LIMIT_TPM] = plan_chance(r, 50) ? row->max[LIMIT_TPM] : 0;
        break;
    case 2:
        row->max[LIMIT_OUTPUT_TPM] = n.output * plan_scale(r, 20, 600);
        row->max[LIMIT_TPM] = plan_chance(r, 50) ? row->max[LIMIT_TPM] : 0;
        break;
    case 3:
        row->max[LIMIT_INPUT_TPM] = (n.tokens - n.output) * plan_scale(r, 20, 600);
        row->max[LIMIT_OUTPUT_TPM] = n.output * plan_scale(r, 20, 600);
        row->max[LIMIT_TPM] = 0;
        break;
    default:
        memset(row->max, 0, sizeof row->max);
        row->parallel = plan_chance(r, 30) ? row->parallel : 0;
        row->day_told = true;
        row->max[plan_chance(r, 50) ? LIMIT_RPD : LIMIT_TPD] = plan_scale(r, 100, 1500);
        row->max[LIMIT_TPD] *= n.tokens;
        break;
    }
}

/* The number of the first that has the same rights. */
static inline int plan_client_like(const struct plan *p, const struct client_plan *c)
{
    int i = 0;

    while (p->clients[i].tenant != c->tenant || p->clients[i].level != c->level ||
           p->clients[i].priority != c->priority)
        i++;
    return i;
}

static inline void plan_clients(struct rng *r, struct plan *p)
{
    static const int64_t weights[] = {1, 1, 2, 3, 5, 8};
    bool levels, priorities;
    double parts = 0;
    int i;

    p->nclients = 1;
    p->clients[0] = (struct client_plan){.tenant = -1, .part = 1};
    if (!plan_chance(r, 30))
        return;
    p->nclients = 2 + (int)rng_below(r, CLIENTS_MAX - 1);
    p->ntenants = 1 + (int)rng_below(r, TENANTS_MAX);
    for (i = 0; i < p->ntenants; i++)
        p->weights[i] = weights[rng_below(r, 6)];
    levels = plan_chance(r, 50);
    priorities = plan_chance(r, 50);
    for (i = 0; i < p->nclients; i++) {
        struct client_plan *c = &p->clients[i];

        *c = (struct client_plan){.tenant = (int)rng_below(r, (uint64_t)p->ntenants),
                                  .level = levels && plan_chance(r, 30) ? 7 : 0,
                                  .priority = priorities ? (int)rng_below(r, TASK_PRIORITIES) : 0,
                                  .part = (double)plan_scale(r, 10, 100)};
        while (plan_client_like(p, c) != i)
            c->priority = (c->priority + 1) % TASK_PRIORITIES;
        parts += c->part;
    }
    for (i = 0; i < p->nclients; i++)
        p->clients[i].part /= parts;
}

/* The most that a task can cost: see policy/worst. */
static inline double plan_dearest(const struct plan *p)
{
    double most = 0;
    int64_t answer = 0;
    int i;

    for (i = 0; i < ANSWERS; i++)
        answer = p->answers[i] > answer ? p->answers[i] : answer;
    for (i = 0; i < p->nrows; i++)
        most = fmax(most, p->rows[i].usd_input * (double)(16 * p->prompt + 300) +
                              p->rows[i].usd_output * (double)answer);
    return most;
}

/* As much as a part of the tasks needs. */
static inline struct bound plan_bound(struct rng *r, const struct plan *p)
{
    struct limit_need n = plan_need(p);
    double tasks = (double)plan_scale(r, 5, 90) / 100 * p->ntasks / p->workers;
    double usd = tasks * (p->rows[0].usd_input * (double)(n.tokens - n.output) +
                          p->rows[0].usd_output * (double)n.output);
    int kind = (int)rng_below(r, 3);

    return (struct bound){.usd = kind == 0 ? -1 : fmax(usd, BOUND_CALLS * plan_dearest(p)),
                          .calls = kind == 1 ? 0 : 1 + (int64_t)tasks};
}

static inline void plan_money(struct rng *r, struct plan *p)
{
    int i;

    for (i = 0; i < p->nrows; i++) {
        p->rows[i].usd_input = (double)plan_scale(r, 1e2, 1e4) * 1e-9;
        p->rows[i].usd_output = (double)plan_scale(r, 1e2, 1e5) * 1e-9;
    }
    p->money = plan_chance(r, 25);
    p->daily = plan_chance(r, 30);
    for (i = 0; i <= TENANTS_MAX; i++)
        p->bounds[i] = (struct bound){.usd = -1};
    if (!p->money)
        return;
    p->most_use = fmin(p->most_use, 1); /* no provider bills more than was asked for */
    if (p->ntenants == 0 || plan_chance(r, 60))
        p->bounds[0] = plan_bound(r, p);
    for (i = 0; i < p->ntenants; i++)
        if (plan_chance(r, 40))
            p->bounds[1 + i] = plan_bound(r, p);
}

static inline void plan_router(struct rng *r, struct plan *p)
{
    static const char *const strategies[] = {"simple-shuffle", "least-busy", "lowest-cost",
                                             "lowest-latency"};
    static const char *const stickies[] = {"none", "session", "tenant"};

    p->strategy = strategies[plan_chance(r, 50) ? 0 : rng_below(r, 4)];
    p->sticky = stickies[plan_chance(r, 70) ? 0 : rng_below(r, 3)];
}

static inline void plan_parking(struct rng *r, struct plan *p)
{
    int i;

    p->parks = p->rows[p->nrows - 1].name == 1 && plan_chance(r, 50);
    p->park_for_us = plan_scale(r, 5, 60) * S;
    p->open_max = (int)plan_scale(r, 10, 300);
    for (i = 0; i < p->nrows; i++)
        p->parks &= !has_day(&p->rows[i]); /* all would be written anew a thousand times */
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
    struct rng more = {seed ^ 0x5eed};
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
    for (i = 0; i < p->nrows; i++)
        plan_more_limits(&more, p, &p->rows[i]);
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
    for (i = 0; i < p->nrows; i++)
        if (knows_day(&p->rows[i]))
            p->ntasks = (int)fmin(p->ntasks, plan_day_calls(p, &p->rows[i]) * 5);
    if (p->ntasks < 20)
        p->ntasks = 20;
    p->deadline_us = plan_chance(&r, 50) ? plan_scale(&r, 60e6, 600e6) : 0;
    p->late_us = plan_between(&r, 0, 3000);
    plan_crashes(&r, p);
    plan_clients(&more, p);
    plan_money(&more, p);
    plan_router(&more, p);
    plan_parking(&more, p);
}

#endif
