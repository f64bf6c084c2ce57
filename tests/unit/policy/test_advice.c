/* advice: every reason has words, and numbers where they can be computed. */
#include "policy/advice.h"

#include <criterion/criterion.h>
#include <string.h>

static struct model model = {.rpm = 600, .tpm = 60000, .max_parallel_requests = 4};
static struct config config = {
    .models = &model, .nmodels = 1, .pool = {.max_calls = 100, .max_in_flight = 1000}};

static struct advice given(struct advice_facts f, enum why w)
{
    struct advice a;

    f.config = &config;
    f.model = &model;
    advice_give(&f, w, &a);
    return a;
}

Test(advice, every_reason_has_words)
{
    for (int w = 0; w < WHY_COUNT; w++) {
        struct advice a = given((struct advice_facts){.budget = {.max_cost = -1}}, (enum why)w);

        cr_expect_neq(a.because[0], '\0', "%s", why_name((enum why)w));
        cr_expect_neq(a.change[0], '\0', "%s", why_name((enum why)w));
        cr_expect_not_null(a.key);
    }
}

Test(advice, with_numbers)
{
    static const struct {
        enum why why;
        struct advice_facts facts;
        const char *because, *change;
    } cases[] = {
        {WHY_RPM, {.answer_s = 1}, "rpm: 600", "raise rpm"},
        {WHY_TPM, {.answer_tokens = 250}, "tpm: 60000", "rpm: 600 needs 150000"},
        {WHY_TPM, {.answer_tokens = 50}, "tpm: 60000", "raise tpm"},
        {WHY_PARALLEL, {.answer_s = 2}, "2.0 calls/s at most", "max_parallel_requests to 20"},
        {WHY_PARALLEL, {.answer_s = 0.1}, "40.0 calls/s at most", "8 doubles"},
        {WHY_PARALLEL, {0}, "4 calls run", "8 doubles"},
        {WHY_MAX_CALLS, {.answer_s = 4}, "25.0 calls/s at most", "200 doubles"},
        {WHY_IN_FLIGHT, {0}, "pool.max_in_flight: 1000", "2000 doubles"},
        {WHY_COOL_RATE_LIMIT, {0}, "429", "lower rpm (now 600)"},
        {WHY_BUDGET,
         {.budget = {.max_cost = 2, .spent_usd = 1.5}},
         "$1.5000 of $2.0000",
         "budget.max_cost"},
        {WHY_BUDGET,
         {.budget = {.max_cost = -1, .max_requests = 7, .calls = 7}},
         "7 of 7 calls",
         "budget.max_requests"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct advice a = given(cases[i].facts, cases[i].why);

        cr_expect(strstr(a.because, cases[i].because), "%zu: %s", i, a.because);
        cr_expect(strstr(a.change, cases[i].change), "%zu: %s", i, a.change);
    }
}

Test(advice, a_row_without_a_limit_hears_where_it_was_refused)
{
    struct model open = {.index = 0};
    struct advice_facts f = {.config = &config, .model = &open, .used_requests = 90};
    struct advice a;

    advice_give(&f, WHY_COOL_RATE_LIMIT, &a);
    cr_expect(strstr(a.change, "90 requests in a minute"), "%s", a.change);
}
