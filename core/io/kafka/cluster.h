/*
 * cluster: what the brokers and the topics of the configuration are set to, asked once at the start, and what
 * of it does not fit what the worker is about to do. Asking needs the network; judging is pure, so that
 * `sluice check --online` and the worker say the same.
 */
#ifndef SLUICE_IO_KAFKA_CLUSTER_H
#define SLUICE_IO_KAFKA_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "task/config.h"

/* offset.metadata.max.bytes of a broker that was not changed */
#define KAFKA_METADATA_MAX_BYTES 4096

enum kafka_topic_role {
    KAFKA_TOPIC_REQUESTS,
    KAFKA_TOPIC_REPLIES,
    KAFKA_TOPIC_DEAD_LETTER,
    KAFKA_TOPIC_DELAY,
    KAFKA_TOPIC_ALLOWED,      /* topics.reply_allow */
    KAFKA_TOPIC_TRANSACTIONS, /* __transaction_state */
    KAFKA_TOPIC_OFFSETS,      /* __consumer_offsets */
};

/* Numbers are -1 when they are not known. */
struct kafka_topic_facts {
    char name[250];
    enum kafka_topic_role role;
    int partitions;  /* 0: it does not exist */
    int replication; /* the smallest of its partitions, as the next one */
    int in_sync;
    int64_t min_in_sync;       /* min.insync.replicas */
    int64_t max_message_bytes; /* max.message.bytes */
    int unclean;               /* unclean.leader.election.enable: 0, 1 or -1 */
    int compact;               /* cleanup.policy says so: the same */
};

struct kafka_cluster {
    char id[128]; /* "" when the broker does not say */
    bool embedded;
    int brokers;
    bool asked;                 /* a broker has told its configuration */
    char why[160];              /* why it has not */
    bool old;                   /* surely older than Kafka 2.5 */
    int64_t metadata_max_bytes; /* offset.metadata.max.bytes; 4096 when it is not known */
    /* The rest is -1 when it is not known. */
    int64_t message_max_bytes;
    int64_t transaction_max_timeout_ms;
    int64_t transaction_log_replication; /* transaction.state.log.replication.factor */
    int64_t transaction_log_min_in_sync; /* transaction.state.log.min.isr */
    struct kafka_topic_facts *topics;
    size_t ntopics;
};

/* Asks the first broker that answers; gives up after timeout_ms. What a broker may not tell (or an embedded
 * one cannot) stays unknown and is no error. */
int kafka_cluster_describe(const struct config *c, int64_t timeout_ms, struct kafka_cluster *ret,
                           struct err *e);
void kafka_cluster_done(struct kafka_cluster *k);

enum kafka_severity {
    KAFKA_INFO,
    KAFKA_WARNING, /* works, with a risk or a limit */
    KAFKA_ERROR,   /* will not work */
};

struct kafka_finding {
    enum kafka_severity severity;
    char text[400]; /* what is, and what it means */
    char hint[200]; /* what to do; "" when nothing is to be done */
};

/* Calls fn for each finding, the brokers' first, then each topic's. Pure. */
void kafka_cluster_judge(const struct kafka_cluster *k, const struct config *c,
                         void (*fn)(void *arg, const struct kafka_finding *f), void *arg);

#endif
