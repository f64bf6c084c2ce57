/*
 * worker: one thread of the pool: an event loop over its inbox, its delays and its HTTP transfers. Private
 * to core/pool. All functions run on the worker's own thread unless they say "any thread".
 */
#ifndef SLUICE_POOL_WORKER_H
#define SLUICE_POOL_WORKER_H

#include <pthread.h>

#include "base/rng.h"
#include "io/http.h"
#include "io/store.h"
#include "policy/retry.h"
#include "pool/admission.h"
#include "pool/flight.h"
#include "pool/pool.h"

/* What the worker does with a task next. */
enum task_step {
    STEP_BEGIN,    /* journal, parse, lookup */
    STEP_CLAIM,    /* dedupe: is it the first with its id? */
    STEP_CLAIMED,  /* its claim is durable, or never will be */
    STEP_LOOKUP,   /* single flight and cache (again, after the flight it followed failed) */
    STEP_SELECT,   /* choose a route */
    STEP_ADMITTED, /* t->route is reserved: call (route -1: it never will be) */
    STEP_STORED,   /* its outcome is durable */
    STEP_RELEASED, /* the flight it followed ended; outcome shared */
    STEP_PARK,     /* its models are cooling: its record goes to the delay topic */
};

/* What the timer of a task is for. Written by its own worker only, so that it can be read without the lock
 * of the container that the task may be leaving at this moment. */
enum timer_kind {
    TIMER_DELAY,   /* TASK_DELAYED: go on */
    TIMER_WAITING, /* deadline while it waits in the admission */
    TIMER_TWIN,    /* deadline while it follows a flight */
};

/* A call of a task: the transfer, and afterwards the write of its outcome. */
struct call {
    struct list_node node; /* in the worker's list of those in use, or of idle ones */
    struct http_call http;
    struct store_op op;
    uint8_t completion_key[SHA256_LEN];
    struct list_node claiming; /* in a bucket of worker.claims while the claim is not durable */
    uint8_t claim_key[STORE_CLAIM_KEY_LEN];
    bool calling;     /* the transfer runs */
    int64_t since_us; /* its outcome waits for the store since then */
    struct task *task;
    struct worker *worker;
};

struct worker {
    struct pool *pool;
    unsigned index;
    pthread_t thread;
    bool started;
    struct http *http;

    pthread_mutex_t lock; /* guards inbox, and nothing else */
    struct list_node inbox;

    struct heap delays;       /* tasks by not_before; waiting tasks and twins by deadline */
    struct list_node out;     /* finished in this turn: one sink->put() at its end */
    int64_t nout;             /* how many these are */
    struct list_node ops;     /* writes of this turn */
    struct list_node busy;    /* struct call, attached to a task */
    struct list_node idle;    /* the same, to be used again */
    struct list_node *claims; /* table of claims under way (claim.c); NULL: dedupe is off */
    bool cancels;             /* atomic: a task was cancelled, look for it */
    int nidle;
    size_t ndelayed; /* of delays: TIMER_DELAY */
    struct sha256 *sha;
    struct buf scratch;
    struct rng rng;
    struct rng ids; /* of traces */
    int64_t now_us; /* of this turn */
    int64_t now_wall_ms;

    struct pool_stats count;   /* own counters */
    struct pool_route *routes; /* likewise, one for each row of model_list */
    bool counted;              /* they changed since they were shown */
    int64_t shown_us;
    pthread_mutex_t shown_lock;
    struct pool_stats shown; /* copies for pool_stats() and pool_routes() */
    struct pool_route *shown_routes;
};

struct pool {
    const struct config *config;
    struct store *store;
    struct sink *sink;
    struct source *source;
    struct admission *admission;
    struct flights *flights;
    struct budget *budget;     /* NULL: none; guarded by the admission's lock */
    struct trace_sink *traces; /* NULL: none */
    char **span_routes;        /* spans_routes() */
    struct worker *workers;
    unsigned nworkers;
    unsigned next_worker; /* atomic: round robin */
    int64_t in_flight;    /* atomic: submitted, not released */
    int64_t unfinished;   /* atomic: submitted, not given to the sink */
    int64_t storing;      /* atomic */
    int64_t delayed;      /* atomic */
    int64_t submitted;    /* atomic */
    bool shared;          /* see struct pool_setup */
    bool by_key;          /* tasks with the same key have the same worker */
    bool was_full;        /* atomic: the source was told that there is no room */
    enum why source_is;   /* atomic, see pool_source_is() */
    bool draining;        /* atomic */
    bool stopping;        /* atomic */
};

void *worker_main(void *arg);

/* One turn of the loop, without waiting. For the worker's thread, or for pool_stop() when that has ended. */
void worker_turn(struct worker *w);

/* Posts tasks in state TASK_INBOX to the workers that own them; empties the list. Any thread. */
void worker_post(struct pool *p, struct list_node *tasks);

/* Puts a RUNNING task into the delay heap until at_us; it goes on with `step`. */
void worker_delay(struct worker *w, struct task *t, int64_t at_us, int step);

/* Finds the stage that holds the pool up; after each turn of a worker. Any thread. */
void pool_tell_stage(struct pool *p, int64_t now_us);

/* Tells the source when there is room again and it was told that there is none. Any thread. */
void pool_tell_room(struct pool *p);

/* Watches the deadline of a task that is about to wait in another container. */
void worker_watch(struct worker *w, struct task *t, enum timer_kind kind);

/* steps.c: carries out t->step for a task in state TASK_RUNNING. */
void step_run(struct worker *w, struct task *t);
void step_finish(struct worker *w, struct task *t);    /* outcome is there: reply, store, out */
void step_give_back(struct worker *w, struct task *t); /* unfinished: to the sink without a reply */
void step_suppress(struct worker *w, struct task *t);  /* a repetition: done, without a reply */
void step_cancel(struct worker *w, struct task *t);    /* pool_cancel() was called for it */
void step_deadline(struct worker *w, struct task *t);  /* its deadline has come */

/* The store cannot be read now: tries `step` again later, or gives the task back at a drain. */
void step_hold(struct worker *w, struct task *t, int step);

/* After two reads, the second with result `again` and error e: the result to go on with. -1: hold the task. */
int step_after_error(struct worker *w, int again, const struct err *e);

/* lookup.c. STORE_FOUND: t has a completion. -1: the store cannot be read now. */
int lookup_cache(struct worker *w, struct task *t);

/* claim.c */
void claim_init(struct worker *w);
bool claim_applies(struct worker *w, const struct task *t); /* on, and t's key is its id */
void claim_step(struct worker *w, struct task *t);
void claim_written(struct worker *w, struct task *t); /* STEP_CLAIMED */
void claim_over(struct call *c);                      /* out of the table, if it is in */

/* keep.c. True: t is TASK_STORING, and comes back with STEP_STORED. False: it needs no write. */
bool keep_end(struct worker *w, struct task *t);

/* When this turn has made one write, and the store's writer has none: writes it at once and goes on with its task. */
void keep_lone(struct worker *w);

/* count.c: what they add to the counters */
void count_part(struct worker *w, enum pool_part part, int64_t since_us); /* by clock_mono_us() */
void count_begin(struct worker *w, const struct task *t); /* a call of it has started */
void count_end(struct worker *w, const struct task *t);
void count_call(struct worker *w, const struct task *t, const struct http_response *rsp,
                const struct answer *ans);
void count_usage(struct worker *w, const struct task *t, const struct completion *done);
void count_add(struct pool_stats *to, const struct pool_stats *from);
void count_add_route(struct pool_route *to, const struct pool_route *from);

/* call.c */
void call_start(struct worker *w, struct task *t);        /* t->route is reserved */
void call_not_made(struct worker *w, struct task *t);     /* gives that reservation back */
struct call *call_take(struct worker *w, struct task *t); /* an idle one, attached to t */
void call_release(struct worker *w, struct task *t);      /* detaches t's call, if any */
void call_cancel(struct worker *w);                       /* cuts off those of cancelled tasks */

static inline bool task_is_cancelled(const struct task *t)
{
    return atomic_load_explicit(&t->cancelled, memory_order_relaxed);
}

static inline bool pool_is_draining(const struct pool *p)
{
    return __atomic_load_n(&p->draining, __ATOMIC_RELAXED);
}

#endif
