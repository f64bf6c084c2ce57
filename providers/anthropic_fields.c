/*
 * anthropic_fields: one row for each member of an OpenAI request body, saying what becomes of it. A
 * member that is null counts as absent. What has no row is unknown to this API.
 */
#include "providers/anthropic.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/fields.h"

static int put_temperature(struct outgoing *o, const char *name, struct json_object *v)
{
    return field_temperature_to_1(o, name, v, o->body);
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

/* user and its successor safety_identifier. */
static int put_user(struct outgoing *o, const char *name, struct json_object *v)
{
    struct json_object *metadata = NULL;

    if (field_superseded(o, name))
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

static const struct field_row rows[] = {
    {"tools", NULL}, /* these three: anthropic_tools() */
    {"tool_choice", NULL},
    {"parallel_tool_calls", NULL},
    {"max_tokens", field_max_tokens},
    {"max_completion_tokens", field_max_tokens},
    {"temperature", put_temperature},
    {"top_p", field_same},
    {"stop", field_stop_sequences},
    {"response_format", put_response_format},
    {"reasoning_effort", put_effort},
    {"user", put_user},
    {"safety_identifier", put_user},
    {"service_tier", put_tier},
    {"n", field_single},
    {"verbosity", field_no_verbosity},
    {"modalities", field_text_only},
    {"logprobs", field_refuse_set},
    {"top_logprobs", field_refuse_set},
    {"logit_bias", field_refuse_set},
    {"presence_penalty", field_refuse_set},
    {"frequency_penalty", field_refuse_set},
    {"seed", field_refuse},
    {"audio", field_refuse},
    /* words of this API that OpenAI's has not */
    {"top_k", field_same},
    {"thinking", field_same},
    {"cache_control", field_same},
};

int anthropic_fields(struct outgoing *o)
{
    return fields_put(o, rows, ARRAY_LEN(rows));
}
