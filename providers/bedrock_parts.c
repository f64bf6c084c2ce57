/*
 * bedrock_parts: content parts of a message to content blocks: text, images, documents, audio. Content
 * is never dropped: a part that cannot be sent is an error whatever drop_params says. The API takes
 * bytes or objects of S3; it fetches no web addresses.
 */
#include "providers/bedrock.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/data_url.h"

#define NAME_MAX 200 /* of a document, set by the API */

/* A part and the path under which messages name it. */
struct part {
    struct outgoing *o;
    struct json_object *in;
    const char *where;
};

/* A media type, the endings of such files, and the API's word for both. */
struct format {
    const char *type;
    const char *ending;
    const char *word;
};

static const struct format images[] = {
    {"image/png", "png", "png"}, {"image/jpeg", "jpeg", "jpeg"}, {"image/jpg", "jpg", "jpeg"},
    {"image/gif", "gif", "gif"}, {"image/webp", "webp", "webp"}, {NULL, NULL, NULL},
};

static const struct format documents[] = {
    {"application/pdf", "pdf", "pdf"},
    {"text/csv", "csv", "csv"},
    {"application/msword", "doc", "doc"},
    {"application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx", "docx"},
    {"application/vnd.ms-excel", "xls", "xls"},
    {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx", "xlsx"},
    {"text/html", "html", "html"},
    {"text/plain", "txt", "txt"},
    {"text/markdown", "md", "md"},
    {NULL, NULL, NULL},
};

static const char *word_of_type(const struct format *f, const char *type)
{
    for (; f->type; f++) {
        if (strcasecmp(f->type, type) == 0)
            return f->word;
    }
    return NULL;
}

static const char *word_of_name(const struct format *f, const char *name)
{
    const char *dot = strrchr(name, '.');

    for (; dot && f->type; f++) {
        if (strcasecmp(f->ending, dot + 1) == 0)
            return f->word;
    }
    return NULL;
}

/* {format, source} of a data URL or an object of S3; NULL when it is neither, or of another kind. */
static struct json_object *new_media(const struct format *formats, struct json_object *url)
{
    const char *text = json_object_get_string(url);
    struct json_object *source = NULL;
    struct json_object *media = NULL;
    const char *word = NULL;
    struct data_url data;

    if (strncasecmp(text, "s3://", 5) == 0) {
        word = word_of_name(formats, text);
        if (word)
            source = bedrock_wrap("s3Location", bedrock_wrap("uri", json_object_get(url)));
    } else if (data_url_split(url, &data) == 0 && data.len > 0) {
        word = word_of_type(formats, data.type);
        if (word)
            source = bedrock_wrap("bytes", json_object_new_string_len(data.data, (int)data.len));
    }
    if (!source)
        return NULL;
    media = bedrock_wrap("format", json_object_new_string(word));
    json_object_object_add(media, "source", source);
    return media;
}

static int put_image(const struct part *p, struct json_object *blocks)
{
    struct json_object *url = json_get_type(json_get(p->in, "image_url"), "url", json_type_string);
    struct json_object *image = url ? new_media(images, url) : NULL;

    if (!image)
        return outgoing_fail(
            p->o,
            url ? "must be a base64 data URL of a PNG, JPEG, GIF or WebP image, or "
                  "an s3:// address with such an ending; the API fetches nothing"
                : "is missing",
            "%s.image_url.url", p->where);
    json_object_array_add(blocks, bedrock_wrap("image", image));
    return 0;
}

/* The API takes letters, digits, single spaces, hyphens, parentheses and square brackets. */
static struct json_object *new_document_name(const char *name)
{
    char out[NAME_MAX + 1] = "";
    size_t n = 0;

    for (; name && *name && n < NAME_MAX; name++) {
        char c = isalnum((unsigned char)*name) || strchr("-()[] ", *name) ? *name : '-';

        if (c != ' ' || (n > 0 && out[n - 1] != ' '))
            out[n++] = c;
    }
    return json_object_new_string(n ? out : "document");
}

static int put_file(const struct part *p, struct json_object *blocks)
{
    struct json_object *file = json_get_type(p->in, "file", json_type_object);
    struct json_object *url = json_get_type(file, "file_data", json_type_string);
    struct json_object *id = json_get_type(file, "file_id", json_type_string);
    struct json_object *document = NULL;

    if (!url && id && strncasecmp(json_object_get_string(id), "s3://", 5) == 0)
        url = id;
    if (!url)
        return outgoing_fail(p->o,
                             "is missing; file ids of another provider cannot be sent, save s3:// "
                             "addresses",
                             "%s.file.file_data", p->where);
    document = new_media(documents, url);
    if (!document)
        return outgoing_fail(
            p->o,
            "must be a base64 data URL of, or an s3:// address with the ending of, "
            "pdf, csv, doc, docx, xls, xlsx, html, txt or md",
            url == id ? "%s.file.file_id" : "%s.file.file_data", p->where);
    json_object_object_add(document, "name", new_document_name(json_get_str(file, "filename")));
    json_object_array_add(blocks, bedrock_wrap("document", document));
    return 0;
}

static int put_audio(const struct part *p, struct json_object *blocks)
{
    struct json_object *in = json_get_type(p->in, "input_audio", json_type_object);
    struct json_object *data = json_get_type(in, "data", json_type_string);
    const char *format = json_get_str(in, "format");
    struct json_object *audio = NULL;

    if (!data || json_object_get_string_len(data) == 0)
        return outgoing_fail(p->o, "is missing", "%s.input_audio.data", p->where);
    if (!format || (strcmp(format, "wav") != 0 && strcmp(format, "mp3") != 0))
        return outgoing_fail(p->o, "must be wav or mp3", "%s.input_audio.format", p->where);
    audio = bedrock_wrap("format", json_object_new_string(format));
    json_object_object_add(audio, "source", bedrock_wrap("bytes", json_object_get(data)));
    json_object_array_add(blocks, bedrock_wrap("audio", audio));
    return 0;
}

void bedrock_text(struct json_object *blocks, struct json_object *text)
{
    if (json_object_get_string_len(text) > 0)
        json_object_array_add(blocks, bedrock_wrap("text", json_object_get(text)));
}

static bool wants_cache_point(struct json_object *o)
{
    return json_get(o, "cache_control") || json_get(o, "prompt_cache_breakpoint");
}

void bedrock_cache_point(struct json_object *o, struct json_object *blocks)
{
    const char *ttl = json_get_str(json_get(o, "cache_control"), "ttl");
    struct json_object *point = NULL;

    if (!wants_cache_point(o))
        return;
    point = bedrock_wrap("type", json_object_new_string("default"));
    if (ttl)
        json_object_object_add(point, "ttl", json_object_new_string(ttl));
    json_object_array_add(blocks, bedrock_wrap("cachePoint", point));
}

static int put_text_part(const struct part *p, const char *type, struct json_object *blocks)
{
    struct json_object *text = json_get_type(p->in, type, json_type_string);

    if (!text)
        return outgoing_fail(p->o, "must be a string", "%s.%s", p->where, type);
    bedrock_text(blocks, text);
    return 0;
}

/* A block without its cache point. */
static int put_part(const struct part *p, enum turn_place place, struct json_object *blocks)
{
    const char *type = json_get_str(p->in, "type");

    if (!type)
        return outgoing_fail(p->o, "is missing", "%s.type", p->where);
    if (strcmp(type, "text") == 0 || strcmp(type, "refusal") == 0)
        return put_text_part(p, type, blocks);
    if (place != TURN_TEXT && strcmp(type, "image_url") == 0)
        return put_image(p, blocks);
    if (place != TURN_TEXT && strcmp(type, "file") == 0)
        return put_file(p, blocks);
    if (place == TURN_USER && strcmp(type, "input_audio") == 0)
        return put_audio(p, blocks);
    return outgoing_fail(
        p->o,
        place == TURN_TEXT ? "only parts of type text can be sent here"
        : place == TURN_USER
            ? "only parts of type text, image_url, file and input_audio can be sent"
            : "only parts of type text, image_url and file can be sent here",
        "%s.type", p->where);
}

int bedrock_part(struct outgoing *o, struct json_object *in, const char *where,
                 enum turn_place place, struct json_object *blocks)
{
    const struct part p = {.o = o, .in = in, .where = where};

    if (put_part(&p, place, blocks) < 0)
        return -1;
    if (place == TURN_RESULT)
        return wants_cache_point(in) ? TURN_MARKED : 0;
    bedrock_cache_point(in, blocks);
    return 0;
}
