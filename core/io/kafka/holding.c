/*
 * holding: tells the pool which partitions of the request topics are ours, and of how many, because every limit
 * is divided by them. What is given up is told before librdkafka lets another worker have it; the rest is
 * repeated all the time, so that a process which was stopped for long finds that its word is old.
 *
 * Only the number of partitions needs the network: kafka_intake_learn() asks for it, on a thread that may wait.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/kafka/intake.h"

#define TELL_US       250000
#define LEARN_US      (60 * 1000000LL)
#define LEARN_SOON_US 1000000LL
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
    const struct string_list *topics = &in->setup.config->topics.requests;
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
    size_t n = in->setup.config->topics.requests.count;
    size_t i = 0;

    in->partition_counts = mem_array(n + 1, sizeof *in->partition_counts);
    for (i = 0; i < n; i++)
        atomic_init(&in->partition_counts[i], -1);
    atomic_init(&in->learn, true);
}

void holding_done(struct kafka_intake *in)
{
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

void kafka_intake_learn(struct kafka_intake *in, int64_t now_us, int64_t timeout_ms)
{
    const struct string_list *topics = &in->setup.config->topics.requests;
    bool all = true;
    size_t i = 0;

    if (in->setup.embedded || now_us < in->learn_us ||
        (!atomic_load(&in->learn) && now_us - in->learn_us < LEARN_US))
        return;
    atomic_store(&in->learn, false); /* a rebalance from here on is not seen by what is asked now */
    for (i = 0; i < topics->count; i++) {
        int n = count_partitions(in, topics->at[i], (int)timeout_ms);

        all = all && n >= 0;
        if (n >= 0)
            atomic_store(&in->partition_counts[i], n);
        if (n < 0)
            break;
    }
    in->learn_us = now_us + LEARN_SOON_US;
    if (!all)
        atomic_store(&in->learn, true);
}
