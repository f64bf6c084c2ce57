/*
 * anthropic_response: a message of Anthropic's API to OpenAI's form. Blocks of server tools have no
 * place in that form and are left out.
 */
#include "providers/anthropic.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/blocks.h"
#include "providers/failure.h"
#include "providers/incoming.h"

/* Not pause_turn, and not what may be invented later. */
static const struct block_reason reasons[] = {
    {"end_turn", "stop", FINISH_STOP},
    {"stop_sequence", "stop", FINISH_STOP},
    {"tool_use", "tool_calls", FINISH_TOOL_CALLS},
    {"max_tokens", "length", FINISH_LENGTH},
    {"model_context_window_exceeded", "length", FINISH_LENGTH},
    {"refusal", "content_filter", FINISH_CONTENT_FILTER},
};

static void read_block(struct blocks *b, struct json_object *block)
{
    const char *type = json_get_str(block, "type");

    if (!type)
        return;
    if (strcmp(type, "text") == 0) {
        incoming_append(&b->text, json_get_type(block, "text", json_type_string));
    } else if (strcmp(type, "thinking") == 0) {
        incoming_append(&b->thinking, json_get_type(block, "thinking", json_type_string));
        json_object_array_add(b->thinking_blocks, json_object_get(block));
    } else if (strcmp(type, "redacted_thinking") == 0) {
        json_object_array_add(b->thinking_blocks, json_object_get(block));
    } else if (strcmp(type, "tool_use") == 0) {
        blocks_call(b, json_get(block, "id"), json_get(block, "name"), json_get(block, "input"));
    }
}

/* Their input_tokens leave out what was read from and written to the cache; ours include it. */
static void read_usage(struct json_object *usage, struct answer *ans)
{
    struct usage *u = &ans->usage;
    int64_t plain = incoming_tokens(usage, "input_tokens");

    u->cached_input_tokens = incoming_tokens(usage, "cache_read_input_tokens");
    u->cache_write_tokens = incoming_tokens(usage, "cache_creation_input_tokens");
    u->output_tokens = incoming_tokens(usage, "output_tokens");
    u->reasoning_tokens =
        incoming_tokens(json_get(usage, "output_tokens_details"), "thinking_tokens");
    ans->cache_write_1h_tokens =
        incoming_tokens(json_get(usage, "cache_creation"), "ephemeral_1h_input_tokens");
    ans->tier = service_tier_of(json_get_str(usage, "service_tier"));
    u->input_tokens =
        plain < 0
            ? -1
            : incoming_sum(plain, incoming_sum(u->cached_input_tokens, u->cache_write_tokens));
}

static const char *tier_of(struct json_object *root)
{
    const char *tier = json_get_str(json_get(root, "usage"), "service_tier");

    if (tier && strcmp(tier, "standard") == 0)
        return "default";
    return tier && strcmp(tier, "priority") == 0 ? tier : NULL;
}

void anthropic_read(const struct model *m, const struct task *t, struct json_object *root,
                    struct answer *ans)
{
    const char *theirs = json_get_str(root, "stop_reason");
    const struct block_frame f = {
        .reason = blocks_reason(reasons, ARRAY_LEN(reasons), theirs),
        .theirs = theirs,
        .refusal = json_get_str(json_get(root, "stop_details"), "explanation"),
        .root = root,
        .service_tier = tier_of(root),
    };
    struct json_object *content = json_get_type(root, "content", json_type_array);
    CLEANUP(blocks_done) struct blocks b;
    size_t n = content ? json_object_array_length(content) : 0;
    size_t i = 0;

    blocks_init(&b);
    read_usage(json_get(root, "usage"), ans);
    for (i = 0; i < n; i++)
        read_block(&b, json_object_array_get_idx(content, i));
    if (content)
        blocks_finish(m, t, &b, &f, ans);
    else
        failure_bad_response(ans, "no_content", "the answer holds no list of content blocks");
}
