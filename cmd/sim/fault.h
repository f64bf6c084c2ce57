/*
 * fault: what can go wrong with an answer, as a table of kinds, and the two ways to say when: a plan of
 * percentages, and a script of exact scenarios (script.h).
 *
 * A draw depends only on the seed, the digest of the request body and how often that body was drawn
 * for before, so that a run can be repeated whatever the order in which requests arrive.
 */
#ifndef SLUICE_CMD_SIM_FAULT_H
#define SLUICE_CMD_SIM_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include "base/err.h"
#include "cmd/sim/raw.h"

enum sim_kind {
    SIM_NONE,
    SIM_429,
    SIM_500,
    SIM_503,
    SIM_529,
    SIM_QUOTA,
    SIM_AUTH,
    SIM_NOTFOUND,
    SIM_CONTEXT,
    SIM_RESET,    /* connection reset instead of an answer */
    SIM_STALL,    /* silence, then the connection is closed */
    SIM_CUT,      /* the connection is closed inside the answer */
    SIM_DRIP,     /* the answer comes in small chunks */
    SIM_ERROR200, /* status 200 with an error in it */
    SIM_EMPTY200, /* status 200 with nothing in it */
    SIM_HTML200,
    SIM_NOTJSON,
    SIM_REFUSAL,
    SIM_LENGTH,
    SIM_FILTER,
    SIM_HUGE,
    SIM_RAW, /* what the script says, word for word */
    SIM_KINDS
};

enum sim_header {
    SIM_HEADER_RETRY_AFTER,
    SIM_HEADER_RETRY_AFTER_MS,
    SIM_HEADER_DATE,
    SIM_HEADER_RESET, /* the dialect's own remaining/reset headers */
    SIM_HEADER_NONE,
};

struct sim_fault {
    enum sim_kind kind;
    enum sim_header header; /* 429, 503, 529 */
    int64_t wait_ms;        /* what the header says; pause between two chunks of a drip */
    int64_t for_ms;         /* how long a stall lasts */
    int64_t bytes;          /* of a huge answer; of one chunk of a drip */
    int64_t percent;        /* how much of a cut answer is sent */
    struct sim_raw *raw;    /* SIM_RAW: owned by the line of the script */
};

struct sim_fault_rule {
    struct sim_fault fault;
    double percent;
    char model[64]; /* "": any */
};

#define SIM_RULES_MAX 64

struct sim_plan {
    struct sim_fault_rule rules[SIM_RULES_MAX];
    size_t count;
};

const char *sim_kind_name(enum sim_kind kind);
bool sim_kind_billed(enum sim_kind kind); /* would a provider have done (and billed) the work? */

int sim_header_parse(const char *text, enum sim_header *ret); /* 0 or -1 */
void sim_fault_default(enum sim_kind kind, struct sim_fault *ret);

/* Adds "KIND:PERCENT[,key=value]..." to the plan. */
int sim_plan_add(struct sim_plan *p, const char *text, struct err *e);

/* {"kind":"429","header":"retry-after","wait":"2s"}; text values as in the plan. ret->raw is the caller's. */
int sim_fault_from_json(struct json_object *o, struct sim_fault *ret, struct err *e);

/* What happens to this draw; NULL: nothing. attempt counts from 0. */
const struct sim_fault *sim_plan_draw(const struct sim_plan *p, uint64_t seed, uint64_t digest,
                                      uint64_t attempt, const char *model);

#endif
