/* feeder: rows in, tasks out; see feeder.h. */
#include "cmd/batch/feeder.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "task/record.h"

#define BATCH   256
#define WAIT_MS 100

struct feeder {
    struct source source; /* first: the pool hands us this pointer */
    struct feeder_setup s;
    struct intake intake;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* guards stopping and view */
    pthread_cond_t wake;
    bool stopping;
    struct feeder_view view;
    uint32_t row; /* the thread's own: number of the next row, from 0 */
};

static void room(struct source *s)
{
    struct feeder *f = CONTAINER_OF(s, struct feeder, source);

    pthread_mutex_lock(&f->lock);
    pthread_cond_signal(&f->wake);
    pthread_mutex_unlock(&f->lock);
}

struct feeder *feeder_new(const struct feeder_setup *setup)
{
    struct feeder *f = mem_alloc(sizeof *f);

    f->source.room = room;
    f->s = *setup;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->wake, NULL);
    return f;
}

struct source *feeder_source(struct feeder *f)
{
    return &f->source;
}

/* Waits until the pool may have room; false: stop. */
static bool wait_for_room(struct feeder *f, bool wait)
{
    struct timespec until;
    bool stopping = false;

    pthread_mutex_lock(&f->lock);
    if (wait && !f->stopping) {
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += WAIT_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&f->wake, &f->lock, &until);
    }
    stopping = f->stopping;
    pthread_mutex_unlock(&f->lock);
    return !stopping;
}

static struct task *make_task(const struct feeder *f, const struct input_row *row)
{
    struct task *t = input_task(row);
    uint8_t key[JOURNAL_KEY_MAX];

    t->origin.topic = f->s.job->id;
    t->source_u64 = f->row;
    task_set_journal_key(t, key, job_journal_key(f->s.job, f->row, key, sizeof key));
    t->received_us = clock_mono_us();
    record_fingerprint(t);
    return t;
}

/* A row that cannot be read gets its error reply here: the pool has nothing to do with it. */
static void put_bad(struct feeder *f, const struct input_row *row, const struct err *e)
{
    struct task *t = make_task(f, row);

    input_refuse(t, f->s.config, e);
    writer_put(f->s.writer, t);
}

/* Reads up to `most` rows that are not done into *tasks. Positive: rows may follow; 0: the end; -1. */
static int read_rows(struct feeder *f, int64_t most, struct list_node *tasks, uint64_t *fed,
                     struct err *e)
{
    struct input_row row;
    int64_t n = 0;

    while (n < most && (f->s.limit == 0 || *fed < f->s.limit)) {
        int rc = input_next(f->s.input, &row, e);

        if (rc == INPUT_END)
            return 0;
        if (rc < 0)
            return -1;
        if (!index_is_done(f->s.index, f->row)) {
            if (rc == INPUT_BAD)
                put_bad(f, &row, e);
            else
                list_push(tasks, &make_task(f, &row)->node);
            n++;
            (*fed)++;
        }
        f->row++;
    }
    return f->s.limit == 0 || *fed < f->s.limit;
}

static void *feeder_main(void *arg)
{
    struct feeder *f = arg;
    struct err e = {0};
    uint64_t fed = 0;
    int more = 1;
    bool wait = false;

    while (more > 0 && wait_for_room(f, wait)) {
        int64_t space = f->intake.room(f->intake.pool);
        struct list_node tasks;

        wait = space <= 0;
        if (wait)
            continue;
        list_init(&tasks);
        more = read_rows(f, space < BATCH ? space : BATCH, &tasks, &fed, &e);
        f->intake.submit(f->intake.pool, &tasks);
        pthread_mutex_lock(&f->lock);
        f->view.fed = fed;
        pthread_mutex_unlock(&f->lock);
    }
    pthread_mutex_lock(&f->lock);
    f->view.ended = true;
    f->view.failed = more < 0;
    f->view.err = e;
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

int feeder_start(struct feeder *f, const struct intake *intake, struct err *e)
{
    f->intake = *intake;
    if (pthread_create(&f->thread, NULL, feeder_main, f) != 0)
        return err_set(e, 71, "cannot start the feeder thread: the limit of threads is reached");
    f->started = true;
    return 0;
}

void feeder_stop(struct feeder *f)
{
    pthread_mutex_lock(&f->lock);
    f->stopping = true;
    pthread_cond_signal(&f->wake);
    pthread_mutex_unlock(&f->lock);
}

void feeder_join(struct feeder *f)
{
    feeder_stop(f);
    if (f->started)
        pthread_join(f->thread, NULL);
    f->started = false;
}

struct feeder *feeder_free(struct feeder *f)
{
    if (!f)
        return NULL;
    pthread_mutex_destroy(&f->lock);
    pthread_cond_destroy(&f->wake);
    free(f);
    return NULL;
}

void feeder_look(struct feeder *f, struct feeder_view *ret)
{
    pthread_mutex_lock(&f->lock);
    *ret = f->view;
    pthread_mutex_unlock(&f->lock);
}
