/*
 * doubt: was a transaction committed of which no answer came? Private to io/kafka; publisher thread.
 *
 * Replies, offsets and map are in one transaction, so the group's committed offsets tell of the replies,
 * once a successor of the producer has taken over the transactional.id and the transaction is decided.
 */
#ifndef SLUICE_IO_KAFKA_DOUBT_H
#define SLUICE_IO_KAFKA_DOUBT_H

#include <stddef.h>

#include <librdkafka/rdkafka.h>

#include "base/err.h"
#include "base/list.h"

enum doubt_result {
    DOUBT_ANSWERED = 0,
    DOUBT_LATER = 1, /* no answer that is final: ask again; e says why */
};

/* Asks for the committed offsets and metadata of the partitions, those of undecided transactions
 * excepted. The caller frees the list. */
int doubt_ask(rd_kafka_t *rk, const char *group, const rd_kafka_topic_partition_list_t *touched,
              int timeout_ms, rd_kafka_topic_partition_list_t **ret_committed, struct err *e);

/* Sorts tasks by what is committed: into `acked` or into `again`. Returns how many were acked. */
size_t doubt_sort(const char *group, const rd_kafka_topic_partition_list_t *committed,
                  struct list_node *outcomes, struct list_node *acked, struct list_node *again);

#endif
