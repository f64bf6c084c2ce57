/*
 * delay: the delay topic as the intake reads it: whose copy a record is, when it is due, and how many tasks of
 * each partition should be parked. Private to io/kafka; intake thread only.
 */
#ifndef SLUICE_IO_KAFKA_DELAY_H
#define SLUICE_IO_KAFKA_DELAY_H

#include "io/kafka/intake.h"

/* A new part: is it of the delay topic, and may its tasks be parked? */
void delay_mark(const struct kafka_intake *in, struct kafka_part *p);

/* The task was made of this record of p, which is of the delay topic. */
void delay_take(struct kafka_intake *in, struct kafka_part *p, const rd_kafka_message_t *m,
                struct task *t);

/* Goes on with what has become due, and tells the pool how many tasks to park. */
void delay_adjust(struct kafka_intake *in, int64_t now_us);

/* The record of t cannot be parked: a task that goes on waiting takes its place. */
void delay_refused(struct kafka_intake *in, struct task *t);

#endif
