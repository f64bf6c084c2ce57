/* The judgement on a cluster: each misfit alone gives its finding and no other; what fits gives none. */
#include "io/kafka/cluster.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static struct kafka_cluster cluster;
static struct kafka_topic_facts topics[6];
static struct config *config;

static struct kafka_topic_facts good_topic(const char *name, enum kafka_topic_role role)
{
    struct kafka_topic_facts t = {.role = role,
                                  .partitions = 6,
                                  .replication = 3,
                                  .in_sync = 3,
                                  .min_in_sync = 2,
                                  .max_message_bytes = 8 << 20,
                                  .unclean = 0};

    snprintf(t.name, sizeof t.name, "%s", name);
    return t;
}

enum { REQUESTS, REPLIES, DEAD, TXN, OFFSETS, DELAY }; /* without the last one at first */

static void setup(void)
{
    topics[REQUESTS] = good_topic("in", KAFKA_TOPIC_REQUESTS);
    topics[REPLIES] = good_topic("out", KAFKA_TOPIC_REPLIES);
    topics[DEAD] = good_topic("dead", KAFKA_TOPIC_DEAD_LETTER);
    topics[TXN] = good_topic("__transaction_state", KAFKA_TOPIC_TRANSACTIONS);
    topics[DELAY] = good_topic("later", KAFKA_TOPIC_DELAY);
    topics[OFFSETS] = good_topic("__consumer_offsets", KAFKA_TOPIC_OFFSETS);
    cluster = (struct kafka_cluster){.brokers = 3,
                                     .asked = true,
                                     .metadata_max_bytes = 4096,
                                     .message_max_bytes = 1048588,
                                     .transaction_max_timeout_ms = 900000,
                                     .transaction_log_replication = 3,
                                     .transaction_log_min_in_sync = 2,
                                     .topics = topics,
                                     .ntopics = DELAY};
    config = config_new();
    config->nmodels = 1;
    config->models = mem_array(1, sizeof *config->models);
    config->models[0].model_name = mem_strdup("fast");
}

static void teardown(void)
{
    config_free(config);
}

TestSuite(cluster, .init = setup, .fini = teardown);

static struct kafka_finding found[8];
static size_t nfound;

static void note(void *arg, const struct kafka_finding *f)
{
    (void)arg;
    cr_assert_lt(nfound, ARRAY_LEN(found));
    found[nfound++] = *f;
}

static size_t judge(void)
{
    nfound = 0;
    kafka_cluster_judge(&cluster, config, note, NULL);
    return nfound;
}

static void expect_one(enum kafka_severity severity, const char *text)
{
    cr_assert_eq(judge(), 1, "%zu findings for: %s (%s)", nfound, text, found[0].text);
    cr_expect_eq(found[0].severity, severity, "%s", found[0].text);
    cr_expect(strstr(found[0].text, text), "\"%s\" is not in: %s", text, found[0].text);
    cr_expect(found[0].hint[0] || severity == KAFKA_INFO, "no hint: %s", found[0].text);
}

static void set_bytes(int64_t *at, int64_t value, enum kafka_severity severity, const char *text)
{
    int64_t was = *at;

    *at = value;
    expect_one(severity, text);
    *at = was;
}

static void set_count(int *at, int value, enum kafka_severity severity, const char *text)
{
    int was = *at;

    *at = value;
    expect_one(severity, text);
    *at = was;
}

Test(cluster, what_fits_is_quiet)
{
    cr_expect_eq(judge(), 0, "%s", found[0].text);
    config->models[0].max_output_tokens = 128000;
    cr_expect_eq(judge(), 0, "%s", found[0].text);
    topics[TXN].partitions = 0; /* made when it is needed */
    cr_expect_eq(judge(), 0, "%s", found[0].text);
    cluster.embedded = true;
    cluster.brokers = 1;
    cr_expect_eq(judge(), 0, "%s", found[0].text);
}

Test(cluster, limits_too_small_for_the_partitions)
{
    struct model *m = &config->models[0];

    m->timeout_ms = 30000;
    set_bytes(&m->rpm, 5, KAFKA_WARNING,
              "rpm is 5 for 6 partitions: a worker that has one of them "
              "makes a call every 72 s");
    set_bytes(&m->rpm, 95, KAFKA_INFO, "clocks must agree");
    set_bytes(&m->tpm, 12000, KAFKA_WARNING, "up to n * 2000 tokens");
    set_bytes(&m->max_parallel_requests, 5, KAFKA_WARNING, "is 5 for 6 partitions");
    m->rpm = 96;
    m->tpm = 1000000;
    m->max_parallel_requests = 6;
    cr_expect_eq(judge(), 0, "%s", found[0].text);
    set_bytes(&m->timeout_ms, 600000, KAFKA_INFO, "rests for `timeout` (600 s)");
    m->rpm = 5;
    free(config->limits_scope);
    config->limits_scope = mem_strdup("process");
    cr_expect_eq(judge(), 0, "%s", found[0].text);
}

Test(cluster, each_misfit_alone)
{
    set_bytes(&cluster.metadata_max_bytes, 1000, KAFKA_WARNING,
              "offset.metadata.max.bytes is 1000");
    set_bytes(&cluster.transaction_max_timeout_ms, 14999, KAFKA_ERROR, "broker is 14999, less");
    set_bytes(&cluster.transaction_log_min_in_sync, 4, KAFKA_ERROR,
              "3 replicas in sync, and transaction.state.log.min.isr is 4");
    set_bytes(&topics[REPLIES].min_in_sync, 1, KAFKA_WARNING, "out: min.insync.replicas is 1");
    set_bytes(&topics[DEAD].min_in_sync, 4, KAFKA_ERROR, "dead: min.insync.replicas is 4 with 3");
    set_count(&topics[REQUESTS].in_sync, 1, KAFKA_WARNING, "in: 1 of 3 replicas are in sync");
    set_count(&topics[REPLIES].unclean, 1, KAFKA_WARNING, "out: unclean.leader.election.enable");
    set_count(&topics[OFFSETS].replication, 2, KAFKA_WARNING, "__consumer_offsets: 2 replicas");
    set_count(&topics[REQUESTS].partitions, 0, KAFKA_ERROR, "in: does not exist");
    set_count(&topics[REPLIES].partitions, -1, KAFKA_ERROR, "out: not allowed");
    set_count(&topics[TXN].partitions, -1, KAFKA_INFO, "__transaction_state: not allowed");
    set_bytes(&topics[DEAD].max_message_bytes, 500, KAFKA_WARNING, "dead only of 500");
    set_bytes(&topics[REPLIES].max_message_bytes, 4 * 1024 * 1024 - 1, KAFKA_WARNING,
              "limits.reply_bytes is 4194304, but max.message.bytes of the topic (topic out) is "
              "4194303");
    cluster.old = true;
    expect_one(KAFKA_ERROR, "older than Kafka 2.5");
    free(config->delivery);
    config->delivery = mem_strdup("at_least_once");
    expect_one(KAFKA_WARNING, "older than Kafka 2.5");
}

Test(cluster, a_delay_topic_that_loses_requests)
{
    cluster.ntopics = ARRAY_LEN(topics);
    cr_expect_eq(judge(), 0, "%s", found[0].text);
    set_count(&topics[DELAY].compact, 1, KAFKA_ERROR, "later: cleanup.policy is compact");
    set_bytes(&topics[DELAY].max_message_bytes, 500, KAFKA_WARNING,
              "in takes records of 8388608 bytes, the delay topic later only of 500: a larger "
              "request is not parked");
    cluster.ntopics = DELAY;
    topics[REQUESTS].compact = 1;
    cr_expect_eq(judge(), 0, "its producers know what they do");
}

Test(cluster, transactions_that_cannot_begin)
{
    topics[TXN].partitions = 0;
    cluster.transaction_log_replication = 4;
    expect_one(KAFKA_ERROR, "replication.factor is 4 and there are 3 brokers");
    topics[TXN].partitions = 50; /* it was made with fewer */
    cr_expect_eq(judge(), 0);
    topics[TXN].partitions = 0;
    cluster.transaction_max_timeout_ms = 1000;
    free(config->delivery);
    config->delivery = mem_strdup("at_least_once");
    cr_expect_eq(judge(), 0, "%s", found[0].text);
}

Test(cluster, own_transaction_timeout)
{
    config->kafka_producer.at = mem_array(1, sizeof *config->kafka_producer.at);
    config->kafka_producer.at[0] =
        (struct property){mem_strdup("transaction.timeout.ms"), mem_strdup("60000"), 0};
    config->kafka_producer.count = 1;
    cr_expect_eq(judge(), 0);
    cluster.transaction_max_timeout_ms = 30000;
    expect_one(KAFKA_ERROR, "is 30000, less than transaction.timeout.ms of the worker (60000)");
}

Test(cluster, one_broker_is_one_line)
{
    cluster.brokers = 1;
    for (size_t i = 0; i < ARRAY_LEN(topics); i++)
        topics[i].replication = topics[i].in_sync = 1, topics[i].min_in_sync = 1;
    cluster.transaction_log_min_in_sync = 1;
    expect_one(KAFKA_INFO, "one broker only");
}

Test(cluster, answers_that_do_not_fit)
{
    config->limits.reply_bytes = 100000;
    config->models[0].max_output_tokens = 12250; /* 8 bytes each and the 2,000 around them */
    cr_expect_eq(judge(), 0, "%s", found[0].text);
    config->models[0].max_output_tokens++;
    expect_one(KAFKA_WARNING, "(12251) may take 100008 bytes (8 a token, escaped as JSON); replies "
                              "on topic out may have 100000 (limits.reply_bytes)");
}

/* Nothing is concluded from what is not known. */
Test(cluster, settings_that_are_not_told)
{
    cluster.asked = false;
    snprintf(cluster.why, sizeof cluster.why, "Broker: Cluster authorization failed");
    cluster.message_max_bytes = cluster.transaction_max_timeout_ms = -1;
    cluster.transaction_log_replication = cluster.transaction_log_min_in_sync = -1;
    for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
        topics[i].min_in_sync = topics[i].max_message_bytes = -1;
        topics[i].unclean = topics[i].compact = -1;
    }
    expect_one(KAFKA_INFO, "(Broker: Cluster authorization failed)");
}
