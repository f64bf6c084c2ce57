/*
 * Tests of the HTTP engine against servers that fail, and against requests that must not be sent.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "http_rig.h"

#define HEAD "HTTP/1.1 200 OK\r\n"

static char long_header[150000];

static const struct fake_script scripts[] = {
    {.path = "/reset", .then = FAKE_RESET},
    {.path = "/empty", .then = FAKE_CLOSE},
    {.path = "/reset-inside", .answer = HEAD "Content-Length: 100\r\n\r\nabc", .then = FAKE_RESET},
    {.path = "/reset-headers", .answer = HEAD "Content-Le", .then = FAKE_RESET},
    {.path = "/cut", .answer = HEAD "Content-Length: 100\r\n\r\nabc", .then = FAKE_CLOSE},
    {.path = "/cut-chunk",
     .answer = HEAD "Transfer-Encoding: chunked\r\n\r\n9\r\nabc",
     .then = FAKE_CLOSE},
    {.path = "/continue-reset", .answer = "HTTP/1.1 100 Continue\r\n\r\n", .then = FAKE_RESET},
    {.path = "/stall", .then = FAKE_STALL},
    {.path = "/stall-inside", .answer = HEAD "Content-Length: 100\r\n\r\nabc", .then = FAKE_STALL},
    {.path = "/noise", .answer = "SSH-2.0-OpenSSH_9.2\r\n\r\n", .then = FAKE_CLOSE},
    {.path = "/big",
     .answer = HEAD "Content-Length: 314572800\r\n\r\n",
     .then = FAKE_FLOOD,
     .flood = 314572800},
    {.path = "/endless", .answer = HEAD "\r\n", .then = FAKE_FLOOD, .flood = 314572800},
    {.path = "/long-header", .answer = long_header, .then = FAKE_STALL},
    {.path = "/ok", .answer = HEAD "Content-Length: 2\r\n\r\nok"},
    {.path = NULL},
};

static struct http_rig rig;

static void set_up(void)
{
    static const struct http_conf conf = {
        .max_calls = 200, .response_max = 100000, .headers_max = 4096};

    snprintf(long_header, sizeof long_header, "%sX: %0140000d\r\n", HEAD, 1);
    rig_open(&rig, scripts, &conf);
}

static void tear_down(void)
{
    rig_close(&rig);
}

TestSuite(http_fault, .init = set_up, .fini = tear_down, .timeout = 60);

Test(http_fault, ends)
{
    static const struct {
        const char *path;
        enum http_end end;
        long status;
        int timeout_ms;
        bool warm; /* on a connection that has served before */
    } rows[] = {
        {"/reset", HTTP_RESET, 0, 0, false},
        {"/empty", HTTP_RESET, 0, 0, false},
        {"/empty", HTTP_RESET, 0, 0, true},
        {"/reset", HTTP_RESET, 0, 0, true},
        {"/reset-inside", HTTP_CUT, 200, 0, false},
        {"/reset-headers", HTTP_CUT, 200, 0, false},
        {"/cut", HTTP_CUT, 200, 0, false},
        {"/cut-chunk", HTTP_CUT, 200, 0, false},
        {"/continue-reset", HTTP_RESET, 0, 0, false},
        {"/stall", HTTP_TIMEOUT, 0, 100, false},
        {"/stall", HTTP_TIMEOUT, 0, 100, true},
        {"/stall-inside", HTTP_TIMEOUT, 200, 100, false},
        {"/noise", HTTP_CUT, 0, 0, false},
        {"/big", HTTP_TOO_LARGE, 200, 0, false},
        {"/endless", HTTP_TOO_LARGE, 200, 0, false},
        {"/long-header", HTTP_TOO_LARGE, 200, 0, false},
        {"/ok", HTTP_DONE, 200, 0, false},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_call c;

        if (rows[i].warm) {
            rig_call(&rig, &c, "/ok");
            rig_do(&rig, &c);
            rig_call_done(&c);
        }
        rig_call(&rig, &c, rows[i].path);
        if (rows[i].timeout_ms)
            c.request.timeout_ms = rows[i].timeout_ms;
        rig_do(&rig, &c);
        cr_expect_eq(c.response.end, rows[i].end, "%s: end %d (%s)", rows[i].path, c.response.end,
                     c.response.detail);
        cr_expect_eq(c.response.status, rows[i].status, "%s: status %ld", rows[i].path,
                     c.response.status);
        cr_expect_leq(c.response.body.len, 100000);
        cr_expect_eq(c.response.detail[0] == '\0', rows[i].end == HTTP_DONE, "%s", rows[i].path);
        rig_call_done(&c);
    }
    cr_expect_lt(fake_http_flooded(rig.server), 100000000, "reading of 600 MB stopped");
}

Test(http_fault, nobody_there)
{
    static const struct {
        const char *url;
        enum http_end end;
    } rows[] = {
        {"http://127.0.0.1:1/x", HTTP_CONNECT},
        {"https://127.0.0.1:1/x", HTTP_CONNECT},
        {"http://nonexistent.invalid/x", HTTP_RESOLVE},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_call c;

        rig_call_url(&rig, &c, rows[i].url);
        rig_do(&rig, &c);
        cr_expect_eq(c.response.end, rows[i].end, "%s: %s", rows[i].url, c.response.detail);
        cr_expect_eq(c.response.status, 0);
        rig_call_done(&c);
    }
}

Test(http_fault, connect_timeout)
{
    struct http_call c;
    int64_t start = clock_mono_us();
    char url[128];
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof a;
    int full = socket(AF_INET, SOCK_STREAM, 0);
    int fill[8];
    size_t i = 0;

    /* A listener that never accepts, with its queue filled: further SYNs are dropped. */
    cr_assert_eq(bind(full, (struct sockaddr *)&a, n), 0);
    cr_assert_eq(listen(full, 0), 0);
    cr_assert_eq(getsockname(full, (struct sockaddr *)&a, &n), 0);
    for (i = 0; i < ARRAY_LEN(fill); i++) {
        fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fill[i], (struct sockaddr *)&a, n);
    }
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", ntohs(a.sin_port));
    rig_call_url(&rig, &c, url);
    c.request.connect_timeout_ms = 200;
    rig_do(&rig, &c);
    cr_expect_eq(c.response.end, HTTP_CONNECT, "%d %s", c.response.end, c.response.detail);
    cr_expect_lt(clock_mono_us() - start, 10000000);
    rig_call_done(&c);
    for (i = 0; i < ARRAY_LEN(fill); i++)
        close(fill[i]);
    close(full);
}

static int threads(void)
{
    char text[4096];
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, text, sizeof text - 1);

    close(fd);
    cr_assert_gt(n, 0);
    text[n] = '\0';
    return (int)strtol(strstr(text, "\nThreads:") + 9, NULL, 10);
}

Test(http_fault, unknown_host_ends_the_calls_that_wait_for_it)
{
    enum { N = 150 };
    struct http_call *c = mem_array(N, sizeof *c);
    struct err e = {0};
    int before = threads();
    int i = 0;

    for (i = 0; i < N; i++) {
        rig_call_url(&rig, &c[i], "http://nonexistent.invalid/x");
        cr_assert_eq(http_start(rig.engine, &c[i]), 0);
    }
    cr_assert_eq(http_run(rig.engine, 0, &e), 0);
    cr_expect_leq(threads(), before + 16, "a thread a call looks the host up");
    rig_run_until(&rig, N);
    for (i = 0; i < N; i++) {
        cr_expect_eq(c[i].response.end, HTTP_RESOLVE, "%s", c[i].response.detail);
        rig_call_done(&c[i]);
    }
    free(c);
}

Test(http_fault, calls_that_waited_for_a_host_go_on)
{
    enum { N = 150 };
    struct http_call *c = mem_array(N, sizeof *c);
    char url[128];
    int i = 0;

    snprintf(url, sizeof url, "http://localhost:%d/ok", fake_http_port(rig.server));
    for (i = 0; i < N; i++) {
        rig_call_url(&rig, &c[i], url);
        cr_assert_eq(http_start(rig.engine, &c[i]), 0);
    }
    rig_run_until(&rig, N);
    for (i = 0; i < N; i++) {
        cr_expect_eq(c[i].response.end, HTTP_DONE, "%s", c[i].response.detail);
        rig_call_done(&c[i]);
    }
    free(c);
}

Test(http_fault, failed_lookups_do_not_use_up_the_url)
{
    int i = 0;

    for (i = 0; i < 20; i++) {
        struct http_call c;

        rig_call_url(&rig, &c, "http://nonexistent.invalid/x");
        rig_do(&rig, &c);
        cr_expect_eq(c.response.end, HTTP_RESOLVE, "%d: %s", i, c.response.detail);
        rig_call_done(&c);
    }
}

Test(http_fault, calls_that_wait_go_on_when_the_first_are_cancelled)
{
    enum { N = 40, CANCELLED = 20 };
    struct http_call c[N];
    int i = 0;

    for (i = 0; i < N; i++) {
        rig_call(&rig, &c[i], "/ok");
        cr_assert_eq(http_start(rig.engine, &c[i]), 0);
    }
    for (i = 0; i < CANCELLED; i++)
        http_cancel(rig.engine, &c[i]);
    rig_run_until(&rig, N);
    for (i = 0; i < N; i++) {
        cr_expect_eq(c[i].response.end, i < CANCELLED ? HTTP_CANCELLED : HTTP_DONE, "%d", i);
        rig_call_done(&c[i]);
    }
}

Test(http_fault, cannot_be_started)
{
    static const struct {
        const char *url;
        const char *header;
    } rows[] = {
        {"", "X"},
        {"127.0.0.1/x", "X"},
        {"ftp://127.0.0.1/x", "X"},
        {"file:///etc/passwd", "X"},
        {"http://", "X"},
        {"http://127.0.0.1/a b", "X"},
        {"http://127.0.0.1:1/", "X\r\nY"},
        {"http://127.0.0.1:1/", "X Y"},
        {"http://127.0.0.1:1/", ""},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_call c;

        rig_call_url(&rig, &c, rows[i].url);
        cr_assert_eq(http_request_header(&c.request, rows[i].header, "1"), 0);
        cr_expect_eq(http_start(rig.engine, &c), -1, "'%s' '%s'", rows[i].url, rows[i].header);
        cr_expect_eq(c.response.end, HTTP_INTERNAL);
        cr_expect_neq(c.response.detail[0], '\0');
        cr_expect_eq(http_running(rig.engine), 0);
        rig_call_done(&c);
    }
}

Test(http_fault, control_byte_in_a_header_value_is_refused)
{
    struct http_call c;

    rig_call_url(&rig, &c, "http://127.0.0.1:1/");
    cr_expect_eq(http_request_header(&c.request, "X", "a\r\nHost: evil"), -1);
    rig_call_done(&c);
}

Test(http_fault, key_is_not_sent_to_another_host)
{
    static char redirect[256];
    struct fake_script from[] = {{.path = "/v1", .answer = redirect}, {.path = NULL}};
    struct fake_http *configured = fake_http_new(from);
    struct http_call c;
    char url[128];

    snprintf(redirect, sizeof redirect,
             "HTTP/1.1 307 Go\r\nLocation: http://localhost:%d/ok\r\nContent-Length: 0\r\n\r\n",
             fake_http_port(rig.server));
    snprintf(url, sizeof url, "http://127.0.0.1:%d/v1", fake_http_port(configured));
    rig_call_url(&rig, &c, url);
    http_request_header(&c.request, "Authorization", "Bearer sk-secret");
    rig_do(&rig, &c);
    cr_expect_eq(c.response.status, 307);
    cr_expect_eq(fake_http_requests(configured), 1);
    cr_expect_eq(fake_http_connections(rig.server), 0);
    rig_call_done(&c);
    fake_http_free(configured);
}

Test(http_fault, more_urls_than_are_kept)
{
    int i = 0;

    for (i = 0; i < 600; i++) {
        struct http_call c;
        char path[32];

        snprintf(path, sizeof path, "/%s%.0d", i % 3 ? "ok" : "n", i % 3 ? 0 : i);
        rig_call(&rig, &c, path);
        rig_do(&rig, &c);
        cr_expect_eq(c.response.status, i % 3 ? 200 : 404);
        rig_call_done(&c);
    }
}
