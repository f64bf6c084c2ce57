/*
 * group: watches JoinGroup and SyncGroup go by. The interceptors run on broker threads of the library and
 * touch one atomic, nothing else.
 */
#include "io/kafka/group.h"

#include <stdlib.h>
#include <string.h>

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

/*
 * The generation in serialised metadata, or -1. The form is librdkafka's own: "CGMDv2:" and the number in the
 * byte order of the machine (rdkafka_cgrp.c of 2.0 and later). A form we do not know says nothing: then the member
 * id has to do.
 */
static bool has_generation(const rd_kafka_consumer_group_metadata_t *m)
{
    static const char magic[] = "CGMDv2:";
    void *text = NULL;
    size_t len = 0;
    int32_t generation = 0;
    rd_kafka_error_t *error = rd_kafka_consumer_group_metadata_write(m, &text, &len);

    if (error) {
        rd_kafka_error_destroy(error);
        return false;
    }
    if (len >= sizeof magic - 1 + sizeof generation && memcmp(text, magic, sizeof magic - 1) == 0)
        memcpy(&generation, (char *)text + sizeof magic - 1, sizeof generation);
    free(text);
    return generation >= 0;
}

static bool has_member_id(rd_kafka_t *consumer)
{
    char *id = rd_kafka_memberid(consumer);
    bool has = id && *id;

    if (id)
        rd_kafka_mem_free(consumer, id);
    return has;
}

rd_kafka_consumer_group_metadata_t *group_metadata(rd_kafka_t *consumer)
{
    rd_kafka_consumer_group_metadata_t *m = rd_kafka_consumer_group_metadata(consumer);

    if (m && has_generation(m) && has_member_id(consumer))
        return m;
    if (m)
        rd_kafka_consumer_group_metadata_destroy(m);
    return NULL;
}
