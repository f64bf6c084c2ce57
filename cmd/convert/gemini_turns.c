/*
 * gemini_turns: systemInstruction and contents of a GenerateContentRequest. Calls without an id get one ("call_1", ...),
 * and a result without one is that of the first call of its function that has no result yet.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"
#include "cmd/convert/readers.h"
#include "providers/data_url.h"

#define PATH_TEXT 160

static int read_inline(struct inward *in, const char *path, struct json_object *v,
                       struct json_object **ret)
{
    static const char *const sounds[] = {"wav", "mp3", "aiff", "aac", "ogg", "flac"};
    const char *type = json_get_str(v, "mimeType");
    const char *data = json_get_str(v, "data");

    if (!type || !data)
        return inward_fail(in, "must have a mimeType and data", "%s.inlineData", path);
    for (size_t i = 0; strncasecmp(type, "audio/", 6) == 0 && i < ARRAY_LEN(sounds); i++) {
        struct json_object *audio = NULL;

        if (strcmp(type + 6, sounds[i]) != 0)
            continue;
        *ret = inward_typed("input_audio");
        audio = json_add_object(*ret, "input_audio");
        json_add_str(audio, "data", data);
        json_add_str(audio, "format", sounds[i]);
        return 0;
    }
    if (strncasecmp(type, "image/", 6) == 0) {
        *ret = inward_typed("image_url");
        json_object_object_add(json_add_object(*ret, "image_url"), "url",
                               inward_data_url(type, data));
        return 0;
    }
    *ret = inward_typed("file");
    json_object_object_add(json_add_object(*ret, "file"), "file_data", inward_data_url(type, data));
    return 0;
}

static int read_address(struct inward *in, const char *path, struct json_object *v,
                        struct json_object **ret)
{
    const char *type = json_get_str(v, "mimeType");
    struct json_object *uri = json_get_type(v, "fileUri", json_type_string);
    bool image = type && strncasecmp(type, "image/", 6) == 0;

    if (!uri)
        return inward_fail(in, "must be a string", "%s.fileData.fileUri", path);
    if (!image || !data_url_is_web(json_object_get_string(uri)))
        return inward_lose(in, "OpenAI's form has addresses of images on the web only",
                           "%s.fileData", path);
    *ret = inward_typed("image_url");
    inward_share(json_add_object(*ret, "image_url"), "url", uri);
    return 0;
}

/* Words or media to a part of OpenAI's; *ret stays NULL when it is left out. */
static int read_part(struct inward *in, const char *path, struct json_object *part,
                     struct json_object **ret)
{
    struct json_object *text = json_get_type(part, "text", json_type_string);
    struct json_object *data = json_get(part, "inlineData");
    struct json_object *file = json_get(part, "fileData");

    if (json_get_bool(part, "thought", false))
        return inward_lose(in, "thoughts have no place in OpenAI's form", "%s.thought", path);
    if (text) {
        *ret = inward_text(text);
        return 0;
    }
    if (data)
        return read_inline(in, path, data, ret);
    if (file)
        return read_address(in, path, file, ret);
    return inward_lose(in,
                       "only text, inlineData, fileData, functionCall and functionResponse "
                       "have a counterpart in OpenAI's form",
                       "%s", path);
}

static struct json_object *parts_of(struct json_object *content)
{
    return json_get_type(content, "parts", json_type_array);
}

int read_gemini_system(struct inward *in, const char *path, struct json_object *v)
{
    struct json_object *list = parts_of(v);
    struct json_object *parts = NULL;
    int rc = 0;

    if (!list)
        return inward_fail(in, "must have a list of parts", "%s", path);
    parts = json_object_new_array();
    for (size_t i = 0; rc == 0 && i < json_object_array_length(list); i++) {
        struct json_object *part = NULL;

        rc = read_part(in, "systemInstruction.parts[]", json_object_array_get_idx(list, i), &part);
        if (part)
            json_object_array_add(parts, part);
    }
    if (rc == 0)
        inward_message(in, "system", inward_content(STEAL(parts)));
    json_object_put(parts);
    return rc;
}

/* A turn while it is read. */
struct turn {
    struct json_object *parts, *calls;
};

/* What stands for no signature, where the API wants one, says nothing. */
static int check_signature(struct inward *in, const char *path, struct json_object *part)
{
    const char *signature = json_get_str(part, "thoughtSignature");

    if (!signature || strcmp(signature, "skip_thought_signature_validator") == 0)
        return 0;
    return inward_lose(in, "OpenAI's API has nothing like it", "%s.thoughtSignature", path);
}

static int read_call(struct inward *in, const char *path, struct json_object *part,
                     struct json_object *v, struct turn *t)
{
    struct json_object *name = json_get_type(v, "name", json_type_string);
    CLEANUP_JSON struct json_object *id = json_object_get(json_get_type(v, "id", json_type_string));
    char made[32];

    if (!name)
        return inward_fail(in, "must be a string", "%s.functionCall.name", path);
    if (check_signature(in, path, part) < 0)
        return -1;
    if (!id) {
        snprintf(made, sizeof made, "call_%u", ++in->calls);
        id = json_object_new_string(made);
    }
    json_object_array_add(t->calls,
                          inward_call(id, name, json_get_type(v, "args", json_type_object)));
    return 0;
}

/* The first call of this function without a result; NULL: there is none. */
static struct json_object *open_call(const struct inward *in, const char *name)
{
    for (size_t i = 0; i < json_object_array_length(in->messages); i++) {
        struct json_object *calls = json_get_type(json_object_array_get_idx(in->messages, i),
                                                  "tool_calls", json_type_array);

        for (size_t k = 0; calls && k < json_object_array_length(calls); k++) {
            struct json_object *call = json_object_array_get_idx(calls, k);
            const char *of = json_get_str(json_get(call, "function"), "name");

            if (of && strcmp(of, name) == 0 && !json_get(in->answered, json_get_str(call, "id")))
                return json_get(call, "id");
        }
    }
    return NULL;
}

/* What the tool said: the words of {"output": words}, else the object as text. */
static struct json_object *result_words(struct json_object *response)
{
    struct json_object *output = json_get_type(response, "output", json_type_string);

    if (output && json_object_object_length(response) == 1)
        return json_object_get(output);
    return json_object_new_string(json_object_to_json_string_ext(
        response, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

static int read_result(struct inward *in, const char *path, struct json_object *v)
{
    const char *name = json_get_str(v, "name");
    struct json_object *id = json_get_type(v, "id", json_type_string);
    struct json_object *response = json_get_type(v, "response", json_type_object);

    if (!name || !response)
        return inward_fail(in, "must have a name and a response", "%s.functionResponse", path);
    if (!id)
        id = open_call(in, name);
    if (!id)
        return inward_fail(in, "answers no call of an earlier turn", "%s.functionResponse", path);
    if (json_get(v, "parts") && inward_lose(in, "media in a result is not converted",
                                            "%s.functionResponse.parts", path) < 0)
        return -1;
    inward_share(inward_message(in, "tool", result_words(response)), "tool_call_id", id);
    json_add_bool(in->answered, json_object_get_string(id), true);
    return 0;
}

static void flush(struct inward *in, const char *role, struct turn *t)
{
    bool words = json_object_array_length(t->parts) > 0;
    bool calls = json_object_array_length(t->calls) > 0;
    struct json_object *m = NULL;

    if (!words && !calls)
        return;
    m = inward_message(in, role, words ? inward_content(t->parts) : NULL);
    if (words)
        t->parts = json_object_new_array();
    if (calls)
        inward_share(m, "tool_calls", t->calls);
}

static int add_words(struct inward *in, const char *path, struct json_object *part, struct turn *t)
{
    struct json_object *out = NULL;

    if (json_object_array_length(t->calls) > 0)
        return inward_lose(in, "words behind a call have no place in OpenAI's form", "%s", path);
    if (read_part(in, path, part, &out) < 0 || check_signature(in, path, part) < 0) {
        json_object_put(out);
        return -1;
    }
    if (out)
        json_object_array_add(t->parts, out);
    return 0;
}

static int read_turn_part(struct inward *in, const char *role, const char *path,
                          struct json_object *part, struct turn *t)
{
    struct json_object *call = json_get_type(part, "functionCall", json_type_object);
    struct json_object *result = json_get_type(part, "functionResponse", json_type_object);
    bool model = strcmp(role, "assistant") == 0;

    if (call && !model)
        return inward_fail(in, "belongs into a turn of the model", "%s.functionCall", path);
    if (call)
        return read_call(in, path, part, call, t);
    if (!result)
        return add_words(in, path, part, t);
    flush(in, role, t);
    return read_result(in, path, result);
}

static int read_content(struct inward *in, size_t i, struct json_object *content)
{
    const char *theirs = json_get_str(content, "role");
    bool model = theirs && strcmp(theirs, "model") == 0;
    const char *role = model ? "assistant" : "user";
    struct json_object *list = parts_of(content);
    struct turn t = {json_object_new_array(), json_object_new_array()};
    char path[PATH_TEXT];
    int rc = 0;

    if (!list ||
        (theirs && !model && strcmp(theirs, "user") != 0 && strcmp(theirs, "function") != 0))
        rc = inward_fail(in, "must have a role, user or model, and a list of parts",
                         "contents[%zu]", i);
    for (size_t k = 0; rc == 0 && k < json_object_array_length(list); k++) {
        snprintf(path, sizeof path, "contents[%zu].parts[%zu]", i, k);
        rc = read_turn_part(in, role, path, json_object_array_get_idx(list, k), &t);
    }
    if (rc == 0)
        flush(in, role, &t);
    json_object_put(t.parts);
    json_object_put(t.calls);
    return rc;
}

int read_gemini_contents(struct inward *in, const char *path, struct json_object *v)
{
    return inward_list(in, path, v, read_content);
}
