/*
 * collect: replies from the reply topic into a file. Knows when a job is done; how replies are read, kept
 * apart and made durable is in jobs/collector.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cmd/batch/report.h"
#include "cmd/jobs/client.h"
#include "cmd/jobs/collector.h"
#include "cmd/jobs/id_set.h"
#include "cmd/jobs/option_rows.h"
#include "cmd/jobs/resume.h"
#include "cmd/jobs/status.h"

#define POLL_MS     100
#define DISK_MS     1000
#define IDLE_MS     3000    /* without a known number of replies: so long nothing new is the end */
#define MANIFEST_US 1000000 /* how often a manifest is looked at that may still change */

struct collect_options {
    const char *output;
    const char *error_file;
    const char *run;
    int64_t rows;
    const char *servers;
    const char *topic;
    bool follow;
    int64_t timeout_ms;
    const char *report; /* path, or NULL */
    const char *progress;
    struct config_options config;
};

#define AT(member) .offset = offsetof(struct collect_options, member)

static const struct option_row rows[] = {
    {.name = "output",
     .letter = 'o',
     .type = OPT_STR,
     AT(output),
     .arg = "FILE",
     .help = "output: one line a reply, appended as replies come; resumed when it exists"},
    JOB_ERROR_FILE_ROW(struct collect_options, error_file),
    {.name = "run",
     .letter = 'r',
     .type = OPT_STR,
     AT(run),
     .arg = "FILE|NAME",
     .help =
         "only the replies of this job: the manifest that enqueue wrote (it knows how many there "
         "will be), or the name of the run"},
    {.name = "rows",
     .type = OPT_INT,
     AT(rows),
     .arg = "N",
     .min = 0,
     .max = UINT32_MAX,
     .help = "be done when there are so many replies; default: what the manifest says"},
    JOB_SERVERS_ROW(struct collect_options, servers,
                    "brokers; default: kafka.bootstrap.servers, else those of the manifest"),
    JOB_TOPIC_ROW(struct collect_options, topic,
                  "reply topic; default: that of the manifest, else topics.replies"),
    {.name = "follow",
     .letter = 'f',
     .type = OPT_FLAG,
     AT(follow),
     .help = "go on until a signal, whatever has come"},
    {.name = "timeout",
     .type = OPT_DURATION,
     AT(timeout_ms),
     .arg = "TIME",
     .fallback = "0",
     .help = "give up when no reply came for so long; default: wait when the number of replies is "
             "known"},
    JOB_REPORT_ROW(struct collect_options, report),
    JOB_PROGRESS_ROW(struct collect_options, progress),
    CONFIG_OPTION_ROWS(struct collect_options, config),
    {0}};

struct collect {
    const struct collect_options *o;
    struct client client;
    struct run run;       /* id "": everybody's */
    const char *manifest; /* NULL: none */
    const char *topic;
    uint64_t wanted; /* replies; 0: unknown */
    uint64_t resumed;
    struct line_writer *out, *errors;
    struct id_set *seen;
    struct collector *collector;
    struct status status;
    int64_t looked_us; /* at the manifest */
    bool failing;      /* the output cannot be written at the moment */
};

static int take(void *arg, const char *id, size_t len)
{
    struct collect *q = arg;

    return id_set_add(q->seen, index_hash(id, len));
}

static int check_options(struct collect *q, struct err *e)
{
    const struct collect_options *o = q->o;

    if (!o->output)
        return err_set(e, EX_USAGE, "name the output with -o FILE");
    if (o->error_file && strcmp(o->error_file, o->output) == 0)
        return err_set(e, EX_USAGE, "--error-file and --output are the same file");
    return client_init(&q->client, o->progress, e);
}

/* Taken for a run, the name of a manifest that is not there yet would be a job without replies. */
static bool is_meant_as_file(const char *name)
{
    size_t n = strlen(name);

    return strchr(name, '/') || access(name, F_OK) == 0 ||
           (n > 4 && strcmp(name + n - 4, ".run") == 0);
}

/* --run names a manifest when there is such a file, else a run. */
static int identify(struct collect *q, struct err *e)
{
    const char *name = q->o->run;
    int rc = 0;

    q->wanted = (uint64_t)q->o->rows;
    if (!name)
        return 0;
    rc = run_load(&q->run, name, e);
    if (rc < 0)
        return -1;
    if (rc == RUN_LOADED && q->run.retry[0])
        return err_set(e, EX_USAGE,
                       "%s is of a `batch --retry-failed`, which collects its own replies: run "
                       "that command again",
                       name);
    if (rc == RUN_LOADED) {
        q->manifest = name;
        if (!q->o->rows)
            q->wanted = q->run.rows - q->run.unreadable;
        return 0;
    }
    if (is_meant_as_file(name) || !run_name_good(name))
        return err_set(
            e, EX_NOINPUT,
            "--run %.300s: there is no such manifest (enqueue makes it when it begins), and "
            "it is no name of a run",
            name);
    return run_name(&q->run, name, e);
}

static int configure(struct collect *q, struct err *e)
{
    const char *servers = q->o->servers;
    struct config_options co = q->o->config;
    struct config *probe = NULL;
    int rc = 0;

    if (!servers && q->run.servers[0]) {
        /* The manifest's brokers serve when nothing else names any. */
        rc = command_config(&co, &probe, e);
        if (rc)
            return rc;
        if (!kafka_consumer_property(probe, "bootstrap.servers"))
            servers = q->run.servers;
        config_free(probe);
    }
    rc = client_open(&q->client, &co, servers, e);
    if (rc)
        return rc;
    q->topic = q->o->topic         ? q->o->topic
               : q->run.replies[0] ? q->run.replies
                                   : q->client.config->topics.replies;
    return q->topic && *q->topic ? 0 : err_set(e, EX_USAGE, "name the reply topic with --topic");
}

static void see_old(void *arg, const struct reply_view *v)
{
    struct collect *q = arg;

    status_old(&q->status, v);
}

static int open_outputs(struct collect *q, struct err *e)
{
    struct resume r = {.arg = q, .take = take, .see = see_old};

    if (resume_open(&r, q->o->output, &q->out, e) < 0 ||
        (q->o->error_file && resume_open(&r, q->o->error_file, &q->errors, e) < 0))
        return -1;
    q->resumed = id_set_count(q->seen);
    return 0;
}

static int start(struct collect *q, struct err *e)
{
    struct run here;
    struct collector_setup setup = {.config = q->client.config,
                                    .topic = q->topic,
                                    .run = q->run.id[0] ? q->run.id : NULL,
                                    .cluster = q->run.cluster,
                                    .output = q->o->output,
                                    .resumed = q->resumed,
                                    .out = q->out,
                                    .errors = q->errors,
                                    .fatal = &q->client.fatal,
                                    .arg = q,
                                    .take = take};

    if (client_describe(&q->client, q->topic, &here, e) < 0)
        return -1;
    if (q->run.cluster[0] && here.cluster[0] && strcmp(q->run.cluster, here.cluster) != 0)
        return err_set(e, EX_DATAERR,
                       "%s is for another Kafka cluster (or a `sluice dev` that has ended): its "
                       "replies cannot come here",
                       q->manifest);
    snprintf(q->run.cluster, sizeof q->run.cluster, "%s", here.cluster);
    q->collector = collector_new(&setup, CLIENT_TIMEOUT_MS, e);
    client_started(&q->client);
    return q->collector ? 0 : -1;
}

static void show(struct collect *q, int64_t now_us, bool force)
{
    struct progress_view v = collector_progress(q->collector, q->wanted);

    snprintf(v.phase, sizeof v.phase, "%s", q->failing ? "output full, waiting" : "collecting");
    progress_show(&q->client.progress, &v, now_us, force);
}

/* `enqueue` may be at work beside us and find rows that get no reply. */
static void look_at_manifest(struct collect *q, int64_t now_us)
{
    struct run r;

    if (!q->manifest || q->o->rows || now_us - q->looked_us < MANIFEST_US)
        return;
    q->looked_us = now_us;
    if (run_load(&r, q->manifest, NULL) == RUN_LOADED && strcmp(r.id, q->run.id) == 0)
        q->wanted = r.rows - r.unreadable;
}

static bool is_complete(const struct collect *q)
{
    return q->wanted > 0 && id_set_count(q->seen) >= q->wanted;
}

/* Nothing more will come, as far as we can know. */
static bool is_idle(const struct collect *q, int64_t now_us)
{
    struct collector_view v;
    int64_t idle_ms = 0;

    collector_look(q->collector, &v);
    idle_ms = (now_us - v.last_us) / 1000;
    if (q->o->timeout_ms > 0)
        return idle_ms > q->o->timeout_ms;
    return q->wanted == 0 && (collector_caught_up(q->collector) || idle_ms > IDLE_MS);
}

/* 0: the end is reached; 128 + signal; -1. */
static int collect_replies(struct collect *q, struct err *e)
{
    for (;;) {
        int64_t now_us = clock_mono_us();
        int rc = collector_step(q->collector, POLL_MS, now_us, e);
        int ended = 0;

        if (rc < 0)
            return -1;
        q->failing = rc == COLLECTOR_DISK;
        ended = client_ended(&q->client, q->failing ? DISK_MS : 0, e);
        if (ended)
            return ended;
        now_us = clock_mono_us();
        show(q, now_us, false);
        look_at_manifest(q, now_us);
        if (!q->o->follow && !q->failing &&
            (is_complete(q) || (rc == COLLECTOR_NOTHING && is_idle(q, now_us))))
            return 0;
    }
}

static int report(const struct collect *q, struct err *e)
{
    struct collector_view v;
    struct tally_totals n = {.what = "collect",
                             .total = q->wanted ? q->wanted : id_set_count(q->seen),
                             .resumed = q->resumed,
                             .calls = UINT64_MAX,
                             .elapsed_ms = (clock_mono_us() - q->client.started_us) / 1000,
                             .output = q->o->output,
                             .error_file = q->o->error_file};

    collector_look(q->collector, &v);
    tally_report(collector_tally(q->collector), &n, stderr);
    if (v.repeats || v.others || v.unreadable)
        fprintf(stderr,
                "  passed over    %" PRIu64 " repeats, %" PRIu64 " of other runs, %" PRIu64
                " that are no replies\n",
                v.repeats, v.others, v.unreadable);
    return report_write(q->o->report, collector_tally(q->collector), &n,
                        q->client.progress.timeline, clock_wall_ms(), e);
}

static int exit_code(const struct collect *q, int ended, struct err *e)
{
    struct collector_view v;

    collector_look(q->collector, &v);
    if (v.lost > 0)
        return err_set(
            e, EX_IOERR,
            "%" PRIu64
            " REPLIES WERE LOST: the broker dropped them before they were read. Send the "
            "rows that have no reply again",
            v.lost);
    if (ended > 0 && !q->o->follow)
        return client_stopped(ended, e);
    if (q->wanted && !is_complete(q) && !q->o->follow)
        return err_set(e, EX_TEMPFAIL,
                       "%" PRIu64 " of %" PRIu64
                       " replies have come; run the same command again to go on",
                       id_set_count(q->seen), q->wanted);
    return collector_tally(q->collector)->failed > 0 ? 1 : 0;
}

static int collect_all(struct collect *q, struct err *e)
{
    struct err late = {0};
    int rc = collect_replies(q, e);
    if (collector_finish(q->collector, e) < 0)
        rc = -1;
    show(q, clock_mono_us(), true);
    if (report(q, &late) < 0)
        rc = report_failed(rc, &late, e);
    return rc < 0 ? -1 : exit_code(q, rc, e);
}

static int collect(struct collect *q, struct err *e)
{
    struct status_about about = {.kind = "collect",
                                 .id = q->run.id,
                                 .input = q->run.input,
                                 .output = q->o->output,
                                 .error_file = q->o->error_file};
    int rc = 0;

    if (open_outputs(q, e) < 0)
        return -1;
    if (client_signals(&q->client, e) < 0 || start(q, e) < 0)
        return -1;
    if (!line_writer_is_file(q->out))
        about.output = "-";
    status_begin(&q->status, &about, q->wanted, q->resumed);
    rc = collect_all(q, e);
    status_end(&q->status, rc, e);
    return rc;
}

static int run(const void *opts, int nargs, char *const *args, struct err *e)
{
    const struct collect_options *o = opts;
    struct timeline *line CLEANUP_FREE = o->report ? timeline_new() : NULL;
    struct collect q = {.o = o};
    int rc = 0;

    (void)nargs;
    (void)args;
    if (report_check(o->report, o->output, e) < 0 || check_options(&q, e) < 0)
        return -1;
    q.client.progress.timeline = line;
    q.client.progress.status = &q.status;
    q.seen = id_set_new();
    rc = identify(&q, e);
    if (rc == 0)
        rc = configure(&q, e);
    if (rc == 0)
        rc = collect(&q, e);
    collector_free(q.collector);
    line_writer_close(q.out);
    line_writer_close(q.errors);
    id_set_free(q.seen);
    client_done(&q.client);
    return rc;
}

const struct command command_collect = {
    .name = "collect",
    .summary = "write the replies of a job from the reply topic to a file",
    .description =
        "Reads the reply topic without joining a group and appends each reply to the output, in "
        "the "
        "order in which they come. With --run only the replies of that job are kept, and with its "
        "manifest (or --rows) the command knows when it is done. Repeats are dropped by "
        "custom_id.\n"
        "Without --run the replies of everybody are kept, up to the end of the topic as it was at "
        "the start, or until a signal with --follow.\n"
        "The same command again resumes: the output says which replies are there, OUT.collect "
        "beside it where to read on.",
    .examples = "sluice collect --run prompts.jsonl.run -o answers.jsonl\n"
                "sluice collect -b localhost:9092 --topic llm.replies -o all.jsonl --follow\n",
    .options = rows,
    .options_size = sizeof(struct collect_options),
    .run = run,
};
