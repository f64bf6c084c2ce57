/* select: what a call is estimated to need, and what it did cost. */
#include "policy/select.h"

#include <criterion/criterion.h>
#include <math.h>

#include "base/mem.h"

Test(select_cost, estimate)
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
    size_t i = 0;

    task->models[task->nmodels++] = mem_strdup("smart");
    task->models[task->nmodels++] = mem_strdup("fast");
    task->raw_len = 38;
    for (i = 0; i < ARRAY_LEN(cases); i++) {
        rows[1].max_output_tokens = cases[i].most;
        json_object_put(task->body);
        task->body = json_tokener_parse(cases[i].body);
        task->op = cases[i].op;
        cr_expect_eq(select_estimate(&config, task), cases[i].want, "%s: %lld", cases[i].body,
                     (long long)select_estimate(&config, task));
    }
    task_free(task);
}

Test(select_cost, of_a_call)
{
    static const struct {
        struct usage u;
        double in, out, read, write, want;
    } cases[] = {
        {{1000, -1, -1, 100, -1}, 2e-6, 8e-6, -1, -1, 0.0028},
        {{1000, 400, -1, 100, 50}, 2e-6, 8e-6, 1e-6, -1, 0.0024},
        {{1000, 400, -1, 100, 50}, 2e-6, 8e-6, -1, -1, 0.0028},
        {{1000, 0, 1000, 0, 0}, 2e-6, -1, -1, 4e-6, 0.004},
        {{1000, 5000, 9000, 0, 0}, 2e-6, 8e-6, 1e-6, 9e-6, 0.001},
        {{1000, 0, 0, 0, 0}, 0, 0, 0, 0, 0},
        {{1000, 0, 0, 100, 0}, -1, 8e-6, -1, -1, -1},
        {{1000, 0, 0, 100, 0}, 2e-6, -1, -1, -1, -1},
        {{-1, -1, -1, 100, 0}, 2e-6, 8e-6, -1, -1, -1},
        {{1000, -1, -1, -1, -1}, 2e-6, 8e-6, -1, -1, -1},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct model m = {.input_cost_per_token = cases[i].in,
                          .output_cost_per_token = cases[i].out,
                          .cache_read_input_token_cost = cases[i].read,
                          .cache_creation_input_token_cost = cases[i].write};
        double got = select_cost(&m, &cases[i].u);

        cr_expect_lt(fabs(got - cases[i].want), 1e-9, "case %zu: %g", i, got);
    }
}
