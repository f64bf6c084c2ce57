/*
 * world_excuse: what may excuse a task that failed: there was no time before its deadline at which it waited and could
 * have been served.
 */
#ifndef SLUICE_TESTS_WORLD_EXCUSE_H
#define SLUICE_TESTS_WORLD_EXCUSE_H

#include "tests/unit/pool/world_use.h"

#define IDLE_US (10 * S) /* a row that is not used for less is not idle */

/* The most that a minute and a bit with this second in it holds. */
static inline double fullest(struct worker *k, int row, int64_t second, enum counted c)
{
    double now = 0, most = 0;
    int64_t i;

    for (i = second - 62; i <= second + 62; i++) {
        const struct second *in = second_at(k, row, i * S), *out = second_at(k, row, (i - 62) * S);

        now += in ? in->of[c] : 0;
        if (i <= second)
            continue;
        now -= out && i - 62 >= second - 62 ? out->of[c] : 0;
        most = fmax(most, now);
    }
    return most;
}

/* What the time before or behind it holds, as a part of what it may hold: before it, debts may have been made. */
static inline double near(const struct world *w, struct worker *k, int row, int64_t at_us,
                          enum limit_dim d)
{
    double edge = dims[d].span_us == S ? 1 : 0; /* a call more or less is much of ten seconds */
    double before = edge, behind = edge;
    int64_t us;

    for (us = at_us - IDLE_US; us < at_us + IDLE_US; us += S) {
        const struct second *s = second_at(k, row, us);
        double has = s ? s->of[dims[d].what] : 0;

        before += us < at_us ? has : 0;
        behind += us < at_us ? 0 : has;
    }
    return fmax(before, behind) * (double)dims[d].span_us / (double)IDLE_US /
           quota(w, k, w->told[row].of[d]);
}

/* Was the row well, and did it rest for nothing, from then until so much later? */
static inline bool row_was_well(struct world *w, struct worker *k, int row, int64_t at_us,
                                int64_t for_us)
{
    const struct row_plan *p = &w->plan.rows[row];
    int64_t us;
    int i;

    if (w->tight || p->told != TOLD_TRUE || p->flaky > 0 || has_day(p))
        return false;
    if (counts_tokens(p) && w->plan.shared && (w->plan.most_use > 1 || count_limits(p) > 1))
        return false; /* a small share pays for minutes for one call, see meter.c */
    if (w->plan.most_use > 1 && (p->max[LIMIT_INPUT_TPM] || p->max[LIMIT_OUTPUT_TPM]))
        return false; /* one long answer that was not foreseen is paid for by a long rest */
    for (i = 0; i < p->nspans; i++) {
        int64_t rest_us = 2 * (p->spans[i].to_us - p->spans[i].from_us) + 70 * S;

        if (at_us + for_us > p->spans[i].from_us && at_us < p->spans[i].to_us + rest_us)
            return false;
    }
    for (us = at_us; us <= at_us + IDLE_US; us += S) {
        const struct second *s = second_at(k, row, us);

        if (!s || s->rests)
            return false;
    }
    return true;
}

/* Were all slots taken in some second of that time? */
static inline bool was_full(const struct world *w, struct worker *k, int row, int64_t at_us)
{
    int64_t us;

    if (!w->models[row].max_parallel_requests)
        return false;
    for (us = at_us; us < at_us + IDLE_US; us += S) {
        const struct second *s = second_at(k, row, us);

        if (w->plan.shared || !s ||
            s->running + 1 > 0.85 * (double)w->models[row].max_parallel_requests)
            return true;
    }
    return false;
}

/* Had this worker room on the row for one more such task, for a while? With so much to spare as the pace and the ends
 * of other calls may move. */
static inline bool had_room(struct world *w, struct worker *k, int row, struct limit_need n,
                            int64_t at_us)
{
    enum limit_dim d;

    for (d = 0; d < LIMIT_DIMS; d++) {
        enum counted c = dims[d].what;
        double most = w->plan.shared && c != CALLS ? 0.5 : 0.75;
        double max = quota(w, k, w->told[row].of[d]);

        if (w->told[row].of[d] == 0)
            continue;
        if (near(w, k, row, at_us, d) > most ||
            (dims[d].span_us == MINUTE &&
             fullest(k, row, at_us / S, c) + (double)amount_of(c, n) * 2 > 0.85 * max))
            return false;
    }
    return !was_full(w, k, row, at_us);
}

/* In each second of it. */
static inline void count_running(struct worker *k, const struct visit *v, int64_t until_us)
{
    int64_t us;

    for (us = v->started_us; us < until_us; us += S)
        if (second_at(k, v->row, us))
            second_at(k, v->row, us)->running++;
}

static inline void check_wait(struct world *w, struct item *it, int row, int64_t from_us,
                              int64_t to_us)
{
    struct worker *k = worker_of(w, it);
    struct limit_need n = {it->prompt + it->answer, it->answer};
    int64_t need_us = (int64_t)((double)w->plan.rows[row].latency_us * it->slow) + 2 * S;
    int64_t at_us;

    if (need_us > w->plan.rows[row].stuck_us)
        return;
    if (w->plan.shared && from_us < WARM_US)
        from_us = WARM_US; /* nothing is granted for the time before */
    if (from_us < w->changed_us)
        from_us = w->changed_us; /* its share was another one, and is known no more */
    for (at_us = from_us + S; at_us < to_us - IDLE_US && at_us + need_us < it->deadline_us;
         at_us += S)
        if (row_was_well(w, k, row, at_us, need_us) && had_room(w, k, row, n, at_us)) {
            broken(w, "task %d failed, which row %d could have served at %.0f s", it->number, row,
                   (double)at_us / S);
            return;
        }
}

/* A task has failed: not if there was a time before its deadline at which it waited and could have been
 * served. */
static inline void check_failed(struct world *w, struct item *it)
{
    int row, i;

    struct list_node *n;

    if (w->result.late++ >= 20 || w->now_us < w->changed_us + 3 * MINUTE)
        return;
    for (n = w->visits.next; n != &w->visits; n = n->next) {
        struct visit *v = CONTAINER_OF(n, struct visit, all);

        count_running(&w->workers[v->worker], v, w->now_us);
        v->started_us = w->now_us;
    }
    for (row = 0; row < w->plan.nrows; row++)
        for (i = 0; (it->t->usable_routes >> row & 1) && i < it->nwaits; i++)
            check_wait(w, it, row, it->waits[i].from_us, it->waits[i].to_us);
}

#endif
