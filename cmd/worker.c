/*
 * worker: the service: reads requests from Kafka, answers them, publishes the replies, until it is told
 * to stop. An absent broker is reported and waited for.
 */
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/command.h"
#include "cmd/default_root.h"
#include "cmd/runtime.h"
#include "cmd/signals.h"
#include "io/kafka/cluster.h"

#define PROBE_MS 5000

struct worker_options {
    struct config_options config;
    const char *ready_file;
};

static const struct option_row rows[] = {
    CONFIG_OPTION_ROWS(struct worker_options, config),
    {.name = "ready-file",
     .type = OPT_STR,
     .offset = offsetof(struct worker_options, ready_file),
     .arg = "FILE",
     .help = "exists while the worker is ready: a member of its group, able to publish and to "
             "store"},
    {.name = NULL},
};

static void log_finding(void *arg, const struct kafka_finding *f)
{
    static const enum log_level levels[] = {LOG_INFO, LOG_WARN, LOG_ERROR};
    char text[sizeof f->text * 2], hint[sizeof f->hint * 2];

    (void)arg;
    log_line(levels[f->severity], "kafka cluster", "text=%s hint=%s",
             log_quote(f->text, text, sizeof text), log_quote(f->hint, hint, sizeof hint));
}

/* Says what of the cluster does not fit, once. An unreachable broker is waited for later, unchecked. */
static void look_at_cluster(const struct config *c, struct runtime_setup *setup)
{
    struct kafka_cluster k;
    struct err e = {0};
    char text[600];

    if (kafka_cluster_describe(c, PROBE_MS, &k, &e) < 0) {
        log_warn("no broker yet, the worker waits for it; its settings are not checked", "text=%s",
                 log_quote(e.msg, text, sizeof text));
        return;
    }
    setup->embedded = k.embedded;
    if (k.embedded)
        log_warn("the broker is an embedded one: for development, in memory only", "cluster=%s",
                 k.id);
    else if (k.metadata_max_bytes < KAFKA_METADATA_MAX_BYTES)
        setup->map_max = (size_t)k.metadata_max_bytes; /* more than usual is not made use of */
    kafka_cluster_judge(&k, c, log_finding, NULL);
    kafka_cluster_done(&k);
}

static int work(const struct worker_options *o, const struct config *c, int signal_fd,
                struct err *e)
{
    struct runtime_setup setup = {.config = c, .signal_fd = signal_fd};
    struct runtime r;
    char root[512];
    int rc = 0;

    setup.store_root = c->cache.path;
    if (!setup.store_root || !*setup.store_root) {
        if (default_root("store", root, sizeof root, e) < 0)
            return e->code;
        setup.store_root = root;
    }
    /* What a killed worker has left goes at once, before the brokers are asked. */
    if (health_open(&setup.health, o->ready_file, e) < 0 || watch_open(&setup.watch, c, "", e) < 0)
        return e->code;
    setup.notify = notify_open(getenv("NOTIFY_SOCKET"));
    look_at_cluster(c, &setup);
    if (traces_open(&setup.traces, c, kafka_consumer_property(c, "group.id"), e) == 0 &&
        runtime_start(&r, &setup, e) == 0)
        rc = runtime_run(&r, e);
    else
        rc = e->code ? e->code : EX_UNAVAILABLE;
    notify_close(setup.notify);
    traces_close(setup.traces);
    watch_close(setup.watch);
    return rc;
}

static int run_worker(const void *opts, int nargs, char *const *args, struct err *e)
{
    const struct worker_options *o = opts;
    struct config *c = NULL;
    int signal_fd, rc;

    (void)nargs;
    (void)args;
    rc = command_config(&o->config, &c, e);
    if (rc)
        return rc;
    signal_fd = signals_open(e);
    if (signal_fd < 0)
        rc = EX_OSERR;
    else if (kafka_config_check(c, true, e) < 0)
        rc = EX_CONFIG;
    else if (!c->nmodels)
        rc = EX_CONFIG, err_set(e, EX_CONFIG, "model_list is empty: name at least one model");
    else
        rc = work(o, c, signal_fd, e);
    if (signal_fd >= 0)
        close(signal_fd);
    config_free(c);
    return rc;
}

const struct command command_worker = {
    .name = "worker",
    .summary = "the service: requests from Kafka in, replies to Kafka out",
    .description =
        "Takes a slot below cache.path, joins the consumer group of kafka.group.id and works until "
        "SIGTERM or SIGINT. The first signal drains: reading stops, running calls may go on for "
        "pool.drain_timeout, what is finished is published and committed. A second signal ends the "
        "worker at once: nothing is lost, but calls that were running may be paid for again.",
    .examples = "sluice worker -c sluice.yaml\n",
    .options = rows,
    .options_size = sizeof(struct worker_options),
    .run = run_worker,
};
