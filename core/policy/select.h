/*
 * select: which route a task takes now. Pure: the state of the routes, time and chance are arguments.
 */
#ifndef SLUICE_POLICY_SELECT_H
#define SLUICE_POLICY_SELECT_H

#include "base/rng.h"
#include "policy/breaker.h"
#include "policy/estimate.h"
#include "policy/learn.h"
#include "policy/limit.h"
#include "policy/pace.h"
#include "policy/window.h"
#include "task/config.h"
#include "task/task.h"

/* The changing side of a route; one per row of model_list, guarded by the admission's lock. */
struct route {
    const struct model *model;
    struct limit *limit; /* its own, or that of another row of the same account (scope_limit()) */
    struct limit own;
    uint64_t limit_rows; /* all that have this limit */
    int64_t running;     /* calls of this row */
    struct pace pace;
    struct window window;
    uint64_t seed; /* rank_seed() */
    struct breaker breaker;
    struct learn learn;
    struct estimate estimate;
    bool stopped;  /* by the operator: no call of it starts */
    enum why said; /* to the last task that it did not let go */
};

enum select_result {
    SELECT_GO = 0,   /* *ret_route is chosen and reserved (limit and breaker) */
    SELECT_WAIT = 1, /* nothing can go before *ret_at_us (INT64_MAX: until some call ends) */
    SELECT_NONE = 2, /* no route will ever serve it: all refused or too large for every limit */
    SELECT_LATER = 3 /* too large for this worker's share of the limits: until that grows */
};

struct select_input {
    const struct config *config;
    struct route *routes;    /* config->nmodels of them */
    uint64_t blocked_routes; /* claimed by tasks that wait in front of this one */
    struct limit_need need;  /* estimate for limits, see estimate_task() */
    int64_t now_us;
};

/*
 * Goes through t->models in order, within a name takes the first by rank.h of the rows that may go now (not in
 * t->refused_routes, breaker allows, limits allow); the row tried last (t->route) only when no other is
 * ready. Behind the names of the task come the configured fallbacks of each (general), unless the task
 * listed several models itself. ret_wanted gets the bit set of routes that the task waits for, with those that
 * could take what it waits for.
 */
int select_route(const struct select_input *in, const struct task *t, struct rng *rng,
                 int *ret_route, int64_t *ret_at_us, uint64_t *ret_wanted);

/* The i-th name of a model that may serve t: its own ones in order, then the configured (general) fallbacks
 * of its only one. NULL: there are no more. */
const char *select_model_name(const struct config *c, const struct task *t, size_t i);

/* Bit set of the routes that may still serve the task, ready or not: the rows of its models and of
 * their general fallbacks, without t->refused_routes and those with a limit of tokens that it exceeds. */
uint64_t select_candidates(const struct config *c, const struct task *t);

/*
 * After CLASS_CONTEXT_WINDOW or CLASS_CONTENT_POLICY: replaces the task's models by the configured
 * fallbacks of that kind. For a context window these are only rows with a larger one, known by configuration or
 * learned, of the names that the task accepts and of the fallbacks. False: there are none.
 */
bool select_fallback(const struct config *c, const struct route *routes, struct task *t,
                     enum fallback_kind kind);

/* Spares t the rows that have refused requests of its size as too large, when another one is known to be large
 * enough: of its own names, or of their context_window_fallbacks. When none is, it may still try. */
void select_leave_small(const struct config *c, const struct route *routes, struct task *t);

/* Does a limit of tokens keep the task from a row of its models? That row, and which limit it is; -1: none does. */
int select_too_large(const struct config *c, const struct task *t, enum limit_dim *ret_dim);

#endif
