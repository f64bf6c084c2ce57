/*
 * replayed: which letters of a dead-letter topic were replayed, kept by the broker under a consumer group, so that
 * none is replayed twice by accident. What is on its way counts as replayed here, but is saved only when the
 * broker has it.
 */
#ifndef SLUICE_CMD_DLQ_REPLAYED_H
#define SLUICE_CMD_DLQ_REPLAYED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "task/config.h"

struct replayed;

/* Loads what was saved. -1 as well when something is saved there that is not ours. */
struct replayed *replayed_new(const struct config *c, const char *topic, const char *group,
                              int64_t timeout_ms, struct err *e);
struct replayed *replayed_free(struct replayed *r);

size_t replayed_partitions(const struct replayed *r);
bool replayed_known(const struct replayed *r); /* was anything saved under this group? */

/* For each partition the lowest offset that was not replayed. The walk must meet each record from there on. */
void replayed_starts(const struct replayed *r, int64_t *ret_offsets);

bool replayed_has(const struct replayed *r, int32_t partition, int64_t offset);
/* The walk has come to this record; between it and the one before there is none. */
void replayed_met(struct replayed *r, int32_t partition, int64_t offset);
/* Nobody can replay this record. */
void replayed_skip(struct replayed *r, int32_t partition, int64_t offset);

/* Is about to be sent. -1: the broker could not keep what then is replayed; nothing changes. */
int replayed_begin(struct replayed *r, int32_t partition, int64_t offset);
void replayed_end(struct replayed *r, int32_t partition, int64_t offset, bool sent);

/* Saves what is new. 0, also when there is nothing new; -1: not saved. */
int replayed_save(struct replayed *r, int64_t timeout_ms, struct err *e);

#endif
