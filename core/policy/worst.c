/*
 * worst: see worst.h. No token is shorter than a byte, so the bytes of the record bound the tokens of its text.
 * What counts more tokens than it has bytes (a link to a picture, a conversation that the provider keeps) is
 * bounded by the context window, and what the provider adds by itself (its own tools) by nothing.
 */
#include "policy/worst.h"

#include <string.h>
#include <sysexits.h>

#include "base/json.h"
#include "base/mem.h"
#include "policy/cost.h"

#define TEMPLATE_TOKENS 256  /* put around the messages by the model's own template */
#define TOOLS_TOKENS    1024 /* the same when there are tools */
#define ANSWER_MAX      INT64_C(1000000000)
#define CHOICES_MAX     1024

/* Both are sent: the request and what the model's row adds to it. */
struct parts {
    struct json_object *body;
    struct json_object *extra; /* or NULL */
};

static struct json_object *part_get(const struct parts *p, const char *name)
{
    struct json_object *o = json_get(p->extra, name);

    return o ? o : json_get(p->body, name);
}

/* The largest whole number of that name in either; -1: there is none. */
static int64_t part_max(const struct parts *p, const char *name)
{
    int64_t a = json_get_int(p->body, name, -1);
    int64_t b = json_get_int(p->extra, name, -1);
    int64_t most = a > b ? a : b;

    return most > ANSWER_MAX ? ANSWER_MAX : most;
}

/* The largest whole number below any of these names, however deep; `most` when there is no larger one. What a row
 * adds is in its provider's own form, in which lengths stand where that likes them. */
static int64_t deep_max(struct json_object *o, const char *const *names, int64_t most)
{
    size_t i = 0;

    for (i = 0; json_object_is_type(o, json_type_array) && i < json_object_array_length(o); i++)
        most = deep_max(json_object_array_get_idx(o, i), names, most);
    if (!json_object_is_type(o, json_type_object))
        return most;
    for (i = 0; names[i]; i++) {
        int64_t n = json_get_int(o, names[i], -1);

        most = n > most ? n : most;
    }
    json_object_object_foreach(o, key, v)
    {
        (void)key;
        most = deep_max(v, names, most);
    }
    return most > ANSWER_MAX ? ANSWER_MAX : most;
}

static bool is_text_type(const char *type)
{
    static const char *const text[] = {
        "text",
        "refusal",
        "input_text",
        "output_text",
        "summary_text",
        "function",
        "custom",
        "message",
        "function_call",
        "reasoning",
        "function_call_output",
        "reasoning_text",
        "thinking",
        "ephemeral",
        "custom_tool_call",
        "custom_tool_call_output",
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(text); i++) {
        if (strcmp(type, text[i]) == 0)
            return true;
    }
    return false;
}

/* Does anything in there count tokens that its bytes do not bound? The depth was bounded when it was read. */
static bool has_media(struct json_object *o)
{
    size_t i = 0;

    if (json_object_is_type(o, json_type_array)) {
        for (i = 0; i < json_object_array_length(o); i++) {
            if (has_media(json_object_array_get_idx(o, i)))
                return true;
        }
        return false;
    }
    if (!json_object_is_type(o, json_type_object))
        return false;
    if (json_get_str(o, "type") && !is_text_type(json_get_str(o, "type")))
        return true;
    json_object_object_foreach(o, key, v)
    {
        (void)key;
        if (has_media(v))
            return true;
    }
    return false;
}

/* Tools that the provider runs: what they find comes into the input, as often as they like. */
static bool has_own_tools(const struct parts *p)
{
    struct json_object *const lists[] = {json_get(p->body, "tools"), json_get(p->extra, "tools")};
    size_t k = 0;
    size_t i = 0;

    if (part_get(p, "web_search_options") || part_get(p, "plugins"))
        return true;
    for (k = 0; k < ARRAY_LEN(lists); k++) {
        if (!json_object_is_type(lists[k], json_type_array))
            continue;
        for (i = 0; i < json_object_array_length(lists[k]); i++) {
            const char *type = json_get_str(json_object_array_get_idx(lists[k], i), "type");

            if (!type || (strcmp(type, "function") != 0 && strcmp(type, "custom") != 0))
                return true;
        }
    }
    return false;
}

static bool speaks(const struct parts *p)
{
    struct json_object *list = part_get(p, "modalities");
    size_t i = 0;

    if (part_get(p, "audio"))
        return true;
    for (i = 0; json_object_is_type(list, json_type_array) && i < json_object_array_length(list);
         i++) {
        const char *word = json_object_get_string(json_object_array_get_idx(list, i));

        if (!word || strcmp(word, "text") != 0)
            return true;
    }
    return false;
}

static int input_tokens(const struct model *m, const struct task *t, const struct parts *p,
                        int64_t *ret, struct err *e)
{
    bool wide = has_media(json_get(p->body, "messages")) || has_media(json_get(p->body, "input")) ||
                has_media(json_get(p->extra, "messages")) || part_get(p, "cachedContent") ||
                part_get(p, "previous_response_id") || part_get(p, "conversation") ||
                json_object_is_type(part_get(p, "prompt"), json_type_object);

    if (has_own_tools(p))
        return err_set(e, EX_CONFIG, "it may use tools that the provider runs itself");
    if (wide && m->max_input_tokens <= 0)
        return err_set(
            e, EX_CONFIG,
            "its pictures, files or stored conversation may be any number of tokens: set "
            "model_info.max_input_tokens of \"%.80s\"",
            m->model_name);
    *ret = (int64_t)t->raw_len + (m->extra_body ? (int64_t)strlen(m->extra_body) : 0) +
           (part_get(p, "tools") ? TOOLS_TOKENS : TEMPLATE_TOKENS);
    if (wide && *ret < m->max_input_tokens)
        *ret = m->max_input_tokens;
    return 0;
}

static int output_tokens(const struct model *m, const struct task *t, const struct parts *p,
                         int64_t *ret, struct err *e)
{
    /* Of the request only what its own API has: any other name bounds nothing, hosts ignore or drop it. */
    static const char *const said[2][2] = {{"max_completion_tokens", "max_tokens"},
                                           {"max_output_tokens", "max_output_tokens"}};
    static const char *const names[] = {"max_completion_tokens", "max_tokens", "max_output_tokens",
                                        "maxOutputTokens",       "maxTokens",  "num_predict",
                                        "max_new_tokens",        NULL};
    static const char *const choices[] = {"n", "best_of", "candidateCount", NULL};
    int64_t most = -1;
    int64_t n = deep_max(p->extra, choices, part_max(p, "n"));
    size_t i = 0;

    *ret = 0;
    if (t->op == OP_EMBEDDINGS)
        return 0;
    for (i = 0; i < 2; i++) {
        int64_t bound = part_max(p, said[t->op == OP_RESPONSES][i]);

        most = bound > most ? bound : most;
    }
    most = deep_max(p->extra, names, most);
    if (most < 0)
        most = m->max_output_tokens > 0 ? m->max_output_tokens : -1;
    if (most < 0)
        return err_set(e, EX_CONFIG,
                       "its answer may have any length: set max_completion_tokens in the request "
                       "or model_info.max_output_tokens of \"%.80s\"",
                       m->model_name);
    if (speaks(p))
        return err_set(e, EX_CONFIG, "its answer is not only text, and only text has a price");
    if (part_get(p, "prediction"))
        most += (int64_t)t->raw_len; /* what was predicted and not used is paid for */
    *ret = most * (n < 1 ? 1 : n > CHOICES_MAX ? CHOICES_MAX : n);
    return 0;
}

int worst_cost(const struct model *m, const struct task *t, double *ret, struct err *e)
{
    CLEANUP_JSON struct json_object *extra = NULL;
    struct parts p = {.body = t->body};
    struct json_object *tier = NULL;
    int64_t input = 0;
    int64_t output = 0;
    double usd = 0;

    if (m->extra_body && json_parse(m->extra_body, strlen(m->extra_body), &extra, e) < 0)
        return -1;
    p.extra = extra;
    if (input_tokens(m, t, &p, &input, e) < 0 || output_tokens(m, t, &p, &output, e) < 0)
        return -1;
    tier = part_get(&p, "service_tier");
    usd = cost_at_most(&m->prices, service_tier_of(tier ? json_object_get_string(tier) : NULL),
                       input, output);
    if (usd < 0)
        return err_set(e, EX_CONFIG,
                       "the price is not known: set input_cost_per_token and output_cost_per_token "
                       "(and those of the asked service tier) in model_info of \"%.80s\", and no "
                       "usage_costs",
                       m->model_name);
    *ret = usd;
    return 0;
}
