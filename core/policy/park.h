/*
 * park: when a task that waits for a cooling model leaves the pool for the delay topic, and when its copy is due
 * there. Pure.
 *
 * A worker can hold so many records and no more. When those of one model that is cooling take half of that, the
 * oldest of them go, so that the records behind them, which other models can serve, come in.
 */
#ifndef SLUICE_POLICY_PARK_H
#define SLUICE_POLICY_PARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "task/task.h"

#define PARK_COOLING_US (5 * 1000000LL) /* a model that is back sooner is waited for */

/* How a partition stands. */
struct park_window {
    int64_t open;     /* records begun and not finished */
    int64_t leaving;  /* of these: on their way out already */
    int64_t open_max; /* as many may be open: the partition's own bound, and its part of the pool */
    int64_t span, span_max; /* from the oldest open record to the newest, and the bound of it */
    int64_t map, map_max;   /* bytes of the map of what is done out of order, and the bound */
};

/* How many of the partition's open records should be parked, if they wait for a cooling model. */
int64_t park_excess(const struct park_window *w);

/* Which of these queues' routes keep their tasks for so long that parking is worth it; 0 when it helps nobody,
 * because no other route (of `all`) is in working order. down: the routes that cool beyond PARK_COOLING_US. */
uint64_t park_routes(uint64_t down, uint64_t all);

/*
 * May this waiting task be parked? Not when something of it cannot be told by a header: money that was or may
 * have been spent, routes that refused it. Nor when it would come back too late to be served.
 */
bool park_may(const struct task *t, int64_t now_us, int64_t park_for_ms);

/* When a record of the delay topic is due, by the wall clock. A time stamp in the future is not believed, nor is
 * one that is missing (-1). */
int64_t park_due_ms(int64_t record_ms, int64_t received_ms, int64_t park_for_ms);

#endif
