/*
 * A rig for the intake's side of exactly_once: a real consumer in a group of the embedded broker, driven by
 * hand on the test's own thread, and in the publisher's place one that does what the test says. What is
 * committed goes to the broker, so that it is loaded again on an assignment.
 *
 * Every batch is checked when it is handed over: nothing of a partition that is not ours, one element for each
 * touched partition, and what offset and map say is done is exactly what has been replied to, or is in it.
 */
#ifndef SLUICE_TESTS_DEAL_RIG_H
#define SLUICE_TESTS_DEAL_RIG_H

#include <stdint.h>

#include "io/kafka/adopt.h"
#include "io/kafka/batch.h"
#include "policy/batch.h"
#include "tests/unit/io/kafka_rig.h"

#define DEAL_PARTS   3
#define DEAL_RECORDS 2000 /* of a partition */
#define DEAL_TOPIC   "llm.requests"

struct deal_rig {
    struct rig rig;
    struct kafka_intake *in;
    struct kafka_batch *away;              /* with the publisher, or NULL */
    size_t batches;                        /* ever */
    int replied[DEAL_PARTS][DEAL_RECORDS]; /* visible replies to each record */
    bool undeliverable[DEAL_PARTS][DEAL_RECORDS];
    int64_t base[DEAL_PARTS];   /* committed; -1: nothing */
    struct list_node submitted; /* tasks that the intake gave to the pool */
    int64_t released;
    int64_t now_us; /* of the rounds: moved on by more than any linger or rest each time */
};

static struct deal_rig dr;

/* ---- the publisher ---- */

static inline const rd_kafka_topic_partition_t *deal_offset_of(const struct kafka_batch *b,
                                                               int32_t partition)
{
    const rd_kafka_topic_partition_t *found = NULL;

    for (int i = 0; i < b->offsets->cnt; i++)
        if (b->offsets->elems[i].partition == partition) {
            cr_assert_null(found, "partition %d stands twice in a batch", (int)partition);
            found = &b->offsets->elems[i];
        }
    return found;
}

static inline bool deal_carries(const struct kafka_batch *b, int32_t partition, int64_t offset)
{
    for (const struct list_node *n = b->outcomes.next; n != &b->outcomes; n = n->next) {
        const struct task *t = CONTAINER_OF(n, struct task, node);

        if (t->origin.partition == partition && t->origin.offset == offset)
            return true;
    }
    return false;
}

static inline void deal_check_partition(const struct kafka_batch *b,
                                        const rd_kafka_topic_partition_t *tp)
{
    struct map_scope scope = {"test", tp->topic, tp->partition};
    bool broken = true;
    struct ledger *l = batch_ledger(&scope, tp->offset, tp->metadata, tp->metadata_size, &broken);

    cr_assert_not(broken);
    for (int64_t i = 0; i < DEAL_RECORDS; i++) {
        bool done = batch_is_done(l, i);
        bool should = dr.replied[tp->partition][i] || deal_carries(b, tp->partition, i);

        cr_assert_eq(done, should, "offset %d of %d: committed %d, answered %d", (int)i,
                     (int)tp->partition, done, should);
    }
    ledger_free(l);
}

void kafka_publisher_submit(struct kafka_publisher *p, struct kafka_batch *b)
{
    size_t n = 0;

    (void)p;
    cr_assert_null(dr.away, "two batches are away");
    cr_assert(b->group);
    cr_assert_gt(b->offsets->cnt, 0);
    for (const struct list_node *i = b->outcomes.next; i != &b->outcomes; i = i->next, n++) {
        const struct task *t = CONTAINER_OF(i, struct task, node);
        const struct kafka_part *part = t->source_data;

        cr_assert_not(part->gone, "offset %d of a partition that was given up",
                      (int)t->origin.offset);
        cr_assert(deal_offset_of(b, t->origin.partition));
    }
    cr_assert_eq(n, b->count);
    for (int i = 0; i < b->offsets->cnt; i++)
        deal_check_partition(b, &b->offsets->elems[i]);
    dr.away = b;
    dr.batches++;
}

/* The transaction is committed. */
static inline void deal_commit(void)
{
    struct kafka_batch *b = dr.away;
    struct list_node *n;

    while ((n = list_pop(&b->outcomes))) {
        const struct task *t = CONTAINER_OF(n, struct task, node);

        cr_assert_eq(dr.replied[t->origin.partition][t->origin.offset]++, 0, "replied twice");
        dr.undeliverable[t->origin.partition][t->origin.offset] = t->undeliverable;
        list_push(&b->acked, n);
    }
    for (int i = 0; i < b->offsets->cnt; i++) {
        int64_t *base = &dr.base[b->offsets->elems[i].partition];

        cr_assert_geq(b->offsets->elems[i].offset, *base, "the base went back");
        *base = b->offsets->elems[i].offset;
    }
    cr_assert_eq(rd_kafka_commit(dr.in->client.rk, b->offsets, 0), 0);
    b->published = true;
    dr.away = NULL;
    kafka_intake_batch_settled(dr.in, b);
}

/* It is abandoned, and nobody is to blame. */
static inline void deal_abort(int64_t rest_us)
{
    struct kafka_batch *b = dr.away;

    list_splice(&b->again, &b->outcomes);
    b->rest_us = rest_us;
    dr.away = NULL;
    kafka_intake_batch_settled(dr.in, b);
}

/* It is abandoned because the broker takes none of the set that one record is in. */
static inline void deal_refuse(void)
{
    struct kafka_batch *b = dr.away;

    if (b->count == 1) {
        CONTAINER_OF(b->outcomes.next, struct task, node)->undeliverable = true;
        list_splice(&b->again, &b->outcomes);
    } else {
        list_splice(&b->refused, &b->outcomes);
    }
    dr.away = NULL;
    kafka_intake_batch_settled(dr.in, b);
}

/* ---- the pool ---- */

static inline int64_t deal_room(const void *arg)
{
    (void)arg;
    return 1000;
}

static inline void deal_submit(void *arg, struct list_node *tasks)
{
    (void)arg;
    list_splice(&dr.submitted, tasks);
}

static inline void deal_release(void *arg, int64_t n)
{
    (void)arg;
    dr.released += n;
}

static inline void deal_run(struct task *t)
{
    task_set_state(t, TASK_INBOX);
    task_set_state(t, TASK_RUNNING);
}

/* Begins a record as the intake does: *ret_result says what the ledger did. NULL: it is done already, or waits
 * for the same record of an earlier assignment. */
static inline struct task *deal_read(struct kafka_part *p, int64_t offset, int *ret_result)
{
    uint8_t key[JOURNAL_KEY_MAX];
    struct task *t;
    size_t len;

    if (!p->ledger)
        p->ledger = ledger_new(0, DEAL_RECORDS, DEAL_RECORDS);
    *ret_result = ledger_begin(p->ledger, offset);
    if (*ret_result != LEDGER_NEW)
        return NULL;
    t = task_new();
    t->source_data = part_ref(p);
    t->wanted = &p->owned;
    t->origin = (struct task_origin){p->topic, p->partition, offset};
    t->fingerprint[0] = (uint8_t)offset;
    part_journal_key(p, offset, key, &len);
    task_set_journal_key(t, key, len);
    if (adopt_wait(dr.in, p, t))
        return NULL;
    deal_run(t);
    return t;
}

static inline struct task *deal_begin(struct kafka_part *p, int64_t offset)
{
    int result;
    struct task *t = deal_read(p, offset, &result);

    cr_assert_eq(result, LEDGER_NEW);
    return t;
}

/* A worker ends it. bytes 0: it is silent. */
static inline void deal_finish(struct task *t, size_t bytes)
{
    struct list_node one;

    t->silent = !bytes;
    if (bytes) {
        t->reply = memset(mem_array(bytes + 1, 1), 'x', bytes);
        t->reply_len = bytes;
    }
    task_set_state(t, TASK_OUTBOX);
    list_init(&one);
    list_push(&one, &t->node);
    kafka_intake_sink(dr.in)->put(kafka_intake_sink(dr.in), &one);
}

/* Outcomes of [from, to). */
static inline void deal_answer(struct kafka_part *p, int64_t from, int64_t to)
{
    for (int64_t i = from; i < to; i++)
        deal_finish(deal_begin(p, i), 10);
}

/* ---- the intake's loop ---- */

static inline struct kafka_part *deal_part(int32_t partition)
{
    struct kafka_part *p = intake_find(dr.in, DEAL_TOPIC, partition);

    cr_assert(p, "partition %d is not ours", (int)partition);
    return p;
}

/* One round, late enough for every linger and rest. Is a batch away? */
static inline bool deal_round(void)
{
    intake_settle(dr.in);
    dr.now_us += 10 * 1000000LL;
    if (!dr.away)
        deal_tick(dr.in, dr.now_us, false);
    return dr.away != NULL;
}

/* Commits until there is nothing to commit. */
static inline void deal_commit_all(void)
{
    while (deal_round())
        deal_commit();
}

static inline bool deal_is_live(void)
{
    rd_kafka_message_t *m = rd_kafka_consumer_poll(dr.in->client.rk, 10);

    if (m)
        rd_kafka_message_destroy(m);
    load_tick(dr.in, clock_mono_us());
    return dr.in->nparts == DEAL_PARTS && !dr.in->unloaded;
}

static inline rd_kafka_topic_partition_list_t *deal_list(int32_t partition)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);

    rd_kafka_topic_partition_list_add(l, DEAL_TOPIC, partition);
    return l;
}

static inline void deal_revoke(int32_t partition)
{
    rd_kafka_topic_partition_list_t *l = deal_list(partition);

    rebalance_event(dr.in, RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS, l);
    rd_kafka_topic_partition_list_destroy(l);
}

/* As deal_revoke(), without the time for what is on its way. */
static inline void deal_lose(int32_t partition)
{
    atomic_store(&dr.in->close, true);
    deal_revoke(partition);
    atomic_store(&dr.in->close, false);
}

static inline struct kafka_part *deal_assign(int32_t partition)
{
    rd_kafka_topic_partition_list_t *l = deal_list(partition);

    rebalance_event(dr.in, RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS, l);
    rd_kafka_topic_partition_list_destroy(l);
    RIG_WAIT(deal_is_live(), "the partition");
    return deal_part(partition);
}

static inline void deal_open_with(size_t map_max)
{
    struct kafka_intake_setup is = {.fatal = &dr.rig.fatal,
                                    .exact = true,
                                    .map_max = map_max,
                                    .arg = &dr.rig,
                                    .committed = rig_committed};
    rd_kafka_topic_partition_list_t *topics;
    struct err e = {0};

    memset(&dr, 0, sizeof dr);
    for (int i = 0; i < DEAL_PARTS; i++)
        dr.base[i] = -1;
    list_init(&dr.submitted);
    rig_open(&dr.rig, DEAL_PARTS);
    is.config = dr.rig.config;
    dr.in = kafka_intake_new(&is, &e);
    cr_assert(dr.in, "%s", e.msg);
    dr.now_us = clock_mono_us();
    dr.in->pool =
        (struct intake){.room = deal_room, .submit = deal_submit, .release = deal_release};
    topics = deal_list(RD_KAFKA_PARTITION_UA);
    cr_assert_eq(rd_kafka_subscribe(dr.in->client.rk, topics), 0);
    rd_kafka_topic_partition_list_destroy(topics);
    RIG_WAIT(deal_is_live(), "the group");
}

static inline void deal_open(void)
{
    deal_open_with(0);
}

/* What is away comes back, as when the publisher ends. */
static inline void deal_close(void)
{
    struct list_node *n;

    if (dr.away)
        deal_abort(0);
    while ((n = list_pop(&dr.submitted)))
        part_task_free(CONTAINER_OF(n, struct task, node));
    dr.in = kafka_intake_free(dr.in);
    rig_close(&dr.rig);
}

#endif
