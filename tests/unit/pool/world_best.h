/*
 * world_best: what of a limit could be used at all. The calls of a stretch, each worker's in the order in which it made
 * them, are sent once more by one who knows what each will use and how long it takes, is never late and has no pace: as
 * soon as the worker's share of every limit lets them, whatever way each of them takes. A call that goes earlier makes
 * none behind it go later, so that this is the least time for them, and nobody who keeps the same shares can use
 * more. What is lost even so is the size of the calls, and the way to the provider. What this does not excuse is all
 * that the policy loses by its own doing: its longer windows, its pace, its instants, late timers.
 */
#ifndef SLUICE_TESTS_WORLD_BEST_H
#define SLUICE_TESTS_WORLD_BEST_H

#include "tests/unit/pool/world.h"

/* The longest way to the provider of this row. That of a second leaves less room for it where clocks differ, too. */
static inline int64_t way_most(const struct world *w, int row)
{
    return w->plan.shared && w->plan.rows[row].max[LIMIT_RPS] ? WAY_US / 2 : WAY_US;
}

static inline int calls_add(struct row_use *u, const struct called *c)
{
    if (u->ncalls == u->room) {
        u->room = u->room * 2 + 256;
        u->calls = realloc(u->calls, (size_t)u->room * sizeof *u->calls);
    }
    u->calls[u->ncalls] = *c;
    return u->ncalls++;
}

/* One worker's share of a row's limits. */
struct best {
    const struct row_plan *plan;
    double max[LIMIT_DIMS];
    int64_t span_us[LIMIT_DIMS];
    struct called *calls; /* of this worker, sent as early as can be */
    int ncalls;
    int first[LIMIT_DIMS]; /* of those that the last span holds */
};

/* Instants are no part of each window: their share is a whole number of calls in a span of its own. */
static inline void best_open(struct best *b, const struct world *w, int row, int worker)
{
    const struct worker *k = &w->workers[worker];
    const struct meter *meters = k->admission->routes[row].limit->meter;
    enum limit_dim d;

    *b = (struct best){.plan = &w->plan.rows[row]};
    b->calls = mem_array((size_t)w->rows[row].ncalls, sizeof *b->calls);
    for (d = 0; d < LIMIT_DIMS; d++) {
        double real = quota(w, k, b->plan->max[d]);

        b->max[d] = w->plan.shared ? (double)meters[d].quota : real;
        b->span_us[d] = dims[d].span_us + way_most(w, row);
        if (real > 0 && w->plan.shared && meter_is_small(&meters[d])) {
            b->max[d] = ceil(real);
            b->span_us[d] = (int64_t)((double)b->span_us[d] * b->max[d] / real);
        }
    }
}

/* What it counts for: a call that uses less than it reserved, when it is over. */
static inline double charge(const struct called *c, enum limit_dim d, int64_t at_us)
{
    int64_t used = amount_of(dims[d].what, c->used);
    int64_t held = amount_of(dims[d].what, c->held);

    return (double)(at_us < c->end_us && held > used ? held : used);
}

/* When there may be room for c: at_us, or the next time at which something leaves the span or is over. */
static inline int64_t room_at(struct best *b, const struct called *c, enum limit_dim d,
                              int64_t at_us)
{
    double sum = charge(c, d, c->at_us);
    int64_t next_us = NEVER;
    int i;

    while (b->first[d] < b->ncalls && b->calls[b->first[d]].at_us + b->span_us[d] <= at_us)
        b->first[d]++;
    for (i = b->first[d]; i < b->ncalls; i++) {
        const struct called *o = &b->calls[i];

        sum += charge(o, d, at_us);
        if (o->at_us + b->span_us[d] < next_us)
            next_us = o->at_us + b->span_us[d];
        if (o->end_us > at_us && o->end_us < next_us)
            next_us = o->end_us;
    }
    return sum > b->max[d] && next_us != NEVER ? next_us : at_us;
}

static inline int64_t best_at(struct best *b, const struct called *c, int64_t at_us)
{
    int64_t from_us;
    enum limit_dim d;

    do {
        from_us = at_us;
        for (d = 0; d < LIMIT_DIMS; d++)
            at_us = b->plan->max[d] ? room_at(b, c, d, at_us) : at_us;
    } while (at_us > from_us);
    return at_us;
}

/* The part of its time that the worker's calls since then needed; less than 0: it made none. */
static inline double best_part(const struct world *w, int row, int worker, int64_t since_us)
{
    const struct row_use *u = &w->rows[row];
    int64_t last_us = since_us, at_us = since_us;
    struct best b;
    int i;

    best_open(&b, w, row, worker);
    for (i = 0; i < u->ncalls; i++) {
        struct called c = u->calls[i];

        if (c.worker != worker)
            continue;
        if (c.at_us > since_us) {
            last_us = c.at_us;
            at_us = best_at(&b, &c, at_us);
            c.end_us = c.end_us == NEVER ? NEVER : at_us + (c.end_us - c.at_us);
            c.at_us = at_us;
        }
        b.calls[b.ncalls++] = c;
    }
    free(b.calls);
    return last_us > since_us ? (double)(at_us - since_us) / (double)(last_us - since_us) : -1;
}

/* Percent of what could be used at all, by all workers but one that has crashed. */
static inline double best_of(const struct world *w, int row, int64_t since_us)
{
    double sum = 0, of = 0;
    int i;

    for (i = 0; i < w->plan.workers; i++) {
        const struct worker *k = &w->workers[i];
        double part = k->parts > 0 && k->admission ? best_part(w, row, i, since_us) : -1;

        sum += part < 0 ? 0 : fmin(part, 1) * k->parts;
        of += part < 0 ? 0 : k->parts;
    }
    return of > 0 ? 100 * sum / of : 100;
}

#endif
