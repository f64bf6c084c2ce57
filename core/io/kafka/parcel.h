/*
 * parcel: one outcome on its way to the broker: the reply record, and a dead letter when there is one; or
 * nothing, when the outcome is only that the record is finished. Private to io/kafka; owned by the
 * publisher thread.
 */
#ifndef SLUICE_IO_KAFKA_PARCEL_H
#define SLUICE_IO_KAFKA_PARCEL_H

#include <librdkafka/rdkafka.h>

#include "task/config.h"
#include "task/reply_headers.h"
#include "task/task.h"

struct parcel;

/* What the opaque of a produced message points to. */
struct parcel_record {
    struct parcel *parcel;
    bool wanted;             /* has to be delivered */
    bool delivered;          /* the broker has it */
    bool flying;             /* handed to the client, no delivery report yet */
    rd_kafka_resp_err_t err; /* why it was not delivered, of its last report */
};

struct parcel {
    struct list_node node;
    struct task *task;
    const struct config *config;
    struct parcel_record reply;
    struct parcel_record dead_letter;
    char topic[REPLY_TOPIC_MAX]; /* where the reply goes */
    int32_t partition;           /* as the request asks, or RD_KAFKA_PARTITION_UA (-1) */
    int32_t window_partition;    /* embedded broker: where the reply's bytes are booked, or -1 */
    int64_t window_bytes;
};

struct parcel *parcel_new(struct task *t, const struct config *c);
struct parcel *parcel_free(struct parcel *p); /* not the task */

bool parcel_wants_dead_letter(const struct task *t, const struct config *c);

/* Everything that is wanted was delivered; true at once when nothing is. */
bool parcel_done(const struct parcel *p);
bool parcel_flying(const struct parcel *p);

/* Hands a record to the client; the parcel and its task must live until the delivery report. */
rd_kafka_resp_err_t parcel_send_reply(struct parcel *p, rd_kafka_t *rk, int32_t partition);
rd_kafka_resp_err_t parcel_send_dead_letter(struct parcel *p, rd_kafka_t *rk, const char *group);

/* Books the delivery report of a record. */
void parcel_delivered(struct parcel_record *r, const rd_kafka_message_t *m);

/* The broker can never take the reply: puts a reply_undeliverable error in its place, to the default
 * topic, and asks for a dead letter. The task remembers it for its next parcel. */
void parcel_give_up(struct parcel *p, const char *why, int64_t now_wall_ms);
void parcel_drop_dead_letter(struct parcel *p); /* the same for a dead letter: it goes without */

const char *parcel_topic(const struct parcel *p, const struct parcel_record *r);
/* Goes r to a topic that the configuration names for everyone, rather than to one that a request asks for? */
bool parcel_topic_is_ours(const struct parcel *p, const struct parcel_record *r);

#endif
