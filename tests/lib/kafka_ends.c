/* kafka_ends: see kafka_ends.h. */
#include "tests/lib/kafka_ends.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <time.h>

#define ASK_MS 10000

const char *kafka_ends_program = "kafka_ends";

void kafka_ends_die(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s: %s\n", kafka_ends_program, what, why);
    exit(EX_UNAVAILABLE);
}

int64_t kafka_ends_wall_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

rd_kafka_t *kafka_ends_client(rd_kafka_type_t type, const char *broker, const char *linger_ms)
{
    const char *reader[] = {"group.id", "kafka-ends", "isolation.level", "read_committed", NULL};
    const char *producer[] = {"linger.ms", linger_ms, "acks", "all", "queue.buffering.max.messages",
                              "1000000",   NULL};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[256] = "";
    rd_kafka_t *rk;

    if (rd_kafka_conf_set(conf, "bootstrap.servers", broker, why, sizeof why) ||
        rd_kafka_conf_set(conf, "socket.nagle.disable", "true", why, sizeof why))
        kafka_ends_die("client", why);
    for (const char **s = type == RD_KAFKA_CONSUMER ? reader : producer; *s; s += 2)
        if (rd_kafka_conf_set(conf, s[0], s[1], why, sizeof why))
            kafka_ends_die(s[0], why);
    rk = rd_kafka_new(type, conf, why, sizeof why);
    if (!rk)
        kafka_ends_die("client", why);
    return rk;
}

int32_t kafka_ends_partitions(rd_kafka_t *rk, const char *topic)
{
    const struct rd_kafka_metadata *md;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, topic, NULL);
    rd_kafka_resp_err_t err = rd_kafka_metadata(rk, 0, rkt, &md, ASK_MS);
    int32_t n;

    rd_kafka_topic_destroy(rkt);
    if (err)
        kafka_ends_die(topic, rd_kafka_err2str(err));
    n = md->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(md);
    if (n <= 0)
        kafka_ends_die(topic, "there is no such topic");
    return n;
}

void kafka_ends_read_from_end(rd_kafka_t *reader, const char *topic)
{
    int32_t n = kafka_ends_partitions(reader, topic);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(n);
    rd_kafka_resp_err_t err;
    int64_t low, high;

    rd_kafka_poll_set_consumer(reader);
    for (int32_t i = 0; i < n; i++) {
        err = rd_kafka_query_watermark_offsets(reader, topic, i, &low, &high, ASK_MS);
        if (err)
            kafka_ends_die(topic, rd_kafka_err2str(err));
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = high;
    }
    err = rd_kafka_assign(reader, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (err)
        kafka_ends_die(topic, rd_kafka_err2str(err));
}

int64_t kafka_ends_number(const char *text)
{
    char *end;
    long long n;

    errno = 0;
    n = strtoll(text, &end, 10);
    if (errno || *end || n < 0 || n > INT_MAX)
        kafka_ends_die(text, "is no number");
    return n;
}
