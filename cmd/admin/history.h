/*
 * history: the last hour of a worker, a point every ten seconds, for the plots of the live page. Not thread-safe:
 * its owner's lock guards it. It forgets: what must be kept belongs into a monitoring system (/metrics).
 */
#ifndef SLUICE_CMD_ADMIN_HISTORY_H
#define SLUICE_CMD_ADMIN_HISTORY_H

#include "base/buf.h"
#include "pool/pool.h"

#define HISTORY_POINTS   361 /* an hour, with both ends */
#define HISTORY_EVERY_US 10000000LL

/* Counters as they stood then; times of the tasks that ended since the point before. */
struct history_point {
    int64_t wall_ms;
    uint64_t finished, failed, hits;
    int64_t in_flight, calling, waiting;
    double cost_usd;
    int64_t p50_us, p95_us, p99_us; /* -1: no task ended */
};

struct history {
    struct history_point at[HISTORY_POINTS]; /* a ring, the oldest at `first` */
    size_t first, count;
    int64_t next_us;   /* when the next point is due, monotonic */
    struct hist tasks; /* as they stood at the last point */
};

/* Makes a point when one is due. */
void history_note(struct history *h, const struct pool_stats *p, int64_t now_us, int64_t wall_ms);

/* As JSON: an array for each member, the oldest point first. */
void history_write(const struct history *h, struct buf *out);

#endif
