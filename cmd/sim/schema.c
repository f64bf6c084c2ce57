/* schema: a generator of minimal instances; see schema.h. Pure. */
#include "cmd/sim/schema.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"

#define DEPTH_MAX  16
#define ITEMS_MAX  64
#define STRING_MAX 4096

struct maker {
    struct json_object *root;
    const char *text;
};

static struct json_object *make(const struct maker *m, struct json_object *s, int depth);

/* "#/a/b" from the root; NULL when it leads nowhere. ~1 and ~0 are not needed for $defs names. */
static struct json_object *follow(const struct maker *m, const char *ref)
{
    struct json_object *at = m->root;
    char name[128];

    if (*ref++ != '#')
        return NULL;
    while (at && *ref == '/') {
        size_t n = strcspn(++ref, "/");

        if (n >= sizeof name)
            return NULL;
        memcpy(name, ref, n);
        name[n] = 0;
        at = json_get(at, name);
        ref += n;
    }
    return at;
}

static struct json_object *make_string(const struct maker *m, struct json_object *s)
{
    static const char *const formats[][2] = {{"date-time", "2026-01-02T03:04:05Z"},
                                             {"date", "2026-01-02"},
                                             {"time", "03:04:05Z"},
                                             {"email", "a@example.com"},
                                             {"uri", "https://example.com/"},
                                             {"ipv4", "192.0.2.1"},
                                             {"uuid", "00000000-0000-4000-8000-000000000000"},
                                             {"hostname", "example.com"}};
    const char *format = json_get_str(s, "format");
    int64_t low = json_get_int(s, "minLength", 0), high = json_get_int(s, "maxLength", STRING_MAX);
    struct buf b = BUF_INIT(STRING_MAX * 4);
    struct json_object *ret = NULL;

    for (size_t i = 0; format && i < ARRAY_LEN(formats); i++)
        if (strcmp(format, formats[i][0]) == 0)
            return json_object_new_string(formats[i][1]);
    for (const char *t = m->text; *t && (int64_t)b.len < high; t++)
        buf_char(&b, (unsigned char)*t < 0x80 ? *t : '?');
    while ((int64_t)b.len < low && (int64_t)b.len < STRING_MAX)
        buf_char(&b, 'x');
    ret = json_object_new_string_len(b.data ? b.data : "", (int)b.len);
    buf_done(&b);
    return ret;
}

static struct json_object *make_number(struct json_object *s, bool integer)
{
    struct json_object *low = json_get(s, "minimum"), *above = json_get(s, "exclusiveMinimum");
    struct json_object *high = json_get(s, "maximum"), *below = json_get(s, "exclusiveMaximum");
    struct json_object *step = json_get(s, "multipleOf");
    double gap = step ? json_object_get_double(step) : integer ? 1 : 0.5, v = 0;

    if (high && json_object_get_double(high) < v)
        v = json_object_get_double(high);
    if (below && json_object_get_double(below) <= v)
        v = json_object_get_double(below) - gap;
    if (low && json_object_get_double(low) > v)
        v = json_object_get_double(low);
    if (above && json_object_get_double(above) >= v)
        v = json_object_get_double(above) + gap;
    if (gap > 0 && (integer || step))
        v = ceil(v / gap) * gap;
    return integer ? json_object_new_int64((int64_t)v) : json_object_new_double(v);
}

static struct json_object *make_array(const struct maker *m, struct json_object *s, int depth)
{
    struct json_object *ret = json_object_new_array();
    struct json_object *prefix = json_get_type(s, "prefixItems", json_type_array);
    int64_t least = json_get_int(s, "minItems", prefix ? 0 : 1);
    int64_t fixed = prefix ? (int64_t)json_object_array_length(prefix) : 0;

    if (json_get_int(s, "maxItems", 1) == 0 || depth >= DEPTH_MAX)
        least = json_get_int(s, "minItems", 0);
    least = least < fixed ? fixed : least > ITEMS_MAX ? ITEMS_MAX : least;
    for (int64_t i = 0; i < least; i++) {
        struct json_object *item =
            i < fixed ? json_object_array_get_idx(prefix, (size_t)i) : json_get(s, "items");

        json_object_array_add(ret, make(m, item, depth + 1));
    }
    return ret;
}

/* Adds the members that schema s requires to `to`. */
static void add_members(const struct maker *m, struct json_object *s, struct json_object *to,
                        int depth)
{
    struct json_object *required = json_get_type(s, "required", json_type_array);
    struct json_object *all = json_get_type(s, "allOf", json_type_array);
    const char *ref = json_get_str(s, "$ref");

    if (depth >= DEPTH_MAX)
        return;
    if (ref)
        add_members(m, follow(m, ref), to, depth + 1);
    for (size_t i = 0; all && i < json_object_array_length(all); i++)
        add_members(m, json_object_array_get_idx(all, i), to, depth + 1);
    for (size_t i = 0; required && i < json_object_array_length(required); i++) {
        const char *name = json_object_get_string(json_object_array_get_idx(required, i));

        if (name && !json_object_object_get_ex(to, name, NULL))
            json_object_object_add(to, name,
                                   make(m, json_get(json_get(s, "properties"), name), depth + 1));
    }
}

static struct json_object *make_object(const struct maker *m, struct json_object *s, int depth)
{
    struct json_object *ret = json_object_new_object();

    add_members(m, s, ret, depth);
    return ret;
}

/* anyOf and oneOf: the first choice; deep down the last one, which is where null mostly stands. */
static struct json_object *choose(struct json_object *s, int depth)
{
    struct json_object *list = json_get_type(s, "anyOf", json_type_array);
    size_t count = 0;

    if (!list)
        list = json_get_type(s, "oneOf", json_type_array);
    count = list ? json_object_array_length(list) : 0;
    return count ? json_object_array_get_idx(list, depth > DEPTH_MAX / 2 ? count - 1 : 0) : NULL;
}

static const char *type_of(struct json_object *s)
{
    struct json_object *type = json_get(s, "type");

    if (json_object_is_type(type, json_type_array))
        type = json_object_array_get_idx(type, 0);
    if (type)
        return json_object_get_string(type);
    if (json_get(s, "items") || json_get(s, "prefixItems"))
        return "array";
    return "object";
}

static struct json_object *make_typed(const struct maker *m, struct json_object *s, int depth)
{
    const char *type = type_of(s);

    if (strcmp(type, "string") == 0)
        return make_string(m, s);
    if (strcmp(type, "integer") == 0 || strcmp(type, "number") == 0)
        return make_number(s, type[0] == 'i');
    if (strcmp(type, "boolean") == 0)
        return json_object_new_boolean(true);
    if (strcmp(type, "array") == 0)
        return make_array(m, s, depth);
    return strcmp(type, "null") == 0 ? NULL : make_object(m, s, depth);
}

static struct json_object *make(const struct maker *m, struct json_object *s, int depth)
{
    struct json_object *fixed = NULL, *options = NULL, *choice = NULL;
    const char *ref = json_get_str(s, "$ref");

    if (depth > 2 * DEPTH_MAX)
        return NULL;
    if (json_object_is_type(s, json_type_object) && json_object_object_get_ex(s, "const", &fixed))
        return json_object_get(fixed);
    options = json_get_type(s, "enum", json_type_array);
    if (options && json_object_array_length(options))
        return json_object_get(json_object_array_get_idx(options, 0));
    if (ref)
        return make(m, follow(m, ref), depth + 1);
    choice = choose(s, depth);
    return choice ? make(m, choice, depth + 1) : make_typed(m, s, depth);
}

struct json_object *sim_schema_instance(struct json_object *schema, const char *text)
{
    struct maker m = {.root = schema, .text = text};

    return make(&m, schema, 0);
}
