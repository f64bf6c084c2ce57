/* inward: see inward.h. It knows no dialect. */
#include "cmd/convert/inward.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/json.h"
#include "base/mem.h"

#define PATH_MAX_TEXT 200

int inward_lose(struct inward *in, const char *why, const char *path, ...)
{
    char text[PATH_MAX_TEXT];
    va_list ap;

    va_start(ap, path);
    vsnprintf(text, sizeof text, path, ap);
    va_end(ap);
    return losses_add(in->losses, text, why, in->e);
}

int inward_fail(struct inward *in, const char *why, const char *path, ...)
{
    char text[PATH_MAX_TEXT];
    va_list ap;

    va_start(ap, path);
    vsnprintf(text, sizeof text, path, ap);
    va_end(ap);
    return err_set(in->e, EX_DATAERR, "%s: %s", text, why);
}

int inward_no(struct inward *in, const char *path, struct json_object *v)
{
    (void)v;
    return inward_lose(in, "OpenAI's API has nothing like it", "%s", path);
}

int inward_top_k(struct inward *in, const char *path, struct json_object *v)
{
    if (!in->top_k)
        return inward_no(in, path, v);
    inward_share(in->body, "top_k", v);
    return 0;
}

int inward_walk(struct inward *in, const char *path, struct json_object *o,
                const struct inward_row *rows, size_t n)
{
    json_object_object_foreach(o, name, v)
    {
        char at[PATH_MAX_TEXT];
        size_t i = 0;

        snprintf(at, sizeof at, "%s%s%.100s", path, *path ? "." : "", name);
        while (i < n && strcmp(rows[i].name, name) != 0)
            i++;
        if (!v || (i < n && !rows[i].read))
            continue;
        if ((i < n ? rows[i].read(in, at, v)
                   : inward_lose(in, "it has no counterpart in OpenAI's form", "%s", at)) < 0)
            return -1;
    }
    return 0;
}

int inward_list(struct inward *in, const char *path, struct json_object *list,
                int (*read)(struct inward *in, size_t i, struct json_object *o))
{
    int rc = 0;

    if (!json_object_is_type(list, json_type_array))
        return inward_fail(in, "must be a list", "%s", path);
    for (size_t i = 0; rc == 0 && i < json_object_array_length(list); i++)
        rc = read(in, i, json_object_array_get_idx(list, i));
    return rc;
}

struct json_object *inward_typed(const char *type)
{
    struct json_object *o = json_object_new_object();

    json_add_str(o, "type", type);
    return o;
}

void inward_share(struct json_object *to, const char *key, struct json_object *v)
{
    json_object_object_add(to, key, json_object_get(v));
}

struct json_object *inward_message(struct inward *in, const char *role, struct json_object *content)
{
    struct json_object *m = json_object_new_object();

    json_add_str(m, "role", role);
    json_object_object_add(m, "content", content);
    json_object_array_add(in->messages, m);
    return m;
}

struct json_object *inward_content(struct json_object *parts)
{
    struct json_object *only =
        json_object_array_length(parts) == 1 ? json_object_array_get_idx(parts, 0) : NULL;
    struct json_object *text = json_get_type(only, "text", json_type_string);
    struct json_object *content = parts;

    if (text && json_object_object_length(only) == 2) {
        content = json_object_get(text);
        json_object_put(parts);
    }
    return content;
}

struct json_object *inward_text(struct json_object *text)
{
    struct json_object *part = inward_typed("text");

    inward_share(part, "text", text);
    return part;
}

struct json_object *inward_data_url(const char *type, const char *data)
{
    size_t n = strlen(type) + strlen(data) + 16;
    char *url CLEANUP_FREE = mem_alloc(n);

    snprintf(url, n, "data:%s;base64,%s", type, data);
    return json_object_new_string(url);
}

struct json_object *inward_call(struct json_object *id, struct json_object *name,
                                struct json_object *args)
{
    struct json_object *call = json_object_new_object();
    struct json_object *function = NULL;

    inward_share(call, "id", id);
    json_add_str(call, "type", "function");
    function = json_add_object(call, "function");
    inward_share(function, "name", name);
    json_add_str(function, "arguments",
                 args ? json_object_to_json_string_ext(args, JSON_C_TO_STRING_PLAIN |
                                                                 JSON_C_TO_STRING_NOSLASHESCAPE)
                      : "{}");
    return call;
}

void inward_schema(struct inward *in, struct json_object *schema)
{
    struct json_object *format = json_add_object(in->body, "response_format");
    struct json_object *inner = NULL;

    json_add_str(format, "type", "json_schema");
    inner = json_add_object(format, "json_schema");
    json_add_str(inner, "name", "answer");
    inward_share(inner, "schema", schema);
}
