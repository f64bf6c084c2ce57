/*
 * hold: keeps the replies on an embedded broker from dropping off before someone has collected them.
 * Private to io/kafka; publisher thread only.
 */
#ifndef SLUICE_IO_KAFKA_HOLD_H
#define SLUICE_IO_KAFKA_HOLD_H

#include "io/kafka/client.h"
#include "io/kafka/parcel.h"

struct hold;

struct hold *hold_new(const struct config *c, rd_kafka_t *producer, struct err *e);
struct hold *hold_free(struct hold *h);

/* May this reply be produced now? Books its bytes and chooses its partition when it may. Replies to other
 * topics than the default one are not bounded. */
bool hold_take(struct hold *h, struct parcel *p, int32_t *ret_partition);

/* Delivery report of a reply that hold_take() let pass; offset -1: it never got there. */
void hold_result(struct hold *h, struct parcel *p, int64_t offset);

/* Asks how far the collecting group has read. True when a partition has room again. */
bool hold_refresh(struct hold *h, int64_t now_us);

#endif
