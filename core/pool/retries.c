/* retries: see retries.h. First come, first served; it decides nothing about routes. */
#include "pool/retries.h"

#include "base/mem.h"

void retries_init(struct retries *r, double share)
{
    list_init(&r->tasks);
    r->share = share;
}

bool retries_take(struct retries *r, struct task *t, int64_t now_us)
{
    int64_t at_us = 0;

    if (t->attempts_used > 0 && !t->paid_retry)
        t->paid_retry = r->count == 0 && retry_budget_take(&r->budget, now_us, &at_us);
    return t->attempts_used == 0 || t->paid_retry;
}

void retries_push(struct retries *r, struct task *t)
{
    list_push(&r->tasks, &t->node);
    r->count++;
}

void retries_remove(struct retries *r, struct task *t)
{
    list_remove(&t->node);
    r->count--;
}

struct task *retries_pop(struct retries *r, int64_t now_us, int64_t *ret_at_us)
{
    struct task *t = NULL;

    if (r->count == 0 || !retry_budget_take(&r->budget, now_us, ret_at_us))
        return NULL;
    t = CONTAINER_OF(r->tasks.next, struct task, node);
    t->paid_retry = true;
    retries_remove(r, t);
    return t;
}

bool retries_drop(struct retries *r, struct task *t)
{
    bool paid = t->paid_retry;

    if (paid)
        retry_budget_give(&r->budget, 1);
    t->paid_retry = false;
    return paid && r->count > 0;
}

void retries_settle(struct retries *r, struct task *t, const struct admission_end *end)
{
    bool lost = end->sent && !end->ok && retry_counts(t->last_class);

    if (t->paid_retry && !lost)
        retry_budget_give(&r->budget, 1);
    if (end->ok)
        retry_budget_give(&r->budget, r->share);
    t->paid_retry = false;
}
