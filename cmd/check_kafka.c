/*
 * check_kafka: the Kafka part of `sluice check`: properties without a network, broker and topics with one.
 */
#include "cmd/check.h"

#include <stdbool.h>
#include <sysexits.h>

#include <librdkafka/rdkafka.h>

#include "io/kafka/kafka.h"

#define PROBE_MS 10000

static int check_list(const struct config *c, const char *section, const struct property_list *l,
                      FILE *report)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[512];
    size_t i = 0;
    int rc = 0;

    for (i = 0; i < l->count; i++) {
        const struct property *p = &l->at[i];

        if (rd_kafka_conf_set(conf, p->name, p->value, why, sizeof why) == RD_KAFKA_CONF_OK)
            continue;
        rc = EX_CONFIG;
        if (p->line)
            fprintf(report, "%s:%d: ", c->path ? c->path : "configuration", p->line);
        fprintf(report, "%s%s: librdkafka says: %s\n", section, p->name, why);
    }
    rd_kafka_conf_destroy(conf);
    return rc;
}

int check_kafka_properties(const struct config *c, FILE *report)
{
    int both = check_list(c, "kafka.", &c->kafka, report);
    int consumer = check_list(c, "kafka.consumer.", &c->kafka_consumer, report);
    int producer = check_list(c, "kafka.producer.", &c->kafka_producer, report);

    return both ? both : consumer ? consumer : producer;
}

static int check_topic(const struct config *c, const char *name, FILE *report)
{
    struct err e = {0};
    int n = kafka_topic_partitions(c, name, PROBE_MS, &e);

    if (n > 0)
        fprintf(report, "topic %s: %d partitions\n", name, n);
    else if (n == 0)
        fprintf(report, "topic %s: does not exist; `sluice topics create` makes it\n", name);
    else
        fprintf(report, "topic %s: %s\n", name, e.msg);
    return n > 0 ? 0 : EX_UNAVAILABLE;
}

int check_broker(const struct config *c, FILE *report)
{
    struct kafka_info info = {0};
    struct err e = {0};
    size_t i = 0;
    int rc = 0;

    if (!kafka_producer_property(c, "bootstrap.servers")) {
        fputs("kafka: bootstrap.servers is not set, no broker to ask\n", report);
        return 0;
    }
    if (kafka_probe(c, PROBE_MS, &info, &e) < 0) {
        fprintf(report, "kafka: %s\n", e.msg);
        return EX_UNAVAILABLE;
    }
    fprintf(report, "kafka: %d broker%s%s%s%s\n", info.brokers, info.brokers == 1 ? "" : "s",
            info.cluster_id[0] ? ", cluster " : "", info.cluster_id,
            info.embedded ? ", embedded (development only)" : "");
    for (i = 0; i < c->topics.requests.count; i++)
        rc |= check_topic(c, c->topics.requests.at[i], report);
    rc |= check_topic(c, c->topics.replies, report);
    if (*c->topics.dead_letter)
        rc |= check_topic(c, c->topics.dead_letter, report);
    return rc;
}
