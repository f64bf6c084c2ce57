/*
 * openai_chat: reads chat completions of OpenAI's dialect, usage and envelope. Vendors leave
 * fields out or put null where OpenAI's schema has none; that is repaired here. Fields that the
 * schema does not know (reasoning, citations, ...) stay. The choices themselves are
 * openai_choice.c.
 */
#include "providers/openai.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/failure.h"
#include "providers/incoming.h"

static int64_t known(int64_t tokens)
{
    return tokens < 0 ? 0 : tokens;
}

/* Cached tokens under the names of OpenAI, DeepSeek and Moonshot. */
static int64_t cached_tokens(struct json_object *usage)
{
    int64_t n = incoming_tokens(json_get(usage, "prompt_tokens_details"), "cached_tokens");

    if (n < 0)
        n = incoming_tokens(usage, "prompt_cache_hit_tokens");
    return n < 0 ? incoming_tokens(usage, "cached_tokens") : n;
}

static void read_usage(struct json_object *usage, struct usage *u)
{
    struct json_object *in = json_get(usage, "prompt_tokens_details");
    struct json_object *out = json_get(usage, "completion_tokens_details");

    u->input_tokens = incoming_tokens(usage, "prompt_tokens");
    u->output_tokens = incoming_tokens(usage, "completion_tokens");
    u->cached_input_tokens = cached_tokens(usage);
    u->cache_write_tokens = incoming_tokens(in, "cache_write_tokens");
    u->reasoning_tokens = incoming_tokens(out, "reasoning_tokens");
    incoming_reasoning_beside(u, incoming_tokens(usage, "total_tokens"));
}

static void repair_usage(struct json_object *root, const struct usage *u)
{
    struct json_object *usage = json_get_type(root, "usage", json_type_object);
    int64_t in = known(u->input_tokens);
    int64_t out = known(u->output_tokens);
    int64_t sum = 0;

    if (!usage) {
        json_object_object_del(root, "usage");
        return;
    }
    if (incoming_tokens(usage, "prompt_tokens") < 0)
        json_object_object_add(usage, "prompt_tokens", json_object_new_int64(in));
    if (incoming_tokens(usage, "completion_tokens") < 0)
        json_object_object_add(usage, "completion_tokens", json_object_new_int64(out));
    if (__builtin_add_overflow(in, out, &sum))
        sum = INT64_MAX;
    if (incoming_tokens(usage, "total_tokens") < 0)
        json_object_object_add(usage, "total_tokens", json_object_new_int64(sum));
    incoming_drop_null(usage, "prompt_tokens_details");
    incoming_drop_null(usage, "completion_tokens_details");
}

void openai_read_chat(const struct model *m, const struct task *t, struct json_object *root,
                      struct answer *ans)
{
    struct json_object *choices = json_get_type(root, "choices", json_type_array);
    size_t n = choices ? json_object_array_length(choices) : 0;
    enum finish finish = FINISH_STOP;
    size_t i = 0;

    if (json_get(root, "usage")) /* else what a dialect has counted already stands */
        read_usage(json_get(root, "usage"), &ans->usage);
    if (n == 0) {
        failure_bad_response(ans, "no_choices", "the answer holds no choices");
        return;
    }
    for (i = 0; i < n; i++) {
        enum finish one = FINISH_OTHER;

        if (openai_read_choice(json_object_array_get_idx(choices, i), (int64_t)i, &one) < 0) {
            failure_bad_response(ans, "empty_answer",
                                 "a choice of the answer has no text, no tool call and no refusal");
            return;
        }
        finish = incoming_worse(finish, one);
    }
    incoming_envelope(m, t, "chat.completion", root);
    repair_usage(root, &ans->usage);
    incoming_tier(root);
    incoming_drop_null(root, "system_fingerprint");
    incoming_close(root, finish, ans);
}
