/*
 * Tests of the HTTP engine: answers, reuse, bounds, cancelling, waking. Faults:
 * test_http_fault.c.
 */
#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "io/http.h"
#include "tests/lib/fake_http.h"

#define OK(headers, body) "HTTP/1.1 200 OK\r\n" headers "\r\n" body

static const struct fake_script scripts[] = {
    {.path = "/ok", .answer = OK("Content-Length: 5\r\nX-Thing:  a b \r\nX-Thing2:c\r\n", "hello")},
    {.path = "/500", .answer = "HTTP/1.1 500 No\r\nContent-Length: 3\r\n\r\nbad"},
    {.path = "/429", .answer = "HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"},
    {.path = "/204", .answer = "HTTP/1.1 204 None\r\n\r\n"},
    {.path = "/chunked",
     .answer =
         OK("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n2\r\nde\r\n0\r\nX-Late: 1\r\n\r\n")},
    {.path = "/close", .answer = OK("Connection: close\r\n", "until end"), .then = FAKE_CLOSE},
    {.path = "/100",
     .answer = "HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\n" OK("Content-Length: 2\r\n", "ok")},
    {.path = "/html", .answer = OK("Content-Type: text/html\r\nContent-Length: 6\r\n", "<html>")},
    {.path = "/redirect",
     .answer = "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n"},
    {.path = "/stale", .answer = OK("Content-Length: 1\r\n", "s"), .then = FAKE_CLOSE},
    {.path = "/slow", .answer = OK("Content-Length: 4\r\n", "slow"), .delay_ms = 100},
    {.path = "/stall", .then = FAKE_STALL},
    {.path = "/many",
     .answer = OK("A: 1111111111\r\nB: 2222222222\r\nLong: 33333333333333333333333333333333333333"
                  "333333333333333333333333333333333333333333333333333\r\nC: 4\r\n"
                  "Content-Length: 0\r\n",
                  "")},
    {.path = NULL},
};

static struct fake_http *server;
static struct http *engine;
static int ended;

static void set_up(void)
{
    struct http_conf conf = {.max_calls = 600, .response_max = 1000, .headers_max = 512};
    struct err e = {0};

    cr_assert_eq(http_global_init(&e), 0);
    server = fake_http_new(scripts);
    engine = http_new(&conf, &e);
    cr_assert_not_null(engine, "%s", e.msg);
    ended = 0;
}

static void tear_down(void)
{
    http_free(engine);
    fake_http_free(server);
    http_global_done();
}

TestSuite(http, .init = set_up, .fini = tear_down, .timeout = 60);

static void count_end(struct http_call *c)
{
    (void)c;
    ended++;
}

static void make_call(struct http_call *c, const char *path)
{
    char url[128];

    *c = (struct http_call){.tls_verify = true, .done = count_end};
    http_request_init(&c->request, 4096);
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", fake_http_port(server), path);
    c->request.url = mem_strdup(url);
    c->request.timeout_ms = 20000;
    c->request.connect_timeout_ms = 5000;
    buf_str(&c->request.body, "{\"a\":1}");
}

static void free_call(struct http_call *c)
{
    http_request_done(&c->request);
    http_response_done(&c->response);
}

static void run_until(int count)
{
    struct err e = {0};

    while (ended < count)
        cr_assert_eq(http_run(engine, 1000, &e), 0, "%s", e.msg);
}

static void call(struct http_call *c, const char *path)
{
    int before = ended;

    make_call(c, path);
    cr_assert_eq(http_start(engine, c), 0, "%s", c->response.detail);
    run_until(before + 1);
}

Test(http, answers)
{
    static const struct {
        const char *path;
        long status;
        const char *body;
        const char *header;
        const char *value;
    } rows[] = {
        {"/ok", 200, "hello", "x-thing", "a b"},
        {"/ok", 200, "hello", "x-thing2", "c"},
        {"/500", 500, "bad", "content-length", "3"},
        {"/429", 429, "", "retry-after", "7"},
        {"/204", 204, "", "x", NULL},
        {"/chunked", 200, "abcde", "x-late", NULL},
        {"/close", 200, "until end", "connection", "close"},
        {"/100", 200, "ok", "x-early", NULL},
        {"/html", 200, "<html>", "content-type", "text/html"},
        {"/redirect", 302, "", "location", "/ok"},
        {"/nowhere", 404, "", "content-length", "0"},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_call c;
        char value[64];
        const char *got = NULL;

        call(&c, rows[i].path);
        cr_expect_eq(c.response.end, HTTP_DONE, "%s: %s", rows[i].path, c.response.detail);
        cr_expect_eq(c.response.status, rows[i].status, "%s", rows[i].path);
        cr_expect_str_eq(c.response.body.data ? c.response.body.data : "", rows[i].body);
        got = http_response_header(&c.response, rows[i].header, value, sizeof value);
        cr_expect_eq(got != NULL, rows[i].value != NULL, "%s: %s", rows[i].path, rows[i].header);
        if (got && rows[i].value)
            cr_expect_str_eq(got, rows[i].value);
        cr_expect_gt(c.response.elapsed_us, 0);
        cr_expect_lt(c.response.elapsed_us, 60000000);
        free_call(&c);
    }
    cr_expect_eq(fake_http_requests(server), (int)ARRAY_LEN(rows));
}

Test(http, request_on_the_wire)
{
    struct http_call c;
    char seen[4096];

    make_call(&c, "/ok");
    cr_assert_eq(http_request_header(&c.request, "Authorization", "Bearer %s", "sk-1"), 0);
    cr_assert_eq(http_request_header(&c.request, "X-Empty", "%s", ""), 0);
    cr_assert_eq(http_start(engine, &c), 0);
    run_until(1);
    free_call(&c);
    fake_http_last(server, seen, sizeof seen);
    cr_expect_eq(strncmp(seen, "POST /ok HTTP/1.1\r\n", 19), 0, "%s", seen);
    cr_expect_not_null(strstr(seen, "\r\nAuthorization: Bearer sk-1\r\n"));
    cr_expect_not_null(strstr(seen, "\r\nX-Empty:\r\n"));
    cr_expect_not_null(strstr(seen, "\r\nContent-Type: application/json\r\n"));
    cr_expect_not_null(strstr(seen, "\r\nUser-Agent: sluice/" SLUICE_VERSION "\r\n"));
    cr_expect_not_null(strstr(seen, "\r\nContent-Length: 7\r\n"));
    cr_expect_null(strstr(seen, "Expect"));
    cr_expect_null(strstr(seen, "Accept-Encoding"));
    cr_expect_str_eq(strstr(seen, "\r\n\r\n") + 4, "{\"a\":1}");
}

Test(http, get_then_post_then_empty_post_on_one_handle)
{
    struct http_call c;
    char seen[4096];
    int i = 0;

    for (i = 0; i < 3; i++) {
        make_call(&c, i == 1 ? "/204" : "/ok");
        c.request.get = i == 0;
        if (i == 2)
            buf_done(&c.request.body);
        cr_assert_eq(http_start(engine, &c), 0);
        run_until(i + 1);
        cr_expect_eq(c.response.status, i == 1 ? 204 : 200);
        free_call(&c);
        fake_http_last(server, seen, sizeof seen);
        cr_expect_eq(strncmp(seen, i == 0 ? "GET /ok" : i == 1 ? "POST /204" : "POST /ok", 7), 0);
        cr_expect_eq(strstr(seen, "Content-Type") == NULL, i == 0, "%s", seen);
    }
    cr_expect_not_null(strstr(seen, "Content-Length: 0\r\n"));
    cr_expect_eq(fake_http_connections(server), 1);
}

Test(http, keys_do_not_stay_on_a_reused_handle)
{
    struct http_call c;
    char seen[4096];

    make_call(&c, "/ok");
    http_request_header(&c.request, "Authorization", "Bearer sk-secret");
    cr_assert_eq(http_start(engine, &c), 0);
    run_until(1);
    free_call(&c);
    call(&c, "/ok");
    free_call(&c);
    fake_http_last(server, seen, sizeof seen);
    cr_expect_null(strstr(seen, "sk-secret"));
    cr_expect_eq(fake_http_connections(server), 1);
}

Test(http, keeps_connections)
{
    int i = 0;

    for (i = 0; i < 50; i++) {
        struct http_call c;

        call(&c, i % 2 ? "/ok" : "/chunked");
        cr_expect_eq(c.response.end, HTTP_DONE);
        free_call(&c);
    }
    cr_expect_eq(fake_http_connections(server), 1);
    cr_expect_eq(fake_http_requests(server), 50);
}

Test(http, connection_closed_while_idle_is_replaced)
{
    int i = 0;

    for (i = 0; i < 5; i++) {
        struct http_call c;
        struct err e = {0};

        call(&c, "/stale");
        cr_expect_eq(c.response.end, HTTP_DONE, "%s", c.response.detail);
        free_call(&c);
        http_run(engine, i % 2 ? 20 : 0, &e);
    }
    cr_expect_eq(fake_http_connections(server), 5);
}

Test(http, five_hundred_at_once)
{
    enum { N = 500 };
    struct http_call *c = mem_array(N, sizeof *c);
    int round = 0;
    int i = 0;

    for (round = 0; round < 2; round++) {
        ended = 0;
        for (i = 0; i < N; i++) {
            make_call(&c[i], "/slow");
            cr_assert_eq(http_start(engine, &c[i]), 0);
        }
        cr_expect_eq(http_running(engine), N);
        run_until(N);
        cr_expect_eq(http_running(engine), 0);
        for (i = 0; i < N; i++) {
            cr_expect_eq(c[i].response.end, HTTP_DONE, "%s", c[i].response.detail);
            cr_expect_str_eq(c[i].response.body.data, "slow");
            free_call(&c[i]);
        }
    }
    cr_expect_eq(fake_http_connections(server), N, "the second round uses the first one's");
    free(c);
}

static struct http_call again[2];

static void start_another(struct http_call *c)
{
    ended++;
    if (c == &again[0])
        cr_expect_eq(http_start(engine, &again[1]), 0);
}

Test(http, done_may_start)
{
    make_call(&again[0], "/ok");
    make_call(&again[1], "/500");
    again[0].done = start_another;
    cr_assert_eq(http_start(engine, &again[0]), 0);
    run_until(2);
    cr_expect_eq(again[1].response.status, 500);
    free_call(&again[0]);
    free_call(&again[1]);
}

Test(http, busy_over_the_limit)
{
    struct http_conf conf = {.max_calls = 3, .response_max = 100, .headers_max = 100};
    struct http *small = http_new(&conf, NULL);
    struct http_call c[4];
    int i = 0;

    for (i = 0; i < 4; i++) {
        make_call(&c[i], "/stall");
        cr_expect_eq(http_start(small, &c[i]), i < 3 ? 0 : HTTP_BUSY);
    }
    cr_expect_null(http_free(small));
    cr_expect_eq(ended, 3, "free ends running calls, not refused ones");
    for (i = 0; i < 4; i++) {
        if (i < 3)
            cr_expect_eq(c[i].response.end, HTTP_CANCELLED);
        free_call(&c[i]);
    }
}

Test(http, cancel)
{
    enum { N = 40 }; /* more than may look up a host at once: some wait */
    struct http_call c[N];
    struct err e = {0};
    int i = 0;

    for (i = 0; i < N; i++) {
        make_call(&c[i], i % 2 ? "/stall" : "/slow");
        cr_assert_eq(http_start(engine, &c[i]), 0);
    }
    http_cancel(engine, &c[39]);
    http_cancel(engine, &c[39]);
    cr_expect_eq(ended, 0, "done() comes from http_run()");
    cr_assert_eq(http_run(engine, 0, &e), 0);
    cr_expect_eq(ended, 1);
    for (i = 1; i < N - 1; i += 2)
        http_cancel(engine, &c[i]);
    run_until(N);
    for (i = 0; i < N; i++) {
        cr_expect_eq(c[i].response.end, i % 2 ? HTTP_CANCELLED : HTTP_DONE, "%d", i);
        free_call(&c[i]);
    }
    cr_expect_eq(http_running(engine), 0);
}

Test(http, free_with_running_calls)
{
    enum { N = 100 };
    struct http_call *c = mem_array(N, sizeof *c);
    struct err e = {0};
    int i = 0;

    for (i = 0; i < N; i++) {
        make_call(&c[i], "/stall");
        cr_assert_eq(http_start(engine, &c[i]), 0);
    }
    http_run(engine, 10, &e);
    engine = http_free(engine);
    cr_expect_eq(ended, N);
    for (i = 0; i < N; i++) {
        cr_expect_eq(c[i].response.end, HTTP_CANCELLED);
        free_call(&c[i]);
    }
    free(c);
}

static void *wake_soon(void *arg)
{
    poll(NULL, 0, 50);
    http_wake(arg);
    return NULL;
}

Test(http, wake_cuts_the_wait)
{
    int64_t start = clock_mono_us();
    struct err e = {0};
    pthread_t thread;

    cr_assert_eq(pthread_create(&thread, NULL, wake_soon, engine), 0);
    cr_assert_eq(http_run(engine, 10000, &e), 0);
    cr_expect_lt(clock_mono_us() - start, 5000000);
    cr_expect_geq(clock_mono_us() - start, 40000);
    pthread_join(thread, NULL);
    start = clock_mono_us();
    cr_assert_eq(http_run(engine, 30, &e), 0);
    cr_expect_geq(clock_mono_us() - start, 29000, "the wake-up was used up");
}

Test(http, headers_are_bounded)
{
    struct http_conf conf = {.max_calls = 3, .response_max = 100, .headers_max = 64};
    struct http *small = http_new(&conf, NULL);
    struct http_call c;
    struct err e = {0};
    char value[64];

    make_call(&c, "/many");
    cr_assert_eq(http_start(small, &c), 0);
    while (!ended)
        cr_assert_eq(http_run(small, 1000, &e), 0);
    cr_expect_eq(c.response.end, HTTP_DONE);
    cr_expect_leq(c.response.headers.len, 64);
    cr_expect_not_null(http_response_header(&c.response, "a", value, sizeof value));
    cr_expect_not_null(http_response_header(&c.response, "c", value, sizeof value));
    cr_expect_null(http_response_header(&c.response, "long", value, sizeof value));
    free_call(&c);
    http_free(small);
}
