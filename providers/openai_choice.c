/*
 * openai_choice: one choice of a chat completion: its end, its message, its tool calls; judged (is
 * there an answer at all?) and repaired to OpenAI's schema.
 */
#include "providers/openai.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/incoming.h"

#define TEXT_MAX (64u << 20) /* of a text joined from parts; the response was bounded before */

static const struct reason {
    const char *theirs;
    const char *openai; /* the same in OpenAI's words */
    enum finish finish;
} reasons[] = {
    {"stop", "stop", FINISH_STOP},
    {"tool_calls", "tool_calls", FINISH_TOOL_CALLS},
    {"function_call", "function_call", FINISH_TOOL_CALLS},
    {"length", "length", FINISH_LENGTH},
    {"content_filter", "content_filter", FINISH_CONTENT_FILTER},
    /* words of others that mean these */
    {"eos", "stop", FINISH_STOP},
    {"end_turn", "stop", FINISH_STOP},
    {"stop_sequence", "stop", FINISH_STOP},
    {"tool_use", "tool_calls", FINISH_TOOL_CALLS},
    {"max_tokens", "length", FINISH_LENGTH},
    {"model_length", "length", FINISH_LENGTH},
    {"safety", "content_filter", FINISH_CONTENT_FILTER},
    {"refusal", "content_filter", FINISH_CONTENT_FILTER},
};

/* Unknown ends become "stop" for the schema's sake, keep their own word beside it, and are never
 * cached (FINISH_OTHER). */
static enum finish repair_reason(struct json_object *choice)
{
    const char *theirs = json_get_str(choice, "finish_reason");
    size_t i = 0;

    for (i = 0; theirs && i < ARRAY_LEN(reasons); i++) {
        if (strcmp(theirs, reasons[i].theirs) != 0)
            continue;
        if (strcmp(theirs, reasons[i].openai) != 0)
            json_object_object_add(choice, "finish_reason",
                                   json_object_new_string(reasons[i].openai));
        return reasons[i].finish;
    }
    if (theirs && !json_get(choice, "native_finish_reason"))
        json_object_object_add(choice, "native_finish_reason", json_object_new_string(theirs));
    json_object_object_add(choice, "finish_reason", json_object_new_string("stop"));
    return FINISH_OTHER;
}

static void append_text(struct buf *out, struct json_object *text)
{
    if (json_object_is_type(text, json_type_string))
        buf_append(out, json_object_get_string(text), (size_t)json_object_get_string_len(text));
}

/* The texts of a list of parts. */
static void append_parts(struct buf *out, struct json_object *parts)
{
    size_t n = json_object_is_type(parts, json_type_array) ? json_object_array_length(parts) : 0;
    size_t i = 0;

    for (i = 0; i < n; i++)
        append_text(out, json_get(json_object_array_get_idx(parts, i), "text"));
}

/* Mistral's parts of type thinking: what others give as reasoning_content. */
static void keep_thinking(struct json_object *message, struct json_object *parts)
{
    struct buf text = BUF_INIT(TEXT_MAX);
    size_t n = json_object_array_length(parts);
    size_t i = 0;

    for (i = 0; i < n; i++) {
        struct json_object *thinking = json_get(json_object_array_get_idx(parts, i), "thinking");

        append_text(&text, thinking);
        append_parts(&text, thinking);
    }
    if (text.len > 0 && !json_get(message, "reasoning_content"))
        json_object_object_add(message, "reasoning_content",
                               json_object_new_string_len(text.data, (int)text.len));
    buf_done(&text);
}

/* Content as a list of parts: the text parts joined. */
static void join_parts(struct json_object *message, struct json_object *parts)
{
    struct buf text = BUF_INIT(TEXT_MAX);

    keep_thinking(message, parts);
    append_parts(&text, parts);
    json_object_object_add(message, "content", incoming_string(&text));
    buf_done(&text);
}

/* Gives whether there is any text. */
static bool repair_content(struct json_object *message)
{
    struct json_object *content = json_get(message, "content");

    if (json_object_is_type(content, json_type_array))
        join_parts(message, content);
    else if (!json_object_is_type(content, json_type_string))
        json_object_object_add(message, "content", NULL);
    content = json_get(message, "content");
    return content && json_object_get_string_len(content) > 0;
}

/* Arguments are a string of JSON; some vendors send the object itself. */
static void repair_arguments(struct json_object *function)
{
    struct json_object *arguments = json_get(function, "arguments");
    const char *text = "{}";

    if (json_object_is_type(arguments, json_type_string))
        return;
    if (arguments)
        text = incoming_json_text(arguments);
    json_object_object_add(function, "arguments", json_object_new_string(text));
}

/* 0, or -1 when it is no call at all. */
static int repair_call(struct json_object *call, int64_t choice, size_t place)
{
    struct json_object *function = json_get_type(call, "function", json_type_object);
    struct json_object *custom = json_get_type(call, "custom", json_type_object);
    char id[48];

    if (!function && !custom)
        return -1;
    if (!json_get_str(function ? function : custom, "name"))
        return -1;
    snprintf(id, sizeof id, "call_%lld_%zu", (long long)choice, place);
    if (!json_get_str(call, "id"))
        json_object_object_add(call, "id", json_object_new_string(id));
    json_object_object_add(call, "type", json_object_new_string(function ? "function" : "custom"));
    if (function)
        repair_arguments(function);
    return 0;
}

/* Gives whether there is at least one call. Anything that is none is taken out. */
static bool repair_calls(struct json_object *message, int64_t choice)
{
    struct json_object *calls = json_get_type(message, "tool_calls", json_type_array);
    struct json_object *legacy = json_get_type(message, "function_call", json_type_object);
    size_t i = 0;

    while (calls && i < json_object_array_length(calls)) {
        if (repair_call(json_object_array_get_idx(calls, i), choice, i) < 0)
            json_object_array_del_idx(calls, i, 1);
        else
            i++;
    }
    if (i == 0)
        json_object_object_del(message, "tool_calls");
    if (legacy && json_get_str(legacy, "name"))
        repair_arguments(legacy);
    else
        json_object_object_del(message, "function_call");
    return i > 0 || json_get(message, "function_call");
}

int openai_read_choice(struct json_object *choice, int64_t index, enum finish *ret_finish)
{
    struct json_object *message = json_get_type(choice, "message", json_type_object);
    const char *refusal = json_get_str(message, "refusal");
    enum finish finish = FINISH_OTHER;
    bool text = false;
    bool calls = false;

    if (!message || (json_get_str(choice, "finish_reason") &&
                     strcmp(json_get_str(choice, "finish_reason"), "error") == 0))
        return -1;
    finish = repair_reason(choice);
    text = repair_content(message);
    calls = repair_calls(message, index);
    if (refusal && *refusal)
        finish = FINISH_CONTENT_FILTER;
    /* Cut or filtered before the first word is an end, not a broken answer: a repeat would cost as
     * much and end alike. */
    if (!text && !calls && finish != FINISH_LENGTH && finish != FINISH_CONTENT_FILTER &&
        !json_get_type(message, "audio", json_type_object))
        return -1;
    if (incoming_tokens(choice, "index") < 0)
        json_object_object_add(choice, "index", json_object_new_int64(index));
    json_object_object_add(message, "role", json_object_new_string("assistant"));
    if (!refusal)
        json_object_object_add(message, "refusal", NULL);
    incoming_drop_null(message, "annotations");
    openai_repair_logprobs(choice);
    *ret_finish = finish;
    return 0;
}
