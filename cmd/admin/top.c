/*
 * top: looks at a running worker again and again, on a terminal. Looking asks /status and nothing else, so that it
 * changes nothing; only the keys that steer the worker do.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cmd/admin/fetch.h"
#include "cmd/admin/steer.h"
#include "cmd/admin/top_view.h"
#include "cmd/command.h"
#include "io/http.h"

#define SCREEN_MAX ((size_t)1 << 20)
#define TIMEOUT_MS 3000
#define CTRL_C     '\003'

struct top_options {
    struct config_options config;
    const char *url;
    const char *token_file;
    int64_t every_ms;
    bool once;
};

#define AT(member) .offset = offsetof(struct top_options, member)

static const struct option_row rows[] = {
    CONFIG_OPTION_ROWS(struct top_options, config),
    FETCH_URL_ROW(struct top_options),
    FETCH_TOKEN_ROW(struct top_options),
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
    const struct top_options *o;
    bool keys;              /* the terminal gives single keys */
    char said[ERR_MSG_MAX]; /* what became of the last key */
    char url[FETCH_URL_MAX];
    char *token; /* "": none */
    struct buf page, screen;
    struct json_object *now, *before;
    int64_t now_us, before_us;
};

/* The status of the worker; what was there becomes what was before. -1: none came. */
static int look(struct top *t, struct err *e)
{
    struct json_object *o = NULL;

    if (fetch_status(t->url, t->token, TIMEOUT_MS, &t->page, &o, e) < 0)
        return -1;
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
    if (t->keys)
        buf_printf(&t->screen, "p pause  r resume  d drain  q quit   %s\n", t->said);
    return fwrite(t->screen.data, 1, t->screen.len, stdout) == t->screen.len && fflush(stdout) == 0
               ? 0
               : -1;
}

/* Steers the worker. False: the person has seen enough. */
static bool obey(struct top *t, char key)
{
    static const struct {
        char key;
        const char *what;
    } keys[] = {{'p', "pause"}, {'r', "resume"}, {'d', "drain"}};
    struct err e = {0};

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (key != keys[i].key)
            continue;
        if (steer(t->url, keys[i].what, NULL, t->token, &e) < 0)
            snprintf(t->said, sizeof t->said, "%s", e.msg);
        else
            snprintf(t->said, sizeof t->said, "%s: done", keys[i].what);
    }
    return key != 'q' && key != CTRL_C;
}

/* Waits for the next look or a key. False: it is over. */
static bool wait_or_obey(struct top *t)
{
    struct pollfd in = {.fd = t->keys ? STDIN_FILENO : -1, .events = POLLIN};
    int64_t every_ms = t->o->every_ms < 100 ? 100 : t->o->every_ms;
    char key = '\0';

    if (poll(&in, 1, (int)every_ms) <= 0 || !in.revents)
        return true;
    return read(STDIN_FILENO, &key, 1) == 1 && obey(t, key);
}

static int watch_worker(struct top *t, struct err *e)
{
    for (;;) {
        if (look(t, e) < 0)
            return EX_UNAVAILABLE;
        if (print(t) < 0)
            return EX_IOERR;
        if (t->o->once || !wait_or_obey(t))
            return 0;
    }
}

/* Keys come at once and are not shown. Ctrl-C is one of them, so that the terminal is put back at the end. */
static int single_keys(struct termios *ret_was)
{
    struct termios now;

    if (tcgetattr(STDIN_FILENO, ret_was) < 0)
        return -1;
    now = *ret_was;
    now.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
    return tcsetattr(STDIN_FILENO, TCSANOW, &now);
}

static int run_top(const void *opts, int nargs, char *const *args, struct err *e)
{
    const struct top_options *o = opts;
    struct top t = {.o = o, .page = BUF_INIT(FETCH_STATUS_MAX), .screen = BUF_INIT(SCREEN_MAX)};
    struct termios was;
    int rc = 0;

    (void)nargs;
    (void)args;
    if (fetch_url(o->url, &o->config, t.url, e) < 0 ||
        fetch_token(o->token_file, &o->config, &t.token, e) < 0)
        return e->code ? e->code : EX_CONFIG;
    if (http_global_init(e) < 0) {
        free(t.token);
        return EX_OSERR;
    }
    t.keys = !o->once && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && single_keys(&was) == 0;
    rc = watch_worker(&t, e);
    if (t.keys)
        tcsetattr(STDIN_FILENO, TCSANOW, &was);
    http_global_done();
    json_object_put(t.now);
    json_object_put(t.before);
    free(t.token);
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
        "failures with the id of a task. Looking changes nothing, and needs a token only with "
        "observability.admin_token_reads. On a "
        "terminal, p "
        "pauses the worker, r lets it go on, d drains it, q or Ctrl-C ends the view.",
    .examples = "sluice top --url http://127.0.0.1:9464\n"
                "sluice top -c sluice.yaml --once\n",
    .options = rows,
    .options_size = sizeof(struct top_options),
    .run = run_top,
};
