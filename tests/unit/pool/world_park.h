/*
 * world_park: parts of which no more than so many tasks are open at a time, so that what waits for a model that cools
 * keeps others out, until it is parked: then it comes back after a while.
 */
#ifndef SLUICE_TESTS_WORLD_PARK_H
#define SLUICE_TESTS_WORLD_PARK_H

#include "policy/park.h"
#include "tests/unit/pool/world.h"

static inline void part_count(struct world *w, int part, int more)
{
    struct part *p = &w->parts[part];
    struct park_window now;

    p->open += more;
    now = (struct park_window){.open = p->open, .open_max = w->plan.open_max};
    atomic_store(&p->excess, w->plan.parks ? park_excess(&now) : 0);
}

/* False: it has to wait in its topic. */
static inline bool part_takes(struct world *w, struct item *it)
{
    struct part *p = &w->parts[it->part];

    if (w->plan.parks && p->open >= w->plan.open_max) {
        list_push(&p->behind, &it->line);
        w->nbehind++;
        return false;
    }
    part_count(w, it->part, 1);
    return true;
}

/* One of its tasks has left the pool: the next comes. */
static inline void part_left(struct world *w, int part)
{
    struct list_node *n;

    part_count(w, part, -1);
    n = list_pop(&w->parts[part].behind);
    if (!n)
        return;
    w->nbehind--;
    item_later(w, CONTAINER_OF(n, struct item, line), ITEM_COMES, w->now_us);
}

static inline uint64_t rows_cooling(const struct world *w, const struct worker *k)
{
    uint64_t set = 0;
    int i;

    for (i = 0; i < w->plan.nrows; i++)
        if (k->admission->routes[i].breaker.open_until_us > mono(w) + PARK_COOLING_US)
            set |= (uint64_t)1 << i;
    return set;
}

static inline bool is_all(const struct world *w, uint64_t rows)
{
    return rows == ((uint64_t)1 << w->plan.nrows) - 1;
}

/* It waits for rows that cool, and for nothing else, while another one works. */
static inline void check_parked(struct world *w, const struct worker *k, const struct item *it)
{
    uint64_t cooling = rows_cooling(w, k);

    w->result.parked++;
    if ((it->t->usable_routes & ~cooling) || is_all(w, cooling))
        broken(w, "task %d is parked, and need not be", it->number);
    if (it->deadline_us != NEVER && it->deadline_us < w->now_us + w->plan.park_for_us)
        broken(w, "task %d is parked beyond its deadline", it->number);
}

/* What could be parked is, as long as there is too much of it. */
static inline void check_left(struct world *w, const struct worker *k)
{
    uint64_t down = rows_cooling(w, k);
    const struct list_node *n;
    int line;

    for (line = 1; down && !is_all(w, down) && line < w->plan.nclients * LINES; line++)
        for (n = k->lines[line].next; n != &k->lines[line]; n = n->next) {
            struct item *it = CONTAINER_OF(n, struct item, line);

            if (it->t->wait_queue >= 0 && !(it->routes & ~down) && w->parts[it->part].excess > 0 &&
                park_may(it->t, mono(w), w->config->pool.park_for_ms))
                broken(w, "task %d stays, and its part is too full of such", it->number);
        }
}

#endif
