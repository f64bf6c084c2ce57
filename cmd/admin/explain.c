/*
 * explain: why a running worker is not faster, in words. It asks /status once, which holds the reasons and what to
 * change, and prints them; it decides nothing itself.
 */
#include "cmd/explain_view.h"

#include <stdio.h>
#include <sysexits.h>

#include "base/mem.h"
#include "cmd/admin/fetch.h"
#include "cmd/command.h"
#include "io/http.h"

struct explain_options {
    struct config_options config;
    const char *url;
    const char *token_file;
    bool run;
    int64_t timeout_ms;
};

#define AT(member) .offset = offsetof(struct explain_options, member)

static const struct option_row rows[] = {
    CONFIG_OPTION_ROWS(struct explain_options, config),
    FETCH_URL_ROW(struct explain_options),
    FETCH_TOKEN_ROW(struct explain_options),
    {.name = "run",
     .type = OPT_FLAG,
     AT(run),
     .help = "shares of the time since the worker started, not of the last minute"},
    {.name = "timeout",
     .type = OPT_DURATION,
     AT(timeout_ms),
     .arg = "TIME",
     .fallback = "3s",
     .help = "how long to wait for the answer"},
    {.name = NULL},
};

static int print(const char *url, struct json_object *status, bool run, struct err *e)
{
    struct buf out = BUF_INIT(EXPLAIN_TEXT_MAX);

    explain_text(status, !run, &out);
    if (out.len == 0)
        err_set(e, EX_UNAVAILABLE, "%s has nothing to say yet: the worker is starting", url);
    else
        printf("held up by (shares of %s)\n%s",
               run ? "the time since the start" : "the last minute", out.data);
    buf_done(&out);
    return e->code ? -1 : 0;
}

static int run_explain(const void *opts, int nargs, char *const *args, struct err *e)
{
    const struct explain_options *o = opts;
    CLEANUP_JSON struct json_object *status = NULL;
    char *token CLEANUP_FREE = NULL;
    struct buf page = BUF_INIT(FETCH_STATUS_MAX);
    char url[FETCH_URL_MAX];
    int rc = 0;

    (void)nargs;
    (void)args;
    if (fetch_url(o->url, &o->config, url, e) < 0 ||
        fetch_token(o->token_file, &o->config, &token, e) < 0)
        return e->code ? e->code : EX_CONFIG;
    if (http_global_init(e) < 0)
        return EX_OSERR;
    rc = fetch_status(url, token, o->timeout_ms, &page, &status, e);
    if (rc == 0)
        rc = print(url, status, o->run, e);
    http_global_done();
    buf_done(&page);
    return rc < 0 ? e->code : 0;
}

const struct command command_explain = {
    .name = "explain",
    .summary = "why a running worker is not faster, and what to change",
    .description =
        "Asks the admin port of a worker (observability.listen) what held up the pool and each "
        "row of model_list in the last minute: its limits, our concurrency, a cool-down and why, "
        "the budget, the store, the replies, or the lack of input, as shares of the time, and for "
        "the main one what to change. `sluice batch` prints the same at its end; /status has it "
        "as JSON (held_up).",
    .examples = "sluice explain --url http://127.0.0.1:9464\n"
                "sluice explain -c sluice.yaml --run\n",
    .options = rows,
    .options_size = sizeof(struct explain_options),
    .run = run_explain,
};
