/*
 * feeder: the thread that reads the rows of a file job that are not done and submits them to the pool, never
 * more than there is room for.
 */
#ifndef SLUICE_CMD_BATCH_FEEDER_H
#define SLUICE_CMD_BATCH_FEEDER_H

#include "cmd/batch/index.h"
#include "cmd/batch/input.h"
#include "cmd/batch/job.h"
#include "cmd/batch/writer.h"
#include "task/source.h"

struct feeder;

struct feeder_setup {
    const struct config *config;
    const struct job *job;
    struct input *input;
    const struct index *index;
    struct writer *writer; /* for rows that cannot be read */
    uint64_t limit;        /* rows at most; 0: all */
};

struct feeder *feeder_new(const struct feeder_setup *setup);
struct source *feeder_source(struct feeder *f);
int feeder_start(struct feeder *f, const struct intake *intake, struct err *e);
void feeder_stop(struct feeder *f);           /* reads no more rows; does not wait */
void feeder_join(struct feeder *f);           /* stops and waits for the thread */
struct feeder *feeder_free(struct feeder *f); /* after feeder_join(), and after the pool's end */

struct feeder_view {
    uint64_t fed; /* rows given to the pool or, unreadable, to the writer */
    bool ended;   /* no more rows will come */
    bool failed;  /* ended because the input could not be read */
    struct err err;
};

void feeder_look(struct feeder *f, struct feeder_view *ret);

#endif
