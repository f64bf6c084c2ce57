/*
 * local: runs a job in this process: file -> pool -> file, without a broker. A feeder thread reads rows into
 * the pool, a writer thread appends replies in the order in which they come, the calling thread watches
 * signals and shows progress.
 */
#ifndef SLUICE_CMD_BATCH_LOCAL_H
#define SLUICE_CMD_BATCH_LOCAL_H

#include "cmd/batch/index.h"
#include "cmd/batch/input.h"
#include "cmd/batch/job.h"
#include "cmd/batch/progress.h"
#include "cmd/batch/tally.h"
#include "io/jsonl.h"
#include "policy/budget.h"

struct local_job {
    const struct config *config;
    struct store *store;
    const struct job *job;
    struct input *input; /* rewound */
    struct index *index; /* sealed; done rows are not sent */
    struct line_writer *out;
    struct line_writer *errors; /* NULL: failures go to out as well */
    struct progress *progress;
    int signal_fd;             /* signals_open(), from before the first thread */
    uint64_t limit;            /* rows at most in this run; 0: all */
    struct budget_book *book;  /* of earlier runs; NULL: there is none */
    struct trace_sink *traces; /* or NULL */
};

struct local_end {
    uint64_t calls; /* to providers, in this run */
    struct budget_view budget;
    struct buf held_up; /* by what, in words; the caller's to free */
};

/* How the run ended: exit code, with e->msg when it was stopped. The tally and the end are for the report. */
int local_run(const struct local_job *j, struct tally *ret_tally, struct local_end *ret_end,
              struct err *e);

#endif
