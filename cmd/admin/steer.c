/*
 * steer: `sluice pause`, `resume` and `drain`. What each means is the worker's to say (watch.c).
 */
#include "cmd/admin/steer.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "base/json.h"
#include "base/mem.h"
#include "cmd/admin/fetch.h"
#include "cmd/command.h"
#include "io/http.h"

#define BODY_MAX   65536
#define TIMEOUT_MS 3000

struct steer_options {
    struct config_options config;
    const char *url;
    const char *token_file;
};

static const struct option_row rows[] = {
    CONFIG_OPTION_ROWS(struct steer_options, config),
    FETCH_URL_ROW(struct steer_options),
    FETCH_TOKEN_ROW(struct steer_options),
    {.name = NULL},
};

int steer(const char *url, const char *what, const char *token, struct err *e)
{
    CLEANUP_JSON struct json_object *said = NULL;
    struct buf body = BUF_INIT(BODY_MAX);
    char path[32];
    const char *why = NULL;
    int status = 0;
    int rc = 0;

    snprintf(path, sizeof path, "/%s", what);
    rc = fetch_post(url, path, token, TIMEOUT_MS, &status, &body, e);
    if (rc == 0 && (status < 200 || status > 299)) {
        if (json_parse_answer(body.data, body.len, &said) == 0)
            why = json_get_str(said, "error");
        rc = err_set(e, EX_UNAVAILABLE, "%s answers %d: %s", url, status,
                     why ? why : "it is no admin port of a worker");
    }
    buf_done(&body);
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
    rc = steer(url, what, token, e);
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
    .description =
        "Calls that run go on, and their replies are published. The worker keeps its partitions.",
    .examples = "sluice pause --url http://127.0.0.1:9464\n",
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
    .description = "As SIGTERM does: running calls may end within pool.drain_timeout, what waits "
                   "goes back to its topic.",
    .examples = "sluice drain -c sluice.yaml\n",
    .options = rows,
    .options_size = sizeof(struct steer_options),
    .run = run_drain,
};
