/*
 * race_watch: the admin port under the thread sanitizer: one thread shows snapshots as fast as it can, several
 * ask for pages and pause and go on, and none of them sees half a snapshot. In the end it is stopped while they ask.
 *
 *     race_watch [MILLISECONDS]
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cmd/admin/watch.h"

#define CLIENTS 3

/* libmicrohttpd is not built for the sanitizer: what it does with its own memory stays unseen, its own locks and
 * all. Reports of what our code does stay. */
const char *__tsan_default_suppressions(void);

const char *__tsan_default_suppressions(void)
{
    return "called_from_lib:libmicrohttpd.so\n";
}

static struct watch *watch;
static uint16_t port;
static atomic_bool over;
static atomic_llong pages, torn;

/* One request; the answer ends with the connection. False: there was none. */
static bool ask(const char *request, char *out, size_t cap)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t n = 0;
    ssize_t got = 1;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0 ||
        send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
        got = 0;
    while (got > 0 && n < cap - 1) {
        got = recv(fd, out + n, cap - 1 - n, 0);
        n += got > 0 ? (size_t)got : 0;
    }
    close(fd);
    out[n] = '\0';
    return n > 0;
}

/* Number behind a name, the first time that it comes. */
static long long number(const char *text, const char *name)
{
    const char *at = strstr(text, name);

    return at ? strtoll(at + strlen(name), NULL, 10) : -1;
}

static void *client(void *arg)
{
    static const char *const requests[] = {
        "GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /pause HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
        "POST /resume HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
    };
    enum { CAP = 1 << 20 };
    char *out = mem_alloc(CAP);

    for (size_t i = (size_t)(intptr_t)arg; !atomic_load(&over); i++) {
        if (!ask(requests[i % ARRAY_LEN(requests)], out, CAP))
            continue;
        atomic_fetch_add(&pages, 1);
        if (i % ARRAY_LEN(requests) == 0 &&
            number(out, "\"received\":") != number(out, "\"outcome_bytes\":"))
            atomic_fetch_add(&torn, 1);
    }
    free(out);
    return NULL;
}

int main(int argc, char **argv)
{
    int64_t until_us = clock_mono_us() + (argc > 1 ? strtoll(argv[1], NULL, 10) : 3000) * 1000;
    struct config *c = config_new();
    pthread_t thread[CLIENTS];
    struct err e = {0};
    uint64_t n = 0;

    if (watch_open(&watch, c, "127.0.0.1:0", &e) < 0) {
        fprintf(stderr, "%s\n", e.msg);
        return 1;
    }
    port = watch_port(watch);
    for (int i = 0; i < CLIENTS; i++)
        pthread_create(&thread[i], NULL, client, (void *)(intptr_t)i);
    while (clock_mono_us() < until_us) {
        struct snapshot *s = watch_begin(watch, clock_mono_us(), true);

        s->pool.submitted = ++n;
        s->store.outcome_bytes = n; /* on the same page, far behind */
        s->signs.paused = watch_is_paused(watch);
        watch_show(watch);
    }
    watch_close(watch);
    atomic_store(&over, true);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(thread[i], NULL);
    config_free(c);
    printf("snapshots %llu pages %lld torn %lld\n", (unsigned long long)n,
           (long long)atomic_load(&pages), (long long)atomic_load(&torn));
    return atomic_load(&torn) > 0 || atomic_load(&pages) < 20;
}
