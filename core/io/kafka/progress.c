/*
 * progress: a consumer handle that never consumes: it asks for the committed offsets of a group and keeps
 * the window of unread bytes up to date with them. Only embedded brokers need it.
 */
#include "io/kafka/progress.h"

#include <sysexits.h>

#include "base/mem.h"

struct progress {
    struct kafka_client client;
    rd_kafka_topic_partition_list_t *parts;
    struct window *window;
};

static int learn_partitions(struct progress *p, const char *topic, int64_t timeout_ms,
                            struct err *e)
{
    const struct rd_kafka_metadata *md = NULL;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(p->client.rk, topic, NULL);
    rd_kafka_resp_err_t err = rd_kafka_metadata(p->client.rk, 0, rkt, &md, (int)timeout_ms);

    rd_kafka_topic_destroy(rkt);
    if (err || md->topic_cnt != 1 || md->topics[0].partition_cnt == 0) {
        if (md)
            rd_kafka_metadata_destroy(md);
        return err_set(e, EX_UNAVAILABLE, "topic %s: %s", topic,
                       err ? rd_kafka_err2str(err) : "it has no partitions");
    }
    p->parts = rd_kafka_topic_partition_list_new(md->topics[0].partition_cnt);
    for (int i = 0; i < md->topics[0].partition_cnt; i++)
        rd_kafka_topic_partition_list_add(p->parts, topic, i);
    p->window = window_new((size_t)p->parts->cnt, WINDOW_BYTES);
    rd_kafka_metadata_destroy(md);
    return 0;
}

/* What others produced before us has no known size. */
static int count_foreign(struct progress *p, int64_t timeout_ms, struct err *e)
{
    rd_kafka_resp_err_t err = rd_kafka_committed(p->client.rk, p->parts, (int)timeout_ms);

    for (int i = 0; !err && i < p->parts->cnt; i++) {
        const rd_kafka_topic_partition_t *tp = &p->parts->elems[i];
        int64_t low, high;

        err = rd_kafka_query_watermark_offsets(p->client.rk, tp->topic, tp->partition, &low, &high,
                                               (int)timeout_ms);
        if (!err && high > (tp->offset > low ? tp->offset : low))
            window_foreign(p->window, (size_t)tp->partition, high);
    }
    if (err)
        return err_set(e, EX_UNAVAILABLE, "topic %s: %s", p->parts->elems[0].topic,
                       rd_kafka_err2str(err));
    return 0;
}

struct progress *progress_new(const struct config *c, const char *topic, const char *group,
                              bool foreign, int64_t timeout_ms, struct err *e)
{
    struct progress *p = mem_alloc(sizeof *p);
    const struct kafka_pair forced[] = {
        {"group.id", group}, {"enable.auto.commit", "false"}, {NULL, NULL}};

    p->client = (struct kafka_client){.name = "progress"};
    if (kafka_client_open(&p->client, RD_KAFKA_CONSUMER, c, NULL, forced, e) < 0 ||
        learn_partitions(p, topic, timeout_ms, e) < 0 ||
        (foreign && count_foreign(p, timeout_ms, e) < 0))
        return progress_free(p);
    return p;
}

struct progress *progress_free(struct progress *p)
{
    if (!p)
        return NULL;
    if (p->parts)
        rd_kafka_topic_partition_list_destroy(p->parts);
    window_free(p->window);
    kafka_client_close(&p->client);
    free(p);
    return NULL;
}

size_t progress_partitions(const struct progress *p)
{
    return (size_t)p->parts->cnt;
}

struct window *progress_window(struct progress *p)
{
    return p->window;
}

bool progress_refresh(struct progress *p, int64_t timeout_ms)
{
    bool freed = false;

    if (rd_kafka_committed(p->client.rk, p->parts, (int)timeout_ms))
        return false;
    for (int i = 0; i < p->parts->cnt; i++) {
        const rd_kafka_topic_partition_t *tp = &p->parts->elems[i];

        if (!tp->err && window_read(p->window, (size_t)tp->partition, tp->offset))
            freed = true;
    }
    return freed;
}
