/*
 * fields: the walk through a request body, and the rows that several tables have in common. It must
 * not know a dialect: what is particular to one is a function in that dialect's own file.
 */
#include "providers/fields.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"

/* Left out unless a table says otherwise: read elsewhere, labels of the caller, hints for caches. */
static const char *const silent[] = {
    "model",
    "messages",
    "stream",
    "stream_options",
    "store",
    "metadata",
    "user",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
};

static int put_unlisted(struct outgoing *o, const char *name, struct json_object *v)
{
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(silent); i++) {
        if (strcmp(silent[i], name) == 0)
            return 0;
    }
    return field_refuse(o, name, v);
}

int fields_walk(struct outgoing *o, const struct field_row *rows, size_t n,
                int (*unknown)(struct outgoing *o, const char *name, struct json_object *v))
{
    json_object_object_foreach(o->t->body, name, v)
    {
        size_t i = 0;

        while (i < n && strcmp(rows[i].name, name) != 0)
            i++;
        if (!v || (i < n && !rows[i].put))
            continue;
        if ((i < n ? rows[i].put : unknown)(o, name, v) < 0)
            return -1;
    }
    return 0;
}

int fields_put(struct outgoing *o, const struct field_row *rows, size_t n)
{
    return fields_walk(o, rows, n, put_unlisted);
}

int field_same(struct outgoing *o, const char *name, struct json_object *v)
{
    outgoing_share(o->body, name, v);
    return 0;
}

int field_max_tokens(struct outgoing *o, const char *name, struct json_object *v)
{
    if (!field_superseded(o, name))
        outgoing_share(o->body, "max_tokens", v);
    return 0;
}

int field_stop_sequences(struct outgoing *o, const char *name, struct json_object *v)
{
    (void)name;
    if (!json_object_is_type(v, json_type_array) || json_object_array_length(v) > 0)
        json_object_object_add(o->body, "stop_sequences", field_list(v));
    return 0;
}

int field_refuse(struct outgoing *o, const char *name, struct json_object *v)
{
    (void)v;
    return outgoing_refuse(o, "the API has nothing like it", "%s", name);
}

static bool says_nothing(struct json_object *v)
{
    switch (json_object_get_type(v)) {
    case json_type_boolean:
        return !json_object_get_boolean(v);
    case json_type_int:
    case json_type_double:
        return json_object_get_double(v) == 0;
    case json_type_object:
        return json_object_object_length(v) == 0;
    case json_type_array:
        return json_object_array_length(v) == 0;
    case json_type_string:
        return json_object_get_string_len(v) == 0;
    default:
        return true;
    }
}

int field_refuse_set(struct outgoing *o, const char *name, struct json_object *v)
{
    return says_nothing(v) ? 0 : field_refuse(o, name, v);
}

int field_single(struct outgoing *o, const char *name, struct json_object *v)
{
    if (json_object_get_int64(v) == 1)
        return 0;
    return outgoing_refuse(o, "it gives one choice; send more requests with different `sample`",
                           "%s", name);
}

int field_no_verbosity(struct outgoing *o, const char *name, struct json_object *v)
{
    return strcmp(json_object_get_string(v), "medium") == 0 ? 0 : field_refuse(o, name, v);
}

int field_text_only(struct outgoing *o, const char *name, struct json_object *v)
{
    const char *first = NULL;

    if (json_object_is_type(v, json_type_array) && json_object_array_length(v) == 1)
        first = json_object_get_string(json_object_array_get_idx(v, 0));
    return first && strcmp(first, "text") == 0 ? 0 : field_refuse(o, name, v);
}

int field_temperature_to_1(struct outgoing *o, const char *name, struct json_object *v,
                           struct json_object *to)
{
    if (json_object_get_double(v) <= 1.0) {
        outgoing_share(to, name, v);
        return 0;
    }
    if (outgoing_refuse(o, "temperature goes from 0 to 1 there", "%s", name) < 0)
        return -1;
    json_object_object_add(to, name, json_object_new_int(1));
    return 0;
}

int field_one_tier(struct outgoing *o, const char *name, struct json_object *v)
{
    const char *tier = json_object_get_string(v);

    if (strcmp(tier, "auto") == 0 || strcmp(tier, "default") == 0)
        return 0;
    return outgoing_refuse(o, "it has one service tier", "%s", name);
}

struct json_object *field_list(struct json_object *v)
{
    struct json_object *list = NULL;

    if (json_object_is_type(v, json_type_array))
        return json_object_get(v);
    list = json_object_new_array_ext(1);
    json_object_array_add(list, json_object_get(v));
    return list;
}

bool field_superseded(const struct outgoing *o, const char *name)
{
    static const char *const names[][2] = {
        {"max_tokens", "max_completion_tokens"},
        {"user", "safety_identifier"},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(name, names[i][0]) == 0)
            return json_get(o->t->body, names[i][1]) != NULL;
    }
    return false;
}

int field_schema(struct outgoing *o, struct json_object *format, bool *ret_json,
                 struct json_object **ret)
{
    const char *type = json_get_str(format, "type");
    struct json_object *schema = json_get(json_get(format, "json_schema"), "schema");

    *ret_json = type && strcmp(type, "text") != 0;
    if (!*ret_json || strcmp(type, "json_object") == 0)
        return 0;
    if (strcmp(type, "json_schema") != 0)
        return outgoing_fail(o, "must be text, json_object or json_schema", "response_format.type");
    if (!json_object_is_type(schema, json_type_object))
        return outgoing_fail(o, "must be an object, a JSON Schema",
                             "response_format.json_schema.schema");
    *ret = schema;
    return 0;
}
