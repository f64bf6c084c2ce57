/*
 * ollama_fields: one row for each member of a request, saying what becomes of it. How to sample is
 * said in the member options, in names of llama.cpp.
 */
#include "providers/ollama.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/fields.h"

static int put_option(struct outgoing *o, const char *name, struct json_object *v)
{
    outgoing_share(json_get(o->body, "options"), name, v);
    return 0;
}

/* Options in the API's own words. */
static int put_options(struct outgoing *o, const char *name, struct json_object *v)
{
    if (!json_object_is_type(v, json_type_object))
        return outgoing_fail(o, "must be an object", "%s", name);
    json_object_object_foreach(v, key, value)
    {
        put_option(o, key, value);
    }
    return 0;
}

static int put_max_tokens(struct outgoing *o, const char *name, struct json_object *v)
{
    return field_superseded(o, name) ? 0 : put_option(o, "num_predict", v);
}

static int put_stop(struct outgoing *o, const char *name, struct json_object *v)
{
    struct json_object *list = field_list(v);

    put_option(o, name, list);
    json_object_put(list);
    return 0;
}

static int put_response_format(struct outgoing *o, const char *name, struct json_object *v)
{
    struct json_object *schema = NULL;
    bool json = false;

    (void)name;
    if (field_schema(o, v, &json, &schema) < 0)
        return -1;
    if (schema)
        outgoing_share(o->body, "format", schema);
    else if (json)
        json_object_object_add(o->body, "format", json_object_new_string("json"));
    return 0;
}

static int put_effort(struct outgoing *o, const char *name, struct json_object *v)
{
    static const char *const efforts[][2] = {
        {"none", NULL},   {"minimal", "low"}, {"low", "low"}, {"medium", "medium"},
        {"high", "high"}, {"xhigh", "high"},  {"max", "max"},
    };
    const char *effort = json_object_get_string(v);
    size_t i = 0;

    if (json_get(o->t->body, "think")) /* the caller said it in the API's own words */
        return 0;
    for (i = 0; i < ARRAY_LEN(efforts); i++) {
        if (strcmp(effort, efforts[i][0]) != 0)
            continue;
        json_object_object_add(o->body, "think",
                               efforts[i][1] ? json_object_new_string(efforts[i][1])
                                             : json_object_new_boolean(0));
        return 0;
    }
    return outgoing_fail(o, "must be none, minimal, low, medium, high, xhigh or max", "%s", name);
}

/* OpenAI's form of tools is the API's, but nothing holds the model to a schema. */
static int put_tool(struct outgoing *o, struct json_object *tool, size_t i,
                    struct json_object *list)
{
    struct json_object *function = json_get_type(tool, "function", json_type_object);
    struct json_object *out = NULL;
    struct json_object *copy = NULL;

    if (!json_get_str(function, "name"))
        return outgoing_fail(o, "only tools of type function, with a named function, can be sent",
                             "tools[%zu]", i);
    if (json_get_bool(function, "strict", false) &&
        outgoing_refuse(o, "it does not hold tool calls to their schema",
                        "tools[%zu].function.strict", i) < 0)
        return -1;
    copy = json_object_new_object();
    json_object_object_foreach(function, key, value)
    {
        if (strcmp(key, "strict") != 0)
            outgoing_share(copy, key, value);
    }
    out = json_object_new_object();
    json_object_object_add(out, "type", json_object_new_string("function"));
    json_object_object_add(out, "function", copy);
    json_object_array_add(list, out);
    return 0;
}

static bool is_word(struct json_object *v, const char *word)
{
    return json_object_is_type(v, json_type_string) && strcmp(json_object_get_string(v), word) == 0;
}

static int put_tools(struct outgoing *o, const char *name, struct json_object *v)
{
    CLEANUP_JSON struct json_object *list = json_object_new_array();
    size_t n = json_object_is_type(v, json_type_array) ? json_object_array_length(v) : 0;
    size_t i = 0;

    if (is_word(json_get(o->t->body, "tool_choice"), "none"))
        return 0; /* what is not offered is not called */
    for (i = 0; i < n; i++) {
        if (put_tool(o, json_object_array_get_idx(v, i), i, list) < 0)
            return -1;
    }
    if (n > 0)
        outgoing_share(o->body, name, list);
    return 0;
}

static int put_choice(struct outgoing *o, const char *name, struct json_object *v)
{
    if (is_word(v, "auto") || is_word(v, "none"))
        return 0;
    return outgoing_refuse(o, "it cannot make the model call a tool; it takes auto and none", "%s",
                           name);
}

static int put_parallel(struct outgoing *o, const char *name, struct json_object *v)
{
    if (json_object_get_boolean(v))
        return 0;
    return outgoing_refuse(o, "the model decides how many tools it calls at once", "%s", name);
}

static int put_logprobs(struct outgoing *o, const char *name, struct json_object *v)
{
    return json_object_get_boolean(v) ? field_same(o, name, v) : 0;
}

static int put_input(struct outgoing *o, const char *name, struct json_object *v)
{
    struct json_object *list = field_list(v);
    size_t n = json_object_array_length(list);
    size_t i = 0;

    while (i < n && json_object_is_type(json_object_array_get_idx(list, i), json_type_string))
        i++;
    json_object_put(list);
    if (i < n)
        return outgoing_fail(o, "must be a text or a list of texts; it takes no token numbers",
                             "%s", name);
    return field_same(o, name, v);
}

/* Read again when the answer comes: the API has floats only. */
static int put_encoding(struct outgoing *o, const char *name, struct json_object *v)
{
    const char *form = json_object_get_string(v);

    if (strcmp(form, "float") == 0 || strcmp(form, "base64") == 0)
        return 0;
    return outgoing_refuse(o, "it has the forms float and base64 only", "%s", name);
}

static const struct field_row chat_rows[] = {
    {"max_tokens", put_max_tokens},
    {"max_completion_tokens", put_max_tokens},
    {"temperature", put_option},
    {"top_p", put_option},
    {"seed", put_option},
    {"presence_penalty", put_option},
    {"frequency_penalty", put_option},
    {"stop", put_stop},
    {"response_format", put_response_format},
    {"reasoning_effort", put_effort},
    {"tools", put_tools},
    {"tool_choice", put_choice},
    {"parallel_tool_calls", put_parallel},
    {"logprobs", put_logprobs},
    {"top_logprobs", field_same},
    {"logit_bias", field_refuse_set},
    {"n", field_single},
    {"service_tier", field_one_tier},
    {"verbosity", field_no_verbosity},
    {"modalities", field_text_only},
    /* words of this API that OpenAI's has not */
    {"options", put_options},
    {"num_ctx", put_option},
    {"top_k", put_option},
    {"min_p", put_option},
    {"repeat_penalty", put_option},
    {"think", field_same},
    {"keep_alive", field_same},
    {"truncate", field_same},
    {"shift", field_same},
};

static const struct field_row embed_rows[] = {
    {"input", put_input},     {"dimensions", field_same}, {"encoding_format", put_encoding},
    {"options", put_options}, {"num_ctx", put_option},    {"keep_alive", field_same},
    {"truncate", field_same},
};

int ollama_fields(struct outgoing *o)
{
    if (o->t->op == OP_EMBEDDINGS)
        return fields_put(o, embed_rows, ARRAY_LEN(embed_rows));
    return fields_put(o, chat_rows, ARRAY_LEN(chat_rows));
}
