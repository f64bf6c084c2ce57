/*
 * steps: the life of a task on its worker (design 3), one function a station. It decides nothing that
 * policy could decide, and talks to providers only through call.c.
 */
#include "pool/worker.h"

#include <assert.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "policy/key.h"
#include "policy/park.h"
#include "policy/select.h"
#include "pool/reserve.h"
#include "pool/spans.h"
#include "task/record.h"
#include "task/reply.h"

#define HOLD_US 1000000 /* between two tries to read the store */

static void put_out(struct worker *w, struct task *t)
{
    task_set_state(t, TASK_OUTBOX);
    list_push(&w->out, &t->node);
    w->nout++;
    spans_outcome(w, t);
    if (t->reply || t->silent)
        count_end(w, t);
    if (t->reply)
        task_shed(t);
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
    spans_share(leader, twin);
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

/* Sends the twins of a leader that has ended on their way, with its end, or to try for themselves, or into the
 * delay topic behind it. A twin that wants no cached answer does not get one from a leader that found it. */
static void release_twins(struct worker *w, struct task *t, bool shared)
{
    int64_t park_for_ms = w->pool->config->pool.park_for_ms;
    struct list_node twins;
    struct list_node *n = NULL;

    if (!t->flight)
        return;
    flight_close(w->pool->flights, t, &twins);
    for (n = twins.next; n != &twins; n = n->next) {
        struct task *twin = CONTAINER_OF(n, struct task, node);
        bool takes = shared && (twin->cache != CACHE_REFRESH || t->cache_result != CACHE_HIT);

        twin->step = takes ? STEP_RELEASED : STEP_LOOKUP;
        if (takes)
            share_end(t, twin);
        else if (t->park && park_may(twin, w->now_us, park_for_ms))
            twin->step = STEP_PARK;
    }
    worker_post(w->pool, &twins);
}

/* What the calls so far have said is not the task's end: it will be tried again in another life. */
void step_give_back(struct worker *w, struct task *t)
{
    release_twins(w, t, false);
    call_release(w, t);
    assert(!t->reply);
    put_out(w, t);
}

void step_suppress(struct worker *w, struct task *t)
{
    t->silent = true;
    call_release(w, t);
    put_out(w, t);
}

/* The end of a task is durable, or need not be. */
static void let_go(struct worker *w, struct task *t)
{
    release_twins(w, t, end_is_shared(t));
    call_release(w, t);
    put_out(w, t);
}

void step_finish(struct worker *w, struct task *t)
{
    int64_t since_us = clock_mono_us();

    reply_format(t, w->pool->config, w->now_wall_ms);
    count_part(w, POOL_PART_REPLY, since_us);
    if (!keep_end(w, t))
        let_go(w, t);
}

void step_cancel(struct worker *w, struct task *t)
{
    task_fail(t, "head_cancelled",
              "ended for the records behind it: it was the oldest open one of its partition for "
              "longer than pool.head_max_age; calls: %d, last: %s",
              t->ntrail, t->ntrail ? class_name(t->last_class) : "waiting for a model");
    w->count.cancelled++;
    step_finish(w, t);
}

void step_deadline(struct worker *w, struct task *t)
{
    task_fail(t, "deadline_exceeded", "the deadline passed after %d calls; last: %s", t->ntrail,
              t->ntrail ? class_name(t->last_class) : "waiting for a model");
    step_finish(w, t);
}

/* The store cannot be read now. A call might be paid for a second time, so the task waits until it can; at
 * a drain it is given back. */
void step_hold(struct worker *w, struct task *t, int step)
{
    int64_t at_us = w->now_us + HOLD_US;

    if (pool_is_draining(w->pool))
        step_give_back(w, t);
    else
        worker_delay(w, t, at_us < t->deadline_us ? at_us : t->deadline_us, step);
}

/* Reads again what could not be read: the store may have come back in between. A value that a working
 * store cannot read is lost for good, and waiting would not bring it back. */
int step_after_error(struct worker *w, int again, const struct err *e)
{
    char quoted[ERR_MSG_MAX];

    if (again >= 0)
        return again;
    if (store_failing(w->pool->store))
        return -1;
    log_warn("store cannot be read", "action=ignore error=%s",
             log_quote(e->msg, quoted, sizeof quoted));
    return STORE_NONE;
}

/* STORE_FOUND; STORE_NONE; STORE_OTHER: it does not answer this record; or -1: hold the task. */
static int read_outcome(struct worker *w, const struct task *t, struct outcome *ret)
{
    struct store *s = w->pool->store;
    struct err e = {0};
    int r = store_get_outcome(s, t->journal_key, t->journal_key_len, t->fingerprint, ret, &e);

    if (r >= 0)
        return r;
    r = store_get_outcome(s, t->journal_key, t->journal_key_len, t->fingerprint, ret, &e);
    if (r >= 0)
        return r;
    return step_after_error(w, r, &e) < 0 ? -1 : STORE_OTHER;
}

/* Answered before a crash and journaled, but not committed: the reply is published again as it is. */
static int answered_before(struct worker *w, struct task *t)
{
    struct outcome o = {0};
    int64_t since_us = clock_mono_us();
    int r = STORE_NONE;

    if (t->journal_key_len == 0)
        return STORE_NONE;
    r = read_outcome(w, t, &o);
    count_part(w, POOL_PART_JOURNAL, since_us);
    t->not_journaled = r == STORE_NONE;
    if (r != STORE_FOUND)
        return r < 0 ? r : STORE_NONE;
    t->reply = o.reply;
    t->reply_len = o.reply_len;
    t->ok = o.ok;
    t->reply_status = (int16_t)o.status;
    t->from_journal = true;
    w->count.journaled++;
    return STORE_FOUND;
}

static void set_deadline(const struct worker *w, struct task *t)
{
    int64_t timeout_ms = w->pool->config->router.task_timeout_ms;

    if (t->deadline_wall_ms > 0)
        t->deadline_us = w->now_us + (t->deadline_wall_ms - w->now_wall_ms) * 1000;
    else if (timeout_ms > 0)
        t->deadline_us = w->now_us + timeout_ms * 1000 - t->waited_us;
}

/* No call is worth starting: the pool drains, or the record belongs to another worker by now. */
static bool no_more_calls(const struct worker *w, const struct task *t)
{
    return pool_is_draining(w->pool) ||
           (t->wanted && !atomic_load_explicit(t->wanted, memory_order_relaxed));
}

static void select_step(struct worker *w, struct task *t)
{
    int r = 0;

    if (t->deadline_us <= w->now_us) {
        step_deadline(w, t);
        return;
    }
    if (task_is_cancelled(t)) {
        step_cancel(w, t);
        return;
    }
    if (no_more_calls(w, t)) {
        step_give_back(w, t);
        return;
    }
    record_reopen(t, w->pool->config);
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

/* Calls, or ends: when no route will ever serve it, with what the last one said. Time may have passed since
 * the route was reserved. */
static void admitted_step(struct worker *w, struct task *t)
{
    bool late = t->deadline_us <= w->now_us || task_is_cancelled(t);

    if (t->route >= 0 && (late || no_more_calls(w, t))) {
        call_not_made(w, t);
        t->route = -1;
    }
    if (t->route < 0 && (late || no_more_calls(w, t))) {
        t->step = STEP_SELECT;
        step_run(w, t);
        return;
    }
    record_reopen(t, w->pool->config);
    if (t->route >= 0) {
        call_start(w, t);
        return;
    }
    if (!t->error)
        reserve_fail(w->pool->config, t);
    step_finish(w, t);
}

static void park_step(struct worker *w, struct task *t)
{
    if (task_is_cancelled(t)) {
        step_cancel(w, t);
        return;
    }
    if (no_more_calls(w, t)) {
        step_give_back(w, t);
        return;
    }
    t->park = true;
    release_twins(w, t, false);
    call_release(w, t);
    put_out(w, t);
}

/* Single flight comes first, so that the cache is asked once for all twins: who leads knows that whatever
 * a flight before it has bought can be found. */
static void lookup_step(struct worker *w, struct task *t)
{
    uint8_t key[SHA256_LEN];
    int64_t since_us = 0;
    int r = STORE_NONE;

    if (t->cache != CACHE_OFF && !t->flight) {
        key_flight(t, w->sha, key);
        t->step = STEP_RELEASED;
        worker_watch(w, t, TIMER_TWIN);
        if (flight_join(w->pool->flights, key, t) == FLIGHT_FOLLOWS)
            return;
        heap_remove(&w->delays, &t->timer);
    }
    since_us = clock_mono_us();
    r = lookup_cache(w, t);
    count_part(w, POOL_PART_CACHE, since_us);
    if (r < 0 && t->deadline_us > w->now_us) {
        step_hold(w, t, STEP_LOOKUP);
        return;
    }
    if (r == STORE_FOUND) {
        step_finish(w, t);
        return;
    }
    t->step = STEP_SELECT;
    step_run(w, t);
}

/* It was there at too many crashes: whatever is in it, nobody looks at it again. An answer that it got in an
 * earlier life, for which nothing need be looked at, is as good as any. */
static void poison_step(struct worker *w, struct task *t, bool replayed)
{
    record_name(t);
    if (replayed) {
        t->poison = false;
        put_out(w, t);
        return;
    }
    task_fail(t, "poison",
              "this record was in flight at %lld or more crashes of its worker "
              "(pool.poison_crashes); it is not tried again",
              (long long)w->pool->config->pool.poison_crashes);
    w->count.poisoned++;
    step_finish(w, t);
}

static void begin_step(struct worker *w, struct task *t)
{
    int64_t since_us = 0;
    int parsed = 0;
    int r = 0;

    spans_begin(w, t);
    if (t->silent) { /* its source knows that it has nothing to be answered */
        step_suppress(w, t);
        return;
    }
    r = answered_before(w, t);
    if (r < 0) {
        step_hold(w, t, STEP_BEGIN);
        return;
    }
    if (t->poison) {
        poison_step(w, t, r == STORE_FOUND);
        return;
    }
    since_us = clock_mono_us();
    parsed = record_parse(t, w->pool->config);
    count_part(w, POOL_PART_PARSE, since_us);
    if (r == STORE_FOUND) {
        /* Its reply says something else, whatever the record is taken for today. */
        t->bad_record = false;
        put_out(w, t);
        return;
    }
    if (parsed == RECORD_BAD) {
        step_finish(w, t);
        return;
    }
    set_deadline(w, t);
    since_us = clock_mono_us();
    r = key_digest(t, w->sha, &w->scratch);
    count_part(w, POOL_PART_KEY, since_us);
    if (r < 0) {
        t->bad_record = true;
        task_fail(t, "bad_record", "the request is too large to be put into canonical form");
        step_finish(w, t);
        return;
    }
    t->step = claim_applies(w, t) ? STEP_CLAIM : STEP_LOOKUP;
    step_run(w, t);
}

void step_run(struct worker *w, struct task *t)
{
    switch ((enum task_step)t->step) {
    case STEP_BEGIN:
        begin_step(w, t);
        return;
    case STEP_CLAIM:
        claim_step(w, t);
        return;
    case STEP_CLAIMED:
        claim_written(w, t);
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
        count_part(w, POOL_PART_STORE, t->call->since_us);
        let_go(w, t);
        return;
    case STEP_RELEASED:
        step_finish(w, t);
        return;
    case STEP_PARK:
        park_step(w, t);
        return;
    }
}
