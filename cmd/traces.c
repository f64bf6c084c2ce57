/*
 * traces: joins the exporter (io/otlp) with the HTTP client (io/http), which do not know each other. A post runs on
 * the exporter's thread and is cut off when the process is about to end.
 */
#include "cmd/traces.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/http.h"
#include "policy/hint.h"

#define HEADERS_MAX  16384
#define RESPONSE_MAX 65536
#define FLUSH_MS     5000
#define BACKOFF_MS   1000
#define SLICE_MS     100 /* how late it may see that it is late */

struct traces {
    const struct config *config;
    struct otlp *otlp;
    struct http *http; /* exporter thread */
};

struct post {
    struct http_call call;
    bool ended;
};

static void mark_ended(struct http_call *c)
{
    CONTAINER_OF(c, struct post, call)->ended = true;
}

/* The body is lent: it is half a megabyte, and stays where it is until the call has ended. */
static void set_request(const struct config *c, const char *body, size_t n, struct http_call *call)
{
    struct http_request *r = &call->request;

    http_request_init(r, n);
    r->body = (struct buf){.data = (char *)body, .len = n, .max = n};
    r->url = mem_strdup(c->traces.endpoint);
    for (size_t i = 0; i < c->traces.headers.count; i++)
        http_request_header(r, c->traces.headers.at[i].name, "%s", c->traces.headers.at[i].value);
    if (c->traces.token)
        http_request_header(r, "Authorization", "Bearer %s", c->traces.token);
    r->timeout_ms = c->traces.timeout_ms;
    r->connect_timeout_ms = c->traces.timeout_ms;
    call->ca_file = *c->traces.tls_ca_file ? c->traces.tls_ca_file : NULL;
    call->tls_verify = true;
    call->done = mark_ended;
}

static void run(struct http *h, const struct otlp *o, struct post *p)
{
    bool cancelled = false;
    struct err e = {0};

    if (http_start(h, &p->call) != 0)
        return;
    while (!p->ended) {
        if (!cancelled && otlp_is_late(o)) {
            http_cancel(h, &p->call);
            cancelled = true;
        }
        if (http_run(h, SLICE_MS, &e) < 0) {
            log_error("event loop failed", "of=traces error=\"%s\"", e.msg);
            abort(); /* the call would go on with memory that is gone */
        }
    }
}

/* {"partialSuccess":{"rejectedSpans":"3"}}; a collector may write the number as one. */
static int64_t rejected_of(const struct http_response *rsp)
{
    CLEANUP_JSON struct json_object *root = NULL;
    struct json_object *n = NULL;

    if (rsp->body.len == 0 || json_parse_answer(rsp->body.data, rsp->body.len, &root) < 0)
        return 0;
    n = json_get(json_get(root, "partialSuccess"), "rejectedSpans");
    return n ? json_object_get_int64(n) : 0;
}

static void read_answer(const struct http_response *rsp, struct otlp_answer *ret)
{
    struct answer none;

    if (rsp->end != HTTP_DONE) {
        snprintf(ret->why, sizeof ret->why, "%s", rsp->detail);
        return;
    }
    answer_init(&none, 0);
    none.retry_after_ms = -1;
    ret->status = (int)rsp->status;
    ret->retry_after_ms = hint_wait_ms(rsp, &none, clock_wall_ms());
    ret->rejected = rejected_of(rsp);
    answer_done(&none);
}

/* Exporter thread. */
static void post(void *arg, const struct otlp *o, const char *body, size_t n,
                 struct otlp_answer *ret)
{
    const struct traces *t = arg;
    struct post p = {.ended = false};

    set_request(t->config, body, n, &p.call);
    run(t->http, o, &p);
    read_answer(&p.call.response, ret);
    p.call.request.body = BUF_INIT(0);
    http_request_done(&p.call.request);
    http_response_done(&p.call.response);
}

int traces_open(struct traces **ret, const struct config *c, const char *group, struct err *e)
{
    const struct http_conf conf = {
        .max_calls = 1, .response_max = RESPONSE_MAX, .headers_max = HEADERS_MAX};
    struct otlp_setup s = {.service_name = c->traces.service_name,
                           .version = SLUICE_VERSION,
                           .group = group,
                           .contents = c->traces.contents,
                           .max_bytes = (size_t)c->traces.max_buffered,
                           .flush_ms = FLUSH_MS,
                           .backoff_ms = BACKOFF_MS,
                           .post = post};
    struct traces *t = NULL;

    *ret = NULL;
    if (!*c->traces.endpoint)
        return 0;
    t = mem_alloc(sizeof *t);
    t->config = c;
    t->http = http_new(&conf, e);
    s.arg = t;
    t->otlp = t->http ? otlp_new(&s, e) : NULL;
    if (!t->otlp) {
        traces_close(t);
        return -1;
    }
    log_info("traces are made", "endpoint=%s contents=%s", c->traces.endpoint,
             c->traces.contents ? "yes" : "no");
    *ret = t;
    return 0;
}

/* What was lost is said, since the metrics are gone by now. */
static void say(const struct otlp_stats *s)
{
    uint64_t dropped = 0;

    for (int i = 0; i < OTLP_DROPS; i++)
        dropped += s->dropped[i];
    if (dropped)
        log_warn("spans were dropped", "exported=%" PRIu64 " dropped=%" PRIu64, s->exported,
                 dropped);
    else
        log_debug("traces ended", "exported=%" PRIu64, s->exported);
}

struct traces *traces_close(struct traces *t)
{
    struct otlp_stats s;

    if (!t)
        return NULL;
    if (t->otlp) {
        otlp_stop(t->otlp);
        otlp_stats(t->otlp, &s);
        say(&s);
    }
    otlp_free(t->otlp);
    http_free(t->http);
    free(t);
    return NULL;
}

struct trace_sink *traces_sink(struct traces *t)
{
    return t ? otlp_sink(t->otlp) : NULL;
}

void traces_stats(struct traces *t, struct otlp_stats *ret)
{
    otlp_stats(t ? t->otlp : NULL, ret);
}
