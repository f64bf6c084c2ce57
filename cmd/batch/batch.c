/*
 * batch: a whole job from one command. Without a broker it runs file -> pool -> file in this process
 * (local.c); with kafka.bootstrap.servers it enqueues and collects. What is checked before the first call
 * is in prepare.c.
 */
#include "cmd/batch/batch.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cmd/batch/dry_run.h"
#include "cmd/batch/local.h"
#include "cmd/batch/over_kafka.h"
#include "cmd/batch/prepare.h"
#include "cmd/batch/report.h"
#include "cmd/jobs/option_rows.h"
#include "cmd/traces.h"
#include "io/http.h"

static const struct option_row rows[] = {
    JOB_INPUT_ROW(struct batch_options, input),
    {.name = "output",
     .letter = 'o',
     .type = OPT_STR,
     .offset = offsetof(struct batch_options, output),
     .arg = "FILE",
     .help =
         "output: one reply line per input row, appended as replies come; resumed when it exists"},
    JOB_ERROR_FILE_ROW(struct batch_options, error_file),
    INPUT_OPTION_ROWS(struct batch_options, in),
    {.name = "api-base",
     .type = OPT_STR,
     .offset = offsetof(struct batch_options, api_base),
     .arg = "URL",
     .help = "base URL for --model when there is no configuration file, such as "
             "http://gpu-1:8000/v1"},
    {.name = "api-key-env",
     .type = OPT_STR,
     .offset = offsetof(struct batch_options, api_key_env),
     .arg = "NAME",
     .help =
         "environment variable that holds the key for --model; without it the vendor's usual one, "
         "which goes to the vendor's own address only"},
    {.name = "limit",
     .letter = 'n',
     .type = OPT_INT,
     .offset = offsetof(struct batch_options, limit),
     .arg = "ROWS",
     .min = 0,
     .max = INT64_MAX,
     .help = "send at most so many rows in this run"},
    {.name = "max-in-flight",
     .type = OPT_INT,
     .offset = offsetof(struct batch_options, max_in_flight),
     .arg = "CALLS",
     .min = 1,
     .max = 1000000,
     .help = "calls at once; sets pool.max_calls and raises pool.max_in_flight"},
    {.name = "max-cost",
     .type = OPT_STR,
     .offset = offsetof(struct batch_options, max_cost),
     .arg = "USD",
     .help = "stop before the job, with all its runs, has cost more than this (exit code 75; a "
             "higher one goes on); sets budget.max_cost"},
    {.name = "max-requests",
     .type = OPT_INT,
     .offset = offsetof(struct batch_options, max_requests),
     .arg = "CALLS",
     .min = 0,
     .max = INT64_C(1000000000000),
     .help = "stop before the job, with all its runs, has made more calls than this; sets "
             "budget.max_requests"},
    {.name = "keep-going",
     .letter = 'k',
     .type = OPT_FLAG,
     .offset = offsetof(struct batch_options, keep_going),
     .help = "bad rows get an error reply instead of stopping the job before its first call"},
    {.name = "retry-failed",
     .type = OPT_STR,
     .offset = offsetof(struct batch_options, retry_failed),
     .arg = "FILE",
     .help = "send only the rows that failed in FILE, the error file of an earlier run; not those "
             "that fail whenever they are sent (wrong, too long, filtered)"},
    {.name = "retry-all",
     .type = OPT_FLAG,
     .offset = offsetof(struct batch_options, retry_all),
     .help = "with --retry-failed: every row that failed"},
    {.name = "dry-run",
     .type = OPT_FLAG,
     .offset = offsetof(struct batch_options, dry_run),
     .help =
         "send nothing: check the rows, and say what the job would take and cost, and its first "
         "request"},
    {.name = "store",
     .type = OPT_STR,
     .offset = offsetof(struct batch_options, store),
     .arg = "DIR",
     .help =
         "directory of the cache and the journal; default: cache.path, else ~/.cache/sluice/store"},
    JOB_REPORT_ROW(struct batch_options, report),
    JOB_PROGRESS_ROW(struct batch_options, progress),
    CONFIG_OPTION_ROWS(struct batch_options, config),
    {0}};

static int report(const struct batch_options *o, const struct prepared *p, const struct tally *t,
                  const struct local_end *end, int64_t started_us, struct err *e)
{
    struct tally_totals n = {.what = "batch",
                             .total = index_wanted(p->index),
                             .resumed = index_done(p->index),
                             .calls = end->calls,
                             .elapsed_ms = (clock_mono_us() - started_us) / 1000,
                             .output = o->output,
                             .error_file = o->error_file};

    tally_report(t, &n, stderr);
    spend_report(&end->budget, stderr);
    if (end->held_up.len > 0)
        fprintf(stderr, "  held up by (shares of the time)\n%s", end->held_up.data);
    return report_write(o->report, t, &n, p->progress.timeline, clock_wall_ms(), e);
}

static int run_local(const struct batch_options *o, struct prepared *p, struct err *e)
{
    struct tally *tally CLEANUP_FREE = mem_alloc(sizeof *tally);
    struct timeline *line CLEANUP_FREE = o->report ? timeline_new() : NULL;
    struct local_job j = {.config = p->config,
                          .store = p->store,
                          .job = &p->job,
                          .input = p->input,
                          .index = p->index,
                          .out = p->out,
                          .errors = p->errors,
                          .progress = &p->progress,
                          .book = p->spend.file.book,
                          .signal_fd = p->signal_fd,
                          .limit = (uint64_t)o->limit};
    int64_t started_us = clock_mono_us();
    struct local_end end = {.calls = 0};
    struct traces *traces = NULL;
    struct err late = {0};
    int code = 0;

    if (http_global_init(e) < 0 || traces_open(&traces, p->config, NULL, e) < 0)
        return EX_OSERR;
    j.traces = traces_sink(traces);
    p->progress.timeline = line;
    code = local_run(&j, tally, &end, e);
    traces_close(traces);
    if (report(o, p, tally, &end, started_us, &late) < 0)
        code = report_failed(code, &late, e);
    p->progress.timeline = NULL;
    buf_done(&end.held_up);
    return code;
}

static int run_prepared(const struct batch_options *o, struct prepared *p, struct err *e)
{
    struct status_about about = {.kind = "batch",
                                 .id = p->job.id,
                                 .input = o->input,
                                 .output = line_writer_is_file(p->out) ? o->output : "-",
                                 .error_file = o->error_file};
    int code = 0;

    p->progress.status = &p->status;
    status_begin(&p->status, &about, index_wanted(p->index), index_done(p->index));
    code = run_local(o, p, e);
    status_end(&p->status, code, e);
    return code;
}

static int run(const void *opts, int nargs, char *const *args, struct err *e)
{
    const struct batch_options *o = opts;
    struct prepared p = {0};
    int code = 0;

    (void)nargs;
    (void)args;
    if (o->dry_run)
        return dry_run(o, e);
    if (over_kafka_wanted(o))
        return over_kafka(o, e);
    if (prepare(&p, o, e) < 0)
        code = e->code ? e->code : EX_SOFTWARE;
    else
        code = run_prepared(o, &p, e);
    prepared_done(&p);
    return code;
}

const struct command command_batch = {
    .name = "batch",
    .summary = "run a whole job: a file of prompts in, a file of completions out",
    .description =
        "Reads every row of the input before the first call and stops with line numbers when rows "
        "are "
        "bad or two have the same custom_id. Then sends all rows that the output does not hold yet "
        "and "
        "appends each reply as it comes, in the order of completion; match replies by custom_id.\n"
        "The same command again resumes: rows in the output are not sent again, and calls that "
        "were "
        "paid for before a crash are not made again. OUT.job beside the output names the journal, "
        "and OUT.budget keeps what was spent when there is a budget. "
        "The "
        "first Ctrl-C lets running calls finish, the second stops at once; nothing is lost "
        "either way. OUT.status says how the job stands, for `sluice runs`.\n"
        "--retry-failed FILE takes from the same input the rows whose failure stands in FILE, and "
        "says how many of each kind. With the same output their answers are added to it; what "
        "fails again goes to another --error-file. A retry resumes like any run.\n"
        "When kafka.bootstrap.servers is set, the rows go to the request topic and the replies are "
        "taken from the reply topic; workers elsewhere do the calls. OUT.run then says what was "
        "sent, so that a resumed job sends nothing twice and waits for the rest.",
    .examples = "sluice batch -i prompts.jsonl -o answers.jsonl -m openai/gpt-5-mini\n"
                "sluice batch -i questions.csv -o out.jsonl -t 'Solve: {question}' -c sluice.yaml\n"
                "sluice batch -i prompts.jsonl -o answers.jsonl -e errors-2.jsonl --retry-failed "
                "errors.jsonl\n",
    .options = rows,
    .options_size = sizeof(struct batch_options),
    .run = run,
};
