/*
 * place: has every record of a batch somewhere to go? Asked before its transaction begins. Private to
 * io/kafka; publisher thread.
 */
#ifndef SLUICE_IO_KAFKA_PLACE_H
#define SLUICE_IO_KAFKA_PLACE_H

#include "io/kafka/parcel.h"
#include "io/kafka/route.h"

/* What was found out. */
struct place {
    size_t replaced;   /* replies that could go nowhere, with an error reply in their place now */
    const char *topic; /* PLACE_NOT_NOW: the topic to wait for */
    rd_kafka_resp_err_t err; /* and why */
};

enum place_result {
    PLACE_GOOD = 0,
    PLACE_NOT_NOW = 1, /* the reply topic is missing, or the broker does not answer */
    PLACE_PARTLY = 2,  /* the dead-letter topic is missing, or closed: not all can go */
};

/* May wait a second for the broker. PLACE_PARTLY: those that cannot go are in `waiting`. */
int place_all(struct routes *routes, struct list_node *parcels, struct list_node *waiting,
              struct place *ret);

#endif
