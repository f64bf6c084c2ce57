/* retry_budget: what is in store, what comes back, and that useful retries cost nothing. */
#include "policy/retry_budget.h"

#include <criterion/criterion.h>

#define S 1000000LL

static int take_all(struct retry_budget *b, int64_t now_us, int64_t *ret_at_us)
{
    int n = 0;

    while (n < 100000 && retry_budget_take(b, now_us, ret_at_us))
        n++;
    return n;
}

Test(retry_budget, store_and_what_comes_back)
{
    struct retry_budget b = {0};
    int64_t at_us = 0;
    int64_t now = 7 * S;

    cr_expect_eq(take_all(&b, now, &at_us), RETRY_BUDGET_MAX);
    cr_expect(at_us > now && at_us <= now + S / RETRY_BUDGET_S + 1, "%lld",
              (long long)(at_us - now));
    cr_expect_eq(take_all(&b, at_us, &at_us), 1, "at the time that was said there is one");
    cr_expect_eq(take_all(&b, now + 3 * S, &at_us), 3 * RETRY_BUDGET_S - 1);
    cr_expect_eq(take_all(&b, now + 10000 * S, &at_us), RETRY_BUDGET_MAX, "no more than the store");
}

Test(retry_budget, what_is_given_back_can_be_taken)
{
    struct retry_budget b = {0};
    int64_t at_us = 0;
    int i = 0;

    take_all(&b, S, &at_us);
    for (i = 0; i < 8; i++)
        retry_budget_give(&b, 0.25);
    cr_expect_eq(take_all(&b, S, &at_us), 2);
    for (i = 0; i < 2 * RETRY_BUDGET_MAX; i++)
        retry_budget_give(&b, 1);
    cr_expect_eq(take_all(&b, S, &at_us), RETRY_BUDGET_MAX);
}

Test(retry_budget, clock_that_goes_back_gives_nothing)
{
    struct retry_budget b = {0};
    int64_t at_us = 0;

    take_all(&b, 10 * S, &at_us);
    cr_expect_eq(take_all(&b, 5 * S, &at_us), 0);
    cr_expect_eq(take_all(&b, 10 * S, &at_us), 0);
}
