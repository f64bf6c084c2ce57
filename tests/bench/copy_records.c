/*
 * copy_records: the least that a record through Kafka costs: a loop that reads requests with librdkafka and
 * writes each to another topic, with the client settings of a worker and nothing in between. Processor time
 * of all threads; the limit that the Kafka side of the worker is measured beside.
 *
 *     copy_records BROKER FROM TO COUNT [TRANSACTIONAL-ID]
 *
 * Reads the partitions of FROM from their beginning, COUNT records in all. With an id, every so many records are
 * one transaction, without one they are only written.
 */
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "tests/bench/measure.h"

#define BATCH       500
#define TRANSACTION 1000
#define ASK_MS      10000
#define SILENCE_MS  20000

static void die(const char *what, const char *why)
{
    fprintf(stderr, "copy_records: %s: %s\n", what, why);
    exit(EX_UNAVAILABLE);
}

static void check(rd_kafka_error_t *error, const char *what)
{
    if (error)
        die(what, rd_kafka_error_string(error));
}

static rd_kafka_t *client(rd_kafka_type_t type, const char *broker, const char *id)
{
    static const char *const consumer[] = {"group.id", "copy-records", "fetch.wait.max.ms", "10",
                                           NULL};
    static const char *const producer[] = {
        "linger.ms", "5", "enable.idempotence", "true", "compression.type", "lz4", NULL};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[256] = "";
    rd_kafka_t *rk;

    if (rd_kafka_conf_set(conf, "bootstrap.servers", broker, why, sizeof why) ||
        rd_kafka_conf_set(conf, "socket.nagle.disable", "true", why, sizeof why) ||
        (id && rd_kafka_conf_set(conf, "transactional.id", id, why, sizeof why)))
        die("configuration", why);
    for (const char *const *s = type == RD_KAFKA_CONSUMER ? consumer : producer; *s; s += 2)
        if (rd_kafka_conf_set(conf, s[0], s[1], why, sizeof why))
            die(s[0], why);
    rk = rd_kafka_new(type, conf, why, sizeof why);
    if (!rk)
        die("client", why);
    return rk;
}

static void read_from_start(rd_kafka_t *rk, const char *topic)
{
    const struct rd_kafka_metadata *md;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, topic, NULL);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    rd_kafka_resp_err_t err = rd_kafka_metadata(rk, 0, rkt, &md, ASK_MS);

    rd_kafka_topic_destroy(rkt);
    if (err)
        die(topic, rd_kafka_err2str(err));
    for (int32_t i = 0; i < md->topics[0].partition_cnt; i++)
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_metadata_destroy(md);
    rd_kafka_poll_set_consumer(rk);
    err = rd_kafka_assign(rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (err)
        die(topic, rd_kafka_err2str(err));
}

static void write_one(rd_kafka_t *rk, const char *topic, const rd_kafka_message_t *m)
{
    rd_kafka_resp_err_t err;

    while ((err = rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_KEY(m->key, m->key_len),
                                    RD_KAFKA_V_VALUE(m->payload, m->len),
                                    RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END)) ==
           RD_KAFKA_RESP_ERR__QUEUE_FULL)
        rd_kafka_poll(rk, 10);
    if (err)
        die(topic, rd_kafka_err2str(err));
}

static void commit(rd_kafka_t *producer)
{
    check(rd_kafka_commit_transaction(producer, ASK_MS), "commit");
    check(rd_kafka_begin_transaction(producer), "begin");
}

static long copy(rd_kafka_t *consumer, rd_kafka_t *producer, const char *to, long count, bool exact)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(consumer);
    rd_kafka_message_t *m[BATCH];
    long done = 0, open = 0;
    int64_t heard_us = clock_mono_us();

    while (done < count) {
        ssize_t n = rd_kafka_consume_batch_queue(queue, 1, m, BATCH);

        if (n > 0)
            heard_us = clock_mono_us();
        else if (clock_mono_us() - heard_us > SILENCE_MS * 1000)
            die("requests", "no more came");
        for (ssize_t i = 0; i < n; i++) {
            if (!m[i]->err && done < count) {
                write_one(producer, to, m[i]);
                done++, open++;
            }
            rd_kafka_message_destroy(m[i]);
        }
        rd_kafka_poll(producer, 0);
        if (exact && open >= TRANSACTION)
            commit(producer), open = 0;
    }
    rd_kafka_queue_destroy(queue);
    return done;
}

int main(int argc, char **argv)
{
    bool exact = argc == 6;
    rd_kafka_t *consumer, *producer;
    int64_t wall;
    double cpu;
    long n;

    if (argc != 5 && argc != 6) {
        fprintf(stderr, "usage: copy_records BROKER FROM TO COUNT [TRANSACTIONAL-ID]\n");
        return EX_USAGE;
    }
    producer = client(RD_KAFKA_PRODUCER, argv[1], exact ? argv[5] : NULL);
    consumer = client(RD_KAFKA_CONSUMER, argv[1], NULL);
    if (exact) {
        check(rd_kafka_init_transactions(producer, ASK_MS), "init_transactions");
        check(rd_kafka_begin_transaction(producer), "begin");
    }
    read_from_start(consumer, argv[2]);
    copy(consumer, producer, argv[3], 1, false); /* both ways are open now */
    cpu = measure_cpu_us();
    wall = clock_mono_us();
    n = copy(consumer, producer, argv[3], strtol(argv[4], NULL, 10) - 1, exact);
    if (exact)
        check(rd_kafka_commit_transaction(producer, ASK_MS), "commit");
    rd_kafka_flush(producer, ASK_MS);
    cpu = measure_cpu_us() - cpu;
    wall = clock_mono_us() - wall;
    printf("records=%ld cpu_us=%.2f per_s=%.0f\n", n, cpu / (double)n,
           (double)n * 1e6 / (double)wall);
    rd_kafka_destroy(consumer);
    rd_kafka_destroy(producer);
    return 0;
}
