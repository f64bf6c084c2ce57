/* estimate: what a call is estimated to need, and what a row learns of it. */
#include "policy/estimate.h"

#include <criterion/criterion.h>

#include "base/mem.h"
#include "base/rng.h"

Test(estimate, before_anything_is_learned)
{
    static const struct {
        const char *body;
        enum operation op;
        int64_t most, want;
    } cases[] = {
        {"{\"max_completion_tokens\":64}", OP_CHAT, 0, 10 + 64},
        {"{\"max_tokens\":100}", OP_CHAT, 0, 10 + 100},
        {"{\"max_output_tokens\":70}", OP_RESPONSES, 0, 10 + 70},
        {"{\"max_tokens\":100,\"n\":3}", OP_CHAT, 0, 10 + 300},
        {"{\"max_tokens\":100000}", OP_CHAT, 4000, 10 + 4000},
        {"{}", OP_CHAT, 0, 10 + 512},
        {"{}", OP_CHAT, 128, 10 + 128},
        {"{\"max_tokens\":9000000000000000000,\"n\":1000}", OP_CHAT, 0,
         10 + 1000 * (int64_t)INT32_MAX},
        {"{\"max_tokens\":-4}", OP_CHAT, 0, 10 + 512},
        {"{\"max_tokens\":100}", OP_EMBEDDINGS, 0, 10},
    };
    struct model rows[] = {{.model_name = (char *)"fast", .max_output_tokens = 1},
                           {.model_name = (char *)"smart"}};
    struct config config = {.models = rows, .nmodels = ARRAY_LEN(rows)};
    struct task *task = task_new();
    struct limit_need n;
    size_t i = 0;

    task->models[task->nmodels++] = mem_strdup("smart");
    task->models[task->nmodels++] = mem_strdup("fast");
    task->raw_len = 38;
    for (i = 0; i < ARRAY_LEN(cases); i++) {
        rows[1].max_output_tokens = cases[i].most;
        json_object_put(task->body);
        task->body = json_tokener_parse(cases[i].body);
        task->op = cases[i].op;
        n = estimate_task(&config, task);
        cr_expect_eq(n.tokens, cases[i].want, "%s: %lld", cases[i].body, (long long)n.tokens);
        cr_expect_eq(n.tokens - n.output, 10, "%s: input", cases[i].body);
    }
    task_free(task);
}

/* Calls of 100 + 1000 tokens by the estimate. */
static const struct limit_need CALL = {.tokens = 1100, .output = 1000};

static void calls(struct estimate *e, int n, int64_t input, int64_t output)
{
    int i = 0;

    for (i = 0; i < n; i++)
        estimate_learn(e, CALL, (struct limit_need){.tokens = input + output, .output = output});
}

Test(estimate, converges_in_tens_of_calls)
{
    static const struct {
        const char *provider;
        int64_t input, output;     /* that a call uses */
        int64_t want_in, want_out; /* what is reserved at last, at most a tenth more */
    } cases[] = {
        {"anthropic", 100, 1000, 100, 1000}, {"anthropic", 130, 50, 100, 50},
        {"anthropic", 25, 400, 25, 400},     {"anthropic", 1000, 10, 100, 10},
        {"openai", 30, 50, 30, 1000},        {"azure", 60, 1000, 60, 1000},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct estimate e;
        struct limit_need n;

        estimate_init(&e, &(struct model){.provider_name = (char *)cases[i].provider});
        n = estimate_learned(&e, CALL);
        cr_expect(n.tokens == 1100 && n.output == 1000, "nothing is known yet");
        calls(&e, 7, cases[i].input, cases[i].output);
        n = estimate_learned(&e, CALL);
        cr_expect_geq(n.output, 1000, "case %zu: lowered before eight calls", i);
        calls(&e, 73, cases[i].input, cases[i].output);
        n = estimate_learned(&e, CALL);
        cr_expect_geq(n.output, cases[i].want_out);
        cr_expect_leq(n.output, cases[i].want_out * 11 / 10 + 1, "case %zu: output %lld", i,
                      (long long)n.output);
        cr_expect_geq(n.tokens - n.output, cases[i].want_in);
        cr_expect_leq(n.tokens - n.output, cases[i].want_in * 11 / 10 + 1, "case %zu: input %lld",
                      i, (long long)(n.tokens - n.output));
    }
}

Test(estimate, one_outlier_is_not_trusted)
{
    static const int64_t outliers[] = {0, 1, 5000, 1000000000, INT64_MAX / 4};
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(outliers); i++) {
        struct estimate e;
        struct limit_need n;

        estimate_init(&e, &(struct model){.provider_name = (char *)"anthropic"});
        calls(&e, 100, 100, 200);
        calls(&e, 1, 100, outliers[i]);
        n = estimate_learned(&e, CALL);
        cr_expect_geq(n.output, 190, "after %lld: %lld", (long long)outliers[i],
                      (long long)n.output);
        cr_expect_leq(n.output, 600, "after %lld: %lld", (long long)outliers[i],
                      (long long)n.output);
    }
}

/* Answers of all lengths: what many calls have reserved covers what they use. */
Test(estimate, covers_what_differs)
{
    struct rng rng = {5};
    struct estimate e;
    int64_t reserved = 0;
    int64_t used = 0;
    int i = 0;

    estimate_init(&e, &(struct model){.provider_name = (char *)"anthropic"});
    for (i = 0; i < 3000; i++) {
        int64_t output = (int64_t)(5 + rng_below(&rng, 400));

        reserved += estimate_learned(&e, CALL).output;
        used += output;
        calls(&e, 1, 100, output);
        if (i % 100 != 99)
            continue;
        cr_expect_geq(reserved, used, "after %d calls", i + 1);
        reserved = used = 0;
    }
}

Test(estimate, follows_answers_that_get_longer)
{
    struct estimate e;
    int n = 0;

    estimate_init(&e, &(struct model){.provider_name = (char *)"anthropic"});
    calls(&e, 100, 100, 50);
    while (estimate_learned(&e, CALL).output < 1000 && n < 100) {
        calls(&e, 1, 100, 1000);
        n++;
    }
    cr_expect_leq(n, 10, "%d calls", n);
}
