/* watch: see watch.h. It never calls into the worker: what it knows was put into a snapshot. */
#include "cmd/admin/watch.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "cmd/admin/history.h"
#include "cmd/web/web.h"
#include "io/admin.h"

#define STALE_US (60 * 1000000LL) /* a main thread that has shown nothing for so long hangs */

struct watch {
    const struct config *config;
    struct admin *admin;
    int64_t started_us, started_wall_ms;
    size_t size;           /* of a snapshot */
    struct snapshot *next; /* the main thread's */
    pthread_mutex_t lock;  /* guards what `shown` is and what it holds */
    struct snapshot *shown;
    struct history history; /* guarded, too */
    atomic_bool paused, drain;
    atomic_ullong stopped; /* rows of model_list */
    atomic_ullong steered; /* times that these changed */
    int fd;
};

static void wake(struct watch *w)
{
    uint64_t one = 1;

    if (write(w->fd, &one, sizeof one) < 0 && errno != EAGAIN)
        log_error("the main thread cannot be woken", "errno=%d", errno);
}

/* ---- pages ---- */

/* What was asked for since the snapshot was taken counts at once. */
static struct health_signs signs_now(const struct watch *w, const struct snapshot *s)
{
    struct health_signs signs = s->signs;

    signs.paused = atomic_load(&w->paused);
    signs.draining = signs.draining || atomic_load(&w->drain);
    return signs;
}

static void make(struct watch *w, struct buf *out,
                 void (*page)(const struct view *v, struct buf *out))
{
    struct process_stats process;
    struct view v = {.config = w->config, .process = &process};

    process_read(&process);
    pthread_mutex_lock(&w->lock);
    w->shown->signs = signs_now(w, w->shown);
    v.s = w->shown;
    v.now_us = clock_mono_us();
    v.now_wall_ms = clock_wall_ms();
    page(&v, out);
    pthread_mutex_unlock(&w->lock);
}

static void get_metrics(void *arg, const struct admin_request *q, struct admin_answer *ret)
{
    (void)q;
    ret->type = METRICS_CONTENT_TYPE;
    make(arg, &ret->body, metrics_page);
}

static void get_status(void *arg, const struct admin_request *q, struct admin_answer *ret)
{
    (void)q;
    make(arg, &ret->body, status_page);
}

static void get_ready(void *arg, const struct admin_request *q, struct admin_answer *ret)
{
    struct watch *w = arg;
    const char *reasons[HEALTH_REASONS_MAX];
    struct health_signs signs;
    size_t n = 0;

    (void)q;
    pthread_mutex_lock(&w->lock);
    signs = signs_now(w, w->shown);
    pthread_mutex_unlock(&w->lock);
    n = health_reasons(&signs, reasons);
    ret->status = n == 0 ? 200 : 503;
    buf_printf(&ret->body, "{\"ready\":%s,\"not_ready\":[", n == 0 ? "true" : "false");
    for (size_t i = 0; i < n; i++)
        buf_printf(&ret->body, "%s\"%s\"", i ? "," : "", reasons[i]);
    buf_str(&ret->body, "]}\n");
}

/* Not alive: the worker's intake stands still, or its main thread does. While it starts or ends, either may take
 * its time: the end is bounded, and a start that fails ends the process. */
static void get_live(void *arg, const struct admin_request *q, struct admin_answer *ret)
{
    struct watch *w = arg;
    const char *why = NULL;

    (void)q;
    pthread_mutex_lock(&w->lock);
    if (w->shown->hangs)
        why = "intake_hangs";
    else if (snapshot_is_taken(w->shown) && !w->shown->signs.draining &&
             clock_mono_us() - w->shown->taken_us > STALE_US)
        why = "main_thread_hangs";
    pthread_mutex_unlock(&w->lock);
    ret->status = why ? 503 : 200;
    if (why)
        buf_printf(&ret->body, "{\"alive\":false,\"why\":\"%s\"}\n", why);
    else
        buf_str(&ret->body, "{\"alive\":true}\n");
}

/* ---- steering ---- */

static void set_paused(struct watch *w, bool on, struct admin_answer *ret)
{
    if (atomic_exchange(&w->paused, on) != on)
        log_info(on ? "intake is paused" : "intake goes on", "by=admin");
    wake(w);
    buf_printf(&ret->body, "{\"paused\":%s}\n", on ? "true" : "false");
}

/* The rows of the model that is asked for; none: the answer says so. */
static uint64_t rows_asked_for(const struct watch *w, const char *model, struct admin_answer *ret)
{
    uint64_t rows = 0;

    for (size_t i = 0; i < w->config->nmodels; i++)
        if (strcmp(w->config->models[i].model_name, model) == 0)
            rows |= (uint64_t)1 << i;
    if (!rows)
        admin_refuse(ret, 404, "no model `%.100s` in model_list", model);
    return rows;
}

/* Calls of these rows that run, as of a snapshot that was begun after they were stopped; -1: there is none yet. */
static int64_t running_of(struct watch *w, uint64_t rows)
{
    int64_t running = 0;

    pthread_mutex_lock(&w->lock);
    if (w->shown->steered != atomic_load(&w->steered))
        running = -1;
    for (size_t i = 0; i < w->config->nmodels && running >= 0; i++) {
        if (!(rows >> i & 1))
            continue;
        running = w->shown->pool.route[i].stopped ? running + w->shown->pool.route[i].running : -1;
    }
    pthread_mutex_unlock(&w->lock);
    return running;
}

static void put_model(const char *model, bool paused, struct admin_answer *ret)
{
    buf_str(&ret->body, "{\"model\":");
    buf_json_str(&ret->body, model, strlen(model));
    buf_printf(&ret->body, ",\"paused\":%s", paused ? "true" : "false");
}

/* Stops a model, or lets it go on. */
static void set_stopped(struct watch *w, const char *model, bool on, struct admin_answer *ret)
{
    uint64_t rows = rows_asked_for(w, model, ret);
    uint64_t was = 0;
    char quoted[300];

    if (!rows)
        return;
    was = on ? atomic_fetch_or(&w->stopped, rows) : atomic_fetch_and(&w->stopped, ~rows);
    if ((was & rows) != (on ? rows : 0)) {
        atomic_fetch_add(&w->steered, 1);
        log_info(on ? "model is paused" : "model goes on", "model=%s by=admin",
                 log_quote(model, quoted, sizeof quoted));
    }
    wake(w);
    put_model(model, on, ret);
}

/* *model: the one that is asked for; NULL: the whole worker. It is not steered by a misspelt argument. */
static bool read_model(const struct admin_request *q, const char **model, struct admin_answer *ret)
{
    *model = admin_argument(q, "model");
    if (admin_argument_alone(q, "model"))
        return true;
    admin_refuse(ret, 400, "the query is ?model=NAME for one model, and empty for the worker");
    return false;
}

static void pause_or_resume(struct watch *w, const struct admin_request *q, bool on,
                            struct admin_answer *ret)
{
    const char *model = NULL;

    if (!read_model(q, &model, ret))
        return;
    if (!model) {
        set_paused(w, on, ret);
        return;
    }
    set_stopped(w, model, on, ret);
    if (ret->status == 200)
        buf_str(&ret->body, "}\n");
}

static void post_pause(void *arg, const struct admin_request *q, struct admin_answer *ret)
{
    pause_or_resume(arg, q, true, ret);
}

static void post_resume(void *arg, const struct admin_request *q, struct admin_answer *ret)
{
    pause_or_resume(arg, q, false, ret);
}

/* Behind what set_stopped() wrote. 202 while calls of it run: look again. */
static void put_running(struct watch *w, uint64_t rows, struct admin_answer *ret)
{
    int64_t running = running_of(w, rows);

    ret->status = running == 0 ? 200 : 202;
    if (running >= 0)
        buf_printf(&ret->body, ",\"in_flight\":%lld", (long long)running);
    buf_str(&ret->body, "}\n");
}

static void drain_model(struct watch *w, const char *model, struct admin_answer *ret)
{
    set_stopped(w, model, true, ret);
    if (ret->status == 200)
        put_running(w, rows_asked_for(w, model, ret), ret);
}

/* How far a drain is: it changes nothing, so that who resumes the model meanwhile is not overruled. */
static void get_drain(void *arg, const struct admin_request *q, struct admin_answer *ret)
{
    struct watch *w = arg;
    const char *model = NULL;
    uint64_t rows = 0;

    if (!read_model(q, &model, ret))
        return;
    if (!model) {
        admin_refuse(ret, 400, "say which: GET /drain?model=NAME");
        return;
    }
    rows = rows_asked_for(w, model, ret);
    if (!rows)
        return;
    if ((atomic_load(&w->stopped) & rows) != rows) {
        admin_refuse(ret, 409, "%.100s was resumed", model);
        return;
    }
    put_model(model, true, ret);
    put_running(w, rows, ret);
}

static void post_drain(void *arg, const struct admin_request *q, struct admin_answer *ret)
{
    struct watch *w = arg;
    const char *model = NULL;

    if (!read_model(q, &model, ret))
        return;
    if (model) {
        drain_model(w, model, ret);
        return;
    }
    if (!atomic_exchange(&w->drain, true))
        log_info("drain asked for", "by=admin");
    wake(w);
    ret->status = 202;
    buf_str(&ret->body, "{\"draining\":true}\n");
}

/* ---- what is logged, and the page ---- */

static void get_level(void *arg, const struct admin_request *q, struct admin_answer *ret)
{
    (void)arg;
    (void)q;
    buf_printf(&ret->body, "{\"level\":\"%s\"}\n", log_level_name(log_level()));
}

static void post_level(void *arg, const struct admin_request *q, struct admin_answer *ret)
{
    const char *name = admin_argument(q, "level");
    int level = name ? log_level_named(name) : -1;

    if (level < 0) {
        admin_refuse(ret, 400, "say which: POST /log-level?level=debug, info, warn or error");
        return;
    }
    log_set_level((enum log_level)level);
    get_level(arg, q, ret);
}

static void get_history(void *arg, const struct admin_request *q, struct admin_answer *ret)
{
    struct watch *w = arg;

    (void)q;
    pthread_mutex_lock(&w->lock);
    history_write(&w->history, &ret->body);
    pthread_mutex_unlock(&w->lock);
}

static void get_page(void *arg, const struct admin_request *q, struct admin_answer *ret)
{
    (void)arg;
    (void)q;
    ret->type = "text/html; charset=utf-8";
    web_live(&ret->body);
}

const struct admin_page watch_pages[] = {
    {.path = "/", .open = true, .make = get_page, .help = "the live page, for a browser"},
    {.path = "/livez",
     .open = true,
     .make = get_live,
     .help = "200 while the process works, 503 when its intake or its main thread hangs"},
    {.path = "/readyz",
     .open = true,
     .make = get_ready,
     .help = "200 when it is a member of its group, able to publish and to store, and neither "
             "paused nor draining; else 503 and the reasons"},
    {.path = "/status", .make = get_status, .help = "all numbers and the last failures, as JSON"},
    {.path = "/history", .make = get_history, .help = "the last hour, for the live page, as JSON"},
    {.path = "/metrics", .make = get_metrics, .help = "for Prometheus"},
    {.path = "/log-level", .make = get_level, .help = "what is logged"},
    {.path = "/log-level",
     .post = true,
     .make = post_level,
     .help = "?level=debug, info, warn or error, until the worker ends"},
    {.path = "/drain",
     .make = get_drain,
     .help =
         "?model=NAME: 200 when the model is paused and no call of it runs, 202 before, 409 when "
         "it is not paused"},
    {.path = "/drain",
     .post = true,
     .make = post_drain,
     .help = "as SIGTERM. ?model=NAME: pauses the model, and answers 200 when no call of it runs, "
             "202 before"},
    {.path = "/pause",
     .post = true,
     .make = post_pause,
     .help = "takes no more records; running calls go on. ?model=NAME: starts no more calls of "
             "that model; its "
             "tasks go to their other models, or wait"},
    {.path = "/resume",
     .post = true,
     .make = post_resume,
     .help = "takes records again. ?model=NAME: calls that model again"},
    {.path = NULL},
};

/* ---- the main thread's side ---- */

static void clear(const struct watch *w, struct snapshot *s)
{
    memset(s, 0, w->size);
    s->started_us = w->started_us;
    s->started_wall_ms = w->started_wall_ms;
}

static struct watch *watch_new(const struct config *c)
{
    struct watch *w = mem_alloc(sizeof *w);

    w->config = c;
    w->started_us = clock_mono_us();
    w->started_wall_ms = clock_wall_ms();
    w->size = sizeof *w->shown + c->nmodels * sizeof w->shown->routes[0];
    w->next = mem_alloc(w->size);
    w->shown = mem_alloc(w->size);
    clear(w, w->shown);
    w->shown->signs.starting = true;
    pthread_mutex_init(&w->lock, NULL);
    w->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return w;
}

int watch_open(struct watch **ret, const struct config *c, const char *otherwise, struct err *e)
{
    const char *where = *c->observability.listen ? c->observability.listen : otherwise;
    struct admin_setup setup = {.token = c->observability.admin_token,
                                .token_reads = c->observability.admin_token_reads,
                                .pages = watch_pages};
    struct watch *w = NULL;

    *ret = NULL;
    if (!*where)
        return 0;
    if (listen_parse(where, &setup.at, e) < 0)
        return err_wrap(e, "observability.listen");
    w = watch_new(c);
    setup.arg = w;
    if (w->fd < 0)
        err_set(e, EX_OSERR, "observability.listen: no descriptors left");
    else
        w->admin = admin_start(&setup, e);
    if (!w->admin) {
        watch_close(w);
        return -1;
    }
    log_info("admin port", "url=http://%s%s%s:%u/", setup.at.v6 ? "[" : "", setup.at.host,
             setup.at.v6 ? "]" : "", (unsigned)admin_port(w->admin));
    *ret = w;
    return 0;
}

struct watch *watch_close(struct watch *w)
{
    if (!w)
        return NULL;
    admin_stop(w->admin);
    if (w->fd >= 0)
        close(w->fd);
    pthread_mutex_destroy(&w->lock);
    free(w->next);
    free(w->shown);
    free(w);
    return NULL;
}

struct snapshot *watch_begin(struct watch *w, int64_t now_us, bool at_once)
{
    /* Only this thread changes what is shown. */
    if (!w || (!at_once && now_us - w->shown->taken_us < WATCH_FRESH_MS * 1000))
        return NULL;
    clear(w, w->next);
    w->next->taken_us = now_us;
    w->next->steered = atomic_load(&w->steered);
    return w->next;
}

void watch_show(struct watch *w)
{
    struct snapshot *old = NULL;

    pthread_mutex_lock(&w->lock);
    old = w->shown;
    w->shown = w->next;
    history_note(&w->history, &w->shown->pool, w->shown->taken_us, clock_wall_ms());
    pthread_mutex_unlock(&w->lock);
    w->next = old;
}

bool watch_is_paused(const struct watch *w)
{
    return w && atomic_load_explicit(&w->paused, memory_order_relaxed);
}

uint64_t watch_stopped(const struct watch *w)
{
    return w ? atomic_load(&w->stopped) : 0;
}

bool watch_wants_drain(const struct watch *w)
{
    return w && atomic_load(&w->drain);
}

int watch_fd(const struct watch *w)
{
    return w ? w->fd : -1;
}

uint16_t watch_port(const struct watch *w)
{
    return w ? admin_port(w->admin) : 0;
}
