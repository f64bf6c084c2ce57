/* store_fixture: a store in a directory of its own, and operations that can be waited for. */
#ifndef SLUICE_TESTS_STORE_FIXTURE_H
#define SLUICE_TESTS_STORE_FIXTURE_H

#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/store.h"

#define MIB ((int64_t)1 << 20)

static inline struct config fixture_config(void)
{
    struct config c = {0};

    c.cache.block_cache_bytes = 8 * MIB;
    c.cache.write_buffer_bytes = 8 * MIB;
    c.limits.reply_bytes = MIB;
    c.limits.response_bytes = MIB;
    return c;
}

static inline char *fixture_dir(void)
{
    char *dir = mem_strdup("/tmp/sluice-store-XXXXXX");

    if (!mkdtemp(dir))
        abort();
    return dir;
}

static inline int fixture_remove_one(const char *path, const struct stat *st, int type,
                                     struct FTW *f)
{
    (void)st, (void)type, (void)f;
    return remove(path);
}

static inline void fixture_remove(char *dir)
{
    nftw(dir, fixture_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(dir);
}

/* A store that cannot be opened ends the program: nothing can be tested without it. */
static inline struct store *fixture_open(const char *dir, const struct config *c)
{
    struct err e = {0};
    struct store *s = store_open(dir, c, &e);

    if (!s) {
        fprintf(stderr, "%s\n", e.msg);
        abort();
    }
    return s;
}

static inline struct completion *fixture_completion(const char *model, const char *body)
{
    struct completion *c = completion_new();

    c->body = mem_strdup(body);
    c->body_len = strlen(body);
    c->usage = (struct usage){10, 4, -1, 7, 2};
    c->finish = FINISH_STOP;
    c->cost_usd = 0.0012;
    c->created_wall_ms = 1000;
    snprintf(c->model, sizeof c->model, "%s", model);
    snprintf(c->provider, sizeof c->provider, "openai");
    snprintf(c->upstream_model, sizeof c->upstream_model, "up-%s", model);
    snprintf(c->request_id, sizeof c->request_id, "req_1");
    return c;
}

/* Spread over all bytes, as digests are. */
static inline void fixture_key(uint64_t i, uint8_t key[SHA256_LEN])
{
    sha256_of(&i, sizeof i, key);
}

/* Text that fills `out` and does not compress. */
static inline void fixture_noise(uint64_t seed, char *out, size_t cap)
{
    uint8_t noise[SHA256_LEN];

    for (size_t n = 0; n + 65 <= cap; n += 64) {
        fixture_key(seed + n, noise);
        sha256_hex(noise, out + n);
    }
}

/* Operations that are waited for together. */
struct acks {
    pthread_mutex_t lock;
    pthread_cond_t done;
    int left;
    int written, abandoned;
};

#define ACKS_INIT                                                                                  \
    {                                                                                              \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0                               \
    }

static inline void acks_done(struct store_op *op)
{
    struct acks *a = op->arg;

    pthread_mutex_lock(&a->lock);
    if (op->abandoned)
        a->abandoned++;
    else
        a->written++;
    if (--a->left == 0)
        pthread_cond_signal(&a->done);
    pthread_mutex_unlock(&a->lock);
}

static inline void acks_submit(struct acks *a, struct store *s, struct store_op *op)
{
    op->done = acks_done;
    op->arg = a;
    pthread_mutex_lock(&a->lock);
    a->left++;
    pthread_mutex_unlock(&a->lock);
    store_submit(s, op);
}

static inline void acks_wait(struct acks *a)
{
    pthread_mutex_lock(&a->lock);
    while (a->left > 0)
        pthread_cond_wait(&a->done, &a->lock);
    pthread_mutex_unlock(&a->lock);
}

static inline int acks_written(struct acks *a)
{
    int n;

    pthread_mutex_lock(&a->lock);
    n = a->written;
    pthread_mutex_unlock(&a->lock);
    return n;
}

/* Stores one completion and waits. */
static inline void fixture_put(struct store *s, const uint8_t key[SHA256_LEN], struct completion *c)
{
    struct acks a = ACKS_INIT;
    struct store_op op = {.completion_key = key, .completion = c};

    acks_submit(&a, s, &op);
    acks_wait(&a);
}

/* The same under the key of a number; takes over the completion. */
static inline void fixture_put_at(struct store *s, uint64_t i, struct completion *c)
{
    uint8_t key[SHA256_LEN];

    fixture_key(i, key);
    fixture_put(s, key, c);
    completion_unref(c);
}

/* The completion under the key of a number; the result of store_get_completion(). */
static inline int fixture_get_at(struct store *s, uint64_t i, int64_t now_wall_ms,
                                 struct completion **ret)
{
    uint8_t key[SHA256_LEN];

    fixture_key(i, key);
    return store_get_completion(s, key, now_wall_ms, ret, NULL);
}

static inline bool fixture_has_at(struct store *s, uint64_t i)
{
    struct completion *c = NULL;

    if (fixture_get_at(s, i, 0, &c) != STORE_FOUND)
        return false;
    completion_unref(c);
    return true;
}

/* Stores one outcome with a fingerprint of sixteen times `mark`, and waits. */
static inline void fixture_put_outcome(struct store *s, const char *key, int mark,
                                       const char *reply, int64_t wall_ms)
{
    struct acks a = ACKS_INIT;
    uint8_t fingerprint[16];
    struct store_op op = {.journal_key = (const uint8_t *)key,
                          .journal_key_len = strlen(key),
                          .fingerprint = fingerprint,
                          .ok = true,
                          .status = 200,
                          .reply = reply,
                          .reply_len = strlen(reply),
                          .wall_ms = wall_ms};

    memset(fingerprint, mark, sizeof fingerprint);
    acks_submit(&a, s, &op);
    acks_wait(&a);
}

/* As store_get_outcome() says; the reply is compared when it was found. */
static inline int fixture_has_outcome(struct store *s, const char *key, int mark, const char *reply)
{
    uint8_t fingerprint[16];
    struct outcome o;
    int r;

    memset(fingerprint, mark, sizeof fingerprint);
    r = store_get_outcome(s, (const uint8_t *)key, strlen(key), fingerprint, &o, NULL);
    if (r != STORE_FOUND)
        return r;
    if (!o.ok || o.status != 200 || o.reply_len != strlen(reply) || strcmp(o.reply, reply) != 0)
        r = -2;
    free(o.reply);
    return r;
}

#endif
