/*
 * raw_calls: the least that a call to the simulator costs: a client made of epoll, send and recv, which writes
 * requests that are ready made and reads no more of an answer than its length. The limit that the HTTP engine
 * is measured beside.
 *
 *     raw_calls PORT IN_FLIGHT CALLS
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hist.h"
#include "base/mem.h"
#include "tests/bench/measure.h"
#include "tests/bench/prompt.h"

#define ANSWER_MAX 16384
#define NUMBER_LEN 10
#define EVENTS     64

struct conn {
    int fd;
    size_t got;
    int64_t sent_us;
    char answer[ANSWER_MAX];
};

struct client {
    int epoll, port;
    long left, ended;
    char request[2048];
    size_t len, number_at;
    long number;
    struct hist latency;
};

static void die(const char *what)
{
    fprintf(stderr, "raw_calls: %s: %s\n", what, strerror(errno));
    exit(EX_UNAVAILABLE);
}

static void make_request(struct client *c)
{
    char body[1500];
    const char *at;

    snprintf(body, sizeof body,
             "{\"model\":\"sim\",\"messages\":[{\"role\":\"user\",\"content\":\"%0*d %s\"}]}",
             NUMBER_LEN, 0, bench_text());
    c->len = (size_t)snprintf(c->request, sizeof c->request,
                              "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                              "Content-Type: application/json\r\nAuthorization: Bearer none\r\n"
                              "Content-Length: %zu\r\n\r\n%s",
                              strlen(body), body);
    at = strstr(c->request, "\"content\":\"");
    c->number_at = (size_t)(at - c->request) + strlen("\"content\":\"");
}

/* Each call asks something else. */
static void ask(struct client *c, struct conn *conn)
{
    char digits[NUMBER_LEN + 1];

    snprintf(digits, sizeof digits, "%0*ld", NUMBER_LEN, c->number++ % 1000000000);
    memcpy(c->request + c->number_at, digits, NUMBER_LEN);
    conn->got = 0;
    conn->sent_us = clock_mono_us();
    if (send(conn->fd, c->request, c->len, MSG_NOSIGNAL) != (ssize_t)c->len)
        die("send");
    c->left--;
}

static void connect_one(struct client *c, struct conn *conn)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)c->port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = conn};
    int one = 1;

    conn->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (conn->fd < 0 || connect(conn->fd, (struct sockaddr *)&to, sizeof to) < 0)
        die("connect");
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (epoll_ctl(c->epoll, EPOLL_CTL_ADD, conn->fd, &ev) < 0)
        die("epoll_ctl");
}

/* Is the whole answer there? */
static int whole(struct conn *conn)
{
    const char *end, *length;

    conn->answer[conn->got] = '\0';
    end = strstr(conn->answer, "\r\n\r\n");
    if (!end)
        return 0;
    length = strcasestr(conn->answer, "content-length:");
    if (!length || length > end || strncmp(conn->answer, "HTTP/1.1 200", 12) != 0) {
        errno = EPROTO;
        die(conn->answer);
    }
    return conn->got >= (size_t)(end + 4 - conn->answer) +
                            (size_t)strtol(length + strlen("content-length:"), NULL, 10);
}

static void on_readable(struct client *c, struct conn *conn)
{
    ssize_t n = recv(conn->fd, conn->answer + conn->got, ANSWER_MAX - 1 - conn->got, MSG_DONTWAIT);

    if (n <= 0 && errno != EAGAIN)
        die("recv");
    if (n <= 0)
        return;
    conn->got += (size_t)n;
    if (!whole(conn))
        return;
    hist_record(&c->latency, clock_mono_us() - conn->sent_us);
    c->ended++;
    if (c->left > 0)
        ask(c, conn);
}

static void run(struct client *c, struct conn *conns, int n, long calls)
{
    struct epoll_event ev[EVENTS];
    long begun = calls < n ? calls : n;

    memset(&c->latency, 0, sizeof c->latency);
    c->left = calls;
    c->ended = 0;
    for (long i = 0; i < begun; i++)
        ask(c, &conns[i]);
    while (c->ended < calls) {
        int got = epoll_wait(c->epoll, ev, EVENTS, -1);

        for (int i = 0; i < got; i++)
            on_readable(c, ev[i].data.ptr);
    }
}

int main(int argc, char **argv)
{
    static struct client c;
    struct conn *conns;
    int n;
    long calls;
    double cpu;
    int64_t wall;

    if (argc != 4) {
        fprintf(stderr, "usage: raw_calls PORT IN_FLIGHT CALLS\n");
        return EX_USAGE;
    }
    c.port = (int)strtol(argv[1], NULL, 10);
    n = (int)strtol(argv[2], NULL, 10);
    calls = strtol(argv[3], NULL, 10);
    c.number = (getpid() % 1000) * 1000000L;
    c.epoll = epoll_create1(0);
    conns = mem_array((size_t)n, sizeof *conns);
    make_request(&c);
    for (int i = 0; i < n; i++)
        connect_one(&c, &conns[i]);
    run(&c, conns, n, n); /* warm */
    cpu = measure_cpu_us();
    wall = clock_mono_us();
    run(&c, conns, n, calls);
    cpu = measure_cpu_us() - cpu;
    wall = clock_mono_us() - wall;
    printf("calls=%ld cpu_us=%.2f per_s=%.0f p50_us=%lld p99_us=%lld\n", calls, cpu / (double)calls,
           (double)calls * 1e6 / (double)wall, (long long)hist_quantile(&c.latency, 0.5),
           (long long)hist_quantile(&c.latency, 0.99));
    return 0;
}
