/*
 * cost: what an answer cost, from its usage and the prices of its model. Pure.
 */
#ifndef SLUICE_POLICY_COST_H
#define SLUICE_POLICY_COST_H

#include "task/answer.h"
#include "task/prices.h"

/*
 * USD; negative: unknown. What the provider says it cost goes before everything. Else each token is counted
 * once, at the price of its kind, of the tier the answer was served in and of the length of its whole input,
 * and what is priced by the request or by a meter is added.
 *
 * A price that is missing is taken from another one only where that one is the same or higher, so that a
 * known cost is never too low: a token read from the prompt cache costs what other input costs, reasoning
 * what other output costs, flex and batch what the standard tier costs. There is no such price for a token
 * written to the prompt cache, for the priority tier and for a tier with an unknown name: the cost is then
 * unknown, as it is without a usage.
 */
double cost_of_answer(const struct prices *p, const struct answer *ans);

/*
 * USD that no answer with at most so many tokens of input and output can pass, if it is served in the asked
 * tier or a cheaper one: each token at the dearest price that it may have. Negative: unknown, because a price is
 * missing, or because usage_costs count what nobody can know before.
 */
double cost_at_most(const struct prices *p, enum service_tier asked, int64_t input, int64_t output);

/* USD that an answer with so many tokens costs, if none of them is of a special kind. Negative: unknown. */
double cost_expected(const struct prices *p, enum service_tier asked, int64_t input,
                     int64_t output);

#endif
