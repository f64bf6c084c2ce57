/* anthropic: what becomes of each member of a Messages request; the messages are in anthropic_turns.c. */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cmd/convert/readers.h"

static int same(struct inward *in, const char *path, struct json_object *v)
{
    inward_share(in->body, path, v);
    return 0;
}

static int read_max_tokens(struct inward *in, const char *path, struct json_object *v)
{
    (void)path;
    inward_share(in->body, "max_completion_tokens", v);
    return 0;
}

static int read_stop(struct inward *in, const char *path, struct json_object *v)
{
    (void)path;
    inward_share(in->body, "stop", v);
    return 0;
}

static int read_stream(struct inward *in, const char *path, struct json_object *v)
{
    return json_object_get_boolean(v) ? inward_lose(in, "a batch cannot stream", "%s", path) : 0;
}

static int read_user_id(struct inward *in, const char *path, struct json_object *v)
{
    (void)path;
    inward_share(in->body, "user", v);
    return 0;
}

static int read_metadata(struct inward *in, const char *path, struct json_object *v)
{
    static const struct inward_row rows[] = {{"user_id", read_user_id}};

    if (!json_object_is_type(v, json_type_object))
        return inward_fail(in, "must be an object", "%s", path);
    return inward_walk(in, path, v, rows, ARRAY_LEN(rows));
}

static int read_tier(struct inward *in, const char *path, struct json_object *v)
{
    const char *tier = json_object_get_string(v);

    if (strcmp(tier, "auto") != 0 && strcmp(tier, "standard_only") != 0)
        return inward_lose(in, "is no tier that OpenAI's form knows", "%s", path);
    json_add_str(in->body, "service_tier", strcmp(tier, "auto") == 0 ? "auto" : "default");
    return 0;
}

static bool thinks(struct json_object *thinking, const char *how)
{
    const char *type = json_get_str(thinking, "type");

    return type && strcmp(type, how) == 0 && json_object_object_length(thinking) == 1;
}

/* Adaptive thinking and an effort are an effort in OpenAI's form, which is read with output_config. */
static int read_thinking(struct inward *in, const char *path, struct json_object *v)
{
    if (thinks(v, "disabled")) {
        json_add_str(in->body, "reasoning_effort", "none");
        return 0;
    }
    if (thinks(v, "adaptive") && json_get(json_get(in->source, "output_config"), "effort"))
        return 0;
    return inward_no(in, path, v);
}

static int read_effort(struct inward *in, const char *path, struct json_object *v)
{
    if (!thinks(json_get(in->source, "thinking"), "adaptive"))
        return inward_lose(in, "without adaptive thinking it has no counterpart in OpenAI's form",
                           "%s", path);
    inward_share(in->body, "reasoning_effort", v);
    return 0;
}

static int read_format(struct inward *in, const char *path, struct json_object *v)
{
    const char *type = json_get_str(v, "type");
    struct json_object *schema = json_get_type(v, "schema", json_type_object);

    if (!type || strcmp(type, "json_schema") != 0 || !schema)
        return inward_lose(in, "only a json_schema can be said in OpenAI's form", "%s", path);
    inward_schema(in, schema);
    return 0;
}

static int read_output_config(struct inward *in, const char *path, struct json_object *v)
{
    static const struct inward_row rows[] = {{"effort", read_effort}, {"format", read_format}};

    if (!json_object_is_type(v, json_type_object))
        return inward_fail(in, "must be an object", "%s", path);
    return inward_walk(in, path, v, rows, ARRAY_LEN(rows));
}

static int read_tool(struct inward *in, size_t i, struct json_object *tool)
{
    static const char *const names[][2] = {{"name", "name"},
                                           {"description", "description"},
                                           {"strict", "strict"},
                                           {"input_schema", "parameters"}};
    const char *type = json_get_str(tool, "type");
    struct json_object *out = NULL;
    struct json_object *function = NULL;
    int rc = 0;

    if (!json_object_is_type(tool, json_type_object) || (type && strcmp(type, "custom") != 0))
        return inward_lose(in, "only tools of type custom can be said in OpenAI's form",
                           "tools[%zu]", i);
    out = inward_typed("function");
    function = json_add_object(out, "function");
    json_object_array_add(json_get(in->body, "tools"), out);
    json_object_object_foreach(tool, name, v)
    {
        size_t k = 0;

        while (k < ARRAY_LEN(names) && strcmp(names[k][0], name) != 0)
            k++;
        if (k < ARRAY_LEN(names))
            inward_share(function, names[k][1], v);
        else if (strcmp(name, "type") != 0)
            rc = inward_lose(in, "it has no counterpart in OpenAI's form", "tools[%zu].%.60s", i,
                             name);
        if (rc < 0)
            return -1;
    }
    return 0;
}

static int read_tools(struct inward *in, const char *path, struct json_object *v)
{
    json_add_list(in->body, "tools");
    return inward_list(in, path, v, read_tool);
}

static int read_choice(struct inward *in, const char *path, struct json_object *v)
{
    static const char *const words[][2] = {{"auto", "auto"}, {"any", "required"}, {"none", "none"}};
    const char *type = json_get_str(v, "type");
    struct json_object *choice = NULL;

    if (json_get_bool(v, "disable_parallel_tool_use", false))
        json_add_bool(in->body, "parallel_tool_calls", false);
    for (size_t i = 0; type && i < ARRAY_LEN(words); i++) {
        if (strcmp(type, words[i][0]) == 0) {
            json_add_str(in->body, "tool_choice", words[i][1]);
            return 0;
        }
    }
    if (!type || strcmp(type, "tool") != 0 || !json_get_str(v, "name"))
        return inward_fail(in, "must be of type auto, any, none, or tool with a name", "%s", path);
    choice = json_add_object(in->body, "tool_choice");
    json_add_str(choice, "type", "function");
    inward_share(json_add_object(choice, "function"), "name", json_get(v, "name"));
    return 0;
}

int read_anthropic(struct inward *in, struct json_object *params)
{
    static const struct inward_row rows[] = {
        {"system", NULL},
        {"model", same},
        {"messages", read_anthropic_messages},
        {"max_tokens", read_max_tokens},
        {"stop_sequences", read_stop},
        {"temperature", same},
        {"top_p", same},
        {"top_k", inward_top_k},
        {"stream", read_stream},
        {"metadata", read_metadata},
        {"service_tier", read_tier},
        {"thinking", read_thinking},
        {"output_config", read_output_config},
        {"cache_control", inward_no},
        {"tools", read_tools},
        {"tool_choice", read_choice},
    };
    struct json_object *system = json_get(params, "system");

    if (system && read_anthropic_system(in, "system", system) < 0)
        return -1; /* its message comes first */
    return inward_walk(in, "", params, rows, ARRAY_LEN(rows));
}
