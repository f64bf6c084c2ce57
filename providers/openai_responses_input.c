/*
 * openai_responses_input: the messages of a chat request to input items, in their order: system and
 * developer messages keep their place, tool calls and tool results become items of their own. Content is
 * never dropped: what cannot be sent is an error whatever drop_params says.
 */
#include "providers/responses.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/incoming.h"

#define TEXT_MAX (64u << 20) /* of joined parts; the record was bounded before */

/* The input while it is being written. */
struct talk {
    struct outgoing *o;
    struct json_object *messages;
    struct json_object *items;
};

/* One message of the request. */
struct entry {
    struct json_object *in;
    size_t place;
    const char *role;
};

static void copy_member(struct json_object *from, struct json_object *to, const char *key)
{
    if (json_get(from, key))
        outgoing_share(to, key, json_get(from, key));
}

static int put_text(struct outgoing *o, struct json_object *part, const char *where,
                    struct json_object *out)
{
    if (!json_get_str(part, "text"))
        return outgoing_fail(o, "must be a string", "%s.text", where);
    outgoing_share(out, "text", json_get(part, "text"));
    return 0;
}

static int put_image(struct outgoing *o, struct json_object *part, const char *where,
                     struct json_object *out)
{
    struct json_object *image = json_get(part, "image_url");

    if (!json_get_str(image, "url"))
        return outgoing_fail(o, "is missing", "%s.image_url.url", where);
    outgoing_share(out, "image_url", json_get(image, "url"));
    if (json_get_str(image, "detail"))
        outgoing_share(out, "detail", json_get(image, "detail"));
    else
        json_object_object_add(out, "detail", json_object_new_string("auto"));
    return 0;
}

static int put_file(struct outgoing *o, struct json_object *part, const char *where,
                    struct json_object *out)
{
    struct json_object *file = json_get(part, "file");

    if (!json_get_str(file, "file_id") && !json_get_str(file, "file_data"))
        return outgoing_fail(o, "must have a file_id or file_data", "%s.file", where);
    copy_member(file, out, "file_id");
    copy_member(file, out, "file_data");
    copy_member(file, out, "filename");
    return 0;
}

static const struct {
    const char *type, *item_type;
    int (*put)(struct outgoing *o, struct json_object *part, const char *where,
               struct json_object *out);
} part_rows[] = {
    {"text", "input_text", put_text},
    {"image_url", "input_image", put_image},
    {"file", "input_file", put_file},
};

static int put_part(struct outgoing *o, struct json_object *part, const char *where,
                    struct json_object *list)
{
    const char *type = json_get_str(part, "type");
    struct json_object *out = NULL;
    size_t i = 0;

    while (type && i < ARRAY_LEN(part_rows) && strcmp(type, part_rows[i].type) != 0)
        i++;
    if (!type || i == ARRAY_LEN(part_rows))
        return outgoing_fail(o, "only parts of type text, image_url and file can be sent",
                             "%s.type", where);
    out = responses_typed(part_rows[i].item_type);
    json_object_array_add(list, out);
    copy_member(part, out, "prompt_cache_breakpoint");
    return part_rows[i].put(o, part, where, out);
}

/* Content as a string or a list of input parts, under key. */
static int put_content(struct talk *k, const struct entry *m, const char *key,
                       struct json_object *item)
{
    struct json_object *content = json_get(m->in, "content");
    struct json_object *list = NULL;
    size_t i = 0;

    if (json_object_is_type(content, json_type_string)) {
        outgoing_share(item, key, content);
        return 0;
    }
    if (!json_object_is_type(content, json_type_array))
        return outgoing_fail(k->o, "must be a string or a list of parts", "messages[%zu].content",
                             m->place);
    list = json_object_new_array();
    json_object_object_add(item, key, list);
    for (i = 0; i < json_object_array_length(content); i++) {
        char where[96];

        snprintf(where, sizeof where, "messages[%zu].content[%zu]", m->place, i);
        if (put_part(k->o, json_object_array_get_idx(content, i), where, list) < 0)
            return -1;
    }
    return 0;
}

static int put_asking(struct talk *k, const struct entry *m)
{
    struct json_object *item = json_object_new_object();

    json_object_array_add(k->items, item);
    outgoing_share(item, "role", json_get(m->in, "role"));
    return put_content(k, m, "content", item);
}

/* What the model said in one message. */
struct said {
    struct buf text;
    struct json_object *refusals; /* parts; owned by the caller */
};

static void add_text(struct said *s, struct json_object *text)
{
    if (json_object_is_type(text, json_type_string))
        buf_append(&s->text, json_object_get_string(text),
                   (size_t)json_object_get_string_len(text));
}

static void add_refusal(struct said *s, struct json_object *refusal)
{
    struct json_object *part = NULL;

    if (!json_object_is_type(refusal, json_type_string) || json_object_get_string_len(refusal) == 0)
        return;
    part = responses_typed("refusal");
    outgoing_share(part, "refusal", refusal);
    json_object_array_add(s->refusals, part);
}

static int read_said(struct talk *k, const struct entry *m, struct said *s)
{
    struct json_object *content = json_get(m->in, "content");
    struct json_object *list = json_get_type(m->in, "content", json_type_array);
    size_t n = list ? json_object_array_length(list) : 0;
    size_t i = 0;

    add_text(s, content);
    for (i = 0; i < n; i++) {
        struct json_object *part = json_object_array_get_idx(list, i);
        const char *type = json_get_str(part, "type") ? json_get_str(part, "type") : "";

        if (strcmp(type, "refusal") == 0)
            add_refusal(s, json_get(part, "refusal"));
        else if (strcmp(type, "text") == 0)
            add_text(s, json_get(part, "text"));
        else
            return outgoing_fail(k->o, "must be text or refusal, as the model gave it",
                                 "messages[%zu].content[%zu].type", m->place, i);
    }
    add_refusal(s, json_get(m->in, "refusal"));
    return 0;
}

/* A text is a plain string; only a refusal needs parts. Nothing when nothing was said. */
static void put_said(struct talk *k, const struct said *s)
{
    struct json_object *item = NULL;
    struct json_object *content = NULL;
    size_t n = json_object_array_length(s->refusals);
    size_t i = 0;

    if (s->text.len == 0 && n == 0)
        return;
    item = json_object_new_object();
    json_object_array_add(k->items, item);
    json_object_object_add(item, "role", json_object_new_string("assistant"));
    if (n == 0) {
        json_object_object_add(item, "content", incoming_string(&s->text));
        return;
    }
    content = json_object_new_array();
    json_object_object_add(item, "content", content);
    if (s->text.len > 0) {
        json_object_array_add(content, responses_typed("output_text"));
        json_object_object_add(json_object_array_get_idx(content, 0), "text",
                               incoming_string(&s->text));
    }
    for (i = 0; i < n; i++)
        json_object_array_add(content, json_object_get(json_object_array_get_idx(s->refusals, i)));
}

static int put_call(struct talk *k, const struct entry *m, struct json_object *call, size_t place)
{
    struct json_object *custom = json_get_type(call, "custom", json_type_object);
    struct json_object *inner = custom ? custom : json_get(call, "function");
    const char *argument = custom ? "input" : "arguments";
    struct json_object *item = NULL;

    if (!json_get_str(call, "id") || !json_get_str(inner, "name"))
        return outgoing_fail(k->o, "must have an id and a function with a name",
                             "messages[%zu].tool_calls[%zu]", m->place, place);
    item = responses_typed(custom ? "custom_tool_call" : "function_call");
    json_object_array_add(k->items, item);
    outgoing_share(item, "call_id", json_get(call, "id"));
    outgoing_share(item, "name", json_get(inner, "name"));
    if (json_get_str(inner, argument))
        outgoing_share(item, argument, json_get(inner, argument));
    else
        json_object_object_add(item, argument, json_object_new_string(custom ? "" : "{}"));
    return 0;
}

static int put_assistant(struct talk *k, const struct entry *m)
{
    CLEANUP_JSON struct json_object *refusals = json_object_new_array();
    struct json_object *calls = json_get_type(m->in, "tool_calls", json_type_array);
    struct said s = {.text = BUF_INIT(TEXT_MAX), .refusals = refusals};
    size_t n = calls ? json_object_array_length(calls) : 0;
    size_t i = 0;
    int r = 0;

    if (json_get(m->in, "function_call"))
        return outgoing_fail(k->o, "is an old form; use tool_calls", "messages[%zu].function_call",
                             m->place);
    if (json_get(m->in, "audio"))
        return outgoing_fail(k->o, "the Responses API has no audio", "messages[%zu].audio",
                             m->place);
    r = read_said(k, m, &s);
    if (r == 0)
        put_said(k, &s);
    buf_done(&s.text);
    if (r < 0)
        return r;
    for (i = 0; i < n; i++) {
        if (put_call(k, m, json_object_array_get_idx(calls, i), i) < 0)
            return -1;
    }
    return 0;
}

/* Was the call with this id one of a custom tool? Its result is an item of another kind. */
static bool is_custom_call(const struct talk *k, const char *id)
{
    size_t i = json_object_array_length(k->items);

    while (i-- > 0) {
        struct json_object *item = json_object_array_get_idx(k->items, i);
        const char *type = json_get_str(item, "type");
        const char *call_id = json_get_str(item, "call_id");

        if (type && call_id && strcmp(call_id, id) == 0)
            return strcmp(type, "custom_tool_call") == 0;
    }
    return false;
}

static int put_tool(struct talk *k, const struct entry *m)
{
    const char *id = json_get_str(m->in, "tool_call_id");
    struct json_object *item = NULL;

    if (!id)
        return outgoing_fail(k->o, "is missing", "messages[%zu].tool_call_id", m->place);
    item =
        responses_typed(is_custom_call(k, id) ? "custom_tool_call_output" : "function_call_output");
    json_object_array_add(k->items, item);
    outgoing_share(item, "call_id", json_get(m->in, "tool_call_id"));
    return put_content(k, m, "output", item);
}

static const struct {
    const char *role;
    int (*put)(struct talk *k, const struct entry *m);
} roles[] = {
    {"system", put_asking},       {"developer", put_asking}, {"user", put_asking},
    {"assistant", put_assistant}, {"tool", put_tool},
};

static int put_message(struct talk *k, const struct entry *m)
{
    size_t i = 0;

    if (json_get(m->in, "name") &&
        outgoing_refuse(k->o, "the Responses API has no names of participants",
                        "messages[%zu].name", m->place) < 0)
        return -1;
    for (i = 0; m->role && i < ARRAY_LEN(roles); i++) {
        if (strcmp(m->role, roles[i].role) == 0)
            return roles[i].put(k, m);
    }
    return outgoing_fail(k->o, "must be system, developer, user, assistant or tool",
                         "messages[%zu].role", m->place);
}

int openai_responses_input(struct outgoing *o)
{
    struct talk k = {.o = o,
                     .messages = json_get_type(o->t->body, "messages", json_type_array),
                     .items = json_object_new_array()};
    size_t n = k.messages ? json_object_array_length(k.messages) : 0;
    size_t i = 0;

    json_object_object_add(o->body, "input", k.items);
    for (i = 0; i < n; i++) {
        struct json_object *in = json_object_array_get_idx(k.messages, i);
        struct entry m = {.in = in, .place = i, .role = json_get_str(in, "role")};

        if (put_message(&k, &m) < 0)
            return -1;
    }
    return 0;
}
