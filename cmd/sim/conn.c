/*
 * conn: the life of one connection; see conn.h. What is answered is serve.c's decision.
 *
 * Sockets are registered once, edge-triggered, for both directions; `readable` remembers that there
 * may be input. While a reply is due nothing is read, so a client that pipelines is held back by TCP.
 * A request that arrives in one piece is parsed and answered without a copy of its body, and an idle
 * connection owns no buffer. Functions that return int give -1 when the connection is gone.
 */
#include "cmd/sim/conn.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cmd/sim/dialect.h"
#include "cmd/sim/parse.h"

#define LINGER_US 1000000
#define WIRE_MAX  (SIM_BODY_MAX * 2 + 65536)

void sim_conn_new(struct sim_loop *l, int fd)
{
    struct sim_conn *c = mem_alloc(sizeof *c);
    struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};

    c->loop = l;
    c->fd = fd;
    buf_init(&c->body, l->setup->body_max);
    buf_init(&c->rest, SIM_READ_BYTES);
    buf_init(&c->out, WIRE_MAX);
    list_push(&l->conns, &c->node);
    l->count++;
    sim_parse_start(c);
    sim_state_connections(l->state, 1);
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
        sim_conn_close(c, SIM_ABANDONED);
}

void sim_conn_close(struct sim_conn *c, enum sim_end end)
{
    struct sim_loop *l = c->loop;

    sim_state_end(l->state, &c->ticket, end);
    sim_state_connections(l->state, -1);
    heap_remove(&l->timers, &c->timer);
    list_remove(&c->node);
    l->count--;
    close(c->fd);
    buf_done(&c->body);
    buf_done(&c->rest);
    buf_done(&c->out);
    free(c);
}

static int drop(struct sim_conn *c, enum sim_end end)
{
    sim_conn_close(c, end);
    return -1;
}

static void reset_peer(struct sim_conn *c)
{
    struct linger hard = {.l_onoff = 1, .l_linger = 0};

    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

/* The reply is out: back to reading, or the end. */
static int finish(struct sim_conn *c)
{
    bool broken = c->fault.kind == SIM_CUT;

    if (broken)
        return drop(c, SIM_BROKEN);
    sim_state_end(c->loop->state, &c->ticket, SIM_DELIVERED);
    buf_done(&c->out);
    c->sent = 0;
    if (c->refuse) {
        shutdown(c->fd, SHUT_WR);
        c->phase = SIM_LINGER;
        c->readable = true;
        heap_push(&c->loop->timers, &c->timer, c->loop->now_us + LINGER_US);
        return 0;
    }
    if (!c->keep)
        return drop(c, SIM_DELIVERED);
    c->phase = SIM_READ;
    buf_done(&c->body);
    sim_parse_start(c);
    return 0;
}

/* Sends from p; *ret_sent is what the kernel took, which is less than n when it is full. */
static int push(struct sim_conn *c, const char *p, size_t n, size_t *ret_sent)
{
    *ret_sent = 0;
    while (*ret_sent < n) {
        ssize_t took = send(c->fd, p + *ret_sent, n - *ret_sent, MSG_NOSIGNAL);

        if (took >= 0)
            *ret_sent += (size_t)took;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return 0;
        else if (errno != EINTR)
            return drop(c, SIM_ABANDONED);
    }
    return 0;
}

/* Sends what is left of `out` and the padding. */
static int flush(struct sim_conn *c)
{
    static char spaces[16 << 10];
    size_t took = 0;

    c->phase = SIM_WRITE;
    if (push(c, c->out.data + c->sent, c->out.len - c->sent, &took) < 0)
        return -1;
    c->sent += took;
    if (c->sent < c->out.len)
        return 0;
    if (c->pad && !spaces[0])
        memset(spaces, ' ', sizeof spaces);
    while (c->pad) {
        size_t n = c->pad < (int64_t)sizeof spaces ? (size_t)c->pad : sizeof spaces;

        if (push(c, spaces, n, &took) < 0)
            return -1;
        c->pad -= (int64_t)took;
        if (took < n)
            return 0;
    }
    return finish(c);
}

static int trickle(struct sim_conn *c)
{
    size_t left = c->out.len - c->sent, n = (size_t)c->fault.bytes, took = 0;

    c->phase = SIM_TRICKLE;
    if (push(c, c->out.data + c->sent, n < left ? n : left, &took) < 0)
        return -1;
    c->sent += took;
    if (c->sent == c->out.len)
        return finish(c);
    heap_push(&c->loop->timers, &c->timer, c->loop->now_us + c->fault.wait_ms * 1000 + 1);
    return 0;
}

/* The time of the reply in `out` has come. */
static int release(struct sim_conn *c)
{
    size_t body = c->out.len - c->head_len;

    switch (c->fault.kind) {
    case SIM_RESET:
        reset_peer(c);
        return drop(c, SIM_BROKEN);
    case SIM_STALL:
        c->phase = SIM_SILENT;
        heap_push(&c->loop->timers, &c->timer, c->loop->now_us + c->fault.for_ms * 1000);
        return 0;
    case SIM_DRIP:
        return trickle(c);
    case SIM_CUT: /* at least one byte is missing */
        c->out.len = c->head_len + (body ? (body - 1) * (size_t)c->fault.percent / 100 : 0);
        return flush(c);
    default:
        return flush(c);
    }
}

static void write_head(struct sim_conn *c, const struct sim_reply *r, struct buf *w)
{
    const char *reason =
        r->status == 529 ? "Overloaded" : http_status_str((enum http_status)r->status);

    buf_printf(w, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\n", r->status, reason, r->type);
    if (r->fault.kind == SIM_DRIP)
        buf_str(w, "Transfer-Encoding: chunked\r\n");
    else
        buf_printf(w, "Content-Length: %llu\r\n",
                   (unsigned long long)r->body.len + (unsigned long long)c->pad);
    if (!c->keep)
        buf_str(w, "Connection: close\r\n");
    if (r->headers.len)
        buf_append(w, r->headers.data, r->headers.len);
    buf_str(w, "\r\n");
    c->head_len = w->len;
}

static void write_chunks(const struct sim_reply *r, struct buf *w)
{
    size_t step = (size_t)r->fault.bytes;

    for (size_t at = 0; at < r->body.len; at += step) {
        size_t n = r->body.len - at < step ? r->body.len - at : step;

        buf_printf(w, "%zx\r\n", n);
        buf_append(w, r->body.data + at, n);
        buf_str(w, "\r\n");
    }
    buf_str(w, "0\r\n\r\n");
}

/* Writes loop->reply to loop->wire. */
static void assemble(struct sim_conn *c)
{
    struct sim_reply *r = &c->loop->reply;
    struct buf *w = &c->loop->wire;

    buf_clear(w);
    c->fault = r->fault;
    if (c->fault.kind == SIM_DRIP && c->fault.bytes < 1)
        c->fault.bytes = r->fault.bytes = 1;
    c->pad = 0;
    if (c->fault.kind == SIM_HUGE && c->fault.bytes > (int64_t)r->body.len)
        c->pad = c->fault.bytes - (int64_t)r->body.len;
    write_head(c, r, w);
    if (c->fault.kind == SIM_DRIP)
        write_chunks(r, w);
    else if (r->body.len)
        buf_append(w, r->body.data, r->body.len);
}

/* Sends loop->reply now or after its delay. */
static int begin_reply(struct sim_conn *c)
{
    struct sim_loop *l = c->loop;
    size_t took = 0;

    assemble(c);
    if (l->reply.delay_us == 0 && c->fault.kind == SIM_NONE) {
        if (push(c, l->wire.data, l->wire.len, &took) < 0)
            return -1;
        if (took == l->wire.len)
            return finish(c);
    }
    buf_append(&c->out, l->wire.data + took, l->wire.len - took);
    c->sent = 0;
    if (l->wire.cap > SIM_READ_BYTES * 4)
        buf_done(&l->wire);
    if (l->reply.delay_us == 0)
        return took ? flush(c) : release(c);
    c->phase = SIM_WAIT;
    heap_push(&l->timers, &c->timer, l->now_us + l->reply.delay_us);
    return 0;
}

static int refuse(struct sim_conn *c)
{
    struct sim_fail f = {.error = c->refuse == 413 ? SIM_TOO_LARGE : SIM_BAD_REQUEST,
                         .status = c->refuse};

    snprintf(f.message, sizeof f.message, "%s (limit of a body: %zu bytes)",
             http_status_str((enum http_status)c->refuse), c->loop->setup->body_max);
    sim_reply_fail(&c->loop->reply, sim_dialect_guess(c->url), &f);
    sim_state_refused(c->loop->state, c->refuse);
    c->keep = false;
    return begin_reply(c);
}

static int serve(struct sim_conn *c)
{
    struct sim_loop *l = c->loop;
    struct sim_call call = {.get = c->parser.method == HTTP_GET,
                            .url = c->url,
                            .key = c->key,
                            .count = c->count,
                            .body = c->view        ? c->view
                                    : c->body.data ? c->body.data
                                                   : "",
                            .body_len = c->view ? c->view_len : c->body.len,
                            .now_us = l->now_us,
                            .wall_ms = clock_wall_ms()};

    c->keep = http_should_keep_alive(&c->parser) && !c->eof;
    sim_serve(l->state, l->tok, &call, &l->reply, &c->ticket);
    return begin_reply(c);
}

static int feed(struct sim_conn *c, const char *p, size_t n)
{
    size_t used = sim_parse_feed(c, p, n);

    if (c->refuse)
        return refuse(c);
    if (!c->complete)
        return 0;
    if (used < n)
        buf_append(&c->rest, p + used, n - used);
    return serve(c);
}

static int feed_rest(struct sim_conn *c)
{
    struct buf rest = c->rest;
    int rc = 0;

    buf_init(&c->rest, SIM_READ_BYTES);
    rc = feed(c, rest.data, rest.len);
    buf_done(&rest);
    return rc;
}

static int receive(struct sim_conn *c)
{
    struct sim_loop *l = c->loop;
    ssize_t n = recv(c->fd, l->scratch, sizeof l->scratch, 0);

    if (n == 0)
        return drop(c, SIM_ABANDONED);
    if (n < 0) {
        c->readable = errno == EINTR;
        return c->readable || errno == EAGAIN || errno == EWOULDBLOCK ? 0 : drop(c, SIM_ABANDONED);
    }
    if ((size_t)n < sizeof l->scratch && !c->eof)
        c->readable = false; /* drained: the next edge says when there is more */
    return c->phase == SIM_LINGER ? 0 : feed(c, l->scratch, (size_t)n);
}

/* Reads and answers until there is nothing more to read or a reply has to wait. */
static void run(struct sim_conn *c)
{
    while (c->phase == SIM_READ || c->phase == SIM_LINGER) {
        int rc = 0;

        if (c->phase == SIM_READ && c->rest.len)
            rc = feed_rest(c);
        else if (c->readable)
            rc = receive(c);
        else
            return;
        if (rc < 0)
            return;
    }
}

void sim_conn_event(struct sim_conn *c, uint32_t events)
{
    bool reading = c->phase == SIM_READ || c->phase == SIM_LINGER;

    if (events & (EPOLLERR | EPOLLHUP)) {
        sim_conn_close(c, SIM_ABANDONED);
        return;
    }
    if (events & (EPOLLIN | EPOLLRDHUP))
        c->readable = true;
    if (events & EPOLLRDHUP) {
        /* A client that closes its side with the request may still read; one that closes later, while
         * it should be waiting, has gone. */
        c->eof = true;
        if (!reading) {
            sim_conn_close(c, SIM_ABANDONED);
            return;
        }
    }
    if (c->phase == SIM_WRITE && (events & EPOLLOUT) && flush(c) < 0)
        return;
    run(c);
}

void sim_conn_timer(struct sim_conn *c)
{
    int rc = 0;

    switch (c->phase) {
    case SIM_WAIT:
        rc = release(c);
        break;
    case SIM_TRICKLE:
        rc = trickle(c);
        break;
    default:
        rc = drop(c, SIM_BROKEN);
    }
    if (rc == 0)
        run(c);
}
