/*
 * json_write: text of a json-c value, byte for byte what json-c itself would write. json-c builds it in a buffer
 * of its own, from where it has to be copied, and looks at strings byte by byte; bodies are long strings.
 * Numbers with a fraction are json-c's business: it remembers how they were spelled.
 */
#include "base/json.h"

#include <string.h>

#include "base/digits.h"

static int put(struct json_object *o, struct buf *out);

static int put_as_json_c(struct json_object *o, struct buf *out)
{
    size_t n = 0;
    const char *text = json_object_to_json_string_length(
        o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &n);

    return buf_append(out, text, n);
}

static int put_int(struct json_object *o, struct buf *out)
{
    int64_t v = json_object_get_int64(o);
    char room[DIGITS_ROOM];

    if (v == INT64_MAX) /* or above it: json-c holds unsigned values too */
        return put_as_json_c(o, out);
    return buf_str(out, digits_of(v, room));
}

static int put_object(struct json_object *o, struct buf *out)
{
    const char *before = "{";
    int bad = 0;

    json_object_object_foreach(o, name, value)
    {
        bad |= buf_str(out, before);
        bad |= buf_json_str(out, name, strlen(name));
        bad |= buf_char(out, ':');
        bad |= put(value, out);
        before = ",";
        if (bad)
            return -1;
    }
    return buf_str(out, *before == '{' ? "{}" : "}");
}

static int put_array(struct json_object *o, struct buf *out)
{
    size_t n = json_object_array_length(o);
    size_t i = 0;
    int bad = buf_char(out, '[');

    for (i = 0; i < n && !bad; i++) {
        if (i > 0)
            bad |= buf_char(out, ',');
        bad |= put(json_object_array_get_idx(o, i), out);
    }
    return bad | buf_char(out, ']');
}

static int put(struct json_object *o, struct buf *out)
{
    switch (json_object_get_type(o)) {
    case json_type_null:
        return buf_str(out, "null");
    case json_type_boolean:
        return buf_str(out, json_object_get_boolean(o) ? "true" : "false");
    case json_type_int:
        return put_int(o, out);
    case json_type_double:
        return put_as_json_c(o, out);
    case json_type_string:
        return buf_json_str(out, json_object_get_string(o), (size_t)json_object_get_string_len(o));
    case json_type_array:
        return put_array(o, out);
    case json_type_object:
        return put_object(o, out);
    }
    return -1;
}

int json_write(struct json_object *o, struct buf *out)
{
    size_t before = out->len;

    if (put(o, out) == 0)
        return 0;
    out->len = before; /* all of it, or nothing */
    if (out->data)
        out->data[before] = '\0';
    return -1;
}
