/*
 * guard: against single records that harm all others: one that kills the worker (crash_log.h) and one that
 * holds up its partition (policy/head.h). Private to io/kafka; intake thread only.
 */
#ifndef SLUICE_IO_KAFKA_GUARD_H
#define SLUICE_IO_KAFKA_GUARD_H

#include "io/kafka/intake.h"

/* False: the record is under suspicion, and enough of its kind are in flight: ask again later. */
bool guard_may_begin(struct kafka_intake *in, const struct task *t);

/* t goes to the pool: it is in flight until part_task_free(). One that was so at too many crashes becomes
 * t->poison. */
void guard_begin(struct kafka_intake *in, struct kafka_part *p, struct task *t);

/* Ends the oldest open record of each partition that cannot go on because of it. Looks once a second. */
void guard_heads(struct kafka_intake *in, int64_t now_us);

#endif
