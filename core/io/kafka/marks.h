/*
 * marks: how far a command has come in a topic, kept by the broker: for each partition a committed offset
 * and a short text of the command's own. It joins no group and reads no records. One thread.
 */
#ifndef SLUICE_IO_KAFKA_MARKS_H
#define SLUICE_IO_KAFKA_MARKS_H

#include "base/err.h"
#include "task/config.h"

#define KAFKA_MARK_TEXT_MAX 4000 /* a broker takes 4,096 by default (offset.metadata.max.bytes) */

struct kafka_mark {
    int64_t offset; /* -1: none was saved; for kafka_marks_save(): leave the one that is there */
    char *text;     /* of kafka_marks_load(): to be freed; NULL: none */
    int64_t low;    /* of kafka_marks_load(): the oldest record that the broker still has */
};

struct kafka_marks;

struct kafka_marks *kafka_marks_new(const struct config *c, const char *topic, const char *group,
                                    int64_t timeout_ms, struct err *e);
struct kafka_marks *kafka_marks_free(struct kafka_marks *m);
size_t kafka_marks_count(const struct kafka_marks *m); /* partitions */

/* Fills one mark for each partition. 0 or -1. */
int kafka_marks_load(struct kafka_marks *m, struct kafka_mark *ret, int64_t timeout_ms,
                     struct err *e);

/* Saves one mark for each partition and waits until the broker has them. -1: it is not known which of them
 * it has; save them again. */
int kafka_marks_save(struct kafka_marks *m, const struct kafka_mark *marks, int64_t timeout_ms,
                     struct err *e);

#endif
