/*
 * reply: one answer before it goes on the wire: status, extra headers, body, and the fault that shapes
 * how it is sent.
 */
#ifndef SLUICE_CMD_SIM_REPLY_H
#define SLUICE_CMD_SIM_REPLY_H

#include "base/buf.h"
#include "cmd/sim/ask.h"
#include "cmd/sim/fault.h"
#include "cmd/sim/setup.h"

#define SIM_BODY_MAX ((size_t)256 << 20) /* of an answer that is built in memory */

struct sim_reply {
    int status;
    const char *type;   /* content type */
    struct buf headers; /* "Name: value\r\n" lines beside the usual ones */
    struct buf body;
    struct sim_fault fault; /* kind SIM_NONE: sent as it is */
    int64_t output_tokens;
    int64_t delay_us;
};

void sim_reply_init(struct sim_reply *r);
void sim_reply_done(struct sim_reply *r);
void sim_reply_clear(struct sim_reply *r); /* 200, JSON, no fault, keeps small buffers */

/* An error in the words of the dialect. */
void sim_reply_fail(struct sim_reply *r, const struct sim_dialect *d, const struct sim_fail *f);

/* The answer to a good request. twist: SIM_REFUSAL, SIM_LENGTH, SIM_FILTER, SIM_EMPTY200 change what is
 * said; every other kind means the plain answer. */
void sim_reply_answer(struct sim_reply *r, const struct sim_setup *s, const struct sim_ask *a,
                      enum sim_kind twist);

/* Turns a plain answer into what the fault makes of it, and sets r->fault. */
void sim_reply_fault(struct sim_reply *r, const struct sim_setup *s, const struct sim_ask *a,
                     const struct sim_fault *f, int64_t wall_ms);

/* A 429 of our own limits. wait_us < 0: the request alone is larger than the limit. */
void sim_reply_limited(struct sim_reply *r, const struct sim_setup *s, const struct sim_ask *a,
                       const char *what, int64_t limit, int64_t wait_us, int64_t wall_ms);

#endif
