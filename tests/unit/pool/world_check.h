/*
 * world_check: what must hold in the world at every moment, and what its failures must be excused by.
 */
#ifndef SLUICE_TESTS_WORLD_CHECK_H
#define SLUICE_TESTS_WORLD_CHECK_H

#include "tests/unit/pool/world.h"

#define WARM_US       (62 * S) /* what the first minute of a stretch loses is not counted */
#define STRETCH_LEAST MINUTE
#define OVERTAKEN_MAX 64
#define IDLE_US       (10 * S) /* a row that is not used for less is not idle */

/* The most tokens in the last minute, of each worker, that had been used and not reserved, by calls that ran. Nobody
 * could know of them. */
static inline int64_t excess_of(const struct world *w, const struct row_use *u)
{
    int64_t sum = 0;
    int i, k;

    for (i = 0; i < w->plan.workers; i++) {
        const struct excess *e = &u->excess[i];
        int64_t most = e->now;

        for (k = 0; k < PEAKS; k++)
            if (e->peaks[k].at_us >= w->now_us / S - PEAKS && e->peaks[k].tokens > most)
                most = e->peaks[k].tokens;
        sum += most;
    }
    return sum;
}

/* The provider has counted a call on a row whose limits it was told: they must hold in every minute, and it
 * must not have refused. */
static inline void check_arrival(struct world *w, const struct visit *v)
{
    const struct account *a = &w->accounts[v->row];
    const struct row_plan *p = a->plan;
    int64_t unknown = excess_of(w, &w->rows[v->row]);
    bool moved = w->plan.ncrashes && w->now_us < w->changed_us + WARM_US;

    if (p->told != TOLD_TRUE)
        return;
    if (v->said.class == CLASS_RATE_LIMIT && w->plan.most_use <= 1 && !(p->tpm && moved))
        broken(w,
               "row %d refused a call: %s (%d in the last minute, %d in 10 s, %lld tokens, %lld "
               "running)",
               v->row, v->said.what, a->nmarks - a->head, a->nmarks - a->head10,
               (long long)a->tokens, (long long)a->running);
    if (p->rpm && a->nmarks - a->head > p->rpm)
        broken(w, "row %d: %d requests in a minute", v->row, a->nmarks - a->head);
    if (moved)
        unknown += w->rows[v->row].largest; /* as the top of limit.c says */
    if (p->tpm && a->tokens > p->tpm + unknown)
        broken(w, "row %d: %lld tokens in a minute, %lld in excess", v->row, (long long)a->tokens,
               (long long)unknown);
}

/* Is this larger than what its worker may ever use? Such tasks stand aside. */
static inline bool is_large(const struct world *w, const struct worker *k, const struct item *it)
{
    int i;

    for (i = 0; i < w->plan.nrows; i++)
        if ((it->t->usable_routes >> i & 1) && w->models[i].tpm &&
            (double)it->t->reserved_tokens > quota(w, k, w->models[i].tpm) - 1)
            return true;
    return false;
}

/* The line of tasks with the same rights. */
static inline int line_of(const struct item *it)
{
    return (int)it->t->usable_routes | it->wants << ROWS_MAX;
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

/* A task goes, for the first time: nobody who came before it with the same rights still waits, and nobody who wants its row and
 * came before it has been passed over too often. Before it leaves its line. */
static inline void check_turn(struct world *w, struct worker *k, struct item *it)
{
    int line;

    if (is_large(w, k, it) || it->t->ntrail > 0)
        return;
    for (line = 1; line < LINES; line++) {
        struct item *first = first_of(w, k, line);

        if (!first || first == it || first->turn > it->turn)
            continue;
        if (line == line_of(it) && first->t->ntrail == 0)
            broken(w, "task %d goes before task %d, which came first and wants the same rows",
                   it->number, first->number);
        if (!(line >> it->t->route & 1))
            continue;
        first->overtaken++;
        w->overtakes = true;
    }
}

/* Those that were passed over and are still there when the clock moves. */
static inline void check_overtaken(struct world *w)
{
    int i, line;

    for (i = 0; w->overtakes && i < w->plan.workers; i++)
        for (line = 1; w->workers[i].admission && line < LINES; line++) {
            const struct item *first = first_of(w, &w->workers[i], line);

            if (first && first->overtaken > w->result.most_overtaken)
                w->result.most_overtaken = first->overtaken;
            if (first && first->overtaken > OVERTAKEN_MAX)
                broken(w, "task %d has been passed over %d times", first->number, first->overtaken);
        }
    w->overtakes = false;
}

/* ---- use of the limits ---- */

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
    if (w->plan.workers > 1 && p->parallel && (p->rpm || p->tpm))
        return WANTED_NOT; /* one has no slots free, another waits for its pace: who can say what binds */
    for (i = 0; i < p->nspans; i++)
        if (w->now_us >= p->spans[i].from_us && w->now_us < p->spans[i].to_us + MINUTE)
            return WANTED_NOT;
    for (i = 0; i < w->plan.workers; i++) {
        const struct worker *k = &w->workers[i];

        if (k->parts == 0)
            continue;
        if (!k->admission || k->waits[row] == 0 ||
            k->admission->routes[row].breaker.open_until_us != 0)
            return WANTED_NOT;
        learned = learned || is_learned(w, k, row);
    }
    return learned ? WANTED_LEARNED : WANTED;
}

/* Percent of the limit that binds; of the time in which all slots were taken, all. What running calls have
 * reserved and will not need cannot be used by others. A call more or less is the edge of the measurement, and a
 * call of the usual size in each minute and worker is what does not fit into its window any more. */
static inline double use_of(const struct world *w, int row, const struct stretch *s)
{
    const struct row_plan *p = &w->plan.rows[row];
    const struct row_use *u = &w->rows[row];
    double us = (double)(w->now_us - s->since_us);
    double full_us = u->full_us - s->full_us;
    double minutes = (us - full_us) / (double)MINUTE;
    double requests = u->requests - s->requests;
    double tokens = u->tokens - s->tokens;
    double most = 0;

    if (p->parallel && !p->rpm && !p->tpm)
        return 100 * (u->running_us - s->running_us) / us / (double)p->parallel;
    if (full_us > 0.9 * us)
        return 100;
    if (p->rpm)
        most = (requests + 1) / ((double)p->rpm * minutes);
    if (p->tpm)
        most =
            fmax(most, (tokens + tokens / fmax(requests, 1) * (1 + w->plan.workers * minutes)) /
                           (((double)p->tpm - (u->unneeded_us - s->unneeded_us) / us) * minutes));
    return 100 * (full_us + fmin(most, 1) * (us - full_us)) / us;
}

static inline void stretch_end(struct world *w, int row)
{
    struct stretch *s = &w->rows[row].stretch;
    struct use *use = &w->result.use[!w->plan.shared         ? USE_ALONE
                                     : w->plan.rows[row].tpm ? USE_TOKENS
                                                             : USE_REQUESTS];
    double percent = 0;

    if (s->since_us != NEVER && w->now_us - s->since_us >= STRETCH_LEAST) {
        percent = use_of(w, row, s);
        use->stretches++;
        use->sum += percent;
        use->least = fmin(use->least, percent);
        note(w, "row %d: %.1f %% used in %.0f s", row, percent,
             (double)(w->now_us - s->since_us) / S);
    }
    s->from_us = s->since_us = NEVER;
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
    s->requests = u->requests;
    s->tokens = u->tokens;
    s->running_us = u->running_us;
    s->full_us = u->full_us;
    s->unneeded_us = u->unneeded_us;
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

/* Before the clock moves. */
static inline void check_time(struct world *w, int64_t to_us)
{
    int i;

    check_overtaken(w);
    for (i = 0; i < w->plan.nrows; i++) {
        struct row_use *u = &w->rows[i];
        enum wanted wanted = row_wanted(w, i);

        w->result.wanted_us += wanted == WANTED_NOT ? 0 : (double)(to_us - w->now_us);
        w->result.learned_us += wanted == WANTED_LEARNED ? (double)(to_us - w->now_us) : 0;
        watch_rests(w, i, to_us);

        stretch_look(w, i);
        u->running_us += (double)u->running * (double)(to_us - w->now_us);
        if (w->plan.rows[i].parallel && u->running >= w->plan.rows[i].parallel)
            u->full_us += (double)(to_us - w->now_us);
        u->unneeded_us += (double)u->unneeded * (double)(to_us - w->now_us);
    }
}

/* ---- tasks that failed ---- */

/* The most that a minute and a bit with this second in it holds. */
static inline void fullest(struct worker *k, int row, int64_t second, double *requests,
                           double *tokens)
{
    double r = 0, t = 0;
    int64_t i;

    *requests = *tokens = 0;
    for (i = second - 62; i <= second + 62; i++) {
        const struct second *in = second_at(k, row, i * S), *out = second_at(k, row, (i - 62) * S);

        r += in ? in->requests : 0;
        t += in ? (double)in->tokens : 0;
        if (i <= second)
            continue;
        r -= out && i - 62 >= second - 62 ? out->requests : 0;
        t -= out && i - 62 >= second - 62 ? (double)out->tokens : 0;
        *requests = fmax(*requests, r);
        *tokens = fmax(*tokens, t);
    }
}

/* What the time before or behind it holds, as a part of what it may hold: before it, debts may have been made. */
static inline double near(const struct world *w, struct worker *k, int row, int64_t at_us,
                          bool tokens)
{
    const struct model *m = &w->models[row];
    double before = 0, behind = 0;
    int64_t us;

    for (us = at_us - IDLE_US; us < at_us + IDLE_US; us += S) {
        const struct second *s = second_at(k, row, us);
        double has = s && tokens ? (double)s->tokens : s ? s->requests : 0;

        before += us < at_us ? has : 0;
        behind += us < at_us ? 0 : has;
    }
    return fmax(before, behind) * (double)MINUTE / (double)IDLE_US /
           quota(w, k, tokens ? m->tpm : m->rpm);
}

/* Was the row well, and did it rest for nothing, from then until so much later? */
static inline bool row_was_well(struct world *w, struct worker *k, int row, int64_t at_us,
                                int64_t for_us)
{
    const struct row_plan *p = &w->plan.rows[row];
    int64_t us;
    int i;

    if (p->told != TOLD_TRUE || p->flaky > 0 || p->rpd > 0)
        return false;
    if (p->tpm && w->plan.shared && (w->plan.most_use > 1 || p->rpm))
        return false; /* a small share pays for minutes for one call, see limit.c */
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

/* Had this worker room on the row for one more task of that size, for a while? With so much to spare as the pace and
 * the ends of other calls may move. */
static inline bool had_room(struct world *w, struct worker *k, int row, int64_t tokens,
                            int64_t at_us)
{
    const struct model *m = &w->models[row];
    double most = w->plan.shared && m->tpm ? 0.5 : 0.75;
    double requests, used;

    fullest(k, row, at_us / S, &requests, &used);
    if (m->rpm &&
        (requests + 2 > 0.85 * quota(w, k, m->rpm) || near(w, k, row, at_us, false) > most))
        return false;
    if (m->tpm && (used + (double)tokens * 2 > 0.85 * quota(w, k, m->tpm) ||
                   near(w, k, row, at_us, true) > most))
        return false;
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
    int64_t need_us = (int64_t)((double)w->plan.rows[row].latency_us * it->slow) + 2 * S;
    int64_t at_us;

    if (need_us > w->plan.rows[row].stuck_us)
        return;
    if (w->plan.shared && from_us < WARM_US)
        from_us = WARM_US; /* nothing is granted for the time before */
    for (at_us = from_us + S; at_us < to_us - IDLE_US && at_us + need_us < it->deadline_us;
         at_us += S)
        if (row_was_well(w, k, row, at_us, need_us) &&
            had_room(w, k, row, it->prompt + it->answer, at_us)) {
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
