/*
 * A rig for the tests of exactly_once: a mock cluster whose requests can be made to fail, a publisher with
 * a transactional.id, and batches as the intake would make them. The mock cluster stores no offsets of
 * transactions, so that a batch in doubt always ends as not committed there, unless the test commits
 * offsets itself.
 */
#ifndef SLUICE_TESTS_TXN_RIG_H
#define SLUICE_TESTS_TXN_RIG_H

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "io/kafka/batch.h"
#include "tests/unit/io/kafka_rig.h"

#define TXN_SETTLED_MAX 64

/* Numbers of the protocol. */
enum {
    API_PRODUCE = 0,
    API_OFFSET_FETCH = 9,
    API_INIT_PRODUCER_ID = 22,
    API_ADD_PARTITIONS = 24,
    API_ADD_OFFSETS = 25,
    API_END_TXN = 26,
    API_TXN_OFFSET_COMMIT = 28,
};

struct txn_rig {
    rd_kafka_t *host; /* of the cluster; talks to nobody */
    rd_kafka_mock_cluster_t *cluster;
    struct config *config;
    struct kafka_fatal fatal;
    struct kafka_publisher *pub;
    struct kafka_publisher_stats stats; /* by txn_stats() */

    pthread_mutex_t lock;
    struct kafka_batch *settled[TXN_SETTLED_MAX]; /* came back, in order */
    size_t nsettled;
    size_t taken; /* of them, by txn_settled() */
};

static inline void txn_on_settled(void *arg, struct kafka_batch *b)
{
    struct txn_rig *r = arg;

    pthread_mutex_lock(&r->lock);
    cr_assert_lt(r->nsettled, TXN_SETTLED_MAX);
    r->settled[r->nsettled++] = b;
    pthread_mutex_unlock(&r->lock);
}

static inline void txn_unwanted(void *arg, struct list_node *acked, struct list_node *returned)
{
    (void)arg, (void)acked, (void)returned;
    cr_assert_fail("exactly_once reports whole batches");
}

static inline void txn_open_rig(struct txn_rig *r)
{
    static const char *const topics[] = {"llm.requests", "llm.replies", "llm.dead", "other"};
    rd_kafka_conf_t *quiet = rd_kafka_conf_new();
    char why[200];

    memset(r, 0, sizeof *r);
    pthread_mutex_init(&r->lock, NULL);
    kafka_fatal_init(&r->fatal);
    rd_kafka_conf_set(quiet, "log_level", "0", why, sizeof why);
    r->host = rd_kafka_new(RD_KAFKA_PRODUCER, quiet, why, sizeof why);
    cr_assert(r->host, "%s", why);
    r->cluster = rd_kafka_mock_cluster_new(r->host, 1);
    cr_assert(r->cluster);
    for (size_t i = 0; i < ARRAY_LEN(topics); i++)
        cr_assert_eq(rd_kafka_mock_topic_create(r->cluster, topics[i], 2, 1), 0);
    r->config = config_new();
    rig_property(&r->config->kafka, "bootstrap.servers",
                 rd_kafka_mock_cluster_bootstraps(r->cluster));
    rig_property(&r->config->kafka, "group.id", "test");
    free(r->config->topics.dead_letter);
    r->config->topics.dead_letter = mem_strdup("llm.dead");
}

static inline void txn_start(struct txn_rig *r)
{
    struct kafka_publisher_setup ps = {
        .config = r->config,
        .fatal = &r->fatal,
        .arg = r,
        .settled = txn_unwanted,
        .transactional_id = "test-txn",
        .batch_settled = txn_on_settled,
    };
    struct err e = {0};

    r->pub = kafka_publisher_new(&ps, &e);
    cr_assert(r->pub, "%s", e.msg);
}

static inline const struct kafka_publisher_stats *txn_stats(struct txn_rig *r)
{
    kafka_publisher_stats(r->pub, &r->stats);
    return &r->stats;
}

static inline struct task *txn_task(int64_t offset, const char *reply)
{
    struct task *t = task_new();
    char id[32];

    snprintf(id, sizeof id, "k%lld", (long long)offset);
    t->origin = (struct task_origin){"llm.requests", 0, offset};
    t->id = mem_strdup(id);
    t->key = mem_strdup(id);
    t->key_len = strlen(id);
    t->raw = mem_strdup("the request");
    t->raw_len = strlen(t->raw);
    t->reply = mem_strdup(reply);
    t->reply_len = strlen(reply);
    t->ok = true;
    task_set_state(t, TASK_INBOX);
    task_set_state(t, TASK_RUNNING);
    task_set_state(t, TASK_OUTBOX);
    return t;
}

/* An empty batch that commits `base` for partition 0. */
static inline struct kafka_batch *txn_batch(int64_t base)
{
    struct kafka_batch *b = batch_new();

    b->offsets = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(b->offsets, "llm.requests", 0)->offset = base;
    b->group = rd_kafka_consumer_group_metadata_new("test");
    return b;
}

static inline void txn_add(struct kafka_batch *b, struct task *t)
{
    list_push(&b->outcomes, &t->node);
    b->count++;
}

/* Outcomes of the offsets [from, to). */
static inline struct kafka_batch *txn_batch_of(int64_t from, int64_t to)
{
    struct kafka_batch *b = txn_batch(to);

    for (int64_t i = from; i < to; i++)
        txn_add(b, txn_task(i, "{}"));
    return b;
}

/* The next batch that comes back. Waits for it. */
static inline struct kafka_batch *txn_settled(struct txn_rig *r)
{
    struct kafka_batch *b;

    RIG_WAIT(__atomic_load_n(&r->nsettled, __ATOMIC_SEQ_CST) > r->taken, "a batch to come back");
    b = r->settled[r->taken++];
    cr_assert(list_empty(&b->outcomes));
    return b;
}

static inline size_t txn_count(const struct list_node *l)
{
    size_t n = 0;

    for (const struct list_node *i = l->next; i != l; i = i->next)
        n++;
    return n;
}

/* Frees the batch with its tasks. */
static inline void txn_discard(struct kafka_batch *b)
{
    struct list_node *lists[] = {&b->outcomes, &b->acked, &b->again, &b->refused}, *n;

    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        while ((n = list_pop(lists[i])))
            task_free(CONTAINER_OF(n, struct task, node));
    batch_free(b);
}

/* The same outcomes for another try, as the intake does with those of `again`. */
static inline struct kafka_batch *txn_again(struct kafka_batch *b)
{
    struct kafka_batch *next = txn_batch(b->offsets->elems[0].offset);
    struct list_node *n;

    cr_assert(list_empty(&b->acked) && list_empty(&b->refused));
    while ((n = list_pop(&b->again)))
        txn_add(next, CONTAINER_OF(n, struct task, node));
    txn_discard(b);
    return next;
}

/* Submits it, waits for it, and looks where its outcomes are. */
static inline struct kafka_batch *txn_run(struct txn_rig *r, struct kafka_batch *b, size_t acked,
                                          size_t again, size_t refused)
{
    kafka_publisher_submit(r->pub, b);
    cr_assert_eq(txn_settled(r), b);
    cr_assert_eq(txn_count(&b->acked), acked, "%zu acked", txn_count(&b->acked));
    cr_assert_eq(txn_count(&b->again), again, "%zu again", txn_count(&b->again));
    cr_assert_eq(txn_count(&b->refused), refused, "%zu refused", txn_count(&b->refused));
    return b;
}

static inline void txn_expect(struct txn_rig *r, struct kafka_batch *b, size_t acked, size_t again,
                              size_t refused)
{
    txn_discard(txn_run(r, b, acked, again, refused));
}

static inline void txn_fail_next(struct txn_rig *r, int16_t api, rd_kafka_resp_err_t err)
{
    rd_kafka_mock_push_request_errors(r->cluster, api, 1, err);
}

static inline void txn_close_rig(struct txn_rig *r)
{
    r->pub = kafka_publisher_free(r->pub);
    while (r->taken < r->nsettled)
        txn_discard(txn_settled(r));
    config_free(r->config);
    rd_kafka_mock_cluster_destroy(r->cluster);
    rd_kafka_destroy(r->host);
}

#endif
