/* pool_rig: a pool with a real store in a directory of its own, and a sink that keeps what comes out. Knows
 * no test framework: the race program uses it as well. */
#ifndef SLUICE_TESTS_POOL_RIG_H
#define SLUICE_TESTS_POOL_RIG_H

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "../io/store_fixture.h"
#include "base/clock.h"
#include "io/http.h"
#include "pool/pool.h"
#include "providers/providers.h"
#include "task/record.h"

struct rig {
    struct sink sink;
    struct source source;
    struct config *config;
    char *dir;
    struct store *store;
    struct pool *pool;
    pthread_mutex_t lock; /* for all below */
    pthread_cond_t came;
    struct list_node out;
    int64_t nout;
    int rooms; /* calls of source.room */
};

static inline void rig_put(struct sink *s, struct list_node *tasks)
{
    struct rig *r = CONTAINER_OF(s, struct rig, sink);
    struct list_node *n;

    pthread_mutex_lock(&r->lock);
    for (n = tasks->next; n != tasks; n = n->next)
        r->nout++;
    list_splice(&r->out, tasks);
    pthread_cond_broadcast(&r->came);
    pthread_mutex_unlock(&r->lock);
}

static inline void rig_room(struct source *s)
{
    struct rig *r = CONTAINER_OF(s, struct rig, source);

    pthread_mutex_lock(&r->lock);
    r->rooms++;
    pthread_cond_broadcast(&r->came);
    pthread_mutex_unlock(&r->lock);
}

static inline int rig_rooms(struct rig *r)
{
    int n;

    pthread_mutex_lock(&r->lock);
    n = r->rooms;
    pthread_mutex_unlock(&r->lock);
    return n;
}

static inline void rig_open_store(struct rig *r)
{
    struct err e = {0};

    r->store = store_open(r->dir, r->config, &e);
    if (!r->store) {
        fprintf(stderr, "%s\n", e.msg);
        abort();
    }
}

static inline void rig_start(struct rig *r)
{
    struct pool_setup setup = {
        .config = r->config, .store = r->store, .sink = &r->sink, .source = &r->source};
    struct err e = {0};

    r->pool = pool_new(&setup, &e);
    if (!r->pool) {
        fprintf(stderr, "%s\n", e.msg);
        abort();
    }
}

/* yaml: the configuration. */
static inline struct rig *rig_new(const char *yaml)
{
    struct rig *r = mem_alloc(sizeof *r);
    struct err e = {0};

    r->sink.put = rig_put;
    r->source.room = rig_room;
    r->dir = fixture_dir();
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->came, NULL);
    list_init(&r->out);
    if (config_parse(yaml, strlen(yaml), "rig", NULL, NULL, 0, &r->config, &e) < 0 ||
        config_resolve(r->config, providers, vendors, NULL, &e) < 0) {
        fprintf(stderr, "%s\n%s\n", e.msg, yaml);
        abort();
    }
    http_global_init(NULL);
    rig_open_store(r);
    rig_start(r);
    return r;
}

/* The next task that came out, or NULL. */
static inline struct task *rig_take(struct rig *r)
{
    struct list_node *n;

    pthread_mutex_lock(&r->lock);
    n = list_pop(&r->out);
    pthread_mutex_unlock(&r->lock);
    return n ? CONTAINER_OF(n, struct task, node) : NULL;
}

/* Frees the tasks that came out; how many had no reply. */
static inline int64_t rig_clear(struct rig *r)
{
    struct task *t;
    int64_t given_back = 0;

    while ((t = rig_take(r))) {
        given_back += !t->reply;
        task_free(t);
        pool_release(r->pool, 1);
    }
    return given_back;
}

/* Waits until n tasks have come out since the rig was made. False: not within the time. */
static inline bool rig_wait_ms(struct rig *r, int64_t n, int64_t ms)
{
    int64_t end_ms = clock_wall_ms() + ms;
    struct timespec end = {.tv_sec = end_ms / 1000, .tv_nsec = end_ms % 1000 * 1000000};
    bool enough;

    pthread_mutex_lock(&r->lock);
    while (r->nout < n && pthread_cond_timedwait(&r->came, &r->lock, &end) != ETIMEDOUT)
        ;
    enough = r->nout >= n;
    pthread_mutex_unlock(&r->lock);
    return enough;
}

static inline bool rig_wait(struct rig *r, int64_t n)
{
    return rig_wait_ms(r, n, 20000);
}

static inline void rig_pause_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* A task of this record; row > 0: journaled under that number. */
static inline struct task *rig_task(const char *record, int64_t row)
{
    struct task *t = task_new();
    char key[32];
    int n = snprintf(key, sizeof key, "job/%lld", (long long)row);

    t->origin = (struct task_origin){"job", 0, row};
    t->source_u64 = (uint64_t)row;
    t->raw = mem_strdup(record);
    t->raw_len = strlen(record);
    t->received_us = clock_mono_us();
    t->received_wall_ms = clock_wall_ms();
    if (row > 0)
        task_set_journal_key(t, (const uint8_t *)key, (size_t)n);
    record_fingerprint(t);
    return t;
}

static inline void rig_submit(struct rig *r, struct task *t)
{
    struct list_node one;

    list_init(&one);
    list_push(&one, &t->node);
    pool_submit(r->pool, &one);
}

static inline void rig_stop_pool(struct rig *r)
{
    pool_stop(r->pool);
    rig_clear(r);
    r->pool = pool_free(r->pool);
}

static inline void rig_free(struct rig *r)
{
    if (r->pool)
        rig_stop_pool(r);
    store_free(r->store);
    config_free(r->config);
    fixture_remove(r->dir);
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->came);
    free(r);
}

#endif
