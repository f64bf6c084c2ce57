/*
 * batch: finished outcomes on their way from the intake to the publisher and back. Private to io/kafka.
 *
 * The intake makes it, hands it over with kafka_publisher_submit(), and does not look at it until it comes
 * back. In at_least_once it only carries outcomes, and they come back one by one (settled). In
 * exactly_once it is the content of one transaction: the outcomes, and for each partition that they touch
 * the lowest record still open and the map of what is done above it, computed from exactly these outcomes;
 * it comes back whole (batch_settled), and at most one is away at a time.
 */
#ifndef SLUICE_IO_KAFKA_BATCH_H
#define SLUICE_IO_KAFKA_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include <librdkafka/rdkafka.h>

#include "base/list.h"
#include "task/config.h"

struct kafka_batch {
    struct list_node node;
    struct list_node outcomes; /* tasks in TASK_OUTBOX: with a reply, or `silent`, or `park` */
    size_t count;

    /* exactly_once; owned by the batch. offsets: one element for each touched partition, the map in its
     * metadata, never empty. group: taken when the batch was made. */
    rd_kafka_topic_partition_list_t *offsets;
    rd_kafka_consumer_group_metadata_t *group;

    /* Filled by the publisher of exactly_once; outcomes is empty then. */
    struct list_node acked; /* visible to readers together with their offsets */
    struct list_node again; /* nothing of them is visible: to be published in a later batch */
    /* Nothing of these is visible, and they are to be published apart: the broker will never take one of
     * them, or a topic that only they need is missing. A lone one that is refused comes back in `again` with
     * its reply replaced. */
    struct list_node refused;
    bool published;   /* the transaction is known to be committed */
    int64_t rest_us;  /* send no other batch for so long; 0: at once */
    bool map_refused; /* the broker takes less metadata than offsets carried */
};

/* So many outcomes do not wait for more: what waits is open, and the window of the pool, or of a single busy partition,
 * must not be full of it. At most `most`. */
size_t batch_many(const struct config *c, size_t most);

struct kafka_batch *batch_new(void);
struct kafka_batch *batch_free(struct kafka_batch *b); /* its lists must be empty; NULL is fine */

#endif
