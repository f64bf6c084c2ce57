/*
 * enqueue: a file of prompts onto the request topic. Checks the whole input first; what is sent and how it is
 * resumed is in jobs/sender.c, the identity of the job in jobs/run.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "cmd/jobs/client.h"
#include "cmd/jobs/option_rows.h"
#include "cmd/jobs/sender.h"

#define WAIT_MS   20
#define FINISH_MS 5000

struct enqueue_options {
    const char *input;
    struct input_options in;
    const char *servers;
    const char *topic;
    const char *reply_to;
    const char *run;
    const char *manifest;
    int64_t limit;
    bool keep_going;
    const char *progress;
    struct config_options config;
};

#define AT(member) .offset = offsetof(struct enqueue_options, member)

static const struct option_row rows[] = {
    JOB_INPUT_ROW(struct enqueue_options, input),
    INPUT_OPTION_ROWS(struct enqueue_options, in),
    JOB_SERVERS_ROW(struct enqueue_options, servers,
                    "brokers; the same as --set kafka.bootstrap.servers=..."),
    JOB_TOPIC_ROW(struct enqueue_options, topic,
                  "request topic; default: the first of topics.requests"),
    {.name = "reply-to",
     .type = OPT_STR,
     AT(reply_to),
     .arg = "TOPIC",
     .help = "ask for the replies on this topic, which the worker's topics.reply_allow must name"},
    {.name = "run",
     .type = OPT_STR,
     AT(run),
     .arg = "NAME",
     .help = "name of the job, by which collect knows its replies; default: a random one"},
    {.name = "manifest",
     .type = OPT_STR,
     AT(manifest),
     .arg = "FILE",
     .help = "file that holds name, size and progress of the job; default: the input with .run "
             "behind it"},
    {.name = "limit",
     .letter = 'n',
     .type = OPT_INT,
     AT(limit),
     .arg = "ROWS",
     .min = 0,
     .max = UINT32_MAX,
     .help = "only so many rows from the start; a later call with more goes on behind them"},
    {.name = "keep-going",
     .letter = 'k',
     .type = OPT_FLAG,
     AT(keep_going),
     .help = "send bad records too (the worker answers them with errors) and pass over rows that "
             "cannot be read"},
    JOB_PROGRESS_ROW(struct enqueue_options, progress),
    CONFIG_OPTION_ROWS(struct enqueue_options, config),
    {0}};

struct enqueue {
    const struct enqueue_options *o;
    const char *path;
    char manifest[4096];
    struct client client;
    struct run run;
    uint32_t resumed;
    struct sender *sender;
};

static int check_options(struct enqueue *q, int nargs, char *const *args, struct err *e)
{
    const struct enqueue_options *o = q->o;

    q->path = o->input ? o->input : nargs == 1 ? args[0] : NULL;
    if (nargs > 1 || (o->input && nargs))
        return err_set(e, EX_USAGE, "one input at a time: name it with -i FILE");
    if (!q->path)
        return err_set(e, EX_USAGE, "name the input with -i FILE");
    if (strcmp(q->path, "-") == 0)
        return err_set(e, EX_USAGE,
                       "the input is read twice, so it cannot be standard input: save it to a "
                       "file first");
    if ((size_t)snprintf(q->manifest, sizeof q->manifest, "%s%s",
                         o->manifest ? o->manifest : q->path,
                         o->manifest ? "" : ".run") >= sizeof q->manifest)
        return err_set(e, EX_USAGE, "the path of the manifest is too long");
    return client_init(&q->client, o->progress, e);
}

/* Takes up the run of the manifest, or begins one. */
static int identify(struct enqueue *q, struct err *e)
{
    const char *topic = client_request_topic(q->client.config, q->o->topic, e);
    struct run now;
    int rc = 0;

    if (!topic || client_describe(&q->client, topic, &now, e) < 0)
        return -1;
    if (q->o->limit && now.rows > q->o->limit)
        now.rows = (uint32_t)q->o->limit;
    if (q->o->reply_to)
        snprintf(now.replies, sizeof now.replies, "%s", q->o->reply_to);
    if (q->o->run && run_name(&now, q->o->run, e) < 0)
        return -1;
    rc = run_load(&q->run, q->manifest, e);
    if (rc < 0)
        return -1;
    if (rc == RUN_LOADED) {
        q->resumed = q->run.sent;
        if (run_check_same(&q->run, &now, q->manifest, e) < 0)
            return -1;
        q->run.rows = now.rows;
    } else {
        if (!q->o->run && run_name(&now, NULL, e) < 0)
            return -1;
        q->run = now;
    }
    return run_save(&q->run, q->manifest, e);
}

static void show(struct enqueue *q, int64_t now_us, bool force)
{
    struct sender_view s;
    struct progress_view v = {.total = q->run.rows, .resumed = q->resumed};

    sender_look(q->sender, &s);
    v.done = s.settled;
    v.in_flight = s.under_way;
    v.calls = s.sent;
    snprintf(v.limited_by, sizeof v.limited_by, "%s",
             s.held ? "the worker: the embedded broker is full" : "the broker");
    snprintf(v.phase, sizeof v.phase, "sending");
    progress_show(&q->client.progress, &v, now_us, force);
}

/* Sends until everything is acknowledged, a signal or an error. 0, 128 + signal, or -1. */
static int send_rows(struct enqueue *q, struct err *e)
{
    for (;;) {
        int64_t now_us = clock_mono_us();
        int rc = sender_step(q->sender, now_us, e);
        int ended = 0;

        if (rc < 0 || rc == SENDER_DONE)
            return rc < 0 ? -1 : 0;
        ended = client_ended(&q->client, 0, e);
        if (ended)
            return ended;
        show(q, now_us, false);
        if (rc != SENDER_MORE)
            sender_wait(q->sender, WAIT_MS);
    }
}

static int send_all(struct enqueue *q, struct err *e)
{
    struct sender_setup setup = {.config = q->client.config,
                                 .input = q->client.input,
                                 .run = &q->run,
                                 .manifest = q->manifest,
                                 .model = q->o->in.model,
                                 .reply_to = q->o->reply_to,
                                 .fatal = &q->client.fatal};
    struct err late = {0};
    int rc = 0;

    q->sender = sender_new(&setup, CLIENT_TIMEOUT_MS, e);
    if (!q->sender)
        return -1;
    client_started(&q->client);
    rc = send_rows(q, e);
    if (sender_finish(q->sender, rc ? FINISH_MS : 0, &late) < 0 && rc >= 0) {
        *e = late;
        rc = -1;
    }
    show(q, clock_mono_us(), true);
    return rc > 0 ? client_stopped(rc, e) : rc;
}

static void report(const struct enqueue *q)
{
    struct buf line = BUF_INIT(8192);

    buf_printf(&line, "{\"run\":\"%s\",\"topic\":", q->run.id);
    buf_json_str(&line, q->run.topic, strlen(q->run.topic));
    buf_printf(&line, ",\"rows\":%u,\"manifest\":", q->run.rows);
    buf_json_str(&line, q->manifest, strlen(q->manifest));
    printf("%s}\n", line.data);
    buf_done(&line);
    fprintf(stderr, "enqueue: %u of %u rows are on topic %s", q->run.sent - q->run.unreadable,
            q->run.rows, q->run.topic);
    if (q->run.unreadable)
        fprintf(stderr, ", %u cannot be read and were passed over", q->run.unreadable);
    fprintf(stderr, "\n  replies: sluice collect --run %s -o FILE\n", q->manifest);
}

static int enqueue(struct enqueue *q, struct err *e)
{
    if (client_survey(&q->client, q->path, &q->o->in, q->o->keep_going, e) < 0 ||
        client_signals(&q->client, e) < 0 || identify(q, e) < 0)
        return -1;
    q->client.index = index_free(q->client.index); /* 12 bytes a row that sending does not need */
    if (q->run.sent < q->run.rows) {
        int rc = send_all(q, e);

        if (rc)
            return rc;
    }
    report(q);
    return q->run.unreadable ? 1 : 0;
}

static int run(const void *opts, int nargs, char *const *args, struct err *e)
{
    struct enqueue q = {.o = opts};
    int rc = 0;

    if (check_options(&q, nargs, args, e) < 0)
        return EX_USAGE;
    rc = client_open(&q.client, &q.o->config, q.o->servers, e);
    if (rc == 0)
        rc = enqueue(&q, e);
    sender_free(q.sender);
    client_done(&q.client);
    return rc;
}

const struct command command_enqueue = {
    .name = "enqueue",
    .summary = "put a file of prompts on the request topic",
    .operands = "[FILE]",
    .description =
        "Reads every row of the input first and stops with line numbers when rows are bad or two "
        "have the same custom_id. Then sends one record a row, keyed by custom_id, with the header "
        "sluice-run, and waits until the brokers have acknowledged all of them. Prints one line of "
        "JSON: run, topic, rows, manifest.\n"
        "The manifest says how far the job is. The same command again goes on from there, after a "
        "crash as well; at most what was sent within the last second is sent twice, which collect "
        "drops by custom_id. Models are checked only when the configuration lists some: it is the "
        "worker that has them.",
    .examples = "sluice enqueue -i prompts.jsonl -b localhost:9092\n"
                "sluice enqueue -i questions.csv -t 'Solve: {question}' -m fast -c sluice.yaml\n",
    .options = rows,
    .options_size = sizeof(struct enqueue_options),
    .run = run,
};
