/*
 * health: asks a running worker how it is, for the health checks of containers, and for scripts. Prints what the
 * worker says; the answer is the exit code, 0 or 1, which is all that such checks understand.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cmd/admin/fetch.h"
#include "cmd/command.h"
#include "io/http.h"

#define BODY_MAX 65536

struct health_options {
    struct config_options config;
    bool ready, live;
    const char *url;
    int64_t timeout_ms;
};

#define AT(member) .offset = offsetof(struct health_options, member)

static const struct option_row rows[] = {
    CONFIG_OPTION_ROWS(struct health_options, config),
    {.name = "ready",
     .type = OPT_FLAG,
     AT(ready),
     .help = "is it a member of its group, able to publish and to store, and neither paused nor "
             "draining? This is what is asked without --live"},
    {.name = "live",
     .type = OPT_FLAG,
     AT(live),
     .help = "does it work at all? One that does not should be started again"},
    FETCH_URL_ROW(struct health_options),
    {.name = "timeout",
     .type = OPT_DURATION,
     AT(timeout_ms),
     .arg = "TIME",
     .fallback = "3s",
     .help = "how long to wait for the answer"},
    {.name = NULL},
};

static int run_health(const void *opts, int nargs, char *const *args, struct err *e)
{
    const struct health_options *o = opts;
    struct buf body = BUF_INIT(BODY_MAX);
    char url[FETCH_URL_MAX];
    int status = 0;

    (void)nargs;
    (void)args;
    if (o->ready && o->live) {
        err_set(e, EX_USAGE, "--ready and --live are two questions: ask one");
        return EX_USAGE;
    }
    if (fetch_url(o->url, &o->config, url, e) < 0 || http_global_init(e) < 0)
        return 1;
    if (fetch(url, o->live ? "/livez" : "/readyz", "", o->timeout_ms, &status, &body, e) == 0)
        fputs(body.data ? body.data : "", stdout);
    http_global_done();
    buf_done(&body);
    return status == 200 ? 0 : 1;
}

const struct command command_health = {
    .name = "health",
    .summary = "asks a running worker whether it is ready, or alive",
    .description =
        "For the health check of a container, and for scripts: exit code 0 when the answer is yes, "
        "1 when it is no or none comes. The worker needs an admin port (observability.listen). A "
        "provider that is away does not make a worker unready: its tasks wait for it.",
    .examples = "sluice health --url http://127.0.0.1:9464\n"
                "sluice health --live -c sluice.yaml\n",
    .options = rows,
    .options_size = sizeof(struct health_options),
    .run = run_health,
};
