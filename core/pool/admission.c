/*
 * admission: queues of waiting tasks in front of the routes; see admission.h. It must not call out while
 * its lock is held: what it lets go is handed back as a list.
 *
 * Whose turn it is among those that wait is the queues' to say. Tasks that are larger than this worker's share of
 * a limit stand aside, in no one's way, until the share changes.
 */
#include "pool/admission_int.h"

#include <string.h>

#include "base/mem.h"
#include "policy/rank.h"
#include "policy/scope.h"

#define CLOCK_STEP_MS 1000
#define ASIDE         (-1) /* t->wait_queue of a task that stands aside */

struct admission *admission_new(const struct config *c, uint64_t seed)
{
    struct admission *a = mem_alloc(sizeof *a);
    size_t i = 0;

    pthread_mutex_init(&a->lock, NULL);
    a->config = c;
    a->rng.state = seed;
    a->next_us = INT64_MAX;
    a->queues = queues_new(c);
    list_init(&a->aside);
    for (i = 0; i < c->nmodels; i++) {
        const struct model *m = &c->models[i];

        a->routes[i].model = m;
        a->routes[i].seed = rank_seed(m);
        a->routes[i].limit = &a->routes[scope_limit(c, (int)i)].own;
        limit_init(&a->routes[i].own, m->rpm, m->tpm, m->max_parallel_requests);
    }
    held_init(&a->held, a->routes, c->nmodels);
    return a;
}

void admission_set_budget(struct admission *a, struct budget *b)
{
    a->purse.budget = b;
}

struct admission *admission_free(struct admission *a)
{
    if (!a)
        return NULL;
    pthread_mutex_destroy(&a->lock);
    share_done(&a->share);
    queues_free(a->queues);
    free(a);
    return NULL;
}

void admission_share(struct admission *a)
{
    size_t i = 0;

    for (i = 0; i < a->config->nmodels; i++)
        limit_share(&a->routes[i].own, &a->share, a->config->models[i].timeout_ms * 1000);
}

/* Lowers the time of the next pump. */
static void wake_at(struct admission *a, int64_t at_us)
{
    if (at_us < __atomic_load_n(&a->next_us, __ATOMIC_RELAXED))
        __atomic_store_n(&a->next_us, at_us, __ATOMIC_RELAXED);
}

void admission_tell_wall(struct admission *a, int64_t now_us, int64_t now_wall_ms)
{
    int64_t less = now_wall_ms - now_us / 1000;

    pthread_mutex_lock(&a->lock);
    /* The clock was set, or the machine slept: a day may have ended in between. */
    if (a->waiting > 0 && llabs(less - a->purse.wall_less_mono_ms) > CLOCK_STEP_MS)
        wake_at(a, now_us);
    a->purse.wall_less_mono_ms = less;
    pthread_mutex_unlock(&a->lock);
}

/* t waits for something that all tasks need. */
static void hold_all(struct admission *a, const struct task *t, enum why w)
{
    a->held.all = w;
    held_by(&a->held, t->usable_routes, w);
}

/* Takes the worst case of t out of the budget. What lacks for all holds up all, what lacks for a tenant only
 * its own tasks. */
static bool reserve_money(struct admission *a, struct task *t, int64_t now_us, uint64_t *blocked)
{
    int64_t at_us = INT64_MAX;

    if (purse_reserve(&a->purse, t, now_us, &at_us))
        return true;
    if (t->money_own) {
        held_by(&a->held, t->usable_routes & ~a->held.rows, WHY_TENANT_BUDGET);
    } else {
        *blocked = UINT64_MAX;
        a->money_out = t->money == BUDGET_OUT;
        hold_all(a, t, a->money_out ? WHY_BUDGET : WHY_BUDGET_RESERVED);
    }
    wake_at(a, at_us);
    return false;
}

/* One decision for one task, with the routes that tasks in front of it wait for left out. Adds to
 * *blocked what this one waits for. */
static int decide(struct admission *a, struct task *t, int64_t now_us, uint64_t *blocked)
{
    struct select_input in = {.config = a->config,
                              .routes = a->routes,
                              .blocked_routes = *blocked,
                              .tokens = t->reserved_tokens,
                              .now_us = now_us};
    uint64_t wanted = 0;
    int64_t at_us = INT64_MAX;
    int route = -1;
    int r = 0;

    t->money = BUDGET_GO;
    t->money_own = false;
    if (a->calls >= a->config->pool.max_calls) {
        *blocked = UINT64_MAX; /* until a call ends */
        hold_all(a, t, WHY_MAX_CALLS);
        return SELECT_WAIT;
    }
    if (!reserve_money(a, t, now_us, blocked))
        return SELECT_WAIT;
    r = select_route(&in, t, &a->rng, &route, &at_us, &wanted);
    if (r != SELECT_GO)
        purse_settle(&a->purse, t, false, 0);
    if (r == SELECT_GO) {
        t->route = route;
        t->reserved_us = now_us;
        t->probe = a->routes[route].breaker.probing;
        a->routes[route].running++;
        learn_start(&a->routes[route].learn, t->reserved_tokens, now_us, &t->mark);
        a->routes[route].pace.asked_us = now_us;
        a->calls++;
    } else if (r == SELECT_WAIT) {
        *blocked |= wanted;
        wake_at(a, at_us);
        held_said(&a->held, wanted);
    }
    return r;
}

/* t is out of the queues, or was never in. */
static void stand_aside(struct admission *a, struct task *t)
{
    t->wait_queue = ASIDE;
    list_push(&a->aside, &t->node);
    a->naside++;
    held_aside(&a->held, t->usable_routes);
}

static void enqueue(struct admission *a, struct task *t, int decision)
{
    task_set_state(t, TASK_WAITING);
    a->waiting++;
    if (decision == SELECT_LATER) {
        stand_aside(a, t);
        return;
    }
    queues_push(a->queues, t);
    if (t->money_own)
        queues_leave_out(a->queues, t);
}

void admission_dequeue(struct admission *a, struct task *t, enum task_state to)
{
    if (t->wait_queue == ASIDE) {
        list_remove(&t->node);
        if (--a->naside == 0)
            held_back(&a->held);
    } else {
        queues_remove(a->queues, t);
    }
    a->waiting--;
    task_set_state(t, to);
}

/* Acts on the decision for the one whose turn it is. What goes, or never can, is appended to *out. */
static void pump_one(struct admission *a, struct task *t, int decision, struct list_node *out)
{
    switch (decision) {
    case SELECT_WAIT:
        if (t->money_own)
            queues_leave_out(a->queues, t);
        else
            queues_put_off(a->queues, t);
        return;
    case SELECT_LATER:
        queues_remove(a->queues, t);
        stand_aside(a, t);
        return;
    case SELECT_GO:
        queues_had_turn(a->queues, t);
        break;
    default:
        t->route = -1;
        break;
    }
    admission_dequeue(a, t, TASK_INBOX);
    list_push(out, &t->node);
}

static void pump_all(struct admission *a, int64_t now_us, struct list_node *out)
{
    struct task *t = NULL;
    uint64_t blocked = 0;

    __atomic_store_n(&a->next_us, INT64_MAX, __ATOMIC_RELAXED);
    if (a->waiting == 0)
        return;
    a->money_out = false;
    held_begin(&a->held);
    queues_look(a->queues);
    while (blocked != UINT64_MAX && (t = queues_next(a->queues, blocked)))
        pump_one(a, t, decide(a, t, now_us, &blocked), out);
    held_end(&a->held, blocked == UINT64_MAX ? queues_claims(a->queues, 0) : 0, now_us);
}

/* One decision for a newcomer. It may take no route that others wait for, and not overtake its own. */
static int decide_new(struct admission *a, struct task *t, int64_t now_us, uint64_t claims)
{
    uint64_t blocked = claims;
    int r = SELECT_WAIT;

    t->money_own = false;
    if (!(t->usable_routes & ~claims) || (a->waiting > 0 && queues_is_behind(a->queues, t)))
        return SELECT_WAIT;
    r = decide(a, t, now_us, &blocked);
    if (r == SELECT_GO && a->waiting > 0)
        queues_passed(a->queues, t);
    return r;
}

int admission_enter(struct admission *a, struct task *t, int64_t now_us)
{
    uint64_t claims = 0;
    int r = SELECT_WAIT;

    admission_leave_small(a, t);
    t->usable_routes = purse_value(&a->purse, a->config, t, select_candidates(a->config, t));
    if (!t->usable_routes)
        return ADMISSION_NEVER;
    t->reserved_tokens = select_estimate(a->config, t);
    pthread_mutex_lock(&a->lock);
    claims = a->waiting > 0 ? queues_claims(a->queues, t->topic_priority) : 0;
    r = decide_new(a, t, now_us, claims);
    if (r == SELECT_WAIT || r == SELECT_LATER)
        enqueue(a, t, r);
    /* A claim may be wider than what its task can use: the first of a lane has it looked at. */
    if (r == SELECT_WAIT && (t->usable_routes & claims) && queues_is_alone(a->queues, t))
        wake_at(a, now_us);
    held_now(&a->held, a->waiting > 0, now_us);
    pthread_mutex_unlock(&a->lock);
    if (r == SELECT_WAIT || r == SELECT_LATER)
        return ADMISSION_WAITS;
    return r == SELECT_GO ? ADMITTED : ADMISSION_NEVER;
}

/* What a failure means for one of the rows that it concerns. */
static void route_failed(struct admission *a, int row, enum error_class class,
                         const struct retry_verdict *v, int64_t now_us)
{
    struct breaker *b = &a->routes[row].breaker;
    int64_t until_us = b->open_until_us;

    if (v->effect == ROUTE_OFF)
        a->off_class[row] = class;
    breaker_failure(b, v->effect, v->cool_until_us, a->config->router.allowed_fails,
                    a->config->router.cooldown_ms * 1000, now_us);
    if (b->open_until_us <= now_us || b->open_until_us == until_us)
        return;
    a->cool_class[row] = class;
    b->why = why_resting(class);
    a->cooldowns[row] += until_us <= now_us; /* else it only became longer */
}

/* The rows that a failure of `row` concerns. When a second model of a server is overloaded, the server is. */
static uint64_t concerned(const struct admission *a, int row, enum error_class class,
                          int64_t now_us)
{
    uint64_t set = scope_rows(a->config, row, class);
    uint64_t server = class == CLASS_OVERLOAD ? scope_server(a->config, row) : 0;
    size_t i = 0;

    for (i = 0; i < a->config->nmodels; i++) {
        if ((server & ~set) >> i & 1 && a->cool_class[i] == CLASS_OVERLOAD &&
            a->routes[i].breaker.open_until_us > now_us)
            return server;
    }
    return set;
}

/* The other rows rest as well, those that cool already until the later of both times; a probe of theirs that is
 * running goes on. Failures are counted for the called row alone. */
static void spread(struct admission *a, int row, enum error_class class,
                   const struct retry_verdict *v, int64_t now_us)
{
    uint64_t set = concerned(a, row, class, now_us);
    size_t i = 0;

    if (v->effect != ROUTE_PAUSE && v->effect != ROUTE_COOL && v->effect != ROUTE_OFF)
        return;
    for (i = 0; i < a->config->nmodels; i++) {
        struct breaker *b = &a->routes[i].breaker;
        bool probing = b->probing;

        if ((int)i == row || !(set >> i & 1))
            continue;
        b->probing = false;
        route_failed(a, (int)i, class, v, now_us);
        b->probing = probing;
    }
}

/* Tells what the route bears. */
static void report_load(struct admission *a, struct route *r, const struct task *t,
                        const struct admission_end *end, int64_t now_us)
{
    bool refused = end->sent && !end->ok &&
                   (t->last_class == CLASS_RATE_LIMIT || t->last_class == CLASS_OVERLOAD);
    enum learn_end how = end->ok ? LEARN_SERVED : refused ? LEARN_REFUSED : LEARN_NOTHING;

    learn_end(&r->learn, a->config->router.learn_limits ? how : LEARN_NOTHING, &t->mark, now_us);
    if (end->said && a->config->router.learn_limits)
        learn_headers(&r->learn, end->said, &t->mark, now_us);
}

/* Tells the breaker. While another task's probe is running, this call is one of those that were on their
 * way when the route opened: it says nothing about the probe, which goes on. */
static void report(struct admission *a, const struct task *t, const struct admission_end *end,
                   int64_t now_us)
{
    struct route *r = &a->routes[t->route];
    bool probing = r->breaker.probing;
    bool late = probing && !t->probe;

    report_load(a, r, t, end, now_us);
    if (late)
        r->breaker.probing = false;
    if (!end->sent)
        breaker_abandon(&r->breaker);
    else if (end->ok)
        breaker_success(&r->breaker);
    else
        route_failed(a, t->route, t->last_class, end->verdict, now_us);
    if (late)
        r->breaker.probing = true;
    else if (probing && r->breaker.open_until_us == 0)
        learn_restore(&r->learn, now_us);
    if (end->sent && !end->ok)
        spread(a, t->route, t->last_class, end->verdict, now_us);
}

void admission_leave(struct admission *a, struct task *t, const struct admission_end *end,
                     int64_t now_us)
{
    struct limit *l = a->routes[t->route].limit;

    pthread_mutex_lock(&a->lock);
    a->calls -= end->keeps_slot ? 0 : 1;
    a->routes[t->route].running--;
    admission_learn_window(a, t, end);
    if (end->took_us > 0)
        pace_add(&a->routes[t->route].pace, end->took_us, end->work);
    if (!end->sent)
        limit_refund(l, t->reserved_tokens, t->reserved_us);
    else
        limit_settle(l, t->reserved_tokens,
                     end->used_tokens >= 0 ? end->used_tokens : t->reserved_tokens, t->reserved_us,
                     now_us);
    report(a, t, end, now_us);
    purse_settle(&a->purse, t, end->sent, end->cost_usd);
    if (a->waiting > 0)
        wake_at(a, now_us);
    held_now(&a->held, a->waiting > 0, now_us);
    pthread_mutex_unlock(&a->lock);
    t->reserved_tokens = 0;
    t->probe = false;
    t->holds_slot = end->keeps_slot;
}

void admission_stored(struct admission *a, struct task *t, int64_t now_us)
{
    pthread_mutex_lock(&a->lock);
    a->calls--;
    if (a->waiting > 0)
        wake_at(a, now_us);
    pthread_mutex_unlock(&a->lock);
    t->holds_slot = false;
}

void admission_pump(struct admission *a, int64_t now_us, struct list_node *ret)
{
    list_init(ret);
    pthread_mutex_lock(&a->lock);
    pump_all(a, now_us, ret);
    pthread_mutex_unlock(&a->lock);
}

/* Those that stood aside are looked at again, behind those that wait. */
static void bring_back(struct admission *a)
{
    struct list_node *n = NULL;

    held_back(&a->held);
    while ((n = list_pop(&a->aside)))
        queues_push(a->queues, CONTAINER_OF(n, struct task, node));
    a->naside = 0;
}

bool admission_hold(struct admission *a, const struct holding *h, int64_t now_us, int64_t wall_us)
{
    bool changed = false;
    size_t i = 0;

    pthread_mutex_lock(&a->lock);
    for (i = 0; i < a->config->nmodels; i++)
        limit_before_share(&a->routes[i].own, now_us);
    changed = share_set(&a->share, h, now_us, wall_us);
    for (i = 0; changed && i < a->config->nmodels; i++)
        limit_after_share(&a->routes[i].own, now_us);
    if (changed)
        bring_back(a);
    changed = changed && a->waiting > 0;
    if (changed)
        wake_at(a, now_us);
    pthread_mutex_unlock(&a->lock);
    return changed;
}

int64_t admission_next_us(const struct admission *a)
{
    return __atomic_load_n(&a->next_us, __ATOMIC_RELAXED);
}

bool admission_remove(struct admission *a, struct task *t)
{
    bool removed = false;

    pthread_mutex_lock(&a->lock);
    if (t->state == TASK_WAITING) {
        /* Those behind it, or behind its claim, may go now. */
        if (t->wait_queue != ASIDE && queues_is_front(a->queues, t))
            wake_at(a, 0);
        admission_dequeue(a, t, TASK_RUNNING);
        removed = true;
    }
    pthread_mutex_unlock(&a->lock);
    return removed;
}

void admission_flush(struct admission *a, struct list_node *ret)
{
    struct task *t = NULL;

    list_init(ret);
    pthread_mutex_lock(&a->lock);
    bring_back(a);
    queues_look(a->queues);
    while ((t = queues_next(a->queues, 0))) {
        admission_dequeue(a, t, TASK_INBOX);
        t->route = -1;
        list_push(ret, &t->node);
    }
    __atomic_store_n(&a->next_us, INT64_MAX, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&a->lock);
}
