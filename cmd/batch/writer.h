/*
 * writer: the thread that takes finished tasks and appends their replies to the output files. It is the sink
 * of a file job.
 *
 * When a file cannot be written (disk full) it keeps what it holds and tries again each second; nothing is
 * released meanwhile, so that the pool stops taking rows. Journal entries are given up only when the lines are
 * on the disk.
 */
#ifndef SLUICE_CMD_BATCH_WRITER_H
#define SLUICE_CMD_BATCH_WRITER_H

#include "cmd/batch/job.h"
#include "cmd/batch/tally.h"
#include "io/jsonl.h"
#include "task/sink.h"
#include "task/source.h"

struct writer;

struct writer_setup {
    struct line_writer *out;
    struct line_writer *errors; /* or NULL */
    struct store *store;
    const struct job *job;
    int notify_fd; /* eventfd that is written to when a batch is in the files */
};

struct writer *writer_new(const struct writer_setup *setup, struct err *e); /* starts the thread */
/* Writes what is left (giving up after 5 s of a broken disk) and ends the thread. -1: lines could not be
 * written; they are in the journal. */
int writer_stop(struct writer *w, struct err *e);
struct writer *writer_free(struct writer *w); /* after writer_stop() */

struct sink *writer_sink(struct writer *w);
void writer_set_intake(struct writer *w, const struct intake *intake); /* before the first task */

/* A finished task that did not come from the pool. */
void writer_put(struct writer *w, struct task *t);

struct writer_view {
    uint64_t written;    /* replies in the files */
    uint64_t given_back; /* tasks that came without a reply */
    bool failing;        /* a file cannot be written at the moment */
    bool closed;         /* a pipe that nobody reads any more */
    char failure[200];
    struct tally_sums sums; /* of the replies in the files */
};

void writer_look(struct writer *w, struct writer_view *ret);
void writer_tally(struct writer *w, struct tally *ret); /* all of it: for the report */

#endif
