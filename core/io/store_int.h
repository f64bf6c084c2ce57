/*
 * store_int: what the files of the store share. Nobody else includes it, except the store's own
 * tests.
 *
 * Threads: any number of readers; the writer (store_writer.c), the only one that replaces the
 * database, and that writes to it, but for a lone operation of another thread that has taken its
 * place (`lone`); the keeper (store_keeper.c), which enforces the bounds; the control thread
 * (store_control.c). Locks are never nested: `lock` guards the queue
 * and the flags, `db_lock` guards the handles against being replaced (readers share it, the writer
 * excludes them to reopen). Whoever holds db_lock must not wait for a write, or a reopening writer
 * would wait for it in turn.
 */
#ifndef SLUICE_IO_STORE_INT_H
#define SLUICE_IO_STORE_INT_H

#include <pthread.h>
#include <rocksdb/c.h>

#include "io/store.h"
#include "io/store_codec.h"
#include "io/store_walk.h"

/* The values of struct config that the store works with, brought into their bounds. */
struct store_conf {
    int64_t block_cache_bytes;
    int64_t block_bytes;
    int64_t write_buffer_bytes;
    int64_t line_max;                   /* bytes of a line of the control socket */
    int64_t max_bytes[STORE_FAMILIES];  /* on disk, 0: unbounded */
    int64_t max_age_ms[STORE_FAMILIES]; /* 0: unbounded, or each value has its own */
    bool sync;
};

/* What the compaction filters drop. Written by the keeper, read by RocksDB's threads: atomics. */
struct store_retention {
    int64_t now_wall_ms;                /* 0: not known yet, drop nothing */
    int64_t max_age_ms[STORE_FAMILIES]; /* as in store_conf */
    int64_t cutoff[STORE_FAMILIES];     /* what was made before this is dropped; 0: nothing */
};

struct store_options {
    rocksdb_options_t *db;
    rocksdb_options_t *family[STORE_FAMILIES];
    rocksdb_compactionfilter_t *filter[STORE_FAMILIES];
    rocksdb_cache_t *cache;
    rocksdb_readoptions_t *read;
    rocksdb_readoptions_t *scan; /* does not push the hot blocks out of the cache */
    rocksdb_writeoptions_t *write;
};

struct store_handles {
    rocksdb_t *db;                          /* NULL: could not be reopened yet */
    rocksdb_column_family_handle_t *unused; /* RocksDB's own default family */
    rocksdb_column_family_handle_t *family[STORE_FAMILIES];
};

struct store {
    char *path;    /* the slot's directory */
    char *db_path; /* path/db */
    bool readonly;
    struct store_conf conf;
    struct store_retention retention;
    struct store_options options;

    pthread_rwlock_t db_lock;
    struct store_handles handles;

    pthread_mutex_t lock;
    pthread_cond_t wake;  /* writer: there is work, or stop */
    pthread_cond_t pause; /* writer between two tries, keeper between two rounds: look again */
    pthread_cond_t idle;  /* store_settle(): the writer has nothing left */
    struct list_node queue;
    size_t forgets;     /* queued by store_forget() */
    bool stopping;      /* store_free() was called */
    bool helpers_done;  /* keeper and control have ended: nothing is submitted any more */
    bool busy;          /* the writer has operations in hand */
    bool lone;          /* store_write_lone() has, in its place */
    int64_t give_up_us; /* when failing operations are abandoned, 0: never */
    rocksdb_writeoptions_t *lone_write; /* NULL: no lone writes */
    bool writer_runs, keeper_runs;
    pthread_t writer, keeper;
    int64_t age_next_wall_ms; /* keeper: when to look for expired values again */
    struct store_control *control;

    bool failing; /* atomic */
    struct {
        uint64_t writes, batches, write_errors, reads, hits, undecodable; /* atomics */
    } count;

    /* Fault injection for tests, atomics: this many more tries fail. */
    int fail_writes;
    int fail_opens;
};

/* store_room.c: 0 when the disk takes a megabyte. Without room the database must not be opened. */
int store_has_room(const struct store *s, struct err *e);

/* store.c */
int store_handles_open(struct store *s, struct err *e); /* the caller excludes readers */
void store_handles_close(struct store *s);
int store_flush(struct store *s, struct err *e); /* memtables to disk; for tests */
uint64_t store_family_bytes(struct store *s, enum store_family f); /* table files on disk */

/* store_options.c */
void store_conf_init(struct store_conf *conf, const struct config *c);
void store_options_init(struct store *s);
void store_options_done(struct store *s);

/* store_writer.c */
#define STORE_CLOSING_MS 5000 /* how long store_free() goes on trying */
int store_writer_start(struct store *s, struct err *e);
void store_writer_stop(struct store *s); /* writes out the queue */
/* Submits the list and waits; sets done and arg of each. -1: the store was closed. Not for
 * the writer. */
int store_write_wait(struct store *s, struct list_node *ops, struct err *e);

/* store_keeper.c */
unsigned char store_keeper_drops(const struct store_retention *r, enum store_family f,
                                 const void *value, size_t len);
int store_keeper_start(struct store *s, struct err *e);
void store_keeper_stop(struct store *s);
void store_maintain(struct store *s,
                    int64_t now_wall_ms); /* one round; @thread keeper, or a test */

/* store_slot.c */
int store_make_dirs(const char *path, struct err *e); /* mkdir -p, for the owner only */

static inline void store_count(uint64_t *counter)
{
    __atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

#endif
