/*
 * keep: the one atomic write of an end that cost a call: its journal entry, and the completion if it may be cached.
 * What the store does with it, and when, is io/store's.
 */
#include "pool/worker.h"

#include "base/clock.h"
#include "policy/key.h"

/* Writer thread. Hands the task back to its worker. */
static void stored(struct store_op *op)
{
    struct call *c = op->arg;
    struct pool *p = c->worker->pool;
    struct list_node one;

    __atomic_sub_fetch(&p->storing, 1, __ATOMIC_RELAXED);
    c->task->unstored = op->abandoned;
    c->task->step = STEP_STORED;
    task_set_state(c->task, TASK_INBOX);
    list_init(&one);
    list_push(&one, &c->task->node);
    worker_post(p, &one);
}

static bool wants_completion_stored(const struct worker *w, const struct task *t)
{
    return t->completion && t->cache_result == CACHE_MISS && t->cache != CACHE_OFF &&
           w->pool->config->cache.enabled && completion_cacheable(t->completion);
}

bool keep_end(struct worker *w, struct task *t)
{
    bool completion = wants_completion_stored(w, t);
    struct call *c = NULL;

    if (!t->cost_a_call || (t->journal_key_len == 0 && !completion))
        return false;
    c = call_take(w, t);
    c->since_us = clock_mono_us();
    c->op = (struct store_op){.journal_key = t->journal_key,
                              .journal_key_len = t->journal_key_len,
                              .fingerprint = t->fingerprint,
                              .ok = t->ok,
                              .status = t->reply_status,
                              .reply = t->reply,
                              .reply_len = t->reply_len,
                              .wall_ms = w->now_wall_ms,
                              .done = stored,
                              .arg = c};
    if (completion) {
        key_completion(t, &w->pool->config->models[t->route], w->sha, c->completion_key);
        c->op.completion_key = c->completion_key;
        c->op.completion = t->completion;
    }
    t->not_journaled = false;
    task_set_state(t, TASK_STORING);
    __atomic_add_fetch(&w->pool->storing, 1, __ATOMIC_RELAXED);
    list_push(&w->ops, &c->op.node);
    return true;
}

void keep_lone(struct worker *w)
{
    struct list_node *n = w->ops.next;
    struct call *c = NULL;

    if (n == &w->ops || n->next != &w->ops || !w->http)
        return;
    c = CONTAINER_OF(n, struct call, op.node);
    if (c->op.done != stored || store_write_lone(w->pool->store, &c->op) != 0)
        return;
    list_remove(n);
    __atomic_sub_fetch(&w->pool->storing, 1, __ATOMIC_RELAXED);
    c->task->step = STEP_STORED;
    task_set_state(c->task, TASK_RUNNING);
    step_run(w, c->task);
}
