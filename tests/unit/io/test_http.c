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
#include "http_rig.h"

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

static struct http_rig rig;

static void set_up(void)
{
    static const struct http_conf conf = {
        .max_calls = 600, .response_max = 1000, .headers_max = 512};

    rig_open(&rig, scripts, &conf);
}

static void tear_down(void)
{
    rig_close(&rig);
}

TestSuite(http, .init = set_up, .fini = tear_down, .timeout = 60);

static void call(struct http_call *c, const char *path)
{
    rig_call(&rig, c, path);
    rig_do(&rig, c);
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
        rig_call_done(&c);
    }
    cr_expect_eq(fake_http_requests(rig.server), (int)ARRAY_LEN(rows));
}

Test(http, request_on_the_wire)
{
    struct http_call c;
    char seen[4096];

    rig_call(&rig, &c, "/ok");
    cr_assert_eq(http_request_header(&c.request, "Authorization", "Bearer %s", "sk-1"), 0);
    cr_assert_eq(http_request_header(&c.request, "X-Empty", "%s", ""), 0);
    cr_assert_eq(http_start(rig.engine, &c), 0);
    rig_run_until(&rig, 1);
    rig_call_done(&c);
    fake_http_last(rig.server, seen, sizeof seen);
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
        rig_call(&rig, &c, i == 1 ? "/204" : "/ok");
        c.request.get = i == 0;
        if (i == 2)
            buf_done(&c.request.body);
        cr_assert_eq(http_start(rig.engine, &c), 0);
        rig_run_until(&rig, i + 1);
        cr_expect_eq(c.response.status, i == 1 ? 204 : 200);
        rig_call_done(&c);
        fake_http_last(rig.server, seen, sizeof seen);
        cr_expect_eq(strncmp(seen, i == 0 ? "GET /ok" : i == 1 ? "POST /204" : "POST /ok", 7), 0);
        cr_expect_eq(strstr(seen, "Content-Type") == NULL, i == 0, "%s", seen);
    }
    cr_expect_not_null(strstr(seen, "Content-Length: 0\r\n"));
    cr_expect_eq(fake_http_connections(rig.server), 1);
}

Test(http, keys_do_not_stay_on_a_reused_handle)
{
    struct http_call c;
    char seen[4096];

    rig_call(&rig, &c, "/ok");
    http_request_header(&c.request, "Authorization", "Bearer sk-secret");
    cr_assert_eq(http_start(rig.engine, &c), 0);
    rig_run_until(&rig, 1);
    rig_call_done(&c);
    call(&c, "/ok");
    rig_call_done(&c);
    fake_http_last(rig.server, seen, sizeof seen);
    cr_expect_null(strstr(seen, "sk-secret"));
    cr_expect_eq(fake_http_connections(rig.server), 1);
}

static int count_of(const char *text, const char *what)
{
    int n = 0;

    for (text = strstr(text, what); text; text = strstr(text + 1, what))
        n++;
    return n;
}

/* Signed with all headers there are, so that no slot is missing; and the next call is not signed. */
Test(http, a_signature_belongs_to_one_sending)
{
    static const char *const once[] = {
        "\r\nHost: 127.0.0.1:",
        "\r\nX-Amz-Date: 20",
        "\r\nX-Amz-Security-Token: tok=\r\n",
        "\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKID/20",
        "/us-east-1/bedrock/aws4_request, SignedHeaders=",
        "=content-type;host;x-amz-date;x-amz-security-token, Signature=",
    };
    struct http_call c;
    char name[16];
    char seen[8192];
    size_t i = 0;

    rig_call(&rig, &c, "/ok");
    c.request.aws = (struct http_aws){"AKID", "hush", "tok=", "us-east-1", "bedrock"};
    for (i = 0; i < HTTP_HEADERS_MAX; i++) {
        snprintf(name, sizeof name, "X-%zu", i);
        cr_assert_eq(http_request_header(&c.request, name, "%zu", i), 0);
    }
    rig_do(&rig, &c);
    cr_expect_eq(c.response.status, 200);
    rig_call_done(&c);
    fake_http_last(rig.server, seen, sizeof seen);
    for (i = 0; i < ARRAY_LEN(once); i++)
        cr_expect_eq(count_of(seen, once[i]), 1, "%s in %s", once[i], seen);
    cr_expect_eq(count_of(seen, "\r\nHost:"), 1);
    cr_expect_eq(count_of(seen, "\r\nContent-Type: application/json\r\n"), 1);
    cr_expect(!strstr(seen, "hush") && !strstr(seen, "Expect"), "%s", seen);
    call(&c, "/ok");
    rig_call_done(&c);
    fake_http_last(rig.server, seen, sizeof seen);
    cr_expect(!strstr(seen, "AKID") && !strstr(seen, "tok=") && !strstr(seen, "Amz"), "%s", seen);
    cr_expect_eq(count_of(seen, "\r\nHost: 127.0.0.1:"), 1);
    cr_expect_eq(fake_http_connections(rig.server), 1);
}

Test(http, what_cannot_be_signed_is_not_sent)
{
    struct http_call c;

    rig_call(&rig, &c, "/ok?query");
    c.request.aws = (struct http_aws){"AKID", "hush", NULL, "us-east-1", "bedrock"};
    cr_expect_eq(http_start(rig.engine, &c), -1);
    cr_expect(strstr(c.response.detail, "with a query cannot be signed"), "%s", c.response.detail);
    cr_expect_eq(fake_http_requests(rig.server), 0);
    rig_call_done(&c);
}

Test(http, keeps_connections)
{
    int i = 0;

    for (i = 0; i < 50; i++) {
        struct http_call c;

        call(&c, i % 2 ? "/ok" : "/chunked");
        cr_expect_eq(c.response.end, HTTP_DONE);
        rig_call_done(&c);
    }
    cr_expect_eq(fake_http_connections(rig.server), 1);
    cr_expect_eq(fake_http_requests(rig.server), 50);
}

Test(http, connection_closed_while_idle_is_replaced)
{
    int i = 0;

    for (i = 0; i < 5; i++) {
        struct http_call c;
        struct err e = {0};

        call(&c, "/stale");
        cr_expect_eq(c.response.end, HTTP_DONE, "%s", c.response.detail);
        rig_call_done(&c);
        http_run(rig.engine, i % 2 ? 20 : 0, &e);
    }
    cr_expect_eq(fake_http_connections(rig.server), 5);
}

Test(http, five_hundred_at_once)
{
    enum { N = 500 };
    struct http_call *c = mem_array(N, sizeof *c);
    int round = 0;
    int i = 0;

    for (round = 0; round < 2; round++) {
        rig.ended = 0;
        for (i = 0; i < N; i++) {
            rig_call(&rig, &c[i], "/slow");
            cr_assert_eq(http_start(rig.engine, &c[i]), 0);
        }
        cr_expect_eq(http_running(rig.engine), N);
        rig_run_until(&rig, N);
        cr_expect_eq(http_running(rig.engine), 0);
        for (i = 0; i < N; i++) {
            cr_expect_eq(c[i].response.end, HTTP_DONE, "%s", c[i].response.detail);
            cr_expect_str_eq(c[i].response.body.data, "slow");
            rig_call_done(&c[i]);
        }
    }
    cr_expect_eq(fake_http_connections(rig.server), N, "the second round uses the first one's");
    free(c);
}

static struct http_call again[2];

static void start_another(struct http_call *c)
{
    rig.ended++;
    if (c == &again[0])
        cr_expect_eq(http_start(rig.engine, &again[1]), 0);
}

Test(http, done_may_start)
{
    rig_call(&rig, &again[0], "/ok");
    rig_call(&rig, &again[1], "/500");
    again[0].done = start_another;
    cr_assert_eq(http_start(rig.engine, &again[0]), 0);
    rig_run_until(&rig, 2);
    cr_expect_eq(again[1].response.status, 500);
    rig_call_done(&again[0]);
    rig_call_done(&again[1]);
}

Test(http, busy_over_the_limit)
{
    struct http_conf conf = {.max_calls = 3, .response_max = 100, .headers_max = 100};
    struct http *small = http_new(&conf, NULL);
    struct http_call c[4];
    int i = 0;

    for (i = 0; i < 4; i++) {
        rig_call(&rig, &c[i], "/stall");
        cr_expect_eq(http_start(small, &c[i]), i < 3 ? 0 : HTTP_BUSY);
    }
    cr_expect_null(http_free(small));
    cr_expect_eq(rig.ended, 3, "free ends running calls, not refused ones");
    for (i = 0; i < 4; i++) {
        if (i < 3)
            cr_expect_eq(c[i].response.end, HTTP_CANCELLED);
        rig_call_done(&c[i]);
    }
}

Test(http, cancel)
{
    enum { N = 40 }; /* more than may look up a host at once: some wait */
    struct http_call c[N];
    struct err e = {0};
    int i = 0;

    for (i = 0; i < N; i++) {
        rig_call(&rig, &c[i], i % 2 ? "/stall" : "/slow");
        cr_assert_eq(http_start(rig.engine, &c[i]), 0);
    }
    http_cancel(rig.engine, &c[39]);
    http_cancel(rig.engine, &c[39]);
    cr_expect_eq(rig.ended, 0, "done() comes from http_run()");
    cr_assert_eq(http_run(rig.engine, 0, &e), 0);
    cr_expect_eq(rig.ended, 1);
    for (i = 1; i < N - 1; i += 2)
        http_cancel(rig.engine, &c[i]);
    rig_run_until(&rig, N);
    for (i = 0; i < N; i++) {
        cr_expect_eq(c[i].response.end, i % 2 ? HTTP_CANCELLED : HTTP_DONE, "%d", i);
        rig_call_done(&c[i]);
    }
    cr_expect_eq(http_running(rig.engine), 0);
}

Test(http, free_with_running_calls)
{
    enum { N = 100 };
    struct http_call *c = mem_array(N, sizeof *c);
    struct err e = {0};
    int i = 0;

    for (i = 0; i < N; i++) {
        rig_call(&rig, &c[i], "/stall");
        cr_assert_eq(http_start(rig.engine, &c[i]), 0);
    }
    http_run(rig.engine, 10, &e);
    rig.engine = http_free(rig.engine);
    cr_expect_eq(rig.ended, N);
    for (i = 0; i < N; i++) {
        cr_expect_eq(c[i].response.end, HTTP_CANCELLED);
        rig_call_done(&c[i]);
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

    cr_assert_eq(pthread_create(&thread, NULL, wake_soon, rig.engine), 0);
    cr_assert_eq(http_run(rig.engine, 10000, &e), 0);
    cr_expect_lt(clock_mono_us() - start, 5000000);
    cr_expect_geq(clock_mono_us() - start, 40000);
    pthread_join(thread, NULL);
    start = clock_mono_us();
    cr_assert_eq(http_run(rig.engine, 30, &e), 0);
    cr_expect_geq(clock_mono_us() - start, 29000, "the wake-up was used up");
}

Test(http, headers_are_bounded)
{
    struct http_conf conf = {.max_calls = 3, .response_max = 100, .headers_max = 64};
    struct http *small = http_new(&conf, NULL);
    struct http_call c;
    struct err e = {0};
    char value[64];

    rig_call(&rig, &c, "/many");
    cr_assert_eq(http_start(small, &c), 0);
    while (!rig.ended)
        cr_assert_eq(http_run(small, 1000, &e), 0);
    cr_expect_eq(c.response.end, HTTP_DONE);
    cr_expect_leq(c.response.headers.len, 64);
    cr_expect_not_null(http_response_header(&c.response, "a", value, sizeof value));
    cr_expect_not_null(http_response_header(&c.response, "c", value, sizeof value));
    cr_expect_null(http_response_header(&c.response, "long", value, sizeof value));
    rig_call_done(&c);
    http_free(small);
}
