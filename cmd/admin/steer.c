/*
 * steer: `sluice pause`, `resume` and `drain`. What each means is the worker's to say (watch.c).
 */
#include "cmd/admin/steer.h"

#include <ctype.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "cmd/admin/fetch.h"
#include "cmd/command.h"
#include "io/http.h"

#define BODY_MAX        65536
#define PATH_MAX_BYTES  4096
#define TIMEOUT_MS      3000
#define AGAIN_MS        200     /* between two questions whether a model's calls have ended */
#define SHOWN_WITHIN_US 5000000 /* the status shows a pause by then */

struct steer_options {
    struct config_options config;
    const char *url;
    const char *token_file;
    const char *model;
};

static const struct option_row rows[] = {
    CONFIG_OPTION_ROWS(struct steer_options, config),
    FETCH_URL_ROW(struct steer_options),
    FETCH_TOKEN_ROW(struct steer_options),
    {.name = "model",
     .type = OPT_STR,
     .offset = offsetof(struct steer_options, model),
     .arg = "NAME",
     .help = "only this model of model_list, not the whole worker"},
    {.name = NULL},
};

/* NAME as the value of a query. */
static void put_model(struct buf *path, const char *name)
{
    buf_str(path, "?model=");
    for (; *name; name++) {
        if (isalnum((unsigned char)*name) || strchr("-._~", *name))
            buf_char(path, *name);
        else
            buf_printf(path, "%%%02X", (unsigned char)*name);
    }
}

static int refused(const char *url, int status, const struct buf *body, struct err *e)
{
    CLEANUP_JSON struct json_object *said = NULL;
    const char *why = NULL;

    if (json_parse_answer(body->data, body->len, &said) == 0)
        why = json_get_str(said, "error");
    return err_set(e, EX_UNAVAILABLE, "%s answers %d: %s%s", url, status,
                   why ? why : "it is no admin port of a worker",
                   status == 401 ? "; give --token-file FILE, or -c with the worker's configuration"
                                 : "");
}

int steer(const char *url, const char *what, const char *model, const char *token, struct err *e)
{
    struct buf path = BUF_INIT(PATH_MAX_BYTES), body = BUF_INIT(BODY_MAX);
    int status = 0;
    int rc = 0;

    buf_printf(&path, "/%s", what);
    if (model)
        put_model(&path, model);
    if (path.over)
        rc = err_set(e, EX_USAGE, "--model: the name is too long");
    else
        rc = fetch_post(url, path.data, token, TIMEOUT_MS, &status, &body, e);
    if (rc == 0 && (status < 200 || status > 299))
        rc = refused(url, status, &body, e);
    buf_done(&path);
    buf_done(&body);
    return rc < 0 ? -1 : status == 202;
}

/* What the worker's status says of a model: its calls, or -1 when one of its rows is not paused. */
static int64_t calls_while_paused(struct json_object *status, const char *model)
{
    struct json_object *models = json_get(status, "models");
    int64_t calls = 0;

    for (size_t i = 0; models && i < json_object_array_length(models); i++) {
        struct json_object *row = json_object_array_get_idx(models, i);
        const char *name = json_get_str(row, "model");
        const char *state = json_get_str(row, "state");

        if (!name || strcmp(name, model) != 0)
            continue;
        if (!state || strcmp(state, "paused") != 0)
            return -1;
        calls += json_get_int(row, "in_flight", 0);
    }
    return calls;
}

/* Looks until no call of a model that was told to pause runs. It is told once: whoever resumes it meanwhile is not
 * overruled, and this ends with an error. */
static int wait_for_calls(const char *url, const char *model, const char *token, struct err *e)
{
    int64_t paused_by_us = clock_mono_us() + SHOWN_WITHIN_US;
    int64_t calls = 1;
    bool seen = false;

    while (calls != 0) {
        struct buf page = BUF_INIT(FETCH_STATUS_MAX);
        CLEANUP_JSON struct json_object *status = NULL;
        int rc = 0;

        poll(NULL, 0, AGAIN_MS);
        rc = fetch_status(url, token, TIMEOUT_MS, &page, &status, e);
        buf_done(&page);
        if (rc < 0)
            return -1;
        calls = calls_while_paused(status, model);
        if (calls < 0 && (seen || clock_mono_us() > paused_by_us))
            return err_set(e, EX_UNAVAILABLE,
                           "%s was resumed before its calls had ended: see who did, and drain it "
                           "again",
                           model);
        seen = calls >= 0;
    }
    return 0;
}

static int run(const void *opts, const char *what, struct err *e)
{
    const struct steer_options *o = opts;
    char *token CLEANUP_FREE = NULL;
    char url[FETCH_URL_MAX];
    int rc = 0;

    if (fetch_url(o->url, &o->config, url, e) < 0 ||
        fetch_token(o->token_file, &o->config, &token, e) < 0)
        return e->code ? e->code : EX_CONFIG;
    if (http_global_init(e) < 0)
        return EX_OSERR;
    rc = steer(url, what, o->model, token, e);
    if (rc == 1 && o->model)
        rc = wait_for_calls(url, o->model, token, e);
    http_global_done();
    return rc < 0 ? EX_UNAVAILABLE : 0;
}

static int run_pause(const void *opts, int nargs, char *const *args, struct err *e)
{
    (void)nargs, (void)args;
    return run(opts, "pause", e);
}

static int run_resume(const void *opts, int nargs, char *const *args, struct err *e)
{
    (void)nargs, (void)args;
    return run(opts, "resume", e);
}

static int run_drain(const void *opts, int nargs, char *const *args, struct err *e)
{
    (void)nargs, (void)args;
    return run(opts, "drain", e);
}

const struct command command_pause = {
    .name = "pause",
    .summary = "a running worker takes no more records",
    .description = "Calls that run go on, and their replies are published. The worker keeps its "
                   "partitions.\n\n"
                   "With --model, no more calls of that model start; records are taken as before, "
                   "tasks go to their "
                   "other models and fallbacks, and those that have none wait. It is paused until "
                   "it is resumed, or "
                   "the worker starts again.",
    .examples = "sluice pause --url http://127.0.0.1:9464\n"
                "sluice pause -c sluice.yaml --model fast\n",
    .options = rows,
    .options_size = sizeof(struct steer_options),
    .run = run_pause,
};

const struct command command_resume = {
    .name = "resume",
    .summary = "a paused worker takes records again",
    .examples = "sluice resume --url http://127.0.0.1:9464\n",
    .options = rows,
    .options_size = sizeof(struct steer_options),
    .run = run_resume,
};

const struct command command_drain = {
    .name = "drain",
    .summary = "a running worker ends what it has begun, and then itself",
    .description =
        "As SIGTERM does: running calls may end within pool.drain_timeout, what waits "
        "goes back to its topic.\n\n"
        "With --model, pauses that model and returns when no call of it runs: then its server "
        "may be taken away. `sluice resume --model` lets it go on.",
    .examples = "sluice drain -c sluice.yaml\n"
                "sluice drain -c sluice.yaml --model fast\n",
    .options = rows,
    .options_size = sizeof(struct steer_options),
    .run = run_drain,
};
