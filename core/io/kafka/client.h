/*
 * client: one librdkafka handle made from the configuration, with our log, error and fatal handling.
 *
 * Private to io/kafka. Properties are set in this order, the later wins: defaults of ours, `kafka:`,
 * `kafka.consumer:` or `kafka.producer:`, and what a promise depends on.
 */
#ifndef SLUICE_IO_KAFKA_CLIENT_H
#define SLUICE_IO_KAFKA_CLIENT_H

#include <stdatomic.h>

#include <librdkafka/rdkafka.h>

#include "base/err.h"
#include "io/kafka/group.h"
#include "io/kafka/kafka.h"
#include "io/kafka/taint.h"
#include "task/config.h"

struct kafka_pair {
    const char *name;
    const char *value;
};

/* What an owner fills in before kafka_client_open(); it must not move while the handle lives. */
struct kafka_client {
    const char *name; /* in log lines: "intake", "publisher" */
    void *owner;      /* given to the callbacks below */
    void (*rebalance)(void *owner, rd_kafka_resp_err_t what,
                      rd_kafka_topic_partition_list_t *parts);
    void (*delivered)(void *owner, const rd_kafka_message_t *m); /* delivery report */
    struct kafka_fatal *fatal;                                   /* or NULL: only logged */
    struct group_watch *group;                                   /* or NULL: not a group member */
    struct taint *taint;                                         /* or NULL: no transactions */
    bool replaceable; /* a fatal error ends the handle, not the program: its owner opens another */

    rd_kafka_t *rk;
    int64_t said_down_us; /* when "no broker can be reached" was last logged */
};

/* Creates the handle. `defaults` may be overridden by the configuration, `forced` may not; both end with
 * a pair whose name is NULL. -1 with a message that names the property that librdkafka refused. */
int kafka_client_open(struct kafka_client *c, rd_kafka_type_t type, const struct config *config,
                      const struct kafka_pair *defaults, const struct kafka_pair *forced,
                      struct err *e);
void kafka_client_close(struct kafka_client *c); /* destroys the handle; NULL handle is fine */

/* Logs the fatal error of the handle and raises it. */
void kafka_client_fatal(struct kafka_client *c);
/* The broker has answered: the next outage is another one, and said at once. The client's own thread. */
void kafka_client_reached(struct kafka_client *c);

/* Does this cluster id belong to an embedded broker (kafka_broker_new())? */
bool kafka_id_is_embedded(const char *cluster_id);

#endif
