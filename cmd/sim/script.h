/*
 * script: exact scenarios, a file of JSON lines. Each line says which requests it is for and what
 * happens to them:
 *
 *   {"match":{"model":"x","contains":"text","attempt":1,"nth":1,"api":"chat"},
 *    "fault":{"kind":"429","header":"retry-after","wait":"2s"}, "times":3, "from":"10s","until":"40s"}
 *
 * Every member but `fault` may be left out. `contains` is looked for in the bytes of the body, `attempt`
 * is how often this body was sent (from 1), `nth` how many requests matched this line so far (from 1),
 * `times` how often the line applies, `from` and `until` count from the start of the simulator. The
 * first line that applies wins; a kind of "none" protects a request from later lines and the plan; a kind of
 * "raw" gives the answer word for word (raw.h).
 */
#ifndef SLUICE_CMD_SIM_SCRIPT_H
#define SLUICE_CMD_SIM_SCRIPT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "cmd/sim/fault.h"

#define SIM_SCRIPT_LINES_MAX 4096

struct sim_script_line {
    char *model, *contains, *api; /* NULL: any */
    int64_t attempt, nth;         /* 0: any */
    int64_t times;                /* 0: no end */
    int64_t from_ms, until_ms;    /* until 0: no end */
    struct sim_fault fault;
    int64_t matched, applied;
};

struct sim_script {
    struct sim_script_line *lines;
    size_t count;
};

struct sim_script_ask {
    const char *api, *model;
    const char *body;
    size_t body_len;
    int64_t attempt; /* from 1 */
    int64_t at_ms;   /* since the start */
};

int sim_script_load(struct sim_script *s, const char *path, struct err *e);
int sim_script_add(struct sim_script *s, const char *line, size_t n, struct err *e);
void sim_script_done(struct sim_script *s);
void sim_script_restart(struct sim_script *s); /* forgets what was matched */

/* The fault for this request, or NULL. Counts. */
const struct sim_fault *sim_script_apply(struct sim_script *s, const struct sim_script_ask *a);

#endif
