/*
 * marks: committed offsets and their metadata, through a consumer that never consumes. A commit whose answer
 * did not come in time is waited for before the next one is sent, so that answers cannot be mixed up.
 */
#include "io/kafka/marks.h"

#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/mem.h"
#include "io/kafka/client.h"

struct kafka_marks {
    struct kafka_client client;
    char *topic;
    char *group;
    rd_kafka_topic_partition_list_t *parts;
    rd_kafka_queue_t *queue;    /* of answers to commits */
    bool pending;               /* a commit without an answer yet */
    rd_kafka_resp_err_t answer; /* of the last one that was answered */
};

static int learn_partitions(struct kafka_marks *m, int64_t timeout_ms, struct err *e)
{
    const struct rd_kafka_metadata *md = NULL;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(m->client.rk, m->topic, NULL);
    rd_kafka_resp_err_t err = rd_kafka_metadata(m->client.rk, 0, rkt, &md, (int)timeout_ms);
    int count = !err && md && md->topic_cnt == 1 ? md->topics[0].partition_cnt : 0;

    rd_kafka_topic_destroy(rkt);
    if (md)
        rd_kafka_metadata_destroy(md);
    if (!count)
        return err_set(e, EX_UNAVAILABLE, "topic %s: %s", m->topic,
                       err ? rd_kafka_err2str(err) : "it does not exist");
    m->parts = rd_kafka_topic_partition_list_new(count);
    for (int i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(m->parts, m->topic, i);
    return 0;
}

struct kafka_marks *kafka_marks_new(const struct config *c, const char *topic, const char *group,
                                    int64_t timeout_ms, struct err *e)
{
    struct kafka_marks *m = mem_alloc(sizeof *m);
    const struct kafka_pair forced[] = {{"group.id", group},
                                        {"enable.auto.commit", "false"},
                                        {"isolation.level", "read_committed"},
                                        {NULL, NULL}};

    m->topic = mem_strdup(topic);
    m->group = mem_strdup(group);
    m->client = (struct kafka_client){.name = "marks"};
    if (kafka_client_open(&m->client, RD_KAFKA_CONSUMER, c, NULL, forced, e) < 0)
        return kafka_marks_free(m);
    m->queue = rd_kafka_queue_new(m->client.rk);
    if (learn_partitions(m, timeout_ms, e) < 0)
        return kafka_marks_free(m);
    return m;
}

struct kafka_marks *kafka_marks_free(struct kafka_marks *m)
{
    if (!m)
        return NULL;
    if (m->parts)
        rd_kafka_topic_partition_list_destroy(m->parts);
    if (m->queue)
        rd_kafka_queue_destroy(m->queue);
    kafka_client_close(&m->client);
    free(m->topic);
    free(m->group);
    free(m);
    return NULL;
}

size_t kafka_marks_count(const struct kafka_marks *m)
{
    return (size_t)m->parts->cnt;
}

int kafka_marks_load(struct kafka_marks *m, struct kafka_mark *ret, int64_t timeout_ms,
                     struct err *e)
{
    rd_kafka_resp_err_t err = rd_kafka_committed(m->client.rk, m->parts, (int)timeout_ms);
    int64_t high;

    memset(ret, 0, (size_t)m->parts->cnt * sizeof *ret);
    for (int i = 0; !err && i < m->parts->cnt; i++) {
        const rd_kafka_topic_partition_t *tp = &m->parts->elems[i];

        err = tp->err;
        if (!err)
            err = rd_kafka_query_watermark_offsets(m->client.rk, m->topic, i, &ret[i].low, &high,
                                                   (int)timeout_ms);
        ret[i].offset = tp->offset >= 0 ? tp->offset : -1;
        if (tp->metadata_size)
            ret[i].text = mem_dup(tp->metadata, tp->metadata_size);
    }
    if (!err)
        return 0;
    for (int i = 0; i < m->parts->cnt; i++)
        free(STEAL(ret[i].text));
    return err_set(e, EX_UNAVAILABLE, "the progress of group %s in topic %s cannot be read: %s",
                   m->group, m->topic, rd_kafka_err2str(err));
}

static void on_answer(rd_kafka_t *rk, rd_kafka_resp_err_t err,
                      rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct kafka_marks *m = opaque;

    (void)rk;
    m->pending = false;
    m->answer = err;
    for (int i = 0; list && !m->answer && i < list->cnt; i++)
        m->answer = list->elems[i].err;
}

static void wait_answer(struct kafka_marks *m, int64_t until_us)
{
    while (m->pending && clock_mono_us() < until_us)
        rd_kafka_queue_poll_callback(m->queue, 20);
}

static void start(struct kafka_marks *m, const struct kafka_mark *marks)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(m->parts->cnt);

    for (int i = 0; i < m->parts->cnt; i++) {
        rd_kafka_topic_partition_t *tp = NULL;

        if (marks[i].offset < 0)
            continue;
        tp = rd_kafka_topic_partition_list_add(list, m->topic, i);
        tp->offset = marks[i].offset;
        if (marks[i].text && *marks[i].text) {
            tp->metadata = mem_strdup(marks[i].text); /* the list frees it */
            tp->metadata_size = strlen(marks[i].text);
        }
    }
    m->answer = 0;
    if (list->cnt) {
        m->answer = rd_kafka_commit_queue(m->client.rk, list, m->queue, on_answer, m);
        m->pending = !m->answer;
    }
    rd_kafka_topic_partition_list_destroy(list);
}

int kafka_marks_save(struct kafka_marks *m, const struct kafka_mark *marks, int64_t timeout_ms,
                     struct err *e)
{
    int64_t until_us = clock_mono_us() + timeout_ms * 1000;

    wait_answer(m, until_us);
    if (!m->pending) {
        start(m, marks);
        wait_answer(m, until_us);
    }
    if (!m->pending && !m->answer)
        return 0;
    return err_set(e, EX_UNAVAILABLE, "the progress of group %s in topic %s cannot be saved: %s",
                   m->group, m->topic,
                   m->pending ? "the broker does not answer" : rd_kafka_err2str(m->answer));
}
