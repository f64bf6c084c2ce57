/*
 * txn: makes transactional handles, calls librdkafka's transaction functions and has their errors judged.
 * It decides nothing about outcomes and keeps no list of them.
 */
#include "io/kafka/txn.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Short, because readers of the replies wait for it when a worker was killed within a transaction. */
#define TRANSACTION_MS 15000
#define SOCKET_MS      10000
#define OFFSETS_MS     5000 /* of each of two requests; a stop may have to wait for both */
/* While the broker still writes the end of one transaction it refuses the beginning of the next, and the
 * library's own 100 ms would be the length of every transaction. */
#define BACKOFF_MS   "10"
#define SOCKET_BELOW 100 /* the library wants the socket's timeout so far below the transaction's */

void txn_init(struct txn *t, const struct txn_setup *setup)
{
    *t = (struct txn){.setup = *setup};
    taint_clear(&t->taint);
}

static long number(const struct config *c, const char *name, long otherwise)
{
    const char *value = kafka_producer_property(c, name);

    return value ? strtol(value, NULL, 10) : otherwise;
}

/* The limit that a record may wait, under either of its names, is set and above the transaction's: the
 * library would refuse it, and 0 means for ever. */
static bool waits_too_long(const struct config *c, const char *name, long transaction_ms)
{
    long ms = number(c, name, transaction_ms);

    return ms <= 0 || ms > transaction_ms;
}

int txn_open(struct txn *t, struct err *e)
{
    const struct config *c = t->setup.config;
    long transaction_ms = number(c, "transaction.timeout.ms", TRANSACTION_MS);
    long socket_ms = number(c, "socket.timeout.ms", SOCKET_MS);
    char transaction[24], socket[24];
    struct kafka_pair forced[] = {
        {"transactional.id", t->setup.id},
        {"enable.idempotence", "true"},
        {"acks", "all"},
        {"transaction.timeout.ms", transaction},
        {"socket.timeout.ms", socket},
        {"message.timeout.ms", NULL},
        {"retry.backoff.ms", kafka_producer_property(c, "retry.backoff.ms") ? NULL : BACKOFF_MS},
        {"message.max.bytes", t->setup.max_bytes},
        {NULL, NULL},
    };

    if (socket_ms > transaction_ms - SOCKET_BELOW)
        socket_ms = transaction_ms - SOCKET_BELOW;
    snprintf(transaction, sizeof transaction, "%ld", transaction_ms);
    snprintf(socket, sizeof socket, "%ld", socket_ms);
    if (waits_too_long(c, "message.timeout.ms", transaction_ms) ||
        waits_too_long(c, "delivery.timeout.ms", transaction_ms))
        forced[5].value = transaction;
    t->offsets_ms = (int)(socket_ms < OFFSETS_MS ? socket_ms : OFFSETS_MS);
    t->ready = false;
    t->client = (struct kafka_client){.name = "publisher",
                                      .owner = t->setup.owner,
                                      .delivered = t->setup.delivered,
                                      .taint = &t->taint,
                                      .replaceable = true};
    return kafka_client_open(&t->client, RD_KAFKA_PRODUCER, c, t->setup.defaults, forced, e);
}

bool txn_is_open(const struct txn *t)
{
    return t->client.rk != NULL;
}

void txn_close(struct txn *t)
{
    kafka_client_close(&t->client);
    t->ready = false;
}

static enum txn_verdict judge(struct txn *t, enum txn_step step, rd_kafka_error_t *error)
{
    struct txn_error now = {.step = step};
    enum txn_verdict verdict;

    if (!error)
        return TXN_GOOD;
    now.code = rd_kafka_error_code(error);
    now.fatal = rd_kafka_error_is_fatal(error);
    now.abortable = rd_kafka_error_txn_requires_abort(error);
    now.retriable = rd_kafka_error_is_retriable(error);
    snprintf(now.text, sizeof now.text, "%s", rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    verdict = txn_judge(&now);
    if (verdict != TXN_GOOD)
        t->last = now;
    return verdict;
}

enum txn_verdict txn_take_over(struct txn *t, int timeout_ms)
{
    enum txn_verdict verdict =
        judge(t, TXN_INIT, rd_kafka_init_transactions(t->client.rk, timeout_ms));

    if (verdict == TXN_GOOD) {
        taint_clear(&t->taint);
        t->ready = true;
    }
    return verdict;
}

enum txn_verdict txn_begin(struct txn *t)
{
    return judge(t, TXN_BEGIN, rd_kafka_begin_transaction(t->client.rk));
}

enum txn_verdict txn_send_offsets(struct txn *t, const rd_kafka_topic_partition_list_t *offsets,
                                  const rd_kafka_consumer_group_metadata_t *group, int timeout_ms)
{
    /* Without offsets the call does nothing and says that all is well. */
    assert(offsets->cnt > 0);
    return judge(t, TXN_OFFSETS,
                 rd_kafka_send_offsets_to_transaction(t->client.rk, offsets, group, timeout_ms));
}

enum txn_verdict txn_commit(struct txn *t, int timeout_ms)
{
    return judge(t, TXN_COMMIT, rd_kafka_commit_transaction(t->client.rk, timeout_ms));
}

enum txn_verdict txn_abandon(struct txn *t, int timeout_ms)
{
    return judge(t, TXN_ABANDON, rd_kafka_abort_transaction(t->client.rk, timeout_ms));
}

enum txn_verdict txn_not_produced(struct txn *t, rd_kafka_resp_err_t code)
{
    struct txn_error now = {.step = TXN_PRODUCE, .code = code, .abortable = true};

    if (rd_kafka_fatal_error(t->client.rk, now.text, sizeof now.text))
        now.fatal = true;
    else
        snprintf(now.text, sizeof now.text, "%s", rd_kafka_err2str(code));
    t->last = now;
    return txn_judge(&now);
}
