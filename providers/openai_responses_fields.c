/*
 * openai_responses_fields: one row for each member of a chat request that /v1/responses calls otherwise,
 * does not have, or that is written elsewhere. A member that is null counts as absent; what has no row
 * goes out under its own name, as in the chat API.
 */
#include "providers/responses.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/fields.h"

/* A member of o->body that is an object, made when it is not there yet. */
static struct json_object *section(struct outgoing *o, const char *name)
{
    struct json_object *s = json_get_type(o->body, name, json_type_object);

    if (!s) {
        s = json_object_new_object();
        json_object_object_add(o->body, name, s);
    }
    return s;
}

static int put_max_tokens(struct outgoing *o, const char *name, struct json_object *v)
{
    if (!field_superseded(o, name))
        outgoing_share(o->body, "max_output_tokens", v);
    return 0;
}

/* Also `reasoning` itself, in the API's own words; the plain field wins. */
static int put_reasoning(struct outgoing *o, const char *name, struct json_object *v)
{
    struct json_object *reasoning = section(o, "reasoning");

    if (strcmp(name, "reasoning_effort") == 0) {
        outgoing_share(reasoning, "effort", v);
        return 0;
    }
    if (!json_object_is_type(v, json_type_object))
        return outgoing_fail(o, "must be an object", "%s", name);
    json_object_object_foreach(v, key, value)
    {
        if (!json_get(reasoning, key))
            outgoing_share(reasoning, key, value);
    }
    return 0;
}

static int put_verbosity(struct outgoing *o, const char *name, struct json_object *v)
{
    outgoing_share(section(o, "text"), name, v);
    return 0;
}

/* {type, json_schema:{name, schema, ...}} loses its inner frame. */
static int put_response_format(struct outgoing *o, const char *name, struct json_object *v)
{
    const char *type = json_get_str(v, "type");
    struct json_object *inner = json_get_type(v, "json_schema", json_type_object);
    struct json_object *format = NULL;

    if (!type || strcmp(type, "json_schema") != 0) {
        outgoing_share(section(o, "text"), "format", v);
        return 0;
    }
    if (!json_get_type(inner, "schema", json_type_object))
        return outgoing_fail(o, "must be an object, a JSON Schema", "%s.json_schema.schema", name);
    format = responses_typed(type);
    json_object_object_foreach(inner, key, value)
    {
        outgoing_share(format, key, value);
    }
    if (!json_get_str(format, "name"))
        json_object_object_add(format, "name", json_object_new_string("response"));
    json_object_object_add(section(o, "text"), "format", format);
    return 0;
}

static void include(struct outgoing *o, const char *what)
{
    struct json_object *list = json_get_type(o->body, "include", json_type_array);
    size_t i = 0;

    if (!list) {
        list = json_object_new_array();
        json_object_object_add(o->body, "include", list);
    }
    for (i = 0; i < json_object_array_length(list); i++) {
        const char *there = json_object_get_string(json_object_array_get_idx(list, i));

        if (there && strcmp(there, what) == 0)
            return;
    }
    json_object_array_add(list, json_object_new_string(what));
}

static int put_logprobs(struct outgoing *o, const char *name, struct json_object *v)
{
    (void)name;
    if (json_object_get_boolean(v))
        include(o, "message.output_text.logprobs");
    return 0;
}

/* In the API's own words; a list of its own, since logprobs may add to it. */
static int put_include(struct outgoing *o, const char *name, struct json_object *v)
{
    size_t i = 0;

    if (!json_object_is_type(v, json_type_array))
        return outgoing_fail(o, "must be a list of strings", "%s", name);
    for (i = 0; i < json_object_array_length(v); i++) {
        struct json_object *what = json_object_array_get_idx(v, i);

        if (!json_object_is_type(what, json_type_string))
            return outgoing_fail(o, "must be a string", "%s[%zu]", name, i);
        include(o, json_object_get_string(what));
    }
    return 0;
}

static int old_form(struct outgoing *o, const char *name, struct json_object *v)
{
    (void)v;
    return outgoing_fail(o, "is an old form; use tools, tool_choice and tool_calls", "%s", name);
}

static const struct field_row rows[] = {
    {"model", NULL},
    {"messages", NULL}, /* openai_responses_input() */
    {"tools", NULL},    /* these two: openai_responses_tools.c */
    {"tool_choice", NULL},
    {"stream", NULL},
    {"stream_options", NULL},
    {"max_tokens", put_max_tokens},
    {"max_completion_tokens", put_max_tokens},
    {"reasoning_effort", put_reasoning},
    {"reasoning", put_reasoning},
    {"verbosity", put_verbosity},
    {"response_format", put_response_format},
    {"logprobs", put_logprobs},
    {"include", put_include},
    {"n", field_single},
    {"modalities", field_text_only},
    {"stop", field_refuse_set},
    {"logit_bias", field_refuse_set},
    {"presence_penalty", field_refuse_set},
    {"frequency_penalty", field_refuse_set},
    {"seed", field_refuse},
    {"audio", field_refuse},
    {"prediction", field_refuse},
    {"web_search_options", field_refuse},
    {"functions", old_form},
    {"function_call", old_form},
};

int openai_responses_fields(struct outgoing *o)
{
    if (fields_walk(o, rows, ARRAY_LEN(rows), field_same) < 0)
        return -1;
    /* Chat completions are not stored unless somebody asks for it; here the default is the other one. */
    if (!json_get(o->body, "store"))
        json_object_object_add(o->body, "store", json_object_new_boolean(0));
    return openai_responses_tools(o);
}
