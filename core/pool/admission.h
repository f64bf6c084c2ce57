/*
 * admission: which task may call which route now. Holds the routes (limits, breakers) and the queues of
 * tasks that wait for one, under one lock; the decisions themselves are policy/select.
 *
 * Who goes first where several wait is said in queues.h: by priority, by tenants' weights, then first come, first
 * served. A task that waits claims the routes that can serve it, and those behind it may only take others. There is
 * one point in time for all waiting tasks (admission_next_us()), not one timer each, and what it costs to look does
 * not depend on how many wait.
 */
#ifndef SLUICE_POOL_ADMISSION_H
#define SLUICE_POOL_ADMISSION_H

#include "policy/budget.h"
#include "policy/retry.h"
#include "policy/select.h"
#include "pool/pool.h"
#include "task/config.h"
#include "task/task.h"

struct admission;

struct admission *admission_new(const struct config *c, uint64_t seed);

/* Calls are paid from this budget from now on; it is owned by the caller. Before the first task. */
void admission_set_budget(struct admission *a, struct budget *b);

/* What time it is on the wall, which decides when a budget's day ends. Now and then; any thread. */
void admission_tell_wall(struct admission *a, int64_t now_us, int64_t now_wall_ms);

struct admission *admission_free(struct admission *a);

/* From now on the limits are for all workers together: nothing of them may be used until
 * admission_hold(). Before the first task. */
void admission_share(struct admission *a);

/* Which parts of the work this worker has, see policy/share.h. True: there may be tasks to let go now. */
bool admission_hold(struct admission *a, const struct holding *h, int64_t now_us, int64_t wall_us);

enum admission_result {
    ADMITTED = 0,    /* t->route is reserved; t is still the caller's */
    ADMISSION_WAITS, /* t is TASK_WAITING and no longer the caller's */
    ADMISSION_NEVER  /* no route will ever serve it */
};

int admission_enter(struct admission *a, struct task *t, int64_t now_us);

/* select_fallback() with what the routes have learned. */
bool admission_fallback(struct admission *a, struct task *t, enum fallback_kind kind);

/*
 * How a call on t->route ended. Settles the limits and gives the slot back, except when the call was its
 * task's last: then the slot is kept until admission_stored(), so that no more than pool.max_calls outcomes
 * are ever bought and not yet durable (P2).
 */
struct admission_end {
    bool sent; /* false: it never reached the provider; all is refunded */
    bool ok;
    bool keeps_slot; /* the task ends here: see above */
    double
        cost_usd; /* negative: it may have been charged, nobody knows how much (even if not `sent`) */
    int64_t used_tokens;                 /* -1: unknown, the estimate stands */
    int64_t used_output;                 /* of these */
    const struct retry_verdict *verdict; /* when it failed */
    const struct allowance *said;        /* when it did not: LEARN_KINDS of them, or NULL */
    int64_t window_said;                 /* window_said() of a CLASS_CONTEXT_WINDOW */
    int64_t took_us;                     /* what it says of the row's pace; 0: nothing */
    int64_t work;                        /* for how many units, see pace.h */
};
void admission_leave(struct admission *a, struct task *t, const struct admission_end *end,
                     int64_t now_us);

/* The outcome of a task that kept its slot (t->holds_slot) is durable. */
void admission_stored(struct admission *a, struct task *t, int64_t now_us);

/* Lets go what may go now: tasks become TASK_INBOX with t->route reserved and are appended to *ret (which is
 * initialised); t->route is -1 for those that no route will ever serve. */
void admission_pump(struct admission *a, int64_t now_us, struct list_node *ret);

/* No call of these rows starts until this is said again without them; running ones go on, tasks that need them wait.
 * True: there may be tasks to let go now. */
bool admission_stop(struct admission *a, uint64_t rows, int64_t now_us);

/* Takes out tasks that should not wait here, because their models cool for long and their part of the source holds
 * too many of them (t->excess): the oldest first. They become TASK_INBOX and are appended to *ret, which is
 * initialised. Does nothing before its time. */
void admission_park(struct admission *a, int64_t now_us, struct list_node *ret);

/* When that is, INT64_MAX: nothing would be found now. Any thread, no lock. */
int64_t admission_park_us(const struct admission *a);

/* When admission_pump() should be called next; INT64_MAX: when a call ends. Any thread, no lock. */
int64_t admission_next_us(const struct admission *a);

/* Takes t out when it is still waiting (its deadline has come): TASK_RUNNING and the caller's again. */
bool admission_remove(struct admission *a, struct task *t);

/* All waiting tasks become TASK_INBOX with route -1, for a drain. */
void admission_flush(struct admission *a, struct list_node *ret);

/* How the pool stands, but for what waits here: which stage holds it up from now on. */
void admission_stage(struct admission *a, struct explain_load *l, int64_t now_us);

/* What held up the pool and each row, and for how long. */
void admission_explain(struct admission *a, int64_t now_us, struct pool_explain *ret);

struct admission_view {
    int64_t waiting;
    int64_t stranded; /* of these: all their routes are off */
    int64_t large;    /* of these: larger than this worker's share of a limit */
    int64_t calls;
    struct budget_view budget;
    bool money_out;      /* the budget of all is used up */
    int64_t money_waits; /* tasks whose tenant's budget is used up */
    enum why stage;      /* what holds the whole pool up */
    struct {
        int64_t running;
        bool cooling;
        int64_t cooling_us; /* left */
        bool off;
        enum error_class off_class;
        bool probing;
        bool stopped; /* by admission_stop() */
        uint64_t cooldowns;
        enum error_class cool_class; /* why it cooled the last time */
        enum why why;                /* what holds it up */
        int64_t used[LIMIT_DIMS];    /* as limit_used() */
    } route[CONFIG_MODELS_MAX];
};

void admission_view(struct admission *a, int64_t now_us, struct admission_view *ret);

#endif
