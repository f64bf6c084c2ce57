/*
 * steer: `sluice pause`, `resume` and `drain`. What each means is the worker's to say (watch.c).
 */
#include "cmd/admin/steer.h"

#include <ctype.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/json.h"
#include "base/mem.h"
#include "cmd/admin/fetch.h"
#include "cmd/command.h"
#include "io/http.h"

#define BODY_MAX       65536
#define PATH_MAX_BYTES 4096
#define TIMEOUT_MS     3000
#define AGAIN_MS       200 /* between two questions whether a model's calls have ended */

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
    if (status == 409)
        return err_set(e, EX_UNAVAILABLE,
                       "%s before its calls had ended: see who did, and drain it again",
                       why ? why : url);
    return err_set(e, EX_UNAVAILABLE, "%s answers %d: %s%s", url, status,
                   why ? why : "it is no admin port of a worker",
                   status == 401 ? "; give --token-file FILE, or -c with the worker's configuration"
                                 : "");
}

/* way: fetch or fetch_post. As steer(). */
static int ask(int (*way)(const char *url, const char *path, const char *token, int64_t timeout_ms,
                          int *ret_status, struct buf *ret, struct err *e),
               const char *url, const char *what, const char *model, const char *token,
               struct err *e)
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
        rc = way(url, path.data, token, TIMEOUT_MS, &status, &body, e);
    if (rc == 0 && (status < 200 || status > 299))
        rc = refused(url, status, &body, e);
    buf_done(&path);
    buf_done(&body);
    return rc < 0 ? -1 : status == 202;
}

int steer(const char *url, const char *what, const char *model, const char *token, struct err *e)
{
    return ask(fetch_post, url, what, model, token, e);
}

/* Looks until no call of a model that was told to pause runs. It is told once: whoever resumes it meanwhile is not
 * overruled, and this ends with an error. */
static int wait_for_calls(const char *url, const char *model, const char *token, struct err *e)
{
    int rc = 1;

    while (rc == 1) {
        poll(NULL, 0, AGAIN_MS);
        rc = ask(fetch, url, "drain", model, token, e);
    }
    return rc;
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
