/* topic_reader: assigns every partition and reads to the ends; see topic_reader.h. */
#include "tests/chaos/topic_reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"

#define ASK_MS     10000
#define SILENCE_US (30 * 1000000LL)

rd_kafka_t *topic_client(const char *broker, const char *group, bool committed, struct err *e)
{
    const char *const settings[][2] = {
        {"bootstrap.servers", broker},
        {"group.id", group},
        {"isolation.level", committed ? "read_committed" : "read_uncommitted"},
        {"enable.auto.commit", "false"},
        {"enable.partition.eof", "true"},
        {"auto.offset.reset", "error"},
        {"socket.nagle.disable", "true"},
        {"log_level", "2"},
    };
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *rk;
    char why[256];

    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, sizeof why)) {
            rd_kafka_conf_destroy(conf);
            err_set(e, EX_SOFTWARE, "%s", why);
            return NULL;
        }
    rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (!rk) {
        rd_kafka_conf_destroy(conf);
        err_set(e, EX_UNAVAILABLE, "%s", why);
        return NULL;
    }
    rd_kafka_poll_set_consumer(rk);
    return rk;
}

int32_t topic_partitions(rd_kafka_t *rk, const char *topic, struct err *e)
{
    const struct rd_kafka_metadata *md;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, topic, NULL);
    rd_kafka_resp_err_t err = rd_kafka_metadata(rk, 0, rkt, &md, ASK_MS);
    int32_t n;

    rd_kafka_topic_destroy(rkt);
    if (err)
        return err_set(e, EX_UNAVAILABLE, "%s: %s", topic, rd_kafka_err2str(err));
    n = md->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(md);
    return n > 0 ? n : err_set(e, EX_DATAERR, "%s: there is no such topic", topic);
}

int64_t topic_end(rd_kafka_t *rk, const char *topic, int32_t partition, struct err *e)
{
    int64_t low, high;
    rd_kafka_resp_err_t err =
        rd_kafka_query_watermark_offsets(rk, topic, partition, &low, &high, ASK_MS);

    return err ? err_set(e, EX_UNAVAILABLE, "%s [%d]: %s", topic, (int)partition,
                         rd_kafka_err2str(err))
               : high;
}

/* Reads until each of n partitions has ended. */
static int read_all(rd_kafka_t *rk, const char *topic, int32_t n,
                    void (*fn)(void *arg, const rd_kafka_message_t *m), void *arg, struct err *e)
{
    int64_t moved_us = clock_mono_us();
    int32_t ended = 0;

    while (ended < n) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 1000);
        rd_kafka_resp_err_t err = m ? m->err : RD_KAFKA_RESP_ERR__TIMED_OUT;

        if (m && !err)
            fn(arg, m);
        if (err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
            ended++;
        if (!err || err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
            moved_us = clock_mono_us();
        if (m)
            rd_kafka_message_destroy(m);
        if (err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || clock_mono_us() - moved_us > SILENCE_US)
            return err_set(e, EX_UNAVAILABLE, "%s: %s", topic, rd_kafka_err2str(err));
    }
    return 0;
}

int topic_read(rd_kafka_t *rk, const char *topic,
               void (*fn)(void *arg, const rd_kafka_message_t *m), void *arg, struct err *e)
{
    int32_t n = topic_partitions(rk, topic, e);
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_resp_err_t err;

    if (n < 0)
        return -1;
    list = rd_kafka_topic_partition_list_new(n);
    for (int32_t i = 0; i < n; i++)
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    err = rd_kafka_assign(rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (err)
        return err_set(e, EX_SOFTWARE, "%s: %s", topic, rd_kafka_err2str(err));
    if (read_all(rk, topic, n, fn, arg, e) < 0)
        return -1;
    rd_kafka_assign(rk, NULL);
    return 0;
}

int64_t topic_header_int(const rd_kafka_message_t *m, const char *name, int64_t fallback)
{
    rd_kafka_headers_t *headers;
    const void *value;
    char text[24], *end;
    size_t n;
    int64_t v;

    if (rd_kafka_message_headers(m, &headers) ||
        rd_kafka_header_get_last(headers, name, &value, &n) || !value || !n || n >= sizeof text)
        return fallback;
    snprintf(text, sizeof text, "%.*s", (int)n, (const char *)value);
    errno = 0;
    v = strtoll(text, &end, 10);
    return *end || errno ? fallback : v;
}
