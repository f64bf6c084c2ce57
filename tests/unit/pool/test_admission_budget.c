/* admission under a budget: what does not fit waits for what runs, and holds up those only who share the lack. */
#include "admission_scene.h"

static struct tenant tenants[] = {{.name = (char *)"a", .max_cost = 1}};
static struct budget *budget;

static void open_with_budget(double max_cost, const char *per)
{
    struct err e = {0};
    int i;

    scene_open();
    for (i = 0; i < 4; i++) {
        prices_init(&rows[i].prices);
        rows[i].prices.step[0].usd[TIER_STANDARD][PRICE_INPUT] = 1e-3;
    }
    config.tenants = tenants;
    config.ntenants = 1;
    config.budget.max_cost = max_cost;
    config.budget.per = (char *)per;
    config.budget.unknown_price = (char *)"refuse";
    budget = budget_new(&config, NULL, NOW / 1000, &e);
    cr_assert_not_null(budget, "%s", e.msg);
    admission_set_budget(admission, budget);
    admission_tell_wall(admission, NOW, NOW / 1000);
}

static void fini(void)
{
    scene_close();
    budget_free(budget);
}

TestSuite(admission_budget, .fini = fini);

/* A task that costs half a dollar at most: 244 bytes and 256 tokens around them. */
static struct task *half_dollar(const char *model, const char *tenant)
{
    struct task *t = task_for(model, NULL);

    t->raw_len = 244;
    t->tenant = mem_strdup(tenant);
    return t;
}

static void leave_cost(struct task *t, double usd, int64_t now_us)
{
    struct admission_end end = {.sent = true, .ok = true, .cost_usd = usd, .used_tokens = -1};

    admission_leave(admission, t, &end, now_us);
}

/* It would wait for ever, and all others behind it. */
Test(admission_budget, what_is_larger_than_the_whole_budget_ends)
{
    struct task *small, *large;

    open_with_budget(1, "run");
    large = half_dollar("fast", NULL);
    large->raw_len = 744; /* a dollar and 0.0 of one more */
    large->raw_len++;
    small = half_dollar("fast", NULL);
    cr_expect_eq(enter(large, NOW), ADMISSION_NEVER);
    cr_assert(large->error);
    cr_expect_str_eq(large->error->code, "budget_too_small");
    cr_expect(strstr(large->error->message, "the budget is $1.0000"), "%s", large->error->message);
    cr_expect_eq(enter(small, NOW), ADMITTED);
    leave_cost(small, 0.1, NOW + 1);
    task_free(large);
    task_free(small);
}

Test(admission_budget, waits_for_the_running_ones_then_for_money)
{
    struct task *t[4];
    int i;

    open_with_budget(1, "run");
    for (i = 0; i < 4; i++)
        t[i] = half_dollar("fast", NULL);
    cr_expect_eq(enter(t[0], NOW), ADMITTED);
    cr_expect_eq(enter(t[1], NOW), ADMITTED);
    cr_expect_eq(enter(t[2], NOW), ADMISSION_WAITS);
    cr_expect_eq(enter(t[3], NOW), ADMISSION_WAITS);
    cr_expect_not(view(NOW).money_out, "two calls run, which may cost less");
    leave_cost(t[0], 0.1, NOW + 1);
    cr_expect_leq(admission_next_us(admission), NOW + 1);
    cr_expect_eq(pump(NOW + 1), 0, "0.1 + 0.5 + 0.5 is over 1");
    leave_cost(t[1], 0.2, NOW + 2);
    cr_expect_eq(pump(NOW + 2), 1);
    cr_expect_eq(next_ready(), t[2]);
    leave_cost(t[2], 0.4, NOW + 3);
    cr_expect_eq(pump(NOW + 3), 0);
    cr_expect(view(NOW + 3).money_out, "0.7 are spent and nothing runs");
    cr_expect_float_eq(view(NOW).budget.spent_usd, 0.7, 1e-9);
    cr_expect_eq(admission_next_us(admission), INT64_MAX, "waiting costs nothing");
    cr_expect(admission_remove(admission, t[3]));
    for (i = 0; i < 4; i++)
        task_free(t[i]);
}

Test(admission_budget, a_tenant_without_money_holds_up_nobody_else)
{
    struct task *first, *second, *third, *small, *other, *free_rider;

    open_with_budget(100, "run");
    first = half_dollar("fast", "a");
    second = half_dollar("fast", "a");
    third = half_dollar("fast", "a");
    small = half_dollar("fast", "a");
    other = half_dollar("fast", "b");
    free_rider = half_dollar("fast", NULL);
    cr_expect_eq(enter(first, NOW), ADMITTED);
    cr_expect_eq(enter(second, NOW), ADMITTED);
    leave_cost(first, 0.5, NOW);
    leave_cost(second, 0.4, NOW);
    cr_expect_eq(enter(third, NOW), ADMISSION_WAITS);
    small->raw_len = 1;
    rows[1].prices.step[0].usd[TIER_STANDARD][PRICE_INPUT] = 1e-6;
    cr_expect_eq(enter(small, NOW), ADMISSION_WAITS, "its turn is behind the one that lacks");
    cr_expect_eq(enter(other, NOW), ADMITTED);
    cr_expect_eq(enter(free_rider, NOW), ADMITTED);
    cr_expect_eq(pump(NOW), 0);
    cr_expect_eq(view(NOW).money_waits, 2);
    cr_expect_not(view(NOW).money_out);
    leave_cost(other, 0, NOW);
    leave_cost(free_rider, 0, NOW);
    cr_expect(admission_remove(admission, third));
    cr_expect_eq(pump(NOW), 1, "the small one fits");
    cr_expect_eq(next_ready(), small);
    leave_cost(small, 0, NOW);
    task_free(first);
    task_free(second);
    task_free(third);
    task_free(small);
    task_free(other);
    task_free(free_rider);
}

/* Its rows do not start anything: money that it waits for is of use to others. */
Test(admission_budget, a_stopped_model_does_not_keep_the_money)
{
    struct task *running, *stopped, *other;

    open_with_budget(1, "run");
    running = half_dollar("slow", NULL);
    stopped = half_dollar("fast", NULL);
    stopped->raw_len = 744 - 100; /* more than is left while one runs */
    other = half_dollar("slow", NULL);
    cr_expect_eq(enter(running, NOW), ADMITTED);
    admission_stop(admission, (uint64_t)1 << 1, NOW);
    cr_expect_eq(enter(stopped, NOW), ADMISSION_WAITS);
    cr_expect_eq(view(NOW).route[1].why, WHY_STOPPED);
    cr_expect_eq(enter(other, NOW), ADMISSION_WAITS, "one call at a time");
    leave_cost(running, 0.4, NOW + 1);
    cr_assert_eq(pump(NOW + 1), 1, "0.6 are left, and it needs 0.5");
    cr_expect_eq(next_ready(), other);
    leave_cost(other, 0.1, NOW + 2);
    cr_expect_eq(pump(NOW + 2), 0);
    cr_expect(admission_stop(admission, 0, NOW + 3));
    cr_expect_eq(pump(NOW + 3), 0, "0.5 are left, and it needs 0.9");
    cr_expect(admission_remove(admission, stopped));
    task_free(running);
    task_free(stopped);
    task_free(other);
}

/* It goes before the one that the money lacks for, and nothing else may ever happen that has it looked at. */
Test(admission_budget, a_higher_priority_of_a_tenant_without_money_is_looked_at)
{
    struct task *dear, *cheap, *also_dear;

    open_with_budget(100, "run");
    dear = task_for("fast", NULL);
    dear->raw_len = 744 - 256;
    dear->tenant = mem_strdup("a");
    cheap = half_dollar("fast", "a");
    cheap->priority = 9;
    also_dear = half_dollar("fast", "a");
    also_dear->priority = 9;
    budget_settle(budget, 1, 0, 0.4);
    cr_expect_eq(enter(dear, NOW), ADMISSION_WAITS);
    cr_expect_eq(view(NOW).money_waits, 1);
    pump(NOW);
    cr_expect_eq(enter(cheap, NOW), ADMISSION_WAITS);
    cr_expect_leq(admission_next_us(admission), NOW);
    cr_expect_eq(pump(NOW), 1);
    cr_expect_eq(next_ready(), cheap);
    leave_cost(cheap, 0.5, NOW);
    pump(NOW);
    cr_expect_eq(enter(also_dear, NOW), ADMISSION_WAITS);
    pump(NOW);
    cr_expect_eq(view(NOW).money_waits, 2, "nothing is left for either");
    cr_expect_eq(admission_next_us(admission), INT64_MAX);
    cr_expect(admission_remove(admission, dear));
    cr_expect(admission_remove(admission, also_dear));
    task_free(dear);
    task_free(cheap);
    task_free(also_dear);
}

Test(admission_budget, the_next_day_lets_go)
{
    static const int64_t midnight = 86400 * S;
    struct task *first, *second;

    open_with_budget(0.6, "day");
    first = half_dollar("fast", NULL);
    second = half_dollar("fast", NULL);
    cr_expect_eq(enter(first, NOW), ADMITTED);
    leave_cost(first, 0.5, NOW);
    cr_expect_eq(enter(second, NOW), ADMISSION_WAITS);
    cr_expect_eq(pump(NOW), 0);
    cr_expect_eq(admission_next_us(admission), midnight);
    cr_expect_eq(pump(midnight - 1000), 0);
    cr_expect_eq(pump(midnight), 1);
    cr_expect_eq(next_ready(), second);
    cr_expect_not(view(midnight).money_out);
    task_free(first);
    task_free(second);
}

Test(admission_budget, what_was_not_asked_for_is_not_said_to_lack)
{
    struct task *t[3];
    int i;

    open_with_budget(0.6, "day");
    for (i = 0; i < 3; i++)
        t[i] = half_dollar(i == 2 ? "slow" : "fast", NULL);
    cr_expect_eq(enter(t[0], NOW), ADMITTED);
    leave_cost(t[0], 0.5, NOW);
    cr_expect_eq(enter(t[1], NOW), ADMISSION_WAITS);
    cr_expect_eq(enter(t[2], NOW), ADMISSION_WAITS);
    pump(NOW);
    cr_expect(view(NOW).money_out);
    config.pool.max_calls = 1;
    cr_expect_eq(pump(86400 * S), 1, "a new day, and one call at once");
    cr_expect_not(view(86400 * S).money_out, "the other one waits for a call to end");
    cr_expect(admission_remove(admission, t[next_ready() == t[1] ? 2 : 1]));
    for (i = 0; i < 3; i++)
        task_free(t[i]);
}

Test(admission_budget, a_clock_that_was_set_is_looked_at)
{
    struct task *first, *second;

    open_with_budget(0.6, "day");
    first = half_dollar("fast", NULL);
    second = half_dollar("fast", NULL);
    cr_expect_eq(enter(first, NOW), ADMITTED);
    leave_cost(first, 0.5, NOW);
    cr_expect_eq(enter(second, NOW), ADMISSION_WAITS);
    cr_expect_eq(pump(NOW), 0);
    admission_tell_wall(admission, NOW, NOW / 1000 + 500);
    cr_expect_gt(admission_next_us(admission), NOW);
    admission_tell_wall(admission, NOW, NOW / 1000 + 86400000);
    cr_expect_leq(admission_next_us(admission), NOW);
    cr_expect_eq(pump(NOW), 1);
    cr_expect_eq(next_ready(), second);
    task_free(first);
    task_free(second);
}

Test(admission_budget, what_cannot_be_bounded_is_refused)
{
    struct task *t, *either;

    open_with_budget(1, "run");
    t = half_dollar("fast", NULL);
    either = task_for("fast", "slow");
    t->op = OP_CHAT;
    cr_expect_eq(enter(t, NOW), ADMISSION_NEVER);
    cr_assert_not_null(t->error);
    cr_expect_str_eq(t->error->code, "budget_unknown_cost");
    cr_expect(strstr(t->error->message, "max_output_tokens"), "%s", t->error->message);
    rows[0].max_output_tokens = 1;
    rows[0].prices.step[0].usd[TIER_STANDARD][PRICE_OUTPUT] = 1e-3;
    either->op = OP_CHAT;
    cr_expect_eq(enter(either, NOW), ADMITTED);
    cr_expect_eq(either->route, 0, "the one with a bound");
    config.budget.unknown_price = (char *)"allow";
    task_free(t);
    t = half_dollar("fast", NULL);
    t->op = OP_CHAT;
    cr_expect_eq(enter(t, NOW), ADMITTED);
    task_free(t);
    task_free(either);
}

Test(admission_budget, what_may_have_been_charged_is_not_given_back)
{
    struct admission_end end = {.sent = false, .cost_usd = -1};
    struct task *cut, *unsent;

    open_with_budget(10, "run");
    cut = half_dollar("fast", NULL);
    unsent = half_dollar("fast", NULL);
    cr_expect_eq(enter(cut, NOW), ADMITTED);
    cr_expect_eq(enter(unsent, NOW), ADMITTED);
    admission_leave(admission, cut, &end, NOW);
    end.cost_usd = 0;
    admission_leave(admission, unsent, &end, NOW);
    cr_expect_float_eq(view(NOW).budget.spent_usd, 0.5, 1e-9);
    cr_expect_float_eq(view(NOW).budget.reserved_usd, 0, 1e-9);
    cr_expect_eq(view(NOW).budget.calls, 1);
    task_free(cut);
    task_free(unsent);
}

static struct task *for_the_last_resort(const char *tenant)
{
    struct task *t = half_dollar("slow", tenant);

    t->refused_routes = 1;
    return t;
}

/* One in front of it that has no money does not look at it instead. */
Test(admission_budget, a_newcomer_behind_one_without_money_is_looked_at)
{
    struct task *spent, *runs, *waits, *poor, *other;

    open_with_budget(100, "run");
    rows[1].model_name = rows[0].model_name;
    rows[1].weight = 0; /* a last resort: not for those that may have row 0 */
    spent = for_the_last_resort("a");
    cr_assert_eq(enter(spent, NOW), ADMITTED);
    leave_cost(spent, 0.9, NOW);
    runs = half_dollar("slow", NULL);
    waits = half_dollar("slow", NULL);
    poor = for_the_last_resort("a");
    other = for_the_last_resort("b");
    cr_assert_eq(enter(runs, NOW), ADMITTED);
    cr_assert_eq(enter(waits, NOW), ADMISSION_WAITS);
    cr_assert_eq(enter(poor, NOW), ADMISSION_WAITS);
    cr_assert_eq(pump(NOW), 0);
    cr_expect_eq(admission_next_us(admission), INT64_MAX);
    cr_assert_eq(enter(other, NOW), ADMISSION_WAITS, "it looks as if row 1 were wanted");
    cr_expect_leq(admission_next_us(admission), NOW);
    cr_expect_eq(pump(NOW), 1);
    cr_expect_eq(next_ready(), other);
    leave_cost(other, 0, NOW);
    leave_cost(runs, 0, NOW);
    admission_flush(admission, &ready);
    task_free(spent);
    task_free(runs);
    task_free(waits);
    task_free(poor);
    task_free(other);
}
