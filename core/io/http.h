/*
 * http: the HTTP engine of one worker: thousands of transfers on one epoll, by libcurl.
 *
 * One object belongs to one thread; only http_wake() may be called from others. Transfers are spread
 * over shards (multi handles) of at most 64 connections, because libcurl scans all connections of a
 * host per request; sockets are registered lazily; easy handles are reused (performance.md 2).
 * Redirects are never followed: a key goes only to the host it is configured for (P8).
 */
#ifndef SLUICE_IO_HTTP_H
#define SLUICE_IO_HTTP_H

#include "base/err.h"
#include "base/list.h"
#include "task/http.h"

struct http;

struct http_conf {
    int max_calls;       /* transfers at once; http_start() refuses more */
    size_t response_max; /* bytes of a response body */
    size_t headers_max;  /* bytes of response headers kept */
};

/* One transfer. The caller fills request, ca_file, tls_verify and done, and keeps the struct alive until
 * done() was called. */
struct http_call {
    struct list_node node; /* the engine's while running */
    struct http_request request;
    struct http_response response; /* initialised by http_start() */
    const char *ca_file;           /* NULL: the system's */
    bool tls_verify;
    void (*done)(
        struct http_call *c); /* on the engine's thread, from http_run(); may start calls */
    void *arg;
    void *transfer; /* the engine's */
};

struct http *http_new(const struct http_conf *conf, struct err *e);
struct http *
http_free(struct http *h); /* ends all running calls with HTTP_CANCELLED (done is called) */

/* 0; positive HTTP_BUSY when max_calls run already; -1 when it cannot be started (response.detail). */
enum { HTTP_BUSY = 1 };
int http_start(struct http *h, struct http_call *c);
void http_cancel(struct http *h,
                 struct http_call *c); /* done() is called from the next http_run() */
int http_running(const struct http *h);

/* Moves transfers and calls done() for those that ended; waits at most timeout_ms (0: does not wait) for
 * something to happen or for http_wake(). -1: the loop itself is broken (errno in e). */
int http_run(struct http *h, int timeout_ms, struct err *e);

void http_wake(struct http *h); /* any thread */

int http_global_init(struct err *e); /* once, before any thread */
void http_global_done(void);

#endif
