/*
 * dlq: what the files of `sluice dlq` share: its options, and the walk over a dead-letter topic from where it is
 * told to the end as it was at the start.
 */
#ifndef SLUICE_CMD_DLQ_DLQ_H
#define SLUICE_CMD_DLQ_DLQ_H

#include "cmd/dlq/filter.h"
#include "cmd/dlq/letter.h"
#include "cmd/jobs/client.h"

#define DLQ_GROUP "sluice-dlq-replay" /* under which replay keeps what it has replayed */

struct dlq_options {
    struct config_options config;
    struct filter_options filter;
    const char *servers;
    int64_t limit; /* 0: none */
    /* ls */
    bool count;
    /* replay */
    const char *to;
    const char *rate;
    const char *group;
    const char *run;
    bool yes, dry_run, from_beginning;
};

/* The walk; the letter and its record are good until the next step. */
struct walk {
    struct client client;
    char topic[LETTER_TOPIC_MAX + 1]; /* of the dead letters */
    struct filter filter;
    struct kafka_reader *reader;
    int64_t *ends;
    size_t partitions;
    struct kafka_record record;
    struct letter letter;
    struct buf id, line;
    uint64_t letters, foreign; /* met; records that are no dead letters */
};

enum walk_result {
    WALK_LETTER = 0,  /* a dead letter */
    WALK_FOREIGN = 1, /* a record that is none */
    WALK_NOTHING = 2, /* none came within the time */
    WALK_END = 3,
};

/* Configuration, filter, and which topic: 0 or an exit code. walk_close() always. */
int walk_open(struct walk *w, const struct dlq_options *o, int nargs, char *const *args,
              struct err *e);
/* Begins to read; offsets: one for each partition, or NULL: from the beginning. Blocks signals. */
int walk_start(struct walk *w, const char *group, const int64_t *offsets, size_t noffsets,
               struct err *e);
int walk_step(struct walk *w, int64_t timeout_ms, struct err *e);
bool walk_takes(struct walk *w); /* does the filter take this letter? */
const char *walk_id(struct walk *w);
/* What was passed over, on stderr. */
void walk_report(const struct walk *w);
void walk_close(struct walk *w);

/* One line of JSON on stdout for this letter. -1: stdout is gone. */
int walk_print(struct walk *w, const char *to, struct err *e);
int dlq_flush(struct err *e); /* -1: stdout is gone */

/* struct command.run of each sub-command. */
int dlq_run_ls(const void *opts, int nargs, char *const *args, struct err *e);
int dlq_run_replay(const void *opts, int nargs, char *const *args, struct err *e);

#endif
