/*
 * advice: what a reason (policy/explain.h) means, in words for a person, and what to change, with a number where one
 * can be computed. Pure. It names keys of the configuration as they are written there.
 */
#ifndef SLUICE_POLICY_ADVICE_H
#define SLUICE_POLICY_ADVICE_H

#include "policy/budget.h"
#include "policy/explain.h"
#include "task/config.h"

struct advice_facts {
    const struct config *config;
    const struct model *model; /* NULL: the pool as a whole */
    double answer_s;           /* mean time of an answer; 0: not known */
    double answer_tokens;      /* mean tokens of a call, input and output; 0: not known */
    int64_t used_requests;     /* in the last minute */
    struct budget_view budget;
};

struct advice {
    const char *key; /* the key to change, or "" */
    char because[240];
    char change[240];
};

void advice_give(const struct advice_facts *f, enum why w, struct advice *ret);

#endif
