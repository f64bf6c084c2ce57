/*
 * failed: the rows of a job that a file of failed replies names, for `batch --retry-failed`. All others are left out of
 * the run; what the output answers already is found as in every resumed run (jobs/resume.h).
 *
 * Failures that come again whenever the same request is sent (it is wrong, too long, filtered) are left out as well,
 * unless all are wanted.
 */
#ifndef SLUICE_CMD_BATCH_FAILED_H
#define SLUICE_CMD_BATCH_FAILED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "cmd/batch/index.h"
#include "task/reply.h"

#define FAILED_KINDS 32
#define FAILED_MARK  17 /* 16 hex digits */

struct failed_kind {
    char name[64]; /* class of the last call, else the reply's code, else "HTTP 503" */
    bool taken;
    uint32_t count;
};

struct failed {
    const char *path;                           /* of the replies */
    bool all;                                   /* take every failure */
    struct failed_kind kinds[FAILED_KINDS + 2]; /* the last two: all others, left and taken */
    size_t nkinds;
    uint32_t taken, left, answered; /* answered: successes in the file, which are passed over */
    char mark[FAILED_MARK]; /* of the failures, so that another file makes another run of the job */
};

/*
 * Reads f->path and leaves all rows out of the index that are not to be sent; the index still knows its ids. -1 with
 * the line when it is no reply, stands there twice or is not of this input, and when there is nothing to send.
 */
int failed_select(struct failed *f, const char *input, struct index *x, struct err *e);

/* May the same request end better another time, perhaps after a change of the configuration? */
bool failed_may_recover(const struct reply_view *v);

#endif
