/*
 * job: the identity of a file job, which lives in OUT.job beside its output: job id, store and slot. A resumed
 * run takes the same slot, where the journal holds what was in flight when the last run ended.
 */
#ifndef SLUICE_CMD_BATCH_JOB_H
#define SLUICE_CMD_BATCH_JOB_H

#include "base/err.h"
#include "io/store.h"

struct job {
    char id[33];
    char store[448]; /* root directory of the store */
    struct slot slot;
};

/* Loads OUT.job or makes it, and takes the slot. store_root: where a new job keeps its store. */
int job_open(struct job *j, const char *output, const char *store_root, struct err *e);
void job_close(struct job *j);

/* Default root of the store: $XDG_CACHE_HOME/sluice/store or ~/.cache/sluice/store. */
int job_default_store(char *out, size_t cap, struct err *e);

/* Key of one row's outcome in the journal; returns its length. */
size_t job_journal_key(const struct job *j, uint32_t row, uint8_t *out, size_t cap);

#endif
