/*
 * txn_judge: what an error of the transactional producer means. Pure.
 *
 * librdkafka flags its errors as fatal, abortable or retriable; one that has no flag counts as fatal. Two
 * corrections: a fenced producer is gone even where 2.0.2 reports it as abortable, and some errors would
 * meet every handle to come.
 */
#include "io/kafka/txn.h"

bool txn_is_fenced(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

bool txn_is_group_error(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
           code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID ||
           code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID ||
           code == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS;
}

const char *txn_advice(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
        return "grant this user Write and Describe on the transactional.id (a prefixed ACL on "
               "'sluice.' covers all workers)";
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        return "grant this user IdempotentWrite on the cluster";
    case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
        return "lower kafka.producer.transaction.timeout.ms: the broker's "
               "transaction.max.timeout.ms is below it";
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT:
        return "this broker has no transactions that are good enough (Apache Kafka has since 2.5): "
               "set delivery: at_least_once";
    default:
        return NULL;
    }
}

enum txn_verdict txn_judge(const struct txn_error *e)
{
    if (!e->code)
        return TXN_GOOD;
    if (txn_advice(e->code))
        return TXN_HOPELESS;
    if (txn_is_fenced(e->code) || e->fatal)
        return TXN_REBUILD;
    if (e->abortable) /* an abort that has to be aborted, or nothing that could be: no way out */
        return e->step == TXN_ABANDON || e->step == TXN_INIT ? TXN_REBUILD : TXN_ABORT;
    return e->retriable ? TXN_REPEAT : TXN_REBUILD;
}
