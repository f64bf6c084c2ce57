/* What errors of the transactional producer mean, and which lost answers count: tables, no broker. */
#include "io/kafka/txn.h"

#include <criterion/criterion.h>

#include "base/mem.h"

#define ERR(x) RD_KAFKA_RESP_ERR_##x

enum { NONE = 0, FATAL = 1, ABORTABLE = 2, RETRIABLE = 4 };

struct row {
    enum txn_step step;
    rd_kafka_resp_err_t code;
    unsigned flags;
    enum txn_verdict verdict;
};

static const struct row rows[] = {
    {TXN_COMMIT, ERR(NO_ERROR), NONE, TXN_GOOD},
    /* As the library flags them. */
    {TXN_INIT, ERR(_TIMED_OUT), RETRIABLE, TXN_REPEAT},
    {TXN_OFFSETS, ERR(_TIMED_OUT), RETRIABLE, TXN_REPEAT},
    {TXN_COMMIT, ERR(_TIMED_OUT), RETRIABLE, TXN_REPEAT},
    {TXN_ABANDON, ERR(_TIMED_OUT), RETRIABLE, TXN_REPEAT},
    {TXN_OFFSETS, ERR(ILLEGAL_GENERATION), ABORTABLE, TXN_ABORT},
    {TXN_OFFSETS, ERR(UNKNOWN_MEMBER_ID), ABORTABLE, TXN_ABORT},
    {TXN_OFFSETS, ERR(FENCED_INSTANCE_ID), ABORTABLE, TXN_ABORT},
    {TXN_OFFSETS, ERR(REBALANCE_IN_PROGRESS), ABORTABLE, TXN_ABORT},
    {TXN_OFFSETS, ERR(OFFSET_METADATA_TOO_LARGE), ABORTABLE, TXN_ABORT},
    {TXN_OFFSETS, ERR(GROUP_AUTHORIZATION_FAILED), ABORTABLE, TXN_ABORT},
    {TXN_COMMIT, ERR(INVALID_PRODUCER_ID_MAPPING), ABORTABLE, TXN_ABORT},
    {TXN_COMMIT, ERR(_INCONSISTENT), ABORTABLE, TXN_ABORT},
    {TXN_PRODUCE, ERR(_STATE), ABORTABLE, TXN_ABORT},
    {TXN_COMMIT, ERR(INVALID_TXN_STATE), FATAL, TXN_REBUILD},
    {TXN_BEGIN, ERR(_FATAL), FATAL, TXN_REBUILD},
    {TXN_COMMIT, ERR(OUT_OF_ORDER_SEQUENCE_NUMBER), ABORTABLE | RETRIABLE, TXN_ABORT},
    /* Fenced is gone, whatever the flags say. */
    {TXN_OFFSETS, ERR(PRODUCER_FENCED), ABORTABLE, TXN_REBUILD},
    {TXN_OFFSETS, ERR(_FENCED), ABORTABLE, TXN_REBUILD},
    {TXN_OFFSETS, ERR(INVALID_PRODUCER_EPOCH), ABORTABLE, TXN_REBUILD},
    {TXN_COMMIT, ERR(_FENCED), FATAL, TXN_REBUILD},
    {TXN_COMMIT, ERR(_FENCED), RETRIABLE, TXN_REBUILD},
    {TXN_INIT, ERR(PRODUCER_FENCED), FATAL, TXN_REBUILD},
    /* No flag: fatal, as the documentation has it. */
    {TXN_COMMIT, ERR(_STATE), NONE, TXN_REBUILD},
    {TXN_BEGIN, ERR(_CONFLICT), NONE, TXN_REBUILD},
    {TXN_ABANDON, ERR(UNKNOWN), NONE, TXN_REBUILD},
    /* There is nothing to abort. */
    {TXN_ABANDON, ERR(_INCONSISTENT), ABORTABLE, TXN_REBUILD},
    {TXN_INIT, ERR(_STATE), ABORTABLE, TXN_REBUILD},
    /* Every producer to come would meet the same. */
    {TXN_INIT, ERR(TRANSACTIONAL_ID_AUTHORIZATION_FAILED), FATAL, TXN_HOPELESS},
    {TXN_COMMIT, ERR(TRANSACTIONAL_ID_AUTHORIZATION_FAILED), FATAL, TXN_HOPELESS},
    {TXN_INIT, ERR(CLUSTER_AUTHORIZATION_FAILED), FATAL, TXN_HOPELESS},
    {TXN_INIT, ERR(INVALID_TRANSACTION_TIMEOUT), FATAL, TXN_HOPELESS},
    {TXN_INIT, ERR(_UNSUPPORTED_FEATURE), FATAL, TXN_HOPELESS},
    {TXN_INIT, ERR(UNSUPPORTED_VERSION), NONE, TXN_HOPELESS},
};

Test(kafka_txn_judge, table)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct txn_error e = {
            .step = rows[i].step,
            .code = rows[i].code,
            .fatal = rows[i].flags & FATAL,
            .abortable = rows[i].flags & ABORTABLE,
            .retriable = rows[i].flags & RETRIABLE,
        };

        cr_expect_eq(txn_judge(&e), rows[i].verdict, "row %zu: %s", i,
                     rd_kafka_err2name(rows[i].code));
        cr_expect_eq(txn_advice(e.code) != NULL, rows[i].verdict == TXN_HOPELESS, "row %zu", i);
    }
}

Test(kafka_txn_judge, taint)
{
    static const struct {
        int16_t api;
        bool counts;
    } apis[] = {{0, true},  {1, false}, {3, false}, {9, false}, {10, false}, {22, true},
                {24, true}, {25, true}, {26, true}, {28, true}, {18, false}};
    struct taint t = {0};

    for (size_t i = 0; i < ARRAY_LEN(apis); i++) {
        taint_clear(&t);
        taint_answered(&t, apis[i].api, RD_KAFKA_RESP_ERR_NO_ERROR);
        cr_expect_not(taint_is_set(&t), "an answer to %d came", apis[i].api);
        taint_answered(&t, apis[i].api, RD_KAFKA_RESP_ERR__TIMED_OUT);
        cr_expect_eq(taint_is_set(&t), apis[i].counts, "no answer to %d", apis[i].api);
        taint_answered(&t, apis[i].api, RD_KAFKA_RESP_ERR_NO_ERROR);
        cr_expect_eq(taint_lost_end(&t), apis[i].api == 26, "no answer to %d", apis[i].api);
        cr_expect_eq(taint_is_set(&t), apis[i].counts, "a later answer cleared it: %d",
                     apis[i].api);
    }
}
