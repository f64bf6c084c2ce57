/*
 * dev: everything in one process for a laptop: an embedded broker, a simulated provider and a worker.
 * Nothing of it is for production: the broker lives in memory and keeps 5 MiB a partition.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "cmd/command.h"
#include "cmd/default_root.h"
#include "cmd/runtime.h"
#include "cmd/sim/sim.h"
#include "cmd/signals.h"
#include "providers/providers.h"

struct dev_options {
    struct config_options config;
    int64_t port;
    const char *requests;
    const char *replies;
    const char *dead_letter;
    int64_t partitions;
    const char *store;
    const char *ready_file;
    struct sim_conf sim;
};

#define AT(member) .offset = offsetof(struct dev_options, member)

static const struct option_row rows[] = {
    CONFIG_OPTION_ROWS(struct dev_options, config),
    {.name = "port",
     .letter = 'p',
     .type = OPT_INT,
     AT(port),
     .arg = "N",
     .fallback = "0",
     .min = 0,
     .max = 65535,
     .help = "port of the broker; 0 takes any free one and prints it"},
    {.name = "requests",
     .type = OPT_STR,
     AT(requests),
     .arg = "TOPIC",
     .fallback = "llm.requests",
     .help = "topic for requests"},
    {.name = "replies",
     .type = OPT_STR,
     AT(replies),
     .arg = "TOPIC",
     .fallback = "llm.replies",
     .help = "topic for replies"},
    {.name = "dead-letter",
     .type = OPT_STR,
     AT(dead_letter),
     .arg = "TOPIC",
     .fallback = "llm.dead",
     .help = "topic for records that cannot be read"},
    {.name = "partitions",
     .type = OPT_INT,
     AT(partitions),
     .arg = "N",
     .fallback = "64",
     .min = 1,
     .max = 512,
     .help = "partitions of each topic; each keeps 5 MiB"},
    {.name = "store",
     .type = OPT_STR,
     AT(store),
     .arg = "DIR",
     .help = "directory of the cache; default: ~/.cache/sluice/dev, so that a second run hits it"},
    {.name = "ready-file",
     .type = OPT_STR,
     AT(ready_file),
     .arg = "FILE",
     .help = "write the broker's address to this file when everything runs, for scripts"},
    {.name = "sim-port",
     .type = OPT_INT,
     AT(sim.port),
     .arg = "N",
     .fallback = "0",
     .min = 0,
     .max = 65535,
     .help = "port of the simulated provider; 0: the one it had the last time, else any free one"},
    {.name = "sim-latency",
     .type = OPT_STR,
     AT(sim.latency),
     .arg = "SPEC",
     .help = "latency of the simulated provider, as for `sluice sim --latency`"},
    {.name = "sim-answer",
     .type = OPT_STR,
     AT(sim.answer),
     .arg = "KIND",
     .help = "what it answers, as for `sluice sim --answer`"},
    {.name = "sim-seed",
     .type = OPT_INT,
     AT(sim.seed),
     .arg = "N",
     .fallback = "0",
     .help = "seed of its faults and latencies"},
    {.name = "sim-rpm",
     .type = OPT_INT,
     AT(sim.rpm),
     .arg = "N",
     .fallback = "0",
     .help = "requests per minute that it allows for each model; 0: no limit"},
    {.name = "sim-tpm",
     .type = OPT_INT,
     AT(sim.tpm),
     .arg = "N",
     .fallback = "0",
     .help = "tokens per minute that it allows for each model; 0: no limit"},
    {.name = "sim-script",
     .type = OPT_STR,
     AT(sim.script),
     .arg = "FILE",
     .help = "its script of faults, as for `sluice sim --script`"},
    {.name = "fault",
     .type = OPT_LIST,
     AT(sim.faults),
     .arg = "KIND:PERCENT",
     .help = "inject faults, as for `sluice sim --fault`; may be given several times"},
    {.name = NULL},
};

/* What the options made, from the inside out. */
struct dev {
    const struct dev_options *o;
    struct sim *sim;
    struct kafka_broker *broker;
    struct config *config;
    struct watch *watch;
    struct traces *traces;
    char root[512];
    int signal_fd;
};

/* Two models on the simulator, with made-up prices so that costs can be seen. */
static int own_config(struct dev *d, struct err *e)
{
    static const char *const names[] = {"fast", "smart"};
    struct buf text = BUF_INIT(16384);
    char *const no_env[] = {NULL};
    int r;

    buf_printf(&text, "topics: {requests: [\"%s\"], replies: \"%s\", dead_letter: \"%s\"}\n",
               d->o->requests, d->o->replies, d->o->dead_letter);
    buf_str(&text, "model_list:\n");
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        buf_printf(
            &text,
            "  - model_name: %s\n"
            "    params: {model: openai/sim-%s, api_base: \"http://127.0.0.1:%u/v1\", "
            "api_key: simulated}\n"
            "    model_info: {input_cost_per_token: 2.5e-7, output_cost_per_token: 2.0e-6}\n",
            names[i], names[i], (unsigned)sim_port(d->sim));
    r = text.over ? err_set(e, EX_USAGE, "topic names are too long")
                  : config_parse(text.data, text.len, "sluice dev", no_env, d->o->config.set.at,
                                 d->o->config.set.count, &d->config, e);
    buf_done(&text);
    if (r == 0)
        r = config_resolve(d->config, providers, vendors, no_env, e);
    if (r < 0)
        return e->code ? e->code : EX_USAGE;
    log_setup(LOG_INFO, false);
    return 0;
}

/* Where the port of the simulator is kept: it is part of its base URL and so of every completion key, and a
 * new one would make all that is cached useless. */
static int port_path(const struct dev *d, char *out, size_t cap)
{
    char root[512];

    if (d->o->store)
        return snprintf(out, cap, "%s/sim-port", d->o->store) < (int)cap ? 0 : -1;
    if (default_root("dev", root, sizeof root, NULL) < 0)
        return -1;
    return snprintf(out, cap, "%s/sim-port", root) < (int)cap ? 0 : -1;
}

static uint16_t remembered_port(const struct dev *d)
{
    char path[1024];
    unsigned port = 0;
    FILE *f = port_path(d, path, sizeof path) == 0 ? fopen(path, "r") : NULL;

    if (!f)
        return 0;
    if (fscanf(f, "%5u", &port) != 1 || port > UINT16_MAX)
        port = 0;
    fclose(f);
    return (uint16_t)port;
}

/* Best effort: without it the next `dev` only misses its cache. */
static void remember_port(const struct dev *d)
{
    char path[1024];
    FILE *f = port_path(d, path, sizeof path) == 0 ? fopen(path, "w") : NULL;

    if (!f)
        return;
    fprintf(f, "%u\n", (unsigned)sim_port(d->sim));
    fclose(f);
}

static struct sim *start_sim(const struct dev *d, struct err *e)
{
    struct sim_conf conf = d->o->sim;
    struct sim *sim = NULL;

    if (conf.port == 0)
        conf.port = remembered_port(d);
    if (conf.port != d->o->sim.port)
        sim = sim_start(&conf, NULL); /* another program may have it by now */
    return sim ? sim : sim_start(&d->o->sim, e);
}

static int make_config(struct dev *d, struct err *e)
{
    int rc;

    if (d->o->config.config) {
        rc = command_config(&d->o->config, &d->config, e);
    } else {
        d->sim = start_sim(d, e);
        rc = d->sim ? own_config(d, e) : EX_UNAVAILABLE;
    }
    if (rc)
        return rc;
    runtime_property(d->config, "bootstrap.servers", kafka_broker_address(d->broker));
    if (!kafka_consumer_property(d->config, "group.id"))
        runtime_property(d->config, "group.id", "sluice-dev");
    return kafka_config_check(d->config, true, e) < 0 ? EX_CONFIG : 0;
}

static int make_topics(struct dev *d, struct err *e)
{
    const struct config *c = d->config;
    int n = (int)d->o->partitions;

    for (size_t i = 0; i < c->topics.requests.count; i++)
        if (kafka_broker_topic(d->broker, c->topics.requests.at[i], n, e) < 0)
            return -1;
    if (*c->topics.dead_letter && kafka_broker_topic(d->broker, c->topics.dead_letter, n, e) < 0)
        return -1;
    return kafka_broker_topic(d->broker, c->topics.replies, n, e);
}

static int find_root(struct dev *d, struct err *e)
{
    const char *given = d->o->store ? d->o->store : d->config->cache.path;

    if (!given || !*given)
        return default_root("dev", d->root, sizeof d->root, e);
    if ((size_t)snprintf(d->root, sizeof d->root, "%s", given) >= sizeof d->root)
        return err_set(e, EX_USAGE, "the path of the store is too long: give another --store");
    return 0;
}

static int write_ready(const char *path, const char *address, struct err *e)
{
    char temp[4096];
    FILE *f;
    bool good;

    if ((size_t)snprintf(temp, sizeof temp, "%s.tmp", path) >= sizeof temp)
        return err_set(e, EX_USAGE, "--ready-file: the path is too long");
    f = fopen(temp, "w");
    if (!f)
        return err_set(e, EX_CANTCREAT, "--ready-file %s: %s", path, strerror(errno));
    good = fprintf(f, "%s\n", address) > 0;
    if (fclose(f) != 0 || !good || rename(temp, path) != 0)
        return err_set(e, EX_CANTCREAT, "--ready-file %s: %s", path, strerror(errno));
    return 0;
}

static void announce(const struct dev *d)
{
    const char *address = kafka_broker_address(d->broker);
    const struct config *c = d->config;

    fprintf(stderr,
            "sluice dev: for development only. The broker is in memory, keeps 5 MiB a partition,\n"
            "delivers at least once, and is gone with this process.\n\n");
    if (d->sim)
        fprintf(stderr, "  models fast and smart are simulated: http://127.0.0.1:%u/v1\n",
                (unsigned)sim_port(d->sim));
    if (d->watch)
        fprintf(
            stderr,
            "  what the worker is doing: http://127.0.0.1:%u/ (for a browser), /status, /metrics\n",
            (unsigned)watch_port(d->watch));
    fprintf(stderr,
            "  sluice enqueue -b %s -i prompts.jsonl\n"
            "  sluice collect -b %s --run prompts.jsonl.run -o replies.jsonl\n"
            "  echo '{\"model\":\"fast\",\"prompt\":\"hello\"}' | kcat -b %s -P -t %s -k row-1\n"
            "  kcat -b %s -C -t %s -e -X fetch.wait.max.ms=10\n\n"
            "Ctrl-C stops it.\n",
            address, address, address, c->topics.requests.at[0], address, c->topics.replies);
    printf("bootstrap.servers=%s\n", address); /* last: scripts wait for this line */
    fflush(stdout);
}

static int serve(struct dev *d, struct err *e)
{
    struct runtime_setup setup = {
        .config = d->config, .store_root = d->root, .embedded = true, .signal_fd = d->signal_fd};
    struct runtime r;
    struct err ignored = {0};

    setup.watch = d->watch;
    setup.traces = d->traces;
    if (runtime_start(&r, &setup, e) < 0)
        return e->code ? e->code : EX_UNAVAILABLE;
    if (d->sim)
        remember_port(d);
    announce(d);
    if (d->o->ready_file && write_ready(d->o->ready_file, kafka_broker_address(d->broker), e) < 0) {
        kafka_fatal_raise(&r.fatal, e->msg);
        runtime_run(&r, &ignored);
        return e->code;
    }
    return runtime_run(&r, e);
}

static int run_dev(const void *opts, int nargs, char *const *args, struct err *e)
{
    struct dev d = {.o = opts};
    int rc;

    (void)nargs;
    (void)args;
    d.signal_fd = signals_open(e);
    if (d.signal_fd < 0)
        return EX_OSERR;
    d.broker = kafka_broker_new((int)d.o->port, e);
    rc = d.broker ? make_config(&d, e) : EX_UNAVAILABLE;
    if (!rc && (make_topics(&d, e) < 0 || find_root(&d, e) < 0))
        rc = e->code;
    /* Without a configuration that says something else, at any free port: several may run. */
    if (!rc && watch_open(&d.watch, d.config, d.o->config.config ? "" : "127.0.0.1:0", e) < 0)
        rc = e->code;
    if (!rc && traces_open(&d.traces, d.config, kafka_consumer_property(d.config, "group.id"), e))
        rc = e->code;
    if (!rc)
        rc = serve(&d, e);
    traces_close(d.traces);
    watch_close(d.watch);
    sim_stop(d.sim);
    kafka_broker_free(d.broker);
    config_free(d.config);
    close(d.signal_fd);
    return rc;
}

const struct command command_dev = {
    .name = "dev",
    .summary = "a broker, a simulated provider and a worker in one process, for a laptop",
    .description =
        "Starts an embedded Kafka broker, a simulated provider (unless -c names a configuration "
        "with "
        "models) and a worker, and prints the broker's address as bootstrap.servers=HOST:PORT. Use "
        "enqueue and collect, kcat or any Kafka client with it. For development only: everything "
        "is "
        "in memory, replies are held back when nobody collects them, and other clients that send "
        "faster than the worker reads lose records, which is reported.",
    .examples = "sluice dev\n"
                "sluice dev --sim-latency 300ms --fault 429:10 --fault reset:2\n",
    .options = rows,
    .options_size = sizeof(struct dev_options),
    .run = run_dev,
};
