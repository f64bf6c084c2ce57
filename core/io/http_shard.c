/*
 * http_shard: one of libcurl's multi handles, with at most HTTP_SHARD_CALLS transfers.
 *
 * libcurl walks all connections of a handle for each request, so an engine has many handles with
 * few connections each. A shard keeps the easy handles it made, keeps its one timer in the
 * engine's heap and gives ended calls to the engine's list; it never calls done().
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "io/http_int.h"

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct shard *s = arg;
    uint32_t want = 0;

    (void)easy;
    (void)socket_arg;
    if (what != CURL_POLL_REMOVE) {
        want |= what & CURL_POLL_IN ? (uint32_t)EPOLLIN : 0;
        want |= what & CURL_POLL_OUT ? (uint32_t)EPOLLOUT : 0;
    }
    fds_want(&s->h->fds, fd, s, want);
    return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct shard *s = arg;

    (void)multi;
    heap_remove(&s->h->timers, &s->timer);
    if (timeout_ms >= 0)
        heap_push(&s->h->timers, &s->timer, clock_mono_us() + timeout_ms * 1000);
    return 0;
}

struct shard *shard_new(struct http *h, int index)
{
    struct shard *s = mem_alloc(sizeof *s);

    s->h = h;
    s->index = index;
    list_init(&s->idle);
    s->multi = curl_multi_init();
    if (!s->multi)
        return shard_free(s);
    curl_multi_setopt(s->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(s->multi, CURLMOPT_SOCKETDATA, s);
    curl_multi_setopt(s->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(s->multi, CURLMOPT_TIMERDATA, s);
    curl_multi_setopt(s->multi, CURLMOPT_MAXCONNECTS, (long)HTTP_SHARD_CONNS);
    curl_multi_setopt(s->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    return s;
}

struct shard *shard_free(struct shard *s)
{
    struct list_node *n = NULL;

    if (!s)
        return NULL;
    while ((n = list_pop(&s->idle)))
        transfer_free(CONTAINER_OF(n, struct transfer, node));
    curl_multi_cleanup(s->multi);
    heap_remove(&s->h->timers, &s->timer);
    free(s);
    return NULL;
}

static void release(struct shard *s, struct transfer *t)
{
    http_warmed(s->h, t);
    transfer_clear(t);
    list_push_front(&s->idle, &t->node);
    s->running--;
    if (s->index < s->h->first_room)
        s->h->first_room = s->index;
}

int shard_start(struct shard *s, struct http_call *c, struct url *url)
{
    struct list_node *n = list_pop(&s->idle);
    struct transfer *t = n ? CONTAINER_OF(n, struct transfer, node) : transfer_new(s);
    CURLMcode rc = CURLM_OUT_OF_MEMORY;

    s->running++;
    if (!t) {
        s->running--;
        goto fail;
    }
    if (transfer_set(t, c, url) < 0) {
        release(s, t);
        return -1;
    }
    if (url) {
        t->cold = true;
        url->cold++;
    }
    rc = curl_multi_add_handle(s->multi, t->easy);
    if (rc == CURLM_OK) {
        c->transfer = t;
        list_push(&s->h->calls, &c->node);
        return 0;
    }
    release(s, t);
fail:
    c->response.end = HTTP_INTERNAL;
    snprintf(c->response.detail, sizeof c->response.detail, "%s", curl_multi_strerror(rc));
    return -1;
}

static void touch(struct shard *s)
{
    if (s->is_touched)
        return;
    s->is_touched = true;
    list_push(&s->h->touched, &s->touched);
}

void shard_event(struct shard *s, int fd, int bits)
{
    int running = 0;

    touch(s);
    curl_multi_socket_action(s->multi, fd, bits, &running);
}

/* The host's address could not be found: calls that wait for it would fail one after the other. */
static void end_waiting(struct http *h, struct url *url, const struct http_response *like)
{
    while (!list_empty(&url->waiting)) {
        struct http_call *c = CONTAINER_OF(url->waiting.next, struct http_call, node);

        memcpy(c->response.detail, like->detail, sizeof c->response.detail);
        http_ended(h, c, like->end);
    }
}

static void finish(struct shard *s, struct transfer *t, CURLcode code)
{
    struct http_call *c = t->call;

    curl_multi_remove_handle(s->multi, t->easy);
    transfer_end(t, code);
    if (t->cold && (c->response.end == HTTP_RESOLVE || c->response.end == HTTP_CONNECT))
        end_waiting(s->h, t->url, &c->response);
    http_ended(s->h, c, c->response.end);
    release(s, t);
}

void shard_collect(struct shard *s)
{
    CURLMsg *m = NULL;
    int left = 0;

    s->is_touched = false;
    while ((m = curl_multi_info_read(s->multi, &left))) {
        struct transfer *t = NULL;

        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        finish(s, t, m->data.result);
    }
}

void shard_drop(struct shard *s, struct transfer *t)
{
    struct http_call *c = t->call;

    curl_multi_remove_handle(s->multi, t->easy);
    snprintf(c->response.detail, sizeof c->response.detail, "cancelled");
    http_ended(s->h, c, HTTP_CANCELLED);
    release(s, t);
}
