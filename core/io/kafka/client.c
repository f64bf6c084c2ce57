/*
 * client: makes librdkafka handles from the configuration and turns librdkafka's log lines and errors
 * into ours. Nothing here knows what a handle is used for, and no policy lives here: errors that need a
 * decision reach the owner as results of its own calls.
 */
#include "io/kafka/client.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

/* librdkafka speaks in syslog's levels; <syslog.h> has macros of the names in base/log.h. */
enum { SYSLOG_ERR = 3, SYSLOG_WARNING = 4, SYSLOG_NOTICE = 5 };

#define DOWN_EVERY_US (10 * 1000000LL)

void kafka_fatal_init(struct kafka_fatal *f)
{
    atomic_init(&f->set, false);
    atomic_flag_clear(&f->claimed);
    f->msg[0] = '\0';
}

void kafka_fatal_raise(struct kafka_fatal *f, const char *msg)
{
    if (!f || atomic_flag_test_and_set(&f->claimed))
        return;
    snprintf(f->msg, sizeof f->msg, "%s", msg);
    atomic_store(&f->set, true);
}

static const char *find(const struct property_list *l, const char *name)
{
    for (size_t i = l->count; i > 0; i--)
        if (strcmp(l->at[i - 1].name, name) == 0)
            return l->at[i - 1].value;
    return NULL;
}

const char *kafka_consumer_property(const struct config *c, const char *name)
{
    const char *v = find(&c->kafka_consumer, name);

    return v ? v : find(&c->kafka, name);
}

const char *kafka_producer_property(const struct config *c, const char *name)
{
    const char *v = find(&c->kafka_producer, name);

    return v ? v : find(&c->kafka, name);
}

static bool has_pattern(const struct string_list *topics)
{
    for (size_t i = 0; i < topics->count; i++)
        if (topics->at[i][0] == '^')
            return true;
    return false;
}

int kafka_config_check(const struct config *c, bool worker, struct err *e)
{
    const char *servers = kafka_consumer_property(c, "bootstrap.servers");
    const char *group = kafka_consumer_property(c, "group.id");

    if (!servers || !*servers)
        return err_set(e, EX_CONFIG,
                       "kafka.bootstrap.servers is not set: name at least one broker as host:port");
    if (!worker)
        return 0;
    if (!group || !*group)
        return err_set(e, EX_CONFIG,
                       "kafka.group.id is not set: workers with the same group.id share the work");
    if (strlen(group) > 200)
        return err_set(e, EX_CONFIG, "kafka.group.id is longer than 200 bytes: shorten it");
    if (!c->topics.requests.count)
        return err_set(e, EX_CONFIG, "topics.requests is empty: name the topic to read from");
    if (has_pattern(&c->topics.requests) && strcmp(c->limits_scope, "pool") == 0)
        return err_set(e, EX_CONFIG,
                       "topics.requests has a pattern (^...), so that nobody knows by how many "
                       "partitions the limits are divided: name the topics, or set limits_scope: "
                       "process");
    if (!c->topics.replies || !*c->topics.replies)
        return err_set(e, EX_CONFIG, "topics.replies is empty: name the topic for the replies");
    return 0;
}

/* The embedded broker calls its cluster "mockCluster" and a number. */
bool kafka_id_is_embedded(const char *cluster_id)
{
    return cluster_id && strncmp(cluster_id, "mockCluster", 11) == 0;
}

/* What a transaction ended with, or waits for, is said by the one that replaces the handle, or goes on with
 * it; a broker that is just starting would fill a page with GETPID. */
static bool is_told_by_owner(const char *fac)
{
    static const char *const told[] = {"TXNERR", "FATAL", "TERMINATE", "GETPID"};

    for (size_t i = 0; i < ARRAY_LEN(told); i++)
        if (strcmp(fac, told[i]) == 0)
            return true;
    return false;
}

static void on_log(const rd_kafka_t *rk, int level, const char *fac, const char *buf)
{
    struct kafka_client *c = rd_kafka_opaque(rk);
    char text[400];
    enum log_level to = level <= SYSLOG_ERR       ? LOG_ERROR
                        : level == SYSLOG_WARNING ? LOG_WARN
                        : level == SYSLOG_NOTICE  ? LOG_INFO
                                                  : LOG_DEBUG;

    /* One list of properties serves both kinds of client, so that each is told of the other's. */
    if (strcmp(fac, "CONFWARN") == 0)
        return;
    /* A broker that is away is reported once by on_error(), not once per connection attempt. */
    if (strcmp(fac, "FAIL") == 0 || strcmp(fac, "ERROR") == 0)
        to = LOG_DEBUG;
    if (c && c->replaceable && is_told_by_owner(fac))
        to = LOG_DEBUG;
    if (log_wants(to))
        log_line(to, "kafka client", "client=%s facility=%s text=%s", c ? c->name : "?", fac,
                 log_quote(buf, text, sizeof text));
}

void kafka_client_fatal(struct kafka_client *c)
{
    char why[256], msg[384], text[400];
    rd_kafka_resp_err_t err = rd_kafka_fatal_error(c->rk, why, sizeof why);

    snprintf(
        msg, sizeof msg, "kafka %s: %s: %s%s", c->name, rd_kafka_err2name(err), why,
        err == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID
            ? "; another worker has this one's identity: give each a store path of its own, and "
              "do not copy one"
            : "");
    log_error("kafka client failed for good", "client=%s error=%s text=%s", c->name,
              rd_kafka_err2name(err), log_quote(why, text, sizeof text));
    kafka_fatal_raise(c->fatal, msg);
}

static void on_error(rd_kafka_t *rk, int err, const char *reason, void *opaque)
{
    struct kafka_client *c = opaque;
    int64_t now_us = clock_mono_us();
    char text[400];

    (void)rk;
    if (err == RD_KAFKA_RESP_ERR__FATAL) {
        if (!c->replaceable) /* else its owner's next call says so */
            kafka_client_fatal(c);
        return;
    }
    if (err == RD_KAFKA_RESP_ERR__AUTHENTICATION || err == RD_KAFKA_RESP_ERR__SSL) {
        log_error("kafka refuses the connection", "client=%s text=%s", c->name,
                  log_quote(reason, text, sizeof text));
        return;
    }
    if (c->said_down_us && now_us - c->said_down_us < DOWN_EVERY_US)
        return;
    c->said_down_us = now_us;
    log_warn("kafka cannot be reached, trying again", "client=%s error=%s text=%s", c->name,
             rd_kafka_err2name((rd_kafka_resp_err_t)err), log_quote(reason, text, sizeof text));
}

void kafka_client_reached(struct kafka_client *c)
{
    c->said_down_us = 0;
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t what,
                         rd_kafka_topic_partition_list_t *parts, void *opaque)
{
    struct kafka_client *c = opaque;

    (void)rk;
    c->rebalance(c->owner, what, parts);
}

static void on_delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    struct kafka_client *c = opaque;

    (void)rk;
    c->delivered(c->owner, m);
}

static int set(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *e)
{
    char why[256];

    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK)
        return 0;
    return err_set(e, EX_CONFIG, "kafka.%s: %s", name, why);
}

static int set_pairs(rd_kafka_conf_t *conf, const struct kafka_pair *p, struct err *e)
{
    for (; p && p->name; p++)
        if (p->value && set(conf, p->name, p->value, e) < 0)
            return -1;
    return 0;
}

static int set_list(rd_kafka_conf_t *conf, const struct property_list *l, struct err *e)
{
    for (size_t i = 0; i < l->count; i++)
        if (set(conf, l->at[i].name, l->at[i].value, e) < 0)
            return l->at[i].line ? err_wrap(e, "line %d", l->at[i].line) : -1;
    return 0;
}

int kafka_client_open(struct kafka_client *c, rd_kafka_type_t type, const struct config *config,
                      const struct kafka_pair *defaults, const struct kafka_pair *forced,
                      struct err *e)
{
    const struct property_list *own =
        type == RD_KAFKA_CONSUMER ? &config->kafka_consumer : &config->kafka_producer;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[256];

    rd_kafka_conf_set_opaque(conf, c);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_error_cb(conf, on_error);
    if (c->rebalance)
        rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    if (c->delivered)
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivered);
    /* A broker that is back is found within two seconds; the library's own limit is ten. */
    if (set(conf, "client.id", "sluice", e) < 0 ||
        set(conf, "reconnect.backoff.max.ms", "2000", e) < 0 ||
        set(conf, "socket.nagle.disable", "true", e) < 0 || set_pairs(conf, defaults, e) < 0 ||
        set_list(conf, &config->kafka, e) < 0 || set_list(conf, own, e) < 0 ||
        set_pairs(conf, forced, e) < 0) {
        rd_kafka_conf_destroy(conf);
        return -1;
    }
    if (c->group && group_watch_install(conf, c->group)) {
        rd_kafka_conf_destroy(conf);
        return err_set(e, EX_SOFTWARE, "kafka: the client takes no interceptor");
    }
    if (c->taint && taint_install(conf, c->taint)) {
        rd_kafka_conf_destroy(conf);
        return err_set(e, EX_SOFTWARE, "kafka: the client takes no interceptor");
    }
    c->rk = rd_kafka_new(type, conf, why, sizeof why);
    if (!c->rk) {
        rd_kafka_conf_destroy(conf);
        return err_set(e, EX_CONFIG, "kafka: %s", why);
    }
    return 0;
}

void kafka_client_close(struct kafka_client *c)
{
    /* A consumer that failed for good is in no group any more, and waiting for it to leave hangs. */
    if (c->rk && rd_kafka_fatal_error(c->rk, NULL, 0))
        rd_kafka_destroy_flags(c->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    else if (c->rk)
        rd_kafka_destroy(c->rk);
    c->rk = NULL;
}
