/*
 * A rig for the Kafka tests: an embedded broker, a configuration for it, and a pool that does nothing but
 * keep tasks until the test finishes them in the order it likes.
 */
#ifndef SLUICE_TESTS_KAFKA_RIG_H
#define SLUICE_TESTS_KAFKA_RIG_H

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>
#include <librdkafka/rdkafka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "io/kafka/kafka.h"

#define RIG_MAX 20000

struct rig {
    struct kafka_broker *broker;
    struct config *config;
    struct kafka_fatal fatal;
    struct kafka_intake *in;
    struct kafka_publisher *pub;
    bool group; /* join a group instead of taking all partitions */
    bool exact; /* exactly_once; with `group` */

    pthread_mutex_t lock;
    struct task *tasks[RIG_MAX]; /* received and not finished, in order */
    size_t ntasks;
    size_t received; /* ever */
    int64_t in_memory;
    int64_t most;     /* in memory at once */
    size_t forgotten; /* journal entries that may go */
};

static inline void rig_property(struct property_list *l, const char *name, const char *value)
{
    l->at = mem_grow(l->at, l->count + 1, sizeof *l->at);
    l->at[l->count++] = (struct property){mem_strdup(name), mem_strdup(value), 0};
}

static inline void rig_open(struct rig *r, int partitions)
{
    struct err e = {0};

    memset(r, 0, sizeof *r);
    pthread_mutex_init(&r->lock, NULL);
    kafka_fatal_init(&r->fatal);
    r->broker = kafka_broker_new(0, &e);
    cr_assert(r->broker, "%s", e.msg);
    cr_assert_eq(kafka_broker_topic(r->broker, "llm.requests", partitions, &e), 0);
    cr_assert_eq(kafka_broker_topic(r->broker, "llm.replies", partitions, &e), 0);
    cr_assert_eq(kafka_broker_topic(r->broker, "llm.dead", partitions, &e), 0);
    r->config = config_new();
    rig_property(&r->config->kafka, "bootstrap.servers", kafka_broker_address(r->broker));
    rig_property(&r->config->kafka, "group.id", "test");
}

static inline void rig_close(struct rig *r)
{
    config_free(r->config);
    kafka_broker_free(r->broker);
}

static inline int64_t rig_room(const void *arg)
{
    const struct rig *r = arg;

    return r->config->pool.max_in_flight - __atomic_load_n(&r->in_memory, __ATOMIC_SEQ_CST);
}

static inline void rig_submit(void *arg, struct list_node *tasks)
{
    struct rig *r = arg;
    struct list_node *n;

    pthread_mutex_lock(&r->lock);
    while ((n = list_pop(tasks))) {
        struct task *t = CONTAINER_OF(n, struct task, node);

        task_set_state(t, TASK_INBOX);
        task_set_state(t, TASK_RUNNING);
        cr_assert_lt(r->ntasks, RIG_MAX);
        r->tasks[r->ntasks++] = t;
        r->received++;
        __atomic_fetch_add(&r->in_memory, 1, __ATOMIC_SEQ_CST);
    }
    if (r->in_memory > r->most)
        r->most = r->in_memory;
    pthread_mutex_unlock(&r->lock);
}

static inline void rig_release(void *arg, int64_t n)
{
    struct rig *r = arg;

    __atomic_fetch_sub(&r->in_memory, n, __ATOMIC_SEQ_CST);
}

static inline void rig_committed(void *arg, const uint8_t *key, size_t len)
{
    struct rig *r = arg;

    cr_assert_gt(len, 8);
    cr_assert(key);
    __atomic_fetch_add(&r->forgotten, 1, __ATOMIC_SEQ_CST);
}

static inline void rig_start(struct rig *r)
{
    struct err e = {0};
    struct kafka_intake_setup is = {.config = r->config,
                                    .fatal = &r->fatal,
                                    .embedded = !r->group,
                                    .exact = r->exact,
                                    .arg = r,
                                    .committed = rig_committed};
    struct intake pool = {
        .pool = r, .room = rig_room, .submit = rig_submit, .release = rig_release};
    struct kafka_publisher_setup ps = {.config = r->config,
                                       .fatal = &r->fatal,
                                       .embedded = !r->exact,
                                       .settled = kafka_intake_settled};

    if (r->exact) {
        ps.transactional_id = "rig";
        ps.batch_settled = kafka_intake_batch_settled;
    }
    r->in = kafka_intake_new(&is, &e);
    cr_assert(r->in, "%s", e.msg);
    ps.arg = r->in;
    r->pub = kafka_publisher_new(&ps, &e);
    cr_assert(r->pub, "%s", e.msg);
    cr_assert_eq(kafka_intake_start(r->in, &pool, r->pub, &e), 0, "%s", e.msg);
}

/* Gives the i-th waiting task to the sink; reply NULL: as the pool does when it stops. */
static inline void rig_finish(struct rig *r, size_t i, const char *reply)
{
    struct list_node one;
    struct task *t;

    pthread_mutex_lock(&r->lock);
    t = r->tasks[i];
    memmove(r->tasks + i, r->tasks + i + 1, (r->ntasks - i - 1) * sizeof *r->tasks);
    r->ntasks--;
    pthread_mutex_unlock(&r->lock);
    if (reply && !t->id)
        t->id = mem_dup(t->key, t->key_len);
    if (reply) {
        t->reply = mem_strdup(reply);
        t->reply_len = strlen(reply);
        t->ok = true;
    }
    task_set_state(t, TASK_OUTBOX);
    list_init(&one);
    list_push(&one, &t->node);
    kafka_intake_sink(r->in)->put(kafka_intake_sink(r->in), &one);
}

static inline void rig_finish_all(struct rig *r, const char *reply)
{
    while (r->ntasks)
        rig_finish(r, r->ntasks - 1, reply); /* the latest first */
}

/* The way a worker goes down: what is not finished is given back. */
static inline void rig_stop(struct rig *r)
{
    kafka_intake_stop(r->in);
    rig_finish_all(r, NULL);
    if (r->exact)
        kafka_intake_flush(r->in, 5000);
    kafka_publisher_flush(r->pub, 5000);
    r->pub = kafka_publisher_free(r->pub);
    r->in = kafka_intake_free(r->in);
    cr_assert_eq(r->in_memory, 0, "tasks that were never released");
}

#define RIG_WAIT(cond, what)                                                                       \
    do {                                                                                           \
        int64_t until_us_ = clock_mono_us() + 20 * 1000000LL;                                      \
        while (!(cond)) {                                                                          \
            cr_assert_lt(clock_mono_us(), until_us_, "waited too long for %s", what);              \
            poll(NULL, 0, 5);                                                                      \
        }                                                                                          \
    } while (0)

/* Sends keys "k0".. to the request topic, as enqueue does; -1 on KAFKA_FULL. */
static inline void rig_enqueue(struct rig *r, int from, int to, const char *value)
{
    struct err e = {0};
    struct kafka_producer_setup ps = {r->config, "llm.requests", 1 << 20, &r->fatal};
    struct kafka_producer *p = kafka_producer_new(&ps, 10000, &e);

    cr_assert(p, "%s", e.msg);
    for (int i = from; i < to; i++) {
        char key[16];
        struct kafka_record rec = {.key = key, .value = value, .value_len = strlen(value)};
        int sent;

        rec.key_len = (size_t)snprintf(key, sizeof key, "k%d", i);
        rec.fields[rec.nfields++] = (struct kafka_field){"kafka_correlationId", key, rec.key_len};
        while ((sent = kafka_producer_send(p, &rec, &e)) == KAFKA_FULL)
            kafka_producer_poll(p, 50);
        cr_assert_eq(sent, KAFKA_SENT, "%s", e.msg);
    }
    cr_assert(kafka_producer_flush(p, 10000));
    cr_assert_eq(kafka_producer_delivered(p), (uint64_t)(to - from));
    kafka_producer_free(p);
}

#endif
