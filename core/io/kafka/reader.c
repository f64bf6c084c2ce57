/*
 * reader: reads all partitions of one topic without joining a group, for `collect` and the tests. It
 * starts where it is told, raises an alarm when the broker dropped records before they were read, and
 * commits a position only when the caller says that everything before it is safe.
 */
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/kafka/client.h"

struct kafka_reader {
    struct kafka_reader_setup setup;
    struct kafka_client client;
    rd_kafka_topic_partition_list_t *parts; /* the offset of each: where it starts */
    int64_t *next;                          /* next to be read, -1: not known yet */
    int64_t *others;                        /* embedded: committed by the group before we came */
    bool *gone;                             /* the position fell out of range */
    rd_kafka_message_t *message;            /* the one that the caller looks at */
    bool embedded;
    uint64_t lost;
};

static int learn_partitions(struct kafka_reader *r, int64_t timeout_ms, struct err *e)
{
    const struct rd_kafka_metadata *md;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(r->client.rk, r->setup.topic, NULL);
    rd_kafka_resp_err_t err = rd_kafka_metadata(r->client.rk, 0, rkt, &md, (int)timeout_ms);
    int count = err ? 0 : md->topics[0].partition_cnt;

    rd_kafka_topic_destroy(rkt);
    if (!err)
        rd_kafka_metadata_destroy(md);
    if (err)
        return err_set(e, EX_UNAVAILABLE, "topic %s: %s", r->setup.topic, rd_kafka_err2str(err));
    if (!count)
        return err_set(e, EX_UNAVAILABLE, "topic %s does not exist: sluice topics create makes it",
                       r->setup.topic);
    r->parts = rd_kafka_topic_partition_list_new(count);
    for (int i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(r->parts, r->setup.topic, i);
    r->next = mem_array((size_t)count, sizeof *r->next);
    r->others = mem_array((size_t)count, sizeof *r->others);
    r->gone = mem_array((size_t)count, sizeof *r->gone);
    return 0;
}

static int64_t start_of(const struct kafka_reader *r, const rd_kafka_topic_partition_t *tp)
{
    if ((size_t)tp->partition < r->setup.noffsets && r->setup.offsets[tp->partition] >= 0)
        return r->setup.offsets[tp->partition];
    if (r->setup.from == KAFKA_FROM_COMMITTED && tp->offset >= 0)
        return tp->offset;
    return r->setup.from == KAFKA_FROM_END ? RD_KAFKA_OFFSET_END : RD_KAFKA_OFFSET_BEGINNING;
}

static int assign(struct kafka_reader *r, int64_t timeout_ms, struct err *e)
{
    rd_kafka_resp_err_t err = 0;

    if (r->setup.from == KAFKA_FROM_COMMITTED || r->embedded)
        err = rd_kafka_committed(r->client.rk, r->parts, (int)timeout_ms);
    for (int i = 0; i < r->parts->cnt; i++) {
        rd_kafka_topic_partition_t *tp = &r->parts->elems[i];

        r->others[i] = r->embedded && tp->offset > 0 ? tp->offset : 0;
        tp->offset = start_of(r, tp);
        r->next[i] = tp->offset >= 0 ? tp->offset : -1;
        if (r->embedded && tp->offset == RD_KAFKA_OFFSET_BEGINNING)
            r->next[i] = 0;
    }
    if (!err)
        err = rd_kafka_assign(r->client.rk, r->parts);
    return err ? err_set(e, EX_UNAVAILABLE, "topic %s: %s", r->setup.topic, rd_kafka_err2str(err))
               : 0;
}

struct kafka_reader *kafka_reader_new(const struct kafka_reader_setup *setup, int64_t timeout_ms,
                                      struct err *e)
{
    static const struct kafka_pair defaults[] = {
        {"isolation.level", "read_committed"},
        {"queued.max.messages.kbytes", "16384"},
        {NULL, NULL},
    };
    struct kafka_reader *r = mem_alloc(sizeof *r);
    struct kafka_info info;
    struct kafka_pair forced[] = {
        {"group.id", setup->group ? setup->group : KAFKA_COLLECT_GROUP},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"enable.partition.eof", "true"},
        {"auto.offset.reset", "error"},
        {"fetch.wait.max.ms", NULL},
        {NULL, NULL},
    };

    r->setup = *setup;
    r->client = (struct kafka_client){.name = "reader", .fatal = setup->fatal};
    if (kafka_probe(setup->config, timeout_ms, &info, e) < 0)
        return kafka_reader_free(r);
    r->embedded = info.embedded;
    if (info.embedded)
        forced[5].value = "4";
    if (kafka_client_open(&r->client, RD_KAFKA_CONSUMER, setup->config, defaults, forced, e) < 0)
        return kafka_reader_free(r);
    rd_kafka_poll_set_consumer(r->client.rk);
    if (learn_partitions(r, timeout_ms, e) < 0 || assign(r, timeout_ms, e) < 0)
        return kafka_reader_free(r);
    return r;
}

static void out_of_range(struct kafka_reader *r, int32_t partition)
{
    rd_kafka_topic_partition_list_t *one = rd_kafka_topic_partition_list_new(1);

    r->gone[partition] = true;
    rd_kafka_topic_partition_list_add(one, r->setup.topic, partition)->offset =
        RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_error_destroy(rd_kafka_seek_partitions(r->client.rk, one, 0));
    rd_kafka_topic_partition_list_destroy(one);
}

/* The broker has come to this offset. */
static void check_gap(struct kafka_reader *r, int32_t partition, int64_t offset)
{
    int64_t next = r->next[partition];

    /* What somebody collected before us may be gone: an embedded broker drops the oldest. */
    if (next >= 0 && next < r->others[partition])
        next = r->others[partition];
    if (next >= 0 && offset > next && (r->embedded || r->gone[partition])) {
        r->lost += (uint64_t)(offset - next);
        log_error("RECORDS WERE LOST: the broker dropped them before they were read",
                  "topic=%s partition=%d count=%lld", r->setup.topic, (int)partition,
                  (long long)(offset - next));
    }
    r->gone[partition] = false;
}

static void view(const rd_kafka_message_t *m, struct kafka_record *ret)
{
    rd_kafka_timestamp_type_t type;
    rd_kafka_headers_t *hs;

    *ret = (struct kafka_record){.key = m->key,
                                 .key_len = m->key_len,
                                 .value = m->payload,
                                 .value_len = m->len,
                                 .partition = m->partition,
                                 .offset = m->offset,
                                 .timestamp_ms = rd_kafka_message_timestamp(m, &type)};
    if (rd_kafka_message_headers(m, &hs))
        return;
    ret->more_fields = rd_kafka_header_cnt(hs) > ARRAY_LEN(ret->fields);
    while (ret->nfields < ARRAY_LEN(ret->fields)) {
        struct kafka_field *f = &ret->fields[ret->nfields];

        if (rd_kafka_header_get_all(hs, ret->nfields, &f->name, &f->value, &f->len))
            break;
        ret->nfields++;
    }
}

/* Behind the last record there may be markers of transactions, which nobody gets to see: a reader that has
 * seen every record stands at the end only when it is told that it does. */
static void at_end(struct kafka_reader *r, const rd_kafka_message_t *m)
{
    if (m->partition < 0 || m->partition >= r->parts->cnt || m->offset <= r->next[m->partition])
        return;
    check_gap(r, m->partition, m->offset);
    r->next[m->partition] = m->offset;
}

/* The next message that is not just the end of a partition, or NULL. */
static rd_kafka_message_t *next_message(struct kafka_reader *r, int64_t timeout_ms)
{
    int64_t until_us = clock_mono_us() + timeout_ms * 1000;

    for (;;) {
        int64_t left_us = until_us - clock_mono_us();
        rd_kafka_message_t *m =
            rd_kafka_consumer_poll(r->client.rk, left_us > 0 ? (int)(left_us / 1000) : 0);

        if (!m || m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
            return m;
        at_end(r, m);
        rd_kafka_message_destroy(m);
    }
}

int kafka_reader_poll(struct kafka_reader *r, int64_t timeout_ms, struct kafka_record *ret,
                      struct err *e)
{
    rd_kafka_message_t *m;

    if (r->message)
        rd_kafka_message_destroy(STEAL(r->message));
    m = next_message(r, timeout_ms);
    if (!m)
        return KAFKA_NOTHING;
    if (m->err) {
        rd_kafka_resp_err_t err = m->err;
        int32_t partition = m->partition;
        int bad = 0;

        if (err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED || err == RD_KAFKA_RESP_ERR__FATAL)
            bad = err_set(e, EX_NOPERM, "topic %s: %s", r->setup.topic, rd_kafka_message_errstr(m));
        rd_kafka_message_destroy(m);
        if (err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET && partition >= 0 &&
            partition < r->parts->cnt)
            out_of_range(r, partition);
        return bad ? bad : KAFKA_NOTHING;
    }
    check_gap(r, m->partition, m->offset);
    r->next[m->partition] = m->offset + 1;
    r->message = m;
    view(m, ret);
    return KAFKA_RECORD;
}

size_t kafka_reader_partitions(const struct kafka_reader *r)
{
    return (size_t)r->parts->cnt;
}

int64_t kafka_reader_position(const struct kafka_reader *r, size_t partition)
{
    return r->next[partition];
}

int kafka_reader_ends(struct kafka_reader *r, int64_t *ret_ends, int64_t timeout_ms, struct err *e)
{
    for (int i = 0; i < r->parts->cnt; i++) {
        int64_t low;
        rd_kafka_resp_err_t err = rd_kafka_query_watermark_offsets(
            r->client.rk, r->setup.topic, i, &low, &ret_ends[i], (int)timeout_ms);

        if (err)
            return err_set(e, EX_UNAVAILABLE, "topic %s: %s", r->setup.topic,
                           rd_kafka_err2str(err));
    }
    return 0;
}

int kafka_reader_commit(struct kafka_reader *r, bool wait, struct err *e)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(r->parts->cnt);
    rd_kafka_resp_err_t err = 0;

    for (int i = 0; i < r->parts->cnt; i++)
        if (r->next[i] > r->others[i])
            rd_kafka_topic_partition_list_add(list, r->setup.topic, i)->offset = r->next[i];
    if (list->cnt)
        err = rd_kafka_commit(r->client.rk, list, !wait);
    rd_kafka_topic_partition_list_destroy(list);
    return err ? err_set(e, EX_UNAVAILABLE, "topic %s: positions cannot be committed: %s",
                         r->setup.topic, rd_kafka_err2str(err))
               : 0;
}

uint64_t kafka_reader_lost(const struct kafka_reader *r)
{
    return r->lost;
}

struct kafka_reader *kafka_reader_free(struct kafka_reader *r)
{
    if (!r)
        return NULL;
    if (r->message)
        rd_kafka_message_destroy(r->message);
    if (r->client.rk)
        rd_kafka_consumer_close(r->client.rk);
    kafka_client_close(&r->client);
    if (r->parts)
        rd_kafka_topic_partition_list_destroy(r->parts);
    free(r->next);
    free(r->others);
    free(r->gone);
    free(r);
    return NULL;
}
