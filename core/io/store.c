/*
 * store: opens and closes the database and answers lookups. Writing is in store_writer.c, the
 * bounds in store_keeper.c. A value that cannot be read back is counted and treated as not there:
 * the answer is then bought again, never guessed.
 */
#include "io/store_int.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "io/store_control.h"

#define READONLY_TRIES 5

static const char *const family_names[1 + STORE_FAMILIES] = {"default", "completions", "outcomes",
                                                             "claims"};

static void free_error(char **error)
{
    rocksdb_free(*error);
}

/* RocksDB's words become ours where the cause is a common one. */
static int open_error(const struct store *s, const char *error, struct err *e)
{
    if (strstr(error, "lock hold by current process") || strstr(error, "While lock file"))
        return err_set(e, EX_TEMPFAIL,
                       "cache.path: the store %s is in use by another process; stop it, or choose "
                       "another cache.path",
                       s->path);
    if (s->readonly && access(s->db_path, F_OK) != 0)
        return err_set(e, EX_NOINPUT, "cache.path: there is no store in %s; check the path",
                       s->path);
    if (strstr(error, "Column family not found"))
        return err_set(
            e, EX_DATAERR,
            "cache.path: the store %s was made by an earlier version; a worker brings it "
            "up to date when it starts",
            s->path);
    return err_set(e, EX_CANTCREAT,
                   "cache.path: cannot open the store %s: %s; check that the directory is writable "
                   "and the disk not full",
                   s->path, error);
}

int store_handles_open(struct store *s, struct err *e)
{
    const rocksdb_options_t *options[1 + STORE_FAMILIES] = {
        s->options.db, s->options.family[STORE_COMPLETIONS], s->options.family[STORE_OUTCOMES],
        s->options.family[STORE_CLAIMS]};
    rocksdb_column_family_handle_t *h[1 + STORE_FAMILIES] = {NULL};
    CLEANUP(free_error) char *error = NULL;
    rocksdb_t *db;

    if (__atomic_load_n(&s->fail_opens, __ATOMIC_RELAXED) > 0) {
        __atomic_sub_fetch(&s->fail_opens, 1, __ATOMIC_RELAXED);
        return err_set(e, EX_IOERR, "cache.path: injected fault");
    }
    if (s->readonly)
        db = rocksdb_open_for_read_only_column_families(
            s->options.db, s->db_path, 1 + STORE_FAMILIES, family_names, options, h, 0, &error);
    else
        db = rocksdb_open_column_families(s->options.db, s->db_path, 1 + STORE_FAMILIES,
                                          family_names, options, h, &error);
    if (!db)
        return open_error(s, error ? error : "unknown error", e);
    s->handles.db = db;
    s->handles.unused = h[0];
    for (int f = 0; f < STORE_FAMILIES; f++)
        s->handles.family[f] = h[1 + f];
    return 0;
}

void store_handles_close(struct store *s)
{
    if (!s->handles.db)
        return;
    rocksdb_column_family_handle_destroy(s->handles.unused);
    for (int f = 0; f < STORE_FAMILIES; f++)
        rocksdb_column_family_handle_destroy(s->handles.family[f]);
    rocksdb_close(s->handles.db);
    s->handles = (struct store_handles){.db = NULL};
}

static struct store *store_new(const char *path, const struct config *c, bool readonly)
{
    struct store *s = mem_alloc(sizeof *s);
    CLEANUP(buf_done) struct buf db_path = BUF_INIT(4096);
    pthread_rwlockattr_t prefer_writer;
    pthread_condattr_t monotonic;

    s->path = mem_strdup(path);
    buf_printf(&db_path, "%s/db", path);
    s->db_path = buf_steal(&db_path, NULL);
    s->readonly = readonly;
    list_init(&s->queue);
    pthread_rwlockattr_init(&prefer_writer);
    pthread_rwlockattr_setkind_np(&prefer_writer, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&s->db_lock, &prefer_writer);
    pthread_rwlockattr_destroy(&prefer_writer);
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->wake, NULL);
    pthread_cond_init(&s->idle, NULL);
    pthread_cond_init(&s->pause, &monotonic);
    pthread_condattr_destroy(&monotonic);
    store_conf_init(&s->conf, c);
    store_options_init(s);
    return s;
}

struct store *store_open(const char *path, const struct config *c, struct err *e)
{
    struct store *s;

    if (store_make_dirs(path, e) < 0)
        return NULL;
    s = store_new(path, c, false);
    if (store_has_room(s, e) < 0 || store_handles_open(s, e) < 0 || store_writer_start(s, e) < 0 ||
        store_keeper_start(s, e) < 0)
        return store_free(s);
    store_control_start(s);
    return s;
}

struct store *store_open_readonly(const char *path, const struct config *c, struct err *e)
{
    struct store *s = store_new(path, c, true);

    /* The worker may drop a file between our reading the list of files and opening them. */
    for (int i = 0; i < READONLY_TRIES; i++)
        if (store_handles_open(s, e) == 0)
            return s;
    return store_free(s);
}

/* Helpers first, as they submit; then the queue is written out; then compaction is interrupted. */
struct store *store_free(struct store *s)
{
    if (!s)
        return NULL;
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    s->give_up_us = clock_mono_us() + STORE_CLOSING_MS * 1000LL;
    pthread_cond_broadcast(&s->pause);
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    store_control_stop(s);
    store_writer_stop(s);
    if (s->handles.db && !s->readonly)
        rocksdb_cancel_all_background_work(s->handles.db, 0);
    store_keeper_stop(s);
    store_handles_close(s);
    store_options_done(s);
    pthread_cond_destroy(&s->pause);
    pthread_cond_destroy(&s->wake);
    pthread_cond_destroy(&s->idle);
    pthread_mutex_destroy(&s->lock);
    pthread_rwlock_destroy(&s->db_lock);
    free(s->db_path);
    free(s->path);
    free(s);
    return NULL;
}

/* A lookup in progress: it holds db_lock, because a pinned value must not outlive the database. */
struct lookup {
    struct store *s;
    rocksdb_pinnableslice_t *pinned;
    const char *value; /* NULL: not there */
    size_t len;
};

static int lookup_begin(struct lookup *l, struct store *s, enum store_family f, const uint8_t *key,
                        size_t key_len, struct err *e)
{
    CLEANUP(free_error) char *error = NULL;

    *l = (struct lookup){.s = s};
    store_count(&s->count.reads);
    pthread_rwlock_rdlock(&s->db_lock);
    if (!s->handles.db)
        return err_set(e, EX_TEMPFAIL, "the store %s cannot be read until its disk works again",
                       s->path);
    l->pinned = rocksdb_get_pinned_cf(s->handles.db, s->options.read, s->handles.family[f],
                                      (const char *)key, key_len, &error);
    if (error)
        return err_set(e, EX_IOERR, "cannot read the store %s: %s", s->path, error);
    if (l->pinned)
        l->value = rocksdb_pinnableslice_value(l->pinned, &l->len);
    return 0;
}

static void lookup_end(struct lookup *l)
{
    if (l->pinned)
        rocksdb_pinnableslice_destroy(l->pinned);
    pthread_rwlock_unlock(&l->s->db_lock);
}

int store_get_completion(struct store *s, const uint8_t key[SHA256_LEN], int64_t now_wall_ms,
                         struct completion **ret, struct err *e)
{
    CLEANUP(lookup_end) struct lookup l;
    struct completion *c;

    if (lookup_begin(&l, s, STORE_COMPLETIONS, key, SHA256_LEN, e) < 0)
        return -1;
    if (!l.value)
        return STORE_NONE;
    if (codec_get_completion(l.value, l.len, &c) < 0) {
        store_count(&s->count.undecodable);
        return STORE_NONE;
    }
    if (c->expires_wall_ms && c->expires_wall_ms <= now_wall_ms) {
        completion_unref(c);
        return STORE_NONE;
    }
    store_count(&s->count.hits);
    *ret = c;
    return STORE_FOUND;
}

int store_get_outcome(struct store *s, const uint8_t *key, size_t key_len,
                      const uint8_t fingerprint[16], struct outcome *ret, struct err *e)
{
    CLEANUP(lookup_end) struct lookup l;
    struct outcome_value v;

    if (lookup_begin(&l, s, STORE_OUTCOMES, key, key_len, e) < 0)
        return -1;
    if (!l.value)
        return STORE_NONE;
    if (codec_get_outcome(l.value, l.len, &v) < 0) {
        store_count(&s->count.undecodable);
        return STORE_OTHER;
    }
    if (memcmp(v.fingerprint, fingerprint, STORE_FINGERPRINT_LEN) != 0)
        return STORE_OTHER;
    store_count(&s->count.hits);
    *ret = (struct outcome){.ok = v.ok,
                            .status = v.status,
                            .reply = mem_dup(v.reply, v.reply_len),
                            .reply_len = v.reply_len};
    return STORE_FOUND;
}

int store_get_claim(struct store *s, const uint8_t key[STORE_CLAIM_KEY_LEN], int64_t now_wall_ms,
                    struct store_claim *ret, struct err *e)
{
    CLEANUP(lookup_end) struct lookup l;
    int64_t max_age_ms = s->conf.max_age_ms[STORE_CLAIMS];
    struct store_claim c;

    if (lookup_begin(&l, s, STORE_CLAIMS, key, STORE_CLAIM_KEY_LEN, e) < 0)
        return -1;
    if (!l.value)
        return STORE_NONE;
    if (codec_get_claim(l.value, l.len, &c) < 0) {
        store_count(&s->count.undecodable);
        return STORE_NONE;
    }
    if (max_age_ms && c.wall_ms <= now_wall_ms - max_age_ms)
        return STORE_NONE;
    *ret = c;
    return STORE_FOUND;
}

bool store_failing(const struct store *s)
{
    return __atomic_load_n(&s->failing, __ATOMIC_ACQUIRE);
}

int store_flush(struct store *s, struct err *e)
{
    rocksdb_flushoptions_t *o = rocksdb_flushoptions_create();
    CLEANUP(free_error) char *error = NULL;

    pthread_rwlock_rdlock(&s->db_lock);
    for (int f = 0; f < STORE_FAMILIES && s->handles.db && !error; f++)
        rocksdb_flush_cf(s->handles.db, o, s->handles.family[f], &error);
    pthread_rwlock_unlock(&s->db_lock);
    rocksdb_flushoptions_destroy(o);
    return error ? err_set(e, EX_IOERR, "cannot flush the store %s: %s", s->path, error) : 0;
}

/* Does not wait for a writer that is opening the database again: 0 then. */
static uint64_t property(struct store *s, enum store_family f, const char *name)
{
    uint64_t value = 0;

    if (pthread_rwlock_tryrdlock(&s->db_lock))
        return 0;
    if (s->handles.db)
        rocksdb_property_int_cf(s->handles.db, s->handles.family[f], name, &value);
    pthread_rwlock_unlock(&s->db_lock);
    return value;
}

uint64_t store_family_bytes(struct store *s, enum store_family f)
{
    return property(s, f, "rocksdb.live-sst-files-size");
}

static uint64_t counted(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

void store_stats(struct store *s, struct store_stats *ret)
{
    static const char keys[] = "rocksdb.estimate-num-keys";
    static const char memory[] = "rocksdb.cur-size-all-mem-tables";

    *ret = (struct store_stats){
        .completions = property(s, STORE_COMPLETIONS, keys),
        .outcomes = property(s, STORE_OUTCOMES, keys),
        .completion_bytes =
            store_family_bytes(s, STORE_COMPLETIONS) + property(s, STORE_COMPLETIONS, memory),
        .outcome_bytes =
            store_family_bytes(s, STORE_OUTCOMES) + property(s, STORE_OUTCOMES, memory),
        .writes = counted(&s->count.writes),
        .batches = counted(&s->count.batches),
        .write_errors = counted(&s->count.write_errors),
        .reads = counted(&s->count.reads),
        .hits = counted(&s->count.hits),
        .undecodable = counted(&s->count.undecodable),
    };
}
