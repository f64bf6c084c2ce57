/*
 * anthropic_tools: tools, tool_choice and parallel_tool_calls of a request.
 */
#include "providers/anthropic.h"

#include <string.h>

#include "base/json.h"

static struct json_object *empty_schema(void)
{
    struct json_object *schema = json_object_new_object();

    json_object_object_add(schema, "type", json_object_new_string("object"));
    json_object_object_add(schema, "properties", json_object_new_object());
    return schema;
}

static void copy_member(struct json_object *from, struct json_object *to, const char *key)
{
    struct json_object *v = json_get(from, key);

    if (v)
        outgoing_share(to, key, v);
}

static int put_tool(struct outgoing *o, struct json_object *tool, size_t place,
                    struct json_object *list)
{
    struct json_object *function = json_get_type(tool, "function", json_type_object);
    struct json_object *out = NULL;

    if (!function)
        return outgoing_fail(o, "only tools of type function, with a member function, can be sent",
                             "tools[%zu]", place);
    if (!json_get_str(function, "name"))
        return outgoing_fail(o, "is missing", "tools[%zu].function.name", place);
    out = json_object_new_object();
    copy_member(function, out, "name");
    copy_member(function, out, "description");
    copy_member(function, out, "strict");
    copy_member(tool, out, "cache_control");
    if (json_get_type(function, "parameters", json_type_object))
        outgoing_share(out, "input_schema", json_get(function, "parameters"));
    else
        json_object_object_add(out, "input_schema", empty_schema());
    json_object_array_add(list, out);
    return 0;
}

/* The API's word for a plain choice; NULL: unknown. */
static const char *plain_choice(struct json_object *choice)
{
    static const char *const words[][2] = {{"auto", "auto"}, {"required", "any"}, {"none", "none"}};
    const char *word =
        json_object_is_type(choice, json_type_string) ? json_object_get_string(choice) : "";
    size_t i = 0;

    for (i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(word, words[i][0]) == 0)
            return words[i][1];
    }
    return NULL;
}

static struct json_object *new_choice(const char *type)
{
    struct json_object *out = json_object_new_object();

    json_object_object_add(out, "type", json_object_new_string(type));
    return out;
}

static int put_choice(struct outgoing *o, struct json_object *choice)
{
    struct json_object *name =
        json_get_type(json_get(choice, "function"), "name", json_type_string);
    struct json_object *out = NULL;

    if (plain_choice(choice)) {
        json_object_object_add(o->body, "tool_choice", new_choice(plain_choice(choice)));
        return 0;
    }
    if (!name)
        return outgoing_refuse(o, "it takes auto, required, none or one named function",
                               "tool_choice");
    out = new_choice("tool");
    outgoing_share(out, "name", name);
    json_object_object_add(o->body, "tool_choice", out);
    return 0;
}

static void one_call_at_a_time(struct outgoing *o)
{
    struct json_object *choice = json_get(o->body, "tool_choice");
    const char *type = json_get_str(choice, "type");

    if (type && strcmp(type, "none") == 0)
        return;
    if (!choice) {
        choice = new_choice("auto");
        json_object_object_add(o->body, "tool_choice", choice);
    }
    json_object_object_add(choice, "disable_parallel_tool_use", json_object_new_boolean(1));
}

int anthropic_tools(struct outgoing *o)
{
    struct json_object *choice = json_get(o->t->body, "tool_choice");

    if (outgoing_tools(o, put_tool) < 0)
        return -1;
    if (!json_get(o->body, "tools"))
        return 0;
    if (choice && put_choice(o, choice) < 0)
        return -1;
    if (!json_get_bool(o->t->body, "parallel_tool_calls", true))
        one_call_at_a_time(o);
    return 0;
}
