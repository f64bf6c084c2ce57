/*
 * pool: the engine. N worker threads take tasks from a source and give finished ones to a sink; lookup,
 * single flight, admission, calls, retry, reselection, store and reply happen here and nowhere else.
 * The pool knows neither Kafka nor files nor any vendor.
 */
#ifndef SLUICE_POOL_POOL_H
#define SLUICE_POOL_POOL_H

#include "base/err.h"
#include "base/hist.h"
#include "base/metrics.h"
#include "io/store.h"
#include "policy/budget.h"
#include "policy/explain.h"
#include "policy/limit.h"
#include "task/config.h"
#include "task/sink.h"
#include "task/source.h"

struct pool;

struct pool_setup {
    const struct config *config; /* resolved; outlives the pool */
    struct store *store;         /* outlives the pool */
    struct sink *sink;
    struct source *source;     /* may be NULL */
    struct budget_book *book;  /* where the budget of the configuration is kept; NULL: nowhere */
    struct trace_sink *traces; /* NULL: tasks are not traced; outlives them */
    /* The limits are for several workers: none of them may be used before pool_hold(). */
    bool shared;
};

struct pool *pool_new(const struct pool_setup *setup, struct err *e); /* starts the threads */

/* Stops the workers: nothing may be submitted any more. Running calls are cancelled. Tasks that are not
 * finished go to the sink without a reply (t->reply NULL): the sink gives them back to where they came from
 * (they stay open in the ledger). Only pool_release() and pool_stats() may be called afterwards. */
void pool_stop(struct pool *p);

/* pool_stop() if that was not done, and frees the pool. The sink must have released all tasks. */
struct pool *pool_free(struct pool *p);

/* How many more tasks may be submitted now: pool.max_in_flight less what is between submit and release;
 * 0 while the store is failing or the pool is draining. Any thread. */
int64_t pool_room(const struct pool *p);

/* Takes over all tasks of the list (state TASK_NEW). Submitting more than pool_room() is allowed but
 * breaks the memory bound. Any thread; does not block. */
void pool_submit(struct pool *p, struct list_node *tasks);

/* Ends a task that was submitted, for the sake of those behind it: no further call is made for it, one that
 * runs is cut off, though it may have to be paid for, and its reply is the error "head_cancelled". No-op when
 * it has ended. The caller keeps it from being freed during the call. Any thread; not after pool_stop(). */
void pool_cancel(struct pool *p, struct task *t);

/* n tasks of those given to the sink have left memory. Any thread. */
void pool_release(struct pool *p, int64_t n);

/* Which parts of the work this worker has now: with `shared`, what it may use of every limit. To be said again
 * before h->lease_us is over. Any thread, also after pool_stop(); does not block. */
void pool_hold(struct pool *p, const struct holding *h);

/* The operator has stopped these rows of model_list, one bit each, and no others: no call of them starts, running
 * ones go on, tasks that no other row can serve wait. Any thread; does not block; cheap when nothing changes. */
void pool_stop_rows(struct pool *p, uint64_t rows);

/* Tasks between submit and the sink. Any thread. */
int64_t pool_unfinished(const struct pool *p);

/* No new calls are started from now on; running ones go on, tasks that wait are given back at once (to the
 * sink, without a reply). For the first SIGTERM. Any thread; no-op after pool_stop(). */
void pool_drain(struct pool *p);
int64_t pool_calls(const struct pool *p); /* running now, or ended and not durable yet */

#define POOL_ROUTES_MAX CONFIG_MODELS_MAX

/* How a task ended: with which kind of reply, or without one because it repeats another. */
enum pool_end {
    POOL_END_SUCCESS,
    POOL_END_ERROR, /* what a provider said, or no model could serve it */
    POOL_END_BAD_RECORD,
    POOL_END_DEADLINE,
    POOL_END_CANCELLED,
    POOL_END_POISON,
    POOL_END_DUPLICATE,
    POOL_ENDS
};

const char *pool_end_name(enum pool_end end); /* "success", "deadline_exceeded", ... */

/* What the pool itself does for a task, beside the provider's time. */
enum pool_part {
    POOL_PART_JOURNAL, /* looks whether it was answered before */
    POOL_PART_PARSE,
    POOL_PART_KEY,    /* canonical form and digest */
    POOL_PART_CACHE,  /* looks for a completion */
    POOL_PART_FORMAT, /* the provider's request, from the task */
    POOL_PART_ANSWER, /* what the provider answered, to ours */
    POOL_PART_REPLY,
    POOL_PART_STORE, /* waits until the outcome is durable */
    POOL_PARTS
};

const char *pool_part_name(enum pool_part part); /* "journal", ... */

/* The last one of a kind of failures. */
struct pool_sample {
    int64_t wall_ms; /* 0: there was none */
    int status;      /* HTTP, or 0 */
    char task_id[64];
};

/* A snapshot of all counters, for progress lines, reports and metrics. At most 50 ms old while the pool runs,
 * exact after pool_stop(). */
struct pool_stats {
    uint64_t submitted, finished, succeeded, failed; /* finished: with a reply, not given back */
    uint64_t hits, misses, coalesced;                /* misses: lookups that found nothing */
    uint64_t journaled; /* answered from the journal of an earlier life */
    uint64_t calls, retries, reselections;
    uint64_t rate_limited;
    uint64_t duplicates; /* dedupe: ended without a reply (not in `finished`) */
    uint64_t unkeyed;    /* dedupe: served although nobody knows, since their key is not their id */
    uint64_t poisoned, cancelled; /* among `failed` */
    uint64_t ends[POOL_ENDS];
    struct pool_sample last_end[POOL_ENDS]; /* of those that are failures */
    int64_t in_flight, waiting, delayed, twins, storing;
    int64_t calling;  /* pool_calls() */
    int64_t stranded; /* of those waiting: all routes that could serve them are off */
    int64_t large;    /* of those waiting: larger than this worker's share of a limit */
    int64_t input_tokens, output_tokens, cached_tokens;
    double cost_usd;       /* of all calls whose cost is known */
    uint64_t cost_unknown; /* successes whose cost is not known */
    struct budget_view budget;
    bool money_out;                 /* the budget is used up: calls wait for the next period */
    int64_t money_waits;            /* tasks that wait because their tenant's budget is */
    uint64_t failures[CLASS_COUNT]; /* failed calls by class */
    struct {
        uint64_t calls, ok;
        int64_t running;
        bool cooling;
        int64_t cooling_ms;
        bool off; /* credential, credit, model gone: waiting will not help */
        enum error_class off_class;
        bool stopped; /* by pool_stop_rows() */
        bool probing; /* tries out whether it works again, one call at a time */
        uint64_t cooldowns;
        enum error_class cool_class; /* why it cooled the last time */
        int64_t used[LIMIT_DIMS];    /* of the limits, as limit_used() */
        enum why why;                /* what holds it up now */
    } route[POOL_ROUTES_MAX];
    enum why stage;            /* what holds the whole pool up now */
    char last_failure[200];    /* words of a recent failed call, or "" */
    struct hist call_latency;  /* one call */
    struct hist task_latency;  /* received to reply */
    struct hist queue_latency; /* received to the first call, of tasks that made one */
    struct metrics_buckets part_seconds[POOL_PARTS];
};

void pool_stats(struct pool *p, struct pool_stats *ret);

/* What held work up, and for how long: in the pool as a whole, and at each row of model_list. Any thread. */
struct pool_explain {
    struct explain_view pool;
    struct explain_view route[POOL_ROUTES_MAX];
};

void pool_explain(struct pool *p, struct pool_explain *ret);

/* Why the source gives nothing when the pool has room: WHY_INPUT, which stands until something else is said,
 * WHY_KAFKA or WHY_PAUSED. Any thread. */
void pool_source_is(struct pool *p, enum why w);

/* Is the budget of all used up? What it says is in *ret. Any thread; cheap. */
bool pool_budget(struct pool *p, struct budget_view *ret);

/* Is every model off? Then *ret says why: CLASS_QUOTA when nothing else lacks than credit. Any thread; cheap. */
bool pool_refused(struct pool *p, enum error_class *ret);

enum pool_op { POOL_CHAT, POOL_EMBEDDINGS, POOL_OPS };

/* Kinds of tokens. Input includes both kinds of cached ones, output includes reasoning. */
enum pool_tokens {
    POOL_INPUT,
    POOL_CACHED_INPUT,
    POOL_CACHE_WRITE,
    POOL_OUTPUT,
    POOL_REASONING,
    POOL_TOKENS
};

/* What the calls of one route came to, for metrics: too much to stand in struct pool_stats. */
struct pool_route {
    uint64_t calls[CLASS_COUNT];
    uint64_t maybe_paid;                  /* of these: cut off after they were sent */
    struct pool_sample last[CLASS_COUNT]; /* of failures */
    int64_t tokens[POOL_TOKENS];
    double cost_usd;
    uint64_t cost_unknown;
    struct metrics_buckets seconds[POOL_OPS][2]; /* of calls that were answered, and that failed */
    struct metrics_buckets usage[POOL_OPS][2];   /* tokens of an answer: input, output */
};

extern const struct metrics_bounds pool_call_bounds, pool_token_bounds; /* of the two above */
extern const struct metrics_bounds pool_part_bounds;                    /* of part_seconds */

/* The same kind of snapshot: one for each row of model_list. */
void pool_routes(struct pool *p, struct pool_route *ret);

#endif
