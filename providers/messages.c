/*
 * messages: checks of messages that dialects share. It must not write anything: what a message becomes
 * is each dialect's own.
 */
#include "providers/messages.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"

/* The first four are in the order of enum role. */
static const struct {
    const char *name;
    enum role role;
} roles[] = {
    {"system", ROLE_SYSTEM}, {"user", ROLE_USER},        {"assistant", ROLE_ASSISTANT},
    {"tool", ROLE_TOOL},     {"developer", ROLE_SYSTEM},
};

const char *message_role_name(enum role role)
{
    return roles[role].name;
}

int message_role(struct outgoing *o, struct json_object *message, size_t place, enum role *ret)
{
    const char *role = json_get_str(message, "role");
    size_t i = 0;

    if (json_get(message, "name") &&
        outgoing_refuse(o, "its messages have no name", "messages[%zu].name", place) < 0)
        return -1;
    if (json_get(message, "function_call"))
        return outgoing_fail(o, "is an old form; use tool_calls", "messages[%zu].function_call",
                             place);
    for (i = 0; role && i < ARRAY_LEN(roles); i++) {
        if (strcmp(role, roles[i].name) != 0)
            continue;
        *ret = roles[i].role;
        return 0;
    }
    return outgoing_fail(o, "must be system, developer, user, assistant or tool",
                         "messages[%zu].role", place);
}

int message_parts(struct outgoing *o, struct json_object *content, size_t place,
                  int (*put)(void *arg, struct json_object *part, size_t i), void *arg)
{
    size_t n = 0;
    size_t i = 0;

    if (!json_object_is_type(content, json_type_array))
        return outgoing_fail(o, "must be a string or a list of parts", "messages[%zu].content",
                             place);
    n = json_object_array_length(content);
    for (i = 0; i < n; i++) {
        if (put(arg, json_object_array_get_idx(content, i), i) < 0)
            return -1;
    }
    return 0;
}

int message_part(struct outgoing *o, struct json_object *part, size_t place, size_t i,
                 const char **ret_type, struct json_object **ret_text)
{
    const char *type = json_get_str(part, "type");
    struct json_object *text = NULL;

    if (!type)
        return outgoing_fail(o, "is missing", "messages[%zu].content[%zu].type", place, i);
    if (strcmp(type, "text") == 0 || strcmp(type, "refusal") == 0) {
        text = json_get_type(part, type, json_type_string);
        if (!text)
            return outgoing_fail(o, "must be a string", "messages[%zu].content[%zu].%s", place, i,
                                 type);
    }
    *ret_type = type;
    *ret_text = text;
    return 0;
}

static int parse_arguments(struct outgoing *o, struct json_object *function, size_t place, size_t i,
                           struct json_object **ret)
{
    CLEANUP_JSON struct json_object *arguments = NULL;
    const char *text = json_get_str(function, "arguments");
    bool absent = !json_get(function, "arguments") || (text && !*text);

    if (absent)
        text = "{}";
    if (!text || json_parse(text, strlen(text), &arguments, NULL) < 0 ||
        !json_object_is_type(arguments, json_type_object))
        return outgoing_fail(o, "must be a JSON object written as a string",
                             "messages[%zu].tool_calls[%zu].function.arguments", place, i);
    *ret = STEAL(arguments);
    return 0;
}

int message_calls(struct outgoing *o, struct json_object *message, size_t place,
                  void (*put)(void *arg, struct json_object *call, struct json_object *arguments),
                  void *arg)
{
    struct json_object *calls = json_get_type(message, "tool_calls", json_type_array);
    size_t n = calls ? json_object_array_length(calls) : 0;
    size_t i = 0;

    for (i = 0; i < n; i++) {
        CLEANUP_JSON struct json_object *arguments = NULL;
        struct json_object *call = json_object_array_get_idx(calls, i);
        struct json_object *function = json_get_type(call, "function", json_type_object);

        if (!json_get_str(call, "id") || !json_get_str(function, "name"))
            return outgoing_fail(o, "must have an id and a function with a name",
                                 "messages[%zu].tool_calls[%zu]", place, i);
        if (parse_arguments(o, function, place, i, &arguments) < 0)
            return -1;
        put(arg, call, arguments);
    }
    return 0;
}
