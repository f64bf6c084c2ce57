/* http_rig: a scripted server, an engine, and calls from the one to the other that can be waited for. */
#ifndef SLUICE_TESTS_HTTP_RIG_H
#define SLUICE_TESTS_HTTP_RIG_H

#include <stdio.h>

#include <criterion/criterion.h>

#include "base/mem.h"
#include "io/http.h"
#include "tests/lib/fake_http.h"

struct http_rig {
    struct fake_http *server;
    struct http *engine;
    int ended; /* calls that the engine has reported done */
};

static inline void rig_open(struct http_rig *r, const struct fake_script *scripts,
                            const struct http_conf *conf)
{
    struct err e = {0};

    cr_assert_eq(http_global_init(&e), 0);
    *r = (struct http_rig){.server = fake_http_new(scripts), .engine = http_new(conf, &e)};
    cr_assert_not_null(r->engine, "%s", e.msg);
}

static inline void rig_close(struct http_rig *r)
{
    http_free(r->engine);
    fake_http_free(r->server);
    http_global_done();
}

static inline void rig_count_end(struct http_call *c)
{
    struct http_rig *r = c->arg;

    r->ended++;
}

/* Fills in a call with a body of {"a":1}; rig_call_done() frees what is in it. */
static inline void rig_call_url(struct http_rig *r, struct http_call *c, const char *url)
{
    *c = (struct http_call){.tls_verify = true, .done = rig_count_end, .arg = r};
    http_request_init(&c->request, 4096);
    c->request.url = mem_strdup(url);
    c->request.timeout_ms = 20000;
    c->request.connect_timeout_ms = 10000;
    buf_str(&c->request.body, "{\"a\":1}");
}

/* The same for a path of the rig's server. */
static inline void rig_call(struct http_rig *r, struct http_call *c, const char *path)
{
    char url[128];

    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", fake_http_port(r->server), path);
    rig_call_url(r, c, url);
}

static inline void rig_call_done(struct http_call *c)
{
    http_request_done(&c->request);
    http_response_done(&c->response);
}

/* Runs the engine until so many calls have ended. */
static inline void rig_run_until(struct http_rig *r, int ended)
{
    struct err e = {0};

    while (r->ended < ended)
        cr_assert_eq(http_run(r->engine, 1000, &e), 0, "%s", e.msg);
}

/* Starts a call and waits for its end. */
static inline void rig_do(struct http_rig *r, struct http_call *c)
{
    int before = r->ended;

    cr_assert_eq(http_start(r->engine, c), 0, "%s", c->response.detail);
    rig_run_until(r, before + 1);
}

#endif
