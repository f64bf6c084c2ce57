/*
 * bridge_response: a chat.completion to a `response` object: reasoning, message and tool calls become
 * items of their own. Members that only repeat the request are put in by responses_complete().
 */
#include "providers/bridge.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/responses.h"

/* The response while it is being written. */
struct out {
    struct json_object *items;
    const char *id;     /* of the completion; ids of items derive from it */
    const char *status; /* of the message */
};

static struct json_object *add_item(struct out *out, const char *type, const char *prefix)
{
    struct json_object *item = responses_typed(type);
    char id[160];

    snprintf(id, sizeof id, "%s%.120s_%zu", prefix, out->id, json_object_array_length(out->items));
    json_object_object_add(item, "id", json_object_new_string(id));
    json_object_array_add(out->items, item);
    return item;
}

static void add_reasoning(struct out *out, struct json_object *text)
{
    struct json_object *item = NULL;
    struct json_object *content = NULL;
    struct json_object *part = NULL;

    if (!text || json_object_get_string_len(text) == 0)
        return;
    item = add_item(out, "reasoning", "rs_");
    content = json_object_new_array();
    part = responses_typed("reasoning_text");
    outgoing_share(part, "text", text);
    json_object_array_add(content, part);
    json_object_object_add(item, "summary", json_object_new_array());
    json_object_object_add(item, "content", content);
}

static struct json_object *new_text(struct json_object *text, struct json_object *logprobs)
{
    struct json_object *part = responses_typed("output_text");
    struct json_object *tokens = json_get_type(logprobs, "content", json_type_array);

    outgoing_share(part, "text", text);
    json_object_object_add(part, "annotations", json_object_new_array());
    if (tokens)
        outgoing_share(part, "logprobs", tokens);
    return part;
}

static void add_message(struct out *out, struct json_object *message, struct json_object *logprobs)
{
    struct json_object *text = json_get_type(message, "content", json_type_string);
    struct json_object *refusal = json_get_type(message, "refusal", json_type_string);
    struct json_object *content = NULL;
    struct json_object *item = NULL;

    if (text && json_object_get_string_len(text) == 0)
        text = NULL;
    if (!text && !refusal)
        return;
    item = add_item(out, "message", "msg_");
    content = json_object_new_array();
    json_object_object_add(item, "status", json_object_new_string(out->status));
    json_object_object_add(item, "role", json_object_new_string("assistant"));
    json_object_object_add(item, "content", content);
    if (text)
        json_object_array_add(content, new_text(text, logprobs));
    if (refusal) {
        struct json_object *part = responses_typed("refusal");

        outgoing_share(part, "refusal", refusal);
        json_object_array_add(content, part);
    }
}

static void add_call(struct out *out, struct json_object *call)
{
    struct json_object *custom = json_get_type(call, "custom", json_type_object);
    struct json_object *inner = custom ? custom : json_get(call, "function");
    const char *argument = custom ? "input" : "arguments";
    struct json_object *item = NULL;

    if (!json_get_str(call, "id") || !json_get_str(inner, "name"))
        return;
    item = add_item(out, custom ? "custom_tool_call" : "function_call", custom ? "ctc_" : "fc_");
    outgoing_share(item, "call_id", json_get(call, "id"));
    outgoing_share(item, "name", json_get(inner, "name"));
    if (json_get_str(inner, argument))
        outgoing_share(item, argument, json_get(inner, argument));
    else
        json_object_object_add(item, argument, json_object_new_string(custom ? "" : "{}"));
    if (!custom)
        json_object_object_add(item, "status", json_object_new_string("completed"));
}

/* Why the response is incomplete; NULL: it is complete. A refusal in words is a whole answer here. */
static const char *incomplete_reason(struct json_object *choice, enum finish finish)
{
    const char *reason = json_get_str(choice, "finish_reason");

    if (finish == FINISH_LENGTH)
        return "max_output_tokens";
    if (finish != FINISH_CONTENT_FILTER)
        return NULL;
    return reason && strcmp(reason, "content_filter") == 0 ? "content_filter" : NULL;
}

static void put_end(struct json_object *response, const char *reason)
{
    struct json_object *details = NULL;

    json_object_object_add(response, "status",
                           json_object_new_string(reason ? "incomplete" : "completed"));
    if (!reason)
        return;
    details = json_object_new_object();
    json_object_object_add(details, "reason", json_object_new_string(reason));
    json_object_object_add(response, "incomplete_details", details);
}

static void copy_member(struct json_object *from, const char *key, struct json_object *to,
                        const char *as)
{
    if (json_get(from, key))
        outgoing_share(to, as, json_get(from, key));
}

struct json_object *bridge_response(struct json_object *completion, enum finish finish,
                                    const struct usage *u)
{
    struct json_object *response = json_object_new_object();
    struct json_object *choices = json_get_type(completion, "choices", json_type_array);
    struct json_object *choice = choices ? json_object_array_get_idx(choices, 0) : NULL;
    struct json_object *message = json_get(choice, "message");
    struct json_object *calls = json_get_type(message, "tool_calls", json_type_array);
    const char *reason = incomplete_reason(choice, finish);
    const char *id = json_get_str(completion, "id");
    struct out out = {.items = json_object_new_array(),
                      .id = id ? id : "",
                      .status = reason ? "incomplete" : "completed"};
    size_t i = 0;

    json_object_object_add(response, "output", out.items);
    copy_member(completion, "id", response, "id");
    copy_member(completion, "created", response, "created_at");
    copy_member(completion, "model", response, "model");
    copy_member(completion, "service_tier", response, "service_tier");
    put_end(response, reason);
    add_reasoning(&out, json_get_type(message, "reasoning_content", json_type_string));
    if (!json_get(message, "reasoning_content"))
        add_reasoning(&out, json_get_type(message, "reasoning", json_type_string));
    add_message(&out, message, json_get(choice, "logprobs"));
    for (i = 0; calls && i < json_object_array_length(calls); i++)
        add_call(&out, json_object_array_get_idx(calls, i));
    if (u->input_tokens >= 0 && u->output_tokens >= 0)
        json_object_object_add(response, "usage", responses_new_usage(u));
    return response;
}
