/*
 * seats: lanes, seats and parties in tables of fixed size; see queues.h. It finds each task its place and decides
 * nothing.
 *
 * A party is a tenant that asks for one model with one topic priority: it has a turn there, whichever lanes its
 * tasks wait in. It is remembered after its last task has left, as long as its place is not needed. Where there
 * is no seat left, tasks wait on another's, which costs order and nothing else.
 */
#include "pool/queues_int.h"

#include <string.h>

#include "base/mem.h"

/* 0 stands for tasks without a tenant. */
static uint64_t hash_of(const char *tenant)
{
    uint64_t h = UINT64_C(14695981039346656037);

    if (!tenant)
        return 0;
    for (; *tenant; tenant++)
        h = (h ^ (uint8_t)*tenant) * UINT64_C(1099511628211);
    return h | 1;
}

static size_t chain_of(uint64_t tenant, int model, int level, uint64_t routes)
{
    uint64_t h = tenant ^ routes * UINT64_C(0x9e3779b97f4a7c15) ^ (uint64_t)(model * 16 + level);

    h = (h ^ h >> 32) * UINT64_C(0xd6e8feb86659fd93);
    return (h ^ h >> 32) % CHAINS;
}

struct queues *queues_new(const struct config *c)
{
    struct queues *q = mem_alloc(sizeof *q);
    size_t i = 0;

    q->config = c;
    for (i = 0; i < c->ntenants; i++)
        q->tenant_hash[i] = hash_of(c->tenants[i].name);
    for (i = 0; i < TASK_PRIORITIES; i++)
        list_init(&q->lanes[i]);
    for (i = 0; i < CHAINS; i++) {
        list_init(&q->seat_chains[i]);
        list_init(&q->party_chains[i]);
    }
    list_init(&q->left_out);
    list_init(&q->resting);
    list_init(&q->free_seats);
    return q;
}

struct queues *queues_free(struct queues *q)
{
    free(q);
    return NULL;
}

static double weight_of(const struct queues *q, uint64_t tenant)
{
    size_t i = 0;

    for (i = 0; tenant && i < q->config->ntenants; i++) {
        if (q->tenant_hash[i] == tenant)
            return (double)q->config->tenants[i].weight;
    }
    return 1;
}

/* The number of the first row of the model that it asks for. */
static int model_of(const struct queues *q, const struct task *t)
{
    const struct model *m = t->nmodels > 0 ? config_model(q->config, t->models[0], 0) : NULL;

    return m ? m->index : 0;
}

static struct seat *find(const struct queues *q, const struct task *t, uint64_t tenant, int model)
{
    const struct list_node *head =
        &q->seat_chains[chain_of(tenant, model, t->topic_priority, t->usable_routes)];
    struct list_node *n = NULL;

    for (n = head->next; n != head; n = n->next) {
        struct seat *s = CONTAINER_OF(n, struct seat, chain);

        if (s->party->tenant == tenant && s->lane->model == model &&
            s->lane->level == t->topic_priority && s->lane->routes == t->usable_routes)
            return s;
    }
    return NULL;
}

/* One that was never used, or the one that has rested longest. */
static struct party *spare_party(struct queues *q)
{
    struct party *p = NULL;

    if (q->nparties < PARTIES_MAX)
        return &q->parties[q->nparties++];
    p = CONTAINER_OF(list_pop(&q->resting), struct party, resting);
    list_remove(&p->chain);
    return p;
}

static struct party *party_of(struct queues *q, uint64_t tenant, int model, int level)
{
    struct list_node *head = &q->party_chains[chain_of(tenant, model, level, 0)];
    struct party *p = NULL;
    struct list_node *n = NULL;

    for (n = head->next; n != head; n = n->next) {
        p = CONTAINER_OF(n, struct party, chain);
        if (p->tenant == tenant && p->model == model && p->level == level)
            return p;
    }
    p = spare_party(q);
    *p = (struct party){.tenant = tenant, .model = model, .level = level};
    list_push(head, &p->chain);
    list_push(&q->resting, &p->resting);
    return p;
}

static struct lane *lane_of(struct queues *q, uint64_t routes, int model, int level)
{
    struct lane *l = NULL;
    struct list_node *n = NULL;

    for (n = q->lanes[level].next; n != &q->lanes[level]; n = n->next) {
        l = CONTAINER_OF(n, struct lane, node);
        if (l->routes == routes && l->model == model)
            return l;
    }
    l = mem_alloc(sizeof *l);
    *l = (struct lane){.routes = routes, .model = model, .level = level};
    list_push(&q->lanes[level], &l->node);
    return l;
}

int64_t seat_key(const struct seat *s)
{
    return (int64_t)(s->party->turn.at * KEY_SCALE);
}

/* NULL: all are taken. */
static struct seat *spare_seat(struct queues *q)
{
    struct list_node *n = list_pop(&q->free_seats);

    if (n)
        return CONTAINER_OF(n, struct seat, chain);
    return q->nseats < SEATS_MAX ? &q->seats[q->nseats++] : NULL;
}

/* NULL: there is none left. */
static struct seat *open_seat(struct queues *q, const struct task *t, uint64_t tenant, int model)
{
    int level = t->topic_priority;
    struct seat *s = spare_seat(q);
    size_t i = 0;

    if (!s)
        return NULL;
    *s = (struct seat){.account = t->account};
    for (i = 0; i < TASK_PRIORITIES; i++)
        list_init(&s->at[i]);
    list_push(&q->seat_chains[chain_of(tenant, model, level, t->usable_routes)], &s->chain);
    s->lane = lane_of(q, t->usable_routes, model, level);
    s->lane->nseats++;
    s->party = party_of(q, tenant, model, level);
    if (s->party->nseats++ == 0) {
        list_remove(&s->party->resting);
        turns_join(&q->turns[model][level], &s->party->turn, weight_of(q, tenant));
    }
    heap_push(&s->lane->seats, &s->turn, seat_key(s));
    return s;
}

void seat_close(struct queues *q, struct seat *s)
{
    struct lane *l = s->lane;

    if (s->is_left_out)
        list_remove(&s->left_out);
    heap_remove(&l->seats, &s->turn);
    list_remove(&s->chain);
    list_push(&q->free_seats, &s->chain);
    if (--s->party->nseats == 0) {
        turns_leave(&q->turns[l->model][l->level], &s->party->turn);
        list_push(&q->resting, &s->party->resting);
    }
    if (--l->nseats > 0)
        return;
    heap_done(&l->seats);
    list_remove(&l->node);
    free(l);
}

/* All seats are taken: the one that is nearest to what t would have had. */
static struct seat *share_seat(struct queues *q, const struct task *t, uint64_t tenant)
{
    struct seat *best = &q->seats[tenant % SEATS_MAX];
    int best_fit = -1;
    size_t i = 0;

    for (i = 0; i < SEATS_MAX && best_fit < 7; i++) {
        struct seat *s = &q->seats[(tenant + i) % SEATS_MAX];
        int fit = (s->account == t->account) * 4 + (s->lane->routes == t->usable_routes) * 2 +
                  (s->lane->level == t->topic_priority);

        if (fit > best_fit) {
            best = s;
            best_fit = fit;
        }
    }
    return best;
}

struct seat *seat_find(const struct queues *q, const struct task *t)
{
    return find(q, t, hash_of(t->tenant), model_of(q, t));
}

struct seat *seat_take(struct queues *q, const struct task *t)
{
    uint64_t tenant = hash_of(t->tenant);
    int model = model_of(q, t);
    struct seat *s = find(q, t, tenant, model);

    if (!s)
        s = open_seat(q, t, tenant, model);
    return s ? s : share_seat(q, t, tenant);
}
