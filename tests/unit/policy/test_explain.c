/* explain: time by reason, over the run and over the last minute, and which class of failure rests a row why. */
#include "policy/explain.h"

#include <criterion/criterion.h>

#define S 1000000LL

static struct explain x;
static struct explain_view v;

static void look(int64_t now_us)
{
    explain_look(&x, now_us, &v);
}

static void begin(void)
{
    x = (struct explain){0};
    explain_set(&x, WHY_IDLE, 7 * S);
}

TestSuite(explain, .init = begin);

Test(explain, each_reason_has_the_time_it_held)
{
    explain_set(&x, WHY_RPM, 10 * S);
    explain_set(&x, WHY_RPM, 11 * S);
    explain_set(&x, WHY_COOL_OVERLOAD, 16 * S);
    look(18 * S);
    cr_expect_eq(v.now, WHY_COOL_OVERLOAD);
    cr_expect_eq(v.run_us[WHY_IDLE], 3 * S);
    cr_expect_eq(v.run_us[WHY_RPM], 6 * S);
    cr_expect_eq(v.run_us[WHY_COOL_OVERLOAD], 2 * S);
    cr_expect_eq(explain_main(v.run_us), WHY_RPM);
    cr_expect_float_eq(explain_share(v.run_us, WHY_RPM), 6.0 / 11, 1e-9);
    for (int w = 0; w < WHY_COUNT; w++)
        cr_expect_eq(v.minute_us[w], v.run_us[w], "%s", why_name((enum why)w));
}

Test(explain, the_minute_forgets_and_the_run_does_not)
{
    int64_t sum = 0;

    explain_set(&x, WHY_TPM, 10 * S);
    explain_set(&x, WHY_PARALLEL, 30 * S);
    look(95 * S);
    cr_expect_eq(v.run_us[WHY_TPM], 20 * S);
    cr_expect_eq(v.minute_us[WHY_TPM], 0);
    for (int w = 0; w < WHY_COUNT; w++)
        sum += v.minute_us[w];
    cr_expect_eq(sum, 60 * S, "at least a minute, and less than a slot more");
    look(95 * S + 3600 * S);
    cr_expect_eq(v.run_us[WHY_PARALLEL], 65 * S + 3600 * S);
    cr_expect_eq(v.minute_us[WHY_PARALLEL], 60 * S);
}

Test(explain, a_minute_of_changes_is_a_minute)
{
    int64_t sum = 0;

    for (int i = 0; i < 10000; i++)
        explain_set(&x, i % 2 ? WHY_RPM : WHY_ANSWERS, 7 * S + i * S / 50);
    look(207 * S);
    for (int w = 0; w < WHY_COUNT; w++)
        sum += v.minute_us[w];
    cr_expect_geq(sum, 60 * S);
    cr_expect_lt(sum, 65 * S);
    cr_expect_float_eq(explain_share(v.minute_us, WHY_RPM), 0.5, 0.01);
}

Test(explain, a_clock_that_goes_back_adds_nothing)
{
    explain_set(&x, WHY_RPM, 9 * S);
    explain_set(&x, WHY_TPM, 8 * S);
    look(8 * S);
    cr_expect_eq(v.run_us[WHY_RPM], 0);
    cr_expect_eq(v.run_us[WHY_TPM], 0);
    look(10 * S);
    cr_expect_eq(v.run_us[WHY_TPM], 1 * S);
}

Test(explain, idle_is_the_main_reason_only_without_another)
{
    look(1000 * S);
    cr_expect_eq(explain_main(v.run_us), WHY_IDLE);
    explain_set(&x, WHY_RPM, 1000 * S);
    look(1001 * S);
    cr_expect_eq(explain_main(v.run_us), WHY_RPM);
}

Test(explain, every_reason_has_a_name_of_its_own)
{
    for (int w = 0; w < WHY_COUNT; w++) {
        cr_assert_not_null(why_name((enum why)w), "%d", w);
        for (int other = 0; other < w; other++)
            cr_expect_str_neq(why_name((enum why)w), why_name((enum why)other));
    }
}

Test(explain, a_class_rests_its_row_for_a_reason)
{
    static const struct {
        enum error_class class;
        enum why why;
    } cases[] = {
        {CLASS_RATE_LIMIT, WHY_COOL_RATE_LIMIT},
        {CLASS_OVERLOAD, WHY_COOL_OVERLOAD},
        {CLASS_TRANSPORT, WHY_COOL_TRANSPORT},
        {CLASS_TRANSIENT, WHY_COOL_FAILING},
        {CLASS_TIMEOUT, WHY_COOL_FAILING},
        {CLASS_BAD_RESPONSE, WHY_COOL_FAILING},
        {CLASS_QUOTA, WHY_OFF_QUOTA},
        {CLASS_CREDENTIAL, WHY_OFF_CREDENTIAL},
        {CLASS_MODEL_ACCESS, WHY_OFF_MODEL},
        {CLASS_MODEL_GONE, WHY_OFF_MODEL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(why_resting(cases[i].class), cases[i].why, "%s", class_name(cases[i].class));
}
