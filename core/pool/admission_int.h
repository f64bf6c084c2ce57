/*
 * admission_int: inside of struct admission, shared by admission.c, which changes it, and admission_view.c,
 * which looks at it. Private to these two.
 */
#ifndef SLUICE_POOL_ADMISSION_INT_H
#define SLUICE_POOL_ADMISSION_INT_H

#include <pthread.h>

#include "pool/admission.h"
#include "pool/purse.h"

/* More sets of routes than this share queues, which costs order between them and nothing else. */
#define QUEUES_MAX 4096

struct queue {
    uint64_t routes; /* that can serve its tasks */
    int account;     /* of the budget that pays for them, beside that of all */
    bool broke;      /* which lacks: its tasks claim no routes */
    struct list_node tasks;
    size_t count;
};

struct admission {
    pthread_mutex_t lock;
    const struct config *config;
    struct route routes[CONFIG_MODELS_MAX];
    enum error_class off_class[CONFIG_MODELS_MAX];  /* why a route is off */
    enum error_class cool_class[CONFIG_MODELS_MAX]; /* why it cooled the last time, off or not */
    uint64_t cooldowns[CONFIG_MODELS_MAX];
    struct queue queues[QUEUES_MAX + 1]; /* the last: those that stand aside */
    size_t nqueues;                      /* used so far; an empty one is used again */
    size_t turn;                         /* which queue is looked at first */
    size_t waiting;                      /* tasks in all queues */
    struct share share;
    struct rng rng;
    struct purse purse;
    int64_t calls;
    int64_t next_us; /* atomic */
};

#endif
