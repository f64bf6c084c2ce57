/*
 * over_kafka: sending and collecting in turns on one thread, so that whatever a broker can hold bounds neither
 * the job nor our memory. OUT.run is the manifest: rows before its mark are with Kafka and only waited for; of
 * the others those without a reply in the output are sent.
 */
#include "cmd/batch/over_kafka.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cmd/batch/prepare.h"
#include "cmd/batch/report.h"
#include "cmd/jobs/client.h"
#include "cmd/jobs/collector.h"
#include "cmd/jobs/resume.h"
#include "cmd/jobs/sender.h"
#include "cmd/jobs/status.h"
#include "task/reply.h"

#define POLL_MS   50
#define SEND_MS   5 /* a turn of waiting for acknowledgements */
#define DISK_MS   1000
#define FINISH_MS 5000

struct kafka_job {
    const struct batch_options *o;
    struct client client; /* the ids of its index stay: replies are looked up */
    struct line_writer *out, *errors;
    struct run run;
    char manifest[4200];
    struct sender *sender;
    struct collector *collector;
    struct failed failed;
    struct status status;
    uint64_t resumed; /* replies in the output at the start */
    uint32_t passed;  /* rows that were sent in earlier runs */
    int64_t waiting;  /* rows sent and not answered */
    bool sending, failing;
};

bool over_kafka_wanted(const struct batch_options *o)
{
    struct config *c = NULL;
    struct err ignored = {0};
    const char *servers = NULL;
    bool wanted = false;

    /* An error here is reported by whoever reads the configuration in earnest. */
    if (command_config(&o->config, &c, &ignored) != 0)
        return false;
    servers = kafka_consumer_property(c, "bootstrap.servers");
    wanted = servers && *servers;
    config_free(c);
    return wanted;
}

static int64_t row_of(const struct kafka_job *k, const char *id, size_t len)
{
    return index_find(k->client.index, index_hash(id, len));
}

/* A line of the output as it was. */
static int take_old(void *arg, const char *id, size_t len)
{
    struct kafka_job *k = arg;
    int64_t row = row_of(k, id, len);

    return row < 0 ? -1 : index_set_done(k->client.index, (uint32_t)row);
}

static void see_old(void *arg, const struct reply_view *v)
{
    struct kafka_job *k = arg;

    status_old(&k->status, v);
}

static int take_new(void *arg, const char *id, size_t len)
{
    struct kafka_job *k = arg;
    struct sender_view s = {.rows = k->passed};
    int64_t row = row_of(k, id, len);

    if (row < 0 || !index_set_done(k->client.index, (uint32_t)row))
        return row < 0 ? -1 : 0;
    if (k->sender)
        sender_look(k->sender, &s);
    if (row < s.rows) /* else: sent by a run that was killed before it could say so */
        k->waiting--;
    return 1;
}

static bool is_missing(void *arg, uint32_t row)
{
    const struct kafka_job *k = arg;

    return !index_is_done(k->client.index, row);
}

/* A row that nobody can be asked about gets its error reply here. */
static void put_unreadable(void *arg, uint32_t row, struct task *t, const struct err *why)
{
    struct kafka_job *k = arg;
    struct reply_view v;

    input_refuse(t, k->client.config, why);
    v = tally_view(t);
    if (index_set_done(k->client.index, row))
        collector_put(k->collector, &v, t->reply, t->reply_len);
    task_free(t);
}

static int check_options(struct kafka_job *k, struct err *e)
{
    const struct batch_options *o = k->o;

    if (prepare_options(o, e) < 0)
        return -1;
    if (o->max_cost || o->max_requests != 0)
        return err_set(e, EX_USAGE,
                       "over Kafka the calls are made by workers elsewhere, where --max-cost and "
                       "--max-requests do not reach: set budget: in their configuration");
    if (strcmp(o->output, "-") == 0)
        return err_set(e, EX_USAGE, "over Kafka the output must be a file: name it with -o FILE");
    if ((size_t)snprintf(k->manifest, sizeof k->manifest, "%s.run", o->output) >=
        sizeof k->manifest)
        return err_set(e, EX_USAGE, "the path of the output is too long");
    return client_init(&k->client, o->progress, e);
}

static int open_files(struct kafka_job *k, struct err *e)
{
    const struct batch_options *o = k->o;
    struct resume r = {.input = o->input, .arg = k, .take = take_old, .see = see_old};

    if (client_survey(&k->client, o->input, &o->in, o->keep_going, e) < 0 ||
        prepare_retry(o, &k->failed, k->client.index, e) < 0 ||
        resume_open(&r, o->output, &k->out, e) < 0 ||
        (o->error_file && resume_open(&r, o->error_file, &k->errors, e) < 0))
        return -1;
    k->resumed = index_done(k->client.index);
    return 0;
}

/* Takes up the run of OUT.run, or begins one. */
static int identify(struct kafka_job *k, struct err *e)
{
    const char *topic = client_request_topic(k->client.config, NULL, e);
    struct run now;
    uint32_t row = 0;
    int rc = 0;

    if (!topic || client_describe(&k->client, topic, &now, e) < 0)
        return -1;
    rc = run_load(&k->run, k->manifest, e);
    if (rc < 0)
        return -1;
    memcpy(now.retry, k->failed.mark, sizeof now.retry);
    if (rc == RUN_LOADED && strcmp(k->run.retry, now.retry) != 0)
        return err_set(e, EX_USAGE,
                       "%s is the manifest of other rows of the input than --retry-failed names "
                       "now; over Kafka each retry needs an output of its own",
                       k->manifest);
    if (rc == RUN_LOADED && k->run.cluster[0] && now.cluster[0] &&
        strcmp(k->run.cluster, now.cluster) != 0) {
        fprintf(stderr,
                "batch: what %s says was sent was sent to another Kafka cluster; the rows "
                "without a reply are sent to this one\n",
                k->manifest);
        k->run.sent = 0;
        snprintf(k->run.cluster, sizeof k->run.cluster, "%s", now.cluster);
    }
    if (rc == RUN_LOADED && run_check_same(&k->run, &now, k->manifest, e) < 0)
        return -1;
    if (rc == RUN_NONE) {
        k->run = now;
        if (run_name(&k->run, NULL, e) < 0)
            return -1;
    }
    k->passed = k->run.sent;
    for (row = 0; row < k->passed; row++)
        k->waiting += !index_is_done(k->client.index, row);
    return run_save(&k->run, k->manifest, e);
}

static int start(struct kafka_job *k, struct err *e)
{
    struct collector_setup cs = {.config = k->client.config,
                                 .topic = k->client.config->topics.replies,
                                 .run = k->run.id,
                                 .cluster = k->run.cluster,
                                 .output = k->o->output,
                                 .resumed = k->resumed,
                                 .out = k->out,
                                 .errors = k->errors,
                                 .fatal = &k->client.fatal,
                                 .arg = k,
                                 .take = take_new};
    struct sender_setup ss = {.config = k->client.config,
                              .input = k->client.input,
                              .run = &k->run,
                              .manifest = k->manifest,
                              .model = k->o->in.model,
                              .limit = (uint64_t)k->o->limit,
                              .fatal = &k->client.fatal,
                              .arg = k,
                              .wanted = is_missing,
                              .unreadable = put_unreadable};

    k->collector = collector_new(&cs, CLIENT_TIMEOUT_MS, e);
    if (!k->collector)
        return -1;
    k->sender = sender_new(&ss, CLIENT_TIMEOUT_MS, e);
    k->sending = true;
    client_started(&k->client);
    return k->sender ? 0 : -1;
}

static void show(struct kafka_job *k, int64_t now_us, bool force)
{
    struct progress_view v = collector_progress(k->collector, index_wanted(k->client.index));

    v.in_flight = k->waiting;
    snprintf(v.phase, sizeof v.phase, "%s",
             k->failing   ? "output full, waiting"
             : k->sending ? "running"
                          : "waiting for replies");
    progress_show(&k->client.progress, &v, now_us, force);
}

/* One turn of sending; books what was sent as waiting. Positive: there is more to send at once. */
static int send_some(struct kafka_job *k, int64_t now_us, struct err *e)
{
    struct sender_view before;
    struct sender_view after;
    int rc = 0;

    if (!k->sending || k->failing)
        return 0;
    sender_look(k->sender, &before);
    rc = sender_step(k->sender, now_us, e);
    if (rc < 0)
        return -1;
    sender_look(k->sender, &after);
    k->waiting += (int64_t)(after.sent - before.sent);
    k->sending = rc != SENDER_DONE;
    if (rc == SENDER_WAIT || rc == SENDER_SENT)
        sender_wait(k->sender, SEND_MS);
    return rc == SENDER_MORE;
}

/* Turns of sending and collecting. 0: all is done; 128 + signal; -1. */
static int turn(struct kafka_job *k, struct err *e)
{
    for (;;) {
        int64_t now_us = clock_mono_us();
        int rc = send_some(k, now_us, e);

        if (rc < 0)
            return -1;
        rc = collector_step(k->collector, k->sending ? 0 : POLL_MS, now_us, e);
        if (rc < 0)
            return -1;
        k->failing = rc == COLLECTOR_DISK;
        rc = client_ended(&k->client, k->failing ? DISK_MS : 0, e);
        if (rc)
            return rc;
        show(k, clock_mono_us(), false);
        if (!k->sending && !k->failing && k->waiting <= 0)
            return 0;
    }
}

static int exit_code(const struct kafka_job *k, int ended, struct err *e)
{
    struct collector_view v;

    collector_look(k->collector, &v);
    if (v.lost > 0)
        return err_set(e, EX_IOERR,
                       "%" PRIu64 " REPLIES WERE LOST: the broker dropped them before they were "
                       "read. Delete %s and run the same command again: it sends the rows that "
                       "have no reply",
                       v.lost, k->manifest);
    if (ended > 0)
        return client_stopped(ended, e);
    return collector_tally(k->collector)->failed > 0 ? 1 : 0;
}

static int finish(struct kafka_job *k, int rc, struct err *e)
{
    struct tally_totals n = {.what = "batch",
                             .total = index_wanted(k->client.index),
                             .resumed = k->resumed,
                             .calls = UINT64_MAX,
                             .elapsed_ms = (clock_mono_us() - k->client.started_us) / 1000,
                             .output = k->o->output,
                             .error_file = k->o->error_file};
    struct err late = {0};
    int unsent = sender_finish(k->sender, rc ? FINISH_MS : 0, &late);

    /* Also when the manifest cannot be saved: the replies that came are kept. */
    if (collector_finish(k->collector, &late) < 0 || unsent < 0) {
        if (rc >= 0)
            *e = late;
        rc = -1;
    }
    show(k, clock_mono_us(), true);
    tally_report(collector_tally(k->collector), &n, stderr);
    if (report_write(k->o->report, collector_tally(k->collector), &n, k->client.progress.timeline,
                     clock_wall_ms(), &late) < 0)
        rc = report_failed(rc, &late, e);
    return rc < 0 ? -1 : exit_code(k, rc, e);
}

static int run_job(struct kafka_job *k, struct err *e)
{
    struct status_about about = {.kind = "batch",
                                 .input = k->o->input,
                                 .output = k->o->output,
                                 .error_file = k->o->error_file};
    int rc = 0;

    if (client_open(&k->client, &k->o->config, NULL, e) != 0 || open_files(k, e) < 0 ||
        client_signals(&k->client, e) < 0 || identify(k, e) < 0 || start(k, e) < 0)
        return -1;
    about.id = k->run.id;
    status_begin(&k->status, &about, index_wanted(k->client.index), k->resumed);
    rc = finish(k, turn(k, e), e);
    status_end(&k->status, rc, e);
    return rc;
}

int over_kafka(const struct batch_options *o, struct err *e)
{
    struct timeline *line CLEANUP_FREE = o->report ? timeline_new() : NULL;
    struct kafka_job k = {.o = o};
    int rc = 0;

    if (report_check(o->report, o->output, e) < 0 || check_options(&k, e) < 0)
        return -1;
    k.client.progress.timeline = line;
    k.client.progress.status = &k.status;
    rc = run_job(&k, e);
    sender_free(k.sender);
    collector_free(k.collector);
    line_writer_close(k.out);
    line_writer_close(k.errors);
    client_done(&k.client);
    return rc;
}
