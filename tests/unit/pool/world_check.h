/*
 * world_check: what must hold in the world at every moment.
 */
#ifndef SLUICE_TESTS_WORLD_CHECK_H
#define SLUICE_TESTS_WORLD_CHECK_H

#include "tests/unit/pool/world_client.h"
#include "tests/unit/pool/world_excuse.h"
#include "tests/unit/pool/world_park.h"

#define OVERTAKEN_MAX 64

/* The most that had been used and not reserved, in the last minute, by calls of each worker that ran. Nobody could know
 * of that. */
static inline int64_t excess_of(const struct world *w, const struct row_use *u, enum limit_dim d)
{
    int64_t sum = 0;
    int i, k;

    for (i = 0; i < w->plan.workers; i++) {
        const struct excess *e = &u->excess[i][dims[d].what];
        int64_t most = e->now;

        for (k = 0; k < PEAKS; k++)
            if (e->peaks[k].at_us >= w->now_us / S - PEAKS && e->peaks[k].most > most)
                most = e->peaks[k].most;
        sum += dims[d].span_us == DAY_US ? e->ever : most;
    }
    return sum;
}

/* The limits that the provider has hold in every span, wherever it begins. */
static inline void check_limit(struct world *w, const struct visit *v, enum limit_dim d, bool moved)
{
    const struct row_use *u = &w->rows[v->row];
    const struct account *a = &w->accounts[v->row];
    int64_t unknown = excess_of(w, u, d);

    if (moved && dims[d].what != CALLS)
        unknown += u->largest[dims[d].what]; /* as the top of meter.c says */
    if (a->of[d].sum > a->plan->max[d] + unknown)
        broken(w, "row %d: %lld of %s, and %lld in excess", v->row, (long long)a->of[d].sum,
               limit_name(d), (long long)unknown);
}

static inline bool is_told(const struct row_plan *p, enum limit_dim d)
{
    return p->max[d] && (p->day_told || dims[d].span_us < DAY_US);
}

/* Could nobody know that the provider would refuse? */
static inline bool is_excused(const struct world *w, const struct visit *v, bool moved)
{
    const struct row_plan *p = &w->plan.rows[v->row];
    enum limit_dim d = v->said.lacks;

    if (w->plan.most_use > 1 || (moved && counts_tokens(p)))
        return true;
    return d < LIMIT_DIMS && (!is_told(p, d) || excess_of(w, &w->rows[v->row], d) > 0);
}

/* The provider has counted a call on a row whose limits it was told: they must hold in every span, and it must not
 * have refused. */
static inline void check_arrival(struct world *w, const struct visit *v)
{
    const struct account *a = &w->accounts[v->row];
    const struct row_plan *p = a->plan;
    bool moved = w->plan.ncrashes && w->now_us < w->changed_us + WARM_US;
    enum limit_dim d;

    if (p->told != TOLD_TRUE)
        return;
    if ((v->said.class == CLASS_RATE_LIMIT || v->said.class == CLASS_QUOTA) &&
        !is_excused(w, v, moved))
        broken(w, "row %d refused a call: %s (%lld running)", v->row, v->said.what,
               (long long)a->running);
    for (d = 0; d < LIMIT_DIMS; d++)
        if (is_told(p, d))
            check_limit(w, v, d, moved);
}

/* Is this larger than what its worker may ever use? Such tasks stand aside. */
static inline bool is_large(const struct world *w, const struct worker *k, const struct item *it)
{
    struct limit_need n = {it->t->reserved_tokens, it->t->estimated_output};
    enum limit_dim d;
    int i;

    for (i = 0; i < w->plan.nrows; i++) {
        if (!(it->t->usable_routes >> i & 1))
            continue;
        for (d = 0; d < LIMIT_DIMS; d++)
            if (w->told[i].of[d] && dims[d].what != CALLS &&
                (double)amount_of(dims[d].what, n) > quota(w, k, w->told[i].of[d]) - 1)
                return true;
    }
    return false;
}

/* The line of tasks with the same rights. */
static inline int line_of(const struct item *it)
{
    return (int)it->t->usable_routes | it->wants << ROWS_MAX | it->client * LINES;
}

static inline struct item *first_of(const struct world *w, const struct worker *k, int line)
{
    const struct list_node *n;

    for (n = k->lines[line].next; n != &k->lines[line]; n = n->next) {
        struct item *it = CONTAINER_OF(n, struct item, line);

        if (!is_large(w, k, it))
            return it;
    }
    return NULL;
}

/* A task goes, before it leaves its line. When it is for the first time, nobody who came before it with the same rights
 * still waits, and nobody who came before it and wants its row has been passed over too often. */
static inline void check_turn(struct world *w, struct worker *k, struct item *it)
{
    bool first_time = it->t->ntrail == 0;
    struct standing s = {0};
    int line;

    if (is_large(w, k, it) || (!first_time && w->plan.nclients == 1))
        return;
    for (line = 1; line < w->plan.nclients * LINES; line++) {
        struct item *first = first_of(w, k, line);
        bool same_row = line >> it->t->route & 1;

        if (!first || first == it)
            continue;
        if (same_row)
            stand(w, it, first, is_poor(w, first), &s);
        if (first->turn > it->turn || !first_time)
            continue;
        if (line == line_of(it) && first->t->ntrail == 0)
            broken(w, "task %d goes before task %d, which came first and wants the same rows",
                   it->number, first->number);
        if (!same_row || is_poor(w, first))
            continue;
        first->overtaken++;
        w->overtakes = true;
    }
    if (w->plan.nclients > 1)
        check_rank(w, k, it, &s);
}

/* Those that were passed over and are still there when the clock moves. */
static inline void check_overtaken(struct world *w)
{
    int i, line;

    for (i = 0; w->overtakes && i < w->plan.workers; i++)
        for (line = 1; w->workers[i].admission && line < w->plan.nclients * LINES; line++) {
            const struct item *first = first_of(w, &w->workers[i], line);

            if (first && first->overtaken > w->result.most_overtaken)
                w->result.most_overtaken = first->overtaken;
            if (first && first->overtaken > OVERTAKEN_MAX * client_patience(w, first) &&
                !comes_last(w, first))
                broken(w, "task %d has been passed over %d times", first->number, first->overtaken);
        }
    w->overtakes = false;
}

/* Before the clock moves. */
static inline void check_time(struct world *w, int64_t to_us)
{
    enum counted c;
    int i;

    check_overtaken(w);
    for (i = 0; w->plan.money && !w->tight && i < w->plan.workers; i++)
        w->tight = is_tight(w, &w->workers[i]);
    for (i = 0; i < w->plan.nrows; i++) {
        struct row_use *u = &w->rows[i];
        enum wanted wanted = row_wanted(w, i);

        w->result.wanted_us += wanted == WANTED_NOT ? 0 : (double)(to_us - w->now_us);
        w->result.learned_us += wanted == WANTED_LEARNED ? (double)(to_us - w->now_us) : 0;
        watch_rests(w, i, to_us);

        stretch_look(w, i);
        check_day(w, i);
        u->running_us += (double)u->running * (double)(to_us - w->now_us);
        if (w->plan.rows[i].parallel && u->running >= w->plan.rows[i].parallel)
            u->full_us += (double)(to_us - w->now_us);
        for (c = 0; c < COUNTED; c++)
            u->unneeded_us[c] += (double)u->unneeded[c] * (double)(to_us - w->now_us);
    }
}

#endif
