/*
 * state: everything the simulator remembers, shared by its threads under one lock: counters, digests,
 * limit windows, the script. sim_state_begin() decides about one request, sim_state_end() closes it.
 *
 * Any thread may call these functions; time comes in as an argument.
 */
#ifndef SLUICE_CMD_SIM_STATE_H
#define SLUICE_CMD_SIM_STATE_H

#include <pthread.h>

#include "cmd/sim/count.h"
#include "cmd/sim/limit.h"
#include "cmd/sim/script.h"
#include "cmd/sim/setup.h"

#define SIM_MODELS_MAX 256 /* models past this are counted together */
#define SIM_STATUS_MAX 600
#define SIM_LIST_MAX   1000000 /* digests listed by GET /stats?digests=1 */

struct sim_model {
    char name[96];
    uint64_t hash;
    uint64_t requests, calls, paid, in_flight;
    struct sim_window window[SIM_LIMITS]; /* of all but SIM_PARALLEL */
};

struct sim_state {
    pthread_mutex_t lock;
    const struct sim_setup *setup;
    struct sim_script script;
    struct sim_counts bodies, headers;
    struct sim_model models[SIM_MODELS_MAX + 1]; /* the last one: all others */
    size_t model_count;
    struct sim_model all; /* windows and calls in flight when limits are for all models */
    uint64_t requests, ok, calls, paid, abandoned, in_flight, max_in_flight, connections;
    uint64_t status[SIM_STATUS_MAX], kinds[SIM_KINDS], violations[SIM_LIMITS];
    int64_t start_us;
};

/* What one request leaves behind until it is closed. */
struct sim_ticket {
    bool open, call;
    enum sim_kind kind;
    int status; /* that was sent */
    struct sim_model *model;
    uint64_t digest, header; /* header 0: the request had none */
};

struct sim_verdict {
    enum sim_limit broken; /* answer 429 for this reason */
    int64_t limit, wait_us;
    struct sim_fault fault;      /* kind SIM_NONE: none */
    uint64_t attempt;            /* how often this body was drawn for before */
    int64_t left[SIM_LIMITS];    /* in the windows, after this request */
    int64_t free_us[SIM_LIMITS]; /* until some of it comes back */
};

enum sim_end {
    SIM_DELIVERED, /* the whole answer went to the kernel */
    SIM_BROKEN,    /* a fault kept it from being whole */
    SIM_ABANDONED, /* the client left first */
};

void sim_state_init(struct sim_state *st, const struct sim_setup *s, int64_t now_us);
void sim_state_done(struct sim_state *st);
void sim_state_reset(struct sim_state *st, int64_t now_us); /* as if just started */

/* As in /stats: "rpm". */
const char *sim_limit_name(enum sim_limit l);

/* header: value of the counted header, or "". output: tokens of the answer. */
void sim_state_begin(struct sim_state *st, const struct sim_ask *a, const char *header,
                     int64_t output, int64_t now_us, struct sim_verdict *ret,
                     struct sim_ticket *ret_ticket);
void sim_state_end(struct sim_state *st, struct sim_ticket *t, enum sim_end end);
void sim_state_refused(struct sim_state *st, int status); /* a request that was no good */
void sim_state_connections(struct sim_state *st, int change);

void sim_state_counters(struct sim_state *st, struct sim_counters *ret);
void sim_state_json(struct sim_state *st, int64_t now_us, bool digests, struct buf *out);

#endif
