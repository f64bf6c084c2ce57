/*
 * world_client: who sends the tasks: tenants with weights, topics and requests with priorities; and what each of them
 * has a right to while others wait, too.
 */
#ifndef SLUICE_TESTS_WORLD_CLIENT_H
#define SLUICE_TESTS_WORLD_CLIENT_H

#include "tests/unit/pool/world.h"

#define ONE_IN      16 /* of those that go is one that a higher priority keeps waiting */
#define LANES_MOST  4 /* of one priority: by models that are asked for, and rows that have refused */
#define SEATS_MOST  (LANES_MOST * CLIENTS_MAX)
#define TURNS_APART 2 /* longest turns between tenants, since both began to wait: see turns.h */

static inline const struct client_plan *client_of(const struct world *w, const struct item *it)
{
    return &w->plan.clients[it->client];
}

static inline void client_sign(const struct world *w, const struct item *it, struct task *t)
{
    const struct client_plan *c = client_of(w, it);

    t->topic_priority = c->level;
    t->priority = c->priority;
    t->received_us = mono(w);
    if (c->tenant >= 0)
        t->tenant = mem_strdup(w->tenants[c->tenant].name);
}

static inline void clients_open(struct world *w)
{
    static const char *const names[] = {"red", "green", "blue"};
    const struct plan *p = &w->plan;
    struct rng rng = {p->seed ^ 0xc11e7};
    int i, k;

    for (i = 0; i < p->ntenants; i++)
        w->tenants[i] =
            (struct tenant){.name = (char *)names[i], .weight = p->weights[i], .max_cost = -1};
    w->config->tenants = w->tenants;
    w->config->ntenants = (size_t)p->ntenants;
    for (i = 0; i < p->ntasks; i++) {
        double at = rng_unit(&rng);

        for (k = 0; k < p->nclients - 1 && at >= p->clients[k].part; k++)
            at -= p->clients[k].part;
        w->items[i].client = k;
    }
}

static inline void clients_close(struct world *w)
{
    w->config->tenants = NULL;
    w->config->ntenants = 0;
}

/* How many times as many may go before one of this client, by its weight. */
static inline int client_patience(const struct world *w, const struct item *it)
{
    int tenant = client_of(w, it)->tenant;
    double weights = 0;
    int i;

    for (i = 0; i < w->plan.ntenants; i++)
        weights += (double)w->plan.weights[i];
    return tenant < 0 ? 1 : (int)ceil(2 * weights / (double)w->plan.weights[tenant]);
}

/* Is there a higher priority? What comes last goes by check_rank(). */
static inline bool comes_last(const struct world *w, const struct item *it)
{
    const struct client_plan *c = client_of(w, it);
    int i;

    for (i = 0; i < w->plan.nclients; i++)
        if (w->plan.clients[i].level > c->level || w->plan.clients[i].priority > c->priority)
            return true;
    return false;
}

/* ---- tenants ---- */

static inline struct contest *contest_of(const struct world *w, struct worker *k,
                                         const struct item *it)
{
    return &k->contests[(it->wants & 1) * 2 + (client_of(w, it)->level > 0)];
}

/* Do both wait for the same rows, and only for those? */
static inline bool both_wait(const struct contest *c, int a, int b)
{
    bool some = false;
    int i;

    for (i = 0; i < 1 << ROWS_MAX; i++) {
        if ((c->waits[i][a] > 0) != (c->waits[i][b] > 0))
            return false;
        some |= c->waits[i][a] > 0;
    }
    return some;
}

static inline void contest_look(struct contest *c, int ntenants, bool aside)
{
    int a, b;

    for (a = 0; a < ntenants; a++)
        for (b = 0; b < a; b++) {
            bool both = !aside && both_wait(c, a, b);

            if (both && !c->both[a][b])
                c->apart[a][b] = c->had[a] - c->had[b];
            c->both[a][b] = both;
        }
}

/* Something of the worker's waiting tasks has changed. Tasks that wait for something else than their turn are in no
 * contest. */
static inline void contests_look(struct world *w, struct worker *k)
{
    bool aside =
        has_own_bounds(&w->plan) || k->admission->naside > 0 || k->admission->retries.count > 0;
    int i;

    for (i = 0; w->plan.ntenants > 1 && i < CONTESTS; i++)
        contest_look(&k->contests[i], w->plan.ntenants, aside);
}

/* It begins to wait (1), or does not any more (-1). */
static inline void contest_wait(struct world *w, struct worker *k, const struct item *it, int sign)
{
    if (w->plan.ntenants < 2)
        return;
    contest_of(w, k, it)->waits[it->routes][client_of(w, it)->tenant] += sign;
    contests_look(w, k);
}

/* It waited and goes: in proportion of their weights, those who wait have had the same. */
static inline void contest_turn(struct world *w, struct worker *k, const struct item *it)
{
    struct contest *c = contest_of(w, k, it);
    int tenant = client_of(w, it)->tenant;
    double turn;
    int a, b;

    if (w->plan.ntenants < 2)
        return;
    contests_look(w, k);
    turn = (double)it->t->reserved_tokens / (double)w->plan.weights[tenant];
    c->had[tenant] += turn;
    c->widest = fmax(c->widest, turn);
    for (a = 0; a < w->plan.ntenants; a++)
        for (b = 0; b < a; b++) {
            double apart = fabs(c->had[a] - c->had[b] - c->apart[a][b]);

            if (!c->both[a][b])
                continue;
            w->result.turns++;
            w->result.most_apart = fmax(w->result.most_apart, apart / c->widest);
            if (apart > TURNS_APART * c->widest)
                broken(w, "tenants %d and %d wait, and are %.1f turns apart", a, b,
                       apart / c->widest);
        }
}

/* ---- priorities ---- */

/* How those that wait stand to one that goes: of another priority of their topic, or of the request. */
struct standing {
    bool above, below;   /* by their topic, for the same row */
    bool before, behind; /* by the request, of the same tenant */
    bool poor;           /* one of those that come later has no turn to wait for */
};

/* Whose tenant's money may lack has no turn to lose, but others may lose theirs to it. */
static inline void stand(const struct world *w, const struct item *it, const struct item *first,
                         bool poor, struct standing *s)
{
    const struct client_plan *mine = client_of(w, it), *its = client_of(w, first);

    s->above |= !poor && its->level > mine->level;
    s->below |= its->level < mine->level;
    s->poor |= poor;
    if (its->level != mine->level || its->tenant != mine->tenant ||
        first->t->usable_routes != it->t->usable_routes || (first->wants & 1) != (it->wants & 1))
        return;
    s->before |= !poor && its->priority > mine->priority;
    s->behind |= its->priority < mine->priority;
}

/* Of those that go before a lower priority and after a higher one. */
static inline void count_rank(struct world *w, struct ranked *r, bool early, bool right, bool low)
{
    r->early += early;
    r->right += right;
    r->in_a_row = low ? 0 : r->in_a_row + right;
    w->result.early += early;
    w->result.right += right;
    w->result.in_a_row = r->in_a_row > w->result.in_a_row ? r->in_a_row : w->result.in_a_row;
}

/* One goes. Before a higher priority goes only the one in ONE_IN that is kept for each of the lower ones, and that one
 * does. */
static inline void check_rank(struct world *w, struct worker *k, const struct item *it,
                              const struct standing *s)
{
    struct ranked *topics = &k->topics, *requests = &k->requests;
    bool again = it->t->ntrail > 0; /* it may have another row to go to first */

    count_rank(w, topics, s->above && !again, s->below,
               again || s->poor || client_of(w, it)->level == 0);
    count_rank(w, requests, s->before && !again, s->behind,
               again || s->poor || s->before || !s->behind);
    if (topics->early > LANES_MOST * (1 + topics->right / (ONE_IN - 1)) ||
        requests->early > SEATS_MOST + requests->right / (ONE_IN - 1))
        broken(w, "task %d goes before one of a higher priority", it->number);
    if (topics->in_a_row > LANES_MOST * ONE_IN || requests->in_a_row > LANES_MOST * ONE_IN)
        broken(w, "task %d goes, and one of a lower priority has seen %d before it", it->number,
               topics->in_a_row > requests->in_a_row ? topics->in_a_row : requests->in_a_row);
}

#endif
