/*
 * txn: one transactional producer under a fixed transactional.id, and what its answers mean. Private to
 * io/kafka; publisher thread.
 *
 * Every call answers with a verdict, which says what to do next; the error behind a verdict that is not
 * good stands in `last`. A handle whose verdict was TXN_REBUILD is closed and opened again: the new one
 * fences whatever the old one left behind.
 */
#ifndef SLUICE_IO_KAFKA_TXN_H
#define SLUICE_IO_KAFKA_TXN_H

#include "io/kafka/client.h"
#include "io/kafka/taint.h"

enum txn_step { TXN_INIT, TXN_BEGIN, TXN_PRODUCE, TXN_OFFSETS, TXN_COMMIT, TXN_ABANDON };

enum txn_verdict {
    TXN_GOOD = 0,
    TXN_REPEAT,   /* the same call again, with the same arguments */
    TXN_ABORT,    /* abandon this transaction; the producer goes on */
    TXN_REBUILD,  /* close the handle and open a new one */
    TXN_HOPELESS, /* a new one would end the same way: a person has to change something */
};

/* How a call ended, in librdkafka's words. */
struct txn_error {
    enum txn_step step;
    rd_kafka_resp_err_t code; /* 0: it succeeded */
    bool fatal, abortable, retriable;
    char text[200];
};

/* Pure: the table of kafka.md 2.2. */
enum txn_verdict txn_judge(const struct txn_error *e);
bool txn_is_fenced(
    rd_kafka_resp_err_t code); /* another producer has taken over our transactional.id */
/* The group has moved on since the offsets were made: they are made anew for the next transaction. */
bool txn_is_group_error(rd_kafka_resp_err_t code);
/* What a person has to do about TXN_HOPELESS. */
const char *txn_advice(rd_kafka_resp_err_t code);

struct txn_setup {
    const struct config *config;
    const char *id; /* transactional.id */
    const struct kafka_pair *defaults;
    const char *max_bytes; /* message.max.bytes, or NULL: as configured */
    void *owner;
    void (*delivered)(void *owner, const rd_kafka_message_t *m);
};

/* Must not move while it is open. All zero: closed. */
struct txn {
    struct txn_setup setup;
    struct kafka_client client;
    struct taint taint;
    struct txn_error last; /* of the last call that was not good */
    bool ready;            /* transactions are initialised */
    int offsets_ms;        /* how long an answer about offsets may take: it cannot be waited for in
                              slices, because giving up a request taints the producer */
};

void txn_init(struct txn *t, const struct txn_setup *setup);
int txn_open(struct txn *t, struct err *e); /* makes the handle; talks to nobody yet */
bool txn_is_open(const struct txn *t);
/* Destroys the handle: afterwards nothing looks at what was produced with it. Closed already is fine. */
void txn_close(struct txn *t);

/* Takes over the transactional.id: the predecessor's transaction is decided when this is good. */
enum txn_verdict txn_take_over(struct txn *t, int timeout_ms);
enum txn_verdict txn_begin(struct txn *t);
enum txn_verdict txn_send_offsets(struct txn *t, const rd_kafka_topic_partition_list_t *offsets,
                                  const rd_kafka_consumer_group_metadata_t *group, int timeout_ms);
/* Delivery reports are served inside both; TXN_REPEAT resumes. */
enum txn_verdict txn_commit(struct txn *t, int timeout_ms);
enum txn_verdict txn_abandon(struct txn *t, int timeout_ms);

/* The verdict on a record that the client did not take for a reason that lies not in the record. */
enum txn_verdict txn_not_produced(struct txn *t, rd_kafka_resp_err_t code);

#endif
