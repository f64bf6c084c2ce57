/*
 * mistral: writes requests for Mistral's API. openai.c does what both have in common; here fields get
 * Mistral's names, and what it would refuse as unknown is refused by name. Answers are OpenAI's but for
 * a content in chunks, which openai_choice.c reads.
 */
#include "providers/mistral.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/bridge.h"
#include "providers/openai.h"

#define PREDICTION_MAX (16u << 20)

static void rename_field(struct outgoing *o, const char *from, const char *to)
{
    struct json_object *v = json_get(o->body, from);

    if (v && !json_get(o->body, to))
        outgoing_share(o->body, to, v);
    json_object_object_del(o->body, from);
}

static bool only_text(struct json_object *list)
{
    struct json_object *first = json_object_array_get_idx(list, 0);

    return json_object_array_length(list) == 1 && json_object_is_type(first, json_type_string) &&
           strcmp(json_object_get_string(first), "text") == 0;
}

/* null, false, empty, or plain text as the only modality. */
static bool asks_nothing(struct json_object *v)
{
    switch (json_object_get_type(v)) {
    case json_type_null:
        return true;
    case json_type_boolean:
        return !json_object_get_boolean(v);
    case json_type_object:
        return json_object_object_length(v) == 0;
    case json_type_array:
        return json_object_array_length(v) == 0 || only_text(v);
    default:
        return false;
    }
}

/*
 * Fields of OpenAI that Mistral's schema does not have: it answers 422 to anything it has not. Those
 * that cannot change an answer are left out.
 */
static int refuse_unknown(struct outgoing *o)
{
    static const struct {
        const char *name;
        bool silent;
    } fields[] = {
        {"audio", false},
        {"function_call", false},
        {"functions", false},
        {"logit_bias", false},
        {"modalities", false},
        {"moderation", false},
        {"prompt_cache_options", true},
        {"prompt_cache_retention", true},
        {"safety_identifier", true},
        {"store", true},
        {"user", true},
        {"verbosity", false},
        {"web_search_options", false},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(fields); i++) {
        struct json_object *v = NULL;

        if (!json_object_object_get_ex(o->body, fields[i].name, &v))
            continue;
        if (!fields[i].silent && !asks_nothing(v) &&
            outgoing_refuse(o, "it has no such field", "%s", fields[i].name) < 0)
            return -1;
        json_object_object_del(o->body, fields[i].name);
    }
    return 0;
}

/* OpenAI's "default" is Mistral's "standard_only"; the other tiers are each other's unknown. */
static int rename_tier(struct outgoing *o)
{
    const char *tier = json_get_str(o->body, "service_tier");

    if (!tier || strcmp(tier, "auto") == 0 || strcmp(tier, "standard_only") == 0)
        return 0;
    if (strcmp(tier, "default") == 0) {
        json_object_object_add(o->body, "service_tier", json_object_new_string("standard_only"));
        return 0;
    }
    if (outgoing_refuse(o, "its tiers are auto and standard_only", "service_tier") < 0)
        return -1;
    json_object_object_del(o->body, "service_tier");
    return 0;
}

static void rename_tool_choice(struct outgoing *o)
{
    const char *choice = json_get_str(o->body, "tool_choice");

    if (choice && strcmp(choice, "required") == 0)
        json_object_object_add(o->body, "tool_choice", json_object_new_string("any"));
}

/* A function without parameters takes none; Mistral wants to be told so. */
static struct json_object *with_parameters(struct json_object *tool)
{
    struct json_object *function = json_get_type(tool, "function", json_type_object);
    struct json_object *copy = NULL;
    struct json_object *inner = NULL;
    struct json_object *schema = NULL;

    if (!function || json_get(function, "parameters"))
        return json_object_get(tool);
    copy = json_object_new_object();
    inner = json_object_new_object();
    schema = json_object_new_object();
    json_object_object_foreach(tool, key, value)
    {
        outgoing_share(copy, key, value);
    }
    json_object_object_foreach(function, name, member)
    {
        outgoing_share(inner, name, member);
    }
    json_object_object_add(schema, "type", json_object_new_string("object"));
    json_object_object_add(schema, "properties", json_object_new_object());
    json_object_object_add(inner, "parameters", schema);
    json_object_object_add(copy, "function", inner);
    return copy;
}

static int write_tools(struct outgoing *o)
{
    struct json_object *from = json_get_type(o->body, "tools", json_type_array);
    CLEANUP_JSON struct json_object *to = NULL;
    size_t n = from ? json_object_array_length(from) : 0;
    size_t i = 0;

    if (n == 0)
        return 0;
    to = json_object_new_array_ext((int)n);
    for (i = 0; i < n; i++) {
        struct json_object *tool = json_object_array_get_idx(from, i);
        const char *type = json_get_str(tool, "type");

        if (!type || strcmp(type, "custom") != 0)
            json_object_array_add(to, with_parameters(tool));
        else if (outgoing_refuse(o, "its tools are functions", "tools[%zu]", i) < 0)
            return -1;
    }
    outgoing_share(o->body, "tools", to);
    return 0;
}

/* A predicted answer in parts; Mistral takes one text. */
static int write_prediction(struct outgoing *o)
{
    struct json_object *from = json_get_type(o->body, "prediction", json_type_object);
    struct json_object *parts = json_get_type(from, "content", json_type_array);
    struct buf text = BUF_INIT(PREDICTION_MAX);
    struct json_object *to = NULL;
    size_t i = 0;

    for (i = 0; parts && i < json_object_array_length(parts); i++) {
        const char *part = json_get_str(json_object_array_get_idx(parts, i), "text");

        if (part)
            buf_str(&text, part);
    }
    if (text.over) {
        buf_done(&text);
        return outgoing_fail(o, "is larger than 16 MB", "prediction.content");
    }
    if (parts) {
        to = json_object_new_object();
        json_object_object_add(to, "type", json_object_new_string("content"));
        json_object_object_add(
            to, "content", json_object_new_string_len(text.data ? text.data : "", (int)text.len));
        json_object_object_add(o->body, "prediction", to);
    }
    buf_done(&text);
    return 0;
}

static int write_chat(struct outgoing *o)
{
    rename_field(o, "seed", "random_seed");
    rename_tool_choice(o);
    if (refuse_unknown(o) < 0 || rename_tier(o) < 0 || write_tools(o) < 0 ||
        write_prediction(o) < 0)
        return -1;
    return mistral_messages(o);
}

static int write_embeddings(struct outgoing *o)
{
    struct json_object *input = json_get_type(o->body, "input", json_type_array);
    struct json_object *first = input ? json_object_array_get_idx(input, 0) : NULL;

    if (first && !json_object_is_type(first, json_type_string))
        return outgoing_fail(o, "must be text for Mistral, not tokens", "input");
    rename_field(o, "dimensions", "output_dimension");
    return refuse_unknown(o);
}

static int mistral_format(const struct model *m, struct task *t, struct http_request *req,
                          struct err *e)
{
    CLEANUP_JSON struct json_object *body = json_object_new_object();
    struct outgoing o = {.m = m, .t = t, .req = req, .body = body, .e = e};

    if (t->op == OP_RESPONSES)
        return bridge_format(m, t, req, e);
    if (openai_write(&o) < 0)
        return -1;
    if ((t->op == OP_EMBEDDINGS ? write_embeddings(&o) : write_chat(&o)) < 0)
        return -1;
    if (outgoing_bearer(&o) < 0)
        return -1;
    return outgoing_finish(&o, openai_path(t->op));
}

const struct provider provider_mistral = {
    .name = "mistral",
    .check = outgoing_check,
    .format_request = mistral_format,
    .parse_response = openai_parse,
};
