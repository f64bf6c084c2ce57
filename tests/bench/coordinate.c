/*
 * coordinate: commits and nothing else, so that what they cost a broker can be told from what records cost.
 *
 *     coordinate commits BROKER TOPIC COUNT        offsets of one partition, AHEAD of them on the way, of a group
 *                                                  without members
 *     coordinate transactions BROKER TOPIC COUNT   one after the other: a record to TOPIC and an offset in each; of
 *                                                  PRODUCERS in turn, since the broker goes on with the end of one
 *                                                  for a while, and refuses the next of the same producer so long
 *
 * Writes "ready" when everything is open, does its work when it gets a line, and says in the end: done=N per_s=N.
 * Whoever calls it looks at the broker's clock in between.
 */
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "tests/lib/kafka_ends.h"

#define AHEAD     32
#define PRODUCERS 16
#define ASK_MS    10000
#define GROUP     "coordinate"

static void check(rd_kafka_error_t *error, const char *what)
{
    if (error)
        kafka_ends_die(what, rd_kafka_error_string(error));
}

static void must(rd_kafka_resp_err_t err, const char *what)
{
    if (err)
        kafka_ends_die(what, rd_kafka_err2str(err));
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char err[256];

    if (rd_kafka_conf_set(conf, name, value, err, sizeof err) != RD_KAFKA_CONF_OK)
        kafka_ends_die(name, err);
}

static rd_kafka_t *client(rd_kafka_type_t type, const char *broker, const char *name,
                          const char *value)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char err[256];
    rd_kafka_t *rk;

    set(conf, "bootstrap.servers", broker);
    set(conf, "socket.nagle.disable", "true");
    set(conf, name, value);
    rk = rd_kafka_new(type, conf, err, sizeof err);
    if (!rk)
        kafka_ends_die("librdkafka", err);
    return rk;
}

/* The caller looks at the broker's clock now. */
static void start_clock(void)
{
    char line[16];

    printf("ready\n");
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin))
        kafka_ends_die("input", "it was closed before it said go");
}

static rd_kafka_topic_partition_list_t *offset_of(const char *topic, long offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = offset;
    return list;
}

/* Waits for an answer; the number of those that are still on the way. */
static int answered(rd_kafka_queue_t *answers, int away)
{
    rd_kafka_event_t *ev = rd_kafka_queue_poll(answers, ASK_MS);

    if (!ev)
        kafka_ends_die("commit", "no answer came");
    must(rd_kafka_event_error(ev), "commit");
    rd_kafka_event_destroy(ev);
    return away - 1;
}

static void commits(rd_kafka_t *rk, const char *topic, long from, long to)
{
    rd_kafka_queue_t *answers = rd_kafka_queue_new(rk);
    int away = 0;

    for (long i = from; i < to; i++) {
        rd_kafka_topic_partition_list_t *list = offset_of(topic, i);

        must(rd_kafka_commit_queue(rk, list, answers, NULL, NULL), "commit");
        rd_kafka_topic_partition_list_destroy(list);
        if (++away == AHEAD)
            away = answered(answers, away);
    }
    while (away > 0)
        away = answered(answers, away);
    rd_kafka_queue_destroy(answers);
}

static void transaction(rd_kafka_t *rk, const char *topic, long i,
                        rd_kafka_consumer_group_metadata_t *group)
{
    rd_kafka_topic_partition_list_t *list = offset_of(topic, i);

    check(rd_kafka_begin_transaction(rk), "begin");
    must(rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0),
                           RD_KAFKA_V_VALUE(&i, sizeof i), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                           RD_KAFKA_V_END),
         "produce");
    check(rd_kafka_send_offsets_to_transaction(rk, list, group, ASK_MS), "offsets");
    check(rd_kafka_commit_transaction(rk, ASK_MS), "commit");
    rd_kafka_topic_partition_list_destroy(list);
}

static void ready(rd_kafka_t **producers, const char *broker, const char *topic,
                  rd_kafka_consumer_group_metadata_t *group)
{
    char id[32];

    for (int i = 0; i < PRODUCERS; i++) {
        snprintf(id, sizeof id, GROUP "-%d", i);
        producers[i] = client(RD_KAFKA_PRODUCER, broker, "transactional.id", id);
        check(rd_kafka_init_transactions(producers[i], ASK_MS), "init_transactions");
        transaction(producers[i], topic, 0, group);
    }
}

static int64_t run_transactions(const char *broker, const char *topic, long count)
{
    rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata_new(GROUP);
    rd_kafka_t *producers[PRODUCERS];
    int64_t wall;

    ready(producers, broker, topic, group);
    start_clock();
    wall = clock_mono_us();
    for (long i = 0; i < count; i++)
        transaction(producers[i % PRODUCERS], topic, i + 1, group);
    wall = clock_mono_us() - wall;
    for (int i = 0; i < PRODUCERS; i++)
        rd_kafka_destroy(producers[i]);
    rd_kafka_consumer_group_metadata_destroy(group);
    return wall;
}

static int64_t run_commits(const char *broker, const char *topic, long count)
{
    rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, broker, "group.id", GROUP);
    int64_t wall;

    commits(rk, topic, 0, AHEAD);
    start_clock();
    wall = clock_mono_us();
    commits(rk, topic, AHEAD, AHEAD + count);
    wall = clock_mono_us() - wall;
    rd_kafka_destroy(rk);
    return wall;
}

int main(int argc, char **argv)
{
    bool exact = argc == 5 && strcmp(argv[1], "transactions") == 0;
    int64_t wall;
    long count;

    kafka_ends_program = "coordinate";
    if (argc != 5 || (!exact && strcmp(argv[1], "commits") != 0)) {
        fprintf(stderr, "usage: coordinate commits|transactions BROKER TOPIC COUNT\n");
        return EX_USAGE;
    }
    count = kafka_ends_number(argv[4]);
    wall = (exact ? run_transactions : run_commits)(argv[2], argv[3], count);
    printf("done=%ld per_s=%.0f\n", count, (double)count * 1e6 / (double)wall);
    return 0;
}
