/*
 * dialect: one interface of a provider as the simulator speaks it. Everything else (faults, limits,
 * counting, connections) is the same for all of them.
 *
 * How to add one: write cmd/sim/<name>.c with the entries below, and name it in dialects.h and in the table
 * of dialect.c. A request must hold its model, in the body or in the path. Pure: no clock, no socket, no
 * state.
 */
#ifndef SLUICE_CMD_SIM_DIALECT_H
#define SLUICE_CMD_SIM_DIALECT_H

#include <stdbool.h>

#include "cmd/sim/reply.h"

/* What a client is told of a limit, on good answers and on a 429. */
struct sim_pace {
    const char *what; /* "requests", "tokens", "input-tokens", "output-tokens" */
    int64_t limit;    /* -1: not said */
    int64_t left;
    int64_t reset_ms; /* until there is room again */
    int64_t wall_ms;
};

struct sim_dialect {
    const char *name; /* in scripts: "chat", "messages" */

    /*
     * Paths that take a POST, NULL at the end; a path is also found without its first "/v1". One '*'
     * stands for the model, which then is not looked for in the body: any bytes up to what follows
     * the '*', percent-decoded.
     */
    const char *const *paths;

    /* Checks a->body, fills text, prompt_tokens and max_tokens. 0, or -1 with f filled. */
    int (*read)(struct sim_ask *a, struct sim_fail *f);

    /* Appends the answer to r->body and sets r->output_tokens. twist: as for sim_reply_answer(). */
    void (*answer)(struct sim_reply *r, const struct sim_setup *s, const struct sim_ask *a,
                   enum sim_kind twist);

    /* Sets r->status and appends the error to r->body, headers to r->headers. */
    void (*error)(struct sim_reply *r, const struct sim_fail *f);

    /* error() says in the body when to come back, from sim_fail.wait_ms; no header does. */
    bool body_waits;

    /* MAY be NULL. Appends rate-limit headers. */
    void (*pace)(struct sim_reply *r, const struct sim_pace *p);
};

/* The dialect whose path this is, or NULL; the model's name, when the path holds it, to model. */
const struct sim_dialect *sim_dialect_find(const char *url, char *model, size_t cap);

/* The dialect in which a request that reached no path is refused: the nearest by its path. */
const struct sim_dialect *sim_dialect_guess(const char *url);

/* Appends ", "-separated paths of all dialects. */
void sim_dialect_paths(struct buf *out);

#endif
