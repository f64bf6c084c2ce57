/*
 * convert: `sluice convert`: files of requests from one batch format to another, and results to OpenAI's, line by line. The
 * output is there whole or not at all: lines that cannot be converted are said, and then there is none.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "cmd/command.h"
#include "cmd/convert/line.h"
#include "cmd/same_file.h"
#include "io/jsonl.h"

#define LINE_MAX_BYTES ((size_t)64 << 20) /* images are in the lines */
#define PENDING_BYTES  ((size_t)1 << 20)  /* written at a time */
#define COMPLAINTS_MAX 20
#define TEMP_SUFFIX    ".convert"

struct convert_options {
    const char *from, *to;
    const char *model;
    const char *url;
    int64_t max_tokens;
    bool lossy;
};

#define AT(member) .offset = offsetof(struct convert_options, member)

static const struct option_row rows[] = {
    {.name = "from",
     .letter = 'f',
     .type = OPT_STR,
     AT(from),
     .arg = "FORMAT",
     .help = "format of IN: openai, anthropic, gemini or cookbook"},
    {.name = "to",
     .letter = 't',
     .type = OPT_STR,
     AT(to),
     .arg = "FORMAT",
     .help = "format of OUT"},
    {.name = "model",
     .letter = 'm',
     .type = OPT_STR,
     AT(model),
     .arg = "NAME",
     .help = "model of every line of OUT; needed from gemini, whose lines name none"},
    {.name = "max-tokens",
     .type = OPT_INT,
     AT(max_tokens),
     .arg = "TOKENS",
     .min = 1,
     .max = 100000000,
     .help = "limit of answers for lines without one, to anthropic, which wants one"},
    {.name = "url",
     .type = OPT_STR,
     AT(url),
     .arg = "PATH",
     .help = "address of the requests, from cookbook: /v1/chat/completions, /v1/responses or "
             "/v1/embeddings; default: by the body"},
    {.name = "lossy",
     .type = OPT_FLAG,
     AT(lossy),
     .help = "leave out what the other format cannot say, and count it, instead of stopping"},
    {.name = NULL},
};

/* One run of the command. */
struct job {
    const struct form *from, *to;
    struct conversion c;
    const char *in_path;
    struct line_writer *out;
    struct buf text;
    uint64_t requests, results, bad;
};

static void complain(struct job *j, int64_t line, struct err *e)
{
    j->bad++;
    err_wrap(e, "%s:%" PRId64, j->in_path, line);
    if (j->bad <= COMPLAINTS_MAX)
        fprintf(stderr, "%s\n", utf8_plain(e->msg));
    else if (j->bad == COMPLAINTS_MAX + 1)
        fputs("... and more\n", stderr);
}

static void convert_line(struct job *j, const struct line *line)
{
    struct err e = {0};
    int rc = 0;

    j->c.losses.line = line->number;
    buf_clear(&j->text);
    j->text.over = false;
    rc = line_convert(&j->c, j->from, j->to, line->text, line->len, &j->text, &e);
    j->requests += rc == LINE_REQUEST;
    j->results += rc == LINE_RESULT;
    if (rc < 0)
        complain(j, line->number, &e);
    else if (j->bad == 0)
        line_writer_add(j->out, j->text.data, j->text.len);
}

static int flush(struct job *j, bool sync, struct err *e)
{
    return line_writer_flush(j->out, sync, e) == 0 ? 0 : -1;
}

static int convert_lines(struct job *j, struct line_reader *in, struct err *e)
{
    struct line line;
    int rc = 0;

    while ((rc = line_reader_next(in, &line, e)) != LINE_END && rc >= 0) {
        struct err too_long = {0};

        if (rc == LINE_GOOD) {
            convert_line(j, &line);
        } else {
            err_set(&too_long, EX_DATAERR, "the line is longer than %zu bytes", LINE_MAX_BYTES);
            complain(j, line.number, &too_long);
        }
        if (line_writer_pending(j->out) > PENDING_BYTES && flush(j, false, e) < 0)
            return -1;
    }
    if (rc < 0)
        return -1;
    if (j->bad)
        return err_set(e, EX_DATAERR, "%" PRIu64 " lines cannot be converted; nothing was written",
                       j->bad);
    return flush(j, true, e);
}

static int prepare(struct job *j, const struct convert_options *o, struct err *e)
{
    j->from = o->from ? form_find(o->from) : NULL;
    j->to = o->to ? form_find(o->to) : NULL;
    if (!j->from || !j->to)
        return err_set(e, EX_USAGE, "--%s must be %s", j->from ? "to" : "from", form_names);
    if (j->from == j->to)
        return err_set(e, EX_USAGE, "--from and --to are the same format");
    if (o->url && !form_url(o->url))
        return err_set(e, EX_USAGE,
                       "--url must be /v1/chat/completions, /v1/responses or /v1/embeddings");
    if (o->url && strcmp(j->from->name, "cookbook") != 0)
        return err_set(
            e, EX_USAGE,
            "--url is for --from cookbook, whose lines have none; lines of %s say theirs",
            j->from->name);
    if (o->max_tokens && strcmp(j->to->name, "anthropic") != 0)
        return err_set(e, EX_USAGE, "--max-tokens is for --to anthropic; %s wants no limit",
                       j->to->name);
    j->c = (struct conversion){.model = o->model,
                               .url = o->url,
                               .max_tokens = o->max_tokens,
                               .losses = {.allowed = o->lossy}};
    return conversion_open(&j->c, j->from, j->to, e);
}

static int exists(const char *path, struct err *e)
{
    return err_set(e, EX_CANTCREAT, "%s exists; name another output, or delete it", path);
}

/*
 * A file is made beside its place and put there at the end; what stands there is not written over. The lock of the writer
 * keeps two runs apart, and only who has it drops what a killed run left.
 */
static int open_output(struct job *j, const char *in, const char *path, char *temp, size_t cap,
                       struct err *e)
{
    struct stat st;
    bool is_new = strcmp(path, "-") != 0 && stat(path, &st) < 0;

    *temp = '\0';
    if (!is_new && strcmp(path, "-") != 0 && S_ISREG(st.st_mode))
        return exists(path, e);
    if (is_new && (size_t)snprintf(temp, cap, "%s" TEMP_SUFFIX, path) >= cap)
        return err_set(e, EX_CANTCREAT, "the path of the output is too long");
    if (*temp && same_file(in, temp))
        return err_set(e, EX_USAGE, "%s is where %s is made; name another output", in, path);
    j->out = line_writer_open(*temp ? temp : path, e);
    if (j->out && *temp && truncate(temp, 0) < 0)
        return err_set(e, EX_CANTCREAT, "cannot write %s: %s", temp, strerror(errno));
    return j->out ? 0 : -1;
}

/* Another program may have made the output since. */
static int put_in_place(const char *temp, const char *out, struct err *e)
{
    int rc = renameat2(AT_FDCWD, temp, AT_FDCWD, out, RENAME_NOREPLACE);

    if (rc < 0 && errno == EINVAL) /* a file system that cannot tell */
        rc = rename(temp, out);
    if (rc < 0 && errno == EEXIST)
        return exists(out, e);
    return rc == 0 ? 0 : err_set(e, EX_CANTCREAT, "cannot write %s: %s", out, strerror(errno));
}

static int convert_file(struct job *j, const char *in, const char *out, struct err *e)
{
    char temp[4200];
    struct line_reader *reader = line_reader_open(in, LINE_MAX_BYTES, e);
    int rc = reader ? open_output(j, in, out, temp, sizeof temp, e) : -1;

    if (rc == 0) {
        j->in_path = in;
        rc = convert_lines(j, reader, e);
        if (*temp && rc == 0)
            rc = put_in_place(temp, out, e);
        if (*temp && rc < 0)
            unlink(temp);
    }
    line_reader_close(reader);
    return rc;
}

static void report(const struct job *j, const char *out)
{
    char path[256];

    snprintf(path, sizeof path, "%s", out);
    losses_report(&j->c.losses, stderr);
    fputs("convert: ", stderr);
    if (j->requests || !j->results)
        fprintf(stderr, "%" PRIu64 " requests", j->requests);
    if (j->results)
        fprintf(stderr, "%s%" PRIu64 " results", j->requests ? ", " : "", j->results);
    fprintf(stderr, " -> %s", utf8_plain(path));
    if (j->c.batch_model[0]) {
        snprintf(path, sizeof path, "%s", j->c.batch_model);
        fprintf(stderr, ", for a batch of the model %s", utf8_plain(path));
    }
    fputc('\n', stderr);
}

static int run(const void *opts, int nargs, char *const *args, struct err *e)
{
    const struct convert_options *o = opts;
    struct job j = {.text = BUF_INIT(LINE_OUT_MAX)};
    int rc = 0;

    if (nargs != 2)
        return err_set(e, EX_USAGE, "name two files: sluice convert --from F --to T IN OUT");
    rc = prepare(&j, o, e);
    if (rc == 0)
        rc = convert_file(&j, args[0], args[1], e);
    if (rc == 0)
        report(&j, args[1]);
    line_writer_close(j.out);
    buf_done(&j.text);
    conversion_done(&j.c);
    return rc;
}

const struct command command_convert = {
    .name = "convert",
    .summary = "turn files of batch requests and results into another API's format",
    .operands = "IN OUT",
    .description =
        "Formats are openai (lines of OpenAI's Batch API, which is also what this program takes), "
        "anthropic (a line for each member of `requests` of a Message Batch), gemini (lines of a "
        "Gemini batch file) and cookbook (bare bodies, as api_request_parallel_processor.py takes "
        "them). Bodies are those of chat completions; /v1/responses goes to anthropic and gemini "
        "as "
        "well, /v1/embeddings between openai and cookbook only. Results are turned into openai's. "
        "\"-\" is standard input or output.\n"
        "What the target cannot say is an error with line and field, all of them in one run, and "
        "then no OUT is made; --lossy leaves such fields out and counts them.",
    .examples = "sluice convert --from openai --to anthropic -m claude-sonnet-4-5 prompts.jsonl "
                "lines.jsonl\n"
                "jq -s '{requests: .}' lines.jsonl > message-batch.json\n"
                "sluice convert --from gemini --to openai results.jsonl answers.jsonl\n",
    .options = rows,
    .options_size = sizeof(struct convert_options),
    .run = run,
};
