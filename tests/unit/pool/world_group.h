/*
 * world_group: which worker has which part, and workers that crash and come back, or do not. What moves between
 * live workers is the world of limit_world.h.
 */
#ifndef SLUICE_TESTS_WORLD_GROUP_H
#define SLUICE_TESTS_WORLD_GROUP_H

#include "tests/unit/pool/world_run.h"

/* The worker's intake says what it holds. */
static inline void say(struct world *w, struct worker *k)
{
    struct holding_part parts[PARTS_MAX];
    struct holding h = {.parts = parts, .total = w->plan.parts, .lease_us = LEASE_US};
    int i;

    for (i = 0; i < w->plan.parts; i++)
        if (&w->workers[w->owner[i]] == k)
            parts[h.count++] = (struct holding_part){.index = i, .moved = w->moved[i]};
    k->parts = (int)h.count;
    heap_remove(&w->events, &k->timer);
    heap_push(&w->events, &k->timer, w->now_us + LEASE_US / 3);
    if (w->plan.shared)
        admission_hold(k->admission, &h, mono(w), EPOCH + w->now_us);
}

static inline void worker_start(struct world *w, struct worker *k)
{
    int i;

    memset(k->contests, 0, sizeof k->contests);
    k->admission = admission_new(w->config, w->plan.seed);
    purse_open(w, k);
    if (w->plan.shared)
        admission_share(k->admission);
    for (i = 0; i < LINES_ALL; i++)
        list_init(&k->lines[i]);
    say(w, k);
}

/* What it had in memory is gone, its calls are cut. Its records are read again. */
static inline void worker_crash(struct world *w, struct worker *k, int64_t back_us)
{
    int me = (int)(k - w->workers);
    struct list_node gone;
    int i;

    note(w, "worker %d crashes", me);
    admission_flush(k->admission, &gone);
    w->changed_us = w->now_us;
    for (i = 0; i < w->plan.ntasks; i++) {
        struct item *it = &w->items[i];

        if (w->owner[it->part] != me || !it->t)
            continue;
        if (it->visit)
            visit_over(w, it->visit);
        if (it->routes)
            line_leave(w, k, it);
        heap_remove(&w->events, &it->timer);
        it->t = task_free(it->t);
        part_left(w, it->part);
        item_later(w, it, ITEM_COMES, back_us);
    }
    k->admission = admission_free(k->admission);
    k->budget = budget_free(k->budget);
    heap_remove(&w->events, &k->timer);
}

/* The group has found that it is gone. */
static inline void hand_on(struct world *w, int from)
{
    int to = from;
    int i;

    for (i = 0; i < w->plan.parts; i++) {
        if (w->owner[i] != from)
            continue;
        do
            to = (to + 1) % w->plan.workers;
        while (!w->workers[to].admission);
        w->owner[i] = to;
        w->moved[i] = true;
    }
    w->workers[from].parts = 0;
    for (i = 0; i < w->plan.workers; i++)
        if (w->workers[i].admission)
            say(w, &w->workers[i]);
}

static inline bool others_up(const struct world *w, int but)
{
    int i;

    for (i = 0; i < w->plan.workers; i++)
        if (i != but && w->workers[i].admission)
            return true;
    return false;
}

static inline void crash(struct world *w, const struct crash *c)
{
    struct worker *k = &w->workers[c->worker];
    int64_t back_us = w->now_us + c->down_us;

    if (!k->admission)
        return;
    worker_crash(w, k, back_us);
    if (c->leaves && others_up(w, c->worker))
        hand_on(w, c->worker);
    else
        heap_push(&w->events, &k->timer, back_us);
}

static inline void worker_timer(struct world *w, struct worker *k)
{
    if (k->admission) {
        say(w, k);
        return;
    }
    note(w, "worker %d is back", (int)(k - w->workers));
    w->changed_us = w->now_us;
    worker_start(w, k);
}

#endif
