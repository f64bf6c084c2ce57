/*
 * budget: what calls may cost, in all and for each tenant, in one period. Pure: time is an argument.
 *
 * The most that a call can cost is reserved before it is sent and replaced by what it did cost when it has
 * ended, so that spent and reserved together never pass the bound. When a call does not fit, it waits for those
 * that run, which mostly cost less than was reserved; only when none runs is the budget used up.
 *
 * The figures stand in a struct budget_book, whose memory is the caller's and may be a mapped file: every change
 * is one that a process may die behind. What was reserved in an earlier life counts as spent in the next one.
 */
#ifndef SLUICE_POLICY_BUDGET_H
#define SLUICE_POLICY_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "task/config.h"

#define BUDGET_MAGIC "sluicebk"
#define BUDGET_RUN   INT64_C(-1) /* period of a book that is not by days */

/* Money is in billionths of a dollar, rounded up: sums are exact. */
struct budget_account {
    char name[TENANT_NAME_MAX + 8]; /* "" : all together, or not in use */
    int64_t spent;
    int64_t reserved;
    int64_t calls;
};

struct budget_book {
    char magic[8];
    int64_t period; /* days since 1970 (UTC) or BUDGET_RUN */
    struct budget_account at[1 + CONFIG_TENANTS_MAX];
};

struct budget;

/* Is there any bound in this configuration? */
bool budget_wanted(const struct config *c);

/* Can a bound of money hold with these prices at all? -1 with e when no row of model_list has any. */
int budget_check(const struct config *c, struct err *e);

/* book NULL: one that lives as long as the budget. -1 in *e: it holds something else. */
struct budget *budget_new(const struct config *c, struct budget_book *book, int64_t now_wall_ms,
                          struct err *e);
struct budget *budget_free(struct budget *b);

/* Number of the account of a tenant, or 0: it has none of its own. */
int budget_account_of(const struct budget *b, const char *tenant);

/* Has one of the two accounts a bound of money, so that the worst case must be known? */
bool budget_counts_money(const struct budget *b, int account);

/* False: a call that may cost so much does not fit into one of the two accounts even when nothing is spent; *ret_max
 * is what that one allows. */
bool budget_can_hold(const struct budget *b, int account, double usd, double *ret_max);

enum budget_result {
    BUDGET_GO = 0,
    BUDGET_WAIT = 1, /* until a call ends */
    BUDGET_OUT = 2   /* used up, until the period ends */
};

/*
 * Reserves usd and one call. Not BUDGET_GO: nothing is reserved, *ret_own says whether it is the tenant's own
 * account that lacks, and *ret_again_ms when the period ends (INT64_MAX: never), in wall time.
 */
int budget_reserve(struct budget *b, int account, double usd, int64_t now_wall_ms, bool *ret_own,
                   int64_t *ret_again_ms);

/* The call has ended and cost so much; negative: it may have been charged and nobody knows, so the
 * reservation counts. usd is what budget_reserve() was given. */
void budget_settle(struct budget *b, int account, double usd, double cost_usd);

/* The call was not made. */
void budget_refund(struct budget *b, int account, double usd);

/* Adds what an earlier life is known to have used. */
void budget_add(struct budget_book *book, double usd, int64_t calls);

struct budget_view {
    bool on;
    double spent_usd, reserved_usd;
    double max_cost; /* negative: no bound */
    int64_t calls;
    int64_t max_requests; /* 0: no bound */
    uint64_t overruns;    /* calls that cost more than the most they should have */
};

void budget_look(const struct budget *b, struct budget_view *ret);

#endif
