/*
 * fake_http: scripted HTTP server; see fake_http.h. Each connection has a thread that blocks in
 * poll() on its socket and on the stop event, so that stalls end when the server does.
 */
#include "tests/lib/fake_http.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_MAX 65536

struct fake_http {
    const struct fake_script *scripts;
    int listen_fd;
    int stop_fd;
    int port;
    pthread_t acceptor;
    pthread_mutex_t lock; /* for all below */
    pthread_cond_t gone;
    int live;
    int connections;
    int requests;
    size_t flooded;
    char last[REQUEST_MAX];
};

struct visitor {
    struct fake_http *f;
    int fd;
    size_t have;
    char in[REQUEST_MAX];
};

/* Whether fd became ready before the server stops (or the time is over). */
static bool ready(struct fake_http *f, int fd, short events, int timeout_ms)
{
    struct pollfd p[2] = {{.fd = f->stop_fd, .events = POLLIN}, {.fd = fd, .events = events}};

    return poll(p, 2, timeout_ms) > 0 && !p[0].revents && p[1].revents;
}

static bool send_all(struct visitor *v, const char *p, size_t n)
{
    while (n) {
        ssize_t sent = 0;

        if (!ready(v->f, v->fd, POLLOUT, -1))
            return false;
        sent = send(v->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent <= 0)
            return false;
        p += sent;
        n -= (size_t)sent;
    }
    return true;
}

/* Length of the whole request at the head of v->in; 0: not whole yet. */
static size_t request_length(struct visitor *v)
{
    const char *end = NULL;
    const char *length = NULL;
    size_t n = 0;

    v->in[v->have] = '\0';
    end = strstr(v->in, "\r\n\r\n");
    if (!end)
        return 0;
    length = strcasestr(v->in, "content-length:");
    n = (size_t)(end + 4 - v->in);
    if (length && length < end)
        n += strtoul(length + 15, NULL, 10);
    return n <= v->have ? n : 0;
}

static bool read_request(struct visitor *v, size_t *ret_len)
{
    while ((*ret_len = request_length(v)) == 0) {
        ssize_t n = 0;

        if (v->have == REQUEST_MAX - 1 || !ready(v->f, v->fd, POLLIN, -1))
            return false;
        n = recv(v->fd, v->in + v->have, REQUEST_MAX - 1 - v->have, 0);
        if (n <= 0)
            return false;
        v->have += (size_t)n;
    }
    return true;
}

static const struct fake_script *script_of(struct visitor *v)
{
    static const struct fake_script none = {
        .answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"};
    const char *path = strchr(v->in, ' ');
    const struct fake_script *s = v->f->scripts;

    for (; path && s->path; s++) {
        size_t n = strlen(s->path);

        if (strncmp(path + 1, s->path, n) == 0 && path[1 + n] == ' ')
            return s;
    }
    return &none;
}

static void flood(struct visitor *v, size_t n)
{
    char block[16384];
    size_t sent = 0;

    memset(block, 'x', sizeof block);
    while (sent < n && send_all(v, block, sizeof block))
        sent += sizeof block;
    pthread_mutex_lock(&v->f->lock);
    v->f->flooded += sent;
    pthread_mutex_unlock(&v->f->lock);
}

static void reset(int fd)
{
    struct linger l = {.l_onoff = 1, .l_linger = 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
}

/* A test may replace the answer and then what follows it, while this runs: what follows is read first, so that
 * a new one never goes with an old answer (a cut one on a connection that is kept would leave the client
 * waiting for the rest). */
static bool answer(struct visitor *v, const struct fake_script *s)
{
    enum fake_then then = __atomic_load_n(&s->then, __ATOMIC_SEQ_CST);
    const char *text = __atomic_load_n(&s->answer, __ATOMIC_SEQ_CST);

    if (s->delay_ms)
        ready(v->f, -1, 0, s->delay_ms);
    if (text && !send_all(v, text, strlen(text)))
        return false;
    switch (then) {
    case FAKE_KEEP:
        return true;
    case FAKE_FLOOD:
        flood(v, s->flood);
        return false;
    case FAKE_RESET:
        ready(v->f, -1, 0, 20); /* lets the client read what was sent */
        reset(v->fd);
        return false;
    case FAKE_STALL:
        while (ready(v->f, v->fd, POLLIN, -1) && recv(v->fd, v->in, REQUEST_MAX, 0) > 0)
            ;
        return false;
    case FAKE_CLOSE:
        return false;
    }
    return false;
}

static void *serve(void *arg)
{
    struct visitor *v = arg;
    struct fake_http *f = v->f;
    size_t n = 0;

    while (read_request(v, &n)) {
        const struct fake_script *s = script_of(v);

        pthread_mutex_lock(&f->lock);
        f->requests++;
        memcpy(f->last, v->in, n);
        f->last[n] = '\0';
        pthread_mutex_unlock(&f->lock);
        memmove(v->in, v->in + n, v->have - n);
        v->have -= n;
        if (!answer(v, s))
            break;
    }
    close(v->fd);
    free(v);
    pthread_mutex_lock(&f->lock);
    f->live--;
    pthread_cond_signal(&f->gone);
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

static void welcome(struct fake_http *f, int fd)
{
    struct visitor *v = calloc(1, sizeof *v);
    pthread_attr_t attr;
    pthread_t thread;
    int one = 1;

    assert(v);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    v->f = f;
    v->fd = fd;
    pthread_mutex_lock(&f->lock);
    f->live++;
    f->connections++;
    pthread_mutex_unlock(&f->lock);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 256 * 1024);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &attr, serve, v) != 0)
        abort();
    pthread_attr_destroy(&attr);
}

static void *accept_all(void *arg)
{
    struct fake_http *f = arg;

    while (ready(f, f->listen_fd, POLLIN, -1)) {
        int fd = accept4(f->listen_fd, NULL, NULL, SOCK_CLOEXEC);

        if (fd >= 0)
            welcome(f, fd);
    }
    return NULL;
}

struct fake_http *fake_http_new(const struct fake_script *scripts)
{
    struct fake_http *f = calloc(1, sizeof *f);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof a;

    assert(f);
    f->scripts = scripts;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->gone, NULL);
    f->stop_fd = eventfd(0, EFD_CLOEXEC);
    f->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (f->stop_fd < 0 || f->listen_fd < 0 || bind(f->listen_fd, (struct sockaddr *)&a, n) < 0 ||
        listen(f->listen_fd, 4096) < 0 ||
        getsockname(f->listen_fd, (struct sockaddr *)&a, &n) < 0 ||
        pthread_create(&f->acceptor, NULL, accept_all, f) != 0)
        abort();
    f->port = ntohs(a.sin_port);
    return f;
}

struct fake_http *fake_http_free(struct fake_http *f)
{
    uint64_t one = 1;

    if (!f)
        return NULL;
    if (write(f->stop_fd, &one, sizeof one) < 0)
        abort();
    pthread_join(f->acceptor, NULL);
    pthread_mutex_lock(&f->lock);
    while (f->live)
        pthread_cond_wait(&f->gone, &f->lock);
    pthread_mutex_unlock(&f->lock);
    close(f->listen_fd);
    close(f->stop_fd);
    pthread_cond_destroy(&f->gone);
    pthread_mutex_destroy(&f->lock);
    free(f);
    return NULL;
}

int fake_http_port(const struct fake_http *f)
{
    return f->port;
}

static int locked_read(struct fake_http *f, const int *what)
{
    int n = 0;

    pthread_mutex_lock(&f->lock);
    n = *what;
    pthread_mutex_unlock(&f->lock);
    return n;
}

int fake_http_connections(struct fake_http *f)
{
    return locked_read(f, &f->connections);
}

int fake_http_requests(struct fake_http *f)
{
    return locked_read(f, &f->requests);
}

size_t fake_http_flooded(struct fake_http *f)
{
    size_t n = 0;

    pthread_mutex_lock(&f->lock);
    n = f->flooded;
    pthread_mutex_unlock(&f->lock);
    return n;
}

void fake_http_last(struct fake_http *f, char *out, size_t cap)
{
    size_t n = 0;

    pthread_mutex_lock(&f->lock);
    n = strlen(f->last) < cap ? strlen(f->last) : cap - 1;
    memcpy(out, f->last, n);
    out[n] = '\0';
    pthread_mutex_unlock(&f->lock);
}
