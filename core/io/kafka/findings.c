/*
 * findings: judges what cluster.c has learned: what will not work, what works at a risk, and what to do
 * about it. Pure.
 */
#include "io/kafka/cluster.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "io/kafka/kafka.h"
#include "policy/limit.h"

#define TRANSACTION_MS 15000 /* transaction.timeout.ms of the publisher */

/*
 * Bytes of a reply for each token of output. A token is about four characters of English text or code, as OpenAI
 * tells for its own models, and about as many bytes of UTF-8 in other scripts; in a JSON string, line ends,
 * quotes and backslashes take two bytes instead of one, so at worst it is twice that.
 */
#define TOKEN_BYTES 8
#define REPLY_BYTES 2000 /* of a reply beside the text */

#define LARGE_TOKENS 8000  /* a request that many rows have to serve */
#define LONG_REST_MS 60000 /* longer than a person waits for a pool that grows */

struct judge {
    const struct kafka_cluster *k;
    const struct config *c;
    bool exact;
    void (*fn)(void *arg, const struct kafka_finding *f);
    void *arg;
};

static void say(const struct judge *j, enum kafka_severity severity, const char *hint,
                const char *fmt, ...) __attribute__((format(printf, 4, 5)));
static void say(const struct judge *j, enum kafka_severity severity, const char *hint,
                const char *fmt, ...)
{
    struct kafka_finding f = {.severity = severity};
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(f.text, sizeof f.text, fmt, ap);
    va_end(ap);
    snprintf(f.hint, sizeof f.hint, "%s", hint);
    j->fn(j->arg, &f);
}

static int64_t producer_number(const struct config *c, const char *name, int64_t fallback)
{
    const char *value = kafka_producer_property(c, name);
    int64_t n = 0;

    return value && config_int(value, &n) == 0 ? n : fallback;
}

static const struct kafka_topic_facts *topic_of(const struct kafka_cluster *k,
                                                enum kafka_topic_role role)
{
    for (size_t i = 0; i < k->ntopics; i++)
        if (k->topics[i].role == role)
            return &k->topics[i];
    return NULL;
}

static void judge_brokers(const struct judge *j)
{
    const struct kafka_cluster *k = j->k;

    if (!k->asked)
        say(j, KAFKA_INFO, "allow DescribeConfigs on the cluster to have them checked",
            "the broker does not tell its settings (%s): they are not checked",
            k->why[0] ? k->why : "no answer");
    if (k->old)
        say(j, j->exact ? KAFKA_ERROR : KAFKA_WARNING,
            "upgrade the brokers, or set delivery: at_least_once",
            "the brokers are older than Kafka 2.5: they cannot keep a worker that lost its "
            "partitions from committing for them, so exactly_once is not possible");
    if (k->brokers == 1)
        say(j, KAFKA_INFO, "",
            "there is one broker only: nothing is replicated, and records are lost with its disk");
    if (k->metadata_max_bytes < KAFKA_METADATA_MAX_BYTES)
        say(j, KAFKA_WARNING, "raise offset.metadata.max.bytes of the brokers to 4096",
            "offset.metadata.max.bytes is %" PRId64
            ": there is little room for what is done out of order, so a partition has fewer "
            "records under way",
            k->metadata_max_bytes);
}

static void judge_transactions(const struct judge *j)
{
    const struct kafka_cluster *k = j->k;
    const struct kafka_topic_facts *log = topic_of(k, KAFKA_TOPIC_TRANSACTIONS);
    int64_t timeout_ms = producer_number(j->c, "transaction.timeout.ms", TRANSACTION_MS);

    if (!j->exact)
        return;
    if (k->transaction_max_timeout_ms >= 0 && k->transaction_max_timeout_ms < timeout_ms)
        say(j, KAFKA_ERROR,
            "raise transaction.max.timeout.ms of the brokers, or lower "
            "kafka.producer.transaction.timeout.ms",
            "transaction.max.timeout.ms of the broker is %" PRId64
            ", less than transaction.timeout.ms of the worker (%" PRId64
            "): it will refuse the worker's transactions",
            k->transaction_max_timeout_ms, timeout_ms);
    if (log && log->partitions > 0) {
        if (log->in_sync < k->transaction_log_min_in_sync)
            say(j, KAFKA_ERROR, "start the missing brokers",
                "__transaction_state has %d replicas in sync, and transaction.state.log.min.isr is "
                "%" PRId64 ": no transaction can be committed",
                log->in_sync, k->transaction_log_min_in_sync);
        return;
    }
    if (k->transaction_log_replication > k->brokers)
        say(j, KAFKA_ERROR,
            "start more brokers, lower that setting, or set delivery: at_least_once",
            "transaction.state.log.replication.factor is %" PRId64 " and there %s %d broker%s: the "
            "topic for transactions cannot be made, and the worker would wait for ever",
            k->transaction_log_replication, k->brokers == 1 ? "is" : "are", k->brokers,
            k->brokers == 1 ? "" : "s");
}

static void judge_replicas(const struct judge *j, const struct kafka_topic_facts *t)
{
    if (t->min_in_sync > t->replication) {
        say(j, KAFKA_ERROR, "lower min.insync.replicas of the topic, or add replicas",
            "topic %s: min.insync.replicas is %" PRId64 " with %d replica%s: nothing can be "
            "written to it",
            t->name, t->min_in_sync, t->replication, t->replication == 1 ? "" : "s");
        return;
    }
    if (t->in_sync < t->min_in_sync)
        say(j, KAFKA_WARNING, "start the missing brokers",
            "topic %s: %d of %d replicas are in sync, and min.insync.replicas is %" PRId64
            ": writes wait until there are more",
            t->name, t->in_sync, t->replication, t->min_in_sync);
    if (j->k->brokers == 1)
        return;
    if (t->replication < 3)
        say(j, KAFKA_WARNING, "use 3 replicas, with min.insync.replicas=2",
            "topic %s: %d replica%s: %s", t->name, t->replication, t->replication == 1 ? "" : "s",
            t->replication == 1
                ? "its records are gone with the disk of one broker, and away while it is down"
                : "with one broker down, it either takes no writes or keeps them on one disk");
    else if (t->min_in_sync >= 0 && t->min_in_sync < 2)
        say(j, KAFKA_WARNING, "set min.insync.replicas=2 for the topic",
            "topic %s: min.insync.replicas is 1: a record may be acknowledged with one copy, and "
            "be lost with that broker",
            t->name);
}

static void judge_topic(const struct judge *j, const struct kafka_topic_facts *t)
{
    bool internal = t->role == KAFKA_TOPIC_TRANSACTIONS || t->role == KAFKA_TOPIC_OFFSETS;

    if (t->partitions < 0) {
        say(j, internal ? KAFKA_INFO : KAFKA_ERROR, internal ? "" : "allow Describe on the topic",
            "topic %s: not allowed to look at it", t->name);
        return;
    }
    if (t->partitions == 0) {
        if (!internal)
            say(j, KAFKA_ERROR, "`sluice topics create` makes it", "topic %s: does not exist",
                t->name);
        return;
    }
    judge_replicas(j, t);
    if (t->unclean == 1)
        say(j, KAFKA_WARNING, "set unclean.leader.election.enable=false for the topic",
            "topic %s: unclean.leader.election.enable is on: a broker that missed records may "
            "take over, and then acknowledged records and transactions are lost",
            t->name);
}

/* The largest reply that can reach its topic, and what sets that bound. */
static int64_t reply_bound(const struct judge *j, const struct kafka_topic_facts *t,
                           const char **ret_why)
{
    int64_t topic = t->max_message_bytes >= 0 ? t->max_message_bytes : j->k->message_max_bytes;
    int64_t least = j->c->limits.reply_bytes;
    int64_t producer = producer_number(j->c, "message.max.bytes", least); /* publisher.c */

    *ret_why = "limits.reply_bytes";
    if (producer < least) {
        least = producer;
        *ret_why = "kafka.producer.message.max.bytes";
    }
    if (topic >= 0 && topic < least) {
        least = topic;
        *ret_why = "max.message.bytes of the topic";
    }
    return least;
}

static void judge_models(const struct judge *j, const struct kafka_topic_facts *t)
{
    const char *why = NULL;
    int64_t bound = reply_bound(j, t, &why);

    for (size_t i = 0; i < j->c->nmodels; i++) {
        const struct model *m = &j->c->models[i];
        int64_t bytes = m->max_output_tokens * TOKEN_BYTES + REPLY_BYTES;

        if (m->max_output_tokens == 0 || bytes <= bound)
            continue;
        say(j, KAFKA_WARNING,
            "raise limits.reply_bytes, kafka.producer.message.max.bytes and max.message.bytes of "
            "the topic, or have requests ask for fewer tokens",
            "model `%s`: an answer of max_output_tokens (%" PRId64 ") may take %" PRId64
            " bytes (%d a token, escaped as JSON); replies on topic %s may "
            "have %" PRId64 " (%s): a longer one is paid for and becomes an error",
            m->model_name, m->max_output_tokens, bytes, TOKEN_BYTES, t->name, bound, why);
    }
}

/* Records of the request topics are written to this one, too. */
static void judge_copies(const struct judge *j, const struct kafka_topic_facts *to,
                         const char *what, const char *else_what)
{
    if (!to || to->max_message_bytes < 0)
        return;
    for (size_t i = 0; i < j->k->ntopics; i++) {
        const struct kafka_topic_facts *t = &j->k->topics[i];
        char hint[80];

        if (t->role != KAFKA_TOPIC_REQUESTS || t->max_message_bytes <= to->max_message_bytes)
            continue;
        snprintf(hint, sizeof hint, "raise max.message.bytes of the %s topic", what);
        say(j, KAFKA_WARNING, hint,
            "topic %s takes records of %" PRId64 " bytes, the %s topic %s only of %" PRId64
            ": a larger %s",
            t->name, t->max_message_bytes, what, to->name, to->max_message_bytes, else_what);
    }
}

static void judge_sizes(const struct judge *j)
{
    const struct kafka_topic_facts *replies = topic_of(j->k, KAFKA_TOPIC_REPLIES);
    const struct kafka_topic_facts *dead = topic_of(j->k, KAFKA_TOPIC_DEAD_LETTER);
    const char *why = NULL;

    if (replies && replies->partitions > 0) {
        int64_t bound = reply_bound(j, replies, &why);

        if (bound < j->c->limits.reply_bytes)
            say(j, KAFKA_WARNING, "raise what is smaller, or lower limits.reply_bytes",
                "limits.reply_bytes is %" PRId64 ", but %s (topic %s) is %" PRId64
                ": a reply between the two is paid for and becomes an error",
                j->c->limits.reply_bytes, why, replies->name, bound);
        judge_models(j, replies);
    }
    judge_copies(j, dead, "dead-letter", "bad record would not be kept");
}

/* What waits there has nobody else who knows of it. */
static void judge_delay(const struct judge *j)
{
    const struct kafka_topic_facts *delay = topic_of(j->k, KAFKA_TOPIC_DELAY);

    if (!delay || delay->partitions <= 0)
        return;
    if (delay->compact == 1)
        say(j, KAFKA_ERROR, "set cleanup.policy=delete for the topic",
            "topic %s: cleanup.policy is compact: of the requests that are parked there under one "
            "key, the broker deletes all but the newest, and they get no reply",
            delay->name);
    judge_copies(j, delay, "delay", "request is not parked and holds up those behind it");
}

static int64_t request_partitions(const struct kafka_cluster *k)
{
    int64_t sum = 0;

    for (size_t i = 0; i < k->ntopics; i++)
        if ((k->topics[i].role == KAFKA_TOPIC_REQUESTS || k->topics[i].role == KAFKA_TOPIC_DELAY) &&
            k->topics[i].partitions > 0)
            sum += k->topics[i].partitions;
    return sum;
}

static void judge_slots(const struct judge *j, const struct model *m, int64_t parts)
{
    if (m->max_parallel_requests == 0 || parts < 2)
        return;
    if (m->max_parallel_requests < parts)
        say(j, KAFKA_WARNING,
            "use fewer partitions, raise the limit, lower `timeout` to what a call really takes, "
            "or "
            "set limits_scope: process with one worker",
            "model `%s`: max_parallel_requests is %" PRId64 " for %" PRId64
            " partitions: the calls "
            "go round among them by the clock, each stop begins with `timeout` (%" PRId64
            " s) without calls, and a third of the limit is lost",
            m->model_name, m->max_parallel_requests, parts, m->timeout_ms / 1000);
    else if (m->timeout_ms > LONG_REST_MS)
        say(j, KAFKA_INFO, "lower `timeout` to what a call really takes",
            "model `%s`: when a partition moves, its part of max_parallel_requests rests for "
            "`timeout` (%" PRId64 " s)",
            m->model_name, m->timeout_ms / 1000);
}

static void judge_rate(const struct judge *j, const struct model *m, enum limit_dim d,
                       int64_t span_s, int64_t parts)
{
    int64_t max = limit_max_of(m).of[d];

    if (max > 0 && max < parts)
        say(j, KAFKA_WARNING, "use fewer partitions",
            "model `%s`: %s is %" PRId64 " for %" PRId64 " partitions: a worker that has one "
            "of them makes a call every %" PRId64 " s",
            m->model_name, limit_name(d), max, parts, span_s * parts / max);
    else if (meter_is_by_instant(max, parts) && parts > 1)
        say(j, KAFKA_INFO, "",
            "model `%s`: %s is %" PRId64 " for %" PRId64
            " partitions: several workers divide it by "
            "the wall clock, so their clocks must agree within %s",
            m->model_name, limit_name(d), max, parts,
            d == LIMIT_RPS ? "a twentieth of a second" : "half a second");
}

static void judge_tokens(const struct judge *j, const struct model *m, enum limit_dim d,
                         int64_t parts)
{
    int64_t max = limit_max_of(m).of[d];

    if (max > 0 && max / parts < LARGE_TOKENS && parts > 1)
        say(j, KAFKA_WARNING, "run fewer workers than partitions, or use fewer partitions",
            "model `%s`: %s is %" PRId64 " for %" PRId64 " partitions: a worker that has n of "
            "them serves requests of up to n * %" PRId64
            " tokens, with the longest answer that they "
            "allow; larger ones wait until it has more partitions",
            m->model_name, limit_name(d), max, parts, max / parts);
}

static void judge_rates(const struct judge *j, const struct model *m, int64_t parts)
{
    static const enum limit_dim tokens[] = {LIMIT_TPM, LIMIT_INPUT_TPM, LIMIT_OUTPUT_TPM,
                                            LIMIT_TPD};
    size_t i = 0;

    judge_rate(j, m, LIMIT_RPS, 1, parts);
    judge_rate(j, m, LIMIT_RPM, 60, parts);
    judge_rate(j, m, LIMIT_RPD, 86400, parts);
    for (i = 0; i < ARRAY_LEN(tokens); i++)
        judge_tokens(j, m, tokens[i], parts);
}

/* Limits that are too small to be shared by the partitions. */
static void judge_limits(const struct judge *j)
{
    int64_t parts = request_partitions(j->k);

    if (strcmp(j->c->limits_scope, "pool") != 0 || parts == 0)
        return;
    for (size_t i = 0; i < j->c->nmodels; i++) {
        judge_rates(j, &j->c->models[i], parts);
        judge_slots(j, &j->c->models[i], parts);
    }
}

void kafka_cluster_judge(const struct kafka_cluster *k, const struct config *c,
                         void (*fn)(void *arg, const struct kafka_finding *f), void *arg)
{
    struct judge j = {
        .k = k, .c = c, .exact = strcmp(c->delivery, "exactly_once") == 0, .fn = fn, .arg = arg};

    if (k->embedded)
        return;
    judge_brokers(&j);
    judge_transactions(&j);
    for (size_t i = 0; i < k->ntopics; i++)
        judge_topic(&j, &k->topics[i]);
    judge_sizes(&j);
    judge_delay(&j);
    judge_limits(&j);
}
