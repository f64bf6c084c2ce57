/*
 * committed: what a consumer group has committed, asked by the admin interface of any handle. The question
 * does not go by the connection of a group member, so it waits for no join, and the answer is fetched when
 * it is there: nobody has to block. Private to io/kafka; one thread a question.
 */
#ifndef SLUICE_IO_KAFKA_COMMITTED_H
#define SLUICE_IO_KAFKA_COMMITTED_H

#include <librdkafka/rdkafka.h>

#include "base/err.h"

struct committed_question;

enum committed_result {
    COMMITTED_KNOWN = 0,
    COMMITTED_WAIT = 1,  /* no answer yet */
    COMMITTED_LATER = 2, /* no useful answer: ask anew; e says why */
};

/* Asks for offsets and metadata of the partitions, those of undecided transactions excepted. NULL: the
 * client refuses the question. */
struct committed_question *committed_ask(rd_kafka_t *rk, const char *group,
                                         const rd_kafka_topic_partition_list_t *parts,
                                         int timeout_ms, struct err *e);

/* COMMITTED_KNOWN: a list for the caller to free, in which each element may still have an error of its own
 * (an undecided transaction, for instance), and none of those asked for is missing. */
int committed_answer(struct committed_question *q, int wait_ms,
                     rd_kafka_topic_partition_list_t **ret, struct err *e);

/* At any time; an answer that comes later is dropped. Returns NULL; NULL is fine. */
struct committed_question *committed_free(struct committed_question *q);

#endif
