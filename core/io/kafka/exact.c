/*
 * exact: exactly_once. One batch at a time goes through one transaction: its records, its offsets, commit.
 * A batch comes back whole, each outcome in one of three lists: visible, not visible, or refused.
 *
 *                         +--------- the broker says no --------> abort --> again, refused
 *   take --> place --> begin, produce, offsets, commit --> acked
 *              |          +--------- no clear answer ---------> replace the producer, ask --> acked, again
 *              +--> a topic is not there: again
 *
 * "No clear answer" is any end after which the transaction may be committed or not, and also a good end
 * during which an answer was lost on the way (taint.h). Then the producer is replaced before anything
 * else is sent: the new one makes the broker decide the transaction and refuse what may still arrive of it.
 *
 * Everything here runs on the publisher thread, but for open and close, when there is none. It waits in
 * slices, so that a stop is seen while the broker is away.
 */
#include <assert.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/kafka/doubt.h"
#include "io/kafka/exact.h"
#include "io/kafka/outcomes.h"
#include "io/kafka/place.h"

#define QUIET_US   (1000 * 1000LL) /* waiting that long is no news */
#define FENCED_MAX 5 /* times in a row, without a commit: it is another process, not an accident */

/* How long the intake rests before the next batch. */
#define REST_GROUP_US (50 * 1000LL)  /* the group is being formed anew */
#define REST_FAULT_US (100 * 1000LL) /* the broker is in trouble */
#define REST_TOPIC_US (500 * 1000LL) /* a person has to make a topic */
#define REST_END_US   (1000 * 1000LL)

#define WAIT_TOPIC "a topic: sluice topics create makes missing ones"

bool exact_is_late(struct exact *x)
{
    if (!atomic_load(&x->p->stop))
        return false;
    if (!x->late_us)
        x->late_us = clock_mono_us() + PUBLISHER_PURGE_MS * 1000LL;
    return clock_mono_us() >= x->late_us;
}

void exact_say_waiting(struct exact *x, const char *what, const char *error, const char *why)
{
    int64_t now_us = clock_mono_us();
    char text[400];

    if (!x->waits_us)
        x->waits_us = now_us;
    if (now_us - x->waits_us >= QUIET_US && publisher_may_say(&x->said_us))
        log_warn("transactions wait for the broker",
                 "what=\"%s\" error=%s text=%s outstanding=%lld", what, error,
                 log_quote(why, text, sizeof text), (long long)atomic_load(&x->p->outstanding));
}

/* ---- a batch comes back ---- */

static void settle(struct exact *x)
{
    struct kafka_batch *b = STEAL(x->batch);
    size_t count = b->count;

    assert(list_empty(&x->parcels) && list_empty(&b->outcomes));
    assert(outcomes_count(&b->acked) + outcomes_count(&b->again) + outcomes_count(&b->refused) ==
           count);
    x->doubt = false;
    x->p->setup.batch_settled(x->p->setup.arg, b);
    atomic_fetch_sub(&x->p->outstanding, (long long)count);
    atomic_fetch_sub(&x->p->batches, 1);
}

static void settle_again(struct exact *x, int64_t rest_us)
{
    outcomes_unpack(&x->parcels, &x->batch->again);
    list_splice(&x->batch->again, &x->batch->outcomes);
    x->batch->rest_us = rest_us;
    settle(x);
}

/* Something was committed: it goes well again. */
static void book_published(struct exact *x, const struct list_node *acked)
{
    const struct config *c = x->p->setup.config;

    for (const struct list_node *n = acked->next; n != acked; n = n->next) {
        const struct task *t = CONTAINER_OF(n, struct task, node);

        if (t->trace)
            trace_published(t->trace, clock_mono_us());
        atomic_fetch_add(&x->p->parked, t->park);
        atomic_fetch_add(&x->p->replies, !t->silent && !t->park);
        atomic_fetch_add(&x->p->dead_letters, parcel_wants_dead_letter(t, c));
    }
    x->fenced = 0;
    x->waits_us = 0;
    x->said_us = 0;
}

static void settle_committed(struct exact *x, int64_t took_us)
{
    pthread_mutex_lock(&x->p->lock);
    hist_record(&x->p->commit_us, took_us);
    pthread_mutex_unlock(&x->p->lock);
    atomic_fetch_add(&x->p->commits, 1);
    outcomes_unpack(&x->parcels, &x->batch->acked);
    book_published(x, &x->batch->acked);
    x->batch->published = true;
    settle(x);
}

/* The transaction is abandoned for certain, for this reason. */
static void settle_aborted(struct exact *x, const struct txn_error *why)
{
    static const int64_t rests[KAFKA_ABORT_REASONS] = {
        [KAFKA_ABORT_GROUP] = REST_GROUP_US,
        [KAFKA_ABORT_TOPIC] = REST_TOPIC_US,
        [KAFKA_ABORT_OTHER] = REST_FAULT_US,
    };
    enum kafka_abort reason = outcomes_abort_reason(&x->parcels, why->code);
    size_t replaced = 0;
    char text[300];

    log_info("transaction abandoned", "error=%s text=%s count=%zu", rd_kafka_err2name(why->code),
             log_quote(why->text, text, sizeof text), x->batch->count);
    if (reason == KAFKA_ABORT_TOPIC || reason == KAFKA_ABORT_OTHER) {
        routes_forget(x->routes); /* records time out where nobody leads a partition */
        exact_say_waiting(x, reason == KAFKA_ABORT_TOPIC ? WAIT_TOPIC : "another try",
                          rd_kafka_err2name(why->code), why->text);
    }
    atomic_fetch_add(&x->p->aborts[reason], 1);
    x->worn = reason == KAFKA_ABORT_REFUSED;
    x->batch->map_refused = reason == KAFKA_ABORT_MAP;
    x->batch->rest_us = rests[reason];
    if (reason == KAFKA_ABORT_REFUSED)
        replaced = outcomes_unpack_refused(&x->parcels, clock_wall_ms(), &x->batch->refused,
                                           &x->batch->again);
    else
        outcomes_unpack(&x->parcels, &x->batch->again);
    atomic_fetch_add(&x->p->undeliverable, replaced);
    settle(x);
}

/* ---- the producer ---- */

/* Afterwards nothing looks at the batch's memory any more. */
static void drop_producer(struct exact *x)
{
    atomic_store(&x->p->ready, false);
    x->worn = false;
    x->routes = routes_free(x->routes);
    txn_close(&x->txn);
}

static void raise_hopeless(struct exact *x)
{
    char msg[384];

    snprintf(msg, sizeof msg, "transactional.id %s: %s: %s", x->setup.id, x->txn.last.text,
             txn_advice(x->txn.last.code));
    log_error("transactions are impossible", "error=%s hint=\"%s\"",
              rd_kafka_err2name(x->txn.last.code), txn_advice(x->txn.last.code));
    kafka_fatal_raise(x->p->setup.fatal, msg);
    x->hopeless = true;
}

/* Two processes with one transactional.id would throw each other out for ever. */
static void count_fenced(struct exact *x)
{
    char msg[384];

    if (!txn_is_fenced(x->txn.last.code) || ++x->fenced < FENCED_MAX)
        return;
    snprintf(
        msg, sizeof msg,
        "another process uses transactional.id %s: give each worker a store path of its own, and "
        "do not copy one",
        x->setup.id);
    log_error("fenced time and again", "times=%d transactional_id=%s", x->fenced, x->setup.id);
    kafka_fatal_raise(x->p->setup.fatal, msg);
    x->hopeless = true;
}

static void replace_producer(struct exact *x, bool tainted)
{
    drop_producer(x);
    atomic_fetch_add(&x->p->rebuilds, 1);
    atomic_fetch_add(&x->p->taints, tainted);
}

/* The producer cannot go on, and what became of its transaction is not known. */
static void doubt_batch(struct exact *x, bool tainted)
{
    char text[300];

    if (tainted)
        log_info("producer is replaced: an answer was lost on the way", "count=%zu",
                 x->batch->count);
    else
        log_warn("producer is replaced", "error=%s text=%s count=%zu",
                 rd_kafka_err2name(x->txn.last.code),
                 log_quote(x->txn.last.text, text, sizeof text), x->batch->count);
    replace_producer(x, tainted);
    outcomes_unpack(&x->parcels, &x->batch->outcomes);
    x->doubt = true;
    atomic_fetch_add(&x->p->in_doubt, 1);
    if (!tainted)
        count_fenced(x);
}

/* One step towards a producer that has taken over the transactional.id. */
static void make_ready(struct exact *x)
{
    struct err e = {0};
    enum txn_verdict verdict;

    if (!txn_is_open(&x->txn)) {
        if (txn_open(&x->txn, &e) < 0) {
            exact_say_waiting(x, "a producer", "-", e.msg);
            publisher_wait(x->p, EXACT_SLICE_MS);
            return;
        }
        x->routes = routes_new(x->txn.client.rk);
    }
    verdict = txn_take_over(&x->txn, EXACT_SLICE_MS);
    if (verdict == TXN_GOOD) {
        atomic_store(&x->p->ready, true);
        return;
    }
    if (verdict == TXN_HOPELESS)
        raise_hopeless(x);
    else
        exact_say_waiting(x, "the transactional.id", rd_kafka_err2name(x->txn.last.code),
                          x->txn.last.text);
    if (verdict != TXN_REPEAT)
        drop_producer(x);
    if (verdict == TXN_REBUILD)
        count_fenced(x);
    publisher_wait(x->p, (int)(REST_FAULT_US / 1000));
}

/* Asks what became of the batch's transaction. The producer is a new one: it is decided by now. */
static void resolve(struct exact *x)
{
    rd_kafka_topic_partition_list_t *committed;
    struct kafka_batch *b = x->batch;
    struct err e = {0};
    size_t acked;

    if (doubt_ask(x->txn.client.rk, x->p->group, b->offsets, EXACT_SLICE_MS, &committed, &e)) {
        exact_say_waiting(x, "committed offsets", "-", e.msg);
        rd_kafka_poll(x->txn.client.rk, 0);
        publisher_wait(x->p, (int)(REST_FAULT_US / 1000));
        return;
    }
    acked = doubt_sort(x->p->group, committed, &b->outcomes, &b->acked, &b->again);
    rd_kafka_topic_partition_list_destroy(committed);
    if (acked)
        book_published(x, &b->acked);
    b->published = b->count && acked == b->count;
    log_info("batch in doubt is resolved", "committed=%zu again=%zu", acked, b->count - acked);
    settle(x);
}

/* ---- a batch goes out ---- */

/* Begins, and goes on to the end that can be known. A batch that has none stays away: in doubt, or, when
 * the publisher stops, for close() to give back. */
static void carry(struct exact *x)
{
    int64_t began_us = clock_mono_us();
    enum txn_verdict verdict = exact_transact(x);
    bool committed = verdict == TXN_GOOD;
    struct txn_error why = x->txn.last;
    /* An abort is certain, unless a commit may have arrived before it. */
    bool doubt = committed ? taint_is_set(&x->txn.taint) : taint_lost_end(&x->txn.taint);

    if (verdict == TXN_ABORT)
        verdict = exact_abandon(x);
    if (verdict == TXN_REPEAT)
        return; /* the broker is away, and it is late */
    if (verdict == TXN_HOPELESS)
        raise_hopeless(x);
    else if (verdict != TXN_GOOD)
        doubt_batch(x, false);
    else if (doubt)
        doubt_batch(x, true);
    else if (committed)
        settle_committed(x, clock_mono_us() - began_us);
    else
        settle_aborted(x, &why);
}

static void start(struct exact *x, struct kafka_batch *b)
{
    struct list_node waiting;
    struct place found;
    int placed;

    assert(!x->batch && outcomes_count(&b->outcomes) == b->count);
    x->batch = b;
    if (x->hopeless) {
        settle_again(x, REST_END_US);
        return;
    }
    assert(b->group && b->offsets && b->offsets->cnt > 0);
    outcomes_pack(&b->outcomes, x->p->setup.config, &x->parcels);
    placed = place_all(x->routes, &x->parcels, &waiting, &found);
    atomic_fetch_add(&x->p->undeliverable, found.replaced);
    if (placed == PLACE_GOOD) {
        carry(x);
        return;
    }
    exact_say_waiting(x, WAIT_TOPIC, rd_kafka_err2name(found.err), found.topic);
    if (placed == PLACE_NOT_NOW) {
        settle_again(x, REST_TOPIC_US);
        return;
    }
    outcomes_unpack(&waiting, &b->refused); /* the intake takes them apart from the others */
    settle_again(x, REST_FAULT_US);
}

/* ---- the thread ---- */

static bool is_over(struct exact *x)
{
    return atomic_load(&x->p->stop) && (!atomic_load(&x->p->batches) || exact_is_late(x));
}

/* With a producer that is ready and nothing away. */
static void next_batch(struct exact *x)
{
    struct kafka_batch *b;

    if (x->worn || taint_is_set(&x->txn.taint)) {
        log_info("producer is replaced before the next transaction", "reason=%s",
                 x->worn ? "refused_records" : "lost_answer");
        replace_producer(x, !x->worn);
    } else if ((b = publisher_take_one(x->p))) {
        start(x, b);
    } else {
        rd_kafka_poll(x->txn.client.rk, 0);
        publisher_wait(x->p, PUBLISHER_IDLE_MS);
    }
}

/* Nothing can be published any more: what comes goes back. */
static void refuse_all(struct exact *x)
{
    struct kafka_batch *b;

    drop_producer(x);
    if (x->batch)
        settle_again(x, REST_END_US);
    else if ((b = publisher_take_one(x->p)))
        start(x, b);
    else
        publisher_wait(x->p, PUBLISHER_IDLE_MS);
}

static void run(void *way)
{
    struct exact *x = way;

    while (!is_over(x)) {
        publisher_clear_wake(x->p);
        if (x->hopeless)
            refuse_all(x);
        else if (!x->txn.ready)
            make_ready(x);
        else if (x->doubt)
            resolve(x);
        else
            next_batch(x);
    }
}

/* What is left goes back unpublished; its records stay open. Whether a transaction of which no answer came
 * is committed is seen by the next owner of the partitions. */
static void close_exact(void *way)
{
    struct exact *x = way;
    struct kafka_batch *b;

    drop_producer(x);
    if (x->batch)
        settle_again(x, 0);
    while ((b = publisher_take_one(x->p))) {
        x->batch = b;
        settle_again(x, 0);
    }
    free(x);
}

static void *open_exact(struct kafka_publisher *p, struct err *e)
{
    struct exact *x = mem_alloc(sizeof *x);

    x->p = p;
    list_init(&x->parcels);
    x->setup = (struct txn_setup){
        .config = p->setup.config,
        .id = p->setup.transactional_id,
        .defaults = publisher_defaults,
        .max_bytes = publisher_max_bytes(p, x->max_bytes),
        .owner = x,
        .delivered = exact_delivered,
    };
    txn_init(&x->txn, &x->setup);
    if (txn_open(&x->txn, e) < 0) { /* what is wrong in the configuration is said here */
        free(x);
        return NULL;
    }
    x->routes = routes_new(x->txn.client.rk);
    return x;
}

const struct publisher_way publisher_exact = {open_exact, run, close_exact};
