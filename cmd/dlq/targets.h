/*
 * targets: the topics that dead letters go back to, each with a producer of its own. Few: a topic of dead letters
 * serves a few topics of requests. One thread.
 */
#ifndef SLUICE_CMD_DLQ_TARGETS_H
#define SLUICE_CMD_DLQ_TARGETS_H

#include "io/kafka/kafka.h"

struct targets;

struct targets_setup {
    const struct config *config;
    const char *dead_topic; /* nothing may go there */
    struct kafka_fatal *fatal;
    void *arg;
    /* A record that was sent is acknowledged (why NULL) or refused; named by where it was read. */
    void (*settled)(void *arg, int32_t partition, int64_t offset, const char *why);
};

struct targets *targets_new(const struct targets_setup *setup);
/* What is not acknowledged by now is given up. */
struct targets *targets_free(struct targets *t);

/* Is the topic there? -1 with what to do when it is not. */
int targets_check(struct targets *t, const char *topic, struct err *e);

/* enum kafka_send_result or -1. */
int targets_send(struct targets *t, const char *topic, const struct kafka_record *r, struct err *e);
/* Serves all of them, and waits in the one that was used last. */
void targets_poll(struct targets *t, int64_t timeout_ms);
bool targets_flush(struct targets *t, int64_t timeout_ms); /* is everything acknowledged? */
bool targets_held(const struct targets *t); /* the embedded broker is full: nobody reads there */

#endif
