/*
 * latency: how long an answer takes: a constant, uniform, or lognormal time, bounded to an hour.
 */
#ifndef SLUICE_CMD_SIM_LATENCY_H
#define SLUICE_CMD_SIM_LATENCY_H

#include <stdint.h>

#include "base/err.h"
#include "base/rng.h"

enum sim_latency_kind { SIM_LATENCY_FIXED, SIM_LATENCY_UNIFORM, SIM_LATENCY_LOGNORMAL };

struct sim_latency {
    enum sim_latency_kind kind;
    int64_t low_ms;  /* fixed value, lower bound, or median */
    int64_t high_ms; /* upper bound of uniform */
    double sigma;    /* of lognormal */
};

/* "200ms", "uniform:50ms,200ms", "lognormal:median=800ms,sigma=0.6"; NULL or "" is no latency. */
int sim_latency_parse(const char *text, struct sim_latency *ret, struct err *e);
int64_t sim_latency_draw_us(const struct sim_latency *l, struct rng *r);

#endif
