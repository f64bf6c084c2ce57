/*
 * anthropic_response: a Messages answer to a chat.completion of OpenAI's form. Text blocks are
 * joined, thinking is kept apart (reasoning_content for reading, thinking_blocks for sending
 * back), tool inputs become strings. Blocks of server tools have no place in that form and are
 * left out.
 */
#include "providers/anthropic.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/failure.h"
#include "providers/incoming.h"

#define TEXT_MAX (64u << 20) /* of joined blocks; the response was bounded before */

static const struct reason {
    const char *theirs;
    const char *openai;
    enum finish finish;
} reasons[] = {
    {"end_turn", "stop", FINISH_STOP},
    {"stop_sequence", "stop", FINISH_STOP},
    {"tool_use", "tool_calls", FINISH_TOOL_CALLS},
    {"max_tokens", "length", FINISH_LENGTH},
    {"model_context_window_exceeded", "length", FINISH_LENGTH},
    {"refusal", "content_filter", FINISH_CONTENT_FILTER},
};

/* pause_turn and what may be invented later: an answer, but not a whole one; never cached. */
static const struct reason other = {"", "stop", FINISH_OTHER};

/* The parts of the answer while its blocks are read. */
struct parts {
    struct buf text;
    struct buf thinking;
    struct json_object *thinking_blocks; /* owned until they are in the message */
    struct json_object *calls;
};

static const struct reason *reason_of(const char *theirs)
{
    size_t i = 0;

    for (i = 0; theirs && i < ARRAY_LEN(reasons); i++) {
        if (strcmp(theirs, reasons[i].theirs) == 0)
            return &reasons[i];
    }
    return &other;
}

static void append(struct buf *to, struct json_object *text)
{
    if (text)
        buf_append(to, json_object_get_string(text), (size_t)json_object_get_string_len(text));
}

static void add_call(struct parts *p, struct json_object *block)
{
    struct json_object *input = json_get(block, "input");
    struct json_object *call = NULL;
    struct json_object *function = NULL;

    if (!json_get_str(block, "id") || !json_get_str(block, "name"))
        return;
    call = json_object_new_object();
    function = json_object_new_object();
    outgoing_share(call, "id", json_get(block, "id"));
    json_object_object_add(call, "type", json_object_new_string("function"));
    json_object_object_add(call, "function", function);
    outgoing_share(function, "name", json_get(block, "name"));
    json_object_object_add(function, "arguments",
                           json_object_new_string(input ? incoming_json_text(input) : "{}"));
    json_object_array_add(p->calls, call);
}

static void read_block(struct parts *p, struct json_object *block)
{
    const char *type = json_get_str(block, "type");

    if (!type)
        return;
    if (strcmp(type, "text") == 0) {
        append(&p->text, json_get_type(block, "text", json_type_string));
    } else if (strcmp(type, "thinking") == 0) {
        append(&p->thinking, json_get_type(block, "thinking", json_type_string));
        json_object_array_add(p->thinking_blocks, json_object_get(block));
    } else if (strcmp(type, "redacted_thinking") == 0) {
        json_object_array_add(p->thinking_blocks, json_object_get(block));
    } else if (strcmp(type, "tool_use") == 0) {
        add_call(p, block);
    }
}

/* Text, or null beside tool calls and refusals. */
static void put_text(const struct parts *p, const struct reason *r, struct json_object *message)
{
    bool absent = p->text.len == 0 &&
                  (json_object_array_length(p->calls) > 0 || r->finish == FINISH_CONTENT_FILTER);

    json_object_object_add(message, "content", absent ? NULL : incoming_string(&p->text));
}

static void put_refusal(struct json_object *root, const struct parts *p, const struct reason *r,
                        struct json_object *message)
{
    const char *words = json_get_str(json_get(root, "stop_details"), "explanation");
    struct json_object *refusal = NULL;

    if (r->finish == FINISH_CONTENT_FILTER && words && *words)
        refusal = json_object_new_string(words);
    else if (r->finish == FINISH_CONTENT_FILTER && p->text.len == 0)
        refusal = json_object_new_string("The provider refused to answer.");
    json_object_object_add(message, "refusal", refusal);
}

static struct json_object *new_message(struct json_object *root, struct parts *p,
                                       const struct reason *r)
{
    struct json_object *message = json_object_new_object();

    json_object_object_add(message, "role", json_object_new_string("assistant"));
    put_text(p, r, message);
    put_refusal(root, p, r, message);
    if (p->thinking.len > 0)
        json_object_object_add(message, "reasoning_content", incoming_string(&p->thinking));
    if (json_object_array_length(p->thinking_blocks) > 0)
        outgoing_share(message, "thinking_blocks", p->thinking_blocks);
    if (json_object_array_length(p->calls) > 0)
        outgoing_share(message, "tool_calls", p->calls);
    return message;
}

static struct json_object *new_choice(struct json_object *root, struct parts *p,
                                      const struct reason *r)
{
    struct json_object *choice = json_object_new_object();
    const char *theirs = json_get_str(root, "stop_reason");

    json_object_object_add(choice, "index", json_object_new_int(0));
    json_object_object_add(choice, "message", new_message(root, p, r));
    json_object_object_add(choice, "logprobs", NULL);
    json_object_object_add(choice, "finish_reason", json_object_new_string(r->openai));
    if (theirs)
        json_object_object_add(choice, "native_finish_reason", json_object_new_string(theirs));
    return choice;
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
    u->input_tokens =
        plain < 0
            ? -1
            : incoming_sum(plain, incoming_sum(u->cached_input_tokens, u->cache_write_tokens));
    ans->cache_write_1h_tokens =
        incoming_tokens(json_get(usage, "cache_creation"), "ephemeral_1h_input_tokens");
    ans->tier = service_tier_of(json_get_str(usage, "service_tier"));
}

static void put_tier(struct json_object *root, struct json_object *to)
{
    const char *tier = json_get_str(json_get(root, "usage"), "service_tier");

    if (tier && strcmp(tier, "standard") == 0)
        json_object_object_add(to, "service_tier", json_object_new_string("default"));
    else if (tier && strcmp(tier, "priority") == 0)
        json_object_object_add(to, "service_tier", json_object_new_string("priority"));
}

/* Is there an answer at all? Cut or refused before the first word is one: it says how it ended. */
static bool answers(const struct parts *p, const struct reason *r)
{
    return p->text.len > 0 || json_object_array_length(p->calls) > 0 ||
           r->finish == FINISH_LENGTH || r->finish == FINISH_CONTENT_FILTER;
}

void anthropic_read(const struct model *m, const struct task *t, struct json_object *root,
                    struct answer *ans)
{
    const struct reason *r = reason_of(json_get_str(root, "stop_reason"));
    struct json_object *content = json_get_type(root, "content", json_type_array);
    CLEANUP_JSON struct json_object *thinking_blocks = json_object_new_array();
    CLEANUP_JSON struct json_object *calls = json_object_new_array();
    CLEANUP_JSON struct json_object *completion = NULL;
    struct parts p = {.text = BUF_INIT(TEXT_MAX),
                      .thinking = BUF_INIT(TEXT_MAX),
                      .thinking_blocks = thinking_blocks,
                      .calls = calls};
    size_t n = content ? json_object_array_length(content) : 0;
    size_t i = 0;

    read_usage(json_get(root, "usage"), ans);
    for (i = 0; i < n; i++)
        read_block(&p, json_object_array_get_idx(content, i));
    if (!content) {
        failure_bad_response(ans, "no_content", "the answer holds no list of content blocks");
    } else if (!answers(&p, r)) {
        failure_bad_response(ans, "empty_answer", "the answer has no text and no tool call");
    } else {
        completion = incoming_completion(m, t, root, new_choice(root, &p, r), &ans->usage);
        put_tier(root, completion);
        incoming_close(completion, r->finish, ans);
    }
    buf_done(&p.text);
    buf_done(&p.thinking);
}
