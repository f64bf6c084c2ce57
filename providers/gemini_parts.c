/*
 * gemini_parts: content parts of a message to parts of a turn: text, images, audio, files. Data goes
 * inline; an address goes as fileData, and the API fetches it: public or signed http(s) addresses,
 * those of its own Files API, and gs:// on Vertex AI. Content is never dropped: a part that cannot be
 * sent is an error whatever drop_params says.
 */
#include "providers/gemini.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/data_url.h"
#include "providers/messages.h"

/* A part and the path under which messages name it. */
struct part {
    struct outgoing *o;
    struct json_object *in;
    const char *where;
};

/* What an address is an address of, when nothing but its end tells. */
static const struct {
    const char *suffix, *type;
} media_types[] = {
    {".png", "image/png"},    {".jpg", "image/jpeg"},      {".jpeg", "image/jpeg"},
    {".webp", "image/webp"},  {".heic", "image/heic"},     {".heif", "image/heif"},
    {".gif", "image/gif"},    {".pdf", "application/pdf"}, {".txt", "text/plain"},
    {".md", "text/markdown"}, {".csv", "text/csv"},        {".html", "text/html"},
    {".mp3", "audio/mp3"},    {".wav", "audio/wav"},       {".flac", "audio/flac"},
    {".ogg", "audio/ogg"},    {".mp4", "video/mp4"},       {".webm", "video/webm"},
};

static const char *type_of_address(const char *address)
{
    size_t n = strcspn(address, "?#");
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(media_types); i++) {
        size_t len = strlen(media_types[i].suffix);

        if (n > len && strncasecmp(address + n - len, media_types[i].suffix, len) == 0)
            return media_types[i].type;
    }
    return NULL;
}

static void add_part(struct json_object *parts, const char *key, struct json_object *value)
{
    struct json_object *part = json_object_new_object();

    json_object_object_add(part, key, value);
    json_object_array_add(parts, part);
}

void gemini_text(struct json_object *parts, struct json_object *text)
{
    if (json_object_get_string_len(text) > 0)
        add_part(parts, "text", json_object_get(text));
}

static void put_inline(struct json_object *parts, const char *type, const char *data, size_t len)
{
    struct json_object *blob = json_object_new_object();

    json_object_object_add(blob, "mimeType", json_object_new_string(type));
    json_object_object_add(blob, "data", json_object_new_string_len(data, (int)len));
    add_part(parts, "inlineData", blob);
}

static bool is_address(const struct part *p, const char *text)
{
    return data_url_is_web(text) || (gemini_on_vertex(p->o->m) && strncmp(text, "gs://", 5) == 0);
}

/* holder is image_url or file: its member format names the media type when it is there. */
static int put_address(const struct part *p, struct json_object *parts, struct json_object *holder,
                       struct json_object *address)
{
    const char *type = json_get_str(holder, "format");
    struct json_object *file = NULL;

    if (!type)
        type = type_of_address(json_object_get_string(address));
    if (!type && gemini_on_vertex(p->o->m))
        return outgoing_fail(p->o,
                             "the address does not tell its media type; say it in a member format, "
                             "such as image/png",
                             "%s.%s", p->where, json_get_str(p->in, "type"));
    file = json_object_new_object();
    if (type)
        json_object_object_add(file, "mimeType", json_object_new_string(type));
    outgoing_share(file, "fileUri", address);
    add_part(parts, "fileData", file);
    return 0;
}

static int put_image(const struct part *p, struct json_object *parts)
{
    struct json_object *image = json_get(p->in, "image_url");
    struct json_object *url = json_get_type(image, "url", json_type_string);
    struct data_url data;

    if (!url)
        return outgoing_fail(p->o, "is missing", "%s.image_url.url", p->where);
    if (is_address(p, json_object_get_string(url)))
        return put_address(p, parts, image, url);
    if (data_url_split(url, &data) < 0 || strncasecmp(data.type, "image/", 6) != 0)
        return outgoing_fail(p->o, "must be an http(s) address or a base64 data URL of an image",
                             "%s.image_url.url", p->where);
    put_inline(parts, data.type, data.data, data.len);
    return 0;
}

static int put_audio(const struct part *p, struct json_object *parts)
{
    static const char *const formats[] = {"wav", "mp3", "aiff", "aac", "ogg", "flac"};
    struct json_object *audio = json_get(p->in, "input_audio");
    struct json_object *data = json_get_type(audio, "data", json_type_string);
    const char *format = json_get_str(audio, "format");
    char type[32];
    size_t i = 0;

    if (!data)
        return outgoing_fail(p->o, "is missing", "%s.input_audio.data", p->where);
    while (format && i < ARRAY_LEN(formats) && strcmp(format, formats[i]) != 0)
        i++;
    if (!format || i == ARRAY_LEN(formats))
        return outgoing_fail(p->o, "must be wav, mp3, aiff, aac, ogg or flac",
                             "%s.input_audio.format", p->where);
    snprintf(type, sizeof type, "audio/%s", format);
    put_inline(parts, type, json_object_get_string(data), (size_t)json_object_get_string_len(data));
    return 0;
}

static int put_file(const struct part *p, struct json_object *parts)
{
    struct json_object *file = json_get_type(p->in, "file", json_type_object);
    struct json_object *url = json_get_type(file, "file_data", json_type_string);
    struct json_object *id = json_get_type(file, "file_id", json_type_string);
    struct data_url data;

    if (id && is_address(p, json_object_get_string(id)))
        return put_address(p, parts, file, id);
    if (id && !url)
        return outgoing_fail(
            p->o, "must be the address of a file; ids of another provider cannot be sent",
            "%s.file.file_id", p->where);
    if (!url || data_url_split(url, &data) < 0)
        return outgoing_fail(p->o,
                             "must be a base64 data URL, such as data:application/pdf;base64,...",
                             "%s.file.file_data", p->where);
    put_inline(parts, data.type, data.data, data.len);
    return 0;
}

static const struct {
    const char *type;
    int (*put)(const struct part *p, struct json_object *parts);
} media[] = {{"image_url", put_image}, {"input_audio", put_audio}, {"file", put_file}};

/* The content of one message while its parts are written. */
struct content {
    struct outgoing *o;
    size_t place; /* of the message */
    bool text_only;
    struct json_object *parts;
};

static int put_part(void *arg, struct json_object *in, size_t i)
{
    const struct content *c = arg;
    char where[64];
    const struct part p = {.o = c->o, .in = in, .where = where};
    struct json_object *text = NULL;
    const char *type = NULL;
    size_t k = 0;

    snprintf(where, sizeof where, "messages[%zu].content[%zu]", c->place, i);
    if (message_part(c->o, in, c->place, i, &type, &text) < 0)
        return -1;
    if (text) {
        gemini_text(c->parts, text);
        return 0;
    }
    for (k = 0; !c->text_only && k < ARRAY_LEN(media); k++) {
        if (strcmp(type, media[k].type) == 0)
            return media[k].put(&p, c->parts);
    }
    return outgoing_fail(
        c->o,
        c->text_only ? "only parts of type text can be sent here"
                     : "only parts of type text, image_url, input_audio and file can be sent",
        "%s.type", where);
}

int gemini_content(struct outgoing *o, struct json_object *content, size_t place, bool text_only,
                   struct json_object *parts)
{
    struct content c = {.o = o, .place = place, .text_only = text_only, .parts = parts};

    if (json_object_is_type(content, json_type_string))
        gemini_text(parts, content);
    else if (content)
        return message_parts(o, content, place, put_part, &c);
    return 0;
}
