/*
 * pool: starts and stops the workers, and the entry points that other threads use. What is done with a
 * task is in steps.c and call.c.
 */
#include "pool/pool.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "pool/spans.h"

#define RESPONSE_HEADERS_MAX 16384
#define SETTLE_MS            5000

static int worker_init(struct worker *w, struct pool *p, unsigned index, struct err *e)
{
    const struct config *c = p->config;
    struct http_conf conf = {.max_calls = (int)c->pool.max_calls,
                             .response_max = (size_t)c->limits.response_bytes,
                             .headers_max = RESPONSE_HEADERS_MAX};

    w->pool = p;
    w->index = index;
    pthread_mutex_init(&w->lock, NULL);
    pthread_mutex_init(&w->shown_lock, NULL);
    list_init(&w->inbox);
    list_init(&w->out);
    list_init(&w->ops);
    list_init(&w->busy);
    list_init(&w->idle);
    if (p->by_key)
        claim_init(w);
    w->routes = mem_array(c->nmodels + 1, sizeof *w->routes);
    w->shown_routes = mem_array(c->nmodels + 1, sizeof *w->shown_routes);
    w->sha = sha256_new();
    buf_init(&w->scratch, (size_t)c->limits.record_bytes * 8);
    w->rng.state = (uint64_t)clock_mono_us() * (index + 1);
    w->http = http_new(&conf, e);
    return w->http ? spans_init(w, e) : -1;
}

static void worker_done(struct worker *w)
{
    struct list_node *n = NULL;

    if (!w->sha)
        return;
    http_free(w->http);
    while ((n = list_pop(&w->idle)))
        free(CONTAINER_OF(n, struct call, node));
    heap_done(&w->delays);
    free(w->claims);
    free(w->routes);
    free(w->shown_routes);
    sha256_free(w->sha);
    buf_done(&w->scratch);
    pthread_mutex_destroy(&w->lock);
    pthread_mutex_destroy(&w->shown_lock);
}

static struct pool *pool_destroy(struct pool *p)
{
    unsigned i = 0;

    for (i = 0; i < p->nworkers; i++)
        worker_done(&p->workers[i]);
    admission_free(p->admission);
    budget_free(p->budget);
    flights_free(p->flights);
    free(p->workers);
    spans_routes_free(p->span_routes, p->config->nmodels);
    free(p);
    return NULL;
}

static void stop_workers(struct pool *p)
{
    unsigned i = 0;

    __atomic_store_n(&p->stopping, true, __ATOMIC_RELEASE);
    for (i = 0; i < p->nworkers; i++) {
        if (!p->workers[i].started)
            continue;
        http_wake(p->workers[i].http);
        pthread_join(p->workers[i].thread, NULL);
        p->workers[i].started = false;
    }
}

static unsigned worker_count(const struct config *c)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (c->pool.workers > 0)
        return (unsigned)c->pool.workers;
    return cores > 0 ? (unsigned)cores : 1;
}

/* The wall clock decides when a budget's day ends. */
static void tell_wall(struct pool *p)
{
    admission_tell_wall(p->admission, clock_mono_us(), clock_wall_ms());
}

static int open_budget(struct pool *p, struct budget_book *book, struct err *e)
{
    if (!budget_wanted(p->config))
        return 0;
    p->budget = budget_new(p->config, book, clock_wall_ms(), e);
    if (!p->budget)
        return -1;
    admission_set_budget(p->admission, p->budget);
    tell_wall(p);
    return 0;
}

struct pool *pool_new(const struct pool_setup *setup, struct err *e)
{
    struct pool *p = mem_alloc(sizeof *p);
    unsigned i = 0;

    p->config = setup->config;
    p->source_is = WHY_INPUT;
    p->store = setup->store;
    p->sink = setup->sink;
    p->source = setup->source;
    p->traces = setup->traces;
    if (p->traces)
        p->span_routes = spans_routes(p->config);
    p->by_key = p->config->dedupe && strcmp(p->config->dedupe, "task_id") == 0;
    p->nworkers = worker_count(p->config);
    p->workers = mem_array(p->nworkers, sizeof *p->workers);
    p->admission = admission_new(p->config, (uint64_t)clock_mono_us());
    if (open_budget(p, setup->book, e) < 0)
        return pool_destroy(p);
    p->shared = setup->shared;
    if (p->shared)
        admission_share(p->admission);
    p->flights = flights_new((size_t)p->config->pool.max_in_flight);
    for (i = 0; i < p->nworkers; i++) {
        if (worker_init(&p->workers[i], p, i, e) < 0)
            return pool_destroy(p);
    }
    for (i = 0; i < p->nworkers; i++) {
        if (pthread_create(&p->workers[i].thread, NULL, worker_main, &p->workers[i]) != 0) {
            err_set(e, 71, "cannot start worker thread %u: the limit of threads is reached", i);
            stop_workers(p);
            return pool_destroy(p);
        }
        p->workers[i].started = true;
    }
    return p;
}

static int64_t room_now(const struct pool *p)
{
    int64_t used = __atomic_load_n(&p->in_flight, __ATOMIC_SEQ_CST);
    int64_t room = p->config->pool.max_in_flight - used;

    return room > 0 && !pool_is_draining(p) && !store_failing(p->store) ? room : 0;
}

int64_t pool_room(const struct pool *p)
{
    int64_t room = room_now(p);

    if (room > 0)
        return room;
    __atomic_store_n(&((struct pool *)p)->was_full, true, __ATOMIC_SEQ_CST);
    return room_now(p); /* a release between the two lines has not seen was_full */
}

void pool_tell_room(struct pool *p)
{
    if (!p->source || !p->source->room || !__atomic_load_n(&p->was_full, __ATOMIC_SEQ_CST))
        return;
    if (room_now(p) < p->config->pool.max_in_flight - p->config->pool.max_in_flight / 2)
        return;
    if (__atomic_exchange_n(&p->was_full, false, __ATOMIC_SEQ_CST))
        p->source->room(p->source);
}

/* Tasks of which one may repeat the other have to meet: claim.c. */
static unsigned worker_for(struct pool *p, const struct task *t)
{
    uint32_t h = 2166136261U;

    if (!p->by_key || t->key_len == 0)
        return __atomic_fetch_add(&p->next_worker, 1, __ATOMIC_RELAXED) % p->nworkers;
    for (size_t i = 0; i < t->key_len; i++)
        h = (h ^ (uint8_t)t->key[i]) * 16777619U;
    return (h ^ h >> 16) % p->nworkers;
}

void pool_submit(struct pool *p, struct list_node *tasks)
{
    struct list_node *n = NULL;
    int64_t count = 0;

    for (n = tasks->next; n != tasks; n = n->next) {
        struct task *t = CONTAINER_OF(n, struct task, node);

        t->worker = worker_for(p, t);
        t->step = STEP_BEGIN;
        task_set_state(t, TASK_INBOX);
        count++;
    }
    __atomic_add_fetch(&p->in_flight, count, __ATOMIC_RELAXED);
    __atomic_add_fetch(&p->unfinished, count, __ATOMIC_RELAXED);
    __atomic_add_fetch(&p->submitted, count, __ATOMIC_RELAXED);
    worker_post(p, tasks);
}

void pool_cancel(struct pool *p, struct task *t)
{
    struct worker *w = &p->workers[t->worker];

    atomic_store(&t->cancelled, true);
    __atomic_store_n(&w->cancels, true, __ATOMIC_RELEASE);
    if (!__atomic_load_n(&p->stopping, __ATOMIC_ACQUIRE))
        http_wake(w->http);
}

void pool_release(struct pool *p, int64_t n)
{
    __atomic_sub_fetch(&p->in_flight, n, __ATOMIC_SEQ_CST);
    pool_tell_room(p);
}

void pool_hold(struct pool *p, const struct holding *h)
{
    int64_t now_us = clock_mono_us();

    if (!p->shared || !admission_hold(p->admission, h, now_us, clock_wall_ms() * 1000))
        return;
    if (!__atomic_load_n(&p->stopping, __ATOMIC_ACQUIRE))
        http_wake(p->workers[0].http);
}

void pool_stop_rows(struct pool *p, uint64_t rows)
{
    if (admission_stop(p->admission, rows, clock_mono_us()) &&
        !__atomic_load_n(&p->stopping, __ATOMIC_ACQUIRE))
        http_wake(p->workers[0].http);
}

int64_t pool_unfinished(const struct pool *p)
{
    return __atomic_load_n(&p->unfinished, __ATOMIC_ACQUIRE);
}

void pool_drain(struct pool *p)
{
    unsigned i = 0;

    if (__atomic_load_n(&p->stopping, __ATOMIC_ACQUIRE))
        return;
    __atomic_store_n(&p->draining, true, __ATOMIC_RELEASE);
    for (i = 0; i < p->nworkers; i++)
        http_wake(p->workers[i].http);
}

int64_t pool_calls(const struct pool *p)
{
    struct admission_view v;

    admission_view(p->admission, clock_mono_us(), &v);
    return v.calls;
}

/*
 * After the workers' threads have ended, this thread does what is left of their work: what the last calls
 * bought is still being written (the store's writer posts to the inboxes), calls that still run are
 * cancelled, and their tasks, with the twins that follow them, are given back.
 */
static void finish_rest(struct pool *p)
{
    unsigned i = 0;

    store_settle(p->store, SETTLE_MS);
    for (i = 0; i < p->nworkers; i++)
        p->workers[i].http = http_free(p->workers[i].http);
    do {
        for (i = 0; i < p->nworkers; i++)
            worker_turn(&p->workers[i]);
        store_settle(p->store, SETTLE_MS);
    } while (pool_unfinished(p) > 0);
}

void pool_stop(struct pool *p)
{
    if (__atomic_load_n(&p->stopping, __ATOMIC_ACQUIRE))
        return;
    __atomic_store_n(&p->draining, true, __ATOMIC_RELEASE);
    stop_workers(p);
    finish_rest(p);
}

struct pool *pool_free(struct pool *p)
{
    if (!p)
        return NULL;
    pool_stop(p);
    return pool_destroy(p);
}

void pool_tell_stage(struct pool *p, int64_t now_us)
{
    int64_t in_flight = __atomic_load_n(&p->in_flight, __ATOMIC_RELAXED);
    int64_t unfinished = __atomic_load_n(&p->unfinished, __ATOMIC_RELAXED);
    struct explain_load load = {.source = __atomic_load_n(&p->source_is, __ATOMIC_RELAXED),
                                .store_failing = store_failing(p->store),
                                .full = !pool_is_draining(p) &&
                                        (in_flight >= p->config->pool.max_in_flight ||
                                         __atomic_load_n(&p->was_full, __ATOMIC_RELAXED)),
                                .unfinished = unfinished,
                                .unpublished = in_flight - unfinished,
                                .storing = __atomic_load_n(&p->storing, __ATOMIC_RELAXED),
                                .delayed = __atomic_load_n(&p->delayed, __ATOMIC_RELAXED)};

    admission_stage(p->admission, &load, now_us);
}

void pool_source_is(struct pool *p, enum why w)
{
    __atomic_store_n(&p->source_is, w, __ATOMIC_RELAXED);
}

void pool_explain(struct pool *p, struct pool_explain *ret)
{
    int64_t now_us = clock_mono_us();

    if (!__atomic_load_n(&p->stopping, __ATOMIC_ACQUIRE))
        pool_tell_stage(p, now_us);
    admission_explain(p->admission, now_us, ret);
}

void pool_stats(struct pool *p, struct pool_stats *ret)
{
    struct admission_view v;
    unsigned i = 0;

    *ret = (struct pool_stats){0};
    for (i = 0; i < p->nworkers; i++) {
        pthread_mutex_lock(&p->workers[i].shown_lock);
        count_add(ret, &p->workers[i].shown);
        pthread_mutex_unlock(&p->workers[i].shown_lock);
    }
    tell_wall(p);
    if (!__atomic_load_n(&p->stopping, __ATOMIC_ACQUIRE))
        pool_tell_stage(p, clock_mono_us());
    admission_view(p->admission, clock_mono_us(), &v);
    ret->budget = v.budget;
    ret->stage = v.stage;
    ret->money_out = v.money_out;
    ret->money_waits = v.money_waits;
    ret->submitted = (uint64_t)__atomic_load_n(&p->submitted, __ATOMIC_RELAXED);
    ret->in_flight = __atomic_load_n(&p->in_flight, __ATOMIC_RELAXED);
    ret->storing = __atomic_load_n(&p->storing, __ATOMIC_RELAXED);
    ret->calling = v.calls;
    ret->waiting = v.waiting;
    ret->stranded = v.stranded;
    ret->large = v.large;
    ret->delayed = __atomic_load_n(&p->delayed, __ATOMIC_RELAXED);
    ret->twins = flights_twins(p->flights);
    for (i = 0; i < p->config->nmodels; i++) {
        ret->route[i].running = v.route[i].running;
        ret->route[i].cooling = v.route[i].cooling;
        ret->route[i].off = v.route[i].off;
        ret->route[i].off_class = v.route[i].off_class;
        ret->route[i].cooling_ms = v.route[i].cooling_us / 1000;
        ret->route[i].why = v.route[i].why;
        ret->route[i].probing = v.route[i].probing;
        ret->route[i].stopped = v.route[i].stopped;
        ret->route[i].cooldowns = v.route[i].cooldowns;
        ret->route[i].cool_class = v.route[i].cool_class;
        memcpy(ret->route[i].used, v.route[i].used, sizeof ret->route[i].used);
    }
}

void pool_routes(struct pool *p, struct pool_route *ret)
{
    memset(ret, 0, p->config->nmodels * sizeof *ret);
    for (unsigned i = 0; i < p->nworkers; i++) {
        pthread_mutex_lock(&p->workers[i].shown_lock);
        for (size_t k = 0; k < p->config->nmodels; k++)
            count_add_route(&ret[k], &p->workers[i].shown_routes[k]);
        pthread_mutex_unlock(&p->workers[i].shown_lock);
    }
}

bool pool_budget(struct pool *p, struct budget_view *ret)
{
    struct admission_view v;

    tell_wall(p);
    admission_view(p->admission, clock_mono_us(), &v);
    *ret = v.budget;
    return v.money_out;
}

bool pool_refused(struct pool *p, enum error_class *ret)
{
    struct admission_view v;
    size_t i = 0;

    admission_view(p->admission, clock_mono_us(), &v);
    *ret = CLASS_QUOTA;
    for (i = 0; i < p->config->nmodels; i++) {
        if (!v.route[i].off)
            return false;
        if (*ret == CLASS_QUOTA)
            *ret = v.route[i].off_class;
    }
    return p->config->nmodels > 0;
}
