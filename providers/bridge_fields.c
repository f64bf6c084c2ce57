/*
 * bridge_fields: one row for each member of a request to /v1/responses that the chat API calls otherwise,
 * does not have, or that is written elsewhere. A member that is null counts as absent; what has no row
 * keeps its name, and the dialect judges it.
 */
#include "providers/bridge.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/fields.h"

#define LOGPROBS "message.output_text.logprobs"

static int put_max_tokens(struct outgoing *o, const char *name, struct json_object *v)
{
    (void)name;
    outgoing_share(o->body, "max_completion_tokens", v);
    return 0;
}

/* {effort}; all else there is of the Responses API alone. */
static int put_reasoning(struct outgoing *o, const char *name, struct json_object *v)
{
    json_object_object_foreach(v, key, value)
    {
        if (value && strcmp(key, "effort") == 0) {
            outgoing_share(o->body, "reasoning_effort", value);
            continue;
        }
        if (value && outgoing_refuse(o, "its chat API has nothing like it", "%s.%s", name, key) < 0)
            return -1;
    }
    return 0;
}

/* {type:"json_schema", name, schema, ...} gets the chat API's inner frame. */
static void put_format(struct outgoing *o, struct json_object *format)
{
    const char *type = json_get_str(format, "type") ? json_get_str(format, "type") : "";
    struct json_object *out = NULL;
    struct json_object *inner = NULL;

    if (strcmp(type, "text") == 0)
        return;
    if (strcmp(type, "json_schema") != 0) {
        outgoing_share(o->body, "response_format", format);
        return;
    }
    out = json_object_new_object();
    inner = json_object_new_object();
    outgoing_share(out, "type", json_get(format, "type"));
    json_object_object_add(out, "json_schema", inner);
    json_object_object_foreach(format, key, value)
    {
        if (value && strcmp(key, "type") != 0)
            outgoing_share(inner, key, value);
    }
    json_object_object_add(o->body, "response_format", out);
}

static int put_text(struct outgoing *o, const char *name, struct json_object *v)
{
    json_object_object_foreach(v, key, value)
    {
        if (!value)
            continue;
        if (strcmp(key, "format") == 0)
            put_format(o, value);
        else if (strcmp(key, "verbosity") == 0)
            outgoing_share(o->body, key, value);
        else if (outgoing_refuse(o, "its chat API has nothing like it", "%s.%s", name, key) < 0)
            return -1;
    }
    return 0;
}

static int put_include(struct outgoing *o, const char *name, struct json_object *v)
{
    size_t n = json_object_is_type(v, json_type_array) ? json_object_array_length(v) : 0;
    size_t i = 0;

    for (i = 0; i < n; i++) {
        const char *what = json_object_get_string(json_object_array_get_idx(v, i));

        if (what && strcmp(what, LOGPROBS) == 0)
            json_object_object_add(o->body, "logprobs", json_object_new_boolean(1));
        /* no reasoning in that form ever comes back, so leaving it out changes nothing */
        else if (!what || strcmp(what, "reasoning.encrypted_content") != 0)
            return outgoing_refuse(o, "only " LOGPROBS " can be had from a chat API", "%s[%zu]",
                                   name, i);
    }
    return 0;
}

static int put_top_logprobs(struct outgoing *o, const char *name, struct json_object *v)
{
    if (json_object_get_int64(v) == 0)
        return 0;
    json_object_object_add(o->body, "logprobs", json_object_new_boolean(1));
    outgoing_share(o->body, name, v);
    return 0;
}

static int put_truncation(struct outgoing *o, const char *name, struct json_object *v)
{
    return strcmp(json_object_get_string(v), "disabled") == 0 ? 0 : field_refuse(o, name, v);
}

static int stateful(struct outgoing *o, const char *name, struct json_object *v)
{
    (void)v;
    return outgoing_fail(o, BRIDGE_STATE, "%s", name);
}

static const struct field_row rows[] = {
    {"model", NULL},
    {"input", NULL}, /* these two: bridge_input() */
    {"instructions", NULL},
    {"tools", NULL}, /* these two: bridge_tools() */
    {"tool_choice", NULL},
    {"stream", NULL},
    {"stream_options", NULL},
    {"max_output_tokens", put_max_tokens},
    {"reasoning", put_reasoning},
    {"text", put_text},
    {"include", put_include},
    {"top_logprobs", put_top_logprobs},
    {"truncation", put_truncation},
    {"max_tool_calls", field_refuse}, /* of tools of the provider */
    {"context_management", field_refuse},
    {"previous_response_id", stateful},
    {"conversation", stateful},
    {"prompt", stateful},
};

int bridge_fields(struct outgoing *o)
{
    return fields_walk(o, rows, ARRAY_LEN(rows), field_same);
}

/* {type, name, ...} with the inner frame of the chat API. */
static struct json_object *framed(struct json_object *flat, const char *type)
{
    struct json_object *out = json_object_new_object();
    struct json_object *inner = json_object_new_object();

    json_object_object_add(out, "type", json_object_new_string(type));
    json_object_object_add(out, type, inner);
    json_object_object_foreach(flat, key, value)
    {
        if (value && strcmp(key, "type") != 0)
            outgoing_share(inner, key, value);
    }
    return out;
}

/* The type of a tool or a choice that a chat API has, too; NULL: another one. */
static const char *common_type(struct json_object *tool)
{
    const char *type = json_get_str(tool, "type");

    if (!type || !json_get_str(tool, "name"))
        return NULL;
    return strcmp(type, "function") == 0 || strcmp(type, "custom") == 0 ? type : NULL;
}

/* The grammar of a custom tool has a frame of its own in the chat API. */
static void frame_grammar(struct json_object *custom)
{
    struct json_object *format = json_get_type(custom, "format", json_type_object);
    const char *type = json_get_str(format, "type");

    if (type && strcmp(type, "grammar") == 0)
        json_object_object_add(custom, "format", framed(format, "grammar"));
}

static int put_tool(struct outgoing *o, struct json_object *tool, size_t place,
                    struct json_object *list)
{
    const char *type = common_type(tool);
    struct json_object *out = NULL;

    if (!type)
        return outgoing_fail(o,
                             "a chat API has tools of type function and custom only; send it to a "
                             "model with params.mode: responses",
                             "tools[%zu].type", place);
    out = framed(tool, type);
    frame_grammar(json_get(out, type));
    json_object_array_add(list, out);
    return 0;
}

static struct json_object *allowed_tools(struct json_object *choice)
{
    struct json_object *from = json_get_type(choice, "tools", json_type_array);
    struct json_object *to = json_object_new_array();
    struct json_object *out = framed(choice, "allowed_tools");
    size_t n = from ? json_object_array_length(from) : 0;
    size_t i = 0;

    for (i = 0; i < n; i++) {
        struct json_object *tool = json_object_array_get_idx(from, i);
        const char *type = common_type(tool);

        json_object_array_add(to, type ? framed(tool, type) : json_object_get(tool));
    }
    json_object_object_add(json_get(out, "allowed_tools"), "tools", to);
    return out;
}

static int put_choice(struct outgoing *o, struct json_object *choice)
{
    const char *type = json_get_str(choice, "type");

    if (json_object_is_type(choice, json_type_string))
        outgoing_share(o->body, "tool_choice", choice);
    else if (common_type(choice))
        json_object_object_add(o->body, "tool_choice", framed(choice, type));
    else if (type && strcmp(type, "allowed_tools") == 0)
        json_object_object_add(o->body, "tool_choice", allowed_tools(choice));
    else
        return field_refuse(o, "tool_choice", choice);
    return 0;
}

int bridge_tools(struct outgoing *o)
{
    struct json_object *choice = json_get(o->t->body, "tool_choice");

    if (outgoing_tools(o, put_tool) < 0)
        return -1;
    return choice ? put_choice(o, choice) : 0;
}
