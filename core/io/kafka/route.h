/*
 * route: does a topic exist, and how many partitions has it? Private to io/kafka; publisher thread.
 *
 * Asked before a transaction begins, so that a reply that can go nowhere is replaced in time, and because
 * librdkafka 2.0.2 holds back the first record for a topic that it does not know for up to a second. The
 * answers are kept; there are no more topics than the configuration allows.
 */
#ifndef SLUICE_IO_KAFKA_ROUTE_H
#define SLUICE_IO_KAFKA_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include <librdkafka/rdkafka.h>

struct routes;

enum route_result {
    ROUTE_KNOWN = 0,
    ROUTE_LATER = 1,  /* not known yet: ask again a little later */
    ROUTE_ABSENT = 2, /* it does not exist, or we may not see it; *ret_err says which */
};

/* rk is a producer; the routes must be freed before it is destroyed. */
struct routes *routes_new(rd_kafka_t *rk);
struct routes *routes_free(struct routes *r);

/* May ask the broker and wait up to a second for its answer. */
int routes_find(struct routes *r, const char *topic, int64_t now_us, int32_t *ret_partitions,
                rd_kafka_resp_err_t *ret_err);

/* Has the topic this partition? Asks again before it says no, since topics grow. */
int routes_find_partition(struct routes *r, const char *topic, int32_t partition, int64_t now_us,
                          rd_kafka_resp_err_t *ret_err);

void routes_forget(struct routes *r); /* a record was refused for its topic: ask anew */

#endif
