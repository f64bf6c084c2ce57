/*
 * cohere_fields: one row for each member of a chat request, saying what becomes of it. Members that
 * only Cohere has (documents, safety_mode, ...) are taken in its own words.
 */
#include "providers/cohere.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/fields.h"

/* Tokens of thinking for each effort; 0: as many as the model likes. */
static const struct {
    const char *effort;
    int budget;
} efforts[] = {
    {"minimal", 256}, {"low", 1024}, {"medium", 4096}, {"high", 16384}, {"xhigh", 0}, {"max", 0},
};

static int put_top_p(struct outgoing *o, const char *name, struct json_object *v)
{
    (void)name;
    outgoing_share(o->body, "p", v);
    return 0;
}

static int put_top_k(struct outgoing *o, const char *name, struct json_object *v)
{
    (void)name;
    outgoing_share(o->body, "k", v);
    return 0;
}

static int put_penalty(struct outgoing *o, const char *name, struct json_object *v)
{
    double penalty = json_object_get_double(v);

    if (penalty < 0 || penalty > 1)
        return outgoing_refuse(o, "penalties go from 0 to 1 there", "%s", name);
    return field_same(o, name, v);
}

static int put_logprobs(struct outgoing *o, const char *name, struct json_object *v)
{
    return json_object_get_boolean(v) ? field_same(o, name, v) : 0;
}

static int put_top_logprobs(struct outgoing *o, const char *name, struct json_object *v)
{
    if (json_object_get_int64(v) == 0)
        return 0;
    return outgoing_refuse(o, "it gives the log probability of the chosen token only", "%s", name);
}

static int put_response_format(struct outgoing *o, const char *name, struct json_object *v)
{
    struct json_object *format = NULL;
    struct json_object *schema = NULL;
    bool json = false;

    if (field_schema(o, v, &json, &schema) < 0)
        return -1;
    if (!json)
        return 0;
    format = json_object_new_object();
    json_object_object_add(format, "type", json_object_new_string("json_object"));
    if (schema)
        outgoing_share(format, "json_schema", schema);
    json_object_object_add(o->body, name, format);
    return 0;
}

static void put_thinking(struct outgoing *o, const char *type, int budget)
{
    struct json_object *thinking = NULL;

    if (json_get(o->t->body, "thinking")) /* the caller said it in the API's own words */
        return;
    thinking = json_object_new_object();
    json_object_object_add(thinking, "type", json_object_new_string(type));
    if (budget > 0)
        json_object_object_add(thinking, "token_budget", json_object_new_int(budget));
    json_object_object_add(o->body, "thinking", thinking);
}

static int put_effort(struct outgoing *o, const char *name, struct json_object *v)
{
    const char *effort = json_object_get_string(v);
    size_t i = 0;

    if (strcmp(effort, "none") == 0) {
        put_thinking(o, "disabled", 0);
        return 0;
    }
    for (i = 0; i < ARRAY_LEN(efforts); i++) {
        if (strcmp(effort, efforts[i].effort) != 0)
            continue;
        put_thinking(o, "enabled", efforts[i].budget);
        return 0;
    }
    return outgoing_fail(o, "must be none, minimal, low, medium, high, xhigh or max", "%s", name);
}

/* Requests have priority 0 there, the highest, unless they say otherwise. */
static int put_tier(struct outgoing *o, const char *name, struct json_object *v)
{
    const char *tier = json_object_get_string(v);

    if (strcmp(tier, "auto") == 0 || strcmp(tier, "default") == 0)
        return 0;
    if (strcmp(tier, "priority") != 0)
        return outgoing_refuse(o, "it has no such tier; `priority` takes a number there", "%s",
                               name);
    if (!json_get(o->t->body, "priority"))
        json_object_object_add(o->body, "priority", json_object_new_int(0));
    return 0;
}

static const struct field_row rows[] = {
    {"tools", NULL}, /* these three: cohere_tools() */
    {"tool_choice", NULL},
    {"parallel_tool_calls", NULL},
    {"max_tokens", field_max_tokens},
    {"max_completion_tokens", field_max_tokens},
    {"temperature", field_same},
    {"top_p", put_top_p},
    {"stop", field_stop_sequences},
    {"seed", field_same},
    {"presence_penalty", put_penalty},
    {"frequency_penalty", put_penalty},
    {"logprobs", put_logprobs},
    {"top_logprobs", put_top_logprobs},
    {"response_format", put_response_format},
    {"reasoning_effort", put_effort},
    {"service_tier", put_tier},
    {"n", field_single},
    {"verbosity", field_no_verbosity},
    {"modalities", field_text_only},
    {"logit_bias", field_refuse_set},
    /* words of this API that OpenAI's has not */
    {"top_k", put_top_k},
    {"k", field_same},
    {"p", field_same},
    {"documents", field_same},
    {"citation_options", field_same},
    {"safety_mode", field_same},
    {"priority", field_same},
    {"thinking", field_same},
};

int cohere_fields(struct outgoing *o)
{
    return fields_put(o, rows, ARRAY_LEN(rows));
}
