/*
 * taint: watches the answers to transactional requests go by. The interceptor runs on broker threads of
 * the library and touches one atomic, nothing else. It counts nothing: most answers are reported twice.
 */
#include "io/kafka/taint.h"

#define NAME "sluice-taint"

/* Numbers of the protocol. */
enum {
    API_PRODUCE = 0,
    API_INIT_PRODUCER_ID = 22,
    API_ADD_PARTITIONS_TO_TXN = 24,
    API_ADD_OFFSETS_TO_TXN = 25,
    API_END_TXN = 26,
    API_TXN_OFFSET_COMMIT = 28,
};

void taint_answered(struct taint *t, int16_t api_key, rd_kafka_resp_err_t err)
{
    if (!err)
        return;
    switch (api_key) {
    case API_PRODUCE:
    case API_INIT_PRODUCER_ID:
    case API_ADD_PARTITIONS_TO_TXN:
    case API_ADD_OFFSETS_TO_TXN:
    case API_TXN_OFFSET_COMMIT:
        atomic_store(&t->set, true);
        break;
    case API_END_TXN:
        atomic_store(&t->end, true);
        atomic_store(&t->set, true);
        break;
    default:
        break;
    }
}

bool taint_is_set(const struct taint *t)
{
    return atomic_load(&t->set);
}

bool taint_lost_end(const struct taint *t)
{
    return atomic_load(&t->end);
}

void taint_clear(struct taint *t)
{
    atomic_store(&t->end, false);
    atomic_store(&t->set, false);
}

static rd_kafka_resp_err_t on_answered(rd_kafka_t *rk, int fd, const char *broker,
                                       int32_t broker_id, int16_t api_key, int16_t version,
                                       int32_t correlation, size_t size, int64_t rtt_us,
                                       rd_kafka_resp_err_t err, void *opaque)
{
    (void)rk, (void)fd, (void)broker, (void)broker_id, (void)version, (void)correlation, (void)size;
    (void)rtt_us;
    taint_answered(opaque, api_key, err);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *opaque,
                                  char *why, size_t why_size)
{
    (void)conf, (void)why, (void)why_size;
    return rd_kafka_interceptor_add_on_response_received(rk, NAME, on_answered, opaque);
}

rd_kafka_resp_err_t taint_install(rd_kafka_conf_t *conf, struct taint *t)
{
    taint_clear(t);
    return rd_kafka_conf_interceptor_add_on_new(conf, NAME, on_new, t);
}
