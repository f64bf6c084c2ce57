/*
 * group: watches JoinGroup and SyncGroup go by. The interceptors run on broker threads of the library and
 * touch one atomic, nothing else.
 */
#include "io/kafka/group.h"

#define NAME "sluice-group"

enum { API_JOIN_GROUP = 11, API_SYNC_GROUP = 14 }; /* numbers of the protocol */

void group_watch_sent(struct group_watch *w, int16_t api_key)
{
    if (api_key == API_JOIN_GROUP)
        atomic_store(&w->joining, true);
}

/* A join that was cut off is tried again by the library: it stays one until a SyncGroup is answered. */
void group_watch_answered(struct group_watch *w, int16_t api_key, rd_kafka_resp_err_t err)
{
    if (api_key == API_SYNC_GROUP && !err)
        atomic_store(&w->joining, false);
}

static rd_kafka_resp_err_t on_sent(rd_kafka_t *rk, int fd, const char *broker, int32_t broker_id,
                                   int16_t api_key, int16_t version, int32_t correlation,
                                   size_t size, void *opaque)
{
    (void)rk, (void)fd, (void)broker, (void)broker_id, (void)version, (void)correlation, (void)size;
    group_watch_sent(opaque, api_key);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_answered(rd_kafka_t *rk, int fd, const char *broker,
                                       int32_t broker_id, int16_t api_key, int16_t version,
                                       int32_t correlation, size_t size, int64_t rtt_us,
                                       rd_kafka_resp_err_t err, void *opaque)
{
    (void)rk, (void)fd, (void)broker, (void)broker_id, (void)version, (void)correlation, (void)size;
    (void)rtt_us;
    group_watch_answered(opaque, api_key, err);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *opaque,
                                  char *why, size_t why_size)
{
    rd_kafka_resp_err_t err;

    (void)conf, (void)why, (void)why_size;
    err = rd_kafka_interceptor_add_on_request_sent(rk, NAME, on_sent, opaque);
    return err ? err : rd_kafka_interceptor_add_on_response_received(rk, NAME, on_answered, opaque);
}

rd_kafka_resp_err_t group_watch_install(rd_kafka_conf_t *conf, struct group_watch *w)
{
    atomic_init(&w->joining, false);
    return rd_kafka_conf_interceptor_add_on_new(conf, NAME, on_new, w);
}
