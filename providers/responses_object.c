/*
 * responses_object: makes a `response` object whole, so that it is valid against OpenAI's schema. Hosts
 * that imitate the API leave out what only repeats the request, ids of items, and details of usage.
 * What is there and of the right type stays as it is.
 */
#include "providers/responses.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/incoming.h"

/* Members that repeat the request. `otherwise` is JSON text: the API's default. */
static const struct echo {
    const char *name;
    enum json_type type; /* json_type_null: any */
    bool nullable;
    const char *otherwise;
} echoes[] = {
    {"instructions", json_type_null, true, "null"},
    {"metadata", json_type_object, true, "{}"},
    {"parallel_tool_calls", json_type_boolean, false, "true"},
    {"temperature", json_type_null, true, "null"},
    {"tool_choice", json_type_null, false, "\"auto\""},
    {"tools", json_type_array, false, "[]"},
    {"top_p", json_type_null, true, "null"},
    {"max_output_tokens", json_type_int, true, "null"},
    {"previous_response_id", json_type_string, true, "null"},
    {"reasoning", json_type_object, true, "null"},
    {"text", json_type_object, false, "{\"format\":{\"type\":\"text\"}}"},
    {"truncation", json_type_string, true, "\"disabled\""},
};

struct json_object *responses_typed(const char *type)
{
    struct json_object *o = json_object_new_object();

    json_object_object_add(o, "type", json_object_new_string(type));
    return o;
}

static bool fits(const struct echo *e, struct json_object *v)
{
    return v ? e->type == json_type_null || json_object_is_type(v, e->type) : e->nullable;
}

static void put_echo(const struct echo *e, struct json_object *body, struct json_object *root)
{
    struct json_object *v = NULL;

    if (json_object_object_get_ex(root, e->name, &v) && fits(e, v))
        return;
    v = json_get(body, e->name);
    if (v && fits(e, v))
        outgoing_share(root, e->name, v);
    else
        json_object_object_add(root, e->name, json_tokener_parse(e->otherwise));
}

/* Function tools are repeated with all their members. The request's own objects stay as they are. */
static struct json_object *whole_tool(struct json_object *tool)
{
    static const char *const members[] = {"parameters", "strict"};
    const char *type = json_get_str(tool, "type");
    struct json_object *copy = NULL;
    size_t i = 0;

    if (!type || strcmp(type, "function") != 0)
        return json_object_get(tool);
    copy = json_object_new_object();
    json_object_object_foreach(tool, key, value)
    {
        outgoing_share(copy, key, value);
    }
    for (i = 0; i < ARRAY_LEN(members); i++) {
        if (!json_get(copy, members[i]))
            json_object_object_add(copy, members[i], NULL);
    }
    return copy;
}

static void repair_tools(struct json_object *root)
{
    struct json_object *from = json_get(root, "tools");
    size_t n = json_object_array_length(from);
    struct json_object *to = json_object_new_array_ext((int)n);
    size_t i = 0;

    for (i = 0; i < n; i++)
        json_object_array_add(to, whole_tool(json_object_array_get_idx(from, i)));
    json_object_object_add(root, "tools", to);
}

/* A string member that has to be there. */
static void need_text(struct json_object *o, const char *key, const char *otherwise)
{
    if (!json_get_str(o, key))
        json_object_object_add(o, key, json_object_new_string(otherwise));
}

static void need_list(struct json_object *o, const char *key)
{
    if (!json_get_type(o, key, json_type_array))
        json_object_object_add(o, key, json_object_new_array());
}

static void repair_message(struct json_object *item)
{
    struct json_object *content = NULL;
    size_t i = 0;

    need_list(item, "content");
    json_object_object_add(item, "role", json_object_new_string("assistant"));
    need_text(item, "status", "completed");
    content = json_get(item, "content");
    while (i < json_object_array_length(content)) {
        struct json_object *part = json_object_array_get_idx(content, i);
        const char *type = json_get_str(part, "type");

        if (!type) {
            json_object_array_del_idx(content, i, 1);
            continue;
        }
        if (strcmp(type, "output_text") == 0) {
            need_text(part, "text", "");
            need_list(part, "annotations");
            incoming_drop_null(part, "logprobs");
        } else if (strcmp(type, "refusal") == 0) {
            need_text(part, "refusal", "");
        }
        i++;
    }
}

static void repair_call(struct json_object *item, const char *made_id)
{
    struct json_object *arguments = json_get(item, "arguments");

    need_text(item, "call_id", json_get_str(item, "id") ? json_get_str(item, "id") : made_id);
    if (json_object_is_type(arguments, json_type_string))
        return;
    json_object_object_add(
        item, "arguments",
        json_object_new_string(arguments ? incoming_json_text(arguments) : "{}"));
}

/* 0, or -1 when it is no item at all. */
static int repair_item(struct json_object *item, size_t place)
{
    const char *type = json_get_str(item, "type");
    char made[48];

    if (!type)
        return -1;
    if (strcmp(type, "message") == 0) {
        repair_message(item);
        snprintf(made, sizeof made, "msg_%zu", place);
    } else if (strcmp(type, "reasoning") == 0) {
        need_list(item, "summary");
        snprintf(made, sizeof made, "rs_%zu", place);
    } else if (strcmp(type, "function_call") == 0) {
        snprintf(made, sizeof made, "call_%zu", place);
        if (!json_get_str(item, "name"))
            return -1;
        repair_call(item, made);
        return 0; /* here the id may be missing: call_id is what counts */
    } else {
        return 0;
    }
    need_text(item, "id", made);
    return 0;
}

static void repair_output(struct json_object *root)
{
    struct json_object *output = NULL;
    size_t place = 0;
    size_t i = 0;

    need_list(root, "output");
    output = json_get(root, "output");
    for (place = 0; i < json_object_array_length(output); place++) {
        if (repair_item(json_object_array_get_idx(output, i), place) < 0)
            json_object_array_del_idx(output, i, 1);
        else
            i++;
    }
}

static void add_count(struct json_object *o, const char *key, int64_t n)
{
    json_object_object_add(o, key, json_object_new_int64(n < 0 ? 0 : n));
}

struct json_object *responses_new_usage(const struct usage *u)
{
    struct json_object *usage = json_object_new_object();
    struct json_object *in = json_object_new_object();
    struct json_object *out = json_object_new_object();

    add_count(in, "cached_tokens", u->cached_input_tokens);
    add_count(in, "cache_write_tokens", u->cache_write_tokens);
    add_count(out, "reasoning_tokens", u->reasoning_tokens);
    add_count(usage, "input_tokens", u->input_tokens);
    json_object_object_add(usage, "input_tokens_details", in);
    add_count(usage, "output_tokens", u->output_tokens);
    json_object_object_add(usage, "output_tokens_details", out);
    add_count(usage, "total_tokens", incoming_sum(u->input_tokens, u->output_tokens));
    return usage;
}

/* Members that `from` has more than `to`, at most one level down. */
static void fill_in(struct json_object *from, struct json_object *to, int deeper)
{
    json_object_object_foreach(from, key, value)
    {
        struct json_object *there = json_get(to, key);

        if (json_object_is_type(value, json_type_object) && deeper > 0 &&
            json_object_is_type(there, json_type_object))
            fill_in(value, there, deeper - 1);
        else if (json_object_get_type(there) != json_object_get_type(value))
            outgoing_share(to, key, value);
    }
}

static void repair_usage(struct json_object *root, const struct usage *u)
{
    struct json_object *usage = json_get_type(root, "usage", json_type_object);
    CLEANUP_JSON struct json_object *whole = NULL;

    if (!usage) {
        json_object_object_del(root, "usage");
        return;
    }
    whole = responses_new_usage(u);
    fill_in(whole, usage, 1);
}

static void repair_envelope(const struct model *m, const struct task *t, struct json_object *root)
{
    struct json_object *at = json_get(root, "created_at");
    char id[INCOMING_ID_MAX];

    incoming_made_id(t, "resp_", id);
    need_text(root, "id", id);
    json_object_object_add(root, "object", json_object_new_string("response"));
    if (!json_object_is_type(at, json_type_int) &&
        !(json_object_is_type(at, json_type_double) && isfinite(json_object_get_double(at))))
        json_object_object_add(root, "created_at",
                               json_object_new_int64(t->received_wall_ms / 1000));
    need_text(root, "status", responses_status(root));
    need_text(root, "model", m->upstream_model);
    json_object_object_add(root, "error", NULL);
    if (!json_get_type(root, "incomplete_details", json_type_object))
        json_object_object_add(root, "incomplete_details", NULL);
}

void responses_complete(const struct model *m, const struct task *t, const struct usage *u,
                        struct json_object *root)
{
    size_t i = 0;

    repair_envelope(m, t, root);
    repair_output(root);
    for (i = 0; i < ARRAY_LEN(echoes); i++)
        put_echo(&echoes[i], t->body, root);
    repair_tools(root);
    repair_usage(root, u);
    incoming_tier(root);
}
