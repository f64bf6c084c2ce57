/*
 * timeline: how a job went over time, for its report. Points are sums since the start of the run, so that when the
 * table is full every second one can go, and the rest say the same more coarsely. Not thread-safe.
 */
#ifndef SLUICE_CMD_BATCH_TIMELINE_H
#define SLUICE_CMD_BATCH_TIMELINE_H

#include <stddef.h>
#include <stdint.h>

#include "cmd/batch/progress.h"

#define TIMELINE_POINTS 512
#define TIMELINE_LIMITS 24 /* different words for what limits; more are "other" */

struct timeline_point {
    int64_t at_us; /* since the start */
    uint64_t done, failed, cached, calls;
    int64_t in_flight, waiting;
    double cost_usd;
    uint8_t limit; /* what limited since the point before: index of limits[] */
};

struct timeline_limit {
    char name[sizeof((struct progress_view *)0)->limited_by];
    int64_t us; /* how long, in sum */
};

struct timeline {
    struct timeline_point at[TIMELINE_POINTS];
    size_t count;
    int64_t every_us; /* between two points */
    struct timeline_limit limits[TIMELINE_LIMITS];
    size_t nlimits;
    int64_t noted_us; /* the time of limits is added up to here */
};

struct timeline *timeline_new(void);

/* Look at it as often as you like: points are made when they are due, and the last one (`force`) in any case. */
void timeline_note(struct timeline *t, const struct progress_view *v, int64_t at_us, bool force);

#endif
