/*
 * serve: from one HTTP request to one reply, with no socket in sight.
 */
#ifndef SLUICE_CMD_SIM_SERVE_H
#define SLUICE_CMD_SIM_SERVE_H

#include "cmd/sim/reply.h"
#include "cmd/sim/state.h"

struct sim_call {
    bool get;          /* else POST; other methods are refused before */
    const char *url;   /* path and query, NUL-terminated */
    const char *key;   /* API key of the request, or "" */
    const char *count; /* value of the counted header, or "" */
    const char *body;
    size_t body_len;
    int64_t now_us, wall_ms;
};

/* Fills reply (which was initialised) and ticket. tok belongs to the calling thread. */
void sim_serve(struct sim_state *st, struct json_tokener *tok, const struct sim_call *c,
               struct sim_reply *r, struct sim_ticket *ret_ticket);

#endif
