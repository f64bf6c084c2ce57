/* Transactions without an answer: what is committed decides. Brokers that go away, rivals, the end. */
#include "tests/unit/io/txn_rig.h"

#include "io/kafka/doubt.h"
#include "policy/map.h"

static struct txn_rig rig;

static void begin(void)
{
    txn_open_rig(&rig);
}

static void end(void)
{
    txn_close_rig(&rig);
}

TestSuite(kafka_txn_doubt, .init = begin, .fini = end, .timeout = 90);

static const struct map_scope scope = {"test", "llm.requests", 0};

/* The commit of a ledger with base 10 in which 12 and 13 are done. */
static void put_map(rd_kafka_topic_partition_list_t *l)
{
    struct ledger *ledger = ledger_new(10, 100, 1000);
    struct buf text = BUF_INIT(4096);
    int64_t base;

    for (int64_t i = 10; i < 15; i++)
        ledger_begin(ledger, i);
    ledger_done(ledger, 12);
    ledger_done(ledger, 13);
    cr_assert_eq(map_encode(&scope, ledger, NULL, NULL, 4096, &text, &base), MAP_GOOD);
    cr_assert_eq(base, 10);
    l->elems[0].offset = base;
    l->elems[0].metadata = strdup(text.data);
    l->elems[0].metadata_size = strlen(text.data);
    buf_done(&text);
    ledger_free(ledger);
}

static rd_kafka_topic_partition_list_t *one_partition(void)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);

    rd_kafka_topic_partition_list_add(l, "llm.requests", 0)->offset = 10;
    return l;
}

static void commit(const rd_kafka_topic_partition_list_t *l)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[128];
    rd_kafka_t *rk;

    rd_kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(rig.cluster), why,
                      sizeof why);
    rd_kafka_conf_set(conf, "group.id", "test", why, sizeof why);
    rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    cr_assert(rk, "%s", why);
    cr_assert_eq(rd_kafka_commit(rk, l, 0), 0);
    rd_kafka_destroy(rk);
}

static void expect_offsets(const struct list_node *l, const int64_t *offsets, size_t n)
{
    const struct list_node *i = l->next;

    cr_assert_eq(txn_count(l), n);
    for (size_t k = 0; k < n; k++, i = i->next)
        cr_expect_eq(CONTAINER_OF(i, struct task, node)->origin.offset, offsets[k]);
}

static void sort_against(const rd_kafka_topic_partition_list_t *committed, const int64_t *acked,
                         size_t nacked, const int64_t *again, size_t nagain)
{
    struct kafka_batch *b = txn_batch_of(8, 15);

    cr_expect_eq(doubt_sort("test", committed, &b->outcomes, &b->acked, &b->again), nacked);
    cr_expect(list_empty(&b->outcomes));
    expect_offsets(&b->acked, acked, nacked);
    expect_offsets(&b->again, again, nagain);
    txn_discard(b);
}

Test(kafka_txn_doubt, sort)
{
    rd_kafka_topic_partition_list_t *l = one_partition();

    put_map(l);
    sort_against(l, (int64_t[]){8, 9, 12, 13}, 4, (int64_t[]){10, 11, 14}, 3);
    ((char *)l->elems[0].metadata)[9] ^= 1; /* broken: only the offset counts */
    sort_against(l, (int64_t[]){8, 9}, 2, (int64_t[]){10, 11, 12, 13, 14}, 5);
    l->elems[0].metadata_size = 0;
    sort_against(l, (int64_t[]){8, 9}, 2, (int64_t[]){10, 11, 12, 13, 14}, 5);
    l->elems[0].offset = RD_KAFKA_OFFSET_INVALID;
    sort_against(l, NULL, 0, (int64_t[]){8, 9, 10, 11, 12, 13, 14}, 7);
    rd_kafka_topic_partition_list_destroy(l);
}

/* As if the commit had reached the broker: each outcome is looked up, in the offset and in the map. */
Test(kafka_txn_doubt, resolved_by_the_commit)
{
    rd_kafka_topic_partition_list_t *l = one_partition();
    struct kafka_batch *b;

    put_map(l);
    commit(l);
    rd_kafka_topic_partition_list_destroy(l);
    txn_start(&rig);
    txn_fail_next(&rig, API_END_TXN, RD_KAFKA_RESP_ERR__TRANSPORT);
    txn_fail_next(&rig, API_OFFSET_FETCH, RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT);
    b = txn_run(&rig, txn_batch_of(8, 15), 4, 3, 0);
    expect_offsets(&b->acked, (int64_t[]){8, 9, 12, 13}, 4);
    expect_offsets(&b->again, (int64_t[]){10, 11, 14}, 3);
    txn_discard(b);
    cr_assert_eq(txn_stats(&rig)->in_doubt, 1);
    cr_assert_eq(rig.stats.replies, 4);
    txn_expect(&rig, txn_batch_of(15, 16), 1, 0, 0);
}

/* An answer later than the socket waits: the library tries again and says that all is well. */
Test(kafka_txn_doubt, answer_too_late)
{
    rig_property(&rig.config->kafka_producer, "socket.timeout.ms", "1000");
    txn_start(&rig);
    txn_expect(&rig, txn_batch_of(0, 2), 2, 0, 0);
    rd_kafka_mock_broker_push_request_error_rtts(rig.cluster, 1, API_END_TXN, 1, 0, 3000);
    txn_expect(&rig, txn_batch_of(2, 4), 0, 2, 0);
    cr_assert_eq(txn_stats(&rig)->taints, 1);
    cr_assert_eq(rig.stats.rebuilds, 1);
    txn_expect(&rig, txn_batch_of(4, 6), 2, 0, 0);
}

/* Away in the middle, back later: the batch ends, one way or the other, and the next goes through. */
Test(kafka_txn_doubt, broker_goes_and_comes)
{
    struct kafka_batch *b = txn_batch_of(2, 4);

    rig_property(&rig.config->kafka_producer, "socket.timeout.ms", "2000");
    txn_start(&rig);
    txn_expect(&rig, txn_batch_of(0, 2), 2, 0, 0);
    rd_kafka_mock_broker_set_down(rig.cluster, -1);
    kafka_publisher_submit(rig.pub, b);
    poll(NULL, 0, 4000);
    cr_assert_eq(txn_stats(&rig)->commits, 1);
    rd_kafka_mock_broker_set_up(rig.cluster, -1);
    cr_assert_eq(txn_settled(&rig), b);
    cr_assert_eq(txn_count(&b->acked) + txn_count(&b->again), 2);
    txn_discard(b);
    txn_expect(&rig, txn_batch_of(4, 6), 2, 0, 0);
    cr_assert_not(atomic_load(&rig.fatal.set));
}

static int64_t stop_ms(void)
{
    int64_t from_us = clock_mono_us();

    rig.pub = kafka_publisher_free(rig.pub);
    return (clock_mono_us() - from_us) / 1000;
}

Test(kafka_txn_doubt, stop_without_a_broker)
{
    struct kafka_batch *b = txn_batch_of(0, 2);

    rd_kafka_mock_broker_set_down(rig.cluster, -1);
    txn_start(&rig);
    poll(NULL, 0, 500);
    cr_assert_lt(stop_ms(), 9000, "with nothing to do");
    txn_start(&rig);
    kafka_publisher_submit(rig.pub, b);
    cr_assert_lt(stop_ms(), 9000, "with a batch");
    cr_assert_eq(txn_settled(&rig), b);
    cr_assert_eq(txn_count(&b->again), 2);
    txn_discard(b);
}

Test(kafka_txn_doubt, stop_in_a_transaction)
{
    struct kafka_batch *b = txn_batch_of(2, 4);

    rig_property(&rig.config->kafka_producer, "socket.timeout.ms", "2000");
    txn_start(&rig);
    txn_expect(&rig, txn_batch_of(0, 2), 2, 0, 0);
    rd_kafka_mock_broker_set_down(rig.cluster, -1);
    kafka_publisher_submit(rig.pub, b);
    poll(NULL, 0, 300);
    cr_assert_lt(stop_ms(), 30000);
    cr_assert_eq(txn_settled(&rig), b);
    cr_assert_eq(txn_count(&b->again), 2);
    txn_discard(b);
}

/* What was handed over before the stop is finished when the broker answers. */
Test(kafka_txn_doubt, stop_finishes)
{
    struct kafka_batch *b = txn_batch_of(0, 500);

    txn_start(&rig);
    kafka_publisher_submit(rig.pub, b);
    stop_ms();
    cr_assert_eq(txn_settled(&rig), b);
    cr_assert_eq(txn_count(&b->acked), 500);
    txn_discard(b);
}

Test(kafka_txn_doubt, fenced_by_a_rival)
{
    struct kafka_batch *b = txn_batch_of(0, 2);
    int rounds = 0;

    txn_start(&rig);
    while (!atomic_load(&rig.fatal.set)) {
        cr_assert_lt(rounds, 5, "it goes on for ever");
        txn_fail_next(&rig, API_END_TXN, RD_KAFKA_RESP_ERR_PRODUCER_FENCED);
        b = txn_again(txn_run(&rig, b, 0, 2, 0));
        rounds++;
    }
    cr_assert_eq(rounds, 5);
    cr_assert(strstr(rig.fatal.msg, "another process uses transactional.id test-txn"), "%s",
              rig.fatal.msg);
    b = txn_run(&rig, b, 0, 2, 0); /* and nothing hangs until the program ends */
    cr_assert_gt(b->rest_us, 0);
    txn_discard(b);
}

Test(kafka_txn_doubt, fenced_now_and_then)
{
    txn_start(&rig);
    for (int64_t i = 0; i < 7; i++) {
        struct kafka_batch *b = txn_batch_of(i, i + 1);

        txn_fail_next(&rig, API_END_TXN, RD_KAFKA_RESP_ERR_PRODUCER_FENCED);
        txn_expect(&rig, txn_again(txn_run(&rig, b, 0, 1, 0)), 1, 0, 0);
    }
    cr_assert_not(atomic_load(&rig.fatal.set));
}

Test(kafka_txn_doubt, not_authorised)
{
    txn_fail_next(&rig, API_INIT_PRODUCER_ID,
                  RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    txn_start(&rig);
    RIG_WAIT(atomic_load(&rig.fatal.set), "the fatal error");
    cr_assert(strstr(rig.fatal.msg, "Write and Describe"), "%s", rig.fatal.msg);
    txn_expect(&rig, txn_batch_of(0, 2), 0, 2, 0);
}

/* A rebuild that meets errors of its own is tried until it succeeds. */
Test(kafka_txn_doubt, rebuild_meets_errors)
{
    txn_start(&rig);
    txn_expect(&rig, txn_batch_of(0, 2), 2, 0, 0);
    txn_fail_next(&rig, API_END_TXN, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE);
    rd_kafka_mock_push_request_errors(
        rig.cluster, API_INIT_PRODUCER_ID, 3, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
        RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR_PRODUCER_FENCED);
    txn_expect(&rig, txn_batch_of(2, 4), 0, 2, 0);
    txn_expect(&rig, txn_batch_of(4, 6), 2, 0, 0);
    cr_assert_not(atomic_load(&rig.fatal.set));
}

/* Properties that the library would refuse in a transactional producer are bounded, not passed on. */
Test(kafka_txn_doubt, properties)
{
    rig_property(&rig.config->kafka, "socket.timeout.ms", "60000");
    rig_property(&rig.config->kafka_producer, "message.timeout.ms", "0");
    rig_property(&rig.config->kafka_producer, "transaction.timeout.ms", "5000");
    txn_start(&rig);
    txn_expect(&rig, txn_batch_of(0, 2), 2, 0, 0);
}
