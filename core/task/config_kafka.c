/*
 * config_kafka: which properties of librdkafka would break a promise, and why. Only names and values are
 * compared here; whether librdkafka knows a property is asked where librdkafka is linked (cmd/check.c).
 */
#include "task/config_resolve.h"

#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include "base/mem.h"

/* allowed: values that are fine, or NULL when the property may not be set at all. */
struct rule {
    const char *name;
    const char *const *allowed;
    const char *why;
};

static const char *const only_true[] = {"true", NULL};
static const char *const only_false[] = {"false", NULL};
static const char *const acks_all[] = {"all", "-1", NULL};
static const char *const in_flight[] = {"1", "2", "3", "4", "5", NULL};
static const char *const committed[] = {"read_committed", NULL};
static const char *const cooperative[] = {"cooperative-sticky", NULL};

#define WHY_COMMIT                                                                                 \
    "offsets are committed when the reply of a record is acknowledged; a commit by time would "    \
    "lose "                                                                                        \
    "records"
#define WHY_ACKS                                                                                   \
    "a reply counts as delivered when all in-sync replicas have it, or it could be lost after "    \
    "its "                                                                                         \
    "record was finished"
#define WHY_IN_FLIGHT "an idempotent producer keeps its order with at most 5 requests in flight"

static const struct rule rules[] = {
    {"enable.auto.commit", only_false, WHY_COMMIT},
    {"auto.commit.enable", only_false, WHY_COMMIT},
    {"enable.auto.offset.store", only_false, WHY_COMMIT},
    {"acks", acks_all, WHY_ACKS},
    {"request.required.acks", acks_all, WHY_ACKS},
    {"enable.idempotence", only_true, "without it a retry inside the client repeats replies"},
    {"max.in.flight", in_flight, WHY_IN_FLIGHT},
    {"max.in.flight.requests.per.connection", in_flight, WHY_IN_FLIGHT},
    {"isolation.level", committed,
     "requests of a transaction that was given up would be answered, and paid for"},
    {"delivery.report.only.error", only_false,
     "a record is finished by the report that its reply was delivered"},
    {"partition.assignment.strategy", cooperative,
     "other assignors take all partitions away at each rebalance, with the calls that are running"},
    {"group.instance.id", NULL,
     "it belongs to the worker's slot below the store path; pool.static_membership: false turns it "
     "off"},
    {"transactional.id", NULL, "it belongs to the worker's slot below the store path"},
};

static int check_property(const struct config *c, const char *section, const struct property *p,
                          struct err *e)
{
    const struct rule *rule = NULL;
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(rules) && !rule; i++) {
        if (strcmp(rules[i].name, p->name) == 0)
            rule = &rules[i];
    }
    if (!rule)
        return 0;
    for (i = 0; rule->allowed && rule->allowed[i]; i++) {
        if (strcasecmp(rule->allowed[i], p->value) == 0)
            return 0;
    }
    if (!rule->allowed)
        return conf_place_err(c, p->line, e, "%s%s cannot be set: %s; delete it", section, p->name,
                              rule->why);
    return conf_place_err(c, p->line, e, "%s%s=%.40s is refused: %s; delete it or write %s",
                          section, p->name, p->value, rule->why, rule->allowed[0]);
}

static int check_list(const struct config *c, const char *section, const struct property_list *l,
                      struct err *e)
{
    size_t i = 0;

    for (i = 0; i < l->count; i++) {
        if (check_property(c, section, &l->at[i], e) < 0)
            return -1;
    }
    return 0;
}

int conf_check_kafka(const struct config *c, struct err *e)
{
    if (check_list(c, "kafka.", &c->kafka, e) < 0 ||
        check_list(c, "kafka.consumer.", &c->kafka_consumer, e) < 0)
        return -1;
    return check_list(c, "kafka.producer.", &c->kafka_producer, e);
}

static const char *list_get(const struct property_list *l, const char *name)
{
    size_t i = 0;

    for (i = l->count; i > 0; i--) {
        if (strcmp(l->at[i - 1].name, name) == 0)
            return l->at[i - 1].value;
    }
    return NULL;
}

const char *conf_kafka_get(const struct config *c, const struct property_list *own,
                           const char *name)
{
    const char *value = own ? list_get(own, name) : NULL;

    return value ? value : list_get(&c->kafka, name);
}
