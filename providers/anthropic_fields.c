/*
 * anthropic_fields: one row for each member of an OpenAI request body, saying what becomes of it. A
 * member that is null counts as absent. What has no row is unknown to this API.
 */
#include "providers/anthropic.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"

struct field_row {
    const char *name;
    /* NULL: left out silently, because it cannot change the answer or is read elsewhere. */
    int (*put)(struct outgoing *o, const char *name, struct json_object *v);
};

/* Under the same name, as it is. */
static int put_same(struct outgoing *o, const char *name, struct json_object *v)
{
    outgoing_share(o->body, name, v);
    return 0;
}

static int put_max_tokens(struct outgoing *o, const char *name, struct json_object *v)
{
    if (strcmp(name, "max_tokens") == 0 && json_get(o->t->body, "max_completion_tokens"))
        return 0; /* the newer name wins */
    outgoing_share(o->body, "max_tokens", v);
    return 0;
}

static int put_temperature(struct outgoing *o, const char *name, struct json_object *v)
{
    if (json_object_get_double(v) <= 1.0) {
        outgoing_share(o->body, name, v);
        return 0;
    }
    if (outgoing_refuse(o, "temperature goes from 0 to 1 there", "%s", name) < 0)
        return -1;
    json_object_object_add(o->body, name, json_object_new_int(1));
    return 0;
}

static int put_stop(struct outgoing *o, const char *name, struct json_object *v)
{
    struct json_object *list = NULL;

    (void)name;
    if (json_object_is_type(v, json_type_array)) {
        if (json_object_array_length(v) > 0)
            outgoing_share(o->body, "stop_sequences", v);
        return 0;
    }
    list = json_object_new_array();
    json_object_array_add(list, json_object_get(v));
    json_object_object_add(o->body, "stop_sequences", list);
    return 0;
}

static struct json_object *output_config(struct outgoing *o)
{
    struct json_object *config = json_get(o->body, "output_config");

    if (!config) {
        config = json_object_new_object();
        json_object_object_add(o->body, "output_config", config);
    }
    return config;
}

static int put_response_format(struct outgoing *o, const char *name, struct json_object *v)
{
    const char *type = json_get_str(v, "type");
    struct json_object *schema = json_get(json_get(v, "json_schema"), "schema");
    struct json_object *format = NULL;

    if (type && strcmp(type, "text") == 0)
        return 0;
    if (!type || strcmp(type, "json_schema") != 0)
        return outgoing_refuse(o, "it has no JSON mode without a schema; use type json_schema",
                               "%s", name);
    if (!json_object_is_type(schema, json_type_object))
        return outgoing_fail(o, "must be an object, a JSON Schema", "%s.json_schema.schema", name);
    format = json_object_new_object();
    json_object_object_add(format, "type", json_object_new_string("json_schema"));
    outgoing_share(format, "schema", schema);
    json_object_object_add(output_config(o), "format", format);
    return 0;
}

static void put_thinking(struct outgoing *o, const char *type)
{
    struct json_object *thinking = json_object_new_object();

    if (json_get(o->t->body, "thinking")) { /* the caller said it in the API's own words */
        json_object_put(thinking);
        return;
    }
    json_object_object_add(thinking, "type", json_object_new_string(type));
    json_object_object_add(o->body, "thinking", thinking);
}

static int put_effort(struct outgoing *o, const char *name, struct json_object *v)
{
    static const char *const efforts[][2] = {
        {"minimal", "low"}, {"low", "low"},     {"medium", "medium"},
        {"high", "high"},   {"xhigh", "xhigh"}, {"max", "max"},
    };
    const char *effort = json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";
    size_t i = 0;

    if (strcmp(effort, "none") == 0) {
        put_thinking(o, "disabled");
        return 0;
    }
    for (i = 0; i < ARRAY_LEN(efforts); i++) {
        if (strcmp(effort, efforts[i][0]) != 0)
            continue;
        put_thinking(o, "adaptive");
        json_object_object_add(output_config(o), "effort", json_object_new_string(efforts[i][1]));
        return 0;
    }
    return outgoing_fail(o, "must be none, minimal, low, medium, high, xhigh or max", "%s", name);
}

/* user and its successor safety_identifier; the newer one wins. */
static int put_user(struct outgoing *o, const char *name, struct json_object *v)
{
    struct json_object *metadata = NULL;

    if (strcmp(name, "user") == 0 && json_get(o->t->body, "safety_identifier"))
        return 0;
    metadata = json_object_new_object();
    outgoing_share(metadata, "user_id", v);
    json_object_object_add(o->body, "metadata", metadata);
    return 0;
}

static int put_tier(struct outgoing *o, const char *name, struct json_object *v)
{
    static const char *const tiers[][2] = {
        {"auto", "auto"},
        {"default", "standard_only"},
        {"standard", "standard_only"},
        {"standard_only", "standard_only"},
    };
    const char *tier = json_object_get_string(v);
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(tiers); i++) {
        if (strcmp(tier, tiers[i][0]) != 0)
            continue;
        json_object_object_add(o->body, name, json_object_new_string(tiers[i][1]));
        return 0;
    }
    return outgoing_refuse(o, "it has the service tiers auto and default only", "%s", name);
}

static int put_n(struct outgoing *o, const char *name, struct json_object *v)
{
    if (json_object_get_int64(v) == 1)
        return 0;
    return outgoing_refuse(o, "it gives one choice; send more requests with different `sample`",
                           "%s", name);
}

/* Fields that say nothing as long as they are false, 0 or empty. */
static int refuse_set(struct outgoing *o, const char *name, struct json_object *v)
{
    switch (json_object_get_type(v)) {
    case json_type_boolean:
        if (!json_object_get_boolean(v))
            return 0;
        break;
    case json_type_int:
    case json_type_double:
        if (json_object_get_double(v) == 0)
            return 0;
        break;
    case json_type_object:
        if (json_object_object_length(v) == 0)
            return 0;
        break;
    default:
        break;
    }
    return outgoing_refuse(o, "the API has nothing like it", "%s", name);
}

static int refuse(struct outgoing *o, const char *name, struct json_object *v)
{
    (void)v;
    return outgoing_refuse(o, "the API has nothing like it", "%s", name);
}

static int put_verbosity(struct outgoing *o, const char *name, struct json_object *v)
{
    return strcmp(json_object_get_string(v), "medium") == 0 ? 0 : refuse(o, name, v);
}

static int put_modalities(struct outgoing *o, const char *name, struct json_object *v)
{
    const char *first = NULL;

    if (json_object_is_type(v, json_type_array) && json_object_array_length(v) == 1)
        first = json_object_get_string(json_object_array_get_idx(v, 0));
    return first && strcmp(first, "text") == 0 ? 0 : refuse(o, name, v);
}

static const struct field_row rows[] = {
    {"model", NULL},
    {"messages", NULL},
    {"tools", NULL}, /* these three: anthropic_tools() */
    {"tool_choice", NULL},
    {"parallel_tool_calls", NULL},
    {"stream", NULL},
    {"stream_options", NULL},
    {"store", NULL},
    {"metadata", NULL}, /* labels of the caller, not the API's metadata */
    {"prompt_cache_key", NULL},
    {"prompt_cache_options", NULL},
    {"prompt_cache_retention", NULL},
    {"max_tokens", put_max_tokens},
    {"max_completion_tokens", put_max_tokens},
    {"temperature", put_temperature},
    {"top_p", put_same},
    {"stop", put_stop},
    {"response_format", put_response_format},
    {"reasoning_effort", put_effort},
    {"user", put_user},
    {"safety_identifier", put_user},
    {"service_tier", put_tier},
    {"n", put_n},
    {"verbosity", put_verbosity},
    {"modalities", put_modalities},
    {"logprobs", refuse_set},
    {"top_logprobs", refuse_set},
    {"logit_bias", refuse_set},
    {"presence_penalty", refuse_set},
    {"frequency_penalty", refuse_set},
    {"seed", refuse},
    {"audio", refuse},
    /* words of this API that OpenAI's has not */
    {"top_k", put_same},
    {"thinking", put_same},
    {"cache_control", put_same},
};

int anthropic_fields(struct outgoing *o)
{
    json_object_object_foreach(o->t->body, name, v)
    {
        size_t i = 0;

        while (i < ARRAY_LEN(rows) && strcmp(rows[i].name, name) != 0)
            i++;
        if (!v || (i < ARRAY_LEN(rows) && !rows[i].put))
            continue;
        if ((i < ARRAY_LEN(rows) ? rows[i].put : refuse)(o, name, v) < 0)
            return -1;
    }
    return 0;
}
