/*
 * steps: the life of a task on its worker (design 3), one function a station. It decides nothing that
 * policy could decide, and talks to providers only through call.c.
 */
#include "pool/worker.h"

#include <string.h>

#include "base/mem.h"
#include "policy/key.h"
#include "policy/select.h"
#include "task/record.h"
#include "task/reply.h"

static void put_out(struct worker *w, struct task *t)
{
    task_set_state(t, TASK_OUTBOX);
    list_push(&w->out, &t->node);
    w->count.finished++;
    w->counted = true;
    if (!t->reply)
        return;
    hist_record(&w->count.task_latency, w->now_us - t->received_us);
    if (t->ok)
        w->count.succeeded++;
    else
        w->count.failed++;
    if (t->cache_result == CACHE_HIT)
        w->count.hits++;
    else if (t->cache_result == CACHE_COALESCED)
        w->count.coalesced++;
}

/* Could the end of this task's call be the end of its twins as well? A failure that lies in the request
 * is; one that lies in the provider, or in the leader's own deadline, is not. */
static bool end_is_shared(const struct task *t)
{
    static const bool shared[CLASS_COUNT] = {
        [CLASS_CALLER_FAULT] = true,
        [CLASS_CONTEXT_WINDOW] = true,
        [CLASS_CONTENT_POLICY] = true,
        [CLASS_TOO_LARGE_FOR_TPM] = true,
    };

    if (t->completion)
        return true;
    return t->error && t->error->http_status > 0 && shared[t->last_class];
}

static void share_end(const struct task *leader, struct task *twin)
{
    if (leader->completion) {
        task_succeed(twin, completion_ref(leader->completion));
        twin->cache_result = leader->cache_result == CACHE_HIT ? CACHE_HIT : CACHE_COALESCED;
        return;
    }
    task_fail_http(twin, leader->error->http_status, leader->error->code, leader->error->body,
                   leader->error->body_len);
    twin->cache_result = CACHE_COALESCED;
    twin->last_class = leader->last_class;
}

/* Sends the twins of a leader that has ended (or gives up leading) on their way. */
static void release_twins(struct worker *w, struct task *t)
{
    struct list_node twins;
    struct list_node *n = NULL;
    bool shared = end_is_shared(t);

    if (!t->flight)
        return;
    flight_close(w->pool->flights, t, &twins);
    for (n = twins.next; n != &twins; n = n->next) {
        struct task *twin = CONTAINER_OF(n, struct task, node);

        twin->step = shared ? STEP_RELEASED : STEP_LOOKUP;
        if (shared)
            share_end(t, twin);
    }
    worker_post(w->pool, &twins);
}

void step_give_back(struct worker *w, struct task *t)
{
    release_twins(w, t);
    call_release(w, t);
    free(t->reply);
    t->reply = NULL;
    put_out(w, t);
}

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

/* Queues the one atomic write of a paid end: journal entry, and completion if it may be cached. */
static void store_end(struct worker *w, struct task *t)
{
    struct call *c = call_take(w, t);

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
    if (wants_completion_stored(w, t)) {
        key_completion(t, &w->pool->config->models[t->route], w->sha, c->completion_key);
        c->op.completion_key = c->completion_key;
        c->op.completion = t->completion;
    }
    task_set_state(t, TASK_STORING);
    __atomic_add_fetch(&w->pool->storing, 1, __ATOMIC_RELAXED);
    list_push(&w->ops, &c->op.node);
}

void step_finish(struct worker *w, struct task *t)
{
    reply_format(t, w->pool->config, w->now_wall_ms);
    if (t->cost_a_call && (t->journal_key_len > 0 || wants_completion_stored(w, t))) {
        store_end(w, t);
        return;
    }
    release_twins(w, t);
    call_release(w, t);
    put_out(w, t);
}

void step_deadline(struct worker *w, struct task *t)
{
    task_fail(t, "deadline_exceeded", "the deadline passed after %d calls; last: %s", t->ntrail,
              t->ntrail ? class_name(t->last_class) : "waiting for a model");
    step_finish(w, t);
}

/* Answered before a crash and journaled, but not committed: the reply is published again as it is. */
static bool answered_before(struct worker *w, struct task *t)
{
    struct outcome o = {0};

    if (t->journal_key_len == 0)
        return false;
    if (store_get_outcome(w->pool->store, t->journal_key, t->journal_key_len, t->fingerprint, &o,
                          NULL) != STORE_FOUND)
        return false;
    t->reply = o.reply;
    t->reply_len = o.reply_len;
    t->ok = o.ok;
    t->reply_status = (int16_t)o.status;
    t->from_journal = true;
    w->count.journaled++;
    return true;
}

static void set_deadline(const struct worker *w, struct task *t)
{
    int64_t timeout_ms = w->pool->config->router.task_timeout_ms;

    if (t->deadline_wall_ms > 0)
        t->deadline_us = w->now_us + (t->deadline_wall_ms - w->now_wall_ms) * 1000;
    else if (timeout_ms > 0)
        t->deadline_us = w->now_us + timeout_ms * 1000;
}

static bool lookup_model(struct worker *w, struct task *t, const char *name)
{
    const struct config *c = w->pool->config;
    const struct model *m = config_model(c, name, 0);
    struct completion *found = NULL;
    uint8_t key[SHA256_LEN];

    for (; m; m = config_model(c, name, (size_t)m->index + 1)) {
        key_completion(t, m, w->sha, key);
        if (store_get_completion(w->pool->store, key, w->now_wall_ms, &found, NULL) ==
            STORE_FOUND) {
            task_succeed(t, found);
            t->cache_result = CACHE_HIT;
            t->route = m->index;
            return true;
        }
    }
    return false;
}

/* Tries the models that the task accepts, in order; with accept_fallbacks the configured ones as well. */
static bool lookup(struct worker *w, struct task *t)
{
    const struct config *c = w->pool->config;
    size_t i = 0;
    size_t k = 0;

    if (!c->cache.enabled || t->cache != CACHE_USE)
        return false;
    for (i = 0; i < (size_t)t->nmodels; i++) {
        if (lookup_model(w, t, t->models[i]))
            return true;
        if (!c->cache.accept_fallbacks)
            return false;
    }
    for (i = 0; i < c->router.fallbacks.count && t->nmodels == 1; i++) {
        const struct fallback *f = &c->router.fallbacks.at[i];

        for (k = 0; k < f->to.count && strcmp(f->from, t->models[0]) == 0; k++) {
            if (lookup_model(w, t, f->to.at[k]))
                return true;
        }
    }
    return false;
}

static void select_step(struct worker *w, struct task *t)
{
    int r = 0;

    if (t->deadline_us <= w->now_us) {
        step_deadline(w, t);
        return;
    }
    if (pool_is_draining(w->pool)) {
        step_give_back(w, t);
        return;
    }
    t->step = STEP_ADMITTED;
    t->not_before_us = w->now_us;
    worker_watch(w, t, TIMER_WAITING);
    r = admission_enter(w->pool->admission, t, w->now_us);
    if (r == ADMISSION_WAITS)
        return;
    heap_remove(&w->delays, &t->timer);
    if (r == ADMISSION_NEVER)
        t->route = -1;
    step_run(w, t);
}

/* Calls, or ends: when no route will ever serve it, with what the last one said. */
static void admitted_step(struct worker *w, struct task *t)
{
    if (t->route < 0 && pool_is_draining(w->pool)) {
        step_give_back(w, t);
        return;
    }
    if (t->route >= 0) {
        call_start(w, t);
        return;
    }
    if (!t->error)
        task_fail(t, "no_model_available",
                  "no deployment of model \"%s\" can serve this request: all are refused for it or "
                  "too small; see model_list and fallbacks",
                  t->models[0]);
    step_finish(w, t);
}

static void lookup_step(struct worker *w, struct task *t)
{
    uint8_t key[SHA256_LEN];

    if (lookup(w, t)) {
        step_finish(w, t);
        return;
    }
    if (t->cache != CACHE_OFF) {
        key_flight(t, w->sha, key);
        t->step = STEP_RELEASED;
        worker_watch(w, t, TIMER_TWIN);
        if (flight_join(w->pool->flights, key, t) == FLIGHT_FOLLOWS)
            return;
        heap_remove(&w->delays, &t->timer);
        /* The flight before this one may have ended between the lookup and the join. */
        if (lookup(w, t)) {
            step_finish(w, t);
            return;
        }
    }
    t->step = STEP_SELECT;
    step_run(w, t);
}

static void begin_step(struct worker *w, struct task *t)
{
    bool replayed = answered_before(w, t);

    if (record_parse(t, w->pool->config) == RECORD_BAD) {
        t->bad_record = true;
        if (replayed)
            put_out(w, t);
        else
            step_finish(w, t);
        return;
    }
    if (replayed) {
        put_out(w, t);
        return;
    }
    set_deadline(w, t);
    if (key_digest(t, w->sha, &w->scratch) < 0) {
        task_fail(t, "bad_record", "the request is too large to be put into canonical form");
        step_finish(w, t);
        return;
    }
    t->has_digest = true;
    t->step = STEP_LOOKUP;
    step_run(w, t);
}

void step_run(struct worker *w, struct task *t)
{
    switch ((enum task_step)t->step) {
    case STEP_BEGIN:
        begin_step(w, t);
        return;
    case STEP_LOOKUP:
        lookup_step(w, t);
        return;
    case STEP_SELECT:
        select_step(w, t);
        return;
    case STEP_ADMITTED:
        admitted_step(w, t);
        return;
    case STEP_STORED:
        release_twins(w, t);
        call_release(w, t);
        put_out(w, t);
        return;
    case STEP_RELEASED:
        step_finish(w, t);
        return;
    }
}
