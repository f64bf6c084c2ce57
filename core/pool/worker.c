/*
 * worker: the event loop of one worker thread. It moves tasks between inbox, delays and transfers; what is
 * done with a task is in steps.c and call.c.
 */
#include "pool/worker.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define SHOW_EVERY_US 50000
#define IDLE_WAIT_MS  1000
#define TURN_TASKS    256 /* of the inbox, between two looks at everything else */

static void post_one(struct worker *w, struct list_node *tasks)
{
    bool was_empty = false;

    pthread_mutex_lock(&w->lock);
    was_empty = list_empty(&w->inbox);
    list_splice(&w->inbox, tasks);
    pthread_mutex_unlock(&w->lock);
    if (was_empty && w->http)
        http_wake(w->http);
}

void worker_post(struct pool *p, struct list_node *tasks)
{
    while (!list_empty(tasks)) {
        struct task *first = CONTAINER_OF(tasks->next, struct task, node);
        struct list_node batch;
        struct list_node *n = NULL;
        struct list_node *next = NULL;

        list_init(&batch);
        for (n = tasks->next; n != tasks; n = next) {
            next = n->next;
            if (CONTAINER_OF(n, struct task, node)->worker != first->worker)
                continue;
            list_remove(n);
            list_push(&batch, n);
        }
        post_one(&p->workers[first->worker], &batch);
    }
}

void worker_delay(struct worker *w, struct task *t, int64_t at_us, int step)
{
    t->step = step;
    t->not_before_us = at_us;
    t->timer_kind = TIMER_DELAY;
    task_set_state(t, TASK_DELAYED);
    heap_push(&w->delays, &t->timer, at_us);
    w->ndelayed++;
    __atomic_add_fetch(&w->pool->delayed, 1, __ATOMIC_RELAXED);
}

/* Takes a delayed task, whose timer is out of the heap. */
static void delay_over(struct worker *w, struct task *t)
{
    w->ndelayed--;
    __atomic_sub_fetch(&w->pool->delayed, 1, __ATOMIC_RELAXED);
    task_set_state(t, TASK_RUNNING);
}

void worker_watch(struct worker *w, struct task *t, enum timer_kind kind)
{
    t->timer_kind = kind;
    heap_push(&w->delays, &t->timer,
              t->deadline_us); /* without one, too: cancel_one() finds it here */
}

/* A part of a long inbox at a time: transfers go on in between, the publisher has replies early, and the memory
 * of tasks that have ended serves those that are next. */
static void take_inbox(struct worker *w)
{
    struct list_node tasks;
    struct list_node *n = NULL;

    pthread_mutex_lock(&w->lock);
    list_detach_some(&w->inbox, &tasks, TURN_TASKS);
    pthread_mutex_unlock(&w->lock);
    while ((n = list_pop(&tasks))) {
        struct task *t = CONTAINER_OF(n, struct task, node);

        heap_remove(&w->delays, &t->timer);
        task_set_state(t, TASK_RUNNING);
        step_run(w, t);
    }
}

/*
 * A timer of a task has come. Delayed tasks go on. A task that waits in the admission or as a twin has met
 * its deadline, unless another thread has just let it go: then it is on its way to the inbox, and the
 * deadline is checked when it arrives.
 */
static void timer_due(struct worker *w, struct task *t)
{
    if (t->timer_kind == TIMER_DELAY) {
        delay_over(w, t);
        step_run(w, t);
    } else if (t->timer_kind == TIMER_WAITING ? admission_remove(w->pool->admission, t)
                                              : flight_leave(w->pool->flights, t)) {
        step_deadline(w, t);
    }
}

static void run_timers(struct worker *w)
{
    struct heap_node *n = NULL;

    while ((n = heap_top(&w->delays)) && n->key <= w->now_us) {
        heap_remove(&w->delays, n);
        timer_due(w, CONTAINER_OF(n, struct task, timer));
    }
}

/* A cancelled task that waits for its time, or in the container of others. Those that wait for the store to be
 * readable, or are on their way to the inbox, look for themselves when they go on. */
static struct task *find_cancelled(struct worker *w)
{
    for (size_t i = 0; i < w->delays.count; i++) {
        struct task *t = CONTAINER_OF(w->delays.at[i], struct task, timer);

        if (task_is_cancelled(t) && (t->timer_kind != TIMER_DELAY || t->step == STEP_SELECT))
            return t;
    }
    return NULL;
}

/* Ends what pool_cancel() was called for. */
static void run_cancels(struct worker *w)
{
    struct task *t = NULL;

    if (!__atomic_load_n(&w->cancels, __ATOMIC_RELAXED) ||
        !__atomic_exchange_n(&w->cancels, false, __ATOMIC_ACQUIRE))
        return;
    call_cancel(w);
    while ((t = find_cancelled(w))) {
        heap_remove(&w->delays, &t->timer);
        if (t->timer_kind == TIMER_DELAY)
            delay_over(w, t);
        else if (!(t->timer_kind == TIMER_WAITING ? admission_remove(w->pool->admission, t)
                                                  : flight_leave(w->pool->flights, t)))
            continue;
        step_cancel(w, t);
    }
}

/* Gives delayed tasks back when the pool drains: their calls will not be made in this life. */
static void drain_delays(struct worker *w)
{
    struct list_node tasks;
    struct list_node *n = NULL;
    size_t i = 0;

    if (w->ndelayed == 0)
        return;
    list_init(&tasks);
    for (i = 0; i < w->delays.count; i++) {
        struct task *t = CONTAINER_OF(w->delays.at[i], struct task, timer);

        if (t->timer_kind == TIMER_DELAY)
            list_push(&tasks, &t->node);
    }
    while ((n = list_pop(&tasks))) {
        struct task *t = CONTAINER_OF(n, struct task, node);

        heap_remove(&w->delays, &t->timer);
        delay_over(w, t);
        step_give_back(w, t);
    }
}

/* Lets waiting tasks go when it is time. Any worker may find that it is. */
static void pump(struct worker *w)
{
    struct list_node ready;

    if (pool_is_draining(w->pool))
        admission_flush(w->pool->admission, &ready);
    else if (admission_next_us(w->pool->admission) <= w->now_us)
        admission_pump(w->pool->admission, w->now_us, &ready);
    else
        return;
    worker_post(w->pool, &ready);
}

/* Takes those out that wait for a model which is away for long. Any worker may find that it is time. */
static void park(struct worker *w)
{
    struct list_node tasks;
    struct list_node *n = NULL;

    if (!*w->pool->config->topics.delay || pool_is_draining(w->pool))
        return;
    admission_park(w->pool->admission, w->now_us, &tasks);
    for (n = tasks.next; n != &tasks; n = n->next)
        CONTAINER_OF(n, struct task, node)->step = STEP_PARK;
    worker_post(w->pool, &tasks);
}

/* Hands over what this turn has finished: writes to the store, replies to the sink. */
static void hand_over(struct worker *w)
{
    struct pool *p = w->pool;
    int64_t done = 0;

    keep_lone(w);
    if (!list_empty(&w->ops))
        store_submit_list(p->store, &w->ops);
    done = w->nout; /* a lone write has ended one more */
    if (done == 0)
        return;
    w->nout = 0;
    p->sink->put(p->sink, &w->out);
    __atomic_sub_fetch(&p->unfinished, done, __ATOMIC_RELEASE);
}

static void show_counts(struct worker *w)
{
    bool last = __atomic_load_n(&w->pool->stopping, __ATOMIC_RELAXED);

    if (!w->counted || (!last && w->now_us - w->shown_us < SHOW_EVERY_US))
        return;
    pthread_mutex_lock(&w->shown_lock);
    w->shown = w->count;
    memcpy(w->shown_routes, w->routes, w->pool->config->nmodels * sizeof *w->routes);
    pthread_mutex_unlock(&w->shown_lock);
    w->counted = false;
    w->shown_us = w->now_us;
}

/* How long the loop may sleep. Every worker wakes up for the waiting tasks: the first one to do so lets
 * them go, the others find nothing to do. */
static int wait_ms(struct worker *w)
{
    int64_t until = w->now_us + (int64_t)IDLE_WAIT_MS * 1000;
    struct heap_node *n = heap_top(&w->delays);
    int64_t next = admission_next_us(w->pool->admission);
    int64_t park_us = admission_park_us(w->pool->admission);
    bool empty = false;

    pthread_mutex_lock(&w->lock);
    empty = list_empty(&w->inbox);
    pthread_mutex_unlock(&w->lock);
    if (!empty)
        return 0;
    if (n && n->key < until)
        until = n->key;
    if (next < until)
        until = next;
    if (park_us < until)
        until = park_us;
    if (w->counted && w->shown_us + SHOW_EVERY_US < until)
        until = w->shown_us + SHOW_EVERY_US;
    if (until <= w->now_us)
        return 0;
    return (int)((until - w->now_us + 999) / 1000);
}

void worker_turn(struct worker *w)
{
    w->now_us = clock_mono_us();
    w->now_wall_ms = clock_wall_ms();
    take_inbox(w);
    run_timers(w);
    run_cancels(w);
    if (pool_is_draining(w->pool))
        drain_delays(w);
    pump(w);
    park(w);
    hand_over(w);
    pool_tell_room(w->pool);
    pool_tell_stage(w->pool, w->now_us);
    show_counts(w);
}

void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct err e = {0};

    while (!__atomic_load_n(&w->pool->stopping, __ATOMIC_ACQUIRE)) {
        worker_turn(w);
        if (http_run(w->http, wait_ms(w), &e) < 0) {
            log_error("event loop failed", "worker=%u error=\"%s\"", w->index, e.msg);
            abort(); /* nothing is lost: the tasks are redelivered, their outcomes are journaled */
        }
    }
    return NULL;
}
