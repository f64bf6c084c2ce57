/* writer: see writer.h. It must not call into the pool other than to release. */
#include "cmd/batch/writer.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define SYNC_EVERY_US 1000000
#define RETRY_US      1000000
#define GIVE_UP_US    5000000
#define NOT_FROM_POOL UINT64_MAX /* task.source_u64 of a reply that the pool has not seen */

struct writer {
    struct sink sink; /* first: the pool hands us this pointer */
    struct writer_setup s;
    struct intake intake;
    pthread_t thread;
    pthread_mutex_t lock; /* guards outbox, closing, view, tally */
    pthread_cond_t wake;
    struct list_node outbox;
    bool closing;
    struct writer_view view;
    struct tally tally;
    /* the thread's own */
    bool unsynced;       /* lines were written since the last sync */
    uint32_t *journaled; /* rows of these whose journal entries may go after the next one */
    size_t njournaled, journaled_cap;
    int64_t synced_us;
    bool lost; /* gave up with lines in the buffers */
};

static void put(struct sink *sink, struct list_node *tasks)
{
    struct writer *w = CONTAINER_OF(sink, struct writer, sink);

    pthread_mutex_lock(&w->lock);
    list_splice(&w->outbox, tasks);
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

struct sink *writer_sink(struct writer *w)
{
    return &w->sink;
}

void writer_set_intake(struct writer *w, const struct intake *intake)
{
    w->intake = *intake;
}

void writer_put(struct writer *w, struct task *t)
{
    struct list_node one;

    t->source_u64 = NOT_FROM_POOL;
    task_set_state(t, TASK_OUTBOX);
    list_init(&one);
    list_push(&one, &t->node);
    put(&w->sink, &one);
}

/* Waits until there is something to do; at most until the next sync. */
static bool wait_for_work(struct writer *w, struct list_node *ret)
{
    struct timespec until;
    bool closing = false;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 1;
    pthread_mutex_lock(&w->lock);
    while (list_empty(&w->outbox) && !w->closing) {
        if (pthread_cond_timedwait(&w->wake, &w->lock, &until) != 0)
            break;
    }
    list_detach(&w->outbox, ret);
    closing = w->closing && list_empty(ret);
    pthread_mutex_unlock(&w->lock);
    return !closing;
}

/* Waits out a second of a broken disk; true when the writer is being closed. */
static bool wait_for_disk(struct writer *w, const struct err *e)
{
    struct timespec until;
    bool closing = false;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += RETRY_US / 1000000;
    pthread_mutex_lock(&w->lock);
    w->view.failing = true;
    snprintf(w->view.failure, sizeof w->view.failure, "%.199s", e->msg);
    closing = w->closing;
    pthread_cond_timedwait(&w->wake, &w->lock, &until);
    pthread_mutex_unlock(&w->lock);
    return closing;
}

static int flush_files(struct writer *w, bool sync, struct err *e)
{
    int rc = line_writer_flush(w->s.out, sync, e);

    return rc == 0 && w->s.errors ? line_writer_flush(w->s.errors, sync, e) : rc;
}

/* Nobody will ever read what comes: the run is over. */
static int closed(struct writer *w, const struct err *e)
{
    pthread_mutex_lock(&w->lock);
    w->view.closed = true;
    snprintf(w->view.failure, sizeof w->view.failure, "%.199s", e->msg);
    pthread_mutex_unlock(&w->lock);
    w->lost = true;
    return -1;
}

/* Writes until it works, or until the writer is closed and the disk has been broken for too long. */
static int flush(struct writer *w, bool sync)
{
    struct err e = {0};
    int64_t closing_since = 0;
    int rc = 0;

    while ((rc = flush_files(w, sync, &e)) != 0) {
        if (rc == LINE_WRITER_CLOSED)
            return closed(w, &e);
        log_error("output cannot be written, trying again", "error=\"%s\"", e.msg);
        if (!wait_for_disk(w, &e))
            continue;
        if (closing_since == 0)
            closing_since = clock_mono_us();
        if (clock_mono_us() - closing_since > GIVE_UP_US) {
            w->lost = true;
            return -1;
        }
    }
    pthread_mutex_lock(&w->lock);
    w->view.failing = false;
    pthread_mutex_unlock(&w->lock);
    return 0;
}

static void note_unsynced(struct writer *w, const struct task *t)
{
    w->unsynced |= t->journal_key_len > 0;
    if (t->journal_key_len == 0 || t->not_journaled)
        return;
    if (w->njournaled == w->journaled_cap) {
        w->journaled_cap = w->journaled_cap ? w->journaled_cap * 2 : 1024;
        w->journaled = mem_grow(w->journaled, w->journaled_cap, sizeof *w->journaled);
    }
    w->journaled[w->njournaled++] = (uint32_t)t->source_u64;
}

static void sync_and_forget(struct writer *w, int64_t now_us)
{
    uint8_t key[JOURNAL_KEY_MAX];
    size_t i = 0;

    if (!w->unsynced || flush(w, true) < 0)
        return;
    for (i = 0; i < w->njournaled; i++) {
        size_t n = job_journal_key(w->s.job, w->journaled[i], key, sizeof key);

        store_forget(w->s.store, key, n);
    }
    w->njournaled = 0;
    w->unsynced = false;
    w->synced_us = now_us;
}

/* Adds the replies of a batch to the buffers and the tally. */
static void add_lines(struct writer *w, struct list_node *tasks)
{
    struct list_node *n = NULL;

    for (n = tasks->next; n != tasks; n = n->next) {
        struct task *t = CONTAINER_OF(n, struct task, node);

        if (t->trace)
            trace_sending(t->trace, NULL, clock_mono_us());
        if (t->reply)
            line_writer_add(t->ok || !w->s.errors ? w->s.out : w->s.errors, t->reply, t->reply_len);
    }
}

/* The lines of these tasks are in the files: counts them and lets them go. */
static void finish(struct writer *w, struct list_node *tasks)
{
    int64_t from_pool = 0;
    uint64_t one = 1;
    struct list_node *n = NULL;

    pthread_mutex_lock(&w->lock);
    for (n = tasks->next; n != tasks; n = n->next) {
        struct task *t = CONTAINER_OF(n, struct task, node);
        struct reply_view v = tally_view(t);

        if (t->reply)
            tally_add(&w->tally, &v);
        w->view.written += t->reply ? 1 : 0;
        w->view.given_back += t->reply ? 0 : 1;
    }
    pthread_mutex_unlock(&w->lock);
    while ((n = list_pop(tasks))) {
        struct task *t = CONTAINER_OF(n, struct task, node);

        if (t->source_u64 != NOT_FROM_POOL) {
            from_pool++;
            if (t->reply)
                note_unsynced(w, t);
        }
        if (t->trace)
            trace_published(t->trace, clock_mono_us());
        task_free(t);
    }
    if (from_pool)
        w->intake.release(w->intake.pool, from_pool);
    if (write(w->s.notify_fd, &one, sizeof one) < 0)
        return; /* the counter is full: the reader has been notified */
}

static void drop(struct list_node *tasks)
{
    struct list_node *n = NULL;

    while ((n = list_pop(tasks)))
        task_free(CONTAINER_OF(n, struct task, node));
}

static void *writer_main(void *arg)
{
    struct writer *w = arg;
    struct list_node tasks;

    while (wait_for_work(w, &tasks)) {
        int64_t now_us = clock_mono_us();

        if (!list_empty(&tasks)) {
            add_lines(w, &tasks);
            if (flush(w, false) == 0)
                finish(w, &tasks);
            else
                drop(&tasks); /* they are in the journal: the next run writes them */
        }
        if (now_us - w->synced_us > SYNC_EVERY_US)
            sync_and_forget(w, now_us);
    }
    sync_and_forget(w, clock_mono_us());
    return NULL;
}

struct writer *writer_new(const struct writer_setup *setup, struct err *e)
{
    struct writer *w = mem_alloc(sizeof *w);

    w->sink.put = put;
    w->s = *setup;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
    list_init(&w->outbox);
    if (pthread_create(&w->thread, NULL, writer_main, w) == 0)
        return w;
    free(w);
    err_set(e, EX_OSERR, "cannot start the writer thread: the limit of threads is reached");
    return NULL;
}

int writer_stop(struct writer *w, struct err *e)
{
    pthread_mutex_lock(&w->lock);
    w->closing = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    if (!w->lost)
        return 0;
    return err_set(
        e, EX_IOERR,
        "%s; what is missing is in the journal and the cache: run the same command again",
        w->view.failure);
}

struct writer *writer_free(struct writer *w)
{
    if (!w)
        return NULL;
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->wake);
    free(w->journaled);
    free(w);
    return NULL;
}

void writer_look(struct writer *w, struct writer_view *ret)
{
    pthread_mutex_lock(&w->lock);
    *ret = w->view;
    ret->sums = tally_sums(&w->tally);
    pthread_mutex_unlock(&w->lock);
}

void writer_tally(struct writer *w, struct tally *ret)
{
    pthread_mutex_lock(&w->lock);
    *ret = w->tally;
    pthread_mutex_unlock(&w->lock);
}
