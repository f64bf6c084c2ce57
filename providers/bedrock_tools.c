/*
 * bedrock_tools: tools and tool_choice of a request. The API has no choice "none"; leaving the tools
 * out says the same, unless messages hold calls, for then it wants to see the tools.
 */
#include "providers/bedrock.h"

#include <string.h>

#include "base/json.h"

static struct json_object *empty_schema(void)
{
    struct json_object *schema = bedrock_wrap("type", json_object_new_string("object"));

    json_object_object_add(schema, "properties", json_object_new_object());
    return schema;
}

static int put_tool(struct outgoing *o, struct json_object *tool, size_t place,
                    struct json_object *list)
{
    struct json_object *function = json_get_type(tool, "function", json_type_object);
    struct json_object *parameters = json_get_type(function, "parameters", json_type_object);
    struct json_object *spec = NULL;
    const char *description = json_get_str(function, "description");

    if (!function)
        return outgoing_fail(o, "only tools of type function, with a member function, can be sent",
                             "tools[%zu]", place);
    if (!json_get_str(function, "name"))
        return outgoing_fail(o, "is missing", "tools[%zu].function.name", place);
    spec = bedrock_wrap("name", json_object_get(json_get(function, "name")));
    if (description && *description) /* the API refuses an empty one */
        outgoing_share(spec, "description", json_get(function, "description"));
    if (json_get_bool(function, "strict", false))
        json_object_object_add(spec, "strict", json_object_new_boolean(1));
    json_object_object_add(
        spec, "inputSchema",
        bedrock_wrap("json", parameters ? json_object_get(parameters) : empty_schema()));
    json_object_array_add(list, bedrock_wrap("toolSpec", spec));
    bedrock_cache_point(tool, list);
    return 0;
}

static bool says(struct json_object *choice, const char *word)
{
    return json_object_is_type(choice, json_type_string) &&
           strcmp(json_object_get_string(choice), word) == 0;
}

static int put_choice(struct outgoing *o, struct json_object *choice, struct json_object *config)
{
    struct json_object *name =
        json_get_type(json_get(choice, "function"), "name", json_type_string);
    struct json_object *out = NULL;

    if (says(choice, "auto"))
        out = bedrock_wrap("auto", json_object_new_object());
    else if (says(choice, "required"))
        out = bedrock_wrap("any", json_object_new_object());
    else if (name)
        out = bedrock_wrap("tool", bedrock_wrap("name", json_object_get(name)));
    if (!out)
        return outgoing_refuse(o,
                               says(choice, "none")
                                   ? "it has no choice none while messages hold tool calls"
                                   : "it takes auto, required, none or one named function",
                               "tool_choice");
    json_object_object_add(config, "toolChoice", out);
    return 0;
}

/* Does a turn hold a call or a result? */
static bool messages_hold_calls(struct outgoing *o)
{
    struct json_object *messages = json_get(o->body, "messages");
    size_t n = json_object_array_length(messages);
    size_t i = 0;
    size_t k = 0;

    for (i = 0; i < n; i++) {
        struct json_object *blocks = json_get(json_object_array_get_idx(messages, i), "content");

        for (k = 0; k < json_object_array_length(blocks); k++) {
            struct json_object *block = json_object_array_get_idx(blocks, k);

            if (json_get(block, "toolUse") || json_get(block, "toolResult"))
                return true;
        }
    }
    return false;
}

int bedrock_tools(struct outgoing *o)
{
    struct json_object *tools = json_get_type(o->t->body, "tools", json_type_array);
    struct json_object *choice = json_get(o->t->body, "tool_choice");
    struct json_object *list = NULL;
    struct json_object *config = NULL;
    size_t n = tools ? json_object_array_length(tools) : 0;
    bool calls = messages_hold_calls(o);
    size_t i = 0;

    if (n == 0 && calls)
        return outgoing_fail(o, "is missing; the API wants the tools whose calls are in messages",
                             "tools");
    if (n == 0 || (says(choice, "none") && !calls))
        return 0;
    list = json_object_new_array_ext((int)n);
    config = bedrock_wrap("tools", list);
    json_object_object_add(o->body, "toolConfig", config);
    for (i = 0; i < n; i++) {
        if (put_tool(o, json_object_array_get_idx(tools, i), i, list) < 0)
            return -1;
    }
    return choice ? put_choice(o, choice, config) : 0;
}
