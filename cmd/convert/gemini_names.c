/* gemini_names: see gemini_names.h. */
#include "cmd/convert/gemini_names.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

/* Members whose own members are the API's as well. */
static const char *const inner[] = {
    "systemInstruction",
    "contents",
    "parts",
    "inlineData",
    "fileData",
    "functionCall",
    "tools",
    "toolConfig",
    "functionResponse",
    "functionCallingConfig",
    "functionDeclarations",
    "generationConfig",
    "thinkingConfig",
    "safetySettings",
};

static void spell(const char *name, char *out, size_t cap)
{
    size_t n = 0;

    for (; *name && n + 1 < cap; name++) {
        if (*name == '_' && islower((unsigned char)name[1]) && n > 0)
            out[n++] = (char)toupper((unsigned char)*++name);
        else
            out[n++] = *name;
    }
    out[n] = '\0';
}

static bool is_inner(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(inner); i++) {
        if (strcmp(inner[i], name) == 0)
            return true;
    }
    return false;
}

static struct json_object *respelled(struct json_object *o);

static struct json_object *respelled_list(struct json_object *list)
{
    struct json_object *out = json_object_new_array();

    for (size_t i = 0; i < json_object_array_length(list); i++)
        json_object_array_add(out, respelled(json_object_array_get_idx(list, i)));
    return out;
}

/* At most JSON_DEPTH_MAX deep, as the text was. */
static struct json_object *respelled(struct json_object *o)
{
    struct json_object *out = NULL;

    if (json_object_is_type(o, json_type_array))
        return respelled_list(o);
    if (!json_object_is_type(o, json_type_object))
        return json_object_get(o);
    out = json_object_new_object();
    json_object_object_foreach(o, key, v)
    {
        char name[128];

        snprintf(name, sizeof name, "%s", key);
        if (strlen(key) < sizeof name)
            spell(key, name, sizeof name);
        json_object_object_add(out, strlen(key) < sizeof name ? name : key,
                               is_inner(name) ? respelled(v) : json_object_get(v));
    }
    return out;
}

void gemini_names(struct json_object **request)
{
    struct json_object *out = respelled(*request);

    json_object_put(*request);
    *request = out;
}
