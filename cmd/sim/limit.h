/*
 * limit: a sliding window: how much was used in the last span of time, exactly (a log of marks, not
 * buckets), so that a client that keeps its limit is never told that it broke it.
 */
#ifndef SLUICE_CMD_SIM_LIMIT_H
#define SLUICE_CMD_SIM_LIMIT_H

#include <stddef.h>
#include <stdint.h>

enum sim_limit {
    SIM_WITHIN,
    SIM_RPS,
    SIM_RPM,
    SIM_RPD,
    SIM_TPM, /* tokens, in and out */
    SIM_INPUT_TPM,
    SIM_OUTPUT_TPM,
    SIM_TPD,
    SIM_PARALLEL,
    SIM_LIMITS
};

struct sim_mark {
    int64_t at_us;
    int64_t amount;
};

struct sim_window {
    struct sim_mark *ring; /* oldest at head */
    size_t head, count, cap;
    int64_t sum; /* of all amounts in the ring */
};

void sim_window_done(struct sim_window *w); /* and empty again */

/* Forgets what is older than span_us. Time must not run backwards. */
void sim_window_expire(struct sim_window *w, int64_t now_us, int64_t span_us);
void sim_window_add(struct sim_window *w, int64_t now_us, int64_t amount);

/* How long until `amount` more fits under `limit`: 0 now; -1 never (amount > limit). Expire first. */
int64_t sim_window_wait_us(const struct sim_window *w, int64_t now_us, int64_t span_us,
                           int64_t amount, int64_t limit);

#endif
