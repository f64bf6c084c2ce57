/*
 * rank: which of several rows that may serve a request is asked first. Pure.
 */
#ifndef SLUICE_POLICY_RANK_H
#define SLUICE_POLICY_RANK_H

#include "base/rng.h"
#include "policy/select.h"

struct rank {
    const struct select_input *in;
    double (*score)(const struct select_input *in, const struct task *t, int row); /* NULL: none */
    const struct task *task;
    uint64_t sticky; /* what keeps requests together, hashed; 0: nothing */
};

/* How router_settings wants the rows for this task ordered. */
void rank_init(struct rank *r, const struct select_input *in, const struct task *t);

/*
 * The first row of a set that is not empty. By the score of the strategy, the lowest first, and among equals at
 * random by weight. A request that sticks goes to the row that its session or tenant draws: the same one in every
 * process and after every start, in shares by weight, and another one only for those whose row is not in the set.
 */
int rank_first(const struct rank *r, uint64_t set, struct rng *rng);

/* What keeps t together with others: the hash of its session or tenant, as router_settings.sticky says; 0: nothing. */
uint64_t rank_sticky(const struct config *c, const struct task *t);

/* What tells a row from others, whatever its place in the list. */
uint64_t rank_seed(const struct model *m);

/* USD that the call is expected to cost on this row; INFINITY: unknown, so the last choice. */
double rank_cost(const struct model *m, const struct task *t, int64_t tokens);

#endif
