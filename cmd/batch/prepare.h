/*
 * prepare: everything that is checked and opened before the first call of a job: configuration, every row of
 * the input, the output as it stands, the store.
 */
#ifndef SLUICE_CMD_BATCH_PREPARE_H
#define SLUICE_CMD_BATCH_PREPARE_H

#include "cmd/batch/batch.h"
#include "cmd/batch/failed.h"
#include "cmd/batch/index.h"
#include "cmd/batch/job.h"
#include "cmd/batch/progress.h"
#include "cmd/batch/spend.h"
#include "cmd/jobs/status.h"
#include "io/jsonl.h"

struct prepared {
    struct config *config;
    struct input *input; /* rewound */
    struct index *index; /* sealed, ids forgotten, done rows marked */
    struct line_writer *out;
    struct line_writer *errors; /* or NULL */
    struct job job;
    bool has_job;
    struct store *store;
    struct spend spend;
    struct failed failed; /* of --retry-failed */
    uint64_t replies;     /* in the outputs, when they were opened */
    struct progress progress;
    struct status status;
    int signal_fd; /* signals.h; 0: not open yet */
};

/* Are input and output named, and different files? */
int prepare_options(const struct batch_options *o, struct err *e);

/* Leaves out of the index what --retry-failed does not name; without that option does nothing. */
int prepare_retry(const struct batch_options *o, struct failed *f, struct index *index,
                  struct err *e);

/* The configuration with what the options say. *ret is to be freed even after -1. */
int prepare_config(const struct batch_options *o, struct config **ret, struct err *e);

/* -1 with e (code and message); what was opened is closed by prepared_done() either way. */
int prepare(struct prepared *p, const struct batch_options *o, struct err *e);
void prepared_done(struct prepared *p);

/*
 * Reads all rows, fills the index and finds bad rows and duplicate ids; says each on stderr (the first 20)
 * as "file:line: what". 0, or -1 when there are any (bad rows are allowed with keep_going). Shared with
 * `enqueue`.
 */
int prepare_index(struct input *in, const char *path, const struct config *c, bool keep_going,
                  struct index *index, struct err *e);

#endif
