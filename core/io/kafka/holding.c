/*
 * holding: tells the pool which partitions of the request topics are ours, and of how many, because every limit
 * is divided by them. What is given up is told before librdkafka lets another worker have it; the rest is
 * repeated all the time, so that a process which was stopped for long finds that its word is old.
 *
 * Only the number of partitions needs the network. A thread of its own asks for it, which may wait: the intake
 * must not, and the main thread has signals and its own health to look at.
 */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/mem.h"
#include "io/kafka/intake.h"

#define TELL_US       250000
#define LEARN_US      (60 * 1000000LL)
#define LEARN_SOON_US 1000000LL
#define LEARN_MS      1000 /* for an answer; the way down may have to wait so long */
#define LOOK_MS       200
#define SESSION_MS    45000 /* librdkafka's own */

static bool repeated(const struct string_list *topics, size_t i)
{
    size_t k = 0;

    for (k = 0; k < i; k++)
        if (strcmp(topics->at[k], topics->at[i]) == 0)
            return true;
    return false;
}

/* All workers count through the topics by name. The number of the first partition of `topic` (NULL: how many there
 * are in all), and how many it has. -1: that is not known. */
static int64_t first_of(const struct kafka_intake *in, const char *topic, int *ret_partitions)
{
    const struct string_list *topics = &in->topics;
    int64_t before = 0;
    size_t i = 0;

    *ret_partitions = 0;
    for (i = 0; i < topics->count; i++) {
        int n = atomic_load(&in->partition_counts[i]);
        int order = topic ? strcmp(topics->at[i], topic) : -1;

        if (n < 0)
            return -1;
        if (repeated(topics, i))
            continue;
        if (order < 0)
            before += n;
        else if (order == 0)
            *ret_partitions = n;
    }
    return before;
}

static void add(struct kafka_intake *in, const struct kafka_part *p, struct holding *h)
{
    int n = 0;
    int64_t first = first_of(in, p->topic, &n);

    if (p->partition < n)
        in->held_parts[h->count++] = (struct holding_part){first + p->partition, p->moved};
    else
        atomic_store(&in->learn, true); /* the topic has grown */
}

void holding_tell(struct kafka_intake *in, int64_t now_us)
{
    const char *session = kafka_consumer_property(in->setup.config, "session.timeout.ms");
    int64_t session_ms = SESSION_MS;
    struct holding h = {0};
    int n = 0;
    size_t i = 0;

    in->told_us = now_us;
    if (!in->pool.hold)
        return;
    if (session && config_int(session, &session_ms) < 0)
        session_ms = SESSION_MS;
    h.lease_us = session_ms * 1000 / 2;
    h.total = first_of(in, NULL, &n);
    if (h.total < 0)
        h.total = 0;
    if (h.total == 0 && in->nparts > 0)
        atomic_store(&in->learn, true); /* a broker that has just heard of the topic */
    in->held_parts = mem_grow(in->held_parts, in->nparts + 1, sizeof *in->held_parts);
    for (i = 0; h.total > 0 && i < in->nparts; i++)
        add(in, in->parts[i], &h);
    h.parts = in->held_parts;
    in->pool.hold(in->pool.pool, &h);
}

void holding_tick(struct kafka_intake *in, int64_t now_us)
{
    if (now_us - in->told_us >= TELL_US)
        holding_tell(in, now_us);
}

void holding_init(struct kafka_intake *in)
{
    size_t n = in->topics.count;
    pthread_condattr_t monotonic;
    size_t i = 0;

    pthread_mutex_init(&in->learner.lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&in->learner.wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    in->partition_counts = mem_array(n + 1, sizeof *in->partition_counts);
    for (i = 0; i < n; i++)
        atomic_init(&in->partition_counts[i], -1);
    atomic_init(&in->learn, true);
}

void holding_done(struct kafka_intake *in)
{
    pthread_cond_destroy(&in->learner.wake);
    pthread_mutex_destroy(&in->learner.lock);
    free(in->partition_counts);
    free(in->held_parts);
}

/* Partitions of a topic, 0: it does not exist. -1: nobody answers. */
static int count_partitions(struct kafka_intake *in, const char *topic, int timeout_ms)
{
    const struct rd_kafka_metadata *md = NULL;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(in->client.rk, topic, NULL);
    rd_kafka_resp_err_t err =
        rkt ? rd_kafka_metadata(in->client.rk, 0, rkt, &md, timeout_ms) : RD_KAFKA_RESP_ERR__FAIL;
    int n = -1;

    if (rkt)
        rd_kafka_topic_destroy(rkt);
    if (err)
        return -1;
    if (md->topic_cnt == 1 &&
        (!md->topics[0].err || md->topics[0].err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART))
        n = md->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(md);
    return n;
}

/* When it is not known, may have changed, or is old. */
static void learn(struct kafka_intake *in, int64_t now_us)
{
    const struct string_list *topics = &in->topics;
    bool all = true;
    size_t i = 0;

    if (now_us < in->learn_us || (!atomic_load(&in->learn) && now_us - in->learn_us < LEARN_US))
        return;
    atomic_store(&in->learn, false); /* a rebalance from here on is not seen by what is asked now */
    for (i = 0; all && i < topics->count; i++) {
        int n = count_partitions(in, topics->at[i], LEARN_MS);

        all = n >= 0;
        if (all)
            atomic_store(&in->partition_counts[i], n);
    }
    in->learn_us = now_us + LEARN_SOON_US;
    if (!all)
        atomic_store(&in->learn, true);
}

static bool pause_learning(struct kafka_intake *in)
{
    struct timespec until;
    bool end;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += LOOK_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&in->learner.lock);
    if (!in->learner.end)
        pthread_cond_timedwait(&in->learner.wake, &in->learner.lock, &until);
    end = in->learner.end;
    pthread_mutex_unlock(&in->learner.lock);
    return !end;
}

static void *run_learner(void *arg)
{
    struct kafka_intake *in = arg;

    do
        learn(in, clock_mono_us());
    while (pause_learning(in));
    return NULL;
}

int holding_start(struct kafka_intake *in, struct err *e)
{
    if (in->setup.embedded || !in->pool.hold)
        return 0;
    if (pthread_create(&in->learner.thread, NULL, run_learner, in))
        return err_set(e, EX_OSERR, "intake: cannot start a thread");
    in->learner.started = true;
    return 0;
}

void holding_stop(struct kafka_intake *in)
{
    if (!in->learner.started)
        return;
    pthread_mutex_lock(&in->learner.lock);
    in->learner.end = true;
    pthread_cond_signal(&in->learner.wake);
    pthread_mutex_unlock(&in->learner.lock);
    pthread_join(in->learner.thread, NULL);
    in->learner.started = false;
}
