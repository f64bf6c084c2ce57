/*
 * cluster: asks for the metadata of our topics (which never makes one) and, with DescribeConfigs, for the
 * settings of one broker and of the topics. All brokers of a cluster are taken to be set alike.
 */
#include "io/kafka/cluster.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/mem.h"
#include "io/kafka/client.h"

#define TOPICS_MAX 64 /* of the configuration; more are not looked at */

struct asking {
    struct kafka_client client;
    int64_t until_us;
    int32_t broker; /* that answered */
    struct kafka_cluster *k;
};

static int left_ms(const struct asking *a)
{
    int64_t left = (a->until_us - clock_mono_us()) / 1000;

    return left > 1 ? (int)left : 1;
}

static int unreachable(const struct config *c, rd_kafka_resp_err_t err, struct err *e)
{
    const char *servers = kafka_consumer_property(c, "bootstrap.servers");

    return err_set(e, EX_UNAVAILABLE,
                   "no Kafka broker answers at %s (%s): is it running, and is "
                   "kafka.bootstrap.servers right?",
                   servers ? servers : "?", rd_kafka_err2str(err));
}

static int ask_brokers(struct asking *a, const struct config *c, struct err *e)
{
    const struct rd_kafka_metadata *md = NULL;
    rd_kafka_resp_err_t err = rd_kafka_metadata(a->client.rk, 0, NULL, &md, left_ms(a));
    char *id = NULL;

    if (err)
        return unreachable(c, err, e);
    a->k->brokers = md->broker_cnt;
    a->broker = md->broker_cnt ? md->brokers[0].id : -1;
    rd_kafka_metadata_destroy(md);
    id = rd_kafka_clusterid(a->client.rk, left_ms(a));
    if (id) {
        a->k->embedded = kafka_id_is_embedded(id);
        snprintf(a->k->id, sizeof a->k->id, "%s", id);
        rd_kafka_mem_free(a->client.rk, id);
    }
    return 0;
}

/* ---- topics ---- */

static void add_topic(struct kafka_cluster *k, const char *name, enum kafka_topic_role role)
{
    struct kafka_topic_facts *t = &k->topics[k->ntopics];

    if (!name || !*name || *name == '^' || k->ntopics == TOPICS_MAX)
        return;
    *t = (struct kafka_topic_facts){.role = role,
                                    .replication = -1,
                                    .in_sync = -1,
                                    .min_in_sync = -1,
                                    .max_message_bytes = -1,
                                    .unclean = -1,
                                    .compact = -1};
    if (strlen(name) >= sizeof t->name)
        return;
    memcpy(t->name, name, strlen(name));
    k->ntopics++;
}

static void name_topics(struct kafka_cluster *k, const struct config *c)
{
    k->topics = mem_array(TOPICS_MAX + 1, sizeof *k->topics);
    for (size_t i = 0; i < c->topics.requests.count; i++)
        add_topic(k, c->topics.requests.at[i], KAFKA_TOPIC_REQUESTS);
    add_topic(k, c->topics.replies, KAFKA_TOPIC_REPLIES);
    add_topic(k, c->topics.dead_letter, KAFKA_TOPIC_DEAD_LETTER);
    add_topic(k, c->topics.delay, KAFKA_TOPIC_DELAY);
    for (size_t i = 0; i < c->topics.reply_allow.count; i++)
        add_topic(k, c->topics.reply_allow.at[i], KAFKA_TOPIC_ALLOWED);
    add_topic(k, "__transaction_state", KAFKA_TOPIC_TRANSACTIONS);
    add_topic(k, "__consumer_offsets", KAFKA_TOPIC_OFFSETS);
}

static void count_replicas(struct kafka_topic_facts *t, const struct rd_kafka_metadata_topic *md)
{
    t->partitions = md->partition_cnt;
    for (int i = 0; i < md->partition_cnt; i++) {
        const struct rd_kafka_metadata_partition *p = &md->partitions[i];

        if (t->replication < 0 || p->replica_cnt < t->replication)
            t->replication = p->replica_cnt;
        if (t->in_sync < 0 || p->isr_cnt < t->in_sync)
            t->in_sync = p->isr_cnt;
    }
}

static int ask_topic(struct asking *a, struct kafka_topic_facts *t, const struct config *c,
                     struct err *e)
{
    const struct rd_kafka_metadata *md = NULL;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(a->client.rk, t->name, NULL);
    rd_kafka_resp_err_t err = rd_kafka_metadata(a->client.rk, 0, rkt, &md, left_ms(a));
    rd_kafka_resp_err_t own = 0;

    rd_kafka_topic_destroy(rkt);
    if (err)
        return unreachable(c, err, e);
    if (md->topic_cnt == 1) {
        own = md->topics[0].err;
        if (!own)
            count_replicas(t, &md->topics[0]);
        else if (own != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
            t->partitions = -1; /* not allowed to look */
    }
    rd_kafka_metadata_destroy(md);
    return 0;
}

/* ---- settings ---- */

static int64_t number(const char *value)
{
    int64_t n = -1;

    return value && config_int(value, &n) == 0 ? n : -1;
}

static const char *value_of(const rd_kafka_ConfigResource_t *r, const char *name)
{
    size_t n = 0;
    const rd_kafka_ConfigEntry_t **at = rd_kafka_ConfigResource_configs(r, &n);

    for (size_t i = 0; i < n; i++)
        if (strcmp(rd_kafka_ConfigEntry_name(at[i]), name) == 0)
            return rd_kafka_ConfigEntry_value(at[i]);
    return NULL;
}

static bool has(const rd_kafka_ConfigResource_t *r, const char *name)
{
    size_t n = 0;
    const rd_kafka_ConfigEntry_t **at = rd_kafka_ConfigResource_configs(r, &n);

    for (size_t i = 0; i < n; i++)
        if (strcmp(rd_kafka_ConfigEntry_name(at[i]), name) == 0)
            return true;
    return false;
}

/* No request asks a broker for its version. Kafka itself knows settings that came with 2.5 (and left with 4.0) or
 * with KRaft; of other brokers that speak its protocol nothing is concluded. */
static bool is_old(const rd_kafka_ConfigResource_t *r)
{
    const char *protocol = value_of(r, "inter.broker.protocol.version");
    int major = 0;
    int minor = 0;

    if (!protocol || !has(r, "zookeeper.connect"))
        return false;
    if (sscanf(protocol, "%d.%d", &major, &minor) == 2 && (major > 2 || (major == 2 && minor >= 5)))
        return false;
    return !has(r, "zookeeper.ssl.client.enable") && !has(r, "process.roles");
}

static void take_broker(struct kafka_cluster *k, const rd_kafka_ConfigResource_t *r)
{
    int64_t bytes = number(value_of(r, "offset.metadata.max.bytes"));

    k->asked = true;
    if (bytes > 0)
        k->metadata_max_bytes = bytes;
    k->message_max_bytes = number(value_of(r, "message.max.bytes"));
    k->transaction_max_timeout_ms = number(value_of(r, "transaction.max.timeout.ms"));
    k->transaction_log_replication =
        number(value_of(r, "transaction.state.log.replication.factor"));
    k->transaction_log_min_in_sync = number(value_of(r, "transaction.state.log.min.isr"));
    k->old = is_old(r);
}

static void take_topic(struct kafka_cluster *k, const rd_kafka_ConfigResource_t *r)
{
    const char *unclean = value_of(r, "unclean.leader.election.enable");
    const char *cleanup = value_of(r, "cleanup.policy");

    for (size_t i = 0; i < k->ntopics; i++) {
        struct kafka_topic_facts *t = &k->topics[i];

        if (strcmp(t->name, rd_kafka_ConfigResource_name(r)) != 0)
            continue;
        t->min_in_sync = number(value_of(r, "min.insync.replicas"));
        t->max_message_bytes = number(value_of(r, "max.message.bytes"));
        if (cleanup)
            t->compact = strstr(cleanup, "compact") != NULL;
        if (unclean)
            t->unclean = strcmp(unclean, "true") == 0;
    }
}

static void take(struct asking *a, rd_kafka_event_t *event)
{
    size_t n = 0;
    const rd_kafka_ConfigResource_t **at = NULL;
    struct kafka_cluster *k = a->k;

    if (rd_kafka_event_error(event)) {
        snprintf(k->why, sizeof k->why, "%s", rd_kafka_event_error_string(event));
        return;
    }
    at =
        rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &n);
    for (size_t i = 0; i < n; i++) {
        rd_kafka_resp_err_t err = rd_kafka_ConfigResource_error(at[i]);

        if (err)
            snprintf(k->why, sizeof k->why, "%s", rd_kafka_err2str(err));
        else if (rd_kafka_ConfigResource_type(at[i]) == RD_KAFKA_RESOURCE_BROKER)
            take_broker(k, at[i]);
        else
            take_topic(k, at[i]);
    }
}

static void ask_configs(struct asking *a, rd_kafka_ConfigResource_t **wanted, size_t n)
{
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(a->client.rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_queue_t *q = rd_kafka_queue_new(a->client.rk);
    rd_kafka_event_t *event = NULL;
    char why[128];

    if (rd_kafka_AdminOptions_set_request_timeout(options, left_ms(a), why, sizeof why) == 0) {
        rd_kafka_DescribeConfigs(a->client.rk, wanted, n, options, q);
        event = rd_kafka_queue_poll(q, left_ms(a) + 500);
    }
    if (event)
        take(a, event);
    else
        snprintf(a->k->why, sizeof a->k->why, "no answer");
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(q);
    rd_kafka_AdminOptions_destroy(options);
}

/* A request may name one broker; so the topics go into another one. */
static void ask_settings(struct asking *a)
{
    rd_kafka_ConfigResource_t *wanted[TOPICS_MAX];
    char id[16];
    size_t n = 0;

    snprintf(id, sizeof id, "%d", (int)a->broker);
    wanted[0] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_BROKER, id);
    ask_configs(a, wanted, 1);
    rd_kafka_ConfigResource_destroy(wanted[0]);
    for (size_t i = 0; i < a->k->ntopics; i++)
        if (a->k->topics[i].partitions > 0)
            wanted[n++] =
                rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, a->k->topics[i].name);
    if (n)
        ask_configs(a, wanted, n);
    rd_kafka_ConfigResource_destroy_array(wanted, n);
}

int kafka_cluster_describe(const struct config *c, int64_t timeout_ms, struct kafka_cluster *ret,
                           struct err *e)
{
    static const struct kafka_pair defaults[] = {{"log.connection.close", "false"}, {NULL, NULL}};
    /* Without a group: looking for its coordinator would make the brokers' topic of offsets. */
    static const struct kafka_pair forced[] = {
        {"allow.auto.create.topics", "false"}, {"group.id", ""}, {NULL, NULL}};
    struct asking a = {
        .client = {.name = "cluster"}, .until_us = clock_mono_us() + timeout_ms * 1000, .k = ret};
    int rc = 0;

    *ret = (struct kafka_cluster){.metadata_max_bytes = KAFKA_METADATA_MAX_BYTES,
                                  .message_max_bytes = -1,
                                  .transaction_max_timeout_ms = -1,
                                  .transaction_log_replication = -1,
                                  .transaction_log_min_in_sync = -1};
    /* A producer makes topics by asking for them; a consumer can be told not to. */
    if (kafka_client_open(&a.client, RD_KAFKA_CONSUMER, c, defaults, forced, e) < 0)
        return -1;
    rc = ask_brokers(&a, c, e);
    if (rc == 0 && !ret->embedded)
        name_topics(ret, c);
    for (size_t i = 0; rc == 0 && i < ret->ntopics; i++)
        rc = ask_topic(&a, &ret->topics[i], c, e);
    if (rc == 0 && !ret->embedded)
        ask_settings(&a);
    kafka_client_close(&a.client);
    if (rc < 0)
        kafka_cluster_done(ret);
    return rc;
}

void kafka_cluster_done(struct kafka_cluster *k)
{
    free(STEAL(k->topics));
    k->ntopics = 0;
}
