/*
 * record_messages: checks the shape of messages, tools and embedding inputs, so that every provider
 * may rely on it. It checks and changes nothing; parts and tools of unknown types pass, vendors add
 * them.
 */
#include "task/record_int.h"

#include <string.h>
#include <sysexits.h>

#include "base/mem.h"

enum role {
    ROLE_NONE,
    ROLE_DEVELOPER,
    ROLE_SYSTEM,
    ROLE_USER,
    ROLE_ASSISTANT,
    ROLE_TOOL,
    ROLE_FUNCTION
};

static enum role role_of(struct json_object *message)
{
    static const char *const names[] = {
        [ROLE_DEVELOPER] = "developer", [ROLE_SYSTEM] = "system", [ROLE_USER] = "user",
        [ROLE_ASSISTANT] = "assistant", [ROLE_TOOL] = "tool",     [ROLE_FUNCTION] = "function",
    };
    const char *role = json_get_str(message, "role");
    size_t i = 0;

    for (i = 1; role && i < ARRAY_LEN(names); i++) {
        if (strcmp(role, names[i]) == 0)
            return (enum role)i;
    }
    return ROLE_NONE;
}

/* A member that has to be there and be a string. `at` is the path of o. */
static int need_string(struct json_object *o, const struct record_path *at, const char *name,
                       struct err *e)
{
    if (json_get_str(o, name))
        return 0;
    return record_wrong_at(e, RECORD_AT(at, name), "a string", json_get(o, name));
}

static int check_part(struct json_object *part, const struct record_path *at, struct err *e)
{
    const char *type = json_get_str(part, "type");

    if (!json_object_is_type(part, json_type_object))
        return record_wrong_at(e, at, "an object with a type", part);
    if (!type)
        return need_string(part, at, "type", e);
    if (strcmp(type, "text") == 0)
        return need_string(part, at, "text", e);
    if (strcmp(type, "image_url") == 0)
        return need_string(json_get(part, "image_url"), RECORD_AT(at, "image_url"), "url", e);
    return 0;
}

static int check_content(struct json_object *message, enum role role, const struct record_path *at,
                         struct err *e)
{
    struct json_object *content = json_get(message, "content");
    const struct record_path *path = RECORD_AT(at, "content");
    bool may_be_null = role == ROLE_ASSISTANT || role == ROLE_FUNCTION;
    size_t i = 0;

    if (json_object_is_type(content, json_type_string) || (!content && may_be_null))
        return 0;
    if (!json_object_is_type(content, json_type_array))
        return record_wrong_at(e, path,
                               may_be_null ? "a string, a list of parts or null"
                                           : "a string or a list of parts",
                               content);
    for (i = 0; i < json_object_array_length(content); i++) {
        if (check_part(json_object_array_get_idx(content, i), RECORD_ITEM(path, i), e) < 0)
            return -1;
    }
    return 0;
}

static int check_tool_call(struct json_object *call, const struct record_path *at, struct err *e)
{
    struct json_object *function = json_get(call, "function");
    const struct record_path *inner = RECORD_AT(at, "function");

    if (!json_object_is_type(call, json_type_object))
        return record_wrong_at(e, at, "an object with id and function", call);
    if (need_string(call, at, "id", e) < 0)
        return -1;
    if (!function && json_get(call, "custom"))
        return 0;
    if (!json_object_is_type(function, json_type_object))
        return record_wrong_at(e, inner, "an object with name and arguments", function);
    if (need_string(function, inner, "name", e) < 0)
        return -1;
    return need_string(function, inner, "arguments", e);
}

static int check_tool_calls(struct json_object *message, const struct record_path *at,
                            struct err *e)
{
    struct json_object *calls = json_get(message, "tool_calls");
    const struct record_path *path = RECORD_AT(at, "tool_calls");
    size_t i = 0;

    if (!calls)
        return 0;
    if (!json_object_is_type(calls, json_type_array))
        return record_wrong_at(e, path, "a list of tool calls", calls);
    for (i = 0; i < json_object_array_length(calls); i++) {
        if (check_tool_call(json_object_array_get_idx(calls, i), RECORD_ITEM(path, i), e) < 0)
            return -1;
    }
    return 0;
}

static int check_message(struct json_object *message, const struct record_path *at, struct err *e)
{
    enum role role = role_of(message);

    if (!json_object_is_type(message, json_type_object))
        return record_wrong_at(e, at, "an object with role and content", message);
    if (role == ROLE_NONE)
        return record_wrong_at(e, RECORD_AT(at, "role"),
                               "one of developer, system, user, assistant, tool and function",
                               json_get(message, "role"));
    if (json_get(message, "name") && need_string(message, at, "name", e) < 0)
        return -1;
    if (role == ROLE_TOOL && need_string(message, at, "tool_call_id", e) < 0)
        return -1;
    if (check_content(message, role, at, e) < 0)
        return -1;
    return role == ROLE_ASSISTANT ? check_tool_calls(message, at, e) : 0;
}

/* A list may be empty nowhere. */
static int fail_empty(const struct record_path *at, const char *what, struct err *e)
{
    char path[RECORD_PATH_MAX];

    return err_set(e, EX_DATAERR, "%s is empty; give at least one %s", record_path_text(at, path),
                   what);
}

int record_messages(struct json_object *messages, const struct record_path *at, struct err *e)
{
    size_t n = 0;
    size_t i = 0;

    if (!json_object_is_type(messages, json_type_array))
        return record_wrong_at(e, at, "a list of messages", messages);
    n = json_object_array_length(messages);
    if (n == 0)
        return fail_empty(at, "message", e);
    for (i = 0; i < n; i++) {
        if (check_message(json_object_array_get_idx(messages, i), RECORD_ITEM(at, i), e) < 0)
            return -1;
    }
    return 0;
}

/* One text as tokens: integers that are not negative, at least one. */
static bool is_tokens(struct json_object *list)
{
    size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
    size_t i = 0;

    for (i = 0; i < n; i++) {
        struct json_object *v = json_object_array_get_idx(list, i);

        if (!json_object_is_type(v, json_type_int) || json_object_get_int64(v) < 0)
            return false;
    }
    return n > 0;
}

int record_embedding_input(struct json_object *input, const struct record_path *at, struct err *e)
{
    static const char what[] =
        "a string, a list of strings, a list of tokens or a list of such lists";
    struct json_object *first = NULL;
    size_t i = 0;

    if (json_object_is_type(input, json_type_string) || is_tokens(input))
        return 0;
    if (!json_object_is_type(input, json_type_array))
        return record_wrong_at(e, at, what, input);
    if (json_object_array_length(input) == 0)
        return fail_empty(at, "text", e);
    first = json_object_array_get_idx(input, 0);
    for (i = 0; i < json_object_array_length(input); i++) {
        struct json_object *v = json_object_array_get_idx(input, i);

        if (json_object_get_type(v) == json_object_get_type(first) &&
            (json_object_is_type(v, json_type_string) || is_tokens(v)))
            continue;
        return record_wrong_at(e, RECORD_ITEM(at, i),
                               "a text or a list of tokens, like all others of the list", v);
    }
    return 0;
}

static int check_tool(struct json_object *tool, const struct record_path *at, bool flat,
                      struct err *e)
{
    const char *type = json_get_str(tool, "type");

    if (!json_object_is_type(tool, json_type_object))
        return record_wrong_at(e, at, "an object with a type", tool);
    if (!type)
        return need_string(tool, at, "type", e);
    if (strcmp(type, "function") != 0)
        return 0;
    if (flat)
        return need_string(tool, at, "name", e);
    return need_string(json_get(tool, "function"), RECORD_AT(at, "function"), "name", e);
}

int record_tools(struct json_object *tools, const struct record_path *at, bool flat, struct err *e)
{
    size_t i = 0;

    if (!json_object_is_type(tools, json_type_array))
        return record_wrong_at(e, at, "a list of tools", tools);
    for (i = 0; i < json_object_array_length(tools); i++) {
        if (check_tool(json_object_array_get_idx(tools, i), RECORD_ITEM(at, i), flat, e) < 0)
            return -1;
    }
    return 0;
}
