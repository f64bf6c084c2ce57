/* purse: see purse.h. It decides nothing: policy/budget and policy/worst do. */
#include "pool/purse.h"

#include <string.h>

#include "policy/worst.h"

/* The bit of the route. */
static uint64_t refuse(struct task *t, size_t route, const struct err *why)
{
    t->refused_routes |= (uint64_t)1 << route;
    if (!t->error)
        task_fail(t, "budget_unknown_cost",
                  "nobody can say beforehand what this request costs at most, and a budget is set: "
                  "%s; or set budget.unknown_price: allow",
                  why->msg);
    return (uint64_t)1 << route;
}

/* One that can never fit would hold up all others for ever. */
static bool fits_at_all(const struct purse *p, struct task *t)
{
    double most = 0;

    if (budget_can_hold(p->budget, t->account, t->worst_usd, &most))
        return true;
    task_fail(t, "budget_too_small",
              "this request alone may cost $%.4f, and the budget is $%.4f: ask for fewer tokens "
              "(max_completion_tokens), or set a higher max_cost",
              t->worst_usd, most);
    return false;
}

uint64_t purse_value(const struct purse *p, const struct config *c, struct task *t, uint64_t routes)
{
    bool allow = false;
    uint64_t left = routes;
    size_t i = 0;

    t->worst_usd = 0;
    if (!p->budget)
        return routes;
    allow = strcmp(c->budget.unknown_price, "allow") == 0;
    t->account = budget_account_of(p->budget, t->tenant);
    if (!budget_counts_money(p->budget, t->account))
        return routes;
    for (i = 0; i < c->nmodels; i++) {
        struct err why = {0};
        double usd = 0;

        if (!(routes >> i & 1))
            continue;
        if (worst_cost(&c->models[i], t, &usd, &why) == 0)
            t->worst_usd = usd > t->worst_usd ? usd : t->worst_usd;
        else if (!allow)
            left &= ~refuse(t, i, &why);
    }
    return left && fits_at_all(p, t) ? left : 0;
}

bool purse_reserve(const struct purse *p, struct task *t, int64_t now_us, int64_t *ret_at_us)
{
    int64_t again_ms = INT64_MAX;

    t->money = BUDGET_GO;
    t->money_own = false;
    if (!p->budget)
        return true;
    t->money = budget_reserve(p->budget, t->account, t->worst_usd,
                              now_us / 1000 + p->wall_less_mono_ms, &t->money_own, &again_ms);
    if (t->money == BUDGET_GO)
        return true;
    *ret_at_us = again_ms == INT64_MAX ? INT64_MAX : (again_ms - p->wall_less_mono_ms) * 1000;
    return false;
}

void purse_settle(const struct purse *p, struct task *t, bool sent, double cost_usd)
{
    if (!p->budget)
        return;
    if (!sent && cost_usd >= 0)
        budget_refund(p->budget, t->account, t->worst_usd);
    else
        budget_settle(p->budget, t->account, t->worst_usd, cost_usd);
}
