/*
 * producer: sends records to one topic with a bound on what is under way, for `enqueue` and the tests. It
 * retries for as long as the broker is away. Against an embedded broker it also bounds what the worker
 * has not read yet, because that broker drops the oldest records silently (window.h).
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/mem.h"
#include "io/kafka/client.h"
#include "io/kafka/progress.h"

#define ASK_EVERY_US (20 * 1000LL)
#define ASK_MS       500

struct kafka_producer {
    struct kafka_producer_setup setup;
    struct kafka_client client;
    rd_kafka_topic_t *topic;
    struct progress *progress; /* embedded broker, else NULL */
    int64_t flying_bytes;
    int64_t asked_us;
    bool held;
    uint64_t delivered, failed, sent;
    struct list_node flights; /* sent and not acknowledged, oldest first; failed ones stay */
    void *watch_arg;
    void (*watch)(void *arg, int32_t partition, int64_t offset, const char *why); /* or NULL */
    char why[160];
};

/* Books a message; its opaque, because a delivery report must find partition and size again. */
struct flight {
    struct list_node node;
    uint64_t number;   /* records sent before it */
    int32_t partition; /* booked in the window, or -1 */
    int64_t bytes;
    int32_t from_partition; /* of the record as it was given to us */
    int64_t from_offset;
};

static void on_delivered(void *owner, const rd_kafka_message_t *m)
{
    struct kafka_producer *p = owner;
    struct flight *f = m->_private;

    p->flying_bytes -= f->bytes;
    if (f->partition >= 0 && !m->err)
        window_acked(progress_window(p->progress), (size_t)f->partition, m->offset, f->bytes);
    else if (f->partition >= 0)
        window_failed(progress_window(p->progress), (size_t)f->partition, f->bytes);
    if (p->watch)
        p->watch(p->watch_arg, f->from_partition, f->from_offset,
                 m->err ? rd_kafka_err2str(m->err) : NULL);
    if (m->err) {
        p->failed++;
        snprintf(p->why, sizeof p->why, "%s", rd_kafka_err2str(m->err));
        return;
    }
    p->delivered++;
    list_remove(&f->node);
    free(f);
}

static int open_client(struct kafka_producer *p, struct err *e)
{
    static const struct kafka_pair defaults[] = {
        {"linger.ms", "5"},
        {"compression.type", "lz4"},
        {"partitioner", "murmur2_random"},
        {NULL, NULL},
    };
    static const struct kafka_pair forced[] = {
        {"enable.idempotence", "true"},
        {"acks", "all"},
        {"message.timeout.ms", "0"},
        {NULL, NULL},
    };

    p->client = (struct kafka_client){
        .name = "producer", .owner = p, .delivered = on_delivered, .fatal = p->setup.fatal};
    return kafka_client_open(&p->client, RD_KAFKA_PRODUCER, p->setup.config, defaults, forced, e);
}

struct kafka_producer *kafka_producer_new(const struct kafka_producer_setup *setup,
                                          int64_t timeout_ms, struct err *e)
{
    struct kafka_producer *p = mem_alloc(sizeof *p);
    const char *group = kafka_consumer_property(setup->config, "group.id");
    const struct rd_kafka_metadata *md;
    struct kafka_info info;

    p->setup = *setup;
    list_init(&p->flights);
    if (kafka_probe(setup->config, timeout_ms, &info, e) < 0 || open_client(p, e) < 0)
        return kafka_producer_free(p);
    p->topic = rd_kafka_topic_new(p->client.rk, setup->topic, NULL);
    /* Asked for now, the first record need not wait for the next periodic look at the topic. */
    if (!rd_kafka_metadata(p->client.rk, 0, p->topic, &md, (int)timeout_ms))
        rd_kafka_metadata_destroy(md);
    if (info.embedded)
        p->progress = progress_new(setup->config, setup->topic, group ? group : "sluice-dev", true,
                                   timeout_ms, e);
    if (info.embedded && !p->progress)
        return kafka_producer_free(p);
    return p;
}

static int64_t size_of(const struct kafka_record *r)
{
    int64_t n = WINDOW_RECORD + (int64_t)r->key_len + (int64_t)r->value_len;

    for (size_t i = 0; i < r->nfields; i++)
        n += (int64_t)strlen(r->fields[i].name) + (int64_t)r->fields[i].len + 8;
    return n;
}

/* Chooses the partition and asks the window. False: wait. */
static bool fits(struct kafka_producer *p, const struct kafka_record *r, struct flight *f)
{
    if (p->flying_bytes && p->flying_bytes + f->bytes > p->setup.max_bytes)
        return false;
    if (!p->progress)
        return true;
    f->partition = rd_kafka_msg_partitioner_murmur2_random(
        p->topic, r->key, r->key_len, (int32_t)progress_partitions(p->progress), NULL, NULL);
    p->held = !window_fits(progress_window(p->progress), (size_t)f->partition, f->bytes);
    return !p->held;
}

static rd_kafka_resp_err_t produce(struct kafka_producer *p, const struct kafka_record *r,
                                   struct flight *f)
{
    rd_kafka_headers_t *hs = rd_kafka_headers_new(r->nfields);
    rd_kafka_resp_err_t err;

    for (size_t i = 0; i < r->nfields; i++)
        rd_kafka_header_add(hs, r->fields[i].name, -1, r->fields[i].value,
                            (ssize_t)r->fields[i].len);
    err = rd_kafka_producev(
        p->client.rk, RD_KAFKA_V_RKT(p->topic),
        RD_KAFKA_V_PARTITION(f->partition >= 0 ? f->partition : RD_KAFKA_PARTITION_UA),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(r->key, r->key_len),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)r->value, r->value_len), RD_KAFKA_V_HEADERS(hs),
        RD_KAFKA_V_OPAQUE(f), RD_KAFKA_V_END);
    if (err)
        rd_kafka_headers_destroy(hs);
    return err;
}

int kafka_producer_send(struct kafka_producer *p, const struct kafka_record *r, struct err *e)
{
    struct flight *f = mem_alloc(sizeof *f);
    rd_kafka_resp_err_t err;

    *f = (struct flight){.partition = -1,
                         .bytes = size_of(r),
                         .from_partition = r->partition,
                         .from_offset = r->offset};
    if (!fits(p, r, f)) {
        free(f);
        return KAFKA_FULL;
    }
    err = produce(p, r, f);
    if (err) {
        free(f);
        if (err == RD_KAFKA_RESP_ERR__QUEUE_FULL)
            return KAFKA_FULL;
        return err_set(e, EX_UNAVAILABLE, "topic %s: %s", p->setup.topic, rd_kafka_err2str(err));
    }
    f->number = p->sent++;
    list_push(&p->flights, &f->node);
    p->flying_bytes += f->bytes;
    if (f->partition >= 0)
        window_produce(progress_window(p->progress), (size_t)f->partition, f->bytes);
    return KAFKA_SENT;
}

void kafka_producer_watch(struct kafka_producer *p, void *arg,
                          void (*fn)(void *arg, int32_t partition, int64_t offset, const char *why))
{
    p->watch_arg = arg;
    p->watch = fn;
}

void kafka_producer_poll(struct kafka_producer *p, int64_t timeout_ms)
{
    int64_t now_us = clock_mono_us();

    if (p->held && now_us - p->asked_us >= ASK_EVERY_US) {
        p->asked_us = now_us;
        if (progress_refresh(p->progress, ASK_MS)) {
            p->held = false;
            timeout_ms = 0;
        }
    }
    rd_kafka_poll(p->client.rk, (int)(p->held && timeout_ms > 20 ? 20 : timeout_ms));
}

bool kafka_producer_flush(struct kafka_producer *p, int64_t timeout_ms)
{
    rd_kafka_flush(p->client.rk, (int)timeout_ms);
    return p->flying_bytes == 0;
}

uint64_t kafka_producer_delivered(const struct kafka_producer *p)
{
    return p->delivered;
}

uint64_t kafka_producer_settled(const struct kafka_producer *p)
{
    if (list_empty(&p->flights))
        return p->sent;
    return CONTAINER_OF(p->flights.next, struct flight, node)->number;
}

uint64_t kafka_producer_failed(const struct kafka_producer *p, const char **ret_why)
{
    if (ret_why)
        *ret_why = p->why;
    return p->failed;
}

bool kafka_producer_held(const struct kafka_producer *p)
{
    return p->held;
}

struct kafka_producer *kafka_producer_free(struct kafka_producer *p)
{
    struct list_node *n;

    if (!p)
        return NULL;
    if (p->client.rk) {
        rd_kafka_purge(p->client.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_flush(p->client.rk, 2000);
    }
    while ((n = list_pop(&p->flights)))
        free(CONTAINER_OF(n, struct flight, node));
    if (p->topic)
        rd_kafka_topic_destroy(p->topic);
    kafka_client_close(&p->client);
    progress_free(p->progress);
    free(p);
    return NULL;
}
