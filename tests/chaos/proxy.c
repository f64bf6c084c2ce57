/*
 * proxy: TCP connections that can be cut, held up, delayed and throttled while they run.
 *
 *   proxy CONTROL LISTEN:TARGET...
 *
 * Listens on the LISTEN ports of 127.0.0.1 and passes everything on to the TARGET ports. CONTROL is a FIFO; a line
 * in it is an order for all connections, at once:
 *
 *   pass          as if the proxy was not there (how it starts)
 *   cut           close every connection; new ones pass
 *   refuse        close every connection and every new one
 *   hold          keep them open and pass nothing on
 *   delay MS      pass everything on MS later
 *   throttle N    at most N bytes a second for each direction of each connection
 *
 * One thread, poll(). Ends with SIGTERM. It does not know Kafka.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"

#define PAIRS_MAX 8
#define LINKS_MAX 1000
#define HELD_MAX  (256 << 10) /* bytes waiting in one direction; then reading stops */
#define CHUNK     (16 << 10)
#define TICK_MS   20 /* while something waits for its time */

enum mode { PASS, REFUSE, HOLD, DELAY, THROTTLE };

struct chunk {
    struct list_node node;
    int64_t due_us;
    size_t len, sent;
    char data[CHUNK];
};

/* One direction of a connection. */
struct flow {
    int from, to;
    struct list_node chunks;
    size_t held;
    bool ended;      /* nothing more comes from `from` */
    bool said;       /* `to` was told so */
    int64_t free_us; /* throttled: when the next bytes may go */
};

struct link {
    struct list_node node;
    struct flow flows[2];
    struct pollfd *fds; /* two, of this round */
};

struct pair {
    int listener;
    uint16_t target;
};

static struct pair pairs[PAIRS_MAX];
static size_t npairs, nlinks;
static struct list_node links;
static enum mode mode;
static int64_t setting;

static void die(const char *what)
{
    fprintf(stderr, "proxy: %s: %s\n", what, strerror(errno));
    exit(EX_OSERR);
}

static struct sockaddr_in local(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void add_pair(const char *text)
{
    unsigned listen_port, target_port;
    struct sockaddr_in at;
    int one = 1, fd;

    if (npairs == PAIRS_MAX || sscanf(text, "%u:%u", &listen_port, &target_port) != 2) {
        fprintf(stderr, "proxy: %s is no LISTEN:TARGET\n", text);
        exit(EX_USAGE);
    }
    at = local((uint16_t)listen_port);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
        bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 128) < 0)
        die(text);
    pairs[npairs++] = (struct pair){fd, (uint16_t)target_port};
}

static void flow_clear(struct flow *f)
{
    struct list_node *n;

    while ((n = list_pop(&f->chunks)))
        free(CONTAINER_OF(n, struct chunk, node));
}

static void link_close(struct link *l)
{
    struct linger reset = {.l_onoff = 1};

    for (int i = 0; i < 2; i++) {
        flow_clear(&l->flows[i]);
        /* A reset, as from a box on the way that forgot the connection. */
        setsockopt(l->flows[i].from, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(l->flows[i].from);
    }
    list_remove(&l->node);
    nlinks--;
    free(l);
}

static void close_all(void)
{
    while (!list_empty(&links))
        link_close(CONTAINER_OF(links.next, struct link, node));
}

static void accept_one(const struct pair *p)
{
    int client = accept4(p->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), server;
    struct sockaddr_in at = local(p->target);
    struct link *l;

    if (client < 0)
        return;
    server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* Loopback answers at once, or refuses. */
    if (mode == REFUSE || nlinks == LINKS_MAX || server < 0 ||
        connect(server, (struct sockaddr *)&at, sizeof at) < 0 ||
        fcntl(server, F_SETFL, O_NONBLOCK) < 0) {
        close(client);
        if (server >= 0)
            close(server);
        return;
    }
    l = mem_alloc(sizeof *l);
    l->flows[0] = (struct flow){.from = client, .to = server};
    l->flows[1] = (struct flow){.from = server, .to = client};
    list_init(&l->flows[0].chunks);
    list_init(&l->flows[1].chunks);
    list_push(&links, &l->node);
    nlinks++;
}

/* -1: the connection broke. */
static int flow_read(struct flow *f, int64_t now_us)
{
    struct chunk *c = mem_alloc(sizeof *c);
    ssize_t n = read(f->from, c->data, sizeof c->data);

    if (n <= 0) {
        free(c);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return -1;
        f->ended = n == 0 || f->ended;
        return 0;
    }
    c->len = (size_t)n;
    c->due_us = now_us + (mode == DELAY ? setting * 1000 : 0);
    list_push(&f->chunks, &c->node);
    f->held += c->len;
    return 0;
}

/* May the first chunk go now, and how much of it? */
static size_t allowed(const struct flow *f, const struct chunk *c, int64_t now_us)
{
    size_t left = c->len - c->sent, tick = (size_t)(setting * TICK_MS / 1000) + 1;

    if (mode == HOLD || now_us < c->due_us)
        return 0;
    if (mode != THROTTLE)
        return left;
    if (now_us < f->free_us)
        return 0;
    return left < tick ? left : tick;
}

static int flow_write(struct flow *f, int64_t now_us)
{
    while (!list_empty(&f->chunks)) {
        struct chunk *c = CONTAINER_OF(f->chunks.next, struct chunk, node);
        size_t n = allowed(f, c, now_us);
        ssize_t wrote = n ? send(f->to, c->data + c->sent, n, MSG_NOSIGNAL) : 0;

        if (wrote < 0 && errno != EAGAIN && errno != EINTR)
            return -1;
        if (wrote <= 0)
            return 0;
        c->sent += (size_t)wrote;
        f->held -= (size_t)wrote;
        if (mode == THROTTLE)
            f->free_us = now_us + TICK_MS * 1000;
        if (c->sent < c->len)
            return 0;
        list_remove(&c->node);
        free(c);
    }
    if (f->ended && !f->said) {
        shutdown(f->to, SHUT_WR);
        f->said = true;
    }
    return 0;
}

/* Reads and writes what is possible. False: the connection is over. */
static bool link_serve(struct link *l, int64_t now_us)
{
    for (int i = 0; i < 2; i++) {
        struct flow *f = &l->flows[i];

        if (l->fds[i].revents & (POLLIN | POLLHUP | POLLERR) && !f->ended && f->held < HELD_MAX &&
            flow_read(f, now_us) < 0)
            return false;
    }
    return flow_write(&l->flows[0], now_us) == 0 && flow_write(&l->flows[1], now_us) == 0 &&
           !(l->flows[0].said && l->flows[1].said);
}

static void obey(char *line)
{
    static const struct {
        const char *name;
        enum mode mode;
        bool close;
    } orders[] = {{"pass", PASS, false}, {"cut", PASS, true},     {"refuse", REFUSE, true},
                  {"hold", HOLD, false}, {"delay", DELAY, false}, {"throttle", THROTTLE, false}};
    char name[16] = "";
    long long n = 0;

    if (sscanf(line, "%15s %lld", name, &n) < 1)
        return;
    for (size_t i = 0; i < ARRAY_LEN(orders); i++)
        if (strcmp(orders[i].name, name) == 0) {
            mode = orders[i].mode;
            setting = n;
            if (orders[i].close)
                close_all();
            return;
        }
    fprintf(stderr, "proxy: there is no order %s\n", name);
}

/* A line is far below PIPE_BUF, so a read gives whole ones. */
static void read_orders(int fd)
{
    char text[512], *save = NULL;
    ssize_t n = read(fd, text, sizeof text - 1);

    if (n <= 0)
        return;
    text[n] = 0;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        obey(line);
}

static size_t fill(struct pollfd *fds, int control)
{
    size_t n = 0;

    fds[n++] = (struct pollfd){.fd = control, .events = POLLIN};
    for (size_t i = 0; i < npairs; i++)
        fds[n++] = (struct pollfd){.fd = pairs[i].listener, .events = POLLIN};
    for (struct list_node *i = links.next; i != &links; i = i->next) {
        struct link *l = CONTAINER_OF(i, struct link, node);

        l->fds = &fds[n];
        for (int k = 0; k < 2; k++) {
            const struct flow *in = &l->flows[k], *out = &l->flows[1 - k];
            bool writes = mode == PASS && !list_empty(&out->chunks);
            bool reads = !in->ended && in->held < HELD_MAX && mode != HOLD;

            /* Not polled when nothing is wanted: a half-closed socket would wake us for ever. */
            fds[n++] =
                (struct pollfd){.fd = reads || writes ? in->from : -1,
                                .events = (short)((reads ? POLLIN : 0) | (writes ? POLLOUT : 0))};
        }
    }
    return n;
}

static void serve_links(int64_t now_us)
{
    struct list_node *next;

    for (struct list_node *i = links.next; i != &links; i = next) {
        struct link *l = CONTAINER_OF(i, struct link, node);

        next = i->next;
        if (!link_serve(l, now_us))
            link_close(l);
    }
}

int main(int argc, char **argv)
{
    static struct pollfd fds[1 + PAIRS_MAX + 2 * LINKS_MAX];
    int control;

    if (argc < 3) {
        fprintf(stderr, "usage: proxy CONTROL LISTEN:TARGET...\n");
        return EX_USAGE;
    }
    list_init(&links);
    signal(SIGPIPE, SIG_IGN);
    control = open(argv[1], O_RDWR | O_NONBLOCK | O_CLOEXEC); /* both ways: never at its end */
    if (control < 0)
        die(argv[1]);
    for (int i = 2; i < argc; i++)
        add_pair(argv[i]);
    for (;;) {
        size_t n = fill(fds, control);

        if (poll(fds, n, mode == PASS ? -1 : TICK_MS) < 0 && errno != EINTR)
            die("poll");
        serve_links(clock_mono_us());
        for (size_t i = 0; i < npairs; i++)
            if (fds[1 + i].revents)
                accept_one(&pairs[i]);
        if (fds[0].revents)
            read_orders(control);
    }
}
