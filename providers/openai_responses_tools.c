/*
 * openai_responses_tools: tools and tool_choice of a chat request as /v1/responses has them: without the
 * inner frame. Function tools there are strict unless they say otherwise; in the chat API it is the
 * other way round, so it is always said.
 */
#include "providers/responses.h"

#include <string.h>

#include "base/json.h"

static struct json_object *empty_schema(void)
{
    struct json_object *schema = responses_typed("object");

    json_object_object_add(schema, "properties", json_object_new_object());
    return schema;
}

static void copy_members(struct json_object *from, struct json_object *to)
{
    json_object_object_foreach(from, key, value)
    {
        if (value)
            outgoing_share(to, key, value);
    }
}

static void put_function(struct json_object *function, struct json_object *out)
{
    copy_members(function, out);
    if (!json_get_type(out, "parameters", json_type_object))
        json_object_object_add(out, "parameters", empty_schema());
    if (!json_get(out, "strict"))
        json_object_object_add(out, "strict", json_object_new_boolean(0));
}

/* The grammar of a custom tool has a frame of its own. */
static void put_custom(struct json_object *custom, struct json_object *out)
{
    struct json_object *grammar =
        json_get_type(json_get(custom, "format"), "grammar", json_type_object);
    struct json_object *format = NULL;

    copy_members(custom, out);
    if (!grammar)
        return;
    format = responses_typed("grammar");
    copy_members(grammar, format);
    json_object_object_add(out, "format", format);
}

static int put_tool(struct outgoing *o, struct json_object *tool, size_t place,
                    struct json_object *list)
{
    struct json_object *function = json_get_type(tool, "function", json_type_object);
    struct json_object *custom = json_get_type(tool, "custom", json_type_object);
    const char *type = json_get_str(tool, "type") ? json_get_str(tool, "type") : "";
    struct json_object *inner = strcmp(type, "custom") == 0 ? custom : function;
    struct json_object *out = NULL;

    if (strcmp(type, "function") != 0 && strcmp(type, "custom") != 0) {
        json_object_array_add(list, json_object_get(tool)); /* one of the provider's own */
        return 0;
    }
    if (!json_get_str(inner, "name"))
        return outgoing_fail(o, "is missing", "tools[%zu].%s.name", place, type);
    out = responses_typed(type);
    (inner == custom ? put_custom : put_function)(inner, out);
    json_object_array_add(list, out);
    return 0;
}

/* {type, function:{name}} without its inner frame; NULL when it is no such thing. */
static struct json_object *flat_choice(struct json_object *choice)
{
    const char *type = json_get_str(choice, "type");
    struct json_object *inner = type ? json_get_type(choice, type, json_type_object) : NULL;
    struct json_object *out = NULL;

    if (!inner || !json_get_str(inner, "name"))
        return NULL;
    out = responses_typed(type);
    copy_members(inner, out);
    return out;
}

static struct json_object *allowed_tools(struct json_object *allowed)
{
    struct json_object *from = json_get_type(allowed, "tools", json_type_array);
    struct json_object *out = responses_typed("allowed_tools");
    struct json_object *list = json_object_new_array();
    size_t n = from ? json_object_array_length(from) : 0;
    size_t i = 0;

    for (i = 0; i < n; i++) {
        struct json_object *tool = json_object_array_get_idx(from, i);
        struct json_object *flat = flat_choice(tool);

        json_object_array_add(list, flat ? flat : json_object_get(tool));
    }
    if (json_get(allowed, "mode"))
        outgoing_share(out, "mode", json_get(allowed, "mode"));
    json_object_object_add(out, "tools", list);
    return out;
}

static void put_choice(struct outgoing *o, struct json_object *choice)
{
    struct json_object *allowed = json_get_type(choice, "allowed_tools", json_type_object);
    struct json_object *flat = allowed ? allowed_tools(allowed) : flat_choice(choice);

    if (flat)
        json_object_object_add(o->body, "tool_choice", flat);
    else /* a word, or something of the provider's own */
        outgoing_share(o->body, "tool_choice", choice);
}

int openai_responses_tools(struct outgoing *o)
{
    struct json_object *choice = json_get(o->t->body, "tool_choice");

    if (outgoing_tools(o, put_tool) < 0)
        return -1;
    if (choice)
        put_choice(o, choice);
    return 0;
}
