/* prepare: see prepare.h. It makes no call and sends nothing. */
#include "cmd/batch/prepare.h"
#include "cmd/batch/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "cmd/default_root.h"
#include "cmd/jobs/resume.h"
#include "cmd/same_file.h"
#include "cmd/signals.h"
#include "providers/providers.h"
#include "task/record.h"

#define COMPLAINTS_MAX 20

extern char **environ;

/* Checks of all rows of an input. */
struct survey {
    struct input *in;
    const char *path;
    const struct config *config;
    struct index *index;
    uint64_t bad;
    uint64_t duplicates;
    /* rows that share a hash with an earlier one, to be compared by id */
    uint32_t *suspects;
    size_t nsuspects, suspects_cap;
};

/* Ids and values of the input are in what. */
static void complain(uint64_t nth, char *what)
{
    if (nth < COMPLAINTS_MAX)
        fprintf(stderr, "%s\n", utf8_plain(what));
    else if (nth == COMPLAINTS_MAX)
        fprintf(stderr, "... and more\n");
}

/* A task with the row's record, parsed; e when the record is bad. */
static struct task *parse_row(const struct survey *s, const struct input_row *row, struct err *e)
{
    struct task *t = input_task(row);

    if (record_parse(t, s->config) == RECORD_BAD) {
        err_set(e, EX_DATAERR, "custom_id \"%.64s\": %s", t->id, t->error->message);
        err_wrap(e, "%s:%lld", s->path, (long long)row->number);
    }
    return t;
}

static int survey_row(struct survey *s, const struct input_row *row, int rc, struct err *e)
{
    struct task *t = NULL;
    uint64_t hash = 0;

    index_digest_add(s->index, row->record ? row->record : "", row->len);
    if (rc == INPUT_GOOD) {
        t = parse_row(s, row, e);
        hash = index_hash(t->id, strlen(t->id));
        task_free(t);
    } else {
        hash = index_hash(row->fallback_id, strlen(row->fallback_id));
    }
    if (rc == INPUT_BAD || e->msg[0])
        complain(s->bad++, e->msg);
    return index_add(s->index, hash) < 0
               ? err_set(e, EX_DATAERR, "%s has more than %u rows; split it", s->path,
                         INDEX_ROWS_MAX)
               : 0;
}

static int survey_rows(struct survey *s, struct err *e)
{
    struct input_row row;

    for (;;) {
        struct err row_err = {0};
        int rc = input_next(s->in, &row, &row_err);

        if (rc == INPUT_END)
            return 0;
        if (rc < 0 || survey_row(s, &row, rc, &row_err) < 0) {
            *e = row_err;
            return -1;
        }
    }
}

static void note_suspect(void *arg, uint32_t row, uint32_t earlier)
{
    struct survey *s = arg;
    uint32_t pair[2] = {earlier, row};

    if (s->nsuspects + 2 > s->suspects_cap) {
        s->suspects_cap = s->suspects_cap ? s->suspects_cap * 2 : 64;
        s->suspects = mem_grow(s->suspects, s->suspects_cap, sizeof *s->suspects);
    }
    if (s->nsuspects / 2 > COMPLAINTS_MAX) {
        s->duplicates++; /* enough is known to refuse; the rest is only counted */
        return;
    }
    memcpy(s->suspects + s->nsuspects, pair, sizeof pair);
    s->nsuspects += 2;
}

static bool is_suspect(const struct survey *s, uint32_t row)
{
    size_t i = 0;

    for (i = 0; i < s->nsuspects; i++) {
        if (s->suspects[i] == row)
            return true;
    }
    return false;
}

struct seen {
    char *id;
    uint32_t row;
    int64_t number;
};

/* Reads the suspect rows again and compares their ids themselves. Equal hashes of different ids are refused
 * as well, honestly named: with 64 bits nobody will meet them. */
static int compare_suspects(struct survey *s, struct err *e)
{
    struct seen *seen CLEANUP_FREE = mem_array(s->nsuspects + 1, sizeof *seen);
    struct input_row row;
    size_t n = 0;
    size_t i = 0;
    uint32_t at = 0;
    int rc = 0;

    if (input_rewind(s->in, e) < 0)
        return -1;
    for (at = 0; (rc = input_next(s->in, &row, e)) != INPUT_END && rc >= 0; at++) {
        struct err ignored = {0};
        struct task *t = NULL;
        char line[ERR_MSG_MAX];

        if (!is_suspect(s, at) || rc == INPUT_BAD)
            continue;
        t = parse_row(s, &row, &ignored);
        for (i = 0; i < n; i++) {
            if (strcmp(seen[i].id, t->id) != 0)
                continue;
            snprintf(
                line, sizeof line,
                "%s:%lld: custom_id \"%.200s\" stands in line %lld already; ids must be unique",
                s->path, (long long)row.number, t->id, (long long)seen[i].number);
            complain(s->duplicates++, line);
            break;
        }
        if (i == n)
            seen[n++] = (struct seen){mem_strdup(t->id), at, row.number};
        task_free(t);
    }
    if (s->duplicates == 0)
        err_set(e, EX_DATAERR, "two ids of %s have the same 64-bit hash; change one of them",
                s->path);
    for (i = 0; i < n; i++)
        free(seen[i].id);
    return rc < 0 ? -1 : 0;
}

int prepare_index(struct input *in, const char *path, const struct config *c, bool keep_going,
                  struct index *index, struct err *e)
{
    struct survey s = {.in = in, .path = path, .config = c, .index = index};
    const char *model = c->default_model ? c->default_model : "";
    int rc = 0;

    index_digest_add(index, model, strlen(model)); /* for rows that name none */
    if (survey_rows(&s, e) < 0)
        return -1;
    index_seal(index);
    index_suspects(index, note_suspect, &s);
    if (s.nsuspects) {
        rc = compare_suspects(&s, e);
        free(s.suspects);
        if (rc < 0)
            return -1;
        if (s.duplicates)
            err_set(e, EX_DATAERR,
                    "%" PRIu64 " custom_ids stand in %s more than once; nothing was sent",
                    s.duplicates, path);
        return -1;
    }
    if (index_rows(index) == 0)
        return err_set(e, EX_DATAERR, "%s holds no rows", path);
    if (s.bad && !keep_going)
        return err_set(e, EX_DATAERR,
                       "%" PRIu64
                       " bad rows in %s; nothing was sent. Correct them, or use --keep-going "
                       "to give them error replies",
                       s.bad, path);
    return input_rewind(in, e);
}

static int load_file(const struct config_options *co, struct config **ret, struct err *e)
{
    if (command_config(co, ret, e) != 0)
        return -1;
    if ((*ret)->nmodels == 0)
        return err_set(e, EX_CONFIG,
                       "no model is configured: give -c FILE with a model_list, or "
                       "--model PROVIDER/MODEL such as openai/gpt-5-mini");
    return 0;
}

static void param(struct buf *text, const char *name, const char *before, const char *value)
{
    CLEANUP(buf_done) struct buf whole = BUF_INIT(65536);

    if (!value)
        return;
    buf_printf(&whole, "%s%s", before, value);
    buf_printf(text, "\n      %s: ", name);
    buf_json_str(text, whole.data, whole.len);
}

/* What goes with --model only, in a place where it would be ignored. */
static int check_row_options(const struct batch_options *o, bool has_file, struct err *e)
{
    const char *model = o->in.model;

    if (!o->api_base && !o->api_key_env)
        return 0;
    if (has_file)
        return err_set(
            e, EX_USAGE,
            "--%s is for --model PROVIDER/MODEL without a configuration file: name it in "
            "model_list of %s instead",
            o->api_base ? "api-base" : "api-key-env",
            o->config.config ? o->config.config : "sluice.yaml");
    if (model && !strchr(model, '/'))
        return err_set(
            e, EX_USAGE,
            "--model %s: put in front of it whose API the server speaks, such as openai/%s", model,
            model);
    if (o->api_key_env && !getenv(o->api_key_env))
        return err_set(e, EX_CONFIG,
                       "--api-key-env: the environment variable %s is not set; export it with the "
                       "key, or leave the option out for a server without keys",
                       o->api_key_env);
    if (o->api_base && strncmp(o->api_base, "http://", 7) != 0 &&
        strncmp(o->api_base, "https://", 8) != 0)
        return err_set(e, EX_USAGE,
                       "--api-base %s: it must begin with http:// or https://, such as "
                       "http://gpu-1:8000/v1",
                       o->api_base);
    return 0;
}

/* The configuration may come without a file: from --model PROVIDER/MODEL and what goes with it. */
static int load_config(const struct batch_options *o, struct config **ret, struct err *e)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(200000);
    const char *model = o->in.model;
    bool has_file = o->config.config || access("sluice.yaml", R_OK) == 0;

    if (check_row_options(o, has_file, e) < 0)
        return -1;
    if (has_file || !model || !strchr(model, '/'))
        return load_file(&o->config, ret, e);
    buf_str(&text, "model_list:\n  - model_name: ");
    buf_json_str(&text, model, strlen(model));
    buf_str(&text, "\n    params:");
    param(&text, "model", "", model);
    param(&text, "api_base", "", o->api_base);
    param(&text, "api_key", "os.environ/", o->api_key_env);
    buf_str(&text, "\n");
    if (config_parse(text.data, text.len, "(command line)", environ, o->config.set.at,
                     o->config.set.count, ret, e) < 0)
        return -1;
    return config_resolve(*ret, providers, vendors, environ, e);
}

/* The file is read before anything is written. */
static int check_retry_options(const struct batch_options *o, struct err *e)
{
    const char *failed = o->retry_failed;

    if (o->retry_all && !failed)
        return err_set(e, EX_USAGE, "--retry-all needs --retry-failed FILE");
    if (!failed)
        return 0;
    if (same_file(failed, o->input))
        return err_set(e, EX_USAGE, "--retry-failed names the input; name the error file of a run");
    if (same_file(failed, o->output))
        return err_set(e, EX_USAGE,
                       "--retry-failed and --output are the same file, where a second reply to "
                       "the same row would stand beside the first; name another output");
    if (o->error_file && same_file(failed, o->error_file))
        return err_set(e, EX_USAGE,
                       "--retry-failed and --error-file are the same file; name another one for "
                       "what fails again");
    return 0;
}

int prepare_options(const struct batch_options *o, struct err *e)
{
    if (!o->input)
        return err_set(e, EX_USAGE, "name the input with -i FILE");
    if (!o->output)
        return err_set(e, EX_USAGE, "name the output with -o FILE");
    if (strcmp(o->input, "-") == 0)
        return err_set(e, EX_USAGE,
                       "the input is read twice, so it cannot be standard input: save it to a "
                       "file first");
    if (same_file(o->input, o->output) || (o->error_file && same_file(o->input, o->error_file)))
        return err_set(e, EX_USAGE, "output and input are the same file");
    if (o->error_file &&
        (strcmp(o->error_file, o->output) == 0 || same_file(o->error_file, o->output)))
        return err_set(e, EX_USAGE, "--error-file and --output are the same file");
    return check_retry_options(o, e);
}

int prepare_retry(const struct batch_options *o, struct failed *f, struct index *index,
                  struct err *e)
{
    *f = (struct failed){.path = o->retry_failed, .all = o->retry_all};
    return o->retry_failed ? failed_select(f, o->input, index, e) : 0;
}

/* Marks the row of a reply that an earlier run wrote. */
static int take_old(void *arg, const char *id, size_t len)
{
    struct prepared *p = arg;
    struct index *index = p->index;
    int64_t row = index_find(index, index_hash(id, len));

    if (row < 0)
        return -1;
    index_set_done(index, (uint32_t)row);
    p->replies++;
    return 0;
}

static void see_old(void *arg, const struct reply_view *v)
{
    struct prepared *p = arg;

    spend_old(&p->spend, v);
    status_old(&p->status, v);
}

/* Answers to other prompts under the same ids would be taken for answers to these. */
static int check_same_input(const struct prepared *p, const struct batch_options *o,
                            const char *saved, bool known, struct err *e)
{
    char now[INDEX_DIGEST_TEXT];

    if (p->replies == 0)
        return 0;
    index_digest_watched(p->index, now);
    if (!known || !saved[0]) {
        fprintf(stderr,
                "batch: %s.job is not there: whether the replies in %s answer these prompts cannot "
                "be told; only ids are compared\n",
                o->output, o->output);
        return 0;
    }
    if (strcmp(saved, now) == 0)
        return 0;
    return err_set(
        e, EX_CANTCREAT,
        "%s holds answers to other requests than these: rows of %s, --template, --system, --param "
        "or "
        "--model have changed since. Name another output (rows may be appended, not changed)",
        o->output, o->input);
}

static int open_outputs(struct prepared *p, const struct batch_options *o, struct err *e)
{
    struct resume r = {.input = o->input, .arg = p, .take = take_old, .see = see_old};

    if (resume_open(&r, o->output, &p->out, e) < 0)
        return -1;
    return o->error_file ? resume_open(&r, o->error_file, &p->errors, e) : 0;
}

static int open_store(struct prepared *p, const struct batch_options *o, struct err *e)
{
    char root[512];
    const char *path = o->store ? o->store : p->config->cache.path;

    if (path && path[0])
        snprintf(root, sizeof root, "%s", path);
    else if (default_root("store", root, sizeof root, e) < 0)
        return -1;
    if (job_open(&p->job, line_writer_is_file(p->out) ? o->output : "-", root, e) < 0)
        return -1;
    p->has_job = true;
    memcpy(p->job.retry, p->failed.mark, sizeof p->job.retry);
    if (line_writer_is_file(p->out) &&
        (job_keep_input(&p->job, o->output, p->index, e) < 0 ||
         spend_open(&p->spend, p->config, &p->job, o->output, e) < 0))
        return -1;
    p->store = store_open(p->job.slot.path, p->config, e);
    return p->store ? 0 : -1;
}

static void apply_options(struct config *c, const struct batch_options *o)
{
    if (o->in.model) {
        free(c->default_model);
        c->default_model = mem_strdup(o->in.model);
    }
    if (o->max_in_flight > 0) {
        c->pool.max_calls = o->max_in_flight;
        if (c->pool.max_in_flight < 2 * o->max_in_flight)
            c->pool.max_in_flight = 2 * o->max_in_flight;
    }
}

int prepare_config(const struct batch_options *o, struct config **ret, struct err *e)
{
    if (load_config(o, ret, e) < 0)
        return -1;
    apply_options(*ret, o);
    return spend_options(*ret, o, e);
}

int prepare(struct prepared *p, const struct batch_options *o, struct err *e)
{
    char saved[INDEX_DIGEST_TEXT] = "";
    uint32_t saved_rows = 0;
    bool known = false;

    if (prepare_options(o, e) < 0 ||
        progress_init(&p->progress, o->progress, clock_mono_us(), e) < 0 ||
        report_check(o->report, o->output, e) < 0 || prepare_config(o, &p->config, e) < 0)
        return -1;
    p->input = input_open(o->input, &o->in, (size_t)p->config->limits.record_bytes, e);
    if (!p->input)
        return -1;
    p->index = index_new();
    known = job_peek(o->output, saved, &saved_rows);
    index_watch(p->index, saved_rows);
    if (prepare_index(p->input, o->input, p->config, o->keep_going, p->index, e) < 0 ||
        prepare_retry(o, &p->failed, p->index, e) < 0)
        return -1;
    if (open_outputs(p, o, e) < 0 || check_same_input(p, o, saved, known, e) < 0)
        return -1;
    index_forget_ids(p->index);
    /* Until here a signal simply ends the process. From here on there are threads. */
    p->signal_fd = signals_open(e);
    if (p->signal_fd < 0)
        return -1;
    if (open_store(p, o, e) < 0)
        return -1;
    progress_begin(&p->progress, clock_mono_us());
    return 0;
}

void prepared_done(struct prepared *p)
{
    if (p->signal_fd > 0)
        close(p->signal_fd);
    if (p->store)
        store_free(p->store);
    budget_file_close(&p->spend.file);
    if (p->has_job)
        job_close(&p->job);
    line_writer_close(p->out);
    line_writer_close(p->errors);
    input_close(p->input);
    index_free(p->index);
    config_free(p->config);
}
