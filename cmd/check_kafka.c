/*
 * check_kafka: the Kafka part of `sluice check`: properties without a network, broker and topics with one.
 */
#include "cmd/check.h"

#include <stdbool.h>
#include <sysexits.h>

#include <librdkafka/rdkafka.h>

#include "io/kafka/cluster.h"
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

struct report {
    FILE *to;
    int rc;
};

static void print_finding(void *arg, const struct kafka_finding *f)
{
    static const char *const names[] = {"note", "warning", "error"};
    struct report *r = arg;

    fprintf(r->to, "%s: kafka: %s%s%s\n", names[f->severity], f->text, f->hint[0] ? "; " : "",
            f->hint);
    if (f->severity == KAFKA_ERROR)
        r->rc = EX_UNAVAILABLE;
}

static void print_topics(const struct kafka_cluster *k, FILE *to)
{
    for (size_t i = 0; i < k->ntopics; i++) {
        const struct kafka_topic_facts *t = &k->topics[i];

        if (t->partitions > 0 && t->role != KAFKA_TOPIC_TRANSACTIONS &&
            t->role != KAFKA_TOPIC_OFFSETS)
            fprintf(to, "topic %s: %d partitions, %d replica%s\n", t->name, t->partitions,
                    t->replication, t->replication == 1 ? "" : "s");
    }
}

int check_broker(const struct config *c, FILE *report)
{
    struct report r = {.to = report};
    struct kafka_cluster k;
    struct err e = {0};

    if (!kafka_producer_property(c, "bootstrap.servers")) {
        fputs("kafka: bootstrap.servers is not set, no broker to ask\n", report);
        return 0;
    }
    if (kafka_cluster_describe(c, PROBE_MS, &k, &e) < 0) {
        fprintf(report, "kafka: %s\n", e.msg);
        return EX_UNAVAILABLE;
    }
    fprintf(report, "kafka: %d broker%s%s%s%s\n", k.brokers, k.brokers == 1 ? "" : "s",
            k.id[0] ? ", cluster " : "", k.id, k.embedded ? ", embedded (development only)" : "");
    print_topics(&k, report);
    kafka_cluster_judge(&k, c, print_finding, &r);
    kafka_cluster_done(&k);
    return r.rc;
}
