/*
 * gemini_fields: one row for each member of an OpenAI request body, saying what becomes of it. Most
 * of it goes to generationConfig. What has no row is unknown to this API.
 */
#include "providers/gemini.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/fields.h"

#define STOPS_MAX      5
#define CANDIDATES_MAX 8

/* Fields whose value is the same in generationConfig. */
static const char *const config_names[][2] = {
    {"max_completion_tokens", "maxOutputTokens"},
    {"max_tokens", "maxOutputTokens"},
    {"temperature", "temperature"},
    {"top_p", "topP"},
    {"top_k", "topK"},
    {"seed", "seed"},
    {"presence_penalty", "presencePenalty"},
    {"frequency_penalty", "frequencyPenalty"},
    {"logprobs", "responseLogprobs"},
    {"top_logprobs", "logprobs"},
};

static int put_config(struct outgoing *o, const char *name, struct json_object *v)
{
    size_t i = 0;

    if (field_superseded(o, name))
        return 0;
    for (i = 0; i < ARRAY_LEN(config_names); i++) {
        if (strcmp(config_names[i][0], name) == 0)
            outgoing_share(gemini_config(o), config_names[i][1], v);
    }
    return 0;
}

static int put_logprobs(struct outgoing *o, const char *name, struct json_object *v)
{
    return json_get_bool(o->t->body, "logprobs", false) ? put_config(o, name, v) : 0;
}

static int put_stop(struct outgoing *o, const char *name, struct json_object *v)
{
    CLEANUP_JSON struct json_object *list = field_list(v);
    size_t n = json_object_array_length(list);

    if (n > STOPS_MAX)
        return outgoing_refuse(o, "it takes at most 5 stop sequences", "%s", name);
    if (n > 0)
        outgoing_share(gemini_config(o), "stopSequences", list);
    return 0;
}

static int put_n(struct outgoing *o, const char *name, struct json_object *v)
{
    int64_t n = json_object_get_int64(v);

    if (n > CANDIDATES_MAX)
        return outgoing_refuse(o, "it gives at most 8 choices", "%s", name);
    if (n != 1)
        outgoing_share(gemini_config(o), "candidateCount", v);
    return 0;
}

static int put_response_format(struct outgoing *o, const char *name, struct json_object *v)
{
    struct json_object *schema = NULL;
    bool json = false;

    (void)name;
    if (field_schema(o, v, &json, &schema) < 0)
        return -1;
    if (json)
        json_object_object_add(gemini_config(o), "responseMimeType",
                               json_object_new_string("application/json"));
    if (schema)
        outgoing_share(gemini_config(o), "responseJsonSchema", schema);
    return 0;
}

/* What an effort is to models that think in levels, and to those that have a budget of tokens. The
 * large models have no level MINIMAL and take a larger budget. */
static const struct effort {
    const char *effort;
    const char *level, *level_pro;
    int budget, budget_pro;
} efforts[] = {
    {"minimal", "MINIMAL", "LOW", 512, 512},    {"low", "LOW", "LOW", 1024, 1024},
    {"medium", "MEDIUM", "MEDIUM", 8192, 8192}, {"high", "HIGH", "HIGH", 24576, 24576},
    {"xhigh", "HIGH", "HIGH", 24576, 32768},    {"max", "HIGH", "HIGH", 24576, 32768},
};

static struct json_object *thinking_config(struct outgoing *o)
{
    struct json_object *config = gemini_config(o);
    struct json_object *thinking = json_get(config, "thinkingConfig");

    if (!thinking) {
        thinking = json_object_new_object();
        json_object_object_add(config, "thinkingConfig", thinking);
    }
    return thinking;
}

static int no_thinking(struct outgoing *o, const char *name, bool levels, bool pro)
{
    if (levels || pro)
        return outgoing_refuse(o, "this model always thinks; ask for minimal or low", "%s", name);
    json_object_object_add(thinking_config(o), "thinkingBudget", json_object_new_int(0));
    return 0;
}

static int put_effort(struct outgoing *o, const char *name, struct json_object *v)
{
    const char *word = json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";
    bool levels = gemini_generation(o->m) >= 3;
    bool pro = strstr(o->m->upstream_model, "-pro") != NULL;
    struct json_object *thinking = NULL;
    size_t i = 0;

    if (strcmp(word, "none") == 0)
        return no_thinking(o, name, levels, pro);
    while (i < ARRAY_LEN(efforts) && strcmp(word, efforts[i].effort) != 0)
        i++;
    if (i == ARRAY_LEN(efforts))
        return outgoing_fail(o, "must be none, minimal, low, medium, high, xhigh or max", "%s",
                             name);
    thinking = thinking_config(o);
    json_object_object_add(thinking, "includeThoughts", json_object_new_boolean(1));
    if (levels)
        json_object_object_add(
            thinking, "thinkingLevel",
            json_object_new_string(pro ? efforts[i].level_pro : efforts[i].level));
    else
        json_object_object_add(
            thinking, "thinkingBudget",
            json_object_new_int(pro ? efforts[i].budget_pro : efforts[i].budget));
    return 0;
}

/* A member of the body for the Gemini API, a header for Vertex AI. */
static int put_tier(struct outgoing *o, const char *name, struct json_object *v)
{
    static const char *const tiers[][2] = {
        {"auto", ""},     {"default", "standard"},  {"standard", "standard"},
        {"flex", "flex"}, {"priority", "priority"},
    };
    const char *tier = json_object_get_string(v);
    size_t i = 0;

    while (i < ARRAY_LEN(tiers) && strcmp(tier, tiers[i][0]) != 0)
        i++;
    if (i == ARRAY_LEN(tiers))
        return outgoing_refuse(o, "it has the service tiers auto, default, flex and priority", "%s",
                               name);
    if (!*tiers[i][1])
        return 0;
    if (!gemini_on_vertex(o->m)) {
        json_object_object_add(o->body, "serviceTier", json_object_new_string(tiers[i][1]));
        return 0;
    }
    if (strcmp(tiers[i][1], "standard") == 0)
        return 0;
    return outgoing_header(o, "X-Vertex-AI-LLM-Shared-Request-Type", tiers[i][1]);
}

static int put_thinking(struct outgoing *o, struct json_object *in)
{
    static const char *const names[][2] = {
        {"include_thoughts", "includeThoughts"}, {"includeThoughts", "includeThoughts"},
        {"thinking_budget", "thinkingBudget"},   {"thinkingBudget", "thinkingBudget"},
        {"thinking_level", "thinkingLevel"},     {"thinkingLevel", "thinkingLevel"},
    };

    json_object_object_foreach(in, name, v)
    {
        size_t i = 0;

        while (i < ARRAY_LEN(names) && strcmp(name, names[i][0]) != 0)
            i++;
        if (i == ARRAY_LEN(names))
            return outgoing_fail(o, "is unknown", "extra_body.google.thinking_config.%s", name);
        outgoing_share(thinking_config(o), names[i][1], v);
    }
    return 0;
}

/* {"google":{"cached_content":...,"thinking_config":{...}}}: what requests to Google's endpoint of
 * OpenAI's form say of its own. */
static int put_extra(struct outgoing *o, const char *name, struct json_object *v)
{
    struct json_object *google = json_get_type(v, "google", json_type_object);

    if (!google)
        return field_refuse(o, name, v);
    json_object_object_foreach(google, key, value)
    {
        if (strcmp(key, "cached_content") == 0)
            outgoing_share(o->body, "cachedContent", value);
        else if (strcmp(key, "thinking_config") == 0 &&
                 json_object_is_type(value, json_type_object)) {
            if (put_thinking(o, value) < 0)
                return -1;
        } else if (outgoing_refuse(o, "it knows cached_content and thinking_config there",
                                   "extra_body.google.%s", key) < 0)
            return -1;
    }
    return 0;
}

static int refuse_search(struct outgoing *o, const char *name, struct json_object *v)
{
    (void)v;
    return outgoing_refuse(o, "ask for its own search with tools: [{googleSearch: {}}]", "%s",
                           name);
}

static const struct field_row rows[] = {
    {"tools", NULL}, /* these three: gemini_tools() */
    {"tool_choice", NULL},
    {"parallel_tool_calls", NULL},
    {"max_tokens", put_config},
    {"max_completion_tokens", put_config},
    {"temperature", put_config},
    {"top_p", put_config},
    {"seed", put_config},
    {"presence_penalty", put_config},
    {"frequency_penalty", put_config},
    {"logprobs", put_logprobs},
    {"top_logprobs", put_logprobs},
    {"stop", put_stop},
    {"n", put_n},
    {"response_format", put_response_format},
    {"reasoning_effort", put_effort},
    {"service_tier", put_tier},
    {"logit_bias", field_refuse_set},
    {"verbosity", field_no_verbosity},
    {"modalities", field_text_only},
    {"web_search_options", refuse_search},
    /* words of this API that OpenAI's has not */
    {"extra_body", put_extra},
    {"top_k", put_config},
    {"cachedContent", field_same},
    {"safetySettings", field_same},
};

int gemini_fields(struct outgoing *o)
{
    return fields_put(o, rows, ARRAY_LEN(rows));
}
