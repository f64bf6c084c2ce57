/*
 * range: positions that the broker does not have (any more), and gaps in what it sends. Private to
 * io/kafka; intake thread only.
 */
#ifndef SLUICE_IO_KAFKA_RANGE_H
#define SLUICE_IO_KAFKA_RANGE_H

#include "io/kafka/intake.h"

/* The broker says that the position is out of range: reads on from the oldest record. */
void range_gone(struct kafka_intake *in, const rd_kafka_message_t *m);

/* Looks at the offset of a record: counts what was lost before it. Returns the part it belongs to, which is
 * a new one when the partition turned out to be another log than before. */
struct kafka_part *range_check(struct kafka_intake *in, struct kafka_part *p, int64_t offset);

#endif
