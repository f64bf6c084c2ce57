/*
 * store: the durable side: completions (the exact cache), outcomes (the journal) and claims (which record
 * was the first with its task id), in RocksDB.
 *
 * Three column families in the directory of a slot (slot-N under cache.path, held by flock). Reads may be
 * done by any thread; all writes go through one writer thread, which batches what has gathered and never
 * delays a lone one. When a write fails the store retries it (and reopens the database) until it works or
 * the store is closed; meanwhile store_failing() is true, nothing is reported as done, and the pool stops
 * taking tasks: an answer that was paid for is never published before it is durable.
 *
 * Value of a completion: version, expiry, cost, usage, provenance, body; expiry is checked on read. Value
 * of an outcome: version, wall time, fingerprint (16 bytes), ok flag, status, reply.
 */
#ifndef SLUICE_IO_STORE_H
#define SLUICE_IO_STORE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/sha256.h"
#include "task/completion.h"
#include "task/config.h"

struct store;

/* A slot: a worker's identity, which lives with the disk. */
struct slot {
    int number;
    int lock_fd;
    char path[512]; /* directory slot-N */
    char id[33];    /* 32 hex digits, made on first use */
};

enum { STORE_ALL_SLOTS_TAKEN = 1, STORE_SLOT_BUSY = 2 };

/* Takes the first free slot under root (wanted < 0), or exactly that one. Creates what is missing; before
 * it makes another slot it waits up to half a second for one that is there. */
int slot_take(struct slot *s, const char *root, int wanted, struct err *e);
void slot_release(struct slot *s);

struct store *store_open(const char *path, const struct config *c, struct err *e);
struct store *store_free(struct store *s); /* waits until queued writes are done or abandoned */

/* Read-only, beside a running worker (for `cache stat|get|ls|export`). */
struct store *store_open_readonly(const char *path, const struct config *c, struct err *e);

enum { STORE_FOUND = 0, STORE_NONE = 1, STORE_OTHER = 2 };

/* STORE_FOUND, STORE_NONE (not there, expired, or undecodable: counted) or -1: it cannot be read now,
 * for instance while a full disk keeps the database closed. Any thread. */
int store_get_completion(struct store *s, const uint8_t key[SHA256_LEN], int64_t now_wall_ms,
                         struct completion **ret, struct err *e);

struct outcome {
    bool ok;
    int status;
    char *reply; /* owned by the caller */
    size_t reply_len;
};

/* STORE_OTHER: what is there answers another record, or cannot be decoded. Any thread. */
int store_get_outcome(struct store *s, const uint8_t *key, size_t key_len,
                      const uint8_t fingerprint[16], struct outcome *ret, struct err *e);

#define STORE_CLAIM_KEY_LEN 16 /* a digest of the task id and where it counts */

/* The first record with a task id. */
struct store_claim {
    int32_t partition;
    int64_t offset;
    int64_t wall_ms; /* when it was claimed */
};

/* STORE_NONE also when it is older than dedupe_ttl or cannot be decoded. Any thread. */
int store_get_claim(struct store *s, const uint8_t key[STORE_CLAIM_KEY_LEN], int64_t now_wall_ms,
                    struct store_claim *ret, struct err *e);

/* One atomic write. The caller owns the struct and what it points to until done() was called. */
struct store_op {
    struct list_node node;
    /* outcome; key_len 0: none */
    const uint8_t *journal_key;
    size_t journal_key_len;
    const uint8_t *fingerprint;
    bool ok;
    int status;
    const char *reply;
    size_t reply_len;
    int64_t wall_ms;
    /* completion; NULL: none */
    const uint8_t *completion_key;
    struct completion *completion;
    /* claim; NULL: none */
    const uint8_t *claim_key;
    struct store_claim claim;
    bool forget;                       /* delete what the keys name instead of writing it */
    bool abandoned;                    /* the store was closed before it could be written */
    void (*done)(struct store_op *op); /* writer thread; must not block; may free the op; or NULL */
    void *arg;
};

void store_submit(struct store *s, struct store_op *op); /* any thread; never blocks */
void store_submit_list(struct store *s, struct list_node *ops);

/* Writes one operation on the calling thread, if the writer has nothing to do and the write waits neither for a sync of
 * the disk nor for compactions (the system may still hold up a write to a file when too much is unwritten): two
 * hand-overs between threads take longer than that. 0: it is written, done() was not called.
 * STORE_BUSY: it has to be submitted; failures are the writer's business, too. */
enum { STORE_BUSY = 1 };
int store_write_lone(struct store *s, struct store_op *op);

/* Waits until all queued writes are done; what is not done after timeout_ms gets done() with `abandoned`
 * set. For a drain: the one moment at which an unjournaled reply may be published. */
void store_settle(struct store *s, int64_t timeout_ms);

/* Journal entries whose commit is known. Copies the key; best effort (age bounds what is left). */
void store_forget(struct store *s, const uint8_t *journal_key, size_t len);

/* Deletes all outcomes whose key starts with prefix and for which keep() says no. Blocking. */
int store_prune(struct store *s, const uint8_t *prefix, size_t len,
                bool (*keep)(void *arg, const uint8_t *key, size_t key_len), void *arg,
                struct err *e);

bool store_failing(const struct store *s); /* any thread */

/* Numbers of keys and bytes are 0 while the database is being opened again. */
struct store_stats {
    uint64_t completions, outcomes; /* estimated numbers of keys */
    uint64_t completion_bytes, outcome_bytes;
    uint64_t writes, batches, write_errors, reads, hits, undecodable;
};

void store_stats(struct store *s, struct store_stats *ret); /* any thread; does not wait */

#endif
