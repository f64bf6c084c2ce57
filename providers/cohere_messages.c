/*
 * cohere_messages: the conversation. Messages keep their places; developer messages become system
 * ones. Content is never dropped: a part that cannot be sent is an error whatever drop_params says.
 */
#include "providers/cohere.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/messages.h"

/* One message on its way. */
struct entry {
    struct outgoing *o;
    struct json_object *in;
    struct json_object *out;
    struct json_object *parts; /* being written; owned by cohere_messages() */
    size_t place;
    enum role role;
};

static void add_part(const struct entry *m, const char *type, struct json_object *value)
{
    struct json_object *part = json_object_new_object();

    json_object_object_add(part, "type", json_object_new_string(type));
    outgoing_share(part, type, value);
    json_object_array_add(m->parts, part);
}

static int refuse_part(const struct entry *m, const char *type, size_t i)
{
    const char *why = m->role == ROLE_USER ? "only parts of type text and image_url can be sent"
                                           : "only parts of type text can be sent here";

    if (strcmp(type, "file") == 0)
        why = "it takes no files; put their text into the field `documents`";
    return outgoing_fail(m->o, why, "messages[%zu].content[%zu].type", m->place, i);
}

/* Users show images; results of tools may be documents, in the API's own words. */
static int put_part(void *arg, struct json_object *part, size_t i)
{
    const struct entry *m = arg;
    const char *type = NULL;
    struct json_object *text = NULL;

    if (message_part(m->o, part, m->place, i, &type, &text) < 0)
        return -1;
    if (text) {
        add_part(m, "text", text);
        return 0;
    }
    if (strcmp(type, "image_url") == 0 && m->role == ROLE_USER) {
        if (!json_get_str(json_get(part, type), "url"))
            return outgoing_fail(m->o, "is missing", "messages[%zu].content[%zu].image_url.url",
                                 m->place, i);
        add_part(m, type, json_get(part, type));
        return 0;
    }
    if (strcmp(type, "document") == 0 && m->role == ROLE_TOOL && json_get(part, type)) {
        add_part(m, type, json_get(part, type));
        return 0;
    }
    return refuse_part(m, type, i);
}

/* A string stays one. */
static int put_content(struct entry *m)
{
    struct json_object *content = json_get(m->in, "content");

    if (json_object_is_type(content, json_type_string)) {
        outgoing_share(m->out, "content", content);
        return 0;
    }
    outgoing_share(m->out, "content", m->parts);
    return message_parts(m->o, content, m->place, put_part, m);
}

/* A string member of the message as a part of the given type; nothing when it is empty. */
static void put_text_of(const struct entry *m, const char *key, const char *type)
{
    struct json_object *text = json_get_type(m->in, key, json_type_string);

    if (text && json_object_get_string_len(text) > 0)
        add_part(m, type, text);
}

static void put_call(void *arg, struct json_object *call, struct json_object *arguments)
{
    struct json_object *list = arg;
    struct json_object *text = json_get(json_get(call, "function"), "arguments");
    struct json_object *function = json_object_new_object();
    struct json_object *out = json_object_new_object();

    (void)arguments; /* they are text there, too */
    outgoing_share(function, "name", json_get(json_get(call, "function"), "name"));
    json_object_object_add(function, "arguments",
                           text && json_object_get_string_len(text) > 0
                               ? json_object_get(text)
                               : json_object_new_string("{}"));
    outgoing_share(out, "id", json_get(call, "id"));
    json_object_object_add(out, "type", json_object_new_string("function"));
    json_object_object_add(out, "function", function);
    json_object_array_add(list, out);
}

/*
 * An earlier answer. Thinking comes first, as cohere_response.c read it; a plan for tool calls has
 * its own member.
 */
static int put_assistant(struct entry *m)
{
    CLEANUP_JSON struct json_object *calls = json_object_new_array();
    struct json_object *content = json_get(m->in, "content");
    struct json_object *plan = json_get_type(m->in, "tool_plan", json_type_string);

    put_text_of(m, "reasoning_content", "thinking");
    put_text_of(m, "content", "text");
    if (content && !json_object_is_type(content, json_type_string) &&
        message_parts(m->o, content, m->place, put_part, m) < 0)
        return -1;
    put_text_of(m, "refusal", "text");
    if (json_object_array_length(m->parts) > 0)
        outgoing_share(m->out, "content", m->parts);
    if (plan)
        outgoing_share(m->out, "tool_plan", plan);
    if (message_calls(m->o, m->in, m->place, put_call, calls) < 0)
        return -1;
    if (json_object_array_length(calls) > 0)
        outgoing_share(m->out, "tool_calls", calls);
    return 0;
}

static int put_tool(struct entry *m)
{
    struct json_object *id = json_get_type(m->in, "tool_call_id", json_type_string);

    if (!id)
        return outgoing_fail(m->o, "is missing", "messages[%zu].tool_call_id", m->place);
    outgoing_share(m->out, "tool_call_id", id);
    return put_content(m);
}

static int put_message(struct entry *m)
{
    if (message_role(m->o, m->in, m->place, &m->role) < 0)
        return -1;
    json_object_object_add(m->out, "role", json_object_new_string(message_role_name(m->role)));
    switch (m->role) {
    case ROLE_ASSISTANT:
        return put_assistant(m);
    case ROLE_TOOL:
        return put_tool(m);
    default:
        return put_content(m);
    }
}

int cohere_messages(struct outgoing *o)
{
    struct json_object *in = json_get_type(o->t->body, "messages", json_type_array);
    struct json_object *list = json_object_new_array();
    size_t n = in ? json_object_array_length(in) : 0;
    size_t i = 0;

    json_object_object_add(o->body, "messages", list);
    if (n == 0)
        return outgoing_fail(o, "must hold at least one message", "messages");
    for (i = 0; i < n; i++) {
        CLEANUP_JSON struct json_object *parts = json_object_new_array();
        struct entry m = {.o = o,
                          .in = json_object_array_get_idx(in, i),
                          .out = json_object_new_object(),
                          .parts = parts,
                          .place = i};

        json_object_array_add(list, m.out);
        if (put_message(&m) < 0)
            return -1;
    }
    return 0;
}
