/*
 * store_keeper: keeps the store within its bounds of age and size. Nothing is deleted one by one:
 * RocksDB's compactions ask store_keeper_drops() of every value they pass, so that what has
 * expired goes for free. Once a minute the keeper looks at the size of the tables; when a family
 * is over its bound it takes a sample of creation times, finds the time before which enough bytes
 * were made, and compacts with that cutoff. Every few hours it looks whether enough has expired to
 * be worth a compaction. It must not write: only RocksDB's own compaction changes anything.
 */
#include "io/store_int.h"

#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"

#define ROUND_MS       60000
#define SAMPLES        4096
#define SURVEY_DIGESTS 65536 /* where keys are digests the first ones are as good as any */
#define TARGET         0.8   /* of the bound: room to grow before the next round of work */
#define AGE_EVERY_MS   (6 * 3600 * 1000LL)
#define DEAD_SHARE     0.1 /* of the bytes: then a compaction for age is worth its work */

struct sample {
    int64_t made_wall_ms;
    size_t bytes;
};

/* Reservoir: every entry has the same chance to be in it, whatever their number. */
struct survey {
    enum store_family family;
    const struct store_retention *retention;
    struct rng rng;
    uint64_t seen; /* entries that stay */
    uint64_t looked_at;
    uint64_t bytes, dead_bytes;
    struct sample at[SAMPLES];
};

static int64_t peek(const int64_t *p)
{
    return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static void put(int64_t *p, int64_t v)
{
    __atomic_store_n(p, v, __ATOMIC_RELAXED);
}

/* When a value was made, and when it expires if it says so (else 0). -1: it cannot be decoded. */
static int times_of(enum store_family f, const void *value, size_t len, int64_t *ret_made,
                    int64_t *ret_expires)
{
    struct store_claim claim = {0};
    int r;

    *ret_expires = 0;
    if (f == STORE_COMPLETIONS)
        return codec_completion_times(value, len, ret_made, ret_expires);
    if (f == STORE_OUTCOMES)
        return codec_outcome_time(value, len, ret_made);
    r = codec_get_claim(value, len, &claim);
    *ret_made = claim.wall_ms;
    return r;
}

unsigned char store_keeper_drops(const struct store_retention *r, enum store_family f,
                                 const void *value, size_t len)
{
    int64_t now = peek(&r->now_wall_ms), cutoff = peek(&r->cutoff[f]);
    int64_t max_age_ms = r->max_age_ms[f];
    int64_t made = 0, expires = 0;

    if (now == 0 || times_of(f, value, len, &made, &expires) < 0)
        return 0; /* what cannot be decoded is kept for `cache verify` to show */
    return made < cutoff || (expires && expires <= now) || (max_age_ms && made < now - max_age_ms);
}

static enum walk_action survey_entry(void *arg, const struct store_entry *entry)
{
    struct survey *v = arg;
    struct sample one = {.bytes = entry->key_len + entry->value_len};
    int64_t expires;
    uint64_t place;

    if (v->family != STORE_OUTCOMES && ++v->looked_at > SURVEY_DIGESTS)
        return WALK_STOP;
    v->bytes += one.bytes;
    if (store_keeper_drops(v->retention, v->family, entry->value, entry->value_len)) {
        v->dead_bytes += one.bytes;
        return WALK_GO;
    }
    if (times_of(v->family, entry->value, entry->value_len, &one.made_wall_ms, &expires) < 0)
        return WALK_GO;
    place = v->seen < SAMPLES ? v->seen : rng_below(&v->rng, v->seen + 1);
    if (place < SAMPLES)
        v->at[place] = one;
    v->seen++;
    return WALK_GO;
}

static int by_time(const void *a, const void *b)
{
    const struct sample *x = a, *y = b;

    return (x->made_wall_ms > y->made_wall_ms) - (x->made_wall_ms < y->made_wall_ms);
}

/* The time before which `share` of the bytes were made; 0: nothing was seen. */
static int64_t survey_cutoff(struct survey *v, double share)
{
    size_t n = v->seen < SAMPLES ? (size_t)v->seen : SAMPLES;
    double total = 0, sum = 0;

    qsort(v->at, n, sizeof v->at[0], by_time);
    for (size_t i = 0; i < n; i++)
        total += (double)v->at[i].bytes;
    for (size_t i = 0; i < n; i++) {
        sum += (double)v->at[i].bytes;
        if (sum >= share * total)
            return v->at[i].made_wall_ms + 1;
    }
    return 0;
}

/* Takes minutes in a large store. What is written meanwhile is compacted beside it: by default RocksDB lets its tables
 * pile up, and slows down the writer, and with it the pool, from the twentieth on. */
static void compact(struct store *s, enum store_family f)
{
    rocksdb_compactoptions_t *o = rocksdb_compactoptions_create();

    rocksdb_compactoptions_set_exclusive_manual_compaction(o, 0);
    pthread_rwlock_rdlock(&s->db_lock);
    if (s->handles.db)
        rocksdb_compact_range_cf_opt(s->handles.db, s->handles.family[f], o, NULL, 0, NULL, 0);
    pthread_rwlock_unlock(&s->db_lock);
    rocksdb_compactoptions_destroy(o);
}

/* NULL: the store could not be read, or is closing. */
static struct survey *survey_make(struct store *s, enum store_family f, int64_t now_wall_ms)
{
    CLEANUP_FREE struct survey *v = mem_alloc(sizeof *v);

    v->family = f;
    v->retention = &s->retention;
    v->rng.state = (uint64_t)now_wall_ms;
    if (store_walk(s, f, NULL, 0, survey_entry, v, NULL, NULL) < 0)
        return NULL;
    return STEAL(v);
}

static void drop_oldest(struct store *s, enum store_family f, uint64_t bytes, int64_t now_wall_ms)
{
    static const char *const names[STORE_FAMILIES] = {"completions", "outcomes", "claims"};
    CLEANUP_FREE struct survey *v = survey_make(s, f, now_wall_ms);
    double share = 1 - TARGET * (double)s->conf.max_bytes[f] / (double)bytes;
    int64_t cutoff;

    if (!v)
        return;
    cutoff = survey_cutoff(v, share);
    put(&s->retention.cutoff[f], cutoff);
    compact(s, f);
    put(&s->retention.cutoff[f], 0);
    log_info("store trimmed", "family=%s bytes=%llu bound=%lld now=%llu", names[f],
             (unsigned long long)bytes, (long long)s->conf.max_bytes[f],
             (unsigned long long)store_family_bytes(s, f));
}

/* Overwritten, forgotten and expired values still take room in the tables until they are
 * compacted: only what is over the bound after that is taken from the living. */
static void keep_size(struct store *s, enum store_family f, int64_t now_wall_ms)
{
    uint64_t most = (uint64_t)s->conf.max_bytes[f];

    if (most == 0 || store_family_bytes(s, f) <= most)
        return;
    compact(s, f);
    if (store_family_bytes(s, f) > most)
        drop_oldest(s, f, store_family_bytes(s, f), now_wall_ms);
}

static void keep_age(struct store *s, enum store_family f, int64_t now_wall_ms)
{
    CLEANUP_FREE struct survey *v = survey_make(s, f, now_wall_ms);

    if (v && v->dead_bytes > 0 && (double)v->dead_bytes >= DEAD_SHARE * (double)v->bytes)
        compact(s, f);
}

void store_maintain(struct store *s, int64_t now_wall_ms)
{
    bool age = now_wall_ms >= s->age_next_wall_ms;

    put(&s->retention.now_wall_ms, now_wall_ms);
    if (age)
        s->age_next_wall_ms = now_wall_ms + AGE_EVERY_MS;
    for (int f = 0; f < STORE_FAMILIES; f++) {
        keep_size(s, (enum store_family)f, now_wall_ms);
        if (age)
            keep_age(s, (enum store_family)f, now_wall_ms);
    }
}

/* False: the store is closing. */
static bool wait_for_round(struct store *s)
{
    int64_t end_us = clock_mono_us() + ROUND_MS * 1000LL;
    struct timespec end = {.tv_sec = end_us / 1000000, .tv_nsec = end_us % 1000000 * 1000};
    bool stopping;

    pthread_mutex_lock(&s->lock);
    while (!s->stopping && clock_mono_us() < end_us)
        pthread_cond_timedwait(&s->pause, &s->lock, &end);
    stopping = s->stopping;
    pthread_mutex_unlock(&s->lock);
    return !stopping;
}

static void *keeper_main(void *arg)
{
    struct store *s = arg;

    while (wait_for_round(s))
        store_maintain(s, clock_wall_ms());
    return NULL;
}

int store_keeper_start(struct store *s, struct err *e)
{
    if (pthread_create(&s->keeper, NULL, keeper_main, s) != 0)
        return err_set(e, EX_OSERR, "cannot start the store's keeper thread");
    pthread_setname_np(s->keeper, "store-keeper");
    s->keeper_runs = true;
    return 0;
}

void store_keeper_stop(struct store *s)
{
    if (s->keeper_runs)
        pthread_join(s->keeper, NULL);
}
