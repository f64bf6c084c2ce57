/*
 * conn: one HTTP/1.1 connection on a loop: reads requests with libhttp-parser, has them served, and
 * sends replies, whole or as a fault wants it. Everything here runs on the loop's thread.
 */
#ifndef SLUICE_CMD_SIM_CONN_H
#define SLUICE_CMD_SIM_CONN_H

#include <http_parser.h>

#include "base/heap.h"
#include "base/list.h"
#include "cmd/sim/serve.h"

#define SIM_READ_BYTES (64 << 10)

/* What the connections of one thread share. */
struct sim_loop {
    struct sim_state *state;
    const struct sim_setup *setup;
    int epoll;
    struct list_node conns;
    size_t count;
    struct heap timers; /* of struct sim_conn, by monotonic microseconds */
    struct json_tokener *tok;
    struct sim_reply reply; /* the one being made; empty between events */
    struct buf wire;        /* its bytes */
    char scratch[SIM_READ_BYTES];
    int64_t now_us;
};

/* Where a connection is. */
enum sim_phase {
    SIM_READ,    /* waits for a request, or the rest of one */
    SIM_WAIT,    /* has the reply in `out`, waits for its time */
    SIM_WRITE,   /* sends `out`, waits for room in the socket */
    SIM_TRICKLE, /* sends a piece of `out` with each timer */
    SIM_SILENT,  /* a stall: closes with its timer */
    SIM_LINGER,  /* refused a request it did not read; drops what comes until the client has read */
};

enum sim_head { SIM_HEAD_OTHER, SIM_HEAD_AUTH, SIM_HEAD_KEY, SIM_HEAD_EXPECT, SIM_HEAD_COUNT };

struct sim_conn {
    struct sim_loop *loop;
    int fd;
    enum sim_phase phase;
    struct heap_node timer;
    struct list_node node;
    http_parser parser;
    /* the request being read */
    char url[256], name[64], key[512], count[128], expect[16];
    bool in_value; /* the last header callback was a value */
    enum sim_head head;
    bool complete;    /* the message is whole */
    int refuse;       /* status to refuse it with, found while reading */
    const char *view; /* body inside scratch; or NULL and it is in body */
    size_t view_len;
    struct buf body;
    struct buf rest; /* bytes behind the request */
    /* the socket */
    bool readable, eof, keep;
    /* the reply being sent */
    struct buf out;
    size_t sent, head_len;
    int64_t pad; /* spaces still to send behind out */
    struct sim_fault fault;
    struct sim_ticket ticket;
};

void sim_conn_new(struct sim_loop *l, int fd);
void sim_conn_event(struct sim_conn *c, uint32_t events); /* may free c, as sim_conn_timer() may */
void sim_conn_timer(struct sim_conn *c);
void sim_conn_close(struct sim_conn *c, enum sim_end end); /* frees c */

#endif
