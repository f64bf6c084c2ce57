/* runs: `sluice runs`: which jobs there are below a directory and how they stand, from the files beside their outputs. It
 * asks no process and changes nothing. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "cmd/command.h"
#include "cmd/runs/entry.h"
#include "cmd/runs/find.h"
#include "cmd/runs/follow.h"
#include "cmd/runs/view.h"

#define TEXT_MAX ((size_t)64 << 20)

struct runs_options {
    bool json;
    bool follow;
};

#define JSON_ROW                                                                                   \
    {                                                                                              \
        .name = "json", .type = OPT_FLAG, .offset = offsetof(struct runs_options, json),           \
        .help = "an object a line instead of a table"                                              \
    }

static const struct option_row ls_rows[] = {JSON_ROW, {.name = NULL}};
static const struct option_row show_rows[] = {
    JSON_ROW,
    {.name = "follow",
     .letter = 'f',
     .type = OPT_FLAG,
     .offset = offsetof(struct runs_options, follow),
     .help = "until the job ends; the exit code is then that of the job"},
    {.name = NULL}};

static int write_out(const struct buf *text, struct err *e)
{
    if (text->over)
        return err_set(e, EX_SOFTWARE,
                       "the list is larger than %zu bytes; name a directory with "
                       "fewer jobs",
                       TEXT_MAX);
    if (fwrite(text->data ? text->data : "", 1, text->len, stdout) != text->len ||
        fflush(stdout) != 0)
        return err_set(e, EX_IOERR, "cannot write to stdout: %s", strerror(errno));
    return 0;
}

static void put_json(struct json_object *o, struct buf *out)
{
    json_write(o, out);
    buf_char(out, '\n');
}

static int run_ls(const void *opts, int nargs, char *const *args, struct err *e)
{
    const struct runs_options *o = opts;
    const char *dir = nargs ? args[0] : ".";
    struct buf text = BUF_INIT(TEXT_MAX);
    struct found found;
    int rc = 0;

    if (nargs > 1)
        return err_set(e, EX_USAGE, "name one directory");
    if (find_runs(dir, &found, e) < 0)
        return -1;
    if (!o->json && found.count)
        view_head(&text);
    for (size_t i = 0; i < found.count; i++) {
        if (o->json)
            put_json(found.at[i], &text);
        else
            view_row(found.at[i], &text);
    }
    rc = write_out(&text, e);
    if (found.count == 0)
        fprintf(stderr,
                "no job here: `batch`, `collect` and `enqueue` leave OUT.status, OUT.job or "
                "IN.run beside their files\n");
    if (found.more)
        fprintf(stderr, "only %d jobs are shown; name a directory with fewer\n", FIND_MAX);
    if (rc == 0 && found.damaged)
        rc = EX_DATAERR;
    buf_done(&text);
    found_done(&found);
    return rc;
}

static int show_once(const char *stem, bool json, struct err *e)
{
    struct json_object *entry CLEANUP_JSON = NULL;
    struct buf text = BUF_INIT(TEXT_MAX);
    int rc = entry_need(stem, &entry, e);

    if (rc < 0)
        return -1;
    if (json)
        put_json(entry, &text);
    else
        view_block(entry, clock_wall_ms(), &text);
    rc = write_out(&text, e);
    buf_done(&text);
    return rc;
}

static int run_show(const void *opts, int nargs, char *const *args, struct err *e)
{
    const struct runs_options *o = opts;
    char *stem CLEANUP_FREE = nargs == 1 ? mem_strdup(args[0]) : NULL;

    if (!stem)
        return err_set(e, EX_USAGE, "name one job by its output, such as answers.jsonl");
    entry_stem(stem);
    return o->follow ? follow(stem, o->json, e) : show_once(stem, o->json, e);
}

static const struct command runs_ls = {
    .name = "ls",
    .summary = "list the jobs below a directory (the current one), the last begun first",
    .operands = "[DIR]",
    .options = ls_rows,
    .options_size = sizeof(struct runs_options),
    .run = run_ls};
static const struct command runs_show = {
    .name = "show",
    .summary = "how one job stands: name its output, or one of the files beside it",
    .operands = "OUT",
    .options = show_rows,
    .options_size = sizeof(struct runs_options),
    .run = run_show};

static const struct command *const runs_commands[] = {&runs_ls, &runs_show, NULL};

const struct command command_runs = {
    .name = "runs",
    .summary = "list jobs and follow them",
    .description =
        "`batch` and `collect` keep how they stand in OUT.status beside their output, `enqueue` in "
        "its manifest IN.run. A job is running, finished, stopped (the same command goes on), "
        "failed, or interrupted: its process is gone, and the same command goes on. Requests of "
        "`enqueue` are sent or unsent. Without a sub-command, `ls`.\n"
        "Nothing is asked of the job and nothing is changed, so that any number may look, from any "
        "machine that sees the files and their locks.",
    .examples =
        "sluice runs\n"
        "sluice runs ls /data/jobs --json | jq -r 'select(.state == \"interrupted\") | .path'\n"
        "sluice runs show answers.jsonl --follow\n",
    .sub = runs_commands,
    .otherwise = &runs_ls,
};
