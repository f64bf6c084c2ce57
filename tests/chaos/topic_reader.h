/*
 * topic_reader: reads a whole topic from a broker, by librdkafka, without our own Kafka code: what is
 * checked must not check itself.
 */
#ifndef SLUICE_TESTS_CHAOS_TOPIC_READER_H
#define SLUICE_TESTS_CHAOS_TOPIC_READER_H

#include <stdbool.h>
#include <stdint.h>

#include <librdkafka/rdkafka.h>

#include "base/err.h"

/* A consumer that belongs to no group that anyone joins. */
rd_kafka_t *topic_client(const char *broker, const char *group, bool committed, struct err *e);

int32_t topic_partitions(rd_kafka_t *rk, const char *topic, struct err *e); /* -1: error */

/* Each record of the topic from its begin to where it ends now; a read_committed client ends at the last
 * stable offset. -1: error, or nothing came for half a minute. */
int topic_read(rd_kafka_t *rk, const char *topic,
               void (*fn)(void *arg, const rd_kafka_message_t *m), void *arg, struct err *e);

/* End of a partition as this client sees it: last stable offset or high watermark. -1: error. */
int64_t topic_end(rd_kafka_t *rk, const char *topic, int32_t partition, struct err *e);

/* A header as a number; `fallback` when it is not there or no number. */
int64_t topic_header_int(const rd_kafka_message_t *m, const char *name, int64_t fallback);

#endif
