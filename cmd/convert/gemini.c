/*
 * gemini: what becomes of each member of a GenerateContentRequest; its contents are in gemini_turns.c. Names are those of
 * the API's JSON (maxOutputTokens); convert.c has turned the other spelling (max_output_tokens) into them.
 */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cmd/convert/readers.h"

/* Members of generationConfig whose value is the same in OpenAI's form. */
static const char *const config_names[][2] = {
    {"maxOutputTokens", "max_completion_tokens"},
    {"temperature", "temperature"},
    {"topP", "top_p"},
    {"seed", "seed"},
    {"presencePenalty", "presence_penalty"},
    {"frequencyPenalty", "frequency_penalty"},
    {"responseLogprobs", "logprobs"},
    {"logprobs", "top_logprobs"},
    {"stopSequences", "stop"},
    {"candidateCount", "n"},
};

static int read_same(struct inward *in, const char *path, struct json_object *v)
{
    const char *name = strrchr(path, '.') + 1;

    for (size_t i = 0; i < ARRAY_LEN(config_names); i++) {
        if (strcmp(config_names[i][0], name) == 0)
            inward_share(in->body, config_names[i][1], v);
    }
    return 0;
}

static int read_mime_type(struct inward *in, const char *path, struct json_object *v)
{
    const char *type = json_object_get_string(v);

    if (strcmp(type, "text/plain") == 0 || json_get(in->body, "response_format"))
        return 0;
    if (strcmp(type, "application/json") != 0)
        return inward_lose(in, "only text/plain and application/json can be said", "%s", path);
    json_add_str(json_add_object(in->body, "response_format"), "type", "json_object");
    return 0;
}

static int read_schema(struct inward *in, const char *path, struct json_object *v)
{
    if (!json_object_is_type(v, json_type_object))
        return inward_fail(in, "must be an object", "%s", path);
    inward_schema(in, v);
    return 0;
}

static int read_old_schema(struct inward *in, const char *path, struct json_object *v)
{
    (void)v;
    return inward_lose(in, "this form of schemas is Gemini's own; say it as responseJsonSchema",
                       "%s", path);
}

/* Only what an effort becomes can become an effort again. */
static int read_thinking(struct inward *in, const char *path, struct json_object *v)
{
    static const char *const levels[][2] = {
        {"MINIMAL", "minimal"}, {"LOW", "low"}, {"MEDIUM", "medium"}, {"HIGH", "high"}};
    const char *level = json_get_str(v, "thinkingLevel");
    size_t n = json_object_is_type(v, json_type_object) ? (size_t)json_object_object_length(v) : 0;

    if (n == 1 && json_get_int(v, "thinkingBudget", -1) == 0) {
        json_add_str(in->body, "reasoning_effort", "none");
        return 0;
    }
    for (size_t i = 0; level && i < ARRAY_LEN(levels); i++) {
        if (strcmp(level, levels[i][0]) == 0 && n == 2 &&
            json_get_bool(v, "includeThoughts", false)) {
            json_add_str(in->body, "reasoning_effort", levels[i][1]);
            return 0;
        }
    }
    return inward_no(in, path, v);
}

static int read_config(struct inward *in, const char *path, struct json_object *v)
{
    static const struct inward_row first[] = {{"responseJsonSchema", read_schema}};
    static const struct inward_row rows[] = {
        {"responseJsonSchema", NULL},
        {"maxOutputTokens", read_same},
        {"temperature", read_same},
        {"topP", read_same},
        {"topK", inward_top_k},
        {"seed", read_same},
        {"presencePenalty", read_same},
        {"frequencyPenalty", read_same},
        {"responseLogprobs", read_same},
        {"logprobs", read_same},
        {"stopSequences", read_same},
        {"candidateCount", read_same},
        {"responseMimeType", read_mime_type},
        {"responseSchema", read_old_schema},
        {"thinkingConfig", read_thinking},
    };
    struct json_object *schema = json_get(v, first[0].name);

    if (!json_object_is_type(v, json_type_object))
        return inward_fail(in, "must be an object", "%s", path);
    if (schema && read_schema(in, "generationConfig.responseJsonSchema", schema) < 0)
        return -1;
    return inward_walk(in, path, v, rows, ARRAY_LEN(rows));
}

static int read_function(struct inward *in, size_t i, struct json_object *f)
{
    static const char *const names[][2] = {
        {"name", "name"}, {"description", "description"}, {"parametersJsonSchema", "parameters"}};
    struct json_object *function = NULL;
    struct json_object *tool = NULL;

    if (!json_get_str(f, "name"))
        return inward_fail(in, "must have a name", "tools[].functionDeclarations[%zu]", i);
    tool = inward_typed("function");
    function = json_add_object(tool, "function");
    json_object_array_add(json_get(in->body, "tools"), tool);
    json_object_object_foreach(f, name, v)
    {
        size_t k = 0;

        while (k < ARRAY_LEN(names) && strcmp(names[k][0], name) != 0)
            k++;
        if (k < ARRAY_LEN(names))
            inward_share(function, names[k][1], v);
        else if (inward_lose(in,
                             strcmp(name, "parameters") == 0
                                 ? "this form of schemas is Gemini's own; say it as "
                                   "parametersJsonSchema"
                                 : "it has no counterpart in OpenAI's form",
                             "tools[].functionDeclarations[%zu].%.60s", i, name) < 0)
            return -1;
    }
    return 0;
}

/* An object of functions, or a tool of the API's own. */
static int read_tool(struct inward *in, size_t i, struct json_object *tool)
{
    struct json_object *functions = json_get_type(tool, "functionDeclarations", json_type_array);
    char path[40];

    snprintf(path, sizeof path, "tools[%zu]", i);
    if (!functions)
        return inward_no(in, path, tool);
    if (json_object_object_length(tool) > 1 &&
        inward_lose(in, "beside functions it holds what has no counterpart", "%s", path) < 0)
        return -1;
    snprintf(path, sizeof path, "tools[%zu].functionDeclarations", i);
    return inward_list(in, path, functions, read_function);
}

static int read_tools(struct inward *in, const char *path, struct json_object *v)
{
    struct json_object *list = json_add_list(in->body, "tools");
    int rc = inward_list(in, path, v, read_tool);

    if (json_object_array_length(list) == 0)
        json_object_object_del(in->body, "tools");
    return rc;
}

/* ANY of one function is a named one; of several, allowed_tools. */
static void put_names(struct inward *in, const char *mode, struct json_object *names)
{
    struct json_object *choice = json_add_object(in->body, "tool_choice");
    struct json_object *allowed = NULL;
    struct json_object *list = NULL;

    if (json_object_array_length(names) == 1 && strcmp(mode, "required") == 0) {
        json_add_str(choice, "type", "function");
        inward_share(json_add_object(choice, "function"), "name",
                     json_object_array_get_idx(names, 0));
        return;
    }
    json_add_str(choice, "type", "allowed_tools");
    allowed = json_add_object(choice, "allowed_tools");
    json_add_str(allowed, "mode", mode);
    list = json_add_list(allowed, "tools");
    for (size_t i = 0; i < json_object_array_length(names); i++) {
        struct json_object *tool = inward_typed("function");

        inward_share(json_add_object(tool, "function"), "name",
                     json_object_array_get_idx(names, i));
        json_object_array_add(list, tool);
    }
}

/* VALIDATED keeps to the schemas, which a function of OpenAI's form says by `strict`. */
static void make_strict(struct inward *in)
{
    struct json_object *tools = json_get_type(in->body, "tools", json_type_array);

    for (size_t i = 0; tools && i < json_object_array_length(tools); i++) {
        struct json_object *function = json_get(json_object_array_get_idx(tools, i), "function");

        if (function)
            json_add_bool(function, "strict", true);
    }
}

static int read_choice(struct inward *in, const char *path, struct json_object *v)
{
    static const char *const modes[][2] = {
        {"AUTO", "auto"}, {"ANY", "required"}, {"NONE", "none"}, {"VALIDATED", "auto"}};
    struct json_object *calling = json_get_type(v, "functionCallingConfig", json_type_object);
    struct json_object *names = json_get_type(calling, "allowedFunctionNames", json_type_array);
    const char *mode = json_get_str(calling, "mode");
    size_t i = 0;

    while (mode && i < ARRAY_LEN(modes) && strcmp(mode, modes[i][0]) != 0)
        i++;
    if (!mode || i == ARRAY_LEN(modes) || json_object_object_length(v) > 1)
        return inward_lose(in, "only functionCallingConfig with a mode can be said", "%s", path);
    if (strcmp(mode, "VALIDATED") == 0 && !names)
        make_strict(in);
    if (names)
        put_names(in, modes[i][1], names);
    else
        json_add_str(in->body, "tool_choice", modes[i][1]);
    return 0;
}

static int read_tier(struct inward *in, const char *path, struct json_object *v)
{
    const char *tier = json_object_get_string(v);

    (void)path;
    json_add_str(in->body, "service_tier", strcmp(tier, "standard") == 0 ? "default" : tier);
    return 0;
}

static int read_model(struct inward *in, const char *path, struct json_object *v)
{
    const char *name = json_object_get_string(v);

    (void)path;
    json_add_str(in->body, "model", strncmp(name, "models/", 7) == 0 ? name + 7 : name);
    return 0;
}

int read_gemini(struct inward *in, struct json_object *request)
{
    static const struct inward_row rows[] = {
        {"model", read_model},
        {"systemInstruction", NULL},
        {"tools", NULL},
        {"contents", read_gemini_contents},
        {"generationConfig", read_config},
        {"toolConfig", read_choice},
        {"serviceTier", read_tier},
        {"safetySettings", inward_no},
        {"cachedContent", inward_no},
    };
    struct json_object *system = json_get(request, "systemInstruction");
    struct json_object *tools = json_get(request, "tools");

    /* The system message comes first, and toolConfig speaks of the tools. */
    if ((system && read_gemini_system(in, "systemInstruction", system) < 0) ||
        (tools && read_tools(in, "tools", tools) < 0))
        return -1;
    return inward_walk(in, "", request, rows, ARRAY_LEN(rows));
}
