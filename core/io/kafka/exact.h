/*
 * exact: what the files of exactly_once share: exact.c (batches come, go through a transaction and come
 * back; the producer is replaced) and transact.c (one transaction). Private to these; publisher thread.
 */
#ifndef SLUICE_IO_KAFKA_EXACT_H
#define SLUICE_IO_KAFKA_EXACT_H

#include "io/kafka/publisher.h"
#include "io/kafka/route.h"
#include "io/kafka/txn.h"

#define EXACT_SLICE_MS 1000 /* waits for the broker are cut into these, so that a stop is seen */

struct exact {
    struct kafka_publisher *p;
    struct txn txn;
    struct txn_setup setup;
    char max_bytes[PUBLISHER_MAX_DIGITS];
    struct routes *routes; /* of the open handle */

    struct kafka_batch *batch; /* the one that is away, or NULL */
    struct list_node parcels;  /* of its outcomes, in their order; empty while in doubt */
    bool doubt;                /* is its transaction committed? To be asked */
    bool worn;        /* the broker misses the sequence numbers of records that it refused */
    bool hopeless;    /* no transaction will ever succeed here: kafka_fatal is raised */
    int fenced;       /* in a row, without a commit in between */
    int64_t late_us;  /* the publisher stops: wait for no answer after this time. 0: it does not */
    int64_t waits_us; /* since when nothing was committed for want of a broker; 0: it goes well */
    int64_t said_us;
};

/* The publisher stops, and has waited long enough for the broker. */
bool exact_is_late(struct exact *x);
/* A warning, when nothing has moved for a while: not more than one in ten seconds. */
void exact_say_waiting(struct exact *x, const char *what, const char *error, const char *why);

/* ---- transact.c ---- */

/* Produces the parcels and commits. TXN_REPEAT: the broker is away, and it is late. */
enum txn_verdict exact_transact(struct exact *x);
enum txn_verdict exact_abandon(struct exact *x);
void exact_delivered(void *owner, const rd_kafka_message_t *m); /* a delivery report */

#endif
