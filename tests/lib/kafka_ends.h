/*
 * kafka_ends: both ends of a worker's topics, for programs that measure: a producer, and a read_committed reader of
 * no group that begins at the end of a topic. Whatever fails ends the program with EX_UNAVAILABLE and a message.
 */
#ifndef SLUICE_TESTS_KAFKA_ENDS_H
#define SLUICE_TESTS_KAFKA_ENDS_H

#include <librdkafka/rdkafka.h>
#include <stdint.h>

/* The name that stands before messages. */
extern const char *kafka_ends_program;

_Noreturn void kafka_ends_die(const char *what, const char *why);

rd_kafka_t *kafka_ends_client(rd_kafka_type_t type, const char *broker, const char *linger_ms);
int32_t kafka_ends_partitions(rd_kafka_t *rk, const char *topic);

/* From the offsets that are the ends now, so that nothing later is missed. */
void kafka_ends_read_from_end(rd_kafka_t *reader, const char *topic);

/* Microseconds of the wall clock. */
int64_t kafka_ends_wall_us(void);

/* A whole number, 0 to INT_MAX. */
int64_t kafka_ends_number(const char *text);

#endif
