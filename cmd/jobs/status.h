/*
 * status: how a job stands, in OUT.status beside its output, for `sluice runs`: written when the job begins, once a
 * second, and when it ends. Nothing in the job depends on it: a status that cannot be written is left as it is, and
 * a process that is killed leaves one that says "running" (whether it runs is told by the lock on its output).
 */
#ifndef SLUICE_CMD_JOBS_STATUS_H
#define SLUICE_CMD_JOBS_STATUS_H

#include <stdint.h>

#include "base/err.h"
#include "cmd/batch/progress.h"
#include "task/reply.h"

#define STATUS_SUFFIX ".status"

struct status_about {
    const char *kind;       /* "batch", "collect" */
    const char *id;         /* of the job or the run */
    const char *input;      /* or NULL */
    const char *output;     /* "-": there is no status */
    const char *error_file; /* or NULL */
};

struct status {
    struct status_about about; /* texts of the owner, which outlive it */
    uint64_t old_failed;       /* in the outputs from earlier runs */
    uint64_t old_unknown;      /* answers there without a cost */
    double old_usd;
    int64_t started_wall_ms; /* 0: not begun */
    int64_t written_us;
    struct progress_view last;
};

void status_old(struct status *s, const struct reply_view *v); /* a reply of an earlier run */
void status_begin(struct status *s, const struct status_about *about, uint64_t total,
                  uint64_t resumed);
/* Writes when it is time; force: now. */
void status_note(struct status *s, const struct progress_view *v, int64_t now_us, bool force);
/* rc: what the job ended with, negative as well; e says why. Before the output is closed. */
void status_end(struct status *s, int rc, const struct err *e);

/* The word for an end: "finished", "stopped" (may go on) or "failed". */
const char *status_word(int exit_code, uint64_t done, uint64_t total);

#endif
