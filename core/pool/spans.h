/*
 * spans: what the pool writes into the traces of its tasks. Private to core/pool; worker threads. Each of these is
 * a branch for a task that is not traced.
 */
#ifndef SLUICE_POOL_SPANS_H
#define SLUICE_POOL_SPANS_H

#include "pool/worker.h"

/* The attributes of a route that never change, ready to be copied: one text for each row of model_list. */
char **spans_routes(const struct config *c);
void spans_routes_free(char **routes, size_t n);

int spans_init(struct worker *w, struct err *e);

/* Decides whether t is traced, once. */
void spans_begin(struct worker *w, struct task *t);

/* The time, when t is traced; for spans_lookup(). */
int64_t spans_clock(const struct task *t);
void spans_lookup(struct worker *w, struct task *t, int64_t began_us, bool found);

/* Puts traceparent and tracestate on a call that is about to be made. */
void spans_request(struct worker *w, struct task *t, struct http_request *r);

/* The call has ended: before anything is taken out of its answer. */
void spans_call(struct worker *w, struct task *t, const struct http_response *rsp,
                const struct answer *ans);

/* The twin has the leader's end. */
void spans_share(const struct task *leader, struct task *twin);

static inline void spans_outcome(const struct worker *w, struct task *t)
{
    if (t->trace)
        t->trace->ended_us = w->now_us;
}

#endif
