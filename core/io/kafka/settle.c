/*
 * settle: what comes back to the intake: from the pool (the sink, on worker threads: replies go on to the
 * publisher, the rest is dropped) and from the publisher (acknowledged or given back). Ledgers move on the
 * intake thread only, in intake_settle().
 */
#include "base/mem.h"
#include "io/kafka/adopt.h"

void intake_sink_put(struct sink *sink, struct list_node *tasks)
{
    struct kafka_intake *in = CONTAINER_OF(sink, struct kafka_intake, sink);
    struct kafka_batch *b = mem_alloc(sizeof *b);
    struct list_node drop, *n;

    list_init(&b->outcomes);
    list_init(&drop);
    while ((n = list_pop(tasks))) {
        struct task *t = CONTAINER_OF(n, struct task, node);
        struct kafka_part *p = t->source_data;

        /* Counted before `owned` is read: the revoke clears `owned` and then waits for the count. */
        atomic_fetch_add(&p->outbox, 1);
        if (!t->reply || !atomic_load(&p->owned)) {
            list_push(&drop, n);
            continue;
        }
        list_push(&b->outcomes, n);
        b->count++;
    }
    if (b->count)
        kafka_publisher_submit(in->publisher, b);
    else
        free(b);
    if (list_empty(&drop))
        return;
    pthread_mutex_lock(&in->lock);
    list_splice(&in->returned, &drop);
    pthread_mutex_unlock(&in->lock);
}

void kafka_intake_settled(void *arg, struct list_node *acked, struct list_node *returned)
{
    struct kafka_intake *in = arg;

    pthread_mutex_lock(&in->lock);
    list_splice(&in->acked, acked);
    list_splice(&in->returned, returned);
    pthread_mutex_unlock(&in->lock);
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
            part_acked(p, t->origin.offset);
        else if (!p->gone)
            offsets_push(&p->dropped, t->origin.offset);
        if (!acked)
            atomic_fetch_add(&in->dropped, 1);
        atomic_fetch_sub(&p->outbox, 1);
        part_task_free(t);
        count++;
    }
    return count;
}

static void publish_again(struct kafka_intake *in, struct list_node *tasks)
{
    struct kafka_batch *b;
    struct list_node *n;

    if (list_empty(tasks))
        return;
    b = mem_alloc(sizeof *b);
    list_init(&b->outcomes);
    while ((n = list_pop(tasks))) {
        list_push(&b->outcomes, n);
        b->count++;
    }
    kafka_publisher_submit(in->publisher, b);
}

void intake_settle(struct kafka_intake *in)
{
    struct list_node acked, returned, again;
    int64_t n;

    list_init(&again);
    pthread_mutex_lock(&in->lock);
    list_detach(&in->acked, &acked);
    list_detach(&in->returned, &returned);
    pthread_mutex_unlock(&in->lock);
    n = free_all(in, &acked, true, &again) + free_all(in, &returned, false, &again);
    publish_again(in, &again);
    if (n)
        in->pool.release(in->pool.pool, n);
}
