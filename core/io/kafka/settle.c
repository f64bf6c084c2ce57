/*
 * settle: what comes back to the intake: from the pool (the sink, on worker threads: replies go on to the
 * publisher, the rest is dropped) and from the publisher (acknowledged or given back). Ledgers move on the
 * intake thread only, in intake_settle().
 */
#include <poll.h>

#include "base/clock.h"
#include "base/hook.h"
#include "base/mem.h"
#include "io/kafka/adopt.h"
#include "io/kafka/batch.h"
#include "io/kafka/delay.h"

/* at_least_once: to the publisher at once. */
static void publish(struct kafka_intake *in, struct list_node *tasks)
{
    struct kafka_batch *b;
    struct list_node *n;

    if (list_empty(tasks))
        return;
    b = batch_new();
    while ((n = list_pop(tasks))) {
        list_push(&b->outcomes, n);
        b->count++;
    }
    kafka_publisher_submit(in->publisher, b);
}

/* The intake thread waits for records, which do not come while its window is full: it would move its ledgers, let the
 * pool have more, and make the next batch only when that wait is over. With the lock. */
static void wake(struct kafka_intake *in)
{
    if (in->waits_on)
        rd_kafka_queue_yield(in->waits_on);
}

/* n tasks more came back. With the lock. */
static void wake_for_many(struct kafka_intake *in, size_t n)
{
    size_t before = in->nback;

    in->nback += n;
    if (before < in->wake_at && in->nback >= in->wake_at)
        wake(in);
}

static size_t count(const struct list_node *list)
{
    size_t n = 0;

    for (const struct list_node *i = list->next; i != list; i = i->next)
        n++;
    return n;
}

void intake_sink_put(struct sink *sink, struct list_node *tasks)
{
    struct kafka_intake *in = CONTAINER_OF(sink, struct kafka_intake, sink);
    struct list_node good, drop, *n;
    size_t finished = 0;

    list_init(&good);
    list_init(&drop);
    while ((n = list_pop(tasks))) {
        struct task *t = CONTAINER_OF(n, struct task, node);
        struct kafka_part *p = t->source_data;

        /* Counted before `owned` is read: the revoke clears `owned` and then waits for the count. */
        atomic_fetch_add(&p->outbox, 1);
        atomic_fetch_add(&in->unsettled, 1);
        if ((!t->reply && !t->silent && !t->park) || !atomic_load(&p->owned))
            list_push(&drop, n);
        else
            list_push(&good, n);
    }
    if (!list_empty(&good))
        hook_reached("stored");
    if (in->setup.exact)
        finished = count(&good);
    pthread_mutex_lock(&in->lock);
    list_splice(&in->returned, &drop);
    if (in->setup.exact) {
        wake_for_many(in, finished);
        list_splice(&in->finished, &good);
    }
    pthread_mutex_unlock(&in->lock);
    publish(in, &good);
}

void kafka_intake_settled(void *arg, struct list_node *acked, struct list_node *returned)
{
    struct kafka_intake *in = arg;
    size_t n = count(acked) + count(returned);

    pthread_mutex_lock(&in->lock);
    list_splice(&in->acked, acked);
    list_splice(&in->returned, returned);
    wake_for_many(in, n);
    pthread_mutex_unlock(&in->lock);
}

void intake_done(struct kafka_intake *in, struct kafka_part *p, const struct task *t)
{
    if (in->setup.exact)
        ledger_done(p->ledger, t->origin.offset); /* committed already, together with its reply */
    else
        part_acked(p, t);
}

void kafka_intake_batch_settled(void *arg, struct kafka_batch *b)
{
    struct kafka_intake *in = arg;

    pthread_mutex_lock(&in->lock);
    list_push(&in->settled, &b->node);
    wake(in);
    pthread_mutex_unlock(&in->lock);
}

/* Its record was refused by the delay topic, and it may wait here instead. */
static bool may_go_on(struct kafka_intake *in, const struct task *t)
{
    const struct kafka_part *p = t->source_data;

    return t->park && atomic_load(&p->owned) && !atomic_load(&in->stop);
}

/* Books tasks that came back and frees them; those that are handed over go to `again`. */
static int64_t free_all(struct kafka_intake *in, struct list_node *tasks, bool acked,
                        struct list_node *again)
{
    struct list_node *n;
    int64_t count = 0;

    while ((n = list_pop(tasks))) {
        struct task *t = CONTAINER_OF(n, struct task, node);
        struct kafka_part *p = t->source_data;

        if (p->gone && adopt_returned(in, t, acked, again))
            continue;
        if (!p->gone && acked)
            intake_done(in, p, t);
        else if (!p->gone && may_go_on(in, t))
            delay_refused(in, t);
        else if (!p->gone)
            offsets_push(&p->dropped, t->origin.offset);
        if (!acked)
            atomic_fetch_add(&in->dropped, 1);
        atomic_fetch_sub(&p->outbox, 1);
        atomic_fetch_sub(&in->unsettled, 1);
        part_task_free(t);
        count++;
    }
    return count;
}

/* Outcomes that may go out for the partition as it is now. In at_least_once these are answers to an
 * earlier assignment of it only; all others went straight to the publisher. */
static void publish_again(struct kafka_intake *in, struct list_node *tasks)
{
    struct list_node *n;

    if (!in->setup.exact) {
        publish(in, tasks);
        return;
    }
    while ((n = list_pop(tasks)))
        deal_add(in, CONTAINER_OF(n, struct task, node));
}

void intake_settle(struct kafka_intake *in)
{
    struct list_node acked, returned, finished, settled, again, *b;
    int64_t n;

    list_init(&again);
    pthread_mutex_lock(&in->lock);
    list_detach(&in->acked, &acked);
    list_detach(&in->returned, &returned);
    list_detach(&in->finished, &finished);
    list_detach(&in->settled, &settled);
    in->nback = 0;
    pthread_mutex_unlock(&in->lock);
    while ((b = list_pop(&settled)))
        deal_settled(in, CONTAINER_OF(b, struct kafka_batch, node), &acked, &returned);
    publish_again(in, &finished);
    n = free_all(in, &acked, true, &again) + free_all(in, &returned, false, &again);
    publish_again(in, &again);
    if (n)
        in->pool.release(in->pool.pool, n);
}

bool kafka_intake_flush(struct kafka_intake *in, int64_t timeout_ms)
{
    int64_t until_us = clock_mono_us() + timeout_ms * 1000;

    while (atomic_load(&in->unsettled) > 0 && clock_mono_us() < until_us)
        poll(NULL, 0, 5);
    atomic_store(&in->close, true);
    while (in->started && !atomic_load(&in->closed))
        poll(NULL, 0, 2);
    return atomic_load(&in->unsettled) == 0;
}
