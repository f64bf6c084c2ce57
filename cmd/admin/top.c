/*
 * top: looks at a running worker again and again, on a terminal. It asks /status and nothing else, so that looking
 * changes nothing and needs no token.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/admin/fetch.h"
#include "cmd/admin/top_view.h"
#include "cmd/command.h"
#include "io/http.h"

#define STATUS_MAX ((size_t)4 << 20)
#define SCREEN_MAX ((size_t)1 << 20)
#define TIMEOUT_MS 3000

struct top_options {
    struct config_options config;
    const char *url;
    int64_t every_ms;
    bool once;
};

#define AT(member) .offset = offsetof(struct top_options, member)

static const struct option_row rows[] = {
    CONFIG_OPTION_ROWS(struct top_options, config),
    {.name = "url",
     .type = OPT_STR,
     AT(url),
     .arg = "URL",
     .help = "the worker's admin port, http://127.0.0.1:9464; default: observability.listen of the "
             "configuration"},
    {.name = "every",
     .type = OPT_DURATION,
     AT(every_ms),
     .arg = "TIME",
     .fallback = "2s",
     .help = "time between two looks"},
    {.name = "once", .type = OPT_FLAG, AT(once), .help = "look once and end, for scripts"},
    {.name = NULL},
};

struct top {
    char url[FETCH_URL_MAX];
    struct buf page, screen;
    struct json_object *now, *before;
    int64_t now_us, before_us;
};

/* The status of the worker; what was there becomes what was before. -1: none came. */
static int look(struct top *t, struct err *e)
{
    struct json_object *o = NULL;
    int status = 0;

    if (fetch(t->url, "/status", TIMEOUT_MS, &status, &t->page, e) < 0)
        return -1;
    if (status != 200 || json_parse_answer(t->page.data, t->page.len, &o) < 0)
        return err_set(e, EX_UNAVAILABLE, "%s answers %d: it is no admin port of a worker", t->url,
                       status);
    json_object_put(t->before);
    t->before = t->now;
    t->before_us = t->now_us;
    t->now = o;
    t->now_us = clock_mono_us();
    return 0;
}

static int print(struct top *t)
{
    static const char clear[] = "\033[H\033[2J";

    buf_clear(&t->screen);
    if (isatty(STDOUT_FILENO))
        buf_str(&t->screen, clear);
    top_view(t->now, t->before, (double)(t->now_us - t->before_us) / 1e6, &t->screen);
    buf_char(&t->screen, '\n');
    return fwrite(t->screen.data, 1, t->screen.len, stdout) == t->screen.len && fflush(stdout) == 0
               ? 0
               : -1;
}

static int watch_worker(struct top *t, const struct top_options *o, struct err *e)
{
    for (;;) {
        if (look(t, e) < 0)
            return EX_UNAVAILABLE;
        if (print(t) < 0)
            return EX_IOERR;
        if (o->once)
            return 0;
        poll(NULL, 0, (int)(o->every_ms < 100 ? 100 : o->every_ms));
    }
}

static int run_top(const void *opts, int nargs, char *const *args, struct err *e)
{
    const struct top_options *o = opts;
    struct top t = {.page = BUF_INIT(STATUS_MAX), .screen = BUF_INIT(SCREEN_MAX)};
    int rc = 0;

    (void)nargs;
    (void)args;
    if (fetch_url(o->url, &o->config, t.url, e) < 0)
        return e->code ? e->code : EX_CONFIG;
    if (http_global_init(e) < 0)
        return EX_OSERR;
    rc = watch_worker(&t, o, e);
    http_global_done();
    json_object_put(t.now);
    json_object_put(t.before);
    buf_done(&t.page);
    buf_done(&t.screen);
    return rc;
}

const struct command command_top = {
    .name = "top",
    .summary = "what a running worker is doing, on a terminal",
    .description =
        "Asks the admin port of a worker (observability.listen) every two seconds: tasks, "
        "what holds them up, models and their limits, Kafka, the store, and the last "
        "failures with the id of a task. Ctrl-C ends it; the worker does not notice.",
    .examples = "sluice top --url http://127.0.0.1:9464\n"
                "sluice top -c sluice.yaml --once\n",
    .options = rows,
    .options_size = sizeof(struct top_options),
    .run = run_top,
};
