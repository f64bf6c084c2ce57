/*
 * anthropic_parts: content parts of a message to content blocks: text, images, files. Content is
 * never dropped: a part that cannot be sent is an error whatever drop_params says.
 */
#include "providers/anthropic.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "providers/data_url.h"

/* A part and the path under which messages name it. */
struct part {
    struct outgoing *o;
    struct json_object *in;
    const char *where;
};

static struct json_object *new_typed(const char *type)
{
    struct json_object *o = json_object_new_object();

    json_object_object_add(o, "type", json_object_new_string(type));
    return o;
}

/* {"type":"base64"|"text","media_type":...,"data":...} */
static struct json_object *new_source(const char *kind, const char *media, const char *data,
                                      size_t len)
{
    struct json_object *source = new_typed(kind);

    json_object_object_add(source, "media_type", json_object_new_string(media));
    json_object_object_add(source, "data", json_object_new_string_len(data, (int)len));
    return source;
}

static void add_block(const struct part *p, const char *type, struct json_object *source,
                      struct json_object *title, struct json_object *blocks)
{
    struct json_object *block = new_typed(type);

    json_object_object_add(block, "source", source);
    if (title)
        outgoing_share(block, "title", title);
    if (json_get(p->in, "cache_control"))
        outgoing_share(block, "cache_control", json_get(p->in, "cache_control"));
    json_object_array_add(blocks, block);
}

static bool is_image_type(const char *type)
{
    static const char *const types[] = {"image/jpeg", "image/png", "image/gif", "image/webp"};
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(types); i++) {
        if (strcasecmp(type, types[i]) == 0)
            return true;
    }
    return false;
}

static int put_image(const struct part *p, struct json_object *blocks)
{
    struct json_object *url = json_get_type(json_get(p->in, "image_url"), "url", json_type_string);
    struct json_object *source = NULL;
    struct data_url data;

    if (!url)
        return outgoing_fail(p->o, "is missing", "%s.image_url.url", p->where);
    if (strncasecmp(json_object_get_string(url), "http://", 7) == 0 ||
        strncasecmp(json_object_get_string(url), "https://", 8) == 0) {
        source = new_typed("url");
        outgoing_share(source, "url", url);
    } else if (data_url_split(url, &data) == 0 && is_image_type(data.type)) {
        source = new_source("base64", data.type, data.data, data.len);
    } else {
        return outgoing_fail(
            p->o,
            "must be an http(s) address or a base64 data URL of a JPEG, PNG, GIF or "
            "WebP image",
            "%s.image_url.url", p->where);
    }
    add_block(p, "image", source, NULL, blocks);
    return 0;
}

/* Decodes base64 text; NULL when it is none, or not UTF-8 without NUL. */
static char *decode_text(const struct data_url *d, size_t *ret_len)
{
    CLEANUP_FREE char *out = mem_alloc(d->len / 4 * 3 + 4);
    size_t pad = 0;
    int n = 0;

    if (d->len % 4 != 0)
        return NULL;
    n = EVP_DecodeBlock((unsigned char *)out, (const unsigned char *)d->data, (int)d->len);
    while (pad < 2 && pad < d->len && d->data[d->len - 1 - pad] == '=')
        pad++;
    if (n < 0 || (size_t)n < pad)
        return NULL;
    *ret_len = (size_t)n - pad;
    if (!utf8_valid(out, *ret_len) || memchr(out, '\0', *ret_len))
        return NULL;
    return STEAL(out);
}

static int put_file(const struct part *p, struct json_object *blocks)
{
    struct json_object *file = json_get_type(p->in, "file", json_type_object);
    struct json_object *url = json_get_type(file, "file_data", json_type_string);
    struct json_object *name = json_get_type(file, "filename", json_type_string);
    CLEANUP_FREE char *text = NULL;
    struct data_url data;
    size_t len = 0;

    if (!url)
        return outgoing_fail(p->o, "is missing; file ids of another provider cannot be sent",
                             "%s.file.file_data", p->where);
    if (data_url_split(url, &data) == 0 && data_url_is(&data, "application/pdf")) {
        add_block(p, "document", new_source("base64", data.type, data.data, data.len), name,
                  blocks);
        return 0;
    }
    if (data_url_split(url, &data) == 0 && data_url_is(&data, "text/plain"))
        text = decode_text(&data, &len);
    if (!text)
        return outgoing_fail(p->o,
                             "must be a base64 data URL of application/pdf or of UTF-8 text/plain",
                             "%s.file.file_data", p->where);
    add_block(p, "document", new_source("text", "text/plain", text, len), name, blocks);
    return 0;
}

void anthropic_text(struct json_object *blocks, struct json_object *text,
                    struct json_object *cache_control)
{
    struct json_object *block = NULL;

    if (json_object_get_string_len(text) == 0)
        return;
    block = new_typed("text");
    outgoing_share(block, "text", text);
    if (cache_control)
        outgoing_share(block, "cache_control", cache_control);
    json_object_array_add(blocks, block);
}

int anthropic_part(struct outgoing *o, struct json_object *in, const char *where,
                   enum turn_place place, struct json_object *blocks)
{
    const struct part p = {.o = o, .in = in, .where = where};
    const char *type = json_get_str(in, "type");
    bool refusal = type && strcmp(type, "refusal") == 0;
    struct json_object *text = json_get_type(in, refusal ? "refusal" : "text", json_type_string);

    if (!type)
        return outgoing_fail(o, "is missing", "%s.type", where);
    if (strcmp(type, "text") == 0 || refusal) {
        if (!text)
            return outgoing_fail(o, "must be a string", "%s.%s", where, type);
        anthropic_text(blocks, text, json_get(in, "cache_control"));
        return 0;
    }
    if (place != TURN_TEXT && strcmp(type, "image_url") == 0)
        return put_image(&p, blocks);
    if (place != TURN_TEXT && strcmp(type, "file") == 0)
        return put_file(&p, blocks);
    return outgoing_fail(o,
                         place == TURN_TEXT
                             ? "only parts of type text can be sent here"
                             : "only parts of type text, image_url and file can be sent",
                         "%s.type", where);
}
