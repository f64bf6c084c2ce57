/*
 * adopt: calls that outlive the assignment of their partition. When the partition comes back while a
 * call of its earlier assignment still runs, the record waits for that call and is not paid for twice.
 * Private to io/kafka; intake thread only.
 */
#ifndef SLUICE_IO_KAFKA_ADOPT_H
#define SLUICE_IO_KAFKA_ADOPT_H

#include "io/kafka/intake.h"

/* The part is not ours any more and was taken out of in->parts. `same_log`: its tasks may answer records
 * of the partition's next assignment. */
void adopt_leave(struct kafka_intake *in, struct kafka_part *p, bool same_log);

/* t was just begun in p's ledger: does the same record run for an earlier assignment? Then t waits for it
 * (true), else it goes on to the pool. */
bool adopt_wait(struct kafka_intake *in, struct kafka_part *p, struct task *t);

/* A task of a part that is gone came back. True: it was handed over and goes on to `again`, to be
 * published for the part that the partition has now; else the caller frees it. */
bool adopt_returned(struct kafka_intake *in, struct task *t, bool acked, struct list_node *again);

/* t was begun, and its partition was given up before the pool had it: frees it. */
void adopt_drop(struct kafka_intake *in, struct task *t);

void adopt_free(struct kafka_intake *in);

#endif
