/*
 * world_run: the events of the world: tasks that come, calls that arrive and end, workers that crash and come
 * back, and the admission's own points in time.
 */
#ifndef SLUICE_TESTS_WORLD_RUN_H
#define SLUICE_TESTS_WORLD_RUN_H

#include "tests/unit/pool/world_check.h"

static inline void item_select(struct world *w, struct item *it);

/* ---- lines: what waits, in the world's own books ---- */

static inline void line_enter(struct world *w, struct worker *k, struct item *it)
{
    int i;

    it->routes = it->t->usable_routes;
    if (it->nwaits < WAITS_MAX)
        it->waits[it->nwaits].from_us = w->now_us;
    list_push(&k->lines[line_of(it)], &it->line);
    w->nwaiting++;
    for (i = 0; i < w->plan.nrows; i++)
        k->waits[i] += it->routes >> i & 1;
    contest_wait(w, k, it, 1);
}

static inline void line_leave(struct world *w, struct worker *k, struct item *it)
{
    int i;

    for (i = 0; i < w->plan.nrows; i++)
        k->waits[i] -= it->routes >> i & 1;
    list_remove(&it->line);
    w->nwaiting--;
    contest_wait(w, k, it, -1);
    if (it->nwaits < WAITS_MAX)
        it->waits[it->nwaits++].to_us = w->now_us;
    it->routes = 0;
    it->overtaken = 0;
}

/* ---- the life of a task ---- */

/* Calls of the task that a retry is for. A 429 and the like only make it wait. */
static inline int failures_of(const struct task *t)
{
    const struct item *it = t->source_data;
    int n = it->failures, i;

    for (i = 0; i < t->ntrail; i++)
        n += t->trail[i].class != CLASS_RATE_LIMIT && t->trail[i].class != CLASS_OVERLOAD &&
             t->trail[i].class != CLASS_QUOTA;
    return n;
}

enum item_end { ITEM_SERVED, ITEM_LATE, ITEM_GAVE_UP, ITEM_NEVER };

static inline void item_end(struct world *w, struct item *it, enum item_end how)
{
    static const char *const names[] = {"is served", "is too late", "is given up", "can never go"};

    note(w, "task %d %s", it->number, names[how]);
    if (++it->ends > 1)
        broken(w, "task %d has ended twice", it->number);
    if (how == ITEM_SERVED)
        w->result.ok++;
    else
        w->result.failed++;
    if (how == ITEM_NEVER)
        broken(w, "task %d: no row is left for it", it->number);
    if (how == ITEM_LATE)
        check_failed(w, it);
    if (how == ITEM_GAVE_UP && failures_of(it->t) <= w->config->router.num_retries) {
        if (it->deadline_us == NEVER)
            broken(w, "task %d is given up, and has retries left", it->number);
        check_failed(w, it);
    }
    heap_remove(&w->events, &it->timer);
    it->t = task_free(it->t);
    part_left(w, it->part);
    w->open--;
}

static inline struct task *task_of(struct world *w, struct item *it)
{
    static const char *const names[] = {"a", "b"};
    struct task *t = task_new();
    char session[16];
    int i = 0;

    task_set_state(t, TASK_INBOX);
    task_set_state(t, TASK_RUNNING);
    t->source_data = it;
    t->op = OP_CHAT;
    t->raw_len = (size_t)it->prompt * 4;
    for (i = 0; w->plan.answers[i] != it->answer; i++)
        ;
    t->body = json_object_get(w->bodies[i]);
    for (i = 0; i < 2; i++)
        if (it->wants >> i & 1)
            t->models[t->nmodels++] = mem_strdup(names[i]);
    client_sign(w, it, t);
    t->attempts_used = it->attempts;
    if (w->plan.parks)
        t->excess = &w->parts[it->part].excess;
    snprintf(session, sizeof session, "%d", it->number % 7);
    t->session = mem_strdup(session);
    if (it->deadline_us != NEVER)
        t->deadline_us = it->deadline_us + MONO;
    return t;
}

static inline void item_come(struct world *w, struct item *it)
{
    it->t = task_of(w, it);
    item_select(w, it);
}

/* ---- calls ---- */

static inline int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static inline int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline void excess_add(struct world *w, struct excess *e, int64_t amount)
{
    int64_t second = w->now_us / S;
    int at = (int)(second % PEAKS);

    if (e->peaks[at].at_us != second) {
        e->peaks[at].at_us = second;
        e->peaks[at].most = e->now;
    }
    e->now += amount;
    e->peaks[at].most = larger(e->now, e->peaks[at].most);
    e->ever = larger(e->now, e->ever);
}

/* What the call uses and has reserved, while it runs: sign 1 when it begins, -1 when it is over. */
static inline void book(struct world *w, const struct visit *v, int sign)
{
    struct row_use *u = &w->rows[v->row];
    enum counted c;

    u->running += sign;
    for (c = 0; c < COUNTED; c++) {
        u->unneeded[c] += sign * larger(-over(v, c), 0);
        excess_add(w, &u->excess[v->worker][c], sign * larger(over(v, c), 0));
    }
}

static inline void visit_start(struct world *w, struct item *it)
{
    struct visit *v = mem_alloc(sizeof *v);
    struct worker *k = worker_of(w, it);
    struct task *t = it->t;
    struct row_use *u = &w->rows[t->route];
    struct second *s = second_at(k, t->route, w->now_us);
    enum counted c;

    *v = (struct visit){.item = it,
                        .worker = w->owner[it->part],
                        .row = t->route,
                        .started_us = w->now_us,
                        .reserved = {t->reserved_tokens, t->reserved_output},
                        .used = {(int64_t)((double)(it->prompt + it->answer) * it->use),
                                 (int64_t)((double)it->answer * it->use)}};
    v->called =
        calls_add(u, &(struct called){v->worker, w->now_us, NEVER, v->reserved, v->reserved});
    list_push(&w->visits, &v->all);
    heap_push(&w->events, &v->timer, w->now_us + draw(w, 1000, way_most(w, v->row)));
    task_set_state(t, TASK_HTTP);
    it->visit = v;
    w->result.calls++;
    book(w, v, 1);
    bill(w, v, 0, 1);
    for (c = 0; c < COUNTED; c++) {
        int64_t amount = amount_of(c, v->reserved);

        u->used[c] += (double)amount;
        u->largest[c] = larger(amount, u->largest[c]);
        if (s)
            s->of[c] += (int32_t)amount;
    }
    note(w, "task %d is called on row %d by worker %d", it->number, v->row, v->worker);
}

/* How a call that is let in will end: what fails has no usage that anybody hears of, and is counted as it was
 * reserved, or less. */
static inline enum error_class fate_of(struct world *w, struct visit *v, int64_t *us)
{
    const struct row_plan *p = &w->plan.rows[v->row];
    int64_t left_us =
        v->item && v->item->deadline_us != NEVER ? v->item->deadline_us - w->now_us : NEVER;
    enum error_class class = CLASS_OK;

    *us = (int64_t)((double)p->latency_us * (v->item ? v->item->slow : 1));
    if (rng_unit(&w->rng) < p->flaky)
        class = CLASS_TRANSIENT;
    if (*us > p->stuck_us || *us > left_us) {
        *us = p->stuck_us < left_us ? p->stuck_us : left_us;
        class = CLASS_TIMEOUT;
    }
    if (class != CLASS_OK) {
        int64_t input = smaller(amount_of(INPUT, v->used), amount_of(INPUT, v->reserved));

        book(w, v, -1);
        v->used.output = smaller(v->used.output, v->reserved.output);
        v->used.tokens = v->used.output + input;
        book(w, v, 1);
    }
    return class;
}

static inline void visit_arrive(struct world *w, struct visit *v)
{
    struct account *a = &w->accounts[v->row];
    int64_t us;
    enum error_class class = fate_of(w, v, &us);

    v->there = true;
    v->said = account_judge(a, v->used, w->now_us);
    check_arrival(w, v);
    v->runs = v->said.class == CLASS_OK || v->said.class == CLASS_TIMEOUT;
    a->running += v->runs;
    if (v->said.class == CLASS_OK)
        v->said.class = class;
    else if (v->said.class == CLASS_TIMEOUT)
        us = a->plan->stuck_us;
    else
        us = draw(w, 20000, 100000);
    if (v->item && v->item->deadline_us != NEVER && w->now_us + us > v->item->deadline_us)
        us = v->item->deadline_us > w->now_us ? v->item->deadline_us - w->now_us : 0;
    heap_push(&w->events, &v->timer, w->now_us + us);
}

/* It is over for the provider, and in the books. */
static inline void visit_over(struct world *w, struct visit *v)
{
    w->accounts[v->row].running -= v->runs;
    book(w, v, -1);
    if (v->item && is_billed(v))
        bill(w, v, cost_of(w, v), 0);
    heap_remove(&w->events, &v->timer);
    list_remove(&v->all);
    if (v->item)
        v->item->visit = NULL;
    free(v);
}

static inline void item_failed(struct world *w, struct item *it, const struct ruling *said,
                               double cost_usd)
{
    struct task *t = it->t;
    struct worker *k = worker_of(w, it);
    struct retry_input in = {.class = said->class, .hint_ms = said->hint_ms, .now_us = mono(w)};
    struct admission_end end = {.sent = true, .used_tokens = -1, .cost_usd = cost_usd};
    struct retry_verdict v;
    int row = t->route;

    if (t->probe ? retry_probe_counts(in.class) : retry_counts(in.class))
        t->attempts_used++;
    v = retry_decide(w->config, t, &in, &w->rng);
    end.verdict = &v;
    if (v.refuse_route)
        t->refused_routes |= (uint64_t)1 << row;
    end.keeps_slot = v.action == RETRY_GIVE_UP || !select_candidates(w->config, t);
    admission_leave(k->admission, t, &end, mono(w));
    if (end.keeps_slot) {
        admission_stored(k->admission, t, mono(w));
        item_end(w, it, w->now_us >= it->deadline_us ? ITEM_LATE : ITEM_GAVE_UP);
        return;
    }
    if (v.action == RETRY_SAME)
        t->route = -1;
    if (v.not_before_us <= mono(w)) {
        item_select(w, it);
        return;
    }
    task_set_state(t, TASK_DELAYED);
    item_later(w, it, ITEM_GOES_ON, v.not_before_us - MONO);
}

static inline void visit_end(struct world *w, struct visit *v)
{
    struct item *it = v->item;
    struct ruling said = v->said;
    struct second *s = second_at(&w->workers[v->worker], v->row, w->now_us);
    struct admission_end end = {.sent = true,
                                .ok = true,
                                .keeps_slot = true,
                                .cost_usd = known_cost(w, v),
                                .took_us = w->now_us - v->started_us,
                                .work = v->used.output > 0 ? v->used.output : 1,
                                .used_tokens = v->used.tokens,
                                .used_output = v->used.output};
    struct attempt a = {.route = (uint16_t)v->row, .class = said.class};
    struct called *called = &w->rows[v->row].calls[v->called];
    enum counted c;

    called->end_us = w->now_us;
    if (said.class == CLASS_OK)
        called->used = v->used;

    for (c = 0; said.class == CLASS_OK && c < COUNTED; c++) {
        w->rows[v->row].used[c] += (double)over(v, c);
        if (s)
            s->of[c] += (int32_t)larger(over(v, c), 0);
    }
    count_running(&w->workers[v->worker], v, w->now_us);
    visit_over(w, v);
    if (!it)
        return;
    note(w, "task %d: %s %s", it->number, class_name(said.class), said.what);
    w->result.refused += said.class == CLASS_RATE_LIMIT;
    task_set_state(it->t, TASK_RUNNING);
    task_trail_add(it->t, &a);
    it->t->last_class = said.class;
    if (said.class != CLASS_OK) {
        item_failed(w, it, &said, end.cost_usd);
        return;
    }
    admission_leave(worker_of(w, it)->admission, it->t, &end, mono(w));
    admission_stored(worker_of(w, it)->admission, it->t, mono(w));
    item_end(w, it, ITEM_SERVED);
}

/* ---- admission ---- */

static inline void item_select(struct world *w, struct item *it)
{
    struct worker *k = worker_of(w, it);
    struct task *t = it->t;
    int r;

    if (w->now_us >= it->deadline_us) {
        item_end(w, it, ITEM_LATE);
        return;
    }
    it->turn = ++w->turns;
    it->overtaken = 0;
    r = admission_enter(k->admission, t, mono(w));
    if (r == ADMISSION_NEVER) {
        item_end(w, it, ITEM_NEVER);
    } else if (r == ADMITTED) {
        check_turn(w, k, it);
        visit_start(w, it);
    } else {
        note(w, "task %d waits at worker %d", it->number, w->owner[it->part]);
        line_enter(w, k, it);
        if (it->deadline_us != NEVER)
            item_later(w, it, ITEM_DEADLINE, it->deadline_us);
    }
}

static inline void item_timer(struct world *w, struct item *it)
{
    if (it->event == ITEM_COMES) {
        if (!worker_of(w, it)->admission)
            item_later(w, it, ITEM_COMES, w->now_us + S / 10);
        else if (part_takes(w, it))
            item_come(w, it);
        return;
    }
    if (it->event == ITEM_DEADLINE) {
        if (!admission_remove(worker_of(w, it)->admission, it->t))
            broken(w, "task %d waits, and the admission does not know it", it->number);
        line_leave(w, worker_of(w, it), it);
        item_end(w, it, ITEM_LATE);
        return;
    }
    task_set_state(it->t, TASK_RUNNING);
    item_select(w, it);
}

static inline void let_go(struct world *w, struct worker *k, struct task *t)
{
    struct item *it = t->source_data;
    struct admission_end end = {.sent = false};

    heap_remove(&w->events, &it->timer);
    task_set_state(t, TASK_RUNNING);
    if (t->route >= 0) {
        check_turn(w, k, it);
        contest_turn(w, k, it);
    }
    line_leave(w, k, it);
    if (t->route >= 0 && w->now_us >= it->deadline_us) {
        admission_leave(k->admission, t, &end, mono(w));
        item_end(w, it, ITEM_LATE);
    } else if (t->route >= 0) {
        visit_start(w, it);
    } else {
        item_end(w, it, ITEM_NEVER);
    }
}

/* Returns how many went. */
static inline int pump(struct world *w, struct worker *k)
{
    struct list_node ready;
    struct list_node *n;
    int count = 0;

    admission_pump(k->admission, mono(w), &ready);
    for (; (n = list_pop(&ready)); count++)
        let_go(w, k, CONTAINER_OF(n, struct task, node));
    return count;
}

static inline void item_park(struct world *w, struct worker *k, struct item *it)
{
    int64_t wall_ms = (EPOCH + w->now_us) / 1000;

    heap_remove(&w->events, &it->timer);
    check_parked(w, k, it);
    line_leave(w, k, it);
    note(w, "task %d is parked", it->number);
    it->attempts = it->t->attempts_used;
    it->failures = failures_of(it->t);
    task_set_state(it->t, TASK_RUNNING);
    it->t = task_free(it->t);
    part_left(w, it->part);
    item_later(w, it, ITEM_COMES,
               park_due_ms(wall_ms, wall_ms, w->plan.park_for_us / 1000) * 1000 - EPOCH);
}

static inline void park(struct world *w, struct worker *k)
{
    int64_t due_us = admission_park_us(k->admission);
    struct list_node parked;
    struct list_node *n;

    admission_park(k->admission, mono(w), &parked);
    while ((n = list_pop(&parked)))
        item_park(w, k, CONTAINER_OF(n, struct task, node)->source_data);
    if (due_us <= mono(w))
        check_left(w, k);
}

/* When the worker looks at what waits: its timers count milliseconds, and are late. */
static inline int64_t pump_at(const struct world *w, const struct worker *k)
{
    int64_t at_us = k->admission ? admission_next_us(k->admission) : NEVER;

    if (k->admission && w->plan.parks)
        at_us = smaller(at_us, admission_park_us(k->admission));
    if (at_us == NEVER)
        return NEVER;
    if (at_us <= mono(w))
        return w->now_us;
    return (at_us + 999) / 1000 * 1000 - MONO + w->plan.late_us;
}

static inline void pump_due(struct world *w, struct worker *k)
{
    int64_t at_us = k->admission ? admission_next_us(k->admission) : NEVER;

    if (at_us > mono(w))
        return;
    if (pump(w, k) > 0)
        w->idle_pumps = 0;
    else if (++w->idle_pumps > 1000)
        broken(w, "the admission wants to be pumped again and again, for nothing");
}

#endif
