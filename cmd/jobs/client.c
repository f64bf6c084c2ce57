/* client: see client.h. It sends and reads no records. */
#include "cmd/jobs/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cmd/batch/prepare.h"
#include "cmd/runtime.h"
#include "cmd/signals.h"

int client_init(struct client *c, const char *progress_mode, struct err *e)
{
    *c = (struct client){.signal_fd = -1};
    kafka_fatal_init(&c->fatal);
    return progress_init(&c->progress, progress_mode, clock_mono_us(), e);
}

void client_done(struct client *c)
{
    input_close(c->input);
    index_free(c->index);
    config_free(c->config);
    if (c->signal_fd >= 0)
        close(c->signal_fd);
}

int client_open(struct client *c, const struct config_options *o, const char *servers,
                struct err *e)
{
    int rc = command_config(o, &c->config, e);

    if (rc)
        return rc;
    if (servers)
        runtime_property(c->config, "bootstrap.servers", servers);
    if (kafka_config_check(c->config, false, e) < 0)
        return e->code ? e->code : EX_CONFIG;
    return 0;
}

int client_survey(struct client *c, const char *path, const struct input_options *in,
                  bool keep_going, struct err *e)
{
    if (in->model) {
        free(c->config->default_model);
        c->config->default_model = mem_strdup(in->model);
    }
    c->input_path = path;
    c->input = input_open(path, in, (size_t)c->config->limits.record_bytes, e);
    if (!c->input)
        return -1;
    c->index = index_new();
    return prepare_index(c->input, path, c->config, keep_going, c->index, e);
}

int client_signals(struct client *c, struct err *e)
{
    c->signal_fd = signals_open(e);
    return c->signal_fd < 0 ? -1 : 0;
}

const char *client_request_topic(const struct config *c, const char *wanted, struct err *e)
{
    const char *topic = wanted;

    if (!topic && c->topics.requests.count)
        topic = c->topics.requests.at[0];
    if (topic && *topic && *topic != '^')
        return topic;
    err_set(e, EX_USAGE, "topics.requests names no single topic: say which with --topic");
    return NULL;
}

static void describe_input(const struct client *c, struct run *r)
{
    char *path = realpath(c->input_path, NULL);

    snprintf(r->input, sizeof r->input, "%s", path ? path : "");
    free(path);
    r->input_bytes = input_size(c->input);
    r->rows = index_rows(c->index);
    index_digest(c->index, r->digest);
}

int client_describe(const struct client *c, const char *topic, struct run *ret, struct err *e)
{
    const char *replies = c->config->topics.replies;
    const char *servers = kafka_consumer_property(c->config, "bootstrap.servers");
    struct kafka_info info;
    struct run r = {0};

    snprintf(r.topic, sizeof r.topic, "%s", topic);
    snprintf(r.replies, sizeof r.replies, "%s", replies ? replies : "");
    snprintf(r.servers, sizeof r.servers, "%s", servers ? servers : "");
    if (c->index)
        describe_input(c, &r);
    if (kafka_probe(c->config, CLIENT_TIMEOUT_MS, &info, e) < 0)
        return -1;
    snprintf(r.cluster, sizeof r.cluster, "%s", info.cluster_id);
    *ret = r;
    return 0;
}

void client_started(struct client *c)
{
    c->started_us = clock_mono_us();
    progress_begin(&c->progress, c->started_us);
}

int client_ended(struct client *c, int wait_ms, struct err *e)
{
    int sig = signals_wait(c->signal_fd, -1, wait_ms);

    if (sig)
        return 128 + sig;
    if (atomic_load(&c->fatal.set))
        return err_set(e, EX_UNAVAILABLE, "%s", c->fatal.msg);
    return 0;
}

int client_stopped(int ended, struct err *e)
{
    err_set(e, 0, "stopped by a signal; nothing is lost: run the same command again to go on");
    return ended;
}
