/*
 * admission_int: inside of struct admission, shared by admission.c, admission_park.c, admission_report.c
 * and admission_stop.c, which change it, and admission_view.c, which looks at it. Private to these.
 */
#ifndef SLUICE_POOL_ADMISSION_INT_H
#define SLUICE_POOL_ADMISSION_INT_H

#include <pthread.h>

#include "pool/admission.h"
#include "pool/held.h"
#include "pool/purse.h"
#include "pool/queues.h"
#include "pool/retries.h"

struct admission {
    pthread_mutex_t lock;
    const struct config *config;
    struct route routes[CONFIG_MODELS_MAX];
    enum error_class off_class[CONFIG_MODELS_MAX];  /* why a route is off */
    enum error_class cool_class[CONFIG_MODELS_MAX]; /* why it cooled the last time, off or not */
    uint64_t cooldowns[CONFIG_MODELS_MAX];
    struct queues *queues;
    struct list_node aside; /* tasks that are larger than this worker's share of a limit */
    size_t naside;
    int64_t aside_us; /* when they were looked at */
    bool learned;     /* what calls use was learned since */
    struct retries retries;
    size_t waiting; /* in the queues, aside and in `retries` */
    bool money_out; /* at the last look, the budget of all was used up */
    struct share share;
    struct rng rng;
    struct purse purse;
    struct held held;
    int64_t calls;
    bool windows;     /* atomic; some route has refused a request as too large */
    int64_t next_us;  /* atomic */
    int64_t park_us;  /* atomic: when to look again for tasks to be parked */
    uint64_t stopped; /* rows, by admission_stop() */
    bool parks; /* atomic: tasks wait for a route that cools for long, and another one works */
};

/* Lowers the time of the next pump. */
static inline void wake_at(struct admission *a, int64_t at_us)
{
    if (at_us < __atomic_load_n(&a->next_us, __ATOMIC_RELAXED))
        __atomic_store_n(&a->next_us, at_us, __ATOMIC_RELAXED);
}

/* Takes a waiting task out of its queue, and no call of it follows. */
void admission_dequeue(struct admission *a, struct task *t, enum task_state to);

/* Before t is queued; takes the lock. */
void admission_leave_small(struct admission *a, struct task *t);
/* The lock is held. */
void admission_learn_window(struct admission *a, const struct task *t,
                            const struct admission_end *end);

/* Tells the routes how the call of t on t->route has ended. */
void admission_report(struct admission *a, const struct task *t, const struct admission_end *end,
                      int64_t now_us);

#endif
