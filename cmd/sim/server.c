/*
 * server: the threads of the simulator: each has a listening socket, an epoll loop and its connections;
 * all share one state. Starts and stops them; see sim.h.
 */
#include "cmd/sim/sim.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cmd/sim/conn.h"

#define EVENTS_MAX  256
#define BACKLOG     4096
#define PAUSE_US    100000 /* no accepting after descriptors ran out */
#define SPARE_FILES 64
#define JSON_DEPTH  64

struct sim_thread {
    struct sim *sim;
    struct sim_loop loop;
    int listener, wake;
    int64_t paused_until_us; /* 0: accepting */
    pthread_t id;
    bool running;
};

struct sim {
    struct sim_setup setup;
    struct sim_state state;
    struct sim_thread *threads;
    size_t most; /* connections a thread takes */
    uint16_t port;
    atomic_bool stop;
};

static void watch_listener(struct sim_thread *t, int op, bool on)
{
    struct epoll_event ev = {.events = on ? EPOLLIN : 0, .data.ptr = &t->listener};

    epoll_ctl(t->loop.epoll, op, t->listener, &ev);
}

static void accept_all(struct sim_thread *t)
{
    for (;;) {
        int fd = accept4(t->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
            watch_listener(t, EPOLL_CTL_MOD, false);
            t->paused_until_us = t->loop.now_us + PAUSE_US;
        }
        if (fd < 0)
            return;
        if (t->loop.count >= t->sim->most)
            close(fd);
        else
            sim_conn_new(&t->loop, fd);
    }
}

/* Runs the timers that are due and says how long epoll may wait, in ms. */
static int run_timers(struct sim_thread *t)
{
    struct sim_loop *l = &t->loop;
    struct heap_node *n = NULL;
    int64_t wait_us = -1;

    while ((n = heap_top(&l->timers)) && n->key <= l->now_us) {
        heap_remove(&l->timers, n);
        sim_conn_timer(CONTAINER_OF(n, struct sim_conn, timer));
    }
    if (n)
        wait_us = n->key - l->now_us;
    if (t->paused_until_us && l->now_us >= t->paused_until_us) {
        t->paused_until_us = 0;
        watch_listener(t, EPOLL_CTL_MOD, true);
    }
    if (t->paused_until_us && (wait_us < 0 || wait_us > PAUSE_US))
        wait_us = PAUSE_US;
    return wait_us < 0 ? -1 : wait_us > 60000000 ? 60000 : (int)((wait_us + 999) / 1000);
}

static void *thread_main(void *arg)
{
    struct sim_thread *t = arg;
    struct epoll_event events[EVENTS_MAX];

    t->loop.now_us = clock_mono_us();
    while (!atomic_load(&t->sim->stop)) {
        int n = epoll_wait(t->loop.epoll, events, EVENTS_MAX, run_timers(t));

        t->loop.now_us = clock_mono_us();
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == &t->listener)
                accept_all(t);
            else if (events[i].data.ptr != &t->wake)
                sim_conn_event(events[i].data.ptr, events[i].events);
        }
    }
    while (!list_empty(&t->loop.conns))
        sim_conn_close(CONTAINER_OF(t->loop.conns.next, struct sim_conn, node), SIM_BROKEN);
    return NULL;
}

static int bind_one(const struct addrinfo *a, bool shared)
{
    int on = 1;
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (shared)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* accepted sockets inherit it */
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    close(fd);
    return -1;
}

static int listen_on(const char *host, int port, bool shared, struct err *e)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    char service[8];
    int fd = -1, rc = 0;

    snprintf(service, sizeof service, "%d", port);
    rc = getaddrinfo(host, service, &hints, &list);
    if (rc != 0)
        return err_set(e, EX_USAGE, "--host %s: %s", host, gai_strerror(rc));
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
        fd = bind_one(a, shared);
    freeaddrinfo(list);
    if (fd < 0)
        return err_set(e, EX_UNAVAILABLE, "cannot listen on %s port %d: %s", host, port,
                       strerror(errno));
    return fd;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage a = {0};
    socklen_t n = sizeof a;

    if (getsockname(fd, (struct sockaddr *)&a, &n) < 0)
        return 0;
    return ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port
                                         : ((struct sockaddr_in *)&a)->sin_port);
}

static void thread_done(struct sim_thread *t)
{
    if (t->listener >= 0)
        close(t->listener);
    if (t->wake >= 0)
        close(t->wake);
    if (t->loop.epoll >= 0)
        close(t->loop.epoll);
    if (t->loop.tok)
        json_tokener_free(t->loop.tok);
    heap_done(&t->loop.timers);
    sim_reply_done(&t->loop.reply);
    buf_done(&t->loop.wire);
}

static int thread_init(struct sim_thread *t, struct sim *s, struct err *e)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &t->wake};

    t->sim = s;
    t->listener = t->wake = t->loop.epoll = -1;
    t->loop.state = &s->state;
    t->loop.setup = &s->setup;
    list_init(&t->loop.conns);
    sim_reply_init(&t->loop.reply);
    buf_init(&t->loop.wire, SIM_BODY_MAX * 2 + 65536);
    t->loop.tok = json_tokener_new_ex(JSON_DEPTH);
    t->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    t->loop.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!t->loop.tok || t->wake < 0 || t->loop.epoll < 0)
        return err_set(e, EX_OSERR, "cannot make an event loop: %s", strerror(errno));
    t->listener =
        listen_on(s->setup.host, s->port ? s->port : s->setup.port, s->setup.threads > 1, e);
    if (t->listener < 0)
        return -1;
    s->port = port_of(t->listener);
    epoll_ctl(t->loop.epoll, EPOLL_CTL_ADD, t->wake, &ev);
    watch_listener(t, EPOLL_CTL_ADD, true);
    return 0;
}

/* Signals are for the thread that started us. */
static int thread_run(struct sim_thread *t, struct err *e)
{
    sigset_t all, before;
    int rc = 0;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&t->id, NULL, thread_main, t);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0)
        return err_set(e, EX_OSERR, "cannot start a thread: %s", strerror(rc));
    t->running = true;
    return 0;
}

/* As many connections as asked for, if the process may open that many files. */
static size_t connections_allowed(const struct sim_setup *s)
{
    struct rlimit l = {0};
    size_t most = s->max_connections;

    if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < most + SPARE_FILES) {
        l.rlim_cur = l.rlim_max;
        setrlimit(RLIMIT_NOFILE, &l);
        if (l.rlim_cur < most + SPARE_FILES && l.rlim_cur > 2 * SPARE_FILES)
            most = (size_t)l.rlim_cur - SPARE_FILES;
    }
    return (most + (size_t)s->threads - 1) / (size_t)s->threads;
}

struct sim *sim_start(const struct sim_conf *conf, struct err *e)
{
    struct sim *s = mem_alloc(sizeof *s);
    int count = 0, rc = 0;

    if (sim_setup_init(&s->setup, conf, e) < 0) {
        free(s);
        return NULL;
    }
    sim_state_init(&s->state, &s->setup, clock_mono_us());
    count = s->setup.threads;
    s->threads = mem_array((size_t)count, sizeof *s->threads);
    s->most = connections_allowed(&s->setup);
    for (int i = 0; i < count; i++) /* so that sim_stop() may be called at any point */
        s->threads[i].listener = s->threads[i].wake = s->threads[i].loop.epoll = -1;
    if (conf->script)
        rc = sim_script_load(&s->state.script, conf->script, e);
    for (int i = 0; i < count && rc == 0; i++)
        rc = thread_init(&s->threads[i], s, e);
    for (int i = 0; i < count && rc == 0; i++)
        rc = thread_run(&s->threads[i], e);
    if (rc == 0)
        return s;
    sim_stop(s);
    return NULL;
}

uint16_t sim_port(const struct sim *s)
{
    return s->port;
}

void sim_counters(struct sim *s, struct sim_counters *ret)
{
    sim_state_counters(&s->state, ret);
}

void sim_stats(struct sim *s, bool digests, struct buf *out)
{
    sim_state_json(&s->state, clock_mono_us(), digests, out);
}

void sim_stop(struct sim *s)
{
    uint64_t one = 1;

    if (!s)
        return;
    atomic_store(&s->stop, true);
    for (int i = 0; i < s->setup.threads; i++) {
        struct sim_thread *t = &s->threads[i];

        if (t->running && write(t->wake, &one, sizeof one) == sizeof one)
            pthread_join(t->id, NULL);
        thread_done(t);
    }
    free(s->threads);
    sim_state_done(&s->state);
    sim_setup_done(&s->setup);
    free(s);
}
