/*
 * bedrock_fields: one row for each member of an OpenAI request body, saying what becomes of it in a
 * Converse request. What has no row is unknown to this API.
 */
#include "providers/bedrock.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/fields.h"

struct json_object *bedrock_wrap(const char *key, struct json_object *value)
{
    struct json_object *o = json_object_new_object();

    json_object_object_add(o, key, value);
    return o;
}

struct json_object *bedrock_section(struct outgoing *o, const char *name)
{
    struct json_object *section = json_get(o->body, name);

    if (!section) {
        section = json_object_new_object();
        json_object_object_add(o->body, name, section);
    }
    return section;
}

static struct json_object *inference(struct outgoing *o)
{
    return bedrock_section(o, "inferenceConfig");
}

static int put_max_tokens(struct outgoing *o, const char *name, struct json_object *v)
{
    if (!field_superseded(o, name))
        outgoing_share(inference(o), "maxTokens", v);
    return 0;
}

static int put_temperature(struct outgoing *o, const char *name, struct json_object *v)
{
    return field_temperature_to_1(o, name, v, inference(o));
}

static int put_top_p(struct outgoing *o, const char *name, struct json_object *v)
{
    (void)name;
    outgoing_share(inference(o), "topP", v);
    return 0;
}

static int put_stop(struct outgoing *o, const char *name, struct json_object *v)
{
    (void)name;
    if (!json_object_is_type(v, json_type_array) || json_object_array_length(v) > 0)
        json_object_object_add(inference(o), "stopSequences", field_list(v));
    return 0;
}

/* The API takes the schema as a string. */
static struct json_object *new_text_format(struct json_object *given, struct json_object *schema)
{
    struct json_object *format = json_object_new_object();
    struct json_object *definition = json_object_new_object();
    static const char *const names[] = {"name", "description"};
    size_t i = 0;

    json_object_object_add(definition, "schema",
                           json_object_new_string(json_object_to_json_string_ext(
                               schema, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)));
    for (i = 0; i < ARRAY_LEN(names); i++) {
        if (json_get_str(given, names[i]))
            outgoing_share(definition, names[i], json_get(given, names[i]));
    }
    json_object_object_add(format, "type", json_object_new_string("json_schema"));
    json_object_object_add(format, "structure", bedrock_wrap("jsonSchema", definition));
    return format;
}

static int put_response_format(struct outgoing *o, const char *name, struct json_object *v)
{
    struct json_object *schema = NULL;
    bool json = false;

    if (field_schema(o, v, &json, &schema) < 0)
        return -1;
    if (schema)
        json_object_object_add(bedrock_section(o, "outputConfig"), "textFormat",
                               new_text_format(json_get(v, "json_schema"), schema));
    if (schema || !json)
        return 0;
    return outgoing_refuse(o, "it has no JSON mode without a schema; use type json_schema", "%s",
                           name);
}

static int put_tier(struct outgoing *o, const char *name, struct json_object *v)
{
    static const char *const tiers[] = {"default", "flex", "priority", "reserved"};
    const char *tier = json_object_get_string(v);
    size_t i = 0;

    if (strcmp(tier, "auto") == 0)
        return 0;
    for (i = 0; i < ARRAY_LEN(tiers); i++) {
        if (strcmp(tier, tiers[i]) != 0)
            continue;
        json_object_object_add(o->body, "serviceTier",
                               bedrock_wrap("type", json_object_new_string(tier)));
        return 0;
    }
    return outgoing_refuse(o, "it has the service tiers default, flex, priority and reserved", "%s",
                           name);
}

/* Words of the model's own interface that Converse hands on. */
static int put_model_field(struct outgoing *o, const char *name, struct json_object *v)
{
    outgoing_share(bedrock_section(o, "additionalModelRequestFields"), name, v);
    return 0;
}

static int put_parallel(struct outgoing *o, const char *name, struct json_object *v)
{
    if (json_object_get_boolean(v))
        return 0;
    return outgoing_refuse(o, "a model may always make several calls at once", "%s", name);
}

static const struct field_row rows[] = {
    {"tools", NULL}, /* these two: bedrock_tools() */
    {"tool_choice", NULL},
    {"reasoning_effort", NULL}, /* bedrock_effort() */
    {"max_tokens", put_max_tokens},
    {"max_completion_tokens", put_max_tokens},
    {"temperature", put_temperature},
    {"top_p", put_top_p},
    {"stop", put_stop},
    {"response_format", put_response_format},
    {"service_tier", put_tier},
    {"parallel_tool_calls", put_parallel},
    {"n", field_single},
    {"verbosity", field_no_verbosity},
    {"modalities", field_text_only},
    {"logprobs", field_refuse_set},
    {"top_logprobs", field_refuse_set},
    {"logit_bias", field_refuse_set},
    {"presence_penalty", field_refuse_set},
    {"frequency_penalty", field_refuse_set},
    /* words of this API, and of models behind it, that OpenAI's has not */
    {"guardrailConfig", field_same},
    {"performanceConfig", field_same},
    {"thinking", put_model_field},
    {"top_k", put_model_field},
};

int bedrock_fields(struct outgoing *o)
{
    return fields_put(o, rows, ARRAY_LEN(rows));
}
