/*
 * admin: questions to and changes of the cluster outside the flow of records: who is the broker, which
 * topics are there, create one. Each call opens a short-lived client; nothing here is fast.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/mem.h"
#include "io/kafka/client.h"

static int open_admin(struct kafka_client *client, const struct config *c, struct err *e)
{
    static const struct kafka_pair defaults[] = {{"log.connection.close", "false"}, {NULL, NULL}};

    *client = (struct kafka_client){.name = "admin"};
    return kafka_client_open(client, RD_KAFKA_PRODUCER, c, defaults, NULL, e);
}

static int unreachable(const struct config *c, rd_kafka_resp_err_t err, struct err *e)
{
    const char *servers = kafka_producer_property(c, "bootstrap.servers");

    return err_set(e, EX_UNAVAILABLE,
                   "no Kafka broker answers at %s (%s): is it running, and is "
                   "kafka.bootstrap.servers right?",
                   servers ? servers : "?", rd_kafka_err2str(err));
}

int kafka_probe(const struct config *c, int64_t timeout_ms, struct kafka_info *ret, struct err *e)
{
    const struct rd_kafka_metadata *md;
    struct kafka_client client;
    struct kafka_info info = {0};
    rd_kafka_resp_err_t err;
    char *id;

    if (open_admin(&client, c, e) < 0)
        return -1;
    err = rd_kafka_metadata(client.rk, 0, NULL, &md, (int)timeout_ms);
    if (err) {
        kafka_client_close(&client);
        return unreachable(c, err, e);
    }
    info.brokers = md->broker_cnt;
    rd_kafka_metadata_destroy(md);
    id = rd_kafka_clusterid(client.rk, (int)timeout_ms);
    if (id) {
        info.embedded = kafka_id_is_embedded(id);
        /* A mock cluster is named after an address in its process, which the next one may share. */
        if (info.embedded)
            snprintf(info.cluster_id, sizeof info.cluster_id, "%s@%s", id,
                     kafka_consumer_property(c, "bootstrap.servers"));
        else
            snprintf(info.cluster_id, sizeof info.cluster_id, "%s", id);
        rd_kafka_mem_free(client.rk, id);
    }
    kafka_client_close(&client);
    *ret = info;
    return 0;
}

int kafka_topic_partitions(const struct config *c, const char *topic, int64_t timeout_ms,
                           struct err *e)
{
    const struct rd_kafka_metadata *md;
    struct kafka_client client;
    rd_kafka_topic_t *rkt;
    rd_kafka_resp_err_t err;
    int count;

    if (open_admin(&client, c, e) < 0)
        return -1;
    rkt = rd_kafka_topic_new(client.rk, topic, NULL);
    err = rd_kafka_metadata(client.rk, 0, rkt, &md, (int)timeout_ms);
    if (!err) {
        count = md->topic_cnt == 1 ? md->topics[0].partition_cnt : 0;
        err = md->topic_cnt == 1 ? md->topics[0].err : 0;
        rd_kafka_metadata_destroy(md);
        if (err)
            count = 0;
        if (err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
            err = 0;
        if (err)
            count = err_set(e, EX_UNAVAILABLE, "topic %s: %s", topic, rd_kafka_err2str(err));
    } else {
        count = unreachable(c, err, e);
    }
    rd_kafka_topic_destroy(rkt);
    kafka_client_close(&client);
    return count;
}

/* The answer as a whole can say success while the topic's own result does not. */
static int topic_result(rd_kafka_event_t *event, const char *topic, struct err *e)
{
    const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(event);
    const rd_kafka_topic_result_t **topics;
    rd_kafka_resp_err_t err;
    size_t n;

    if (rd_kafka_event_error(event))
        return err_set(e, EX_UNAVAILABLE, "topic %s cannot be created: %s", topic,
                       rd_kafka_event_error_string(event));
    topics = rd_kafka_CreateTopics_result_topics(result, &n);
    if (n != 1)
        return err_set(e, EX_UNAVAILABLE, "topic %s: the broker's answer is about %zu topics",
                       topic, n);
    err = rd_kafka_topic_result_error(topics[0]);
    if (err == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        return KAFKA_TOPIC_EXISTS;
    if (err)
        return err_set(e, EX_UNAVAILABLE, "topic %s cannot be created: %s", topic,
                       rd_kafka_topic_result_error_string(topics[0]));
    return KAFKA_TOPIC_CREATED;
}

static int create(rd_kafka_t *rk, rd_kafka_NewTopic_t *new_topic, const char *topic,
                  int64_t timeout_ms, struct err *e)
{
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_queue_t *q = rd_kafka_queue_new(rk);
    rd_kafka_event_t *event;
    char why[256];
    int r;

    rd_kafka_AdminOptions_set_request_timeout(options, (int)timeout_ms, why, sizeof why);
    rd_kafka_AdminOptions_set_operation_timeout(options, (int)timeout_ms, why, sizeof why);
    rd_kafka_CreateTopics(rk, &new_topic, 1, options, q);
    event = rd_kafka_queue_poll(q, (int)timeout_ms + 1000);
    if (event)
        r = topic_result(event, topic, e);
    else
        r = err_set(e, EX_UNAVAILABLE, "topic %s cannot be created: the broker does not answer",
                    topic);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(q);
    rd_kafka_AdminOptions_destroy(options);
    return r;
}

int kafka_topic_create(const struct config *c, const char *topic, int partitions, int replication,
                       int64_t timeout_ms, struct err *e)
{
    struct kafka_client client;
    rd_kafka_NewTopic_t *new_topic;
    char why[256];
    int r;

    if (open_admin(&client, c, e) < 0)
        return -1;
    new_topic = rd_kafka_NewTopic_new(topic, partitions, replication, why, sizeof why);
    if (new_topic)
        r = create(client.rk, new_topic, topic, timeout_ms, e);
    else
        r = err_set(e, EX_CONFIG, "topic %s: %s", topic, why);
    if (new_topic)
        rd_kafka_NewTopic_destroy(new_topic);
    kafka_client_close(&client);
    return r;
}
