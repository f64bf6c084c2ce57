/* select: what a call is estimated to need. */
#include "policy/select.h"

#include <criterion/criterion.h>

#include "base/mem.h"

Test(select_estimate, estimate)
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
