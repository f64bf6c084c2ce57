/*
 * plain_txn: an ordinary transactional client of librdkafka, written as its documentation shows, for the
 * test that shows what a late EndTxn does to such a one. It is what the product is measured against.
 *
 *   plain_txn BROKER TOPIC GO_FILE
 *
 * Commits a transaction with the records first-0..2; every call must succeed. Then it produces second-0..2 in
 * another one, prints "open" when the broker has them, waits until GO_FILE exists, and aborts. Prints
 * "aborted", or the error with which the abort failed; the exit code is 0 either way, 1 when something else
 * failed.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#define RECORDS 3

static void check(const char *what, rd_kafka_error_t *error)
{
    if (!error)
        return;
    fprintf(stderr, "plain_txn: %s: %s\n", what, rd_kafka_error_string(error));
    exit(1);
}

static void produce(rd_kafka_t *rk, const char *topic, const char *name)
{
    char text[32];

    for (int i = 0; i < RECORDS; i++) {
        snprintf(text, sizeof text, "%s-%d", name, i);
        if (rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_VALUE(text, strlen(text)),
                              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END))
            exit(1);
    }
    if (rd_kafka_flush(rk, 30000))
        exit(1);
}

int main(int argc, char **argv)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_error_t *error;
    char why[256];
    rd_kafka_t *rk;

    if (argc != 4)
        return 64;
    rd_kafka_conf_set(conf, "bootstrap.servers", argv[1], why, sizeof why);
    rd_kafka_conf_set(conf, "transactional.id", "plain", why, sizeof why);
    rd_kafka_conf_set(conf, "linger.ms", "0", why, sizeof why);
    rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!rk)
        return 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    check("init", rd_kafka_init_transactions(rk, 30000));
    check("begin", rd_kafka_begin_transaction(rk));
    produce(rk, argv[2], "first");
    check("commit", rd_kafka_commit_transaction(rk, -1));
    printf("committed\n");
    check("begin", rd_kafka_begin_transaction(rk));
    produce(rk, argv[2], "second");
    printf("open\n");
    while (access(argv[3], F_OK))
        poll(NULL, 0, 20);
    error = rd_kafka_abort_transaction(rk, 30000);
    printf("%s\n", error ? rd_kafka_error_string(error) : "aborted");
    if (error)
        rd_kafka_error_destroy(error);
    rd_kafka_destroy(rk);
    return 0;
}
