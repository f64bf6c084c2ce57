/*
 * json: parsing and member access over json-c's values. Reading is in json_scan.c, which refuses what json-c's own parser
 * would let pass; writing is in json_write.c, the canonical form in json_canonical.c.
 */
#include "base/json.h"

#include <math.h>
#include <string.h>

#include "base/json_scan.h"

#define FEW_MEMBERS 16 /* of an object, that are quicker looked at one by one */

/* Answers of providers may be a little deeper than requests, which they partly repeat. */
#define ANSWER_DEPTH_MAX (JSON_DEPTH_MAX + 16)

int json_check(const char *text, size_t n, int max_depth, struct err *e)
{
    return json_scan(text, n, max_depth, true, e);
}

int json_parse_depth(const char *text, size_t n, int max_depth, struct json_object **ret,
                     struct err *e)
{
    return json_build(text, n, &(struct json_rules){max_depth, true}, ret, e);
}

int json_parse(const char *text, size_t n, struct json_object **ret, struct err *e)
{
    return json_parse_depth(text, n, JSON_DEPTH_MAX, ret, e);
}

int json_parse_answer(const char *text, size_t n, struct json_object **ret)
{
    return json_build(text, n, &(struct json_rules){ANSWER_DEPTH_MAX, false}, ret, NULL);
}

struct json_object *json_get(struct json_object *o, const char *key)
{
    struct lh_table *members = NULL;
    struct json_object *v = NULL;

    if (!json_object_is_type(o, json_type_object))
        return NULL;
    members = json_object_get_object(o);
    if (lh_table_length(members) > FEW_MEMBERS)
        return json_object_object_get_ex(o, key, &v) ? v : NULL;
    for (struct lh_entry *at = members->head; at; at = at->next) {
        const char *name = lh_entry_k(at);

        if (*name == *key && strcmp(name, key) == 0)
            return (struct json_object *)lh_entry_v(at);
    }
    return NULL;
}

struct json_object *json_get_type(struct json_object *o, const char *key, enum json_type type)
{
    struct json_object *v = json_get(o, key);

    return v && json_object_is_type(v, type) ? v : NULL;
}

const char *json_get_str(struct json_object *o, const char *key)
{
    struct json_object *v = json_get_type(o, key, json_type_string);

    return v ? json_object_get_string(v) : NULL;
}

int64_t json_get_int(struct json_object *o, const char *key, int64_t fallback)
{
    struct json_object *v = json_get(o, key);
    double d = 0;

    if (json_object_is_type(v, json_type_int))
        return json_object_get_int64(v);
    if (!json_object_is_type(v, json_type_double))
        return fallback;
    d = json_object_get_double(v);
    if (!(d >= -0x1p63 && d < 0x1p63) || d != floor(d))
        return fallback;
    return (int64_t)d;
}

bool json_get_bool(struct json_object *o, const char *key, bool fallback)
{
    struct json_object *v = json_get_type(o, key, json_type_boolean);

    return v ? json_object_get_boolean(v) : fallback;
}

void json_put_cleanup(struct json_object **o)
{
    json_object_put(*o);
}

void json_add_int(struct json_object *o, const char *name, int64_t value)
{
    json_object_object_add(o, name, json_object_new_int64(value));
}

void json_add_num(struct json_object *o, const char *name, double value)
{
    json_object_object_add(o, name, json_object_new_double(value));
}

void json_add_bool(struct json_object *o, const char *name, bool value)
{
    json_object_object_add(o, name, json_object_new_boolean(value));
}

void json_add_str(struct json_object *o, const char *name, const char *value)
{
    json_object_object_add(o, name, value ? json_object_new_string(value) : NULL);
}

struct json_object *json_add_list(struct json_object *o, const char *name)
{
    struct json_object *list = json_object_new_array();

    json_object_object_add(o, name, list);
    return list;
}

struct json_object *json_add_object(struct json_object *o, const char *name)
{
    struct json_object *inner = json_object_new_object();

    json_object_object_add(o, name, inner);
    return inner;
}
