/*
 * worst: the most that one call can cost, from the bytes of its request, the longest answer it may have and the
 * prices of the model. Pure. What cannot be bounded is said so: a guess would let a budget be passed.
 */
#ifndef SLUICE_POLICY_WORST_H
#define SLUICE_POLICY_WORST_H

#include "base/err.h"
#include "task/config.h"
#include "task/task.h"

/* 0 with USD in *ret; -1: nobody can know, and e says what is missing. */
int worst_cost(const struct model *m, const struct task *t, double *ret, struct err *e);

#endif
