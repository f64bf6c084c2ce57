/*
 * bedrock_response: a Converse answer to OpenAI's form. What a guardrail says in place of the model
 * is the text of the answer.
 */
#include "providers/bedrock.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/blocks.h"
#include "providers/failure.h"
#include "providers/incoming.h"

static const struct block_reason reasons[] = {
    {"end_turn", "stop", FINISH_STOP},
    {"stop_sequence", "stop", FINISH_STOP},
    {"tool_use", "tool_calls", FINISH_TOOL_CALLS},
    {"max_tokens", "length", FINISH_LENGTH},
    {"model_context_window_exceeded", "length", FINISH_LENGTH},
    {"guardrail_intervened", "content_filter", FINISH_CONTENT_FILTER},
    {"content_filtered", "content_filter", FINISH_CONTENT_FILTER},
    {"refusal", "content_filter", FINISH_CONTENT_FILTER},
};

/* Thinking in the form in which messages may hold it again (bedrock_messages.c). */
static void read_reasoning(struct blocks *b, struct json_object *reasoning)
{
    struct json_object *inner = json_get(reasoning, "reasoningText");
    struct json_object *text = json_get_type(inner, "text", json_type_string);
    struct json_object *data = json_get_type(reasoning, "redactedContent", json_type_string);
    struct json_object *block = NULL;

    if (!text && !data)
        return;
    incoming_append(&b->thinking, text);
    block = bedrock_wrap("type", json_object_new_string(text ? "thinking" : "redacted_thinking"));
    outgoing_share(block, text ? "thinking" : "data", text ? text : data);
    if (text && json_get_str(inner, "signature"))
        outgoing_share(block, "signature", json_get(inner, "signature"));
    json_object_array_add(b->thinking_blocks, block);
}

/* Text with its sources: the text. */
static void read_cited(struct blocks *b, struct json_object *cited)
{
    struct json_object *list = json_get_type(cited, "content", json_type_array);
    size_t n = list ? json_object_array_length(list) : 0;
    size_t i = 0;

    for (i = 0; i < n; i++)
        incoming_append(
            &b->text, json_get_type(json_object_array_get_idx(list, i), "text", json_type_string));
}

static void read_block(struct blocks *b, struct json_object *block)
{
    struct json_object *use = json_get(block, "toolUse");

    incoming_append(&b->text, json_get_type(block, "text", json_type_string));
    read_reasoning(b, json_get(block, "reasoningContent"));
    read_cited(b, json_get(block, "citationsContent"));
    blocks_call(b, json_get(use, "toolUseId"), json_get(use, "name"), json_get(use, "input"));
}

/* Those of the tokens written to the cache that are kept for an hour; -1: not said. */
static int64_t long_cache_tokens(struct json_object *usage)
{
    struct json_object *list = json_get_type(usage, "cacheDetails", json_type_array);
    size_t n = list ? json_object_array_length(list) : 0;
    int64_t tokens = list ? 0 : -1;
    size_t i = 0;

    for (i = 0; i < n; i++) {
        struct json_object *detail = json_object_array_get_idx(list, i);
        const char *ttl = json_get_str(detail, "ttl");

        if (ttl && strcmp(ttl, "1h") == 0)
            tokens = incoming_sum(tokens, incoming_tokens(detail, "inputTokens"));
    }
    return tokens;
}

/* Their inputTokens leave out what was read from and written to the cache; ours include it. */
static void read_usage(struct json_object *usage, struct answer *ans)
{
    struct usage *u = &ans->usage;
    int64_t plain = incoming_tokens(usage, "inputTokens");

    u->cached_input_tokens = incoming_tokens(usage, "cacheReadInputTokens");
    u->cache_write_tokens = incoming_tokens(usage, "cacheWriteInputTokens");
    u->output_tokens = incoming_tokens(usage, "outputTokens");
    ans->cache_write_1h_tokens = long_cache_tokens(usage);
    u->input_tokens =
        plain < 0
            ? -1
            : incoming_sum(plain, incoming_sum(u->cached_input_tokens, u->cache_write_tokens));
}

static const char *tier_of(struct json_object *root)
{
    static const char *const tiers[] = {"default", "flex", "priority"};
    const char *tier = json_get_str(json_get(root, "serviceTier"), "type");
    size_t i = 0;

    for (i = 0; tier && i < ARRAY_LEN(tiers); i++) {
        if (strcmp(tier, tiers[i]) == 0)
            return tiers[i];
    }
    return NULL;
}

/* The model wrote what the service could not read: a failure that the next call may not have. */
static bool is_malformed(const char *reason, struct answer *ans)
{
    if (!reason || strncmp(reason, "malformed_", 10) != 0)
        return false;
    failure_bad_response(ans,
                         strcmp(reason, "malformed_tool_use") == 0 ? "malformed_tool_use"
                                                                   : "malformed_model_output",
                         "the model wrote an answer or a tool call that cannot be read");
    return true;
}

void bedrock_read(const struct model *m, const struct task *t, struct json_object *root,
                  struct answer *ans)
{
    const char *theirs = json_get_str(root, "stopReason");
    const struct block_frame f = {
        .reason = blocks_reason(reasons, ARRAY_LEN(reasons), theirs),
        .theirs = theirs,
        .root = root,
        .service_tier = tier_of(root),
    };
    struct json_object *content =
        json_get_type(json_get(json_get(root, "output"), "message"), "content", json_type_array);
    CLEANUP(blocks_done) struct blocks b;
    size_t n = content ? json_object_array_length(content) : 0;
    size_t i = 0;

    blocks_init(&b);
    read_usage(json_get(root, "usage"), ans);
    ans->tier = service_tier_of(json_get_str(json_get(root, "serviceTier"), "type"));
    if (is_malformed(theirs, ans))
        return;
    for (i = 0; i < n; i++)
        read_block(&b, json_object_array_get_idx(content, i));
    if (content || f.reason->finish == FINISH_CONTENT_FILTER)
        blocks_finish(m, t, &b, &f, ans);
    else
        failure_bad_response(ans, "no_content", "the answer holds no list of content blocks");
}
