/* window: what is learned from refused and served sizes, and the number in a provider's words. */
#include "policy/window.h"

#include <criterion/criterion.h>

#include "base/mem.h"

Test(window, the_number_in_the_message)
{
    static const struct {
        const char *text;
        int64_t said;
    } cases[] = {
        {"prompt is too long: 210000 tokens > 200000 maximum", 200000},
        {"input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000", 200000},
        {"Input is too long for requested model.", 0},
        {"The input token count (2000000) exceeds the maximum number of tokens allowed (1048576).",
         1048576},
        {"This model's maximum context length is 8192 tokens. However, you requested 9000", 8192},
        {"`inputs` tokens + `max_new_tokens` must be <= 8193.", 8193},
        {"The input (5000 tokens) is longer than the model's context length (4096 tokens).", 4096},
        {"the request exceeds the available context size, try increasing it", 0},
        {"must be <= 2048. Given: 3000 `inputs` tokens and 20 `max_new_tokens`", 2048},
        {"current length is 9000 while limit is 8192", 8192},
        {"context limit: 99999999999999999999999", 0},
        {"context length is -5", 0},
        {"", 0},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++)
        cr_expect_eq(window_said(cases[i].text), cases[i].said, "%s: %lld", cases[i].text,
                     (long long)window_said(cases[i].text));
}

Test(window, what_is_learned)
{
    static const struct {
        int64_t size, said;
        bool served;
        int64_t refused_then, served_then;
    } steps[] = {
        {900, 0, true, 0, 900},         /* served: nothing is too large yet */
        {5000, 0, false, 5000, 900},    /* refused, and no number */
        {6000, 0, false, 5000, 900},    /* nothing new */
        {4500, 4096, false, 4096, 900}, /* the number is below the size */
        {4000, 4096, false, 4000, 900}, /* the estimate was a little low */
        {100, 4096, false, 4000, 900},  /* it was no measure at all */
        {4050, 0, true, 4051, 4050},    /* it did fit */
        {3000, 0, false, 3000, 2999},   /* it does no more */
    };
    struct window w = {0};
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(steps); i++) {
        if (steps[i].served)
            window_served(&w, steps[i].size);
        else
            window_refused(&w, steps[i].size, steps[i].said);
        cr_expect_eq(w.refused, steps[i].refused_then, "step %zu: %lld", i, (long long)w.refused);
        cr_expect_eq(w.served, steps[i].served_then, "step %zu: %lld", i, (long long)w.served);
    }
    cr_expect(window_is_small(&w, 3000));
    cr_expect_not(window_is_small(&w, 2999));
    cr_expect_not(window_is_small(&(struct window){0}, INT64_MAX));
}
