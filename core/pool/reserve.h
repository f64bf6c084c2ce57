/*
 * reserve: what a task's call holds of the limits of its row, from the estimate to the settling. The caller has the
 * admission's lock where a route is given.
 */
#ifndef SLUICE_POOL_RESERVE_H
#define SLUICE_POOL_RESERVE_H

#include "policy/select.h"
#include "pool/admission.h"

/* Before a route is known. */
void reserve_estimate(const struct config *c, struct task *t);

/* select_route() has chosen r. */
void reserve_note(const struct route *r, struct task *t, int64_t now_us);

/* The call has ended. Its row learns from what it used. */
void reserve_end(struct route *r, struct task *t, const struct admission_end *end, int64_t now_us);

/* Fails a task that no row will ever serve, and says which limit is in its way, when one is. */
void reserve_fail(const struct config *c, struct task *t);

#endif
