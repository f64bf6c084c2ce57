/*
 * refusal: what to do about a record that the client or the broker did not take. Private to io/kafka;
 * publisher thread. One table for both ways of delivery.
 */
#ifndef SLUICE_IO_KAFKA_REFUSAL_H
#define SLUICE_IO_KAFKA_REFUSAL_H

#include "io/kafka/parcel.h"

enum refusal {
    REFUSAL_PASSES,      /* time or a person puts it right: the same record again, later */
    REFUSAL_REPLY,       /* for good: an error reply has to take its place */
    REFUSAL_DEAD_LETTER, /* for good: it goes without the dead letter */
    REFUSAL_PARKING,     /* it cannot be parked: nothing of it may be counted as done */
};

/* The topic is missing or closed to us. For the topics of the configuration that is put right by a person,
 * and waiting loses nothing. */
bool refusal_is_topic(rd_kafka_resp_err_t err);

/* r is one of p's records. Changes nothing. */
enum refusal refusal_of(const struct parcel *p, const struct parcel_record *r,
                        rd_kafka_resp_err_t err);

/* The same, and carries it out: replaces the reply or gives up the dead letter, with a line in the log. No
 * record of the parcel may be with the client. */
enum refusal refusal_accept(struct parcel *p, struct parcel_record *r, rd_kafka_resp_err_t err,
                            int64_t now_wall_ms);

#endif
