/*
 * estimate: how many tokens a call will use, for its reservation. Pure.
 *
 * Before a call only the bytes of its request and the longest answer that it allows are known, which may be far from
 * what it uses. So each row learns how much of such an estimate its calls really use, input and output apart: it
 * starts with all of it, goes down only after some calls have agreed, and keeps a margin as wide as they differ. What
 * a call uses beyond its estimate is a debt of the limit (limit_settle()).
 */
#ifndef SLUICE_POLICY_ESTIMATE_H
#define SLUICE_POLICY_ESTIMATE_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/limit.h"
#include "task/config.h"
#include "task/task.h"

/* Used tokens for one that was estimated. */
struct estimate_ratio {
    int seen; /* calls, up to what it takes to be trusted */
    double mean, deviation;
};

struct estimate {
    struct estimate_ratio input, output;
    bool counts_longest; /* the provider counts the longest answer that a running call allows */
};

void estimate_init(struct estimate *e, const struct model *m);

/* Input from the bytes (4 a token), output as the answer's maximum, which is no more than the task's first model can
 * say, or a default. */
struct limit_need estimate_task(const struct config *c, const struct task *t);

/* What the row makes of that: never more. */
struct limit_need estimate_learned(const struct estimate *e, struct limit_need estimated);

/* A call of that estimate, before learning, has used so much. */
void estimate_learn(struct estimate *e, struct limit_need estimated, struct limit_need used);

#endif
