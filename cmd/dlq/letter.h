/*
 * letter: one dead letter: a record that somebody could not process, with headers that say where it came
 * from and why. Written by sluice, by Kafka Connect (__connect.errors.*) or by Spring (kafka_dlt-*, and
 * kafka_original-* and kafka_exception-* of its retry topics). Pure.
 */
#ifndef SLUICE_CMD_DLQ_LETTER_H
#define SLUICE_CMD_DLQ_LETTER_H

#include "base/buf.h"
#include "io/kafka/kafka.h"

#define LETTER_TOPIC_MAX 249 /* of a topic's name, as in Kafka */

#define LETTER_FROM_HEADER  "sluice-replayed-from"
#define LETTER_COUNT_HEADER "sluice-replay-count"

enum letter_writer { LETTER_SLUICE, LETTER_CONNECT, LETTER_SPRING };

struct letter_text {
    const char *at; /* NULL: not said */
    size_t len;
};

/* Points into the record that it was read from. */
struct letter {
    const struct kafka_record *record;
    enum letter_writer writer;
    char topic[LETTER_TOPIC_MAX + 1]; /* where the record was before */
    int64_t partition, offset;        /* -1: not said */
    struct letter_text code, message, group;
    int64_t replays; /* how often it was replayed already */
};

enum letter_result {
    LETTER_GOOD = 0,
    LETTER_FOREIGN = 1, /* no headers that say where it came from */
};

int letter_read(const struct kafka_record *r, struct letter *ret);

/* The task's id as the worker sees it: custom_id or task_id of the value, else the key, else
 * topic-partition-offset. Reads the whole value. The text may hold any bytes but NUL. */
void letter_id(const struct letter *l, struct buf *out);

/* Any bytes as a JSON string: what is no UTF-8 becomes "?". */
void letter_add_text(struct buf *out, const char *at, size_t len);

/* One line of JSON without its end. `id` is what letter_id() gave; `to` the topic that it would go to, or
 * NULL. */
void letter_format(const struct letter *l, const char *dead_topic, const char *id, const char *to,
                   struct buf *out);

/*
 * The record as it was before it died, to be sent again: headers of dead letters go, where it was replayed from
 * and how often is added. `run`: the value of the header sluice-run from now on; NULL: as it is. Numbers
 * and names live in `own`.
 */
struct letter_own {
    char from[LETTER_TOPIC_MAX + 64];
    char count[24];
};
void letter_restore(const struct letter *l, const char *dead_topic, const char *run,
                    struct letter_own *own, struct kafka_record *ret);

#endif
