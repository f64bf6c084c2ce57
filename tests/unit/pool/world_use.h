/*
 * world_use: how much of its limits a row uses while every worker has work for it.
 */
#ifndef SLUICE_TESTS_WORLD_USE_H
#define SLUICE_TESTS_WORLD_USE_H

#include "tests/unit/pool/world_best.h"
#include "tests/unit/pool/world_money.h"

#define WARM_US       (62 * S) /* what the first minute of a stretch loses is not counted */
#define STRETCH_LEAST MINUTE

/* Does what the worker has learned of the row hold it back now? */
static inline bool is_learned(const struct world *w, const struct worker *k, int row)
{
    const struct learn *l = &k->admission->routes[row].learn;

    return l->most > 0 || (l->restore_us > 0 && mono(w) < l->restore_us + 20 * S);
}

enum wanted { WANTED_NOT, WANTED_LEARNED, WANTED };

/* Has every worker work for the row, and does nothing keep it from being called? Slots that go round among more
 * parts rest in between, and a row that was down comes back little by little. */
static inline enum wanted row_wanted(const struct world *w, int row)
{
    const struct row_plan *p = &w->plan.rows[row];
    bool learned = false;
    int i;

    if (p->told != TOLD_TRUE || (w->plan.shared && p->parallel && p->parallel < w->plan.parts))
        return WANTED_NOT;
    if (w->plan.workers > 1 && p->parallel && count_limits(p))
        return WANTED_NOT; /* one has no slots free, another waits for its pace: who can say what binds */
    for (i = 0; i < p->nspans; i++)
        if (w->now_us >= p->spans[i].from_us && w->now_us < p->spans[i].to_us + MINUTE)
            return WANTED_NOT;
    for (i = 0; i < w->plan.workers; i++) {
        const struct worker *k = &w->workers[i];

        if (k->parts == 0)
            continue;
        if (!k->admission || k->waits[row] == 0 || is_tight(w, k) ||
            k->admission->routes[row].breaker.open_until_us != 0)
            return WANTED_NOT;
        learned = learned || is_learned(w, k, row);
    }
    return learned ? WANTED_LEARNED : WANTED;
}

/* Which part of one limit a stretch of so much time has used. A call more or less is the edge of the measurement, a
 * call of the usual size in each span and worker is what does not fit into its window any more, and what running calls
 * have reserved and will not need cannot be used by others. */
static inline double used_part(const struct world *w, int row, const struct stretch *s,
                               enum limit_dim d, double us, double less_us)
{
    const struct row_use *u = &w->rows[row];
    enum counted c = dims[d].what;
    double spans = (us - less_us) / (double)dims[d].span_us;
    double max = (double)w->plan.rows[row].max[d];
    double calls = fmax(u->used[CALLS] - s->used[CALLS], 1);
    double used = u->used[c] - s->used[c];

    if (c == CALLS)
        return (used + 1) / (max * spans);
    used += used / calls * (1 + w->plan.workers * spans);
    return used / ((max - (u->unneeded_us[c] - s->unneeded_us[c]) / us) * spans);
}

/* Percent of the limit that binds; of the time in which all slots were taken, all. */
static inline double use_of(const struct world *w, int row, const struct stretch *s)
{
    const struct row_plan *p = &w->plan.rows[row];
    const struct row_use *u = &w->rows[row];
    double us = (double)(w->now_us - s->since_us);
    double full_us = u->full_us - s->full_us;
    double most = 0;
    enum limit_dim d;

    if (p->parallel && !count_limits(p))
        return 100 * (u->running_us - s->running_us) / us / (double)p->parallel;
    if (full_us > 0.9 * us)
        return 100;
    for (d = 0; d < LIMIT_DIMS; d++)
        if (p->max[d])
            most = fmax(most, used_part(w, row, s, d, us, full_us));
    return 100 * (full_us + fmin(most, 1) * (us - full_us)) / us;
}

/* Does one call take a good part of some worker's share? While it is the next, what it does not fit into stays unused,
 * as smaller ones may not overtake it for ever. That is its size and not the policy, and is told apart. */
static inline bool has_large(const struct world *w, int row)
{
    enum limit_dim d;
    int i;

    for (d = 0; d < LIMIT_DIMS; d++)
        for (i = 0; i < w->plan.workers; i++) {
            const struct worker *k = &w->workers[i];
            double max = quota(w, k, w->plan.rows[row].max[d]);

            if (dims[d].what != CALLS && max > 0 &&
                (double)w->rows[row].largest[dims[d].what] > max / 10)
                return true;
        }
    return false;
}

static inline enum used_how how_of(const struct world *w, int row)
{
    const struct row_plan *p = &w->plan.rows[row];

    if (knows_day(p))
        return USE_DAYS;
    if (w->plan.shared && counts_tokens(p))
        return has_large(w, row) ? USE_LARGE : USE_TOKENS;
    if (p->max[LIMIT_RPS])
        return USE_SECONDS;
    return w->plan.shared ? USE_REQUESTS : USE_ALONE;
}

static inline void stretch_end(struct world *w, int row)
{
    bool by_day = knows_day(&w->plan.rows[row]);
    struct stretch *s = &w->rows[row].stretch;
    int64_t least_us = by_day ? 2 * 60 * MINUTE : STRETCH_LEAST;
    bool by_calls = !by_day && !w->plan.rows[row].parallel;
    double percent = 0;

    if (s->since_us != NEVER && w->now_us - s->since_us >= least_us) {
        percent = by_day && !w->plan.shared ? s->day_least : use_of(w, row, s);
        use_add(&w->result.use[how_of(w, row)], percent,
                by_calls ? best_of(w, row, s->since_us) : percent);
        note(w, "row %d: %.1f %% used in %.0f s", row, percent,
             (double)(w->now_us - s->since_us) / S);
    }
    s->from_us = s->since_us = NEVER;
    s->day_least = 100;
}

static inline void stretch_look(struct world *w, int row)
{
    struct row_use *u = &w->rows[row];
    struct stretch *s = &u->stretch;

    if (row_wanted(w, row) != WANTED) {
        stretch_end(w, row);
        return;
    }
    if (s->from_us == NEVER)
        s->from_us = w->now_us;
    if (s->since_us != NEVER || w->now_us < s->from_us + WARM_US ||
        w->now_us < w->changed_us + 2 * MINUTE)
        return;
    s->since_us = w->now_us;
    memcpy(s->used, u->used, sizeof s->used);
    memcpy(s->unneeded_us, u->unneeded_us, sizeof s->unneeded_us);
    s->running_us = u->running_us;
    s->full_us = u->full_us;
}

/* A day's limit has no pace when it is one worker's alone: after a minute it is used up, by what is less than 36 minutes
 * older than a day. */
static inline void check_day(struct world *w, int row)
{
    const struct row_plan *p = &w->plan.rows[row];
    const struct account *a = &w->accounts[row];
    enum limit_dim d = p->max[LIMIT_RPD] ? LIMIT_RPD : LIMIT_TPD;
    struct row_use *u = &w->rows[row];
    struct list_node *n;
    double used = 0;
    int i;

    if (!knows_day(p) || w->plan.shared || p->nspans > 0 || p->parallel ||
        u->stretch.since_us == NEVER)
        return;
    for (i = a->nmarks - 1; i >= 0 && a->marks[i].at_us > w->now_us - DAY_US - 36 * MINUTE; i--)
        used += (double)amount_of(dims[d].what, a->marks[i].used);
    for (n = w->visits.next; n != &w->visits; n = n->next) {
        const struct visit *v = CONTAINER_OF(n, struct visit, all);

        if (v->row == row && !v->there)
            used += (double)amount_of(dims[d].what, v->used);
    }
    if (dims[d].what != CALLS)
        used += (double)(u->largest[TOKENS] + u->unneeded[TOKENS]);
    u->stretch.day_least = fmin(u->stretch.day_least, 100 * used / (double)p->max[d]);
}

static inline void watch_rests(struct world *w, int row, int64_t to_us)
{
    int64_t us;
    int i;

    for (i = 0; i < w->plan.workers; i++) {
        struct worker *k = &w->workers[i];

        if (!k->admission ||
            (!is_learned(w, k, row) && k->admission->routes[row].breaker.open_until_us == 0))
            continue;
        for (us = w->now_us; us < to_us + S && second_at(k, row, us); us += S)
            second_at(k, row, us)->rests = 1;
    }
}
#endif
