/*
 * world: workers with the real admission and the real rules for retries, providers that count and refuse, tasks
 * that come and end; all in one thread, with a clock that is moved from event to event. What a worker does
 * with a task is core/pool/steps.c and call.c without their transfers, store and replies.
 */
#ifndef SLUICE_TESTS_WORLD_H
#define SLUICE_TESTS_WORLD_H

#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>

#include "base/heap.h"
#include "policy/retry.h"
#include "pool/admission_int.h"
#include "tests/unit/pool/world_provider.h"

#define MONO      (1000 * S) /* the workers' clock at time 0 of the world */
#define EPOCH     (20718 * DAY_US - DAY_ENDS_US)
#define NEVER     INT64_MAX
#define LINES     (4 << ROWS_MAX) /* by rows, and by the names of models that were asked for */
#define LINES_ALL (LINES * CLIENTS_MAX)
#define LAST_MAX  40
#define LEASE_US  (45 * S)
#define WAY_US    100000 /* the longest way to a provider */
#define CONTESTS  4
#define WAITS_MAX 4
#define PEAKS     64
#define SECONDS   2048 /* of which the use is kept */
#define END_US    (20 * 24 * 60 * MINUTE)

enum item_event { ITEM_COMES, ITEM_GOES_ON, ITEM_DEADLINE };

/* A task as the world sees it, over all its lives. */
struct item {
    struct heap_node timer;
    enum item_event event;
    struct task *t; /* NULL: it has not come, or has ended */
    struct visit *visit;
    struct list_node line; /* of those that wait with the same routes */
    uint64_t routes;       /* that could serve it; 0: it does not wait */
    int64_t turn;          /* when it got into the line, as a number */
    int overtaken;         /* since it is the first */
    int number, part, ends, wants, client;
    int attempts, failures; /* of what was parked of it */
    int64_t comes_us, deadline_us, prompt, answer;
    struct {
        int64_t from_us, to_us;
    } waits[WAITS_MAX]; /* the first times that it waited for a row */
    int nwaits;
    double use, slow; /* part of the estimate that is used; of the usual latency */
};

/* A call, as the provider sees it. */
struct visit {
    struct heap_node timer;
    struct item *item; /* NULL: its worker is gone */
    int worker, row;
    bool there, runs; /* it has arrived; it takes one of the provider's slots */
    struct limit_need reserved, used;
    int64_t started_us;
    int called; /* its number among the row's */
    struct ruling said;
    struct list_node all;
};

struct second {
    int32_t running;
    int32_t rests; /* the breaker was open, or what was learned held it back */
    int32_t of[COUNTED];
};

/* Tenants that wait for the same model, with the same priority of their topics. */
struct contest {
    int waits[1 << ROWS_MAX][TENANTS_MAX]; /* tasks, by rows that could serve them */
    double had[TENANTS_MAX];               /* tokens by weight */
    double widest;                         /* of one turn */
    bool both[TENANTS_MAX][TENANTS_MAX];
    double apart[TENANTS_MAX][TENANTS_MAX]; /* when both began to wait */
};

/* How those went that waited together with others of another priority. */
struct ranked {
    int64_t early, right; /* before a higher priority; before a lower one */
    int in_a_row;         /* of the latter */
};

struct bill {
    int64_t period; /* of the budget */
    struct bound of[1 + TENANTS_MAX];
};

struct part {
    int open;                /* tasks that have come and not ended */
    struct list_node behind; /* tasks that have to wait until it is less */
    atomic_llong excess;
};

struct worker {
    struct admission *admission; /* NULL: it is down */
    struct heap_node timer;      /* the next word about its parts, or its return */
    struct list_node lines[LINES_ALL];
    struct contest contests[CONTESTS]; /* by model, and level */
    struct ranked topics, requests;
    int waits[ROWS_MAX]; /* tasks that the row could serve */
    int parts;
    struct budget_book book; /* on its disk */
    struct budget *budget;   /* NULL: none */
    struct bill bill;
    struct second use[ROWS_MAX][SECONDS];
};

/* While there was work for a row all the time. */
struct stretch {
    int64_t from_us;  /* NEVER: there is none */
    int64_t since_us; /* of what follows; NEVER: too early to count */
    double used[COUNTED], unneeded_us[COUNTED];
    double running_us, full_us;
    double day_least; /* percent of a day's limit that was used at every moment */
};

struct excess {
    int64_t now, ever; /* ever: the most of it */
    struct {
        int64_t at_us, most;
    } peaks[PEAKS]; /* the most of it in each of the last seconds */
};

/* A call, for those who look back. */
struct called {
    int worker;
    int64_t at_us, end_us;        /* NEVER: it runs */
    struct limit_need held, used; /* in the end */
};

struct row_use {
    struct called *calls;
    int ncalls, room;
    double used[COUNTED];                    /* up to now */
    double running_us, unneeded_us[COUNTED]; /* integrals of the next two */
    double full_us;                          /* how long all slots were taken */
    int64_t running, unneeded[COUNTED];      /* calls; what these have reserved and will not use */
    /* What these use and have not reserved, which nobody can know yet. */
    struct excess excess[WORKERS_MAX][COUNTED];
    int64_t largest[COUNTED];
    struct stretch stretch;
};

/* How much of the limits was used, in percent. */
enum used_how {
    USE_ALONE,
    USE_REQUESTS, /* shared, as the next two */
    USE_TOKENS,
    USE_LARGE, /* tokens, of which one call may take more than a tenth of what some worker may use */
    USE_SECONDS, /* rows with a limit of a second, */
    USE_DAYS,    /* and of a day */
    USE_MONEY,   /* of budgets, when they hold up the work */
    USES
};

struct use {
    double least, sum;
    double of_best; /* the sum, of what could be used at all */
    int stretches;
};

struct result {
    struct use use[USES];
    double wanted_us,
        learned_us; /* of rows with work: well, and of that held back by what was learned */
    int64_t calls, refused, ok, failed, late;
    int most_overtaken, in_a_row;
    int64_t turns, early, right, parked;
    double most_apart;
};

struct world {
    struct plan plan;
    struct config *config;
    struct model models[ROWS_MAX];
    struct tenant tenants[TENANTS_MAX];
    struct limit_max told[ROWS_MAX]; /* by the configuration */
    struct json_object *bodies[ANSWERS];
    struct rng rng;
    int64_t now_us;
    struct heap events;
    struct worker workers[WORKERS_MAX];
    struct account accounts[ROWS_MAX];
    struct row_use rows[ROWS_MAX];
    struct item items[TASKS_MAX];
    struct part parts[PARTS_MAX];
    int owner[PARTS_MAX];
    bool moved[PARTS_MAX];
    struct heap_node crash_timers[CRASHES_MAX];
    struct list_node visits;
    int64_t turns;
    bool tight;         /* some budget was nearly used up */
    int64_t stopped_us; /* the day on which all money was seen to be out */
    struct admission_view view;
    int nwaiting, nbehind;
    int64_t changed_us; /* when the parts moved, or a worker went or came */
    int open;
    int idle_pumps; /* without anything, at this point in time */
    struct result result;
    bool overtakes; /* somebody has been passed over at this point in time */
    bool broken;
    char last[LAST_MAX][160];
    int64_t nlast;
};

static inline void config_say(char **at, const char *text)
{
    free(*at);
    *at = mem_strdup(text);
}

static inline int64_t mono(const struct world *w)
{
    return w->now_us + MONO;
}

static inline int64_t draw(struct world *w, int64_t from, int64_t to)
{
    return plan_between(&w->rng, from, to);
}

__attribute__((format(printf, 2, 3))) static inline void note(struct world *w, const char *fmt, ...)
{
    char *to = w->last[w->nlast++ % LAST_MAX];
    va_list ap;
    int n = snprintf(to, sizeof w->last[0], "%10.3f ", (double)w->now_us / S);

    va_start(ap, fmt);
    vsnprintf(to + n, sizeof w->last[0] - (size_t)n, fmt, ap);
    va_end(ap);
}

/* An invariant does not hold: says so, with the plan and the last events, once. */
__attribute__((format(printf, 2, 3))) static inline void broken(struct world *w, const char *fmt,
                                                                ...)
{
    int64_t i = w->nlast > LAST_MAX ? w->nlast - LAST_MAX : 0;
    va_list ap;

    if (w->broken)
        return;
    w->broken = true;
    plan_print(&w->plan, stderr);
    for (; i < w->nlast; i++)
        fprintf(stderr, "%s\n", w->last[i % LAST_MAX]);
    fprintf(stderr, "%10.3f BROKEN: ", (double)w->now_us / S);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\n");
}

static inline void use_add(struct use *use, double percent, double of_best)
{
    use->stretches++;
    use->sum += percent;
    use->of_best += of_best;
    use->least = fmin(use->least, percent);
}

static inline void item_later(struct world *w, struct item *it, enum item_event event,
                              int64_t at_us)
{
    it->event = event;
    heap_push(&w->events, &it->timer, at_us);
}

static inline struct worker *worker_of(struct world *w, const struct item *it)
{
    return &w->workers[w->owner[it->part]];
}

/* Use of this worker and row in this second; NULL: the run is too long to keep it. */
static inline struct second *second_at(struct worker *k, int row, int64_t at_us)
{
    return at_us >= 0 && at_us / S < SECONDS ? &k->use[row][at_us / S] : NULL;
}

/* How much more the call uses than it has reserved; less than 0: less. */
static inline int64_t over(const struct visit *v, enum counted what)
{
    return amount_of(what, v->used) - amount_of(what, v->reserved);
}

/* What this worker may use of a limit. */
static inline double quota(const struct world *w, const struct worker *k, int64_t limit)
{
    return w->plan.shared ? (double)limit * k->parts / w->plan.parts : (double)limit;
}

#endif
