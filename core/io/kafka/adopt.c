/*
 * adopt: keeps parts that were given up for as long as calls of theirs run (orphans), and matches these
 * calls with the records of the partition's next assignment. The ledger of an orphan is never committed:
 * here it only says which records still have a task in this process. A record that waits keeps its own
 * copy of the task, so that it is answered whatever becomes of the call it waits for.
 */
#include "io/kafka/adopt.h"

#include <string.h>

#include "base/mem.h"
#include "io/kafka/guard.h"

static bool same_partition(const struct kafka_part *a, const struct kafka_part *b)
{
    return a->partition == b->partition && strcmp(a->topic, b->topic) == 0;
}

static void drop_orphan(struct kafka_intake *in, size_t i)
{
    part_unref(in->orphans[i]);
    in->orphans[i] = in->orphans[--in->norphans];
}

static void keep_orphan(struct kafka_intake *in, struct kafka_part *p)
{
    if (in->norphans == in->orphans_cap) {
        in->orphans_cap = in->orphans_cap ? in->orphans_cap * 2 : 16;
        in->orphans = mem_grow(in->orphans, in->orphans_cap, sizeof(struct kafka_part *));
    }
    in->orphans[in->norphans++] = part_ref(p);
}

void adopt_leave(struct kafka_intake *in, struct kafka_part *p, bool same_log)
{
    struct list_node *n;

    p->gone = true;
    while ((n = list_pop(&p->waiting))) {
        struct task *t = CONTAINER_OF(n, struct task, node);

        ledger_done(p->ledger, t->origin.offset);
        part_task_free(t);
    }
    for (size_t i = 0; i < p->dropped.count; i++)
        ledger_done(p->ledger, p->dropped.at[i]);
    p->dropped.count = 0;
    if (same_log && p->ledger && ledger_open(p->ledger))
        keep_orphan(in, p);
    for (size_t i = in->norphans; !same_log && i-- > 0;)
        if (same_partition(in->orphans[i], p))
            drop_orphan(in, i);
}

bool adopt_wait(struct kafka_intake *in, struct kafka_part *p, struct task *t)
{
    for (size_t i = 0; i < in->norphans; i++) {
        if (!same_partition(in->orphans[i], p) ||
            !ledger_is_open(in->orphans[i]->ledger, t->origin.offset))
            continue;
        list_push(&p->waiting, &t->node);
        return true;
    }
    return false;
}

static struct task *take_waiting(struct kafka_part *p, int64_t offset)
{
    for (struct list_node *n = p->waiting.next; n != &p->waiting; n = n->next) {
        struct task *t = CONTAINER_OF(n, struct task, node);

        if (t->origin.offset != offset)
            continue;
        list_remove(n);
        return t;
    }
    return NULL;
}

static void no_longer_here(struct kafka_intake *in, const struct task *t)
{
    struct kafka_part *own = t->source_data;

    if (own->ledger)
        ledger_done(own->ledger, t->origin.offset);
    for (size_t i = 0; i < in->norphans; i++)
        if (in->orphans[i] == own && !ledger_open(own->ledger)) {
            drop_orphan(in, i);
            break;
        }
}

static void move_to(struct kafka_part *p, struct task *t)
{
    struct kafka_part *own = t->source_data;

    atomic_fetch_sub(&own->outbox, 1);
    atomic_fetch_add(&p->outbox, 1);
    part_ended(own, t); /* it has ended, and its part may go */
    t->source_data = part_ref(p);
    t->wanted = &p->owned;
    t->excess = NULL;
    t->origin.topic = p->topic; /* the old one goes with its part */
    part_unref(own);
}

bool adopt_returned(struct kafka_intake *in, struct task *t, bool acked, struct list_node *again)
{
    struct kafka_part *p = intake_find(in, t->origin.topic, t->origin.partition);
    struct task *copy = p ? take_waiting(p, t->origin.offset) : NULL;
    bool same;

    no_longer_here(in, t);
    if (!copy)
        return false;
    /* A topic that was made anew has other records at the same offsets. */
    same = memcmp(copy->fingerprint, t->fingerprint, sizeof t->fingerprint) == 0;
    if (!same || (!acked && (!t->reply || atomic_load(&in->stop)))) {
        guard_begin(in, p, copy);
        list_push(&in->got, &copy->node);
        in->ngot++;
        return false;
    }
    part_task_free(copy);
    atomic_fetch_add(&in->adopted, 1);
    if (acked) {
        intake_done(in, p, t);
        return false;
    }
    move_to(p, t);
    list_push(again, &t->node);
    return true;
}

void adopt_drop(struct kafka_intake *in, struct task *t)
{
    struct kafka_part *p = t->source_data;

    if (p->gone)
        (void)adopt_returned(in, t, false, NULL);
    else
        offsets_push(&p->dropped, t->origin.offset);
    part_task_free(t);
}

void adopt_free(struct kafka_intake *in)
{
    while (in->norphans)
        drop_orphan(in, 0);
    free(STEAL(in->orphans));
}
