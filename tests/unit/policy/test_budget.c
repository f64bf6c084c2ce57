/* budget: what may be reserved, and what a life that ends leaves behind. */
#include "policy/budget.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

#define DAY_MS INT64_C(86400000)
#define TODAY  (20000 * DAY_MS + 5000)

static struct tenant tenants[] = {{.name = (char *)"a", .max_cost = 1, .max_requests = 0},
                                  {.name = (char *)"b", .max_cost = -1, .max_requests = 2}};

static struct config bounds(double max_cost, int64_t max_requests, const char *per)
{
    struct config c = {.tenants = tenants, .ntenants = ARRAY_LEN(tenants)};

    c.budget.max_cost = max_cost;
    c.budget.max_requests = max_requests;
    c.budget.per = (char *)per;
    c.budget.unknown_price = (char *)"refuse";
    return c;
}

static struct budget_book *book_new(void)
{
    struct budget_book *book = mem_alloc(sizeof *book);

    memcpy(book->magic, BUDGET_MAGIC, sizeof book->magic);
    book->period = BUDGET_RUN;
    return book;
}

static struct budget *open_budget(const struct config *c, struct budget_book *book, int64_t now_ms)
{
    struct err e = {0};
    struct budget *b = budget_new(c, book, now_ms, &e);

    cr_assert_not_null(b, "%s", e.msg);
    return b;
}

static int reserve(struct budget *b, int account, double usd)
{
    int64_t again = 0;
    bool own = false;

    return budget_reserve(b, account, usd, TODAY, &own, &again);
}

static struct budget_view look(const struct budget *b)
{
    struct budget_view v;

    budget_look(b, &v);
    return v;
}

Test(budget, waits_for_what_runs_before_it_is_used_up)
{
    struct config c = bounds(1, 0, "run");
    struct budget *b = open_budget(&c, NULL, TODAY);

    cr_expect_eq(reserve(b, 0, 0.6), BUDGET_GO);
    cr_expect_eq(reserve(b, 0, 0.6), BUDGET_WAIT, "0.6 + 0.6 is over 1");
    budget_settle(b, 0, 0.6, 0.1);
    cr_expect_eq(reserve(b, 0, 0.6), BUDGET_GO, "0.1 was spent");
    budget_settle(b, 0, 0.6, -1);
    cr_expect_float_eq(look(b).spent_usd, 0.7, 1e-9, "a cost that nobody knows is the worst one");
    cr_expect_eq(reserve(b, 0, 0.6), BUDGET_OUT, "nothing runs that could give back");
    cr_expect_eq(reserve(b, 0, 0.3), BUDGET_GO, "exactly what is left");
    budget_refund(b, 0, 0.3);
    cr_expect_float_eq(look(b).spent_usd, 0.7, 1e-9);
    cr_expect_eq(look(b).calls, 2, "what was not sent is no call");
    budget_free(b);
}

Test(budget, calls_are_counted)
{
    struct config c = bounds(-1, 2, "run");
    struct budget *b = open_budget(&c, NULL, TODAY);

    cr_expect_not(budget_counts_money(b, 0));
    cr_expect_eq(reserve(b, 0, 0), BUDGET_GO);
    cr_expect_eq(reserve(b, 0, 0), BUDGET_GO);
    cr_expect_eq(reserve(b, 0, 0), BUDGET_WAIT);
    budget_settle(b, 0, 0, 3);
    budget_settle(b, 0, 0, 0);
    cr_expect_eq(reserve(b, 0, 0), BUDGET_OUT);
    cr_expect_float_eq(look(b).spent_usd, 3, 1e-9);
    cr_expect_eq(look(b).overruns, 0, "nothing was promised");
    budget_free(b);
}

Test(budget, a_tenant_lacks_for_itself_only)
{
    struct config c = bounds(10, 0, "run");
    struct budget *b = open_budget(&c, NULL, TODAY);
    int a = budget_account_of(b, "a");
    int second = budget_account_of(b, "b");
    int64_t again = 0;
    bool own = false;

    cr_assert_eq(a, 1);
    cr_assert_eq(second, 2);
    cr_expect_eq(budget_account_of(b, "nobody"), 0);
    cr_expect_eq(budget_account_of(b, NULL), 0);
    cr_expect_eq(budget_reserve(b, a, 2, TODAY, &own, &again), BUDGET_OUT);
    cr_expect(own);
    cr_expect_eq(again, INT64_MAX, "a run has no next period");
    cr_expect_eq(reserve(b, second, 2), BUDGET_GO);
    cr_expect_eq(reserve(b, second, 2), BUDGET_GO);
    cr_expect_eq(reserve(b, second, 2), BUDGET_WAIT);
    cr_expect_eq(reserve(b, 0, 6), BUDGET_GO);
    own = true;
    cr_expect_eq(budget_reserve(b, a, 1, TODAY, &own, &again), BUDGET_WAIT, "all is reserved");
    cr_expect_not(own);
    budget_free(b);
}

Test(budget, a_day_ends_at_midnight)
{
    struct config c = bounds(1, 0, "day");
    struct budget *b = open_budget(&c, NULL, TODAY);
    int64_t again = 0;
    bool own = false;

    cr_expect_eq(budget_reserve(b, 0, 1, TODAY, &own, &again), BUDGET_GO);
    budget_settle(b, 0, 1, 1);
    cr_expect_eq(budget_reserve(b, 0, 0.5, TODAY, &own, &again), BUDGET_OUT);
    cr_expect_eq(again, 20001 * DAY_MS);
    cr_expect_eq(budget_reserve(b, 0, 0.5, again - 1, &own, &again), BUDGET_OUT);
    cr_expect_eq(budget_reserve(b, 0, 0.5, again, &own, &again), BUDGET_GO);
    cr_expect_eq(budget_reserve(b, 0, 1, TODAY, &own, &again), BUDGET_WAIT,
                 "a clock that goes back gives nothing back");
    budget_settle(b, 0, 0.5, 0.25);
    cr_expect_float_eq(look(b).spent_usd, 0.25, 1e-9);
    budget_free(b);
}

Test(budget, an_earlier_life_counts)
{
    struct config c = bounds(1, 0, "day");
    struct config none = bounds(1, 0, "day");
    struct budget_book *book = book_new();
    struct budget *b = open_budget(&c, book, TODAY);

    cr_expect_eq(reserve(b, 1, 0.25), BUDGET_GO);
    cr_expect_eq(reserve(b, 1, 0.25), BUDGET_GO);
    budget_settle(b, 1, 0.25, 0.125);
    budget_free(b); /* as if it had died with one call in flight */

    b = open_budget(&c, book, TODAY + 1000);
    cr_expect_float_eq(look(b).spent_usd, 0.375, 1e-9, "what was in flight may have been paid for");
    cr_expect_eq(look(b).calls, 2);
    cr_expect_eq(reserve(b, 1, 0.625), BUDGET_GO, "the tenant's account as well");
    cr_expect_eq(reserve(b, 1, 0.001), BUDGET_WAIT);
    budget_free(b);

    none.ntenants = 0;
    b = open_budget(&none, book, TODAY + DAY_MS);
    cr_expect_float_eq(look(b).spent_usd, 0, 1e-9, "the next day");
    budget_free(b);
    free(book);
}

Test(budget, a_damaged_book_is_refused)
{
    struct config c = bounds(1, 0, "run");
    struct budget_book *book = book_new();
    struct err e = {0};

    book->at[5].reserved = -1;
    cr_expect_null(budget_new(&c, book, TODAY, &e));
    cr_expect(strstr(e.msg, "damaged"), "%s", e.msg);
    book->at[5].reserved = 0;
    memset(book->at[7].name, 'x', sizeof book->at[7].name);
    cr_expect_null(budget_new(&c, book, TODAY, &e));
    free(book);
}

Test(budget, prices_are_needed)
{
    struct config c = bounds(1, 0, "run");
    struct model row = {.model_name = (char *)"m"};
    struct err e = {0};

    prices_init(&row.prices);
    c.models = &row;
    c.nmodels = 1;
    cr_expect_lt(budget_check(&c, &e), 0);
    cr_expect(strstr(e.msg, "input_cost_per_token"), "%s", e.msg);
    c.budget.unknown_price = (char *)"allow";
    cr_expect_eq(budget_check(&c, &e), 0);
    c.budget.unknown_price = (char *)"refuse";
    row.prices.step[0].usd[TIER_STANDARD][PRICE_INPUT] = 1e-6;
    cr_expect_eq(budget_check(&c, &e), 0);
}

/* Whatever happens, in whatever order, over lives and with calls in flight: what was paid is within the bound. */
Test(budget, never_passed)
{
    enum { RUNNING = 64, STEPS = 20000 };
    struct config c = bounds(50, 0, "run");
    uint64_t seed = 0;

    for (seed = 1; seed <= 20; seed++) {
        struct rng rng = {.state = seed};
        struct budget_book *book = book_new();
        struct budget *b = open_budget(&c, book, TODAY);
        double worst[RUNNING] = {0};
        bool runs[RUNNING] = {false};
        double paid = 0;
        int i = 0;

        for (i = 0; i < STEPS; i++) {
            int k = (int)(rng_unit(&rng) * RUNNING);
            double u = rng_unit(&rng);

            if (rng_unit(&rng) < 0.0005) { /* dies; what was in flight is paid for in full */
                for (k = 0; k < RUNNING; k++) {
                    paid += runs[k] ? worst[k] : 0;
                    runs[k] = false;
                }
                budget_free(b);
                b = open_budget(&c, book, TODAY);
            } else if (runs[k]) {
                double cost = worst[k] * u * u * 0.1;

                paid += u < 0.01 ? 0 : cost;
                if (u < 0.01)
                    budget_refund(b, 0, worst[k]);
                else
                    budget_settle(b, 0, worst[k], cost);
                runs[k] = false;
            } else {
                worst[k] = u;
                runs[k] = reserve(b, 0, u) == BUDGET_GO;
            }
            cr_assert_leq(paid, 50 + 1e-9, "seed %lu, step %d", (unsigned long)seed, i);
        }
        cr_expect_geq(paid, 45, "seed %lu used only %f", (unsigned long)seed, paid);
        budget_free(b);
        free(book);
    }
}
