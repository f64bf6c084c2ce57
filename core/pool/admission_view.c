/*
 * admission_view: what the admission says of itself: routes, queues and money at this moment. It changes
 * nothing but the time that is counted.
 */
#include "pool/admission_int.h"

#include "base/mem.h"

static uint64_t routes_off(const struct admission *a, int64_t now_us)
{
    uint64_t set = 0;
    size_t i = 0;

    for (i = 0; i < a->config->nmodels; i++) {
        const struct breaker *b = &a->routes[i].breaker;

        if (b->off && b->open_until_us > now_us)
            set |= (uint64_t)1 << i;
    }
    return set;
}

/* What lacked at the last look. */
static void view_money(const struct admission *a, struct admission_view *ret)
{
    if (!a->purse.budget)
        return;
    budget_look(a->purse.budget, &ret->budget);
    ret->money_out = a->money_out && a->waiting > 0;
    ret->money_waits = queues_without_money(a->queues);
}

void admission_view(struct admission *a, int64_t now_us, struct admission_view *ret)
{
    uint64_t off = 0;
    size_t i = 0;

    *ret = (struct admission_view){0};
    pthread_mutex_lock(&a->lock);
    ret->calls = a->calls;
    ret->waiting = (int64_t)a->waiting;
    ret->stage = a->held.pool.now;
    view_money(a, ret);
    ret->large = (int64_t)a->naside;
    off = routes_off(a, now_us);
    ret->stranded = queues_stranded(a->queues, off);
    for (i = 0; i < a->config->nmodels; i++) {
        const struct breaker *b = &a->routes[i].breaker;

        limit_used(a->routes[i].limit, now_us, ret->route[i].used);
        ret->route[i].probing = b->probing;
        ret->route[i].stopped = a->routes[i].stopped;
        ret->route[i].why = a->held.row[i].now;
        ret->route[i].cooldowns = a->cooldowns[i];
        ret->route[i].cool_class = a->cool_class[i];
        ret->route[i].running = a->routes[i].running;
        ret->route[i].cooling = b->open_until_us > now_us;
        ret->route[i].off = off >> i & 1;
        ret->route[i].off_class = a->off_class[i];
        ret->route[i].cooling_us = ret->route[i].cooling ? b->open_until_us - now_us : 0;
    }
    pthread_mutex_unlock(&a->lock);
}

void admission_stage(struct admission *a, struct explain_load *l, int64_t now_us)
{
    pthread_mutex_lock(&a->lock);
    l->waiting = (int64_t)a->waiting;
    held_load(&a->held, l, now_us);
    pthread_mutex_unlock(&a->lock);
}

void admission_explain(struct admission *a, int64_t now_us, struct pool_explain *ret)
{
    pthread_mutex_lock(&a->lock);
    explain_look(&a->held.pool, now_us, &ret->pool);
    for (size_t i = 0; i < a->config->nmodels; i++)
        explain_look(&a->held.row[i], now_us, &ret->route[i]);
    pthread_mutex_unlock(&a->lock);
}
