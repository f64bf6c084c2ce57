/* reply: what a task cost, with and without an answer of its own. */
#include "task/reply.h"

#include <criterion/criterion.h>

#include "base/mem.h"

static struct completion *answer(double cost)
{
    struct completion *c = completion_new();

    c->cost_usd = cost;
    return c;
}

/* Charged for two answers that were no good: the cost of one is known. */
static void set_costs(struct task *t, bool good, bool both_known)
{
    struct attempt a = {.route = 0, .status = 200, .class = CLASS_BAD_RESPONSE, .cost_known = true};

    task_trail_add(t, &a);
    a.cost_known = both_known;
    task_trail_add(t, &a);
    t->lost_usd = 0.002;
    if (good)
        t->completion = answer(0.0012);
    else
        task_fail(t, "empty_answer", "no");
}

Test(reply_cost, with_calls_that_were_no_good)
{
    static const struct {
        bool good, both_known, unknown_price;
        enum cache_result cache;
        double want;
    } cases[] = {
        {true, true, false, CACHE_MISS, 0.0032},
        {true, false, false, CACHE_MISS, 0.0032}, /* where it is known */
        {true, true, true, CACHE_MISS, -1},
        {false, true, false, CACHE_MISS, 0.002},
        {false, false, false, CACHE_MISS, -1},
        {true, true, false, CACHE_HIT, 0.002}, /* the answer was there in the end */
        {true, true, true, CACHE_COALESCED, 0.002},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct task *t = task_new();

        set_costs(t, cases[i].good, cases[i].both_known);
        if (cases[i].unknown_price)
            t->completion->cost_usd = -1;
        t->cache_result = cases[i].cache;
        cr_expect_float_eq(reply_cost(t), cases[i].want, 1e-12, "case %zu: %g", i, reply_cost(t));
        task_free(t);
    }
}
