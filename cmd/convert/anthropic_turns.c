/*
 * anthropic_turns: system and messages of a Messages request. The results of tools, which are blocks of a user's turn there,
 * are messages of their own here; the blocks of a turn keep their order.
 */
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/mem.h"
#include "cmd/convert/readers.h"

#define PATH_TEXT 160

/* Members of a block besides those that its reader knows. */
static int check_members(struct inward *in, const char *path, struct json_object *block,
                         const char *const *known)
{
    json_object_object_foreach(block, name, v)
    {
        size_t i = 0;

        while (known[i] && strcmp(known[i], name) != 0)
            i++;
        if (v && !known[i] &&
            inward_lose(in, "it has no counterpart in OpenAI's form", "%s.%.60s", path, name) < 0)
            return -1;
    }
    return 0;
}

static int read_text(struct inward *in, const char *path, struct json_object *block,
                     struct json_object **ret)
{
    static const char *const known[] = {"type", "text", NULL};
    struct json_object *text = json_get_type(block, "text", json_type_string);

    if (!text)
        return inward_fail(in, "must be a string", "%s.text", path);
    *ret = inward_text(text);
    return check_members(in, path, block, known);
}

static int read_image(struct inward *in, const char *path, struct json_object *block,
                      struct json_object **ret)
{
    static const char *const known[] = {"type", "source", NULL};
    struct json_object *source = json_get(block, "source");
    const char *media = json_get_str(source, "media_type");
    const char *data = json_get_str(source, "data");
    struct json_object *url = json_get_type(source, "url", json_type_string);

    if (!url && (!media || !data))
        return inward_lose(in, "only an image as base64 data or at an address can be said",
                           "%s.source", path);
    *ret = inward_typed("image_url");
    json_object_object_add(json_add_object(*ret, "image_url"), "url",
                           url ? json_object_get(url) : inward_data_url(media, data));
    return check_members(in, path, block, known);
}

/* Text as a data URL. */
static struct json_object *encoded(const char *media, const char *text)
{
    size_t n = strlen(text);
    struct buf data = BUF_INIT(2 * n + 8);
    struct json_object *url = NULL;

    base64_put(&data, text, n);
    url = inward_data_url(media, data.data ? data.data : "");
    buf_done(&data);
    return url;
}

static int read_document(struct inward *in, const char *path, struct json_object *block,
                         struct json_object **ret)
{
    static const char *const known[] = {"type", "source", "title", NULL};
    struct json_object *source = json_get(block, "source");
    const char *type = json_get_str(source, "type");
    const char *media = json_get_str(source, "media_type");
    const char *data = json_get_str(source, "data");
    struct json_object *file = NULL;

    if (!type || !media || !data || (strcmp(type, "base64") != 0 && strcmp(type, "text") != 0))
        return inward_lose(in, "only a document as base64 data or text can be said", "%s.source",
                           path);
    *ret = inward_typed("file");
    file = json_add_object(*ret, "file");
    if (json_get(block, "title"))
        inward_share(file, "filename", json_get(block, "title"));
    json_object_object_add(file, "file_data",
                           strcmp(type, "text") == 0 ? encoded(media, data)
                                                     : inward_data_url(media, data));
    return check_members(in, path, block, known);
}

static const struct {
    const char *type;
    int (*read)(struct inward *in, const char *path, struct json_object *block,
                struct json_object **ret);
} block_types[] = {{"text", read_text}, {"image", read_image}, {"document", read_document}};

/* A block of words or media to a part behind the others. */
static int add_part(struct inward *in, const char *path, struct json_object *block,
                    struct json_object *parts)
{
    const char *type = json_get_str(block, "type");
    struct json_object *part = NULL;
    size_t i = 0;
    int rc = 0;

    while (type && i < ARRAY_LEN(block_types) && strcmp(type, block_types[i].type) != 0)
        i++;
    if (!type || i == ARRAY_LEN(block_types))
        return inward_lose(in, "blocks of this type have no counterpart in OpenAI's form",
                           "%s.type", path);
    rc = block_types[i].read(in, path, block, &part);
    if (part && rc == 0)
        json_object_array_add(parts, part);
    else
        json_object_put(part);
    return rc;
}

/* A string or blocks, all of them parts. *ret is the caller's. */
static int read_parts(struct inward *in, const char *path, struct json_object *v,
                      struct json_object **ret)
{
    CLEANUP_JSON struct json_object *parts = NULL;
    char at[PATH_TEXT];

    if (json_object_is_type(v, json_type_string) || !v) {
        *ret = v ? json_object_get(v) : json_object_new_string("");
        return 0;
    }
    if (!json_object_is_type(v, json_type_array))
        return inward_fail(in, "must be a string or a list of blocks", "%s", path);
    parts = json_object_new_array();
    for (size_t i = 0; i < json_object_array_length(v); i++) {
        snprintf(at, sizeof at, "%.100s[%zu]", path, i);
        if (add_part(in, at, json_object_array_get_idx(v, i), parts) < 0)
            return -1;
    }
    *ret = inward_content(STEAL(parts));
    return 0;
}

int read_anthropic_system(struct inward *in, const char *path, struct json_object *v)
{
    struct json_object *content = NULL;

    if (read_parts(in, path, v, &content) < 0)
        return -1;
    inward_message(in, "system", content);
    return 0;
}

/* What has been gathered of a turn becomes a message. */
static void flush(struct inward *in, const char *role, struct json_object **parts)
{
    if (json_object_array_length(*parts) == 0)
        return;
    inward_message(in, role, inward_content(*parts));
    *parts = json_object_new_array();
}

static int read_result(struct inward *in, const char *path, struct json_object *block)
{
    static const char *const known[] = {"type", "tool_use_id", "content", "is_error", NULL};
    struct json_object *id = json_get_type(block, "tool_use_id", json_type_string);
    struct json_object *content = NULL;
    char at[PATH_TEXT];

    if (!id)
        return inward_fail(in, "must be a string", "%s.tool_use_id", path);
    if (json_get_bool(block, "is_error", false) &&
        inward_lose(in, "OpenAI's form does not tell errors from results", "%s.is_error", path) < 0)
        return -1;
    snprintf(at, sizeof at, "%.100s.content", path);
    if (read_parts(in, at, json_get(block, "content"), &content) < 0)
        return -1;
    inward_share(inward_message(in, "tool", content), "tool_call_id", id);
    return check_members(in, path, block, known);
}

static int read_user(struct inward *in, const char *path, struct json_object *blocks)
{
    CLEANUP_JSON struct json_object *parts = json_object_new_array();
    char at[PATH_TEXT];

    for (size_t i = 0; i < json_object_array_length(blocks); i++) {
        struct json_object *block = json_object_array_get_idx(blocks, i);
        const char *type = json_get_str(block, "type");
        bool result = type && strcmp(type, "tool_result") == 0;

        snprintf(at, sizeof at, "%.100s[%zu]", path, i);
        if (result)
            flush(in, "user", &parts);
        if ((result ? read_result(in, at, block) : add_part(in, at, block, parts)) < 0)
            return -1;
    }
    flush(in, "user", &parts);
    return 0;
}

/* The blocks of an assistant's turn, which are two members of one message here. */
struct answer_parts {
    struct json_object *parts, *calls;
};

static int read_call(struct inward *in, const char *path, struct json_object *block,
                     struct answer_parts *a)
{
    static const char *const known[] = {"type", "id", "name", "input", NULL};
    struct json_object *id = json_get_type(block, "id", json_type_string);
    struct json_object *name = json_get_type(block, "name", json_type_string);
    struct json_object *input = json_get_type(block, "input", json_type_object);

    if (!id || !name)
        return inward_fail(in, "must have an id and a name", "%s", path);
    json_object_array_add(a->calls, inward_call(id, name, input));
    return check_members(in, path, block, known);
}

static int read_assistant_block(struct inward *in, const char *path, struct json_object *block,
                                struct answer_parts *a)
{
    const char *type = json_get_str(block, "type");

    if (type && strcmp(type, "tool_use") == 0)
        return read_call(in, path, block, a);
    if (json_object_array_length(a->calls) > 0)
        return inward_lose(in, "words behind a call have no place in OpenAI's form", "%s", path);
    return add_part(in, path, block, a->parts);
}

static void put_assistant(struct inward *in, struct answer_parts *a)
{
    bool words = json_object_array_length(a->parts) > 0;
    struct json_object *m =
        inward_message(in, "assistant", words ? inward_content(STEAL(a->parts)) : NULL);

    if (json_object_array_length(a->calls) > 0)
        inward_share(m, "tool_calls", a->calls);
}

static int read_assistant(struct inward *in, const char *path, struct json_object *blocks)
{
    struct answer_parts a = {json_object_new_array(), json_object_new_array()};
    char at[PATH_TEXT];
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < json_object_array_length(blocks); i++) {
        snprintf(at, sizeof at, "%.100s[%zu]", path, i);
        rc = read_assistant_block(in, at, json_object_array_get_idx(blocks, i), &a);
    }
    if (rc == 0)
        put_assistant(in, &a);
    json_object_put(a.parts);
    json_object_put(a.calls);
    return rc;
}

static int read_message(struct inward *in, size_t i, struct json_object *m)
{
    static const char *const known[] = {"role", "content", NULL};
    const char *role = json_get_str(m, "role");
    struct json_object *content = json_get(m, "content");
    char path[PATH_TEXT];

    snprintf(path, sizeof path, "messages[%zu]", i);
    if (!role || (strcmp(role, "user") != 0 && strcmp(role, "assistant") != 0))
        return inward_fail(in, "must be user or assistant", "%s.role", path);
    if (check_members(in, path, m, known) < 0)
        return -1;
    if (json_object_is_type(content, json_type_string)) {
        inward_message(in, role, json_object_get(content));
        return 0;
    }
    snprintf(path, sizeof path, "messages[%zu].content", i);
    if (!json_object_is_type(content, json_type_array))
        return inward_fail(in, "must be a string or a list of blocks", "%s", path);
    return strcmp(role, "user") == 0 ? read_user(in, path, content)
                                     : read_assistant(in, path, content);
}

int read_anthropic_messages(struct inward *in, const char *path, struct json_object *v)
{
    return inward_list(in, path, v, read_message);
}
