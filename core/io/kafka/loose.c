/*
 * loose: at_least_once. An outcome is published at once, or with those that come soon after it, and reported as soon
 * as the broker has acknowledged its records; the intake commits behind the acknowledgements. Outcomes are retried for
 * as long as the broker is away; one that the broker can never take is replaced (refusal.h), so that
 * nothing stands in the way of the others.
 *
 * librdkafka's queue wakes the thread, too. Everything here runs on the publisher thread, but for open and
 * close, when there is none.
 */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/kafka/hold.h"
#include "io/kafka/parcel.h"
#include "io/kafka/publisher.h"
#include "io/kafka/refusal.h"

#define RETRY_US (500 * 1000LL) /* a record that failed for a reason that may pass */
#define HOLD_RETRY_US                                                                              \
    (50 * 1000LL) /* embedded broker: how often the readers' progress is asked for */
#define SILENCE_US (5 * 1000000LL)

/*
 * A request to the broker carries records of one partition, and costs it and us as much as dozens of records. So what
 * comes soon after the last sending is gathered, as long as it is much: few records go sooner, and a lone one at once.
 * The client's own linger.ms would keep the lone one, too.
 */
#define GATHER_US   (50 * 1000LL)
#define GATHER_MANY 2000
#define FEW         16
#define FEW_US      (5 * 1000LL)
#define HURRY_MS    5 /* for the client to send what would else wait for linger.ms */

struct loose {
    struct kafka_publisher *p;
    struct kafka_client client;
    struct hold *hold; /* embedded broker, else NULL */

    struct list_node pending; /* parcels to be produced now */
    struct list_node later;   /* parcels to be tried again at retry_us */
    struct list_node held;    /* parcels whose partition is full, tried again at hold_us */
    struct list_node flying;  /* parcels with the client */
    struct list_node acked;   /* tasks, to be settled at the end of the round */
    struct list_node refused; /* likewise: they cannot be parked */
    int64_t retry_us, hold_us, said_us;
    int64_t moved_us; /* last acknowledgement, or when the client had nothing */
    bool lingers; /* the client gathers: linger.ms is the user's, or the broker an embedded one */
    size_t many;  /* so many outcomes are not kept for more */
    size_t gathered; /* outcomes in `pending` that came since the last sending */
    int64_t sent_us; /* that was */
    bool fresh;      /* the client got records just now */
};

static void settle_one(struct loose *l, struct parcel *pc)
{
    if (pc->task->trace)
        trace_published(pc->task->trace, clock_mono_us());
    list_push(&l->acked, &pc->task->node);
    parcel_free(pc);
}

static void try_later(struct loose *l, struct parcel *pc, const struct parcel_record *r,
                      rd_kafka_resp_err_t err)
{
    atomic_fetch_add(&l->p->retries, 1);
    list_push(&l->later, &pc->node);
    l->retry_us = clock_mono_us() + RETRY_US;
    if (!publisher_may_say(&l->said_us))
        return;
    log_warn(
        "replies cannot be published, trying again",
        "error=%s topic=%s outstanding=%lld hint=\"sluice topics create makes missing topics\"",
        rd_kafka_err2name(err), parcel_topic(pc, r), (long long)atomic_load(&l->p->outstanding));
}

/* The record r of a parcel was refused, at once or by its delivery report. The parcel is in no list. */
static void refused(struct loose *l, struct parcel *pc, struct parcel_record *r,
                    rd_kafka_resp_err_t err)
{
    switch (refusal_accept(pc, r, err, clock_wall_ms())) {
    case REFUSAL_PASSES:
        try_later(l, pc, r, err);
        break;
    case REFUSAL_REPLY:
        atomic_fetch_add(&l->p->undeliverable, 1);
        list_push(&l->pending, &pc->node);
        break;
    case REFUSAL_PARKING:
        list_push(&l->refused, &pc->task->node);
        parcel_free(pc);
        break;
    case REFUSAL_DEAD_LETTER:
        if (parcel_done(pc))
            settle_one(l, pc);
        else
            list_push(&l->pending, &pc->node);
        break;
    }
}

static void on_delivered(void *owner, const rd_kafka_message_t *m)
{
    struct loose *l = owner;
    struct parcel_record *r = m->_private;
    struct parcel *pc = r->parcel;

    parcel_delivered(r, m);
    if (r == &pc->reply && l->hold)
        hold_result(l->hold, pc, m->err ? -1 : m->offset);
    if (r->delivered) {
        l->moved_us = 0;
        kafka_client_reached(&l->client);
    }
    if (r->delivered)
        atomic_fetch_add(pc->task->park    ? &l->p->parked
                         : r == &pc->reply ? &l->p->replies
                                           : &l->p->dead_letters,
                         1);
    if (parcel_flying(pc))
        return; /* the other record's report decides for both */
    list_remove(&pc->node);
    if (parcel_done(pc))
        settle_one(l, pc);
    else if (m->err)
        refused(l, pc, r, m->err);
    else
        list_push(&l->pending, &pc->node);
}

/* Hands what is wanted and not delivered to the client. Returns false when its queue is full. */
static bool produce(struct loose *l, struct parcel *pc)
{
    rd_kafka_resp_err_t err = 0;
    struct parcel_record *r = &pc->reply;
    int32_t partition = RD_KAFKA_PARTITION_UA;

    if (!r->delivered && !r->flying) {
        if (l->hold && !hold_take(l->hold, pc, &partition)) {
            atomic_fetch_add(&l->p->held, 1);
            list_push(&l->held, &pc->node);
            return true;
        }
        err = parcel_send_reply(pc, l->client.rk, partition);
        if (err && l->hold)
            hold_result(l->hold, pc, -1);
    }
    if (!err && pc->dead_letter.wanted && !pc->dead_letter.delivered && !pc->dead_letter.flying) {
        r = &pc->dead_letter;
        err = parcel_send_dead_letter(pc, l->client.rk, l->p->group);
    }
    l->fresh = l->fresh || parcel_flying(pc);
    if (parcel_flying(pc)) /* a failed second record is seen again when the first is reported */
        list_push(&l->flying, &pc->node);
    else if (err == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        list_push_front(&l->pending, &pc->node);
    else
        refused(l, pc, r, err);
    return err != RD_KAFKA_RESP_ERR__QUEUE_FULL;
}

static void take_batches(struct loose *l)
{
    struct list_node batches, *n, *tn;

    publisher_take(l->p, &batches);
    while ((n = list_pop(&batches))) {
        struct kafka_batch *b = CONTAINER_OF(n, struct kafka_batch, node);

        l->gathered += b->count;
        while ((tn = list_pop(&b->outcomes))) {
            struct task *t = CONTAINER_OF(tn, struct task, node);
            struct parcel *pc = parcel_new(t, l->p->setup.config);

            if (parcel_done(pc)) /* nothing is to be published of it */
                settle_one(l, pc);
            else
                list_push(&l->pending, &pc->node);
        }
        batch_free(b);
    }
}

static void hand_back(struct loose *l, struct list_node *returned)
{
    int64_t n = 0;

    for (struct list_node *i = l->acked.next; i != &l->acked; i = i->next)
        n++;
    for (struct list_node *i = returned->next; i != returned; i = i->next)
        n++;
    if (!n)
        return;
    l->p->setup.settled(l->p->setup.arg, &l->acked, returned);
    atomic_fetch_sub(&l->p->outstanding, n);
}

static void produce_pending(struct loose *l, int64_t now_us)
{
    struct list_node *n;

    if (!list_empty(&l->later) && now_us >= l->retry_us)
        list_splice(&l->pending, &l->later);
    if (l->hold && !list_empty(&l->held) && now_us >= l->hold_us) {
        l->hold_us = now_us + HOLD_RETRY_US;
        if (hold_refresh(l->hold, now_us))
            list_splice(&l->pending, &l->held);
    }
    while ((n = list_pop(&l->pending)))
        if (!produce(l, CONTAINER_OF(n, struct parcel, node)))
            break;
}

static int64_t due_us(const struct loose *l)
{
    if (l->lingers || l->gathered >= l->many)
        return 0;
    return l->sent_us + (l->gathered <= FEW ? FEW_US : GATHER_US);
}

static void send_when_due(struct loose *l)
{
    int64_t now_us = clock_mono_us();

    if (now_us < due_us(l))
        return;
    l->fresh = false;
    produce_pending(l, now_us);
    l->gathered =
        list_empty(&l->pending) ? 0 : l->many; /* the client is full: at its next report */
    if (!l->fresh)
        return;
    l->sent_us = now_us;
    if (!l->lingers)
        (void)rd_kafka_flush(l->client.rk,
                             HURRY_MS); /* what is not acknowledged by then is on its way */
}

static int wait_ms(const struct loose *l)
{
    int64_t now_us = clock_mono_us(), until_us = now_us + 500 * 1000;

    if (!list_empty(&l->pending) && due_us(l) <= now_us)
        return 5; /* the client's queue is full: a delivery report wakes us, or this */
    if (!list_empty(&l->pending))
        until_us = due_us(l);
    if (!list_empty(&l->later) && l->retry_us < until_us)
        until_us = l->retry_us;
    if (!list_empty(&l->held) && l->hold_us < until_us)
        until_us = l->hold_us;
    if (until_us < due_us(l))
        until_us = due_us(l);
    return until_us <= now_us ? 0 : (int)((until_us - now_us) / 1000) + 1;
}

/* What is still here at the end goes back unpublished; its records stay open in the ledger. The client is
 * gone by now, so nothing looks at the memory of these tasks any more. */
static void give_back_all(struct loose *l)
{
    struct list_node *lists[] = {&l->pending, &l->later, &l->held, &l->flying};
    struct list_node returned, *n;

    list_init(&returned);
    list_splice(&returned, &l->refused);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        while ((n = list_pop(lists[i]))) {
            struct parcel *pc = CONTAINER_OF(n, struct parcel, node);

            list_push(&returned, &pc->task->node);
            parcel_free(pc);
        }
    hand_back(l, &returned);
}

/* librdkafka keeps quiet about a broker that went away shortly after it was away before. */
static void watch_silence(struct loose *l)
{
    int64_t now_us = clock_mono_us();

    if (list_empty(&l->flying) || !l->moved_us)
        l->moved_us = now_us;
    if (now_us - l->moved_us < SILENCE_US || !publisher_may_say(&l->said_us))
        return;
    log_warn("the broker does not acknowledge replies, they wait for it",
             "for_s=%lld outstanding=%lld", (long long)(now_us - l->moved_us) / 1000000,
             (long long)atomic_load(&l->p->outstanding));
}

static void run(void *way)
{
    struct loose *l = way;

    while (!atomic_load(&l->p->stop)) {
        publisher_clear_wake(l->p);
        take_batches(l);
        send_when_due(l);
        while (rd_kafka_poll(l->client.rk, 0) > 0)
            ;
        hand_back(l, &l->refused);
        watch_silence(l);
        publisher_wait(l->p, wait_ms(l));
    }
    take_batches(l);
    rd_kafka_purge(l->client.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(l->client.rk, PUBLISHER_PURGE_MS);
}

static void close_loose(void *way)
{
    struct loose *l = way;

    hold_free(l->hold);
    kafka_client_close(&l->client);
    give_back_all(l);
    free(l);
}

/* librdkafka writes to the eventfd when a delivery report arrives in an empty queue. */
static void wake_on_events(struct loose *l)
{
    static const uint64_t one = 1;
    rd_kafka_queue_t *q = rd_kafka_queue_get_main(l->client.rk);

    rd_kafka_queue_io_event_enable(q, l->p->wake_fd, &one, sizeof one);
    rd_kafka_queue_destroy(q);
}

static int open_client(struct loose *l, struct err *e)
{
    char max[PUBLISHER_MAX_DIGITS];
    struct kafka_pair forced[] = {
        {"enable.idempotence", "true"},
        {"acks", "all"},
        /* Retried for as long as the broker is away; the pool's bound is what limits the queue. */
        {"message.timeout.ms", "0"},
        {"message.max.bytes", publisher_max_bytes(l->p, max)},
        {NULL, NULL},
    };

    l->client = (struct kafka_client){
        .name = "publisher", .owner = l, .delivered = on_delivered, .fatal = l->p->setup.fatal};
    return kafka_client_open(&l->client, RD_KAFKA_PRODUCER, l->p->setup.config, publisher_defaults,
                             forced, e);
}

static void *open_loose(struct kafka_publisher *p, struct err *e)
{
    struct loose *l = mem_alloc(sizeof *l);

    l->p = p;
    l->lingers = p->setup.embedded || kafka_producer_property(p->setup.config, "linger.ms") ||
                 kafka_producer_property(p->setup.config, "queue.buffering.max.ms");
    l->many = batch_many(p->setup.config, GATHER_MANY);
    list_init(&l->pending);
    list_init(&l->later);
    list_init(&l->held);
    list_init(&l->flying);
    list_init(&l->acked);
    list_init(&l->refused);
    if (open_client(l, e) < 0) {
        free(l);
        return NULL;
    }
    if (p->setup.embedded && !(l->hold = hold_new(p->setup.config, l->client.rk, e))) {
        kafka_client_close(&l->client);
        free(l);
        return NULL;
    }
    wake_on_events(l);
    return l;
}

const struct publisher_way publisher_loose = {open_loose, run, close_loose};
