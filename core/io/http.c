/*
 * http: the loop of a worker's HTTP engine: which shard a call goes to, waiting, timers, done().
 *
 * A call is in one list at a time by its node: `calls` of the engine while it is with libcurl,
 * `waiting` of its URL while others find the host's address, `ended` until done() is called.
 * done() is called by http_run() and http_free() only, outside of libcurl, so it may start and
 * cancel calls.
 *
 * Nothing here knows what a call means: no retries, no status codes, no providers.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "io/http_int.h"

#define WAKE_MARK UINT64_MAX

int http_global_init(struct err *e)
{
    CURLcode rc = curl_global_init(CURL_GLOBAL_DEFAULT);

    if (rc != CURLE_OK)
        return err_set(e, EX_SOFTWARE, "libcurl: %s", curl_easy_strerror(rc));
    return 0;
}

void http_global_done(void)
{
    curl_global_cleanup();
}

static bool proxy_in_environment(void)
{
    static const char *const names[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                        "ALL_PROXY"};
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(names); i++) {
        const char *value = getenv(names[i]);

        if (value && *value)
            return true;
    }
    return false;
}

static int open_wake(struct http *h, struct err *e)
{
    struct epoll_event ev = {.events = EPOLLIN, .data = {.u64 = WAKE_MARK}};

    h->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (h->wake_fd < 0 || epoll_ctl(h->fds.epoll_fd, EPOLL_CTL_ADD, h->wake_fd, &ev) < 0)
        return err_set(e, EX_OSERR, "eventfd: %s", strerror(errno));
    return 0;
}

struct http *http_new(const struct http_conf *conf, struct err *e)
{
    struct http *h = mem_alloc(sizeof *h);

    h->conf = *conf;
    h->wake_fd = -1;
    h->use_proxy = proxy_in_environment();
    list_init(&h->calls);
    list_init(&h->ended);
    list_init(&h->touched);
    list_init(&h->warm);
    h->shards_max = (conf->max_calls + HTTP_SHARD_CALLS - 1) / HTTP_SHARD_CALLS;
    h->shard = mem_array((size_t)h->shards_max + 1, sizeof(struct shard *));
    if (fds_init(&h->fds, e) < 0 || open_wake(h, e) < 0)
        return http_free(h);
    h->share = curl_share_init();
    if (!h->share) {
        err_set(e, EX_SOFTWARE, "libcurl: no share handle");
        return http_free(h);
    }
    /* One thread uses it, so that it needs no locks. */
    curl_share_setopt(h->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
    return h;
}

static int deliver(struct http *h)
{
    struct list_node ended;
    struct list_node *n = NULL;
    int count = 0;

    list_detach(&h->ended, &ended);
    while ((n = list_pop(&ended))) {
        struct http_call *c = CONTAINER_OF(n, struct http_call, node);

        h->running--;
        count++;
        c->done(c);
    }
    return count;
}

struct http *http_free(struct http *h)
{
    int i = 0;

    if (!h)
        return NULL;
    h->closing = true;
    while (!list_empty(&h->calls))
        http_cancel(h, CONTAINER_OF(h->calls.next, struct http_call, node));
    for (i = 0; i < (int)ARRAY_LEN(h->urls.slot); i++) {
        struct url *url = h->urls.slot[i];

        while (url && !list_empty(&url->waiting))
            http_cancel(h, CONTAINER_OF(url->waiting.next, struct http_call, node));
    }
    while (deliver(h))
        ;
    for (i = 0; i < h->nshards; i++)
        shard_free(h->shard[i]);
    if (h->share)
        curl_share_cleanup(h->share);
    urls_done(&h->urls);
    heap_done(&h->timers);
    if (h->wake_fd >= 0)
        close(h->wake_fd);
    fds_done(&h->fds);
    free(h->shard);
    free(h);
    return NULL;
}

/* The first shard with room: low shards stay busy and their connections warm. */
static struct shard *shard_with_room(struct http *h)
{
    while (h->first_room < h->nshards && h->shard[h->first_room]->running >= HTTP_SHARD_CALLS)
        h->first_room++;
    if (h->first_room < h->nshards)
        return h->shard[h->first_room];
    if (h->nshards == h->shards_max)
        return NULL;
    h->shard[h->nshards] = shard_new(h, h->nshards);
    if (!h->shard[h->nshards])
        return NULL;
    return h->shard[h->nshards++];
}

static int start_now(struct http *h, struct http_call *c, struct url *url)
{
    struct shard *s = shard_with_room(h);

    if (s)
        return shard_start(s, c, url);
    c->response.end = HTTP_INTERNAL;
    snprintf(c->response.detail, sizeof c->response.detail, "libcurl: no multi handle");
    return -1;
}

int http_start(struct http *h, struct http_call *c)
{
    struct url *url = NULL;

    http_response_init(&c->response, h->conf.headers_max, h->conf.response_max);
    c->response.end = HTTP_INTERNAL;
    c->transfer = NULL;
    if (h->closing) {
        snprintf(c->response.detail, sizeof c->response.detail, "the HTTP engine is closing");
        return -1;
    }
    if (h->running >= h->conf.max_calls)
        return HTTP_BUSY;
    if (urls_get(&h->urls, c->request.url, &url, c->response.detail, sizeof c->response.detail) < 0)
        return -1;
    c->response.elapsed_us = clock_mono_us(); /* the start, until the call ends */
    if (url && url->cold >= HTTP_COLD_MAX) {
        c->transfer = h; /* means: waits for others to find the host */
        list_push(&url->waiting, &c->node);
    } else if (start_now(h, c, url) < 0) {
        c->response.elapsed_us = 0;
        return -1;
    }
    h->running++;
    return 0;
}

void http_ended(struct http *h, struct http_call *c, enum http_end end)
{
    list_remove(&c->node);
    c->transfer = NULL;
    c->response.end = end;
    c->response.elapsed_us = clock_mono_us() - c->response.elapsed_us;
    list_push(&h->ended, &c->node);
}

void http_cancel(struct http *h, struct http_call *c)
{
    struct transfer *t = c->transfer;

    if (!t)
        return; /* it has ended and done() comes, or it was never started */
    if (c->transfer != h) {
        shard_drop(t->shard, t);
        return;
    }
    snprintf(c->response.detail, sizeof c->response.detail, "cancelled");
    http_ended(h, c, HTTP_CANCELLED);
}

int http_running(const struct http *h)
{
    return h->running;
}

void http_wake(struct http *h)
{
    uint64_t one = 1;

    while (write(h->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

void http_warmed(struct http *h, struct transfer *t)
{
    struct url *url = t->url;

    if (!t->cold)
        return;
    t->cold = false;
    url->cold--;
    if (list_empty(&url->waiting) || url->queued)
        return;
    url->queued = true;
    list_push(&h->warm, &url->node);
}

/* Starts calls that waited for their host's address; how many. */
static int admit(struct http *h)
{
    struct list_node *n = NULL;
    int count = 0;

    while ((n = list_pop(&h->warm))) {
        struct url *url = CONTAINER_OF(n, struct url, node);

        url->queued = false;
        while (url->cold < HTTP_COLD_MAX && (n = list_pop(&url->waiting))) {
            struct http_call *c = CONTAINER_OF(n, struct http_call, node);

            count++;
            list_init(&c->node);
            if (start_now(h, c, url) < 0)
                http_ended(h, c, HTTP_INTERNAL);
        }
    }
    return count;
}

static void run_due(struct http *h)
{
    int64_t now = clock_mono_us();
    struct heap_node *top = NULL;
    struct list_node due;
    struct list_node *n = NULL;

    list_init(&due);
    while ((top = heap_top(&h->timers)) && top->key <= now) {
        heap_remove(&h->timers, top);
        list_push(&due, &CONTAINER_OF(top, struct shard, timer)->due);
    }
    while ((n = list_pop(&due)))
        shard_event(CONTAINER_OF(n, struct shard, due), CURL_SOCKET_TIMEOUT, 0);
}

/* Runs what is due, names what ended, calls done(). How many ended. */
static int turn(struct http *h)
{
    struct list_node *n = NULL;

    do {
        run_due(h);
        while ((n = list_pop(&h->touched)))
            shard_collect(CONTAINER_OF(n, struct shard, touched));
    } while (admit(h) > 0);
    return deliver(h);
}

static int wait_ms(const struct http *h, int timeout_ms)
{
    const struct heap_node *top = heap_top(&h->timers);
    int64_t left = 0;

    if (!list_empty(&h->ended))
        return 0;
    if (!top)
        return timeout_ms;
    left = (top->key - clock_mono_us() + 999) / 1000;
    left = left < 0 ? 0 : left;
    return timeout_ms < 0 || left < timeout_ms ? (int)left : timeout_ms;
}

static void drain_wake(struct http *h)
{
    uint64_t count = 0;
    ssize_t n = read(h->wake_fd, &count, sizeof count);

    (void)n; /* EAGAIN: somebody's write was taken by an earlier read */
}

static int wait_and_dispatch(struct http *h, int timeout_ms, struct err *e)
{
    struct epoll_event ev[HTTP_EVENTS];
    struct fd_event what;
    int n = 0;
    int i = 0;

    fds_flush(&h->fds);
    n = epoll_wait(h->fds.epoll_fd, ev, HTTP_EVENTS, wait_ms(h, timeout_ms));
    if (n < 0 && errno != EINTR)
        return err_set(e, EX_OSERR, "epoll_wait: %s", strerror(errno));
    for (i = 0; i < n; i++) {
        if (ev[i].data.u64 == WAKE_MARK)
            drain_wake(h);
        else if (fds_event(&h->fds, &ev[i], &what))
            shard_event(what.shard, what.fd, what.bits);
    }
    return 0;
}

int http_run(struct http *h, int timeout_ms, struct err *e)
{
    if (turn(h) > 0)
        timeout_ms = 0;
    if (wait_and_dispatch(h, timeout_ms, e) < 0)
        return -1;
    turn(h);
    return 0;
}
