/*
 * gemini_tools: tools, tool_choice and parallel_tool_calls of a request. Schemas go out as JSON
 * Schema (parametersJsonSchema), which every model since 2.5 reads as it is; the older form of the
 * API, a subset with other words, is not written.
 */
#include "providers/gemini.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"

/* Tools of the API's own, which may be asked for in its own words: {"googleSearch":{}}. */
static const char *const own_tools[] = {"googleSearch", "googleMaps", "urlContext",
                                        "codeExecution"};

struct toolbox {
    struct outgoing *o;
    struct json_object *tools;     /* goes into the body */
    struct json_object *functions; /* functionDeclarations; borrowed from tools, or NULL */
    bool strict;                   /* a function wants its schema kept */
};

static void copy_member(struct json_object *from, const char *key, struct json_object *to,
                        const char *as)
{
    if (json_get(from, key))
        outgoing_share(to, as, json_get(from, key));
}

static struct json_object *functions_of(struct toolbox *b)
{
    struct json_object *tool = NULL;

    if (b->functions)
        return b->functions;
    tool = json_object_new_object();
    b->functions = json_object_new_array();
    json_object_object_add(tool, "functionDeclarations", b->functions);
    json_object_array_add(b->tools, tool);
    return b->functions;
}

static bool is_own(struct json_object *tool)
{
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(own_tools); i++) {
        if (json_get_type(tool, own_tools[i], json_type_object))
            return json_object_object_length(tool) == 1;
    }
    return false;
}

static int put_tool(struct toolbox *b, struct json_object *tool, size_t place)
{
    struct json_object *function = json_get_type(tool, "function", json_type_object);
    struct json_object *out = NULL;

    if (is_own(tool)) {
        json_object_array_add(b->tools, json_object_get(tool));
        return 0;
    }
    if (!function)
        return outgoing_fail(b->o,
                             "only tools of type function, with a member function, can be sent",
                             "tools[%zu]", place);
    if (!json_get_str(function, "name"))
        return outgoing_fail(b->o, "is missing", "tools[%zu].function.name", place);
    out = json_object_new_object();
    copy_member(function, "name", out, "name");
    copy_member(function, "description", out, "description");
    if (json_get_type(function, "parameters", json_type_object))
        copy_member(function, "parameters", out, "parametersJsonSchema");
    b->strict = b->strict || json_get_bool(function, "strict", false);
    json_object_array_add(functions_of(b), out);
    return 0;
}

static void put_config(struct toolbox *b, const char *mode, struct json_object *names)
{
    struct json_object *config = json_object_new_object();
    struct json_object *calling = json_object_new_object();

    json_object_object_add(calling, "mode", json_object_new_string(mode));
    if (names)
        json_object_object_add(calling, "allowedFunctionNames", names);
    json_object_object_add(config, "functionCallingConfig", calling);
    json_object_object_add(b->o->body, "toolConfig", config);
}

/* The API's word for a plain choice; NULL: unknown. VALIDATED is AUTO with schemas kept. */
static const char *mode_of(const struct toolbox *b, const char *word)
{
    if (word && strcmp(word, "auto") == 0)
        return b->strict ? "VALIDATED" : "AUTO";
    if (word && strcmp(word, "required") == 0)
        return "ANY";
    return word && strcmp(word, "none") == 0 ? "NONE" : NULL;
}

/* {"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"function":{"name"}}]}} */
static int put_allowed(struct toolbox *b, struct json_object *allowed)
{
    const char *mode = mode_of(b, json_get_str(allowed, "mode"));
    struct json_object *tools = json_get_type(allowed, "tools", json_type_array);
    struct json_object *names = json_object_new_array();
    size_t n = tools ? json_object_array_length(tools) : 0;
    size_t i = 0;

    for (i = 0; i < n; i++) {
        struct json_object *function = json_get(json_object_array_get_idx(tools, i), "function");

        if (json_get_str(function, "name"))
            json_object_array_add(names, json_object_get(json_get(function, "name")));
    }
    if (!mode || n == 0 || json_object_array_length(names) != n) {
        json_object_put(names);
        return outgoing_fail(b->o, "must hold a mode and a list of functions with names",
                             "tool_choice.allowed_tools");
    }
    put_config(b, strcmp(mode, "AUTO") == 0 ? "VALIDATED" : mode, names);
    return 0;
}

static int put_choice(struct toolbox *b, struct json_object *choice)
{
    struct json_object *name =
        json_get_type(json_get(choice, "function"), "name", json_type_string);
    struct json_object *names = NULL;
    const char *mode = NULL;

    if (!choice && !b->strict)
        return 0;
    if (!choice || json_object_is_type(choice, json_type_string))
        mode = mode_of(b, choice ? json_object_get_string(choice) : "auto");
    if (mode) {
        put_config(b, mode, NULL);
        return 0;
    }
    if (json_get(choice, "allowed_tools"))
        return put_allowed(b, json_get(choice, "allowed_tools"));
    if (!name)
        return outgoing_refuse(b->o,
                               "it takes auto, required, none, one named function or allowed_tools",
                               "tool_choice");
    names = json_object_new_array();
    json_object_array_add(names, json_object_get(name));
    put_config(b, "ANY", names);
    return 0;
}

int gemini_tools(struct outgoing *o)
{
    struct json_object *in = json_get_type(o->t->body, "tools", json_type_array);
    struct toolbox b = {.o = o};
    size_t n = in ? json_object_array_length(in) : 0;
    size_t i = 0;

    if (n == 0)
        return 0;
    b.tools = json_object_new_array();
    json_object_object_add(o->body, "tools", b.tools);
    for (i = 0; i < n; i++) {
        if (put_tool(&b, json_object_array_get_idx(in, i), i) < 0)
            return -1;
    }
    if (!b.functions)
        return 0;
    if (!json_get_bool(o->t->body, "parallel_tool_calls", true) &&
        outgoing_refuse(o, "it decides for itself how many calls it makes at once",
                        "parallel_tool_calls") < 0)
        return -1;
    return put_choice(&b, json_get(o->t->body, "tool_choice"));
}
