/* One batch, one transaction: each end that the broker can give it, and where the outcomes come back. */
#include "tests/unit/io/txn_rig.h"

static struct txn_rig rig;

static void begin(void)
{
    txn_open_rig(&rig);
    txn_start(&rig);
}

static void end(void)
{
    txn_close_rig(&rig);
}

TestSuite(kafka_txn, .init = begin, .fini = end, .timeout = 60);

Test(kafka_txn, committed)
{
    txn_expect(&rig, txn_batch_of(0, 50), 50, 0, 0);
    txn_expect(&rig, txn_batch_of(50, 51), 1, 0, 0);
    cr_assert_eq(txn_stats(&rig)->commits, 2);
    cr_assert_eq(rig.stats.replies, 51);
    cr_assert_eq(rig.stats.rebuilds, 0);
    cr_assert_eq(rig.stats.commit_us.count, 2);
    cr_assert_eq(rig.stats.outstanding, 0);
    cr_assert(rig.stats.ready);
    cr_assert(kafka_publisher_flush(rig.pub, 0));
}

Test(kafka_txn, nothing_to_produce)
{
    struct kafka_batch *b = txn_batch(7);

    txn_expect(&rig, txn_batch(5), 0, 0, 0);
    txn_add(b, txn_task(5, "{}"));
    txn_add(b, txn_task(6, "{}"));
    CONTAINER_OF(b->outcomes.next, struct task, node)->silent = true;
    txn_expect(&rig, b, 2, 0, 0);
    cr_assert_eq(txn_stats(&rig)->commits, 2);
    cr_assert_eq(rig.stats.replies, 1, "a silent outcome has no reply");
}

struct ending {
    const char *name;
    int16_t api;
    rd_kafka_resp_err_t err;
    bool acked;   /* else the batch comes back in `again` */
    bool rebuilt; /* the producer was replaced */
    bool tainted; /* for an answer that was lost */
    int abort;    /* counted under this reason, or -1 */
};

#define ERR(x) RD_KAFKA_RESP_ERR_##x
static const struct ending endings[] = {
    {"offsets: generation", API_TXN_OFFSET_COMMIT, ERR(ILLEGAL_GENERATION), false, false, false,
     KAFKA_ABORT_GROUP},
    {"offsets: member", API_TXN_OFFSET_COMMIT, ERR(UNKNOWN_MEMBER_ID), false, false, false,
     KAFKA_ABORT_GROUP},
    {"offsets: instance", API_TXN_OFFSET_COMMIT, ERR(FENCED_INSTANCE_ID), false, false, false,
     KAFKA_ABORT_GROUP},
    {"offsets: rebalance", API_TXN_OFFSET_COMMIT, ERR(REBALANCE_IN_PROGRESS), false, false, false,
     KAFKA_ABORT_GROUP},
    {"offsets: metadata", API_TXN_OFFSET_COMMIT, ERR(OFFSET_METADATA_TOO_LARGE), false, false,
     false, KAFKA_ABORT_MAP},
    {"offsets: epoch", API_TXN_OFFSET_COMMIT, ERR(INVALID_PRODUCER_EPOCH), false, true, false, -1},
    {"offsets: fenced", API_TXN_OFFSET_COMMIT, ERR(PRODUCER_FENCED), false, true, false, -1},
    {"offsets: loading", API_TXN_OFFSET_COMMIT, ERR(COORDINATOR_LOAD_IN_PROGRESS), true, false,
     false, -1},
    {"offsets: moved", API_TXN_OFFSET_COMMIT, ERR(NOT_COORDINATOR), true, false, false, -1},
    {"offsets: connection", API_TXN_OFFSET_COMMIT, ERR(_TRANSPORT), false, true, true, -1},
    {"add offsets: connection", API_ADD_OFFSETS, ERR(_TRANSPORT), false, true, true, -1},
    {"add partitions: connection", API_ADD_PARTITIONS, ERR(_TRANSPORT), false, true, true, -1},
    {"produce: connection", API_PRODUCE, ERR(_TRANSPORT), false, true, true, -1},
    {"produce: not leader", API_PRODUCE, ERR(NOT_LEADER_FOR_PARTITION), true, false, false, -1},
    {"end: epoch", API_END_TXN, ERR(INVALID_PRODUCER_EPOCH), false, true, false, -1},
    {"end: fenced", API_END_TXN, ERR(PRODUCER_FENCED), false, true, false, -1},
    {"end: state", API_END_TXN, ERR(INVALID_TXN_STATE), false, true, false, -1},
    {"end: mapping", API_END_TXN, ERR(INVALID_PRODUCER_ID_MAPPING), false, false, false,
     KAFKA_ABORT_OTHER},
    {"end: concurrent", API_END_TXN, ERR(CONCURRENT_TRANSACTIONS), true, false, false, -1},
    {"end: no coordinator", API_END_TXN, ERR(COORDINATOR_NOT_AVAILABLE), false, true, true, -1},
    {"end: moved", API_END_TXN, ERR(NOT_COORDINATOR), false, true, true, -1},
    {"end: connection", API_END_TXN, ERR(_TRANSPORT), false, true, true, -1},
};

/* When the coordinator has moved, the library drops its connection with what is under way on it, tries
 * again and reports success: that counts as lost answers, too.
 *
 * The mock cluster keeps no offsets of transactions: what is in doubt ends in `again` there. After each
 * end the next batch must go through. */
Test(kafka_txn, endings, .timeout = 280)
{
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        const struct ending *en = &endings[i];
        struct kafka_publisher_stats was = *txn_stats(&rig);
        int64_t offset = (int64_t)i * 10;
        struct kafka_batch *b = txn_batch_of(offset, offset + 3);

        rd_kafka_mock_push_request_errors(rig.cluster, en->api, 1, en->err);
        kafka_publisher_submit(rig.pub, b);
        cr_assert_eq(txn_settled(&rig), b);
        txn_stats(&rig);
        cr_expect_eq(txn_count(&b->acked), en->acked ? 3 : 0, "%s: acked", en->name);
        cr_expect_eq(txn_count(&b->again), en->acked ? 0 : 3, "%s: again", en->name);
        cr_expect(list_empty(&b->refused), "%s: refused", en->name);
        cr_expect_eq(b->map_refused, en->abort == KAFKA_ABORT_MAP, "%s: map", en->name);
        cr_expect_eq(b->rest_us > 0, !en->acked && !en->rebuilt && !b->map_refused, "%s: rest",
                     en->name);
        cr_expect_eq(rig.stats.rebuilds - was.rebuilds, en->rebuilt, "%s: rebuilds", en->name);
        cr_expect_eq(rig.stats.in_doubt - was.in_doubt, en->rebuilt, "%s: in doubt", en->name);
        cr_expect_eq(rig.stats.taints - was.taints, en->tainted, "%s: taints", en->name);
        for (int k = 0; k < KAFKA_ABORT_REASONS; k++)
            cr_expect_eq(rig.stats.aborts[k] - was.aborts[k], k == en->abort, "%s: abort %d",
                         en->name, k);
        if (!en->acked)
            txn_expect(&rig, txn_again(b), 3, 0, 0);
        else
            txn_discard(b);
    }
    cr_assert_not(atomic_load(&rig.fatal.set));
}
