/*
 * store_writer: the one thread that writes. It takes the whole queue, writes it in batches and
 * reports each operation as done only when its bytes are in the log; a lone operation is never
 * held back to wait for company. While writes fail it keeps the batch, pauses with growing
 * intervals, reopens the database (RocksDB refuses all writes after a failed one) and tries again;
 * only store_settle() and closing the store end that.
 */
#include "io/store_int.h"

#include <assert.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define BATCH_OPS        512
#define BATCH_BYTES      ((size_t)8 << 20)
#define VALUE_MAX        ((size_t)1 << 30)
#define PAUSE_FIRST_MS   50
#define PAUSE_MOST_MS    5000
#define CLOSING_PAUSE_MS 100
#define FORGETS_MAX      100000 /* queued at most: forgetting is a courtesy */

/* One RocksDB write and the operations in it. */
struct batch {
    rocksdb_writebatch_t *wb;
    struct list_node ops;
    size_t count;
    size_t bytes;
};

/* A queued store_forget(). */
struct forget {
    struct store_op op;
    uint8_t key[];
};

/* The configuration bounds bodies and replies far below VALUE_MAX: reaching it is our bug. */
static void add_value(struct store *s, struct batch *b, enum store_family f, const uint8_t *key,
                      size_t key_len, const struct buf *value)
{
    assert(!value->over);
    rocksdb_writebatch_put_cf(b->wb, s->handles.family[f], (const char *)key, key_len, value->data,
                              value->len);
    b->bytes += key_len + value->len;
}

static void add_outcome(struct store *s, struct batch *b, const struct store_op *op,
                        struct buf *scratch)
{
    struct outcome_value v = {.ok = op->ok,
                              .status = op->status,
                              .wall_ms = op->wall_ms,
                              .reply = op->reply,
                              .reply_len = op->reply_len};

    memcpy(v.fingerprint, op->fingerprint, STORE_FINGERPRINT_LEN);
    buf_clear(scratch);
    codec_put_outcome(scratch, &v);
    add_value(s, b, STORE_OUTCOMES, op->journal_key, op->journal_key_len, scratch);
}

static void add_deletes(struct store *s, struct batch *b, const struct store_op *op)
{
    rocksdb_column_family_handle_t *const *family = s->handles.family;

    if (op->journal_key_len > 0)
        rocksdb_writebatch_delete_cf(b->wb, family[STORE_OUTCOMES], (const char *)op->journal_key,
                                     op->journal_key_len);
    if (op->completion_key)
        rocksdb_writebatch_delete_cf(b->wb, family[STORE_COMPLETIONS],
                                     (const char *)op->completion_key, SHA256_LEN);
    if (op->claim_key)
        rocksdb_writebatch_delete_cf(b->wb, family[STORE_CLAIMS], (const char *)op->claim_key,
                                     STORE_CLAIM_KEY_LEN);
}

static void add_claim(struct store *s, struct batch *b, const struct store_op *op,
                      struct buf *scratch)
{
    buf_clear(scratch);
    codec_put_claim(scratch, &op->claim);
    add_value(s, b, STORE_CLAIMS, op->claim_key, STORE_CLAIM_KEY_LEN, scratch);
}

static void add_op(struct store *s, struct batch *b, const struct store_op *op, struct buf *scratch)
{
    if (op->forget) {
        add_deletes(s, b, op);
        return;
    }
    if (op->journal_key_len > 0)
        add_outcome(s, b, op, scratch);
    if (op->claim_key)
        add_claim(s, b, op, scratch);
    if (!op->completion)
        return;
    assert(completion_cacheable(op->completion));
    buf_clear(scratch);
    codec_put_completion(scratch, op->completion);
    add_value(s, b, STORE_COMPLETIONS, op->completion_key, SHA256_LEN, scratch);
}

/* Moves operations from `from` into the batch until it is full. */
static void batch_fill(struct store *s, struct batch *b, struct list_node *from)
{
    CLEANUP(buf_done) struct buf scratch = BUF_INIT(VALUE_MAX);
    struct list_node *n;

    rocksdb_writebatch_clear(b->wb);
    b->count = b->bytes = 0;
    while (b->count < BATCH_OPS && b->bytes < BATCH_BYTES && (n = list_pop(from))) {
        add_op(s, b, CONTAINER_OF(n, struct store_op, node), &scratch);
        list_push(&b->ops, n);
        b->count++;
    }
}

/* done() may free the operation, and what holds it. */
static void finish(struct list_node *ops, bool abandoned)
{
    struct list_node *n;

    while ((n = list_pop(ops))) {
        struct store_op *op = CONTAINER_OF(n, struct store_op, node);

        op->abandoned = abandoned;
        if (op->done)
            op->done(op);
    }
}

static int try_write(struct store *s, struct batch *b, struct err *e)
{
    char *error = NULL;

    if (!s->handles.db)
        return err_set(e, EX_IOERR, "the database is closed");
    if (__atomic_load_n(&s->fail_writes, __ATOMIC_RELAXED) > 0) {
        __atomic_sub_fetch(&s->fail_writes, 1, __ATOMIC_RELAXED);
        return err_set(e, EX_IOERR, "injected fault");
    }
    rocksdb_write(s->handles.db, s->options.write, b->wb, &error);
    if (!error)
        return 0;
    err_set(e, EX_IOERR, "%s", error);
    rocksdb_free(error);
    return -1;
}

/* Lookups wait meanwhile; without success they fail until the next try. */
static int reopen(struct store *s, struct err *e)
{
    int r;

    if (store_has_room(s, e) < 0)
        return -1; /* lookups go on meanwhile */
    if (s->handles.db)
        rocksdb_cancel_all_background_work(s->handles.db,
                                           0); /* the keeper may hold db_lock in one */
    pthread_rwlock_wrlock(&s->db_lock);
    store_handles_close(s);
    r = store_handles_open(s, e);
    pthread_rwlock_unlock(&s->db_lock);
    return r;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* False: it is time to give up. */
static bool pause_before_retry(struct store *s, int64_t pause_ms)
{
    int64_t start_us = clock_mono_us(), now_us = start_us;
    bool go_on;

    pthread_mutex_lock(&s->lock);
    for (;;) {
        int64_t end_us = start_us + pause_ms * 1000;
        struct timespec end;

        if (s->give_up_us)
            end_us = least(least(end_us, start_us + CLOSING_PAUSE_MS * 1000), s->give_up_us);
        if (now_us >= end_us)
            break;
        end = (struct timespec){.tv_sec = end_us / 1000000, .tv_nsec = end_us % 1000000 * 1000};
        pthread_cond_timedwait(&s->pause, &s->lock, &end);
        now_us = clock_mono_us();
    }
    go_on = !s->give_up_us || now_us < s->give_up_us;
    pthread_mutex_unlock(&s->lock);
    return go_on;
}

static void failed(struct store *s, const struct err *e)
{
    char quoted[ERR_MSG_MAX];

    store_count(&s->count.write_errors);
    if (store_failing(s))
        return;
    __atomic_store_n(&s->failing, true, __ATOMIC_RELEASE);
    log_error("store write failed", "path=%s error=%s action=retry", s->path,
              log_quote(e->msg, quoted, sizeof quoted));
}

static void worked(struct store *s)
{
    if (!store_failing(s))
        return;
    __atomic_store_n(&s->failing, false, __ATOMIC_RELEASE);
    log_info("store writes again", "path=%s", s->path);
}

/* Writes the batch however long it takes. -1: given up. */
static int write_batch(struct store *s, struct batch *b)
{
    int64_t pause_ms = PAUSE_FIRST_MS;
    struct err e = {0};

    for (int tries = 0;; tries++) {
        /* The second try is on the same database: some errors pass, and reopening is not cheap. */
        if (tries < 2 || reopen(s, &e) == 0)
            if (try_write(s, b, &e) == 0)
                break;
        failed(s, &e);
        if (!pause_before_retry(s, pause_ms))
            return -1;
        pause_ms = least(pause_ms * 2, PAUSE_MOST_MS);
    }
    worked(s);
    store_count(&s->count.batches);
    __atomic_add_fetch(&s->count.writes, b->count, __ATOMIC_RELAXED);
    return 0;
}

/* After a batch was given up the database may be closed. -1: it still cannot be opened. */
static int ensure_open(struct store *s)
{
    struct err e = {0};

    while (!s->handles.db && reopen(s, &e) < 0) {
        failed(s, &e);
        if (!pause_before_retry(s, PAUSE_FIRST_MS))
            return -1;
    }
    return 0;
}

static void write_all(struct store *s, struct batch *b, struct list_node *ops)
{
    while (!list_empty(ops)) {
        int r;

        if (ensure_open(s) < 0) {
            finish(ops, true);
            return;
        }
        batch_fill(s, b, ops);
        r = write_batch(s, b);
        finish(&b->ops, r < 0);
    }
}

/* False: everything is written and nothing more will come. */
static bool wait_for_work(struct store *s, struct list_node *ret_ops)
{
    pthread_mutex_lock(&s->lock);
    s->busy = false;
    if (list_empty(&s->queue))
        pthread_cond_broadcast(&s->idle);
    while (s->lone || (list_empty(&s->queue) && !s->helpers_done))
        pthread_cond_wait(&s->wake, &s->lock);
    list_detach(&s->queue, ret_ops);
    s->forgets = 0;
    s->busy = !list_empty(ret_ops);
    pthread_mutex_unlock(&s->lock);
    return !list_empty(ret_ops);
}

static void *writer_main(void *arg)
{
    struct store *s = arg;
    struct batch b = {.wb = rocksdb_writebatch_create()};
    struct list_node ops;

    rocksdb_set_perf_level(rocksdb_disable); /* of this thread: nobody reads its counters */
    list_init(&b.ops);
    while (wait_for_work(s, &ops))
        write_all(s, &b, &ops);
    rocksdb_writebatch_destroy(b.wb);
    return NULL;
}

int store_writer_start(struct store *s, struct err *e)
{
    if (!s->conf.sync) {
        s->lone_write = rocksdb_writeoptions_create();
        rocksdb_writeoptions_set_no_slowdown(s->lone_write, 1);
    }
    if (pthread_create(&s->writer, NULL, writer_main, s) != 0)
        return err_set(e, EX_OSERR, "cannot start the store's writer thread");
    pthread_setname_np(s->writer, "store-writer");
    s->writer_runs = true;
    return 0;
}

void store_writer_stop(struct store *s)
{
    char *error = NULL;

    if (!s->writer_runs)
        return;
    pthread_mutex_lock(&s->lock);
    s->helpers_done = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->writer, NULL);
    if (s->lone_write)
        rocksdb_writeoptions_destroy(s->lone_write);
    s->lone_write = NULL;
    if (!s->handles.db || store_failing(s)) /* a log that failed may not be touched again */
        return;
    rocksdb_flush_wal(s->handles.db, 1, &error); /* a clean end survives a power cut too */
    rocksdb_free(error);
}

void store_submit_list(struct store *s, struct list_node *ops)
{
    pthread_mutex_lock(&s->lock);
    list_splice(&s->queue, ops);
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
}

void store_submit(struct store *s, struct store_op *op)
{
    struct list_node one;

    list_init(&one);
    list_push(&one, &op->node);
    store_submit_list(s, &one);
}

/* Takes the writer's place, if it has nothing to do. */
static bool lone_begin(struct store *s)
{
    bool mine = false;

    pthread_mutex_lock(&s->lock);
    mine = list_empty(&s->queue) && !s->busy && !s->lone && !s->helpers_done;
    s->lone |= mine;
    pthread_mutex_unlock(&s->lock);
    return mine;
}

static void lone_end(struct store *s)
{
    pthread_mutex_lock(&s->lock);
    s->lone = false;
    if (!list_empty(&s->queue) || s->helpers_done)
        pthread_cond_signal(&s->wake);
    pthread_cond_broadcast(&s->idle);
    pthread_mutex_unlock(&s->lock);
}

static int lone_write(struct store *s, const struct store_op *op)
{
    CLEANUP(buf_done) struct buf scratch = BUF_INIT(VALUE_MAX);
    struct batch b = {.wb = rocksdb_writebatch_create()};
    char *error = NULL;

    add_op(s, &b, op, &scratch);
    rocksdb_write(s->handles.db, s->lone_write, b.wb, &error);
    rocksdb_writebatch_destroy(b.wb);
    if (error) {
        rocksdb_free(error);
        return STORE_BUSY;
    }
    store_count(&s->count.batches);
    store_count(&s->count.writes);
    return 0;
}

int store_write_lone(struct store *s, struct store_op *op)
{
    int r = STORE_BUSY;

    if (!s->lone_write || store_failing(s) || !lone_begin(s))
        return STORE_BUSY;
    if (s->handles.db && __atomic_load_n(&s->fail_writes, __ATOMIC_RELAXED) == 0)
        r = lone_write(s, op);
    lone_end(s);
    return r;
}

/* @thread any but the writer; not two at once */
void store_settle(struct store *s, int64_t timeout_ms)
{
    pthread_mutex_lock(&s->lock);
    s->give_up_us = clock_mono_us() + timeout_ms * 1000;
    pthread_cond_broadcast(&s->pause);
    while (s->busy || s->lone || !list_empty(&s->queue))
        pthread_cond_wait(&s->idle, &s->lock);
    s->give_up_us = 0;
    pthread_mutex_unlock(&s->lock);
}

static void forget_done(struct store_op *op)
{
    free(CONTAINER_OF(op, struct forget, op));
}

void store_forget(struct store *s, const uint8_t *journal_key, size_t len)
{
    struct forget *f = mem_alloc(sizeof *f + len);
    bool room;

    memcpy(f->key, journal_key, len);
    f->op = (struct store_op){
        .journal_key = f->key, .journal_key_len = len, .forget = true, .done = forget_done};
    pthread_mutex_lock(&s->lock);
    room = s->forgets < FORGETS_MAX;
    if (room) {
        s->forgets++;
        list_push(&s->queue, &f->op.node);
        pthread_cond_signal(&s->wake);
    }
    pthread_mutex_unlock(&s->lock);
    if (!room)
        free(f);
}

/* A caller that waits for its operations. */
struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t done;
    size_t left;
    bool abandoned;
};

static void waiter_done(struct store_op *op)
{
    struct waiter *w = op->arg;

    pthread_mutex_lock(&w->lock);
    w->abandoned |= op->abandoned;
    if (--w->left == 0)
        pthread_cond_signal(&w->done);
    pthread_mutex_unlock(&w->lock);
}

int store_write_wait(struct store *s, struct list_node *ops, struct err *e)
{
    struct waiter w = {.lock = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};

    for (struct list_node *n = ops->next; n != ops; n = n->next) {
        struct store_op *op = CONTAINER_OF(n, struct store_op, node);

        op->done = waiter_done;
        op->arg = &w;
        w.left++;
    }
    store_submit_list(s, ops);
    pthread_mutex_lock(&w.lock);
    while (w.left > 0)
        pthread_cond_wait(&w.done, &w.lock);
    pthread_mutex_unlock(&w.lock);
    pthread_cond_destroy(&w.done);
    pthread_mutex_destroy(&w.lock);
    if (w.abandoned)
        return err_set(e, EX_TEMPFAIL, "the store was closed before it could write");
    return 0;
}
