/*
 * mistral_messages: the conversation in Mistral's form. Its messages hold nothing but role, content and
 * tool calls; its parts have other shapes for files and audio; ids of tool calls have nine letters or
 * digits. What an earlier answer had beside its text (reasoning, refusal) becomes a part of the content.
 */
#include "providers/mistral.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/sha256.h"

#define ID_LEN 9

/* One message while it is being written. */
struct line {
    struct outgoing *o;
    struct json_object *in;
    struct json_object *out;
    const char *role;
    size_t place;
};

static struct json_object *new_part(const char *type, const char *key, struct json_object *value)
{
    struct json_object *part = json_object_new_object();

    json_object_object_add(part, "type", json_object_new_string(type));
    if (key)
        outgoing_share(part, key, value);
    return part;
}

/* ---- ids of tool calls ----------------------------------------------------------------------- */

/* The same short id for the same long one, so that a call and its result still belong together. */
static struct json_object *short_id(const char *id)
{
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint8_t hash[SHA256_LEN];
    char out[ID_LEN + 1] = "";
    size_t i = 0;

    if (strlen(id) == ID_LEN && strspn(id, letters) == ID_LEN)
        return json_object_new_string(id);
    sha256_of(id, strlen(id), hash);
    for (i = 0; i < ID_LEN; i++)
        out[i] = letters[(hash[2 * i] << 8 | hash[2 * i + 1]) % (sizeof letters - 1)];
    return json_object_new_string(out);
}

static struct json_object *short_call(struct json_object *call)
{
    struct json_object *copy = json_object_new_object();
    const char *id = json_get_str(call, "id");

    json_object_object_foreach(call, key, value)
    {
        outgoing_share(copy, key, value);
    }
    if (id)
        json_object_object_add(copy, "id", short_id(id));
    return copy;
}

static int put_calls(struct line *l, struct json_object *calls)
{
    size_t n = json_object_is_type(calls, json_type_array) ? json_object_array_length(calls) : 0;
    struct json_object *to = NULL;
    size_t i = 0;

    if (n == 0)
        return 0;
    to = json_object_new_array_ext((int)n);
    json_object_object_add(l->out, "tool_calls", to);
    for (i = 0; i < n; i++) {
        struct json_object *call = json_object_array_get_idx(calls, i);

        if (!json_get_type(call, "function", json_type_object))
            return outgoing_fail(l->o, "must be a call of a function; Mistral has no other",
                                 "messages[%zu].tool_calls[%zu]", l->place, i);
        json_object_array_add(to, short_call(call));
    }
    return 0;
}

/* ---- parts ----------------------------------------------------------------------------------- */

static int put_file(struct line *l, struct json_object *part, size_t place, struct json_object *to)
{
    struct json_object *file = json_get(part, "file");
    struct json_object *data = json_get_type(file, "file_data", json_type_string);
    struct json_object *id = json_get_type(file, "file_id", json_type_string);
    struct json_object *out = NULL;

    if (!file && json_get_str(part, "file_id")) /* Mistral's own shape */
        out = json_object_get(part);
    else if (id)
        out = new_part("file", "file_id", id);
    else if (data)
        out = new_part("document_url", "document_url", data);
    else
        return outgoing_fail(l->o, "must have file_id or file_data",
                             "messages[%zu].content[%zu].file", l->place, place);
    if (!id && data && json_get_str(file, "filename"))
        outgoing_share(out, "document_name", json_get(file, "filename"));
    json_object_array_add(to, out);
    return 0;
}

static int put_part(struct line *l, struct json_object *part, size_t place, struct json_object *to)
{
    const char *type = json_get_str(part, "type");
    struct json_object *audio = json_get_type(part, "input_audio", json_type_object);

    if (type && strcmp(type, "file") == 0)
        return put_file(l, part, place, to);
    if (type && strcmp(type, "refusal") == 0)
        json_object_array_add(to, new_part("text", "text", json_get(part, "refusal")));
    else if (audio)
        json_object_array_add(to, new_part("input_audio", "input_audio", json_get(audio, "data")));
    else
        json_object_array_add(to, json_object_get(part));
    return 0;
}

static int put_parts(struct line *l, struct json_object *content, struct json_object *to)
{
    size_t n =
        json_object_is_type(content, json_type_array) ? json_object_array_length(content) : 0;
    size_t i = 0;

    if (json_object_is_type(content, json_type_string) && json_object_get_string_len(content) > 0)
        json_object_array_add(to, new_part("text", "text", content));
    for (i = 0; i < n; i++) {
        if (put_part(l, json_object_array_get_idx(content, i), i, to) < 0)
            return -1;
    }
    return 0;
}

/* ---- messages -------------------------------------------------------------------------------- */

static struct json_object *filled_string(struct json_object *message, const char *key)
{
    struct json_object *v = json_get_type(message, key, json_type_string);

    return v && json_object_get_string_len(v) > 0 ? v : NULL;
}

static void put_thinking(struct json_object *text, struct json_object *to)
{
    struct json_object *thinking = json_object_new_array();
    struct json_object *part = new_part("thinking", NULL, NULL);

    json_object_array_add(thinking, new_part("text", "text", text));
    json_object_object_add(part, "thinking", thinking);
    json_object_array_add(to, part);
}

static int put_content(struct line *l)
{
    struct json_object *content = json_get(l->in, "content");
    bool assistant = strcmp(l->role, "assistant") == 0;
    struct json_object *refusal = assistant ? filled_string(l->in, "refusal") : NULL;
    struct json_object *reasoning = assistant ? filled_string(l->in, "reasoning_content") : NULL;
    struct json_object *parts = NULL;

    if (assistant && !reasoning)
        reasoning = filled_string(l->in, "reasoning");
    if (!refusal && !reasoning && !json_object_is_type(content, json_type_array)) {
        outgoing_share(l->out, "content", content);
        return 0;
    }
    parts = json_object_new_array();
    json_object_object_add(l->out, "content", parts);
    if (reasoning)
        put_thinking(reasoning, parts);
    if (put_parts(l, content, parts) < 0)
        return -1;
    if (refusal)
        json_object_array_add(parts, new_part("text", "text", refusal));
    return 0;
}

/* What is written elsewhere, or only describes an earlier answer. */
static bool is_done(const char *key)
{
    static const char *const keys[] = {
        "role",        "content",           "refusal",         "reasoning", "reasoning_content",
        "annotations", "reasoning_details", "thinking_blocks",
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(keys); i++) {
        if (strcmp(key, keys[i]) == 0)
            return true;
    }
    return false;
}

static int put_member(struct line *l, const char *key, struct json_object *value)
{
    bool tool = strcmp(l->role, "tool") == 0;

    if (is_done(key) || !value)
        return 0;
    if (strcmp(key, "tool_calls") == 0)
        return put_calls(l, value);
    if (strcmp(key, "function_call") == 0)
        return outgoing_fail(l->o, "is an old form; use tool_calls", "messages[%zu].function_call",
                             l->place);
    if (strcmp(key, "audio") == 0 || (strcmp(key, "name") == 0 && !tool))
        return outgoing_refuse(l->o, "its messages have none", "messages[%zu].%s", l->place, key);
    if (strcmp(key, "tool_call_id") == 0 && json_object_is_type(value, json_type_string))
        json_object_object_add(l->out, key, short_id(json_object_get_string(value)));
    else
        outgoing_share(l->out, key, value); /* prefix, and what Mistral may add */
    return 0;
}

static int put_message(struct line *l)
{
    if (strcmp(l->role, "function") == 0)
        return outgoing_fail(l->o, "is an old form; use tool", "messages[%zu].role", l->place);
    json_object_object_add(l->out, "role", json_object_new_string(l->role));
    if (put_content(l) < 0)
        return -1;
    json_object_object_foreach(l->in, key, value)
    {
        if (put_member(l, key, value) < 0)
            return -1;
    }
    return 0;
}

int mistral_messages(struct outgoing *o)
{
    struct json_object *from = json_get_type(o->body, "messages", json_type_array);
    CLEANUP_JSON struct json_object *to = NULL;
    size_t n = from ? json_object_array_length(from) : 0;
    size_t i = 0;

    to = json_object_new_array_ext((int)(n ? n : 1));
    for (i = 0; i < n; i++) {
        struct line l = {.o = o, .in = json_object_array_get_idx(from, i), .place = i};

        l.role = json_get_str(l.in, "role");
        if (!l.role)
            return outgoing_fail(o, "is missing", "messages[%zu].role", i);
        l.out = json_object_new_object();
        json_object_array_add(to, l.out);
        if (put_message(&l) < 0)
            return -1;
    }
    outgoing_share(o->body, "messages", to);
    return 0;
}
