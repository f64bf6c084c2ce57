/*
 * gemini_read: checks a generateContent request and picks out what answers depend on. It refuses what
 * the API refuses: members that it does not know, turns without parts, results that do not match their
 * calls, calls without their signature. Pure.
 */
#include "cmd/sim/gemini.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

#define STOPS_MAX      5
#define CANDIDATES_MAX 8

static const char *const members[] = {
    "contents",
    "systemInstruction",
    "generationConfig",
    "tools",
    "toolConfig",
    "safetySettings",
    "cachedContent",
    "serviceTier",
    "labels",
    "model",
    NULL,
};

static const char *const config_members[] = {
    "temperature",
    "topP",
    "topK",
    "candidateCount",
    "maxOutputTokens",
    "stopSequences",
    "seed",
    "presencePenalty",
    "frequencyPenalty",
    "responseMimeType",
    "responseSchema",
    "responseJsonSchema",
    "responseModalities",
    "responseLogprobs",
    "logprobs",
    "thinkingConfig",
    "mediaResolution",
    "speechConfig",
    NULL,
};

static const char *const data_members[] = {
    "text", "inlineData", "fileData", "functionCall", "functionResponse", NULL,
};

/* What a turn holds. */
struct turn {
    size_t calls, results, bytes;
    const char *text; /* the first one */
    size_t text_len;
};

bool sim_gemini_signs(const struct sim_ask *a)
{
    return strncmp(a->model, "gemini-3", 8) == 0;
}

void sim_gemini_model(struct sim_ask *a)
{
    const char *slash = strrchr(a->model, '/');

    if (slash && slash[1])
        a->model = slash + 1;
}

int sim_gemini_members(struct json_object *o, const char *const *names, struct sim_fail *f)
{
    if (!json_object_is_type(o, json_type_object))
        return 0;
    json_object_object_foreach(o, key, value)
    {
        char text[200];
        size_t i = 0;

        (void)value;
        while (names[i] && strcmp(names[i], key) != 0)
            i++;
        if (names[i])
            continue;
        snprintf(text, sizeof text,
                 "Invalid JSON payload received. Unknown name \"%.60s\": Cannot find field.", key);
        return sim_ask_invalid(f, NULL, text);
    }
    return 0;
}

struct json_object *sim_gemini_function(const struct sim_ask *a, const char *name)
{
    struct json_object *tools = json_get_type(a->body, "tools", json_type_array);

    for (size_t i = 0; tools && i < json_object_array_length(tools); i++) {
        struct json_object *list = json_get_type(json_object_array_get_idx(tools, i),
                                                 "functionDeclarations", json_type_array);

        for (size_t k = 0; list && k < json_object_array_length(list); k++) {
            struct json_object *f = json_object_array_get_idx(list, k);
            const char *its = json_get_str(f, "name");

            if (its && (!name || strcmp(name, its) == 0))
                return f;
        }
    }
    return NULL;
}

static int read_call(const struct sim_ask *a, struct json_object *part, struct turn *t,
                     struct sim_fail *f)
{
    if (t->calls++ > 0 || !sim_gemini_signs(a) || json_get_str(part, "thoughtSignature"))
        return 0;
    return sim_ask_invalid(f, NULL,
                           "Function call is missing a thought_signature in functionCall parts.");
}

static int read_part(const struct sim_ask *a, struct json_object *part, struct turn *t,
                     struct sim_fail *f)
{
    struct json_object *text = json_get_type(part, "text", json_type_string);
    size_t found = 0;

    for (size_t i = 0; data_members[i]; i++)
        found += json_get(part, data_members[i]) != NULL;
    if (found != 1)
        return sim_ask_invalid(f, NULL,
                               "contents.parts: required oneof field 'data' must have one "
                               "initialized field");
    if (text) {
        t->text = t->bytes ? t->text : json_object_get_string(text);
        t->text_len = t->bytes ? t->text_len : (size_t)json_object_get_string_len(text);
        t->bytes += (size_t)json_object_get_string_len(text);
    }
    if (json_get(part, "functionCall"))
        return read_call(a, part, t, f);
    if (!json_get(part, "functionResponse"))
        return 0;
    t->results++;
    if (!json_get_str(json_get(part, "functionResponse"), "name"))
        return sim_ask_invalid(f, NULL, "function_response.name: Name cannot be empty.");
    if (!json_get_type(json_get(part, "functionResponse"), "response", json_type_object))
        return sim_ask_invalid(f, NULL, "function_response.response: must be an object");
    return 0;
}

static int read_turn(const struct sim_ask *a, struct json_object *content, struct turn *t,
                     struct sim_fail *f)
{
    struct json_object *parts = json_get_type(content, "parts", json_type_array);
    size_t n = parts ? json_object_array_length(parts) : 0;

    *t = (struct turn){.text = ""};
    if (n == 0)
        return sim_ask_invalid(f, NULL, "contents.parts must not be empty.");
    for (size_t i = 0; i < n; i++) {
        if (read_part(a, json_object_array_get_idx(parts, i), t, f) < 0)
            return -1;
    }
    return 0;
}

static int read_contents(struct sim_ask *a, struct sim_fail *f)
{
    struct json_object *list = json_get_type(a->body, "contents", json_type_array);
    size_t n = list ? json_object_array_length(list) : 0, bytes = 0, open_calls = 0;

    if (n == 0)
        return sim_ask_invalid(f, NULL, "contents is not specified");
    for (size_t i = 0; i < n; i++) {
        struct json_object *content = json_object_array_get_idx(list, i);
        const char *role = json_get_str(content, "role");
        struct turn t;

        if (role && strcmp(role, "user") != 0 && strcmp(role, "model") != 0)
            return sim_ask_invalid(f, NULL, "Please use a valid role: user, model.");
        if (read_turn(a, content, &t, f) < 0)
            return -1;
        if (open_calls != t.results)
            return sim_ask_invalid(f, NULL,
                                   "Please ensure that the number of function response parts is "
                                   "equal to the number of function call parts of the function "
                                   "call turn.");
        open_calls = t.calls;
        bytes += t.bytes;
        if ((!role || strcmp(role, "user") == 0) && t.bytes) {
            a->text = t.text;
            a->text_len = t.text_len;
        }
    }
    a->prompt_tokens = sim_tokens(bytes) + (int64_t)n * 3;
    return 0;
}

static int read_system(struct sim_ask *a, struct sim_fail *f)
{
    struct json_object *system = json_get(a->body, "systemInstruction");
    struct turn t;

    if (!system)
        return 0;
    if (read_turn(a, system, &t, f) < 0)
        return -1;
    a->prompt_tokens += sim_tokens(t.bytes);
    return 0;
}

static int read_config(struct sim_ask *a, struct sim_fail *f)
{
    struct json_object *config = json_get(a->body, "generationConfig");
    struct json_object *stops = json_get_type(config, "stopSequences", json_type_array);
    struct json_object *thinking = json_get(config, "thinkingConfig");
    int64_t candidates = json_get_int(config, "candidateCount", 1);
    double temperature = json_object_get_double(json_get(config, "temperature"));

    if (sim_gemini_members(config, config_members, f) < 0)
        return -1;
    a->max_tokens = json_get_int(config, "maxOutputTokens", 0);
    if (a->max_tokens < 0 || (json_get(config, "maxOutputTokens") && a->max_tokens < 1))
        return sim_ask_invalid(f, NULL, "max_output_tokens must be positive.");
    if (stops && json_object_array_length(stops) > STOPS_MAX)
        return sim_ask_invalid(f, NULL, "stop_sequences must have at most 5 items.");
    if (candidates < 1 || candidates > CANDIDATES_MAX)
        return sim_ask_invalid(f, NULL, "candidate_count must be in the range [1, 8].");
    if (temperature < 0 || temperature > 2)
        return sim_ask_invalid(f, NULL, "temperature must be in the range [0.0, 2.0].");
    if (json_get(thinking, "thinkingLevel") && json_get(thinking, "thinkingBudget"))
        return sim_ask_invalid(f, NULL,
                               "You can only set only one of thinking budget and thinking level.");
    if (json_get(config, "responseJsonSchema") && !json_get_str(config, "responseMimeType"))
        return sim_ask_invalid(f, NULL, "response_json_schema needs response_mime_type");
    return 0;
}

static int read_choice(struct sim_ask *a, struct sim_fail *f)
{
    struct json_object *config = json_get(json_get(a->body, "toolConfig"), "functionCallingConfig");
    struct json_object *names = json_get_type(config, "allowedFunctionNames", json_type_array);
    const char *mode = json_get_str(config, "mode");
    size_t n = names ? json_object_array_length(names) : 0;

    if (n > 0 && (!mode || (strcmp(mode, "ANY") != 0 && strcmp(mode, "VALIDATED") != 0)))
        return sim_ask_invalid(f, NULL,
                               "allowed_function_names should only be set when the mode is ANY or "
                               "VALIDATED.");
    for (size_t i = 0; i < n; i++) {
        const char *name = json_object_get_string(json_object_array_get_idx(names, i));

        if (!name || !sim_gemini_function(a, name))
            return sim_ask_invalid(f, NULL, "allowed_function_names names no declared function.");
    }
    return 0;
}

int sim_gemini_read(struct sim_ask *a, struct sim_fail *f)
{
    sim_gemini_model(a);
    if (sim_gemini_members(a->body, members, f) < 0 || read_contents(a, f) < 0 ||
        read_system(a, f) < 0 || read_config(a, f) < 0)
        return -1;
    return read_choice(a, f);
}
