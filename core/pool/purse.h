/*
 * purse: the budget as the admission asks it: the worst case of a task, reserved, settled. Private to core/pool.
 * All but purse_value() under the admission's lock.
 */
#ifndef SLUICE_POOL_PURSE_H
#define SLUICE_POOL_PURSE_H

#include "policy/budget.h"
#include "task/config.h"
#include "task/task.h"

struct purse {
    struct budget *budget; /* NULL: there is none, and every function lets go */
    int64_t wall_less_mono_ms;
};

/*
 * Works out what a call of t may cost on the dearest of these routes, and takes routes out whose worst case nobody
 * can know, unless that is allowed. Returns those that are left; none: t has an error that says why. Any thread.
 */
uint64_t purse_value(const struct purse *p, const struct config *c, struct task *t,
                     uint64_t routes);

/* False: t has to wait (t->money, t->money_own say for what); *ret_at_us: when to ask again at the latest. */
bool purse_reserve(const struct purse *p, struct task *t, int64_t now_us, int64_t *ret_at_us);

/* cost_usd: see struct admission_end. */
void purse_settle(const struct purse *p, struct task *t, bool sent, double cost_usd);

#endif
