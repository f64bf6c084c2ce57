/*
 * explain: what holds work up, as shares of time. Pure: time is an argument.
 *
 * One struct explain stands for one row of model_list, or for the pool as a whole. Whoever decides tells it the
 * reason that holds from now on (explain_set()), so that the time of each reason is exact, over the last minute and
 * since the start. What a reason means in words, and what to change, is policy/advice.
 */
#ifndef SLUICE_POLICY_EXPLAIN_H
#define SLUICE_POLICY_EXPLAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "task/class.h"

enum why {
    WHY_IDLE,    /* no task wants the row, and no call runs */
    WHY_ANSWERS, /* no task waits; calls run */

    /* The row's own limits, as limit_try() says in limit.why. */
    WHY_RPS,
    WHY_RPM,
    WHY_RPD,
    WHY_TPM,
    WHY_INPUT_TPM,
    WHY_OUTPUT_TPM,
    WHY_TPD,
    WHY_PARALLEL, /* max_parallel_requests */
    WHY_SHARE,    /* this worker has no part of the limits now */
    WHY_LARGE,    /* the task is larger than this worker's share of a limit */

    /* What was learned from the provider. */
    WHY_HEADERS, /* its headers say that little or nothing is left until a time */
    WHY_LEARNED, /* the concurrency or rate that it was found to bear */

    /* Bounds of the whole pool. */
    WHY_MAX_CALLS,
    WHY_RETRY_BUDGET,
    WHY_BUDGET_RESERVED, /* until calls that run are known to cost less than they might */
    WHY_BUDGET,          /* used up */
    WHY_TENANT_BUDGET,   /* that of the tenants whose tasks wait */

    /* The row rests, as breaker.why says. */
    WHY_COOL_RATE_LIMIT,
    WHY_COOL_OVERLOAD,
    WHY_COOL_FAILING,   /* server errors, time-outs, answers that cannot be read */
    WHY_COOL_TRANSPORT, /* it cannot be reached */
    WHY_OFF_QUOTA,
    WHY_OFF_CREDENTIAL,
    WHY_OFF_MODEL, /* unknown, gone or not allowed */
    WHY_PROBE,     /* half open: one call tries it */
    WHY_STOPPED,   /* the operator has paused the model */

    /* Stages of the pool. */
    WHY_INPUT,     /* it has room, and nothing waits in it: there is no more to do */
    WHY_MODELS,    /* tasks wait for their models: the rows say why */
    WHY_IN_FLIGHT, /* it holds pool.max_in_flight tasks */
    WHY_RETRY,     /* it is full, mostly of tasks that wait before they are tried again */
    WHY_STORE,     /* it is full, mostly of outcomes that are being written */
    WHY_STORE_FAILING,
    WHY_PUBLISH, /* it is full, mostly of replies that are not delivered */
    WHY_KAFKA,   /* no broker, or no membership of the group: nothing comes in */
    WHY_PAUSED,  /* the operator has stopped the intake */
    WHY_COUNT
};

/* As it stands in /status and metrics: "rpm", "cooling_overload". */
const char *why_name(enum why w);

/* Does a task wait because of it, at a row? */
bool why_holds(enum why w);

/* Is it a limit of the row that lacks? */
bool why_limits(enum why w);

/* Why a row rests after a failure of this class. */
enum why why_resting(enum error_class class);

#define EXPLAIN_SLOTS 13 /* of five seconds: the last minute, and what has begun of the next slot */

/* All zero before the first explain_set(), from which on time counts. */
struct explain {
    bool begun;
    enum why now;
    int64_t since_us;
    int64_t slot; /* number of the newest one */
    int64_t total_us[WHY_COUNT];
    uint32_t slot_us[EXPLAIN_SLOTS][WHY_COUNT];
};

/* From now on it is w. Time that goes backwards counts as none. */
void explain_set(struct explain *x, enum why w, int64_t now_us);

struct explain_view {
    enum why now;
    int64_t run_us[WHY_COUNT];
    int64_t minute_us[WHY_COUNT];
};

void explain_look(struct explain *x, int64_t now_us, struct explain_view *ret);

/* How the tasks of a pool stand. */
struct explain_load {
    enum why source; /* why nothing comes in when there is room: WHY_INPUT, WHY_KAFKA, WHY_PAUSED */
    bool store_failing;
    bool full;                         /* the source was told that there is no room */
    int64_t unfinished;                /* tasks without an outcome */
    int64_t unpublished;               /* with one that is not delivered */
    int64_t storing, delayed, waiting; /* of the unfinished ones */
};

/* The stage that holds the whole pool up. Of one that is not full: what is still to be done there. */
enum why explain_stage(const struct explain_load *l);

/* Why nothing gets through to a row that no task waits for; WHY_IDLE: what comes in would. */
enum why explain_behind(const struct explain_load *l, enum why stage);

/* The reason with the most time, idle only when there is no other. */
enum why explain_main(const int64_t us[WHY_COUNT]);

/* Its part of the whole, 0 to 1. */
double explain_share(const int64_t us[WHY_COUNT], enum why w);

#endif
