/*
 * hold: the window of unread bytes, applied to the reply topic of an embedded broker. A reply whose
 * partition is full waits until `collect` has committed that it read further. Chooses the partition by
 * the same hash as the client would, because the bytes must be booked before the record is produced.
 */
#include "io/kafka/hold.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/kafka/progress.h"

#define ASK_MS        500
#define WARN_EVERY_US (10 * 1000000LL)

struct hold {
    struct progress *progress;
    rd_kafka_topic_t *topic; /* of the producer: the partitioner asks for one */
    const char *name;
    int64_t said_us;
};

struct hold *hold_new(const struct config *c, rd_kafka_t *producer, struct err *e)
{
    struct hold *h = mem_alloc(sizeof *h);

    h->name = c->topics.replies;
    h->progress = progress_new(c, h->name, KAFKA_COLLECT_GROUP, true, 10000, e);
    if (!h->progress)
        return hold_free(h);
    h->topic = rd_kafka_topic_new(producer, h->name, NULL);
    return h;
}

struct hold *hold_free(struct hold *h)
{
    if (!h)
        return NULL;
    if (h->topic)
        rd_kafka_topic_destroy(h->topic);
    progress_free(h->progress);
    free(h);
    return NULL;
}

static int64_t reply_bytes(const struct task *t)
{
    int64_t n = WINDOW_RECORD + (int64_t)t->reply_len + (t->id ? (int64_t)strlen(t->id) * 2 : 0);

    for (int i = 0; i < t->nheaders; i++)
        n += (int64_t)t->headers[i].len + 32;
    return n + 200; /* our own headers */
}

bool hold_take(struct hold *h, struct parcel *p, int32_t *ret_partition)
{
    const struct task *t = p->task;
    struct window *w = progress_window(h->progress);
    int32_t count = (int32_t)progress_partitions(h->progress);
    int32_t at = p->partition;

    if (strcmp(p->topic, h->name) != 0)
        return true;
    if (at == RD_KAFKA_PARTITION_UA)
        at = rd_kafka_msg_partitioner_murmur2_random(h->topic, t->id ? t->id : t->key,
                                                     t->id ? strlen(t->id) : t->key_len, count,
                                                     NULL, NULL);
    if (at >= count)
        return true;
    p->window_bytes = reply_bytes(t);
    if (!window_fits(w, (size_t)at, p->window_bytes))
        return false;
    p->window_partition = at;
    window_produce(w, (size_t)at, p->window_bytes);
    *ret_partition = at;
    return true;
}

void hold_result(struct hold *h, struct parcel *p, int64_t offset)
{
    struct window *w = progress_window(h->progress);

    if (p->window_partition < 0)
        return;
    if (offset < 0)
        window_failed(w, (size_t)p->window_partition, p->window_bytes);
    else
        window_acked(w, (size_t)p->window_partition, offset, p->window_bytes);
    p->window_partition = -1;
}

bool hold_refresh(struct hold *h, int64_t now_us)
{
    if (progress_refresh(h->progress, ASK_MS)) {
        h->said_us = 0;
        return true;
    }
    if (!h->said_us)
        h->said_us = now_us;
    if (now_us - h->said_us > WARN_EVERY_US) {
        h->said_us = now_us;
        log_warn("nobody is collecting: replies are held back",
                 "topic=%s hint=\"the embedded broker is full; run sluice collect\"", h->name);
    }
    return false;
}
