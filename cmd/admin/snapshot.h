/*
 * snapshot: all numbers of a worker at one moment. The main thread takes it several times a second; what the
 * admin port shows is made from it and from nothing else, so that no page waits for the pool or its clients.
 */
#ifndef SLUICE_CMD_ADMIN_SNAPSHOT_H
#define SLUICE_CMD_ADMIN_SNAPSHOT_H

#include "base/process.h"
#include "cmd/health.h"
#include "io/kafka/kafka.h"
#include "io/otlp.h"
#include "io/store.h"
#include "pool/pool.h"
#include "task/config.h"

struct snapshot {
    int64_t taken_us; /* monotonic; 0: none was taken yet, what is below `signs` is empty */
    uint64_t steered; /* how often models had been stopped or let go when it was begun (watch.c) */
    int64_t started_us; /* the process, by the same clock */
    int64_t started_wall_ms;
    struct health_signs signs;
    bool hangs; /* the intake stands still: the worker is about to end */
    int slot;
    bool exact; /* delivery is exactly_once */
    bool store_failing;
    struct pool_stats pool;
    struct pool_explain explain;
    struct kafka_intake_stats intake;
    struct kafka_publisher_stats publisher;
    struct store_stats store;
    struct otlp_stats traces;
    struct pool_route routes[]; /* one for each row of model_list */
};

/* A page: from what is handed over, and from nothing else. */
struct view {
    const struct config *config;
    const struct snapshot *s;
    const struct process_stats *process;
    int64_t now_us;
    int64_t now_wall_ms;
};

static inline bool snapshot_is_taken(const struct snapshot *s)
{
    return s->taken_us > 0;
}

/* "ok", "cooling", ...: what a route is good for now. */
enum route_state {
    ROUTE_STATE_OK,
    ROUTE_STATE_COOLING,
    ROUTE_STATE_PROBING,
    ROUTE_STATE_OFF,
    ROUTE_STATE_PAUSED, /* by the operator, whatever it would be otherwise */
    ROUTE_STATES
};
extern const char *const route_state_names[ROUTE_STATES];
enum route_state snapshot_route_state(const struct snapshot *s, size_t row);

/* One limit of a route: what it allows, 0 for anything, and what of it is used now. */
struct limit_use {
    const char *name; /* "requests", "tokens": in a minute; "requests_day"; "calls": at once */
    int64_t limit, used;
};
#define LIMIT_USES (LIMIT_DIMS + 1)
void snapshot_limits(const struct view *v, size_t row, struct limit_use ret[LIMIT_USES]);

extern const char *const abort_names[KAFKA_ABORT_REASONS];
extern const char *const token_names[POOL_TOKENS];

/* Records that are not answered yet, in the pool or before it; -1: not known. */
int64_t snapshot_backlog(const struct snapshot *s);
double snapshot_head_age(const struct view *v); /* seconds; 0: nothing is open */

void metrics_page(const struct view *v, struct buf *out);
void status_page(const struct view *v, struct buf *out);

#endif
