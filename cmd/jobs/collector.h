/*
 * collector: reads the reply topic, keeps the replies of one run (or all), drops repeats by custom_id and
 * appends the lines to the output. Runs in steps on the thread of its owner.
 *
 * The positions up to which the lines are on the disk are kept in OUT.collect, and committed to the group
 * KAFKA_COLLECT_GROUP for others to see. Losing that file costs reading again, nothing else.
 */
#ifndef SLUICE_CMD_JOBS_COLLECTOR_H
#define SLUICE_CMD_JOBS_COLLECTOR_H

#include <stdint.h>

#include "cmd/batch/progress.h"
#include "cmd/batch/tally.h"
#include "io/jsonl.h"
#include "io/kafka/kafka.h"

struct collector;

struct collector_setup {
    const struct config *config;
    const char *topic;
    const char *run;     /* id, or NULL: the replies of everybody */
    const char *cluster; /* id, "" when unknown */
    const char *output;  /* path of out, for the place beside it */
    uint64_t resumed;    /* replies that the files hold already */
    struct line_writer *out;
    struct line_writer *errors; /* NULL: failures go to out as well */
    struct kafka_fatal *fatal;
    void *arg;
    /* Is this reply wanted? 1: yes; 0: a repeat; -1: an id that is not of this job. */
    int (*take)(void *arg, const char *id, size_t len);
};

enum collector_result {
    COLLECTOR_GOT = 0,
    COLLECTOR_NOTHING = 1, /* nothing came within the time */
    COLLECTOR_DISK = 2,    /* the output cannot be written: wait and call again */
};

/* -1 as well when the output holds the replies of another run. */
struct collector *collector_new(const struct collector_setup *setup, int64_t timeout_ms,
                                struct err *e);
/* Waits up to timeout_ms for the first reply and takes what is there, up to a bound. */
int collector_step(struct collector *c, int64_t timeout_ms, int64_t now_us, struct err *e);
/* A line that does not come from the topic. */
void collector_put(struct collector *c, const struct reply_view *v, const char *line, size_t len);
/* Has it read what stood in the topic when it was made? */
bool collector_caught_up(const struct collector *c);
/* Makes everything durable and commits. */
int collector_finish(struct collector *c, struct err *e);
struct collector *collector_free(struct collector *c);

const struct tally *collector_tally(const struct collector *c);
/* What it knows of the progress of a job with so many replies in all (0: unknown). */
struct progress_view collector_progress(const struct collector *c, uint64_t total);

struct collector_view {
    uint64_t taken, repeats, others, unreadable;
    uint64_t lost;   /* dropped by the broker before they were read */
    int64_t last_us; /* when the last reply was taken, monotonic */
};

void collector_look(const struct collector *c, struct collector_view *ret);

#endif
