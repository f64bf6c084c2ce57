/*
 * publisher: one thread, sole owner of the idempotent producer. It takes batches of outcomes, produces
 * each one's reply (and dead letter), and reports what the broker acknowledged. Outcomes are retried for
 * as long as the broker is away; one that the broker can never take becomes a small error reply plus a
 * dead letter, so that nothing stands in the way of the others. It knows nothing of offsets or ledgers:
 * the intake commits behind the acknowledgements.
 *
 * The thread sleeps on one eventfd, which submit() and librdkafka's queue both write to. Everything
 * below without a lock in its name runs on the publisher thread.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/kafka/client.h"
#include "io/kafka/hold.h"
#include "io/kafka/parcel.h"

#define RETRY_US (500 * 1000LL) /* a record that failed for a reason that may pass */
#define HOLD_RETRY_US                                                                              \
    (50 * 1000LL) /* embedded broker: how often the readers' progress is asked for */
#define SILENCE_US    (5 * 1000000LL)
#define PURGE_MS      2000
#define WARN_EVERY_US (10 * 1000000LL)

struct kafka_publisher {
    struct kafka_publisher_setup setup;
    struct kafka_client client;
    const char *group;
    struct hold *hold; /* embedded broker, else NULL */
    int wake_fd;
    pthread_t thread;
    bool started;

    pthread_mutex_t lock;   /* guards inbox only */
    struct list_node inbox; /* of struct kafka_batch */
    atomic_bool stop;
    atomic_llong outstanding;

    struct list_node pending; /* parcels to be produced now */
    struct list_node later;   /* parcels to be tried again at retry_us */
    struct list_node held;    /* parcels whose partition is full, tried again at hold_us */
    struct list_node flying;  /* parcels with the client */
    struct list_node acked;   /* tasks, to be settled at the end of the round */
    int64_t retry_us, hold_us, said_us;
    int64_t moved_us; /* last acknowledgement, or when the client had nothing */
    bool queue_full;
    atomic_ullong replies, dead_letters, undeliverable, retries, holds;
};

/* The topic is missing or closed to us. For the topics of the configuration that is put right by a person,
 * and waiting loses nothing. */
static bool is_topic_missing(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
}

/* Errors after which the same record would be refused again. */
static bool is_permanent(rd_kafka_resp_err_t err)
{
    if (is_topic_missing(err))
        return true;
    switch (err) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
        return true;
    default:
        return false;
    }
}

static void settle_one(struct kafka_publisher *p, struct parcel *pc)
{
    list_push(&p->acked, &pc->task->node);
    parcel_free(pc);
}

static void try_later(struct kafka_publisher *p, struct parcel *pc, const struct parcel_record *r,
                      rd_kafka_resp_err_t err)
{
    int64_t now_us = clock_mono_us();

    atomic_fetch_add(&p->retries, 1);
    list_push(&p->later, &pc->node);
    p->retry_us = now_us + RETRY_US;
    if (p->said_us && now_us - p->said_us < WARN_EVERY_US)
        return;
    p->said_us = now_us;
    log_warn(
        "replies cannot be published, trying again",
        "error=%s topic=%s outstanding=%lld hint=\"sluice topics create makes missing topics\"",
        rd_kafka_err2name(err), r == &pc->reply ? pc->topic : p->setup.config->topics.dead_letter,
        (long long)atomic_load(&p->outstanding));
}

/* The record r of a parcel was refused, at once or by its delivery report. The parcel is in no list. */
static void refused(struct kafka_publisher *p, struct parcel *pc, struct parcel_record *r,
                    rd_kafka_resp_err_t err)
{
    bool wait = is_topic_missing(err) &&
                (r == &pc->dead_letter || strcmp(pc->topic, p->setup.config->topics.replies) == 0);

    if (wait || !is_permanent(err)) {
        try_later(p, pc, r, err);
        return;
    }
    if (r == &pc->reply && !pc->undeliverable) {
        atomic_fetch_add(&p->undeliverable, 1);
        log_error("reply cannot be delivered, an error reply takes its place",
                  "error=%s topic=%s partition=%d offset=%lld bytes=%zu", rd_kafka_err2name(err),
                  pc->task->origin.topic, (int)pc->task->origin.partition,
                  (long long)pc->task->origin.offset, pc->task->reply_len);
        parcel_give_up(pc, rd_kafka_err2str(err), clock_wall_ms());
        list_push(&p->pending, &pc->node);
        return;
    }
    if (r == &pc->dead_letter) {
        log_error("dead letter refused, only the error reply is published",
                  "error=%s topic=%s partition=%d offset=%lld", rd_kafka_err2name(err),
                  pc->task->origin.topic, (int)pc->task->origin.partition,
                  (long long)pc->task->origin.offset);
        r->wanted = false;
        if (parcel_done(pc))
            settle_one(p, pc);
        else
            list_push(&p->pending, &pc->node);
        return;
    }
    try_later(p, pc, r, err);
}

static void on_delivered(void *owner, const rd_kafka_message_t *m)
{
    struct kafka_publisher *p = owner;
    struct parcel_record *r = m->_private;
    struct parcel *pc = r->parcel;

    r->flying = false;
    r->delivered = !m->err;
    if (r == &pc->reply && p->hold)
        hold_result(p->hold, pc, m->err ? -1 : m->offset);
    if (r->delivered)
        p->moved_us = 0;
    if (r->delivered)
        atomic_fetch_add(r == &pc->reply ? &p->replies : &p->dead_letters, 1);
    if (parcel_flying(pc))
        return; /* the other record's report decides for both */
    list_remove(&pc->node);
    if (parcel_done(pc))
        settle_one(p, pc);
    else if (m->err)
        refused(p, pc, r, m->err);
    else
        list_push(&p->pending, &pc->node);
}

/* Hands what is wanted and not delivered to the client. Returns false when its queue is full. */
static bool produce(struct kafka_publisher *p, struct parcel *pc)
{
    rd_kafka_resp_err_t err = 0;
    struct parcel_record *r = &pc->reply;
    int32_t partition = RD_KAFKA_PARTITION_UA;

    if (!r->delivered && !r->flying) {
        if (p->hold && !hold_take(p->hold, pc, &partition)) {
            atomic_fetch_add(&p->holds, 1);
            list_push(&p->held, &pc->node);
            return true;
        }
        err = parcel_send_reply(pc, p->client.rk, partition);
        if (err && p->hold)
            hold_result(p->hold, pc, -1);
    }
    if (!err && pc->dead_letter.wanted && !pc->dead_letter.delivered && !pc->dead_letter.flying) {
        r = &pc->dead_letter;
        err = parcel_send_dead_letter(pc, p->client.rk, p->group);
    }
    if (parcel_flying(pc)) /* a failed second record is seen again when the first is reported */
        list_push(&p->flying, &pc->node);
    else if (err == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        list_push_front(&p->pending, &pc->node);
    else
        refused(p, pc, r, err);
    return err != RD_KAFKA_RESP_ERR__QUEUE_FULL;
}

static void take_batches(struct kafka_publisher *p)
{
    struct list_node batches, *n, *tn;

    pthread_mutex_lock(&p->lock);
    list_detach(&p->inbox, &batches);
    pthread_mutex_unlock(&p->lock);
    while ((n = list_pop(&batches))) {
        struct kafka_batch *b = CONTAINER_OF(n, struct kafka_batch, node);

        while ((tn = list_pop(&b->outcomes))) {
            struct task *t = CONTAINER_OF(tn, struct task, node);
            struct parcel *pc = parcel_new(t, p->setup.config);

            list_push(&p->pending, &pc->node);
        }
        free(b);
    }
}

static void hand_back(struct kafka_publisher *p, struct list_node *returned)
{
    struct list_node none;
    int64_t n = 0;

    list_init(&none);
    if (!returned)
        returned = &none;
    for (struct list_node *i = p->acked.next; i != &p->acked; i = i->next)
        n++;
    for (struct list_node *i = returned->next; i != returned; i = i->next)
        n++;
    if (!n)
        return;
    p->setup.settled(p->setup.arg, &p->acked, returned);
    atomic_fetch_sub(&p->outstanding, n);
}

static void produce_pending(struct kafka_publisher *p)
{
    int64_t now_us = clock_mono_us();
    struct list_node *n;

    if (!list_empty(&p->later) && now_us >= p->retry_us)
        list_splice(&p->pending, &p->later);
    if (p->hold && !list_empty(&p->held) && now_us >= p->hold_us) {
        p->hold_us = now_us + HOLD_RETRY_US;
        if (hold_refresh(p->hold, now_us))
            list_splice(&p->pending, &p->held);
    }
    while ((n = list_pop(&p->pending)))
        if (!produce(p, CONTAINER_OF(n, struct parcel, node)))
            break;
}

static int wait_ms(const struct kafka_publisher *p)
{
    int64_t now_us = clock_mono_us(), until_us = now_us + 500 * 1000;

    if (!list_empty(&p->pending))
        return 5; /* the client's queue is full: a delivery report wakes us, or this */
    if (!list_empty(&p->later) && p->retry_us < until_us)
        until_us = p->retry_us;
    if (!list_empty(&p->held) && p->hold_us < until_us)
        until_us = p->hold_us;
    return until_us <= now_us ? 0 : (int)((until_us - now_us) / 1000) + 1;
}

static void clear_wake(struct kafka_publisher *p)
{
    uint64_t count;

    if (read(p->wake_fd, &count, sizeof count) < 0 && errno != EAGAIN)
        log_error("publisher wake-up failed", "errno=%d", errno);
}

/* What is still here at the end goes back unpublished; its records stay open in the ledger. The client is
 * gone by now, so nothing looks at the memory of these tasks any more. */
static void give_back_all(struct kafka_publisher *p)
{
    struct list_node *lists[] = {&p->pending, &p->later, &p->held, &p->flying};
    struct list_node returned, *n;

    list_init(&returned);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        while ((n = list_pop(lists[i]))) {
            struct parcel *pc = CONTAINER_OF(n, struct parcel, node);

            list_push(&returned, &pc->task->node);
            parcel_free(pc);
        }
    hand_back(p, &returned);
}

/* librdkafka keeps quiet about a broker that went away shortly after it was away before. */
static void watch_silence(struct kafka_publisher *p)
{
    int64_t now_us = clock_mono_us();

    if (list_empty(&p->flying) || !p->moved_us)
        p->moved_us = now_us;
    if (now_us - p->moved_us < SILENCE_US || (p->said_us && now_us - p->said_us < WARN_EVERY_US))
        return;
    p->said_us = now_us;
    log_warn("the broker does not acknowledge replies, they wait for it",
             "for_s=%lld outstanding=%lld", (long long)(now_us - p->moved_us) / 1000000,
             (long long)atomic_load(&p->outstanding));
}

static void *run(void *arg)
{
    struct kafka_publisher *p = arg;
    struct pollfd fd = {.fd = p->wake_fd, .events = POLLIN};

    pthread_setname_np(pthread_self(), "publisher");
    while (!atomic_load(&p->stop)) {
        clear_wake(p);
        take_batches(p);
        produce_pending(p);
        while (rd_kafka_poll(p->client.rk, 0) > 0)
            ;
        hand_back(p, NULL);
        watch_silence(p);
        poll(&fd, 1, wait_ms(p));
    }
    take_batches(p);
    rd_kafka_purge(p->client.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(p->client.rk, PURGE_MS);
    return NULL;
}

static void wake(struct kafka_publisher *p)
{
    uint64_t one = 1;

    if (write(p->wake_fd, &one, sizeof one) < 0 && errno != EAGAIN)
        log_error("publisher wake-up failed", "errno=%d", errno);
}

/* librdkafka writes to the eventfd when a delivery report arrives in an empty queue. */
static void wake_on_events(struct kafka_publisher *p)
{
    static const uint64_t one = 1;
    rd_kafka_queue_t *q = rd_kafka_queue_get_main(p->client.rk);

    rd_kafka_queue_io_event_enable(q, p->wake_fd, &one, sizeof one);
    rd_kafka_queue_destroy(q);
}

static int open_client(struct kafka_publisher *p, struct err *e)
{
    static const struct kafka_pair defaults[] = {
        {"linger.ms", "5"},
        {"compression.type", "lz4"},
        {"partitioner", "murmur2_random"},
        {"queue.buffering.max.kbytes", "65536"},
        {NULL, NULL},
    };
    struct kafka_pair forced[] = {
        {"enable.idempotence", "true"},
        {"acks", "all"},
        /* Retried for as long as the broker is away; the pool's bound is what limits the queue. */
        {"message.timeout.ms", "0"},
        {"message.max.bytes", NULL},
        {NULL, NULL},
    };
    char max[24];

    /* The largest reply and its headers must pass the client; the broker may still refuse it. An embedded
     * broker loses messages over 2.5 MB: it gets the library's 1 MB. */
    if (!p->setup.embedded && p->setup.config->limits.reply_bytes > 900 * 1000 &&
        !kafka_producer_property(p->setup.config, "message.max.bytes")) {
        int64_t want = p->setup.config->limits.reply_bytes + 64 * 1024;

        snprintf(max, sizeof max, "%lld", (long long)(want < 1000000000 ? want : 1000000000));
        forced[3].value = max;
    }
    return kafka_client_open(&p->client, RD_KAFKA_PRODUCER, p->setup.config, defaults, forced, e);
}

struct kafka_publisher *kafka_publisher_new(const struct kafka_publisher_setup *setup,
                                            struct err *e)
{
    struct kafka_publisher *p = mem_alloc(sizeof *p);
    const char *group = kafka_consumer_property(setup->config, "group.id");

    p->setup = *setup;
    p->group = group ? group : "";
    p->client = (struct kafka_client){
        .name = "publisher", .owner = p, .delivered = on_delivered, .fatal = setup->fatal};
    pthread_mutex_init(&p->lock, NULL);
    list_init(&p->inbox);
    list_init(&p->pending);
    list_init(&p->later);
    list_init(&p->held);
    list_init(&p->flying);
    list_init(&p->acked);
    p->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (p->wake_fd < 0) {
        err_set(e, EX_OSERR, "publisher: eventfd: %m");
        return kafka_publisher_free(p);
    }
    if (open_client(p, e) < 0)
        return kafka_publisher_free(p);
    if (setup->embedded && !(p->hold = hold_new(setup->config, p->client.rk, e)))
        return kafka_publisher_free(p);
    wake_on_events(p);
    if (pthread_create(&p->thread, NULL, run, p)) {
        err_set(e, EX_OSERR, "publisher: cannot start a thread");
        return kafka_publisher_free(p);
    }
    p->started = true;
    return p;
}

void kafka_publisher_submit(struct kafka_publisher *p, struct kafka_batch *b)
{
    atomic_fetch_add(&p->outstanding, (long long)b->count);
    pthread_mutex_lock(&p->lock);
    list_push(&p->inbox, &b->node);
    pthread_mutex_unlock(&p->lock);
    wake(p);
}

bool kafka_publisher_flush(struct kafka_publisher *p, int64_t timeout_ms)
{
    int64_t until_us = clock_mono_us() + timeout_ms * 1000;

    while (atomic_load(&p->outstanding) > 0 && clock_mono_us() < until_us)
        poll(NULL, 0, 5);
    return atomic_load(&p->outstanding) == 0;
}

struct kafka_publisher *kafka_publisher_free(struct kafka_publisher *p)
{
    if (!p)
        return NULL;
    if (p->started) {
        atomic_store(&p->stop, true);
        wake(p);
        pthread_join(p->thread, NULL);
    }
    p->hold = hold_free(p->hold);
    kafka_client_close(&p->client);
    if (p->started)
        give_back_all(p);
    if (p->wake_fd >= 0)
        close(p->wake_fd);
    pthread_mutex_destroy(&p->lock);
    free(p);
    return NULL;
}

void kafka_publisher_stats(struct kafka_publisher *p, struct kafka_publisher_stats *ret)
{
    *ret = (struct kafka_publisher_stats){
        .replies = atomic_load(&p->replies),
        .dead_letters = atomic_load(&p->dead_letters),
        .undeliverable = atomic_load(&p->undeliverable),
        .retries = atomic_load(&p->retries),
        .held = atomic_load(&p->holds),
        .outstanding = atomic_load(&p->outstanding),
    };
}
