/*
 * bridge_input: instructions and input items to messages, in their order. What a model said and the calls
 * it made right behind are one message of the chat API. Content is never dropped, except reasoning of
 * earlier answers, which no chat API takes back, and that only with drop_params.
 */
#include "providers/bridge.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

/* The conversation while it is being written. */
struct talk {
    struct outgoing *o;
    struct json_object *messages;
    struct json_object *last; /* message of the assistant that calls may still join, or NULL */
};

/* One item of the input. */
struct entry {
    struct json_object *in;
    size_t place;
};

static struct json_object *add_message(struct talk *k, const char *role)
{
    struct json_object *message = json_object_new_object();

    json_object_object_add(message, "role", json_object_new_string(role));
    json_object_array_add(k->messages, message);
    k->last = NULL;
    return message;
}

static struct json_object *add_part(struct json_object *list, const char *type)
{
    struct json_object *part = json_object_new_object();

    json_object_object_add(part, "type", json_object_new_string(type));
    json_object_array_add(list, part);
    return part;
}

static void copy_member(struct json_object *from, struct json_object *to, const char *key)
{
    if (json_get(from, key))
        outgoing_share(to, key, json_get(from, key));
}

static int put_text(struct outgoing *o, struct json_object *part, const char *where,
                    struct json_object *list)
{
    struct json_object *out = add_part(list, "text");

    if (!json_get_str(part, "text"))
        return outgoing_fail(o, "must be a string", "%s.text", where);
    copy_member(part, out, "text");
    copy_member(part, out, "prompt_cache_breakpoint");
    return 0;
}

static int put_refusal(struct outgoing *o, struct json_object *part, const char *where,
                       struct json_object *list)
{
    if (!json_get_str(part, "refusal"))
        return outgoing_fail(o, "must be a string", "%s.refusal", where);
    copy_member(part, add_part(list, "refusal"), "refusal");
    return 0;
}

static int put_image(struct outgoing *o, struct json_object *part, const char *where,
                     struct json_object *list)
{
    struct json_object *out = NULL;
    struct json_object *image = NULL;

    if (!json_get_str(part, "image_url"))
        return outgoing_fail(
            o, "is missing; file ids of the Responses API cannot be sent to a chat API",
            "%s.image_url", where);
    out = add_part(list, "image_url");
    image = json_object_new_object();
    json_object_object_add(out, "image_url", image);
    outgoing_share(image, "url", json_get(part, "image_url"));
    copy_member(part, image, "detail");
    copy_member(part, out, "prompt_cache_breakpoint");
    return 0;
}

static int put_file(struct outgoing *o, struct json_object *part, const char *where,
                    struct json_object *list)
{
    struct json_object *out = NULL;
    struct json_object *file = NULL;

    if (json_get(part, "file_url"))
        return outgoing_fail(o, "a chat API has files by file_data and file_id only", "%s.file_url",
                             where);
    out = add_part(list, "file");
    file = json_object_new_object();
    json_object_object_add(out, "file", file);
    copy_member(part, file, "file_id");
    copy_member(part, file, "file_data");
    copy_member(part, file, "filename");
    copy_member(part, out, "prompt_cache_breakpoint");
    return 0;
}

static const struct {
    const char *type;
    int (*put)(struct outgoing *o, struct json_object *part, const char *where,
               struct json_object *list);
} part_rows[] = {
    {"input_text", put_text},   {"output_text", put_text}, {"text", put_text},
    {"input_image", put_image}, {"input_file", put_file},  {"refusal", put_refusal},
};

static int put_part(struct outgoing *o, struct json_object *part, const char *where,
                    struct json_object *list)
{
    const char *type = json_get_str(part, "type") ? json_get_str(part, "type") : "";
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(part_rows); i++) {
        if (strcmp(type, part_rows[i].type) == 0)
            return part_rows[i].put(o, part, where, list);
    }
    return outgoing_fail(o, "must be input_text, input_image, input_file, output_text or refusal",
                         "%s.type", where);
}

/* A string or parts of the item to message.content. */
static int put_content(struct talk *k, const struct entry *m, const char *key,
                       struct json_object *message)
{
    struct json_object *content = json_get(m->in, key);
    struct json_object *list = NULL;
    size_t i = 0;

    if (json_object_is_type(content, json_type_string)) {
        outgoing_share(message, "content", content);
        return 0;
    }
    if (!json_object_is_type(content, json_type_array))
        return outgoing_fail(k->o, "must be a string or a list of parts", "input[%zu].%s", m->place,
                             key);
    list = json_object_new_array();
    json_object_object_add(message, "content", list);
    for (i = 0; i < json_object_array_length(content); i++) {
        char where[96];

        snprintf(where, sizeof where, "input[%zu].%s[%zu]", m->place, key, i);
        if (put_part(k->o, json_object_array_get_idx(content, i), where, list) < 0)
            return -1;
    }
    return 0;
}

static int put_message(struct talk *k, const struct entry *m)
{
    const char *role = json_get_str(m->in, "role");
    struct json_object *message = NULL;

    if (!role)
        return outgoing_fail(k->o, "is missing", "input[%zu].role", m->place);
    message = add_message(k, role);
    if (put_content(k, m, "content", message) < 0)
        return -1;
    k->last = strcmp(role, "assistant") == 0 ? message : NULL;
    return 0;
}

static int add_call(struct talk *k, const struct entry *m, const char *type, const char *argument)
{
    struct json_object *calls = NULL;
    struct json_object *call = NULL;
    struct json_object *inner = NULL;

    if (!json_get_str(m->in, "call_id") || !json_get_str(m->in, "name") ||
        !json_get_str(m->in, argument))
        return outgoing_fail(k->o, "must have call_id, name and arguments (or input), all strings",
                             "input[%zu]", m->place);
    if (!k->last) {
        k->last = add_message(k, "assistant");
        json_object_object_add(k->last, "content", NULL);
    }
    calls = json_get(k->last, "tool_calls");
    if (!calls) {
        calls = json_object_new_array();
        json_object_object_add(k->last, "tool_calls", calls);
    }
    call = add_part(calls, type);
    inner = json_object_new_object();
    outgoing_share(call, "id", json_get(m->in, "call_id"));
    json_object_object_add(call, type, inner);
    outgoing_share(inner, "name", json_get(m->in, "name"));
    outgoing_share(inner, argument, json_get(m->in, argument));
    return 0;
}

static int put_function_call(struct talk *k, const struct entry *m)
{
    return add_call(k, m, "function", "arguments");
}

static int put_custom_call(struct talk *k, const struct entry *m)
{
    return add_call(k, m, "custom", "input");
}

static int put_output(struct talk *k, const struct entry *m)
{
    struct json_object *message = NULL;

    if (!json_get_str(m->in, "call_id"))
        return outgoing_fail(k->o, "is missing", "input[%zu].call_id", m->place);
    message = add_message(k, "tool");
    outgoing_share(message, "tool_call_id", json_get(m->in, "call_id"));
    return put_content(k, m, "output", message);
}

static int put_reasoning(struct talk *k, const struct entry *m)
{
    return outgoing_refuse(k->o, "its chat API takes no reasoning of earlier answers", "input[%zu]",
                           m->place);
}

static int put_reference(struct talk *k, const struct entry *m)
{
    return outgoing_fail(k->o, BRIDGE_STATE, "input[%zu]", m->place);
}

static const struct {
    const char *type;
    int (*put)(struct talk *k, const struct entry *m);
} kinds[] = {
    {"message", put_message},
    {"function_call", put_function_call},
    {"function_call_output", put_output},
    {"custom_tool_call", put_custom_call},
    {"custom_tool_call_output", put_output},
    {"reasoning", put_reasoning},
    {"item_reference", put_reference},
};

static int put_item(struct talk *k, const struct entry *m)
{
    const char *type = json_get_str(m->in, "type");
    size_t i = 0;

    if (!type)
        type = json_get_str(m->in, "id") && !json_get(m->in, "role") ? "item_reference" : "message";
    for (i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strcmp(type, kinds[i].type) == 0)
            return kinds[i].put(k, m);
    }
    return outgoing_fail(k->o,
                         "a chat API has messages, tool calls and their outputs only; send it to a "
                         "model with params.mode: responses",
                         "input[%zu].type", m->place);
}

int bridge_input(struct outgoing *o)
{
    struct json_object *input = json_get(o->t->body, "input");
    struct json_object *instructions = json_get(o->t->body, "instructions");
    struct talk k = {.o = o, .messages = json_object_new_array()};
    size_t i = 0;

    json_object_object_add(o->body, "messages", k.messages);
    if (instructions)
        outgoing_share(add_message(&k, "system"), "content", instructions);
    if (json_object_is_type(input, json_type_string)) {
        outgoing_share(add_message(&k, "user"), "content", input);
        return 0;
    }
    if (!json_object_is_type(input, json_type_array))
        return outgoing_fail(o, "must be a string or a list of items", "input");
    for (i = 0; i < json_object_array_length(input); i++) {
        struct entry m = {.in = json_object_array_get_idx(input, i), .place = i};

        if (put_item(&k, &m) < 0)
            return -1;
    }
    return 0;
}
