/*
 * retries: tasks that wait for the retry budget, before they queue for their routes, and what their calls take of it.
 * Guarded by the admission's lock. Private to the admission.
 */
#ifndef SLUICE_POOL_RETRIES_H
#define SLUICE_POOL_RETRIES_H

#include "policy/retry_budget.h"
#include "pool/admission.h"

struct retries {
    struct list_node tasks;
    size_t count;
    struct retry_budget budget;
    double share; /* that a good answer adds */
};

void retries_init(struct retries *r, double share);

/* May t go on to its routes? False: it is a retry that there is no budget for, or others wait in front. */
bool retries_take(struct retries *r, struct task *t, int64_t now_us);

void retries_push(struct retries *r, struct task *t);
void retries_remove(struct retries *r, struct task *t);

/* The next that may go on now, taken out. NULL: none before *ret_at_us, which is untouched when none waits. */
struct task *retries_pop(struct retries *r, int64_t now_us, int64_t *ret_at_us);

/* t makes no call now. True: what it had taken came back, and others wait for that. */
bool retries_drop(struct retries *r, struct task *t);

/* The call of t has ended. What a retry took comes back when it was served or never came to anything. */
void retries_settle(struct retries *r, struct task *t, const struct admission_end *end);

#endif
