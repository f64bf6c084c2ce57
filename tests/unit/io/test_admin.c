/* admin: pages and what is refused, over a real socket; and clients that mean no good. */
#include "io/admin.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define TOKEN "0123456789abcdef"

static int made; /* pages, atomic: by the admin thread */

static void hello(void *arg, const struct admin_request *q, struct admin_answer *ret)
{
    const char *who = admin_argument(q, "who");

    __atomic_fetch_add(&made, 1, __ATOMIC_SEQ_CST);
    ret->type = "text/plain";
    buf_printf(&ret->body, "hello %s from %s", who ? who : "you", (const char *)arg);
}

static void change(void *arg, const struct admin_request *q, struct admin_answer *ret)
{
    (void)arg;
    (void)q;
    __atomic_fetch_add(&made, 1, __ATOMIC_SEQ_CST);
    buf_str(&ret->body, "{}");
}

static void large(void *arg, const struct admin_request *q, struct admin_answer *ret)
{
    static char block[1 << 20];

    (void)arg;
    (void)q;
    memset(block, 'x', sizeof block);
    while (!ret->body.over)
        buf_append(&ret->body, block, sizeof block);
}

static const struct admin_page pages[] = {
    {.path = "/hello", .make = hello},
    {.path = "/change", .post = true, .make = change},
    {.path = "/both", .make = hello},
    {.path = "/both", .post = true, .make = change},
    {.path = "/large", .make = large},
    {.path = "/open", .make = hello, .open = true},
    {.path = NULL},
};

static struct admin *open_with(const char *listen, const char *token, bool reads)
{
    struct admin_setup setup = {
        .token = token, .token_reads = reads, .pages = pages, .arg = (void *)"test"};
    struct err e = {0};
    struct admin *a;

    cr_assert_eq(listen_parse(listen, &setup.at, &e), 0, "%s", e.msg);
    a = admin_start(&setup, &e);
    cr_assert(a, "%s", e.msg);
    made = 0;
    return a;
}

static struct admin *open_at(const char *listen, const char *token)
{
    return open_with(listen, token, false);
}

static int dial(const struct admin *a)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(admin_port(a))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

/* Reads until the other side closes, or for so long. The bytes so far. */
static size_t read_all(int fd, char *out, size_t cap, int64_t ms)
{
    int64_t until_us = clock_mono_us() + ms * 1000;
    size_t n = 0;

    while (clock_mono_us() < until_us) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ssize_t got;

        if (poll(&p, 1, 50) <= 0)
            continue;
        got = recv(fd, out + n, cap - 1 - n, 0);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    out[n] = '\0';
    return n;
}

/* Sends a request as it is; the status, and the body in `body`. */
static char answer[1 << 16];
static const char *body;

static int ask(const struct admin *a, const char *request)
{
    int fd = dial(a);
    int status = 0;

    cr_assert_eq(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
    read_all(fd, answer, sizeof answer, 10000);
    close(fd);
    if (sscanf(answer, "HTTP/1.1 %d ", &status) != 1)
        return 0;
    body = strstr(answer, "\r\n\r\n");
    body = body ? body + 4 : "";
    return status;
}

#define HOST "Host: 127.0.0.1\r\n"
#define AUTH "Authorization: Bearer " TOKEN "\r\n"

Test(admin, pages, .timeout = 60)
{
    static const struct {
        const char *request;
        int status;
        const char *body; /* its beginning */
    } rows[] = {
        {"GET /hello HTTP/1.1\r\n" HOST "\r\n", 200, "hello you from test"},
        {"GET /hello?who=me%20two HTTP/1.1\r\n" HOST "\r\n", 200, "hello me two from test"},
        {"HEAD /hello HTTP/1.1\r\n" HOST "\r\n", 200, ""},
        {"GET /hello HTTP/1.0\r\n\r\n", 200, "hello you"},
        {"POST /change HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 200, "{}"},
        {"POST /change HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", 200, "{}"},
        {"POST /both HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 200, "{}"},
        {"GET /both HTTP/1.1\r\n" HOST "\r\n", 200, "hello"},
        {"GET /change HTTP/1.1\r\n" HOST "\r\n", 405, "{\"error\":\"this page answers POST only"},
        {"POST /hello HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 405,
         "{\"error\":\"this page answers GET, HEAD only"},
        {"DELETE /hello HTTP/1.1\r\n" HOST "\r\n", 405,
         "{\"error\":\"this page answers GET, HEAD only"},
        {"GET / HTTP/1.1\r\n" HOST "\r\n", 404, "{\"error\":\"no such page"},
        {"GET /hello/ HTTP/1.1\r\n" HOST "\r\n", 404, "{\"error\":\"no such page"},
        {"GET /large HTTP/1.1\r\n" HOST "\r\n", 500, "{\"error\":\"the page is larger"},
    };
    struct admin *a = open_at("127.0.0.1:0", "");

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int status = ask(a, rows[i].request);

        cr_expect_eq(status, rows[i].status, "%s: %d", rows[i].request, status);
        cr_expect_eq(strncmp(body, rows[i].body, strlen(rows[i].body)), 0, "%s: %s",
                     rows[i].request, answer);
        cr_expect(strcasestr(answer, "Connection: close\r\n"), "%s", answer);
        cr_expect_eq(strstr(answer, "\r\nAllow: ") != NULL, status == 405, "%s", answer);
    }
    cr_expect(strstr(answer, "Content-Type: application/json\r\n"), "%s", answer);
    admin_stop(a);
}

/* A page in a browser that has a name of its own for 127.0.0.1, or posts a form there. */
Test(admin, browsers_are_kept_out, .timeout = 60)
{
    static const struct {
        const char *request;
        int status;
    } rows[] = {
        {"GET /hello HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421},
        {"GET /hello HTTP/1.1\r\nHost: evil.example:9464\r\n\r\n", 421},
        {"GET /hello HTTP/1.1\r\nHost: localhost.evil.example\r\n\r\n", 421},
        {"POST /change HTTP/1.1\r\nHost: 10.0.0.1\r\nContent-Length: 0\r\n\r\n", 421},
        {"GET /hello HTTP/1.1\r\nHost: localhost:9464\r\n\r\n", 200},
        {"GET /hello HTTP/1.1\r\nHost: [::1]:9464\r\n\r\n", 200},
        {"GET /hello HTTP/1.1\r\nHost: [::1]\r\n\r\n", 200},
        {"GET /hello HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n", 200},
        {"POST /change HTTP/1.1\r\n" HOST
         "Origin: http://evil.example\r\nContent-Length: 0\r\n\r\n",
         403},
        {"POST /change HTTP/1.1\r\n" HOST "Origin: null\r\nContent-Length: 0\r\n\r\n", 403},
    };
    struct admin *a = open_at("127.0.0.1:0", "");
    int good = 0;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cr_expect_eq(ask(a, rows[i].request), rows[i].status, "%s: %s", rows[i].request, answer);
        good += rows[i].status == 200;
    }
    cr_expect_eq(made, good, "a page was made for a request that was refused");
    admin_stop(a);
}

Test(admin, token, .timeout = 60)
{
    static const struct {
        const char *headers;
        int status;
    } rows[] = {
        {AUTH, 200},
        {"authorization: bearer " TOKEN "\r\n", 200},
        {"", 401},
        {"Authorization: Bearer \r\n", 401},
        {"Authorization: Bearer 0123456789abcdeF\r\n", 401},
        {"Authorization: Bearer 0123456789abcde\r\n", 401},
        {"Authorization: Bearer " TOKEN "0\r\n", 401},
        {"Authorization: " TOKEN "\r\n", 401},
        {"Authorization: Basic " TOKEN "\r\n", 401},
        {AUTH "Origin: http://evil.example\r\n", 403},
    };
    struct admin *a = open_at("127.0.0.1:0", TOKEN);
    char request[400];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(request, sizeof request,
                 "POST /change HTTP/1.1\r\n" HOST "%sContent-Length: 0\r\n\r\n", rows[i].headers);
        cr_expect_eq(ask(a, request), rows[i].status, "%s: %s", rows[i].headers, answer);
        cr_expect_null(strstr(answer, TOKEN), "%s", answer);
    }
    cr_expect_eq(made, 2);
    cr_expect_eq(ask(a, "GET /hello HTTP/1.1\r\n" HOST "\r\n"), 200, "reading needs none");
    admin_stop(a);
}

Test(admin, token_for_reading, .timeout = 60)
{
    struct admin *a = open_with("127.0.0.1:0", TOKEN, true);

    cr_expect_eq(ask(a, "GET /hello HTTP/1.1\r\n" HOST "\r\n"), 401);
    cr_expect_eq(ask(a, "HEAD /hello HTTP/1.1\r\n" HOST "\r\n"), 401);
    cr_expect_eq(made, 0);
    cr_expect_eq(ask(a, "GET /hello HTTP/1.1\r\n" HOST AUTH "\r\n"), 200);
    cr_expect_eq(ask(a, "GET /open HTTP/1.1\r\n" HOST "\r\n"), 200);
    admin_stop(a);
}

/* Where others can reach it: any name will do for reading, and changing needs a token to exist. */
Test(admin, on_all_addresses, .timeout = 60)
{
    struct admin *a = open_at("0.0.0.0:0", "");

    cr_expect_eq(ask(a, "GET /hello HTTP/1.1\r\nHost: worker-7.example:9464\r\n\r\n"), 200);
    cr_expect_eq(ask(a, "POST /change HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n"), 403);
    cr_expect(strstr(body, "set observability.admin_token"), "%s", body);
    admin_stop(a);
    a = open_at("0.0.0.0:0", TOKEN);
    cr_expect_eq(ask(a, "POST /change HTTP/1.1\r\n" HOST AUTH "Content-Length: 0\r\n\r\n"), 200);
    cr_expect_eq(ask(a, "POST /change HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n"), 401);
    admin_stop(a);
}

static char *repeat(const char *head, char c, size_t n, const char *tail)
{
    struct buf b = BUF_INIT(1 << 22);

    buf_str(&b, head);
    while (n--)
        buf_char(&b, c);
    buf_str(&b, tail);
    return buf_steal(&b, NULL);
}

/* Too much of anything is refused, or the connection ends; the next client is served. */
Test(admin, garbage, .timeout = 120)
{
    CLEANUP_FREE char *path = repeat("GET /", 'a', 100000, " HTTP/1.1\r\n" HOST "\r\n");
    CLEANUP_FREE char *header =
        repeat("GET /hello HTTP/1.1\r\n" HOST "X: ", 'b', 100000, "\r\n\r\n");
    CLEANUP_FREE char *host = repeat("GET /hello HTTP/1.1\r\nHost: ", '1', 4000, "\r\n\r\n");
    CLEANUP_FREE char *upload =
        repeat("POST /change HTTP/1.1\r\n" HOST "Content-Length: 1000000\r\n\r\n", 'c', 20000, "");
    CLEANUP_FREE char *chunked =
        repeat("POST /change HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n4000\r\n", 'd',
               0x4000, "\r\n0\r\n\r\n");
    const struct {
        const char *request;
        bool close; /* the client has said all */
    } rows[] = {
        {path, false},
        {header, false},
        {host, false},
        {upload, false},
        {chunked, false},
        {"\r\n\r\n", true},
        {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", true},
        {"GET\r\n\r\n", true},
        {"GET /hello HTTP/9.9\r\n\r\n", true},
        {"POST /change HTTP/1.1\r\n" HOST "Content-Length: -5\r\n\r\n", true},
        {"POST /change HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n", true},
        {"GET /hello", true},
    };
    struct admin *a = open_at("127.0.0.1:0", "");

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int fd = dial(a);
        int status = 0;

        /* It may close before it has read all. */
        if (send(fd, rows[i].request, strlen(rows[i].request), MSG_NOSIGNAL) < 0)
            cr_expect(i < 5, "%zu", i);
        if (rows[i].close)
            shutdown(fd, SHUT_WR);
        read_all(fd, answer, sizeof answer, 10000);
        close(fd);
        if (sscanf(answer, "HTTP/1.%*d %d ", &status) == 1)
            cr_expect(status >= 400, "%.60s: %s", rows[i].request, answer);
    }
    cr_expect_eq(made, 0);
    cr_expect_eq(ask(a, "GET /hello HTTP/1.1\r\n" HOST "\r\n"), 200);
    admin_stop(a);
}

/* More connections than it takes, none of which says anything or one byte at a time: they are cut off after
 * their time, and who waited is served. */
Test(admin, slow_clients, .timeout = 120)
{
    enum { N = ADMIN_CONNECTIONS + 8 };
    struct admin *a = open_at("127.0.0.1:0", "");
    static const char words[] =
        "GET /hello HTTP/1.1\r\nX: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    int64_t begin_us = clock_mono_us(), took_ms;
    int fd[N], waiting;
    size_t at = 0;
    char byte;

    for (int i = 0; i < N; i++)
        fd[i] = dial(a);
    waiting = dial(a);
    cr_assert_gt(send(waiting, "GET /hello HTTP/1.1\r\n" HOST "\r\n", 40, MSG_NOSIGNAL), 0);
    /* A byte every now and then, so that no silence is ever long. */
    for (;;) {
        struct pollfd p = {.fd = fd[0], .events = POLLIN};

        if (poll(&p, 1, 200) > 0 && recv(fd[0], &byte, 1, 0) <= 0)
            break;
        cr_assert_lt(at, sizeof words - 1, "it was not cut off");
        for (int i = 0; i < N; i++)
            send(fd[i], &words[at], 1, MSG_NOSIGNAL);
        at++;
    }
    took_ms = (clock_mono_us() - begin_us) / 1000;
    cr_expect_geq(took_ms, (ADMIN_SECONDS - 1) * 1000);
    cr_expect_leq(took_ms, (ADMIN_SECONDS + 20) * 1000, "%lld ms", (long long)took_ms);
    read_all(waiting, answer, sizeof answer, 30000);
    cr_expect(strncmp(answer, "HTTP/1.1 200", 12) == 0, "who waited: %s", answer);
    for (int i = 0; i < N; i++)
        close(fd[i]);
    close(waiting);
    admin_stop(a);
}

Test(admin, a_port_that_is_taken_is_an_error, .timeout = 60)
{
    struct admin *a = open_at("127.0.0.1:0", "");
    struct admin_setup again = {.token = "", .pages = pages};
    struct err e = {0};
    char where[40];

    snprintf(where, sizeof where, "%u", (unsigned)admin_port(a));
    cr_assert_eq(listen_parse(where, &again.at, &e), 0);
    cr_expect_null(admin_start(&again, &e));
    cr_expect_eq(e.code, EX_UNAVAILABLE);
    cr_expect(strstr(e.msg, where) && strstr(e.msg, "another worker may have it"), "%s", e.msg);
    admin_stop(a);
}
