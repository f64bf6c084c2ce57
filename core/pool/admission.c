/*
 * admission: queues of waiting tasks in front of the routes; see admission.h. It must not call out while
 * its lock is held: what it lets go is handed back as a list.
 *
 * Whose turn it is among those that wait is the queues' to say. Tasks that are larger than this worker's share of
 * a limit stand aside, in no one's way, until the share changes, or calls turn out to be smaller than estimated.
 */
#include "pool/admission_int.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "policy/rank.h"
#include "policy/scope.h"
#include "pool/reserve.h"

#define CLOCK_STEP_MS 1000
#define BODIES_KEPT   4096    /* tasks that may wait before a newcomer's body is given back */
#define ASIDE_US      5000000 /* between two looks at those that stand aside */
#define ASIDE         (-1)    /* t->wait_queue of a task that stands aside */
#define RETRIES       (-2)    /* and of one that waits for the retry budget */

static uint64_t rows_of_limit(const struct admission *a, const struct limit *l)
{
    uint64_t set = 0;
    size_t i = 0;

    for (i = 0; i < a->config->nmodels; i++)
        set |= (uint64_t)(a->routes[i].limit == l) << i;
    return set;
}

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
    retries_init(&a->retries, c->router.retry_budget);
    for (i = 0; i < c->nmodels; i++) {
        const struct model *m = &c->models[i];
        struct limit_max max = limit_max_of(m);

        a->routes[i].model = m;
        a->routes[i].seed = rank_seed(m);
        a->routes[i].limit = &a->routes[scope_limit(c, (int)i)].own;
        limit_init(&a->routes[i].own, &max);
        estimate_init(&a->routes[i].estimate, m);
    }
    for (i = 0; i < c->nmodels; i++)
        a->routes[i].limit_rows = rows_of_limit(a, a->routes[i].limit);
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

/* The longest call on the rows that share this limit. */
static int64_t longest_call_us(const struct admission *a, const struct limit *l)
{
    int64_t ms = 0;
    size_t i = 0;

    for (i = 0; i < a->config->nmodels; i++) {
        if (a->routes[i].limit == l && a->config->models[i].timeout_ms > ms)
            ms = a->config->models[i].timeout_ms;
    }
    return ms * 1000;
}

void admission_share(struct admission *a)
{
    size_t i = 0;

    for (i = 0; i < a->config->nmodels; i++) {
        struct limit *l = &a->routes[i].own;

        limit_share(l, &a->share, longest_call_us(a, l));
    }
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
                              .need = {t->estimated_tokens, t->estimated_output},
                              .now_us = now_us};
    uint64_t wanted = 0;
    int64_t at_us = INT64_MAX;
    bool stopped = false; /* it cannot go, and the money for it is of use to others */
    int route = -1;
    int r = 0;

    t->money = BUDGET_GO;
    t->money_own = false;
    if (a->calls >= a->config->pool.max_calls) {
        *blocked = UINT64_MAX; /* until a call ends */
        hold_all(a, t, WHY_MAX_CALLS);
        return SELECT_WAIT;
    }
    stopped = !(t->usable_routes & ~a->stopped);
    if (!stopped && !reserve_money(a, t, now_us, blocked))
        return SELECT_WAIT;
    r = select_route(&in, t, &a->rng, &route, &at_us, &wanted);
    if (r != SELECT_GO && !stopped)
        purse_settle(&a->purse, t, false, 0);
    if (r == SELECT_GO) {
        t->route = route;
        reserve_note(&a->routes[route], t, now_us);
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

/* Retries that the budget pays for now join those that wait for their routes. */
static void release_retries(struct admission *a, int64_t now_us)
{
    struct task *t = NULL;
    int64_t at_us = INT64_MAX;

    while ((t = retries_pop(&a->retries, now_us, &at_us)))
        queues_push(a->queues, t);
    if (a->retries.count > 0) {
        t = CONTAINER_OF(a->retries.tasks.next, struct task, node);
        held_by(&a->held, t->usable_routes, WHY_RETRY_BUDGET);
    }
    wake_at(a, at_us);
}

static void wait_for_retry(struct admission *a, struct task *t, int64_t now_us)
{
    task_set_state(t, TASK_WAITING);
    a->waiting++;
    t->wait_queue = RETRIES;
    retries_push(&a->retries, t);
    wake_at(a, now_us);
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

/* The body of a task that will wait for long: the record has it, too, in a third of the memory. To be freed, without
 * the lock. Of a short wait it is kept, since reading it again takes longer than that. */
static struct json_object *take_body(struct admission *a, struct task *t)
{
    return a->waiting > BODIES_KEPT ? STEAL(t->body) : NULL;
}

static void dequeue(struct admission *a, struct task *t, enum task_state to)
{
    if (t->wait_queue == ASIDE) {
        list_remove(&t->node);
        if (--a->naside == 0)
            held_back(&a->held);
    } else if (t->wait_queue == RETRIES) {
        retries_remove(&a->retries, t);
    } else {
        queues_remove(a->queues, t);
    }
    a->waiting--;
    task_set_state(t, to);
}

void admission_dequeue(struct admission *a, struct task *t, enum task_state to)
{
    dequeue(a, t, to);
    if (retries_drop(&a->retries, t))
        wake_at(a, 0);
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
        dequeue(a, t, TASK_INBOX);
        break;
    default:
        t->route = -1;
        admission_dequeue(a, t, TASK_INBOX);
        break;
    }
    list_push(out, &t->node);
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

/* A call may have shown that they are smaller than they seemed. All of them are looked at, so not each time. */
static void look_aside(struct admission *a, int64_t now_us)
{
    if (a->naside == 0 || !a->learned)
        return;
    if (now_us < a->aside_us + ASIDE_US) {
        wake_at(a, a->aside_us + ASIDE_US);
        return;
    }
    a->learned = false;
    a->aside_us = now_us;
    bring_back(a);
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
    release_retries(a, now_us);
    look_aside(a, now_us);
    queues_look(a->queues);
    while (blocked != UINT64_MAX && (t = queues_next(a->queues, blocked)))
        pump_one(a, t, decide(a, t, now_us, &blocked), out);
    held_end(&a->held, blocked == UINT64_MAX ? queues_claims(a->queues, 0) : 0, now_us);
}

/* What newcomers may not take: the rows that others wait for, and those with a limit that lacks there. */
static uint64_t claims_on(const struct admission *a, int topic_priority)
{
    uint64_t claims = queues_claims(a->queues, topic_priority);
    uint64_t set = claims;
    size_t i = 0;

    for (i = 0; claims && i < a->config->nmodels; i++) {
        if ((claims >> i & 1) && why_limits(a->routes[i].said))
            set |= a->routes[i].limit_rows;
    }
    return set;
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
    CLEANUP_JSON struct json_object *body = NULL;
    uint64_t claims = 0;
    int r = SELECT_WAIT;

    admission_leave_small(a, t);
    t->usable_routes = purse_value(&a->purse, a->config, t, select_candidates(a->config, t));
    if (!t->usable_routes)
        return ADMISSION_NEVER;
    reserve_estimate(a->config, t);
    pthread_mutex_lock(&a->lock);
    if (!retries_take(&a->retries, t, now_us)) {
        wait_for_retry(a, t, now_us);
        body = take_body(a, t);
        pthread_mutex_unlock(&a->lock);
        return ADMISSION_WAITS;
    }
    claims = a->waiting > 0 ? claims_on(a, t->topic_priority) : 0;
    r = decide_new(a, t, now_us, claims);
    if (r == SELECT_WAIT || r == SELECT_LATER)
        enqueue(a, t, r);
    /* A claim may be wider than what its task can use, and whose turn it was may need more than this one: the first of
     * a lane has it looked at. */
    if (r == SELECT_WAIT && (t->usable_routes & claims) && queues_is_first(a->queues, t))
        wake_at(a, now_us);
    /* Money lacks for the one that it goes before, perhaps not for this one. */
    if (r == SELECT_WAIT && !t->money_own && queues_leads_left_out(a->queues, t))
        wake_at(a, now_us);
    if (r == SELECT_NONE && retries_drop(&a->retries, t))
        wake_at(a, now_us);
    held_now(&a->held, a->waiting > 0, now_us);
    if (r == SELECT_WAIT || r == SELECT_LATER)
        body = take_body(a, t);
    pthread_mutex_unlock(&a->lock);
    if (r == SELECT_WAIT || r == SELECT_LATER)
        return ADMISSION_WAITS;
    return r == SELECT_GO ? ADMITTED : ADMISSION_NEVER;
}

void admission_leave(struct admission *a, struct task *t, const struct admission_end *end,
                     int64_t now_us)
{
    pthread_mutex_lock(&a->lock);
    a->calls -= end->keeps_slot ? 0 : 1;
    a->routes[t->route].running--;
    admission_learn_window(a, t, end);
    if (end->took_us > 0)
        pace_add(&a->routes[t->route].pace, end->took_us, end->work);
    reserve_end(&a->routes[t->route], t, end, now_us);
    a->learned |= end->used_tokens >= 0;
    retries_settle(&a->retries, t, end);
    admission_report(a, t, end, now_us);
    purse_settle(&a->purse, t, end->sent, end->cost_usd);
    if (a->waiting > 0)
        wake_at(a, now_us);
    held_now(&a->held, a->waiting > 0, now_us);
    pthread_mutex_unlock(&a->lock);
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
        if (t->wait_queue >= 0 && queues_is_front(a->queues, t))
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
    while (a->retries.count > 0) {
        t = CONTAINER_OF(a->retries.tasks.next, struct task, node);
        retries_remove(&a->retries, t);
        queues_push(a->queues, t);
    }
    queues_look(a->queues);
    while ((t = queues_next(a->queues, 0))) {
        admission_dequeue(a, t, TASK_INBOX);
        t->route = -1;
        list_push(ret, &t->node);
    }
    __atomic_store_n(&a->next_us, INT64_MAX, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&a->lock);
}
