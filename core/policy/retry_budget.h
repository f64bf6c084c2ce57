/*
 * retry_budget: how many calls may be repetitions, over all models, so that retries do not multiply an outage. Pure:
 * time is an argument.
 *
 * A retry takes one from the budget and gives it back when it was of use. What is lost comes back slowly: a share of one
 * for each good answer, and a few a second. So retries that help cost nothing, and those that do not are few.
 */
#ifndef SLUICE_POLICY_RETRY_BUDGET_H
#define SLUICE_POLICY_RETRY_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#define RETRY_BUDGET_MAX 500 /* retries that may fail at once */
#define RETRY_BUDGET_S   10  /* come back in a second, whatever happens */

struct retry_budget {
    double left;
    int64_t at_us; /* 0: not used yet; then all is there */
};

/* Takes one. False: there is none before *ret_at_us. */
bool retry_budget_take(struct retry_budget *b, int64_t now_us, int64_t *ret_at_us);

/* `amount` comes back. */
void retry_budget_give(struct retry_budget *b, double amount);

#endif
