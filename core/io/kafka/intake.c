/*
 * intake: one thread, sole owner of the consumer and the ledgers. It reads records into a small stock,
 * feeds the pool from it while that has room, and moves the ledgers when replies are acknowledged. It never blocks
 * longer than a poll, except for the bounded waits of a rebalance (rebalance.c), and keeps polling while
 * everything is paused, because the group throws out a member that does not.
 *
 * Pausing throws the client's prefetched records away, and it takes the client up to a second to fetch
 * again after a resume. That is what the stock is for: partitions pause when it is full and resume at
 * half, and the pool never waits for either. Records enter the ledger when they leave the stock.
 */
#include "io/kafka/intake.h"

#include <poll.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/kafka/adopt.h"
#include "io/kafka/batch.h"
#include "io/kafka/delay.h"
#include "io/kafka/guard.h"
#include "io/kafka/range.h"

#define POLL_MS      10
#define ROUND_MAX    500 /* records between two looks at everything else */
#define WAKE_MANY    1000
#define CLOSE_MS     5000
#define SAY_EVERY_US (10 * 1000000LL)

struct kafka_part *intake_find(struct kafka_intake *in, const char *topic, int32_t partition)
{
    struct kafka_part *p = in->last;

    if (p && p->partition == partition && strcmp(p->topic, topic) == 0)
        return p;
    for (size_t i = 0; i < in->nparts; i++) {
        p = in->parts[i];
        if (p->partition == partition && strcmp(p->topic, topic) == 0)
            return in->last = p;
    }
    return NULL;
}

void intake_retire(struct kafka_intake *in, struct kafka_part *p, bool same_log)
{
    struct intake_stock *stock = pause_stock_of(in, p);
    struct task *t;

    in->last = NULL;
    atomic_store(&p->owned, false);
    while ((t = part_unhold(p))) {
        stock->tasks--;
        stock->bytes -= (int64_t)t->raw_len;
        part_task_free(t);
    }
    adopt_leave(in, p, same_log);
    part_unref(p);
}

bool intake_may_say(int64_t *said_us)
{
    int64_t now_us = clock_mono_us();

    if (*said_us && now_us - *said_us < SAY_EVERY_US)
        return false;
    *said_us = now_us;
    return true;
}

/* ---- records ---- */

static void take_error(struct kafka_intake *in, const rd_kafka_message_t *m)
{
    char text[400];

    switch (m->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
    case RD_KAFKA_RESP_ERR__TRANSPORT: /* client.c reports brokers that are away */
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        break;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
        range_gone(in, m);
        break;
    case RD_KAFKA_RESP_ERR__FATAL:
        kafka_client_fatal(&in->client);
        break;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        if (intake_may_say(&in->said_read_us))
            log_error("request topic does not exist, waiting for it", "topic=%s hint=\"%s\"",
                      m->rkt ? rd_kafka_topic_name(m->rkt) : "?", "sluice topics create makes it");
        break;
    default:
        if (intake_may_say(&in->said_read_us))
            log_warn("reading failed, going on", "error=%s text=%s", rd_kafka_err2name(m->err),
                     log_quote(rd_kafka_message_errstr(m), text, sizeof text));
    }
}

static void take_message(struct kafka_intake *in, const rd_kafka_message_t *m)
{
    struct kafka_part *p;
    struct task *t;

    if (m->err) {
        take_error(in, m);
        return;
    }
    kafka_client_reached(&in->client);
    p = intake_find(in, rd_kafka_topic_name(m->rkt), m->partition);
    if (!p)
        return; /* not ours any more */
    atomic_fetch_add(&in->records, 1);
    p = range_check(in, p, m->offset);
    if (p->ledger && m->offset < ledger_base(p->ledger)) {
        atomic_fetch_add(&in->seen, 1);
        return;
    }
    if (m->offset >= p->next)
        p->next = m->offset + 1;
    t = part_task(p, m);
    if (p->delay)
        delay_take(in, p, m, t);
    part_hold(p, t);
    pause_stock_of(in, p)->tasks++;
    pause_stock_of(in, p)->bytes += (int64_t)m->len;
    if (p->nheld >= pause_part_high(in))
        intake_pause(in, p, PAUSE_LEDGER, true);
}

static void read_round(struct kafka_intake *in)
{
    int timeout_ms = POLL_MS;

    for (int n = 0; n < ROUND_MAX; n++) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(in->client.rk, timeout_ms);

        if (!m)
            break;
        take_message(in, m);
        rd_kafka_message_destroy(m);
        timeout_ms = 0;
        if (pause_is_due(in))
            break;
    }
}

/* ---- loop ---- */

/*
 * A commit may have to wait because the group is rebalancing just now: polling lets the rebalance go on,
 * and then it works, or the partitions are not ours any more. A member that leaves in the middle of a join
 * holds up all others until its session ends, so that is waited for, too.
 */
static void last_commit(struct kafka_intake *in)
{
    /* In exactly_once offsets travel with their replies, and kafka_intake_flush() has waited for both. */
    bool commits = !in->setup.exact;
    int64_t until_us = clock_mono_us() + CLOSE_MS * 1000LL;

    intake_settle(in);
    if (commits)
        commit_wait(in, CLOSE_MS);
    while (((commits && commit_pending(in)) || atomic_load(&in->watch.joining)) &&
           clock_mono_us() < until_us) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(in->client.rk, 20);

        if (m)
            rd_kafka_message_destroy(m); /* its offset stays open */
        if (commits)
            commit_wait(in, CLOSE_MS);
    }
}

/* How many tasks that come back end the wait for records: so many that the pool does not run dry; the first one when it
 * can go out at once. What came meanwhile counts. */
static void expect(struct kafka_intake *in, int64_t now_us)
{
    bool ripe = in->setup.exact && deal_is_ripe(in, now_us);

    pthread_mutex_lock(&in->lock);
    in->wake_at = ripe ? 1 : batch_many(in->setup.config, WAKE_MANY);
    if (in->waits_on && in->nback >= in->wake_at)
        rd_kafka_queue_yield(in->waits_on);
    pthread_mutex_unlock(&in->lock);
}

static void *run(void *arg)
{
    struct kafka_intake *in = arg;

    pthread_setname_np(pthread_self(), "intake");
    while (!atomic_load(&in->end)) {
        int64_t now_us = clock_mono_us();

        atomic_fetch_add(&in->rounds, 1);
        intake_settle(in);
        load_tick(in, now_us);
        holding_tick(in, now_us);
        pause_adjust(in);
        delay_adjust(in, now_us);
        guard_heads(in, now_us);
        gauge_tick(in, now_us);
        if (in->setup.exact)
            deal_tick(in, now_us, atomic_load(&in->stop));
        else
            commit_tick(in, now_us);
        if (!atomic_load(&in->stop))
            feed_pool(in); /* before the wait: what has just been settled made room */
        atomic_store(&in->closed, atomic_load(&in->close));
        expect(in, now_us);
        read_round(in);
    }
    last_commit(in);
    return NULL;
}

static int open_client(struct kafka_intake *in, struct err *e)
{
    static const struct kafka_pair defaults[] = {
        {"partition.assignment.strategy", "cooperative-sticky"},
        {"isolation.level", "read_committed"},
        {"queued.max.messages.kbytes", "16384"},
        {"socket.timeout.ms", "15000"},
        {NULL, NULL},
    };
    const struct kafka_pair forced[] = {
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"enable.partition.eof", "false"},
        /* Out of range is an alarm, never a silent jump; the user's choice is for the first start. */
        {"auto.offset.reset", "error"},
        {"group.instance.id", in->setup.instance_id},
        /* An embedded broker answers an empty fetch only when its wait is over. */
        {"fetch.wait.max.ms", in->setup.embedded ? "4" : NULL},
        {NULL, NULL},
    };

    return kafka_client_open(&in->client, RD_KAFKA_CONSUMER, in->setup.config, defaults, forced, e);
}

/* Nobody wakes it any more; the library wants this before the consumer is closed. */
static void close_waits(struct kafka_intake *in)
{
    pthread_mutex_lock(&in->lock);
    if (in->waits_on)
        rd_kafka_queue_destroy(in->waits_on);
    in->waits_on = NULL;
    pthread_mutex_unlock(&in->lock);
}

static void name_topics(struct kafka_intake *in)
{
    const struct config *c = in->setup.config;
    const struct string_list *requests = &c->topics.requests;

    in->topics.at = mem_array(requests->count + 1, sizeof *in->topics.at);
    for (size_t i = 0; i < requests->count; i++)
        in->topics.at[in->topics.count++] = requests->at[i];
    if (*c->topics.delay && !in->setup.embedded)
        in->topics.at[in->topics.count++] = c->topics.delay;
}

struct kafka_intake *kafka_intake_new(const struct kafka_intake_setup *setup, struct err *e)
{
    struct kafka_intake *in = mem_alloc(sizeof *in);

    in->setup = *setup;
    in->sink.put = intake_sink_put;
    in->group = kafka_consumer_property(setup->config, "group.id");
    name_topics(in);
    in->client = (struct kafka_client){.name = "intake",
                                       .owner = in,
                                       .rebalance = rebalance_event,
                                       .fatal = setup->fatal,
                                       .group = &in->watch};
    in->map_max = setup->map_max ? setup->map_max : METADATA_MAX;
    deal_init(&in->deal);
    holding_init(in);
    list_init(&in->finished);
    list_init(&in->settled);
    pthread_mutex_init(&in->lock, NULL);
    pthread_mutex_init(&in->gauges_lock, NULL);
    in->gauges = (struct kafka_gauges){.unread = -1, .head_since_us = INT64_MAX};
    list_init(&in->acked);
    list_init(&in->returned);
    list_init(&in->got);
    if (open_client(in, e) < 0)
        return kafka_intake_free(in);
    rd_kafka_poll_set_consumer(in->client.rk);
    in->waits_on = rd_kafka_queue_get_consumer(in->client.rk);
    in->commit_queue = rd_kafka_queue_new(in->client.rk);
    return in;
}

struct sink *kafka_intake_sink(struct kafka_intake *in)
{
    return &in->sink;
}

static int subscribe(struct kafka_intake *in, struct err *e)
{
    const struct string_list *topics = &in->topics;
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_resp_err_t err;

    if (in->setup.embedded)
        return 0;
    list = rd_kafka_topic_partition_list_new((int)topics->count);
    for (size_t i = 0; i < topics->count; i++)
        rd_kafka_topic_partition_list_add(list, topics->at[i], RD_KAFKA_PARTITION_UA);
    err = rd_kafka_subscribe(in->client.rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return err ? err_set(e, EX_CONFIG, "topics.requests: %s", rd_kafka_err2str(err)) : 0;
}

int kafka_intake_start(struct kafka_intake *in, const struct intake *pool,
                       struct kafka_publisher *publisher, struct err *e)
{
    in->pool = *pool;
    in->publisher = publisher;
    if (subscribe(in, e) < 0 || holding_start(in, e) < 0)
        return -1;
    if (pthread_create(&in->thread, NULL, run, in))
        return err_set(e, EX_OSERR, "intake: cannot start a thread");
    in->started = true;
    return 0;
}

void kafka_intake_stop(struct kafka_intake *in)
{
    atomic_store(&in->stop, true);
    while (in->started && !atomic_load(&in->stopped))
        poll(NULL, 0, 2);
}

/* Their records stay open, and the journal has the outcomes. */
static void give_back_unpublished(struct kafka_intake *in)
{
    struct list_node returned;

    list_init(&returned);
    deal_give_back(in, true, &returned);
    pthread_mutex_lock(&in->lock);
    list_splice(&in->returned, &returned);
    pthread_mutex_unlock(&in->lock);
    intake_settle(in);
}

struct kafka_intake *kafka_intake_free(struct kafka_intake *in)
{
    struct list_node *n;

    if (!in)
        return NULL;
    atomic_store(&in->close, true);
    holding_stop(in);
    if (in->started) {
        atomic_store(&in->end, true);
        pthread_join(in->thread, NULL);
    }
    close_waits(in);
    if (in->client.rk)
        rd_kafka_consumer_close(in->client.rk); /* revokes, with its last flush and commit */
    intake_settle(in);
    rebalance_drop_all(in);
    give_back_unpublished(in);
    while ((n = list_pop(&in->got)))
        part_task_free(CONTAINER_OF(n, struct task, node));
    adopt_free(in);
    load_anew(in);
    for (size_t i = 0; i < in->ncommitting; i++)
        part_unref(in->committing[i]);
    free(in->committing);
    if (in->commit_queue)
        rd_kafka_queue_destroy(in->commit_queue);
    kafka_client_close(&in->client);
    pthread_mutex_destroy(&in->lock);
    pthread_mutex_destroy(&in->gauges_lock);
    holding_done(in);
    free(in->topics.at);
    free(in);
    return NULL;
}

void kafka_intake_stats(struct kafka_intake *in, struct kafka_intake_stats *ret)
{
    *ret = (struct kafka_intake_stats){
        .records = atomic_load(&in->records),
        .seen = atomic_load(&in->seen),
        .lost = atomic_load(&in->lost),
        .commits = atomic_load(&in->commits),
        .commit_errors = atomic_load(&in->commit_errors),
        .revoked = atomic_load(&in->revoked),
        .dropped = atomic_load(&in->dropped),
        .adopted = atomic_load(&in->adopted),
        .rounds = atomic_load(&in->rounds),
        .member = atomic_load(&in->member),
        .partitions = atomic_load(&in->partitions),
        .open = atomic_load(&in->open),
    };
    pthread_mutex_lock(&in->gauges_lock);
    ret->gauges = in->gauges;
    pthread_mutex_unlock(&in->gauges_lock);
}
