/*
 * setup: the settings of a running simulator, read once from struct sim_conf and constant afterwards;
 * every thread may read it.
 */
#ifndef SLUICE_CMD_SIM_SETUP_H
#define SLUICE_CMD_SIM_SETUP_H

#include "cmd/sim/fault.h"
#include "cmd/sim/latency.h"
#include "cmd/sim/sim.h"
#include "cmd/sim/text.h"

struct sim_setup {
    char *host;
    int port;
    int threads;
    uint64_t seed;
    size_t body_max;
    size_t max_connections;
    size_t max_digests;
    char *api_key;      /* NULL: none */
    char *count_header; /* lower case not needed: names are compared without case */
    char **models;
    size_t model_count;
    struct sim_latency latency;
    struct sim_voice voice;
    int64_t cached_percent, reasoning_tokens, dimensions;
    int64_t limit[SIM_LIMITS]; /* 0: none */
    bool limit_all, count_only;
    int64_t window_us;
    enum sim_header limit_header;
    struct sim_plan plan;
};

int sim_setup_init(struct sim_setup *s, const struct sim_conf *c, struct err *e);
void sim_setup_done(struct sim_setup *s);
bool sim_setup_has_model(const struct sim_setup *s, const char *model);

#endif
