/*
 * reply_clock: when does a reply become visible to a read_committed reader? A line for each visible reply:
 *
 *     VISIBLE SENT REQUEST_PARTITION REPLY_PARTITION
 *
 * in microseconds of the wall clock; the first line is "# ready". Two ways:
 *
 *     reply_clock lone BROKER REQUESTS REPLIES COUNT         one request at a time, with pauses
 *     reply_clock trickle BROKER REQUESTS REPLIES EVERY_MS   one for each partition every so often, until SIGTERM
 *
 * A third way prints one line in the end instead, NAME=VALUE:
 *
 *     reply_clock load BROKER REQUESTS REPLIES PER_S FROM TO the prompts FROM to TO (prompt.h), so many a second
 *                                                            whatever becomes of them; 0: all at once. A reply
 *                                                            is late from the time that its request was due,
 *                                                            also when it was sent later
 *
 * The reader belongs to no group and begins at the end of the topic.
 */
#include <librdkafka/rdkafka.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/hist.h"
#include "base/mem.h"
#include "tests/bench/prompt.h"
#include "tests/lib/kafka_ends.h"

#define SILENCE_MS  120000 /* without a reply: something is broken */
#define PAUSE_LEAST 20 /* between two lone requests; not a fixed time, which would fall into step */
#define PAUSE_SPAN  200
#define KEY_MAX     64

struct bench {
    rd_kafka_t *producer, *reader;
    const char *requests, *replies;
    int32_t request_partitions;
    int64_t seen;
    /* load */
    struct hist *late; /* since they were due; NULL: a line each */
    int64_t hits, failed;
};

static volatile sig_atomic_t ended;

static void on_term(int sig)
{
    (void)sig;
    ended = 1;
}

static void read_from_end(struct bench *b)
{
    kafka_ends_read_from_end(b->reader, b->replies);
    printf("# ready\n");
    fflush(stdout);
}

static bool contains(const rd_kafka_message_t *m, const char *text)
{
    return m->payload && memmem(m->payload, m->len, text, strlen(text));
}

static void count_reply(struct bench *b, const rd_kafka_message_t *m, int64_t sent_us)
{
    hist_record(b->late, kafka_ends_wall_us() - sent_us);
    b->hits += contains(m, "\"cache\":\"hit\"");
    b->failed += !contains(m, "\"status_code\":200");
}

/* The key of our own requests is PARTITION-SENT, with more behind it in a load. */
static void see_reply(struct bench *b, const rd_kafka_message_t *m)
{
    char key[KEY_MAX], *dash;
    long long partition;
    int64_t sent_us;

    snprintf(key, sizeof key, "%.*s", (int)m->key_len, m->key ? (const char *)m->key : "");
    dash = strchr(key, '-');
    if (!dash)
        kafka_ends_die(b->replies, "holds a reply that was not asked for here");
    partition = strtoll(key, NULL, 10);
    sent_us = strtoll(dash + 1, NULL, 10);
    b->seen++;
    if (b->late)
        count_reply(b, m, sent_us);
    else
        printf("%lld %lld %lld %d\n", (long long)kafka_ends_wall_us(), (long long)sent_us,
               partition, (int)m->partition);
}

/* Prints what becomes visible within ms, at least one look; true when there was a reply. */
static bool look(struct bench *b, int ms)
{
    rd_kafka_message_t *m = rd_kafka_consumer_poll(b->reader, ms);
    bool reply = m && !m->err;

    if (reply)
        see_reply(b, m);
    if (m)
        rd_kafka_message_destroy(m);
    return reply;
}

static void look_until(struct bench *b, int64_t until_us)
{
    for (int64_t left_us; (left_us = until_us - clock_mono_us()) > 0 && !ended;)
        look(b, (int)(left_us / 1000) + 1);
}

static void wait_for_count(struct bench *b, int64_t count)
{
    while (b->seen < count)
        if (!look(b, SILENCE_MS))
            kafka_ends_die(b->replies, "no more replies came");
}

static void ask(struct bench *b, int32_t partition)
{
    char key[KEY_MAX], value[256];
    rd_kafka_resp_err_t err;
    int n;

    snprintf(key, sizeof key, "%d-%lld", (int)partition, (long long)kafka_ends_wall_us());
    n = snprintf(value, sizeof value,
                 "{\"custom_id\":\"%s\",\"body\":{\"model\":\"fast\","
                 "\"messages\":[{\"role\":\"user\",\"content\":\"question %s\"}]}}",
                 key, key);
    err = rd_kafka_producev(b->producer, RD_KAFKA_V_TOPIC(b->requests),
                            RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_KEY(key, strlen(key)),
                            RD_KAFKA_V_VALUE(value, (size_t)n),
                            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    if (err)
        kafka_ends_die(b->requests, rd_kafka_err2str(err));
    rd_kafka_poll(b->producer, 0);
}

static void ask_alone(struct bench *b, int64_t count)
{
    unsigned short seed[3] = {1, 2, 3};

    for (int64_t i = 0; i < count; i++) {
        ask(b, (int32_t)(i % b->request_partitions));
        wait_for_count(b, i + 1);
        look_until(b, clock_mono_us() + (PAUSE_LEAST + nrand48(seed) % PAUSE_SPAN) * 1000);
    }
}

static void ask_all_the_time(struct bench *b, int64_t every_ms)
{
    int64_t next_us = clock_mono_us();

    setvbuf(stdout, NULL, _IOLBF, 0); /* others look at it meanwhile */
    while (!ended) {
        for (int32_t i = 0; i < b->request_partitions; i++)
            ask(b, i);
        next_us += every_ms * 1000;
        look_until(b, next_us);
    }
}

/* A request to the broker is for one partition. As other producers do it, so many in turn go to the same. */
#define TOGETHER 64

static void send_prompt(struct bench *b, int64_t i, int64_t due_us)
{
    int32_t partition = (int32_t)(i / TOGETHER % b->request_partitions);
    char key[KEY_MAX], value[BENCH_RECORD_MAX];
    size_t len = bench_record(i, value, sizeof value);
    rd_kafka_resp_err_t err;

    snprintf(key, sizeof key, "%d-%lld-%lld", (int)partition, (long long)due_us, (long long)i);
    while ((err = rd_kafka_producev(b->producer, RD_KAFKA_V_TOPIC(b->requests),
                                    RD_KAFKA_V_PARTITION(partition),
                                    RD_KAFKA_V_KEY(key, strlen(key)), RD_KAFKA_V_VALUE(value, len),
                                    RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END)) ==
           RD_KAFKA_RESP_ERR__QUEUE_FULL)
        rd_kafka_poll(b->producer, 10);
    if (err)
        kafka_ends_die(b->requests, rd_kafka_err2str(err));
}

static void load(struct bench *b, int64_t per_s, int64_t from, int64_t to)
{
    int64_t begun_us = kafka_ends_wall_us(), took_us;

    b->late = mem_alloc(sizeof *b->late);
    for (int64_t i = from; i < to; i++) {
        int64_t due_us = begun_us + (per_s ? (i - from) * 1000000 / per_s : 0);

        for (int64_t left_us; (left_us = due_us - kafka_ends_wall_us()) > 0;)
            look(b, (int)(left_us / 1000));
        send_prompt(b, i, due_us);
        if (i % 64 == 0)
            rd_kafka_poll(b->producer, 0);
    }
    wait_for_count(b, to - from);
    took_us = kafka_ends_wall_us() - begun_us;
    printf("replies=%lld per_s=%.0f p50_us=%lld p99_us=%lld hits=%lld failed=%lld\n",
           (long long)b->seen, (double)b->seen * 1e6 / (double)took_us,
           (long long)hist_quantile(b->late, 0.5), (long long)hist_quantile(b->late, 0.99),
           (long long)b->hits, (long long)b->failed);
    free(b->late);
}

static int usage(void)
{
    fprintf(stderr, "usage: reply_clock lone BROKER REQUESTS REPLIES COUNT\n"
                    "       reply_clock trickle BROKER REQUESTS REPLIES EVERY_MS\n"
                    "       reply_clock load BROKER REQUESTS REPLIES PER_S FROM TO\n");
    return EX_USAGE;
}

/* A request for each record of a load would be most of what the broker does. */
static void open_clients(struct bench *b, const char *broker, bool loads)
{
    b->producer = kafka_ends_client(RD_KAFKA_PRODUCER, broker, loads ? "5" : "0");
    b->request_partitions = kafka_ends_partitions(b->producer, b->requests);
    b->reader = kafka_ends_client(RD_KAFKA_CONSUMER, broker, "0");
    read_from_end(b);
}

int main(int argc, char **argv)
{
    bool lone = argc == 6 && strcmp(argv[1], "lone") == 0;
    bool trickle = argc == 6 && strcmp(argv[1], "trickle") == 0;
    bool loads = argc == 8 && strcmp(argv[1], "load") == 0;
    struct bench b = {0};

    if (!lone && !trickle && !loads)
        return usage();
    b.requests = argv[3];
    b.replies = loads ? argv[4] : argv[argc - 2];
    kafka_ends_program = "reply_clock";
    signal(SIGTERM, on_term);
    open_clients(&b, argv[2], loads);
    if (lone)
        ask_alone(&b, kafka_ends_number(argv[5]));
    else if (loads)
        load(&b, kafka_ends_number(argv[5]), kafka_ends_number(argv[6]),
             kafka_ends_number(argv[7]));
    else
        ask_all_the_time(&b, kafka_ends_number(argv[5]));
    rd_kafka_destroy(b.reader);
    rd_kafka_destroy(b.producer);
    if (fclose(stdout) != 0)
        kafka_ends_die("standard output", strerror(errno));
    return 0;
}
