/*
 * retry: what to do after a call failed. Pure: class in, action out; the table in retry.c is
 * errors.md 4a. The caller (the pool) carries the action out.
 */
#ifndef SLUICE_POLICY_RETRY_H
#define SLUICE_POLICY_RETRY_H

#include "base/rng.h"
#include "task/config.h"
#include "task/task.h"

enum retry_action {
    RETRY_SAME,   /* the same route again, at not_before_us */
    RETRY_SELECT, /* choose a route again (other routes preferred; this one may be chosen later) */
    RETRY_GIVE_UP /* the task fails with what the provider said */
};

/* What the failure means for the route, beside the task. */
enum route_effect {
    ROUTE_NONE,
    ROUTE_DOUBT, /* counts like a failure, but the request may be the reason: a probe that ends so does
                     not prolong the cool-down further and further */
    ROUTE_FAILED, /* counts towards allowed_fails */
    ROUTE_PAUSE, /* rest until cool_until_us (rate limit); then calls go on at once, without a probe */
    ROUTE_COOL, /* cool down until cool_until_us at least: max(old, new) */
    ROUTE_OFF   /* off until cool_until_us, a long time (credential, quota, model gone) */
};

enum fallback_kind { FALLBACK_GENERAL, FALLBACK_CONTEXT, FALLBACK_POLICY, FALLBACK_NONE };

struct retry_verdict {
    enum retry_action action;
    enum route_effect effect;
    enum fallback_kind fallback; /* which fallback list RETRY_SELECT may use beside other rows */
    bool refuse_route;           /* never this route again for this task */
    int64_t not_before_us;
    int64_t cool_until_us;
};

struct retry_input {
    enum error_class class;
    int64_t hint_ms;    /* hint_wait_ms(), -1: none */
    bool no_same_route; /* x-should-retry: false, or the provider's word */
    int64_t now_us;
};

/*
 * Decides after a failed call of t on its current route. Reads t->attempts_used (this call is counted
 * already when it counts), t->trail (its last entry is this call), t->deadline_us, c->router. Never gives
 * a not_before_us past the deadline: then it gives up. The hint is a floor, jitter goes on top of it.
 * When num_retries are used up, routes that the task has not tried yet still get one call each.
 */
struct retry_verdict retry_decide(const struct config *c, const struct task *t,
                                  const struct retry_input *in, struct rng *rng);

/* Does this class use up an attempt? (429, overload, quota and credential do not: the task waits.) */
bool retry_counts(enum error_class class);

/* The same for the probe of a cooling route: while nothing comes back from it, trying it out costs a task
 * nothing (an outage costs time, not tasks); an answer that is no good, or none in time, may be the task's
 * own doing. */
bool retry_probe_counts(enum error_class class);

#endif
