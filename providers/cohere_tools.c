/*
 * cohere_tools: tools, tool_choice and parallel_tool_calls of a request.
 *
 * The API can be told to use some tool, not which. A named tool is said exactly all the same: it is
 * sent alone, and a tool is required.
 */
#include "providers/cohere.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"

static struct json_object *function_of(struct json_object *tool)
{
    return json_get_type(tool, "function", json_type_object);
}

static struct json_object *empty_schema(void)
{
    struct json_object *schema = json_object_new_object();

    json_object_object_add(schema, "type", json_object_new_string("object"));
    json_object_object_add(schema, "properties", json_object_new_object());
    return schema;
}

static int put_tool(struct outgoing *o, struct json_object *tool, size_t place,
                    struct json_object *list)
{
    struct json_object *function = function_of(tool);
    struct json_object *schema = json_get_type(function, "parameters", json_type_object);
    struct json_object *copy = NULL;
    struct json_object *out = NULL;

    if (!function || !json_get_str(function, "name"))
        return outgoing_fail(o, "only tools of type function, with a named function, can be sent",
                             "tools[%zu]", place);
    copy = json_object_new_object();
    outgoing_share(copy, "name", json_get(function, "name"));
    if (json_get(function, "description"))
        outgoing_share(copy, "description", json_get(function, "description"));
    json_object_object_add(copy, "parameters", schema ? json_object_get(schema) : empty_schema());
    out = json_object_new_object();
    json_object_object_add(out, "type", json_object_new_string("function"));
    json_object_object_add(out, "function", copy);
    json_object_array_add(list, out);
    return 0;
}

static bool is_strict(struct json_object *tool)
{
    return json_get_bool(function_of(tool), "strict", false);
}

/* Strictness is one switch for all tools there. */
static int put_strict(struct outgoing *o, size_t strict, size_t all)
{
    if (strict == 0)
        return 0;
    if (strict < all)
        return outgoing_refuse(o, "there all tools are strict or none; say it of each of them",
                               "tools[].function.strict");
    json_object_object_add(o->body, "strict_tools", json_object_new_boolean(1));
    return 0;
}

/* All tools, or the one of that name alone. */
static int put_tools(struct outgoing *o, struct json_object *tools, const char *only)
{
    struct json_object *list = json_object_new_array();
    size_t n = json_object_array_length(tools);
    size_t strict = 0;
    size_t i = 0;

    json_object_object_add(o->body, "tools", list);
    for (i = 0; i < n; i++) {
        struct json_object *tool = json_object_array_get_idx(tools, i);
        const char *name = json_get_str(function_of(tool), "name");

        if (only && (!name || strcmp(name, only) != 0))
            continue;
        if (put_tool(o, tool, i, list) < 0)
            return -1;
        strict += is_strict(tool);
    }
    if (json_object_array_length(list) == 0)
        return outgoing_fail(o, "names no tool of the request", "tool_choice");
    return put_strict(o, strict, json_object_array_length(list));
}

/* *ret_only: the name of the one tool that may be used. It lives as long as choice. */
static int put_choice(struct outgoing *o, struct json_object *choice, const char **ret_only)
{
    static const char *const words[][2] = {
        {"auto", NULL}, {"required", "REQUIRED"}, {"none", "NONE"}};
    const char *name = json_get_str(json_get(choice, "function"), "name");
    const char *word =
        json_object_is_type(choice, json_type_string) ? json_object_get_string(choice) : "";
    size_t i = 0;

    if (name) {
        json_object_object_add(o->body, "tool_choice", json_object_new_string("REQUIRED"));
        *ret_only = name;
        return 0;
    }
    for (i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(word, words[i][0]) != 0)
            continue;
        if (words[i][1])
            json_object_object_add(o->body, "tool_choice", json_object_new_string(words[i][1]));
        return 0;
    }
    return outgoing_refuse(o, "it takes auto, required, none or one named function", "tool_choice");
}

int cohere_tools(struct outgoing *o)
{
    struct json_object *tools = json_get_type(o->t->body, "tools", json_type_array);
    struct json_object *choice = json_get(o->t->body, "tool_choice");
    const char *only = NULL;

    if (!tools || json_object_array_length(tools) == 0)
        return 0;
    if (choice && put_choice(o, choice, &only) < 0)
        return -1;
    if (put_tools(o, tools, only) < 0)
        return -1;
    if (json_get_bool(o->t->body, "parallel_tool_calls", true))
        return 0;
    return outgoing_refuse(o, "the model decides how many tools it calls at once",
                           "parallel_tool_calls");
}
