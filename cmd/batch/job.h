/*
 * job: the identity of a file job, which lives in OUT.job beside its output: job id, store and slot. A resumed
 * run takes the same slot, where the journal holds what was in flight when the last run ended.
 */
#ifndef SLUICE_CMD_BATCH_JOB_H
#define SLUICE_CMD_BATCH_JOB_H

#include "base/err.h"
#include "cmd/batch/failed.h"
#include "cmd/batch/index.h"
#include "io/store.h"

struct job {
    char digest[INDEX_DIGEST_TEXT]; /* of the rows that were sent, "" when not known (index.h) */
    uint32_t rows;
    char id[33];
    char store[448]; /* root directory of the store */
    struct slot slot;
    char retry[FAILED_MARK]; /* mark of the failures that this run sends again (failed.h), or "" */
};

/* Loads OUT.job or makes it, and takes the slot. store_root: where a new job keeps its store. */
int job_open(struct job *j, const char *output, const char *store_root, struct err *e);
void job_close(struct job *j);

/* What OUT.job says of the input of the run before: digest and rows. False: there is none. */
bool job_peek(const char *output, char digest[INDEX_DIGEST_TEXT], uint32_t *ret_rows);

/* Keeps digest and rows of the input in OUT.job. */
int job_keep_input(struct job *j, const char *output, const struct index *x, struct err *e);

/* Key of one row's outcome in the journal; returns its length. A retry has keys of its own: the failure that it is
 * about may still be in the journal. */
size_t job_journal_key(const struct job *j, uint32_t row, uint8_t *out, size_t cap);

#endif
