/*
 * openai_quirks: what differs between the hosts that speak OpenAI's chat dialect, as bits of the
 * vendor's row. A field that a host does not know is renamed, rewritten, or refused by its name; hosts
 * that ignore it in silence are the reason. A value that asks for nothing (n: 1, logprobs: false) is
 * left out without a word. It must not look at the vendor's name.
 */
#include "providers/openai.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"

static bool has_quirk(const struct model *m, unsigned quirk)
{
    return m->vendor && (m->vendor->quirks & quirk);
}

/* Behind a vendor's name but another address we do not know what is there. */
static bool at_home(const struct model *m)
{
    const struct vendor *v = m->vendor;

    return v && v->api_base && (strchr(v->api_base, '{') || strcmp(v->api_base, m->api_base) == 0);
}

/* ---- the two names of a limit ---------------------------------------------------------------- */

static void rename_max_tokens(struct outgoing *o)
{
    struct json_object *new_name = json_get(o->body, "max_completion_tokens");
    struct json_object *old_name = json_get(o->body, "max_tokens");

    if (has_quirk(o->m, QUIRK_MAX_TOKENS)) {
        if (new_name)
            outgoing_share(o->body, "max_tokens", new_name);
        json_object_object_del(o->body, "max_completion_tokens");
        return;
    }
    if (!old_name || !at_home(o->m) || has_quirk(o->m, QUIRK_ANY_TOKENS))
        return;
    if (!new_name)
        outgoing_share(o->body, "max_completion_tokens", old_name);
    json_object_object_del(o->body, "max_tokens");
}

/* ---- messages -------------------------------------------------------------------------------- */

static bool is_developer(struct json_object *message)
{
    const char *role = json_get_str(message, "role");

    return role && strcmp(role, "developer") == 0;
}

/* A copy of the message with what the host takes; 0 or -1. */
static int rewrite_message(struct outgoing *o, struct json_object *message, size_t place,
                           struct json_object *copy)
{
    bool names = !has_quirk(o->m, QUIRK_NO_NAMES);

    json_object_object_foreach(message, key, value)
    {
        if (names || strcmp(key, "name") != 0)
            outgoing_share(copy, key, value);
        else if (value &&
                 outgoing_refuse(o, "its messages have no name", "messages[%zu].name", place) < 0)
            return -1;
    }
    if (is_developer(message) && has_quirk(o->m, QUIRK_NO_DEVELOPER))
        json_object_object_add(copy, "role", json_object_new_string("system"));
    return 0;
}

static bool needs_rewrite(const struct model *m, struct json_object *message)
{
    return (has_quirk(m, QUIRK_NO_DEVELOPER) && is_developer(message)) ||
           (has_quirk(m, QUIRK_NO_NAMES) && json_get(message, "name"));
}

/* A new array only when there is something to change: prompts are long. */
static int rewrite_messages(struct outgoing *o)
{
    struct json_object *from = json_get_type(o->body, "messages", json_type_array);
    CLEANUP_JSON struct json_object *to = NULL;
    size_t n = from ? json_object_array_length(from) : 0;
    size_t found = 0;
    size_t i = 0;

    for (i = 0; i < n; i++)
        found += needs_rewrite(o->m, json_object_array_get_idx(from, i));
    if (found == 0)
        return 0;
    to = json_object_new_array_ext((int)n);
    for (i = 0; i < n; i++) {
        struct json_object *message = json_object_array_get_idx(from, i);
        struct json_object *copy = NULL;

        if (!needs_rewrite(o->m, message)) {
            json_object_array_add(to, json_object_get(message));
            continue;
        }
        copy = json_object_new_object();
        json_object_array_add(to, copy);
        if (rewrite_message(o, message, i, copy) < 0)
            return -1;
    }
    outgoing_share(o->body, "messages", to);
    return 0;
}

/* ---- fields that a host does not know -------------------------------------------------------- */

static bool is_number(struct json_object *v, double what)
{
    return (json_object_is_type(v, json_type_int) || json_object_is_type(v, json_type_double)) &&
           json_object_get_double(v) == what;
}

static bool is_null(struct json_object *v)
{
    return !v;
}

static bool is_zero(struct json_object *v)
{
    return !v || is_number(v, 0);
}

static bool is_one(struct json_object *v)
{
    return !v || is_number(v, 1);
}

static bool is_false(struct json_object *v)
{
    return !v || (json_object_is_type(v, json_type_boolean) && !json_object_get_boolean(v));
}

static bool is_true(struct json_object *v)
{
    return !v || (json_object_is_type(v, json_type_boolean) && json_object_get_boolean(v));
}

static bool is_empty(struct json_object *v)
{
    return !v || (json_object_is_type(v, json_type_object) && json_object_object_length(v) == 0);
}

struct rule {
    unsigned group; /* a QUIRK_ bit, or a RULE_ bit below */
    const char *field;
    bool (*harmless)(struct json_object *v); /* this value asks for what is done anyway */
};

static const struct rule host_rules[] = {
    {QUIRK_NO_REASONING, "reasoning_effort", is_null},
    {QUIRK_NO_LOGPROBS, "logprobs", is_false},
    {QUIRK_NO_LOGPROBS, "top_logprobs", is_zero},
    {QUIRK_NO_LOGIT_BIAS, "logit_bias", is_empty},
    {QUIRK_ONE_CHOICE, "n", is_one},
    {QUIRK_NO_PENALTIES, "presence_penalty", is_zero},
    {QUIRK_NO_PENALTIES, "frequency_penalty", is_zero},
    {QUIRK_NO_SEED, "seed", is_null},
    {QUIRK_NO_PARALLEL, "parallel_tool_calls", is_true},
};

/* Takes the fields of one group of rules out of the body; 0, or -1 with the first that asks for
 * something. */
static int apply(struct outgoing *o, const struct rule *rules, size_t n, unsigned groups,
                 const char *why)
{
    size_t i = 0;

    for (i = 0; i < n; i++) {
        const struct rule *r = &rules[i];
        struct json_object *v = NULL;

        if (!(groups & r->group) || !json_object_object_get_ex(o->body, r->field, &v))
            continue;
        if (!r->harmless(v) && outgoing_refuse(o, why, "%s", r->field) < 0)
            return -1;
        json_object_object_del(o->body, r->field);
    }
    return 0;
}

static int refuse_schema(struct outgoing *o)
{
    const char *type = json_get_str(json_get(o->body, "response_format"), "type");

    if (!has_quirk(o->m, QUIRK_NO_SCHEMA) || !type || strcmp(type, "json_schema") != 0)
        return 0;
    if (outgoing_refuse(o, "this host knows no json_schema, only json_object", "response_format") <
        0)
        return -1;
    json_object_object_del(o->body, "response_format");
    return 0;
}

static void count_logprobs(struct outgoing *o)
{
    int64_t top = json_get_int(o->body, "top_logprobs", 0);

    if (!has_quirk(o->m, QUIRK_COUNT_LOGPROBS))
        return;
    if (json_get_bool(o->body, "logprobs", false))
        json_object_object_add(o->body, "logprobs", json_object_new_int64(top > 0 ? top : 1));
    else if (json_get_type(o->body, "logprobs", json_type_boolean))
        json_object_object_del(o->body, "logprobs");
    json_object_object_del(o->body, "top_logprobs");
}

/* ---- OpenAI's models that reason ------------------------------------------------------------- */

enum { RULE_SAMPLING = 1, RULE_PENALTIES = 2, RULE_STOP = 4 };

static const struct rule reasoning_rules[] = {
    {RULE_SAMPLING, "temperature", is_one},        {RULE_SAMPLING, "top_p", is_one},
    {RULE_SAMPLING, "logprobs", is_false},         {RULE_SAMPLING, "top_logprobs", is_zero},
    {RULE_PENALTIES, "presence_penalty", is_zero}, {RULE_PENALTIES, "frequency_penalty", is_zero},
    {RULE_PENALTIES, "logit_bias", is_empty},      {RULE_STOP, "stop", is_null},
};

static bool is_family(const char *name, const char *family)
{
    size_t n = strlen(family);

    return strncmp(name, family, n) == 0 && (name[n] == '\0' || name[n] == '-');
}

/*
 * Which rules hold for a model. gpt-5.1 and later reason only when told to, and take sampling
 * parameters when they do not. Names that nobody knows yet are left to OpenAI's own answer.
 */
static unsigned reasoning_groups(const char *name, const char *effort)
{
    if (strstr(name, "-chat"))
        return 0;
    if (is_family(name, "o3") || is_family(name, "o4-mini"))
        return RULE_SAMPLING | RULE_PENALTIES | RULE_STOP;
    if (is_family(name, "o1") || is_family(name, "gpt-5"))
        return RULE_SAMPLING | RULE_PENALTIES;
    if (strncmp(name, "gpt-5.", 6) == 0 && effort && strcmp(effort, "none") != 0)
        return RULE_SAMPLING;
    return 0;
}

static int refuse_sampling(struct outgoing *o)
{
    const char *effort = json_get_str(o->body, "reasoning_effort");

    if (!has_quirk(o->m, QUIRK_OPENAI_MODELS) || !at_home(o->m))
        return 0;
    return apply(o, reasoning_rules, ARRAY_LEN(reasoning_rules),
                 reasoning_groups(o->m->upstream_model, effort),
                 "this model reasons and takes only the default");
}

int openai_quirks(struct outgoing *o)
{
    unsigned quirks = o->m->vendor ? o->m->vendor->quirks : 0;

    rename_max_tokens(o);
    count_logprobs(o);
    if (rewrite_messages(o) < 0 || refuse_schema(o) < 0)
        return -1;
    if (apply(o, host_rules, ARRAY_LEN(host_rules), quirks, "this host does not know it") < 0)
        return -1;
    return refuse_sampling(o);
}
