/*
 * world_money: prices, budgets of each worker and of its tenants, and what the provider bills. No bound is passed by
 * what was billed, and where one holds up the work, nearly all of it was used.
 */
#ifndef SLUICE_TESTS_WORLD_MONEY_H
#define SLUICE_TESTS_WORLD_MONEY_H

#include "tests/unit/pool/world_client.h"

#define USED_LEAST 90 /* percent of a bound */
#define DAYS_MOST  5  /* that a run goes on */

static inline void money_open(struct world *w)
{
    const struct plan *p = &w->plan;
    struct config *c = w->config;
    int i;

    for (i = 0; i < p->nrows; i++) {
        prices_init(&w->models[i].prices);
        w->models[i].prices.step[0].usd[TIER_STANDARD][PRICE_INPUT] = p->rows[i].usd_input;
        w->models[i].prices.step[0].usd[TIER_STANDARD][PRICE_OUTPUT] = p->rows[i].usd_output;
    }
    c->budget.max_cost = p->bounds[0].usd;
    c->budget.max_requests = p->bounds[0].calls;
    config_say(&c->budget.per, p->daily ? "day" : "run");
    for (i = 0; i < p->ntenants; i++) {
        w->tenants[i].max_cost = p->bounds[1 + i].usd;
        w->tenants[i].max_requests = p->bounds[1 + i].calls;
    }
    for (i = 0; i < p->workers; i++)
        memcpy(w->workers[i].book.magic, BUDGET_MAGIC, sizeof w->workers[i].book.magic);
}

/* In this life. Its book has outlived the last one. */
static inline void purse_open(struct world *w, struct worker *k)
{
    int64_t wall_ms = (EPOCH + w->now_us) / 1000;
    struct err e = {0};

    admission_tell_wall(k->admission, mono(w), wall_ms);
    if (!w->plan.money)
        return;
    k->budget = budget_new(w->config, &k->book, wall_ms, &e);
    if (!k->budget)
        broken(w, "%s", e.msg);
    admission_set_budget(k->admission, k->budget);
}

static inline bool has_bound(const struct bound *b)
{
    return b->usd >= 0 || b->calls > 0;
}

/* Has its tenant a bound of its own, by which it may lose its turn? */
static inline bool is_poor(const struct world *w, const struct item *it)
{
    int tenant = client_of(w, it)->tenant;

    return w->plan.money && tenant >= 0 && has_bound(&w->plan.bounds[1 + tenant]);
}

/* ---- bills ---- */

static inline void check_bill(struct world *w, struct worker *k, int account)
{
    const struct bound *b = &w->plan.bounds[account];
    const struct bound *has = &k->bill.of[account];

    if (b->usd >= 0 && has->usd > b->usd * (1 + 1e-9))
        broken(w, "account %d of worker %d: $%.6f were billed, of $%.6f", account,
               (int)(k - w->workers), has->usd, b->usd);
    if (b->calls > 0 && has->calls > b->calls)
        broken(w, "account %d of worker %d: %lld calls were made, of %lld", account,
               (int)(k - w->workers), (long long)has->calls, (long long)b->calls);
}

/* For one call: that it was made, or what it cost. */
static inline void bill(struct world *w, const struct visit *v, double usd, int64_t calls)
{
    struct worker *k = &w->workers[v->worker];
    int accounts[2] = {0, 1 + client_of(w, v->item)->tenant};
    int i;

    if (!w->plan.money)
        return;
    if (k->bill.period != k->book.period)
        memset(&k->bill, 0, sizeof k->bill);
    k->bill.period = k->book.period;
    for (i = 0; i < 1 + (accounts[1] > 0); i++) {
        k->bill.of[accounts[i]].usd += usd;
        k->bill.of[accounts[i]].calls += calls;
        check_bill(w, k, accounts[i]);
    }
}

/* What the provider takes for it. What it refuses or fails to do costs nothing. */
static inline double cost_of(const struct world *w, const struct visit *v)
{
    const struct row_plan *p = &w->plan.rows[v->row];

    return p->usd_input * (double)amount_of(INPUT, v->used) +
           p->usd_output * (double)v->used.output;
}

static inline bool is_billed(const struct visit *v)
{
    return v->there && v->runs && v->said.class != CLASS_TRANSIENT;
}

/* What the worker knows of it; negative: nothing. */
static inline double known_cost(const struct world *w, const struct visit *v)
{
    if (v->said.class == CLASS_OK)
        return cost_of(w, v);
    return v->said.class == CLASS_TIMEOUT || v->said.class == CLASS_TRANSPORT ? -1 : 0;
}

/* ---- use ---- */

static inline const struct budget_account *account_of(const struct world *w, const struct worker *k,
                                                      int account)
{
    size_t i;

    for (i = 1; account > 0 && i < ARRAY_LEN(k->book.at); i++)
        if (strcmp(k->book.at[i].name, w->tenants[account - 1].name) == 0)
            return &k->book.at[i];
    return &k->book.at[0];
}

/* Percent of the bound that is nearest; 0: there is none. */
static inline double account_used(const struct world *w, const struct worker *k, int account)
{
    const struct bound *b = &w->plan.bounds[account];
    const struct budget_account *a = account_of(w, k, account);
    double used = 0;

    if (b->usd >= 0)
        used = (double)(a->spent + a->reserved) / 1e9 / b->usd;
    if (b->calls > 0)
        used = fmax(used, (double)a->calls / (double)b->calls);
    return 100 * used;
}

/* A bound keeps work waiting: it is used up. */
static inline void check_account(struct world *w, struct worker *k, int account)
{
    double used = account_used(w, k, account);

    use_add(&w->result.use[USE_MONEY], used, used);
    if (used < USED_LEAST)
        broken(w, "worker %d waits for money, and %.1f %% of account %d are used",
               (int)(k - w->workers), used, account);
}

/* Does what waits here wait for money, all of it? */
static inline bool waits_for_money(struct world *w, struct worker *k)
{
    struct admission_view *v = &w->view;

    admission_view(k->admission, mono(w), v);
    return v->waiting == 0 || v->money_out || v->money_waits == v->waiting;
}

static inline void check_money(struct world *w, struct worker *k)
{
    int line;

    if (w->view.money_out)
        check_account(w, k, 0);
    for (line = 1; line < w->plan.nclients * LINES; line++) {
        struct item *it = list_empty(&k->lines[line])
                              ? NULL
                              : CONTAINER_OF(k->lines[line].next, struct item, line);

        if (it && it->t->money == BUDGET_OUT && it->t->money_own)
            check_account(w, k, 1 + client_of(w, it)->tenant);
    }
}

/* Nothing is left to be done but what no money is left for: the run is over, unless tomorrow brings more. */
static inline void money_look(struct world *w)
{
    bool stopped = true;
    int i;

    if (!w->plan.money || w->open == 0 || w->open != w->nwaiting + w->nbehind ||
        !list_empty(&w->visits))
        return;
    for (i = 0; stopped && i < w->plan.workers; i++)
        stopped = !w->workers[i].admission || waits_for_money(w, &w->workers[i]);
    if (!stopped || (w->plan.daily && w->stopped_us == w->now_us / DAY_US))
        return;
    for (i = 0; i < w->plan.workers; i++)
        if (w->workers[i].admission && waits_for_money(w, &w->workers[i]))
            check_money(w, &w->workers[i]);
    note(w, "%d tasks wait for money", w->open);
    w->stopped_us = w->now_us / DAY_US;
    if (!w->plan.daily || w->now_us > DAYS_MOST * DAY_US)
        w->open = 0;
}

/* Is so much of some bound used or reserved that it decides what goes? */
static inline bool is_tight(const struct world *w, const struct worker *k)
{
    int i;

    for (i = 0; w->plan.money && i <= w->plan.ntenants; i++)
        if (has_bound(&w->plan.bounds[i]) && account_used(w, k, i) > 100 - 200.0 / BOUND_CALLS)
            return true;
    return false;
}

#endif
