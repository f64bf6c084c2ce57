/*
 * record_respond: checks what only requests to /v1/responses have: input items, the output format, and
 * whether a request leans on state that the provider keeps. It checks and changes nothing; items and
 * parts of unknown types pass.
 */
#include "task/record_int.h"

#include <string.h>
#include <sysexits.h>

#include "base/mem.h"

/* Members that must be strings, by type of the item or part. A message is an item without a type, too. */
static const struct {
    const char *type;
    const char *strings[3];
} shapes[] = {
    {"function_call", {"call_id", "name", "arguments"}},
    {"custom_tool_call", {"call_id", "name", "input"}},
    {"function_call_output", {"call_id"}},
    {"custom_tool_call_output", {"call_id"}},
    {"item_reference", {"id"}},
    {"input_text", {"text"}},
    {"output_text", {"text"}},
    {"refusal", {"refusal"}},
};

static int need_strings(struct json_object *o, const char *type, const struct record_path *at,
                        struct err *e)
{
    size_t i = 0;
    size_t k = 0;

    while (i < ARRAY_LEN(shapes) && strcmp(shapes[i].type, type) != 0)
        i++;
    for (k = 0; i < ARRAY_LEN(shapes) && k < ARRAY_LEN(shapes[i].strings); k++) {
        const char *name = shapes[i].strings[k];

        if (name && !json_get_str(o, name))
            return record_wrong_at(e, RECORD_AT(at, name), "a string", json_get(o, name));
    }
    return 0;
}

static int check_part(struct json_object *part, const struct record_path *at, struct err *e)
{
    const char *type = json_get_str(part, "type");

    if (!json_object_is_type(part, json_type_object))
        return record_wrong_at(e, at, "an object with a type", part);
    if (!type)
        return record_wrong_at(e, RECORD_AT(at, "type"), "a string", json_get(part, "type"));
    return need_strings(part, type, at, e);
}

/* A string or a list of parts: the content of a message, the output of a tool. */
static int check_content(struct json_object *content, const struct record_path *at, struct err *e)
{
    size_t i = 0;

    if (json_object_is_type(content, json_type_string))
        return 0;
    if (!json_object_is_type(content, json_type_array))
        return record_wrong_at(e, at, "a string or a list of parts", content);
    for (i = 0; i < json_object_array_length(content); i++) {
        if (check_part(json_object_array_get_idx(content, i), RECORD_ITEM(at, i), e) < 0)
            return -1;
    }
    return 0;
}

static int check_message(struct json_object *item, const struct record_path *at, struct err *e)
{
    static const char *const roles[] = {"user", "system", "developer", "assistant"};
    const char *role = json_get_str(item, "role");
    size_t i = 0;

    while (role && i < ARRAY_LEN(roles) && strcmp(role, roles[i]) != 0)
        i++;
    if (!role || i == ARRAY_LEN(roles))
        return record_wrong_at(e, RECORD_AT(at, "role"),
                               "one of developer, system, user and assistant",
                               json_get(item, "role"));
    return check_content(json_get(item, "content"), RECORD_AT(at, "content"), e);
}

static int check_item(struct json_object *item, const struct record_path *at, struct err *e)
{
    struct json_object *type = json_get(item, "type");
    const char *name = json_get_str(item, "type");

    if (!json_object_is_type(item, json_type_object))
        return record_wrong_at(e, at, "an object, an input item", item);
    if (type && !name)
        return record_wrong_at(e, RECORD_AT(at, "type"), "a string", type);
    if (!name && json_get_str(item, "id") && !json_get(item, "role"))
        return 0; /* a reference to an item may leave its type out */
    if (!name || strcmp(name, "message") == 0)
        return check_message(item, at, e);
    if (need_strings(item, name, at, e) < 0)
        return -1;
    if (strcmp(name, "function_call_output") == 0)
        return check_content(json_get(item, "output"), RECORD_AT(at, "output"), e);
    return 0;
}

static int check_input(struct json_object *body, const struct record_path *at, struct err *e)
{
    struct json_object *input = json_get(body, "input");
    char path[RECORD_PATH_MAX];
    size_t i = 0;

    if (json_object_is_type(input, json_type_string))
        return 0;
    /* what the provider keeps may be all that is asked */
    if (!input && (json_get_type(body, "prompt", json_type_object) || record_is_stateful(body)))
        return 0;
    if (!json_object_is_type(input, json_type_array))
        return record_wrong_at(e, at, "a string or a list of items", input);
    if (json_object_array_length(input) == 0)
        return err_set(e, EX_DATAERR, "%s is empty; give at least one item",
                       record_path_text(at, path));
    for (i = 0; i < json_object_array_length(input); i++) {
        if (check_item(json_object_array_get_idx(input, i), RECORD_ITEM(at, i), e) < 0)
            return -1;
    }
    return 0;
}

/* text.format of type json_schema must bring a name and a schema: without, hosts answer anything. */
static int check_format(struct json_object *body, const struct record_path *at, struct err *e)
{
    struct json_object *format = json_get(json_get(body, "text"), "format");
    const struct record_path *path = RECORD_AT(RECORD_AT(at, "text"), "format");
    const char *type = json_get_str(format, "type");

    if (!format)
        return 0;
    if (!type)
        return record_wrong_at(e, path, "an object with a type", format);
    if (strcmp(type, "json_schema") != 0)
        return 0;
    if (!json_get_str(format, "name"))
        return record_wrong_at(e, RECORD_AT(path, "name"), "a string", json_get(format, "name"));
    if (!json_get_type(format, "schema", json_type_object))
        return record_wrong_at(e, RECORD_AT(path, "schema"), "a JSON Schema, an object",
                               json_get(format, "schema"));
    return 0;
}

static int check_effort(struct json_object *body, const struct record_path *at, struct err *e)
{
    struct json_object *effort = json_get(json_get(body, "reasoning"), "effort");

    if (!effort || json_object_is_type(effort, json_type_string))
        return 0;
    return record_wrong_at(e, RECORD_AT(RECORD_AT(at, "reasoning"), "effort"),
                           "a string such as \"low\"", effort);
}

int record_respond(struct json_object *body, const struct record_path *at, struct err *e)
{
    struct json_object *conversation = json_get(body, "conversation");
    char path[RECORD_PATH_MAX];

    if (check_input(body, RECORD_AT(at, "input"), e) < 0 || check_format(body, at, e) < 0 ||
        check_effort(body, at, e) < 0)
        return -1;
    if (!conversation || !json_get(body, "previous_response_id"))
        return 0;
    return err_set(e, EX_DATAERR, "%s stands beside previous_response_id; keep one of them",
                   record_path_text(RECORD_AT(at, "conversation"), path));
}

static bool is_reference(struct json_object *item)
{
    const char *type = json_get_str(item, "type");

    return type ? strcmp(type, "item_reference") == 0
                : json_get_str(item, "id") && !json_get(item, "role");
}

bool record_is_stateful(struct json_object *body)
{
    struct json_object *input = json_get_type(body, "input", json_type_array);
    struct json_object *prompt = json_get_type(body, "prompt", json_type_object);
    size_t i = 0;

    if (json_get(body, "previous_response_id") || json_get(body, "conversation"))
        return true;
    if (prompt && !json_get_str(prompt, "version")) /* its newest version, whatever that is */
        return true;
    for (i = 0; input && i < json_object_array_length(input); i++) {
        if (is_reference(json_object_array_get_idx(input, i)))
            return true;
    }
    return false;
}
