/*
 * responses: POST /v1/responses in OpenAI's form. It keeps nothing: what leans on an earlier response is
 * answered as by a provider that has forgotten it. Fields and parts of the chat API are refused, as the
 * real one does. Pure.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cmd/sim/dialects.h"
#include "cmd/sim/hash.h"
#include "cmd/sim/schema.h"

#define MIN_OUTPUT_TOKENS 16 /* the API takes no smaller max_output_tokens */

/* ---- reading ------------------------------------------------------------------------------------ */

static int refuse(struct sim_fail *f, const char *param, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static int refuse(struct sim_fail *f, const char *param, const char *fmt, ...)
{
    char text[sizeof f->message];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return sim_ask_invalid(f, param, text);
}

/* Fields of the chat API, and what they are called here. */
static int check_names(const struct sim_ask *a, struct sim_fail *f)
{
    static const char *const names[][2] = {
        {"messages", "input"},
        {"max_tokens", "max_output_tokens"},
        {"max_completion_tokens", "max_output_tokens"},
        {"response_format", "text.format"},
        {"reasoning_effort", "reasoning.effort"},
        {"verbosity", "text.verbosity"},
        {"logprobs", "include"},
        {"n", NULL},
        {"stop", NULL},
        {"seed", NULL},
        {"logit_bias", NULL},
        {"presence_penalty", NULL},
        {"frequency_penalty", NULL},
        {"functions", "tools"},
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!json_object_object_get_ex(a->body, names[i][0], NULL))
            continue;
        if (names[i][1])
            return refuse(f, names[i][0],
                          "Unsupported parameter: '%s' is called '%s' in the Responses API.",
                          names[i][0], names[i][1]);
        return refuse(f, names[i][0], "Unknown parameter: '%s'.", names[i][0]);
    }
    return 0;
}

/* Parts have names of their own: input_*, output_text, refusal. */
static int check_parts(struct json_object *content, struct sim_fail *f)
{
    static const char *const types[] = {"input_text", "input_image", "input_file", "output_text",
                                        "refusal"};
    size_t n =
        json_object_is_type(content, json_type_array) ? json_object_array_length(content) : 0;

    if (n == 0 && !json_object_is_type(content, json_type_string))
        return refuse(f, "input", "content must be a string or a list of parts");
    for (size_t i = 0; i < n; i++) {
        const char *type = json_get_str(json_object_array_get_idx(content, i), "type");
        size_t k = 0;

        while (type && k < ARRAY_LEN(types) && strcmp(type, types[k]) != 0)
            k++;
        if (!type || k == ARRAY_LEN(types))
            return refuse(f, "input", "Invalid value: '%.40s' is no type of an input part.",
                          type ? type : "null");
    }
    return 0;
}

/* Was there a call of this id before the item at `end`? */
static bool has_call(struct json_object *list, size_t end, const char *id)
{
    for (size_t i = 0; i < end; i++) {
        struct json_object *item = json_object_array_get_idx(list, i);
        const char *type = json_get_str(item, "type"), *call_id = json_get_str(item, "call_id");

        if (type && call_id && strcmp(call_id, id) == 0 &&
            (strcmp(type, "function_call") == 0 || strcmp(type, "custom_tool_call") == 0))
            return true;
    }
    return false;
}

static int check_output(struct json_object *list, size_t place, struct sim_fail *f)
{
    struct json_object *item = json_object_array_get_idx(list, place);
    const char *id = json_get_str(item, "call_id");

    if (!id || !has_call(list, place, id))
        return refuse(f, "input", "No tool call found for function call output with call_id %.60s.",
                      id ? id : "null");
    return check_parts(json_get(item, "output"), f);
}

static int read_item(struct sim_ask *a, struct json_object *list, size_t place, size_t *bytes,
                     struct sim_fail *f)
{
    struct json_object *item = json_object_array_get_idx(list, place);
    const char *type = json_get_str(item, "type"), *role = json_get_str(item, "role");
    const char *text = NULL;
    size_t len = 0;

    if (type && (strcmp(type, "function_call_output") == 0 ||
                 strcmp(type, "custom_tool_call_output") == 0)) {
        *bytes += sim_ask_content(json_get(item, "output"), &text, &len);
        return check_output(list, place, f);
    }
    if (type && strcmp(type, "message") != 0)
        return strcmp(type, "item_reference") == 0
                   ? refuse(f, "input", "Item with id '%.60s' not found.",
                            json_get_str(item, "id") ? json_get_str(item, "id") : "null")
                   : 0;
    if (!role)
        return refuse(f, "input", "every message of input must have a role");
    *bytes += sim_ask_content(json_get(item, "content"), &text, &len);
    if (strcmp(role, "user") == 0) {
        a->text = text;
        a->text_len = len;
    }
    return check_parts(json_get(item, "content"), f);
}

static int read_input(struct sim_ask *a, struct sim_fail *f)
{
    struct json_object *input = json_get(a->body, "input");
    struct json_object *list = json_get_type(a->body, "input", json_type_array);
    size_t count = list ? json_object_array_length(list) : 0, bytes = 0, len = 0;
    const char *text = NULL;

    if (json_object_is_type(input, json_type_string)) {
        bytes = sim_ask_content(input, &a->text, &a->text_len);
        count = 1;
    } else if (count == 0) {
        return refuse(f, "input", "Missing required parameter: 'input'.");
    }
    for (size_t i = 0; list && i < count; i++) {
        if (read_item(a, list, i, &bytes, f) < 0)
            return -1;
    }
    bytes += sim_ask_content(json_get(a->body, "instructions"), &text, &len);
    a->prompt_tokens = sim_tokens(bytes) + (int64_t)count * 3;
    return 0;
}

static int check_tools(const struct sim_ask *a, struct sim_fail *f)
{
    struct json_object *tools = json_get_type(a->body, "tools", json_type_array);
    struct json_object *format = json_get(json_get(a->body, "text"), "format");
    const char *type = json_get_str(format, "type");

    for (size_t i = 0; tools && i < json_object_array_length(tools); i++) {
        struct json_object *tool = json_object_array_get_idx(tools, i);
        const char *kind = json_get_str(tool, "type");

        if (!kind || (strcmp(kind, "function") == 0 && !json_get_str(tool, "name")))
            return refuse(f, "tools", "Missing required parameter: 'tools[%zu].%s'.", i,
                          kind ? "name" : "type");
    }
    if (type && strcmp(type, "json_schema") == 0 &&
        (!json_get_str(format, "name") || !json_get(format, "schema")))
        return refuse(f, "text.format", "Missing required parameter: 'text.format.%s'.",
                      json_get_str(format, "name") ? "schema" : "name");
    return 0;
}

static int read_responses(struct sim_ask *a, struct sim_fail *f)
{
    struct json_object *most = json_get(a->body, "max_output_tokens");
    const char *before = json_get_str(a->body, "previous_response_id");

    if (check_names(a, f) < 0)
        return -1;
    if (before)
        return refuse(f, "previous_response_id", "Previous response with id '%.60s' not found.",
                      before);
    if (json_get(a->body, "conversation"))
        return refuse(f, "conversation", "This conversation does not exist.");
    if (json_get_bool(a->body, "background", false))
        return refuse(f, "background", "this simulator answers at once; leave background out");
    if (read_input(a, f) < 0 || check_tools(a, f) < 0)
        return -1;
    a->max_tokens = json_get_int(a->body, "max_output_tokens", 0);
    if (most && a->max_tokens < MIN_OUTPUT_TOKENS)
        return refuse(f, "max_output_tokens",
                      "Invalid 'max_output_tokens': integer below minimum value. Expected a value "
                      ">= %d.",
                      MIN_OUTPUT_TOKENS);
    return 0;
}

/* ---- answering ---------------------------------------------------------------------------------- */

/* The function that the request forces the model to call; NULL: it may answer in words. */
static struct json_object *forced_function(const struct sim_ask *a)
{
    struct json_object *choice = json_get(a->body, "tool_choice");
    const char *want = json_get_str(choice, "name");
    const char *word =
        json_object_is_type(choice, json_type_string) ? json_object_get_string(choice) : "";

    return want || strcmp(word, "required") == 0 ? sim_ask_tool(a, NULL, want) : NULL;
}

static bool includes(const struct sim_ask *a, const char *what)
{
    struct json_object *list = json_get_type(a->body, "include", json_type_array);

    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        const char *there = json_object_get_string(json_object_array_get_idx(list, i));

        if (there && strcmp(there, what) == 0)
            return true;
    }
    return false;
}

/* The end of the response: what is missing and why. */
struct ending {
    const char *status; /* of the response and of its message */
    const char *reason; /* of an incomplete one, or NULL */
    int64_t tokens;
};

static void write_call(struct buf *b, const struct sim_ask *a, struct json_object *f,
                       struct ending *e)
{
    CLEANUP_JSON struct json_object *args = sim_schema_instance(json_get(f, "parameters"), "echo");
    const char *type = json_get_str(f, "type");
    bool custom = type && strcmp(type, "custom") == 0;
    struct buf text = BUF_INIT(SIM_BODY_MAX);
    unsigned long long id = a->digest;

    json_write(args, &text);
    buf_printf(b, "{\"type\":\"%s\",\"id\":\"%s_%016llx\",\"call_id\":\"call_%016llx\",\"name\":",
               custom ? "custom_tool_call" : "function_call", custom ? "ctc" : "fc", id, id);
    buf_json_str(b, json_get_str(f, "name"), strlen(json_get_str(f, "name")));
    buf_str(b, custom ? ",\"input\":" : ",\"status\":\"completed\",\"arguments\":");
    buf_json_str(b, text.data, text.len);
    buf_char(b, '}');
    e->tokens = sim_tokens(text.len);
    buf_done(&text);
}

static void write_said(struct buf *b, const struct sim_setup *s, const struct sim_ask *a,
                       enum sim_kind twist, struct ending *e)
{
    struct buf text = BUF_INIT(SIM_BODY_MAX);
    bool half = twist == SIM_LENGTH || twist == SIM_FILTER, cut = false;

    e->tokens = sim_voice_compose(&s->voice, a, s->seed, 0, half, &text, &cut);
    if (twist != SIM_REFUSAL && (cut || half)) {
        e->status = "incomplete";
        e->reason = twist == SIM_FILTER ? "content_filter" : "max_output_tokens";
    }
    buf_printf(b,
               "{\"type\":\"message\",\"id\":\"msg_%016llx\",\"status\":\"%s\",\"role\":"
               "\"assistant\",\"content\":[",
               (unsigned long long)a->digest, e->status);
    if (twist == SIM_REFUSAL) {
        buf_str(b, "{\"type\":\"refusal\",\"refusal\":\"I cannot help with that.\"}]}");
    } else {
        buf_str(b, "{\"type\":\"output_text\",\"text\":");
        buf_json_str(b, text.data ? text.data : "", text.len);
        buf_str(b, ",\"annotations\":[],\"logprobs\":");
        if (includes(a, "message.output_text.logprobs"))
            sim_openai_tokens(b, a, &text);
        else
            buf_str(b, "[]");
        buf_str(b, "}]}");
    }
    buf_done(&text);
}

/* Reasoning comes first, with a summary when one is asked for. */
static void write_output(struct buf *b, const struct sim_setup *s, const struct sim_ask *a,
                         enum sim_kind twist, struct ending *e)
{
    struct json_object *f = twist == SIM_NONE ? forced_function(a) : NULL;
    const char *summary = json_get_str(json_get(a->body, "reasoning"), "summary");

    if (twist == SIM_EMPTY200)
        return;
    if (s->reasoning_tokens > 0)
        buf_printf(b, "{\"type\":\"reasoning\",\"id\":\"rs_%016llx\",\"summary\":[%s]},",
                   (unsigned long long)a->digest,
                   summary ? "{\"type\":\"summary_text\",\"text\":\"The user is to be echoed.\"}"
                           : "");
    if (f)
        write_call(b, a, f, e);
    else
        write_said(b, s, a, twist, e);
}

/* A member of the request that the response repeats. */
static void write_echo(struct buf *b, const struct sim_ask *a, const char *name,
                       const char *otherwise)
{
    struct json_object *v = json_get(a->body, name);

    buf_printf(b, ",\"%s\":", name);
    if (v)
        json_write(v, b);
    else
        buf_str(b, otherwise);
}

static void write_usage(struct buf *b, const struct sim_setup *s, const struct sim_ask *a,
                        int64_t tokens)
{
    buf_printf(b,
               ",\"usage\":{\"input_tokens\":%lld,\"input_tokens_details\":{\"cached_tokens\":%lld,"
               "\"cache_write_tokens\":0},\"output_tokens\":%lld,\"output_tokens_details\":{"
               "\"reasoning_tokens\":%lld},\"total_tokens\":%lld}",
               (long long)a->prompt_tokens, (long long)(a->prompt_tokens * s->cached_percent / 100),
               (long long)tokens, (long long)s->reasoning_tokens,
               (long long)(a->prompt_tokens + tokens));
}

static void answer(struct sim_reply *r, const struct sim_setup *s, const struct sim_ask *a,
                   enum sim_kind twist)
{
    static const char *const echoes[][2] = {
        {"instructions", "null"},
        {"max_output_tokens", "null"},
        {"metadata", "{}"},
        {"parallel_tool_calls", "true"},
        {"reasoning", "{}"},
        {"store", "true"},
        {"temperature", "1"},
        {"text", "{\"format\":{\"type\":\"text\"}}"},
        {"tool_choice", "\"auto\""},
        {"tools", "[]"},
        {"top_p", "1"},
        {"truncation", "\"disabled\""},
    };
    struct buf *b = &r->body;
    struct ending e = {.status = "completed"};

    buf_printf(b, "{\"id\":\"resp_%016llx\",\"object\":\"response\",\"created_at\":%lld,\"model\":",
               (unsigned long long)sim_hash_fold(s->seed, a->digest),
               (long long)sim_openai_created(a));
    buf_json_str(b, a->model, strlen(a->model));
    buf_str(b, ",\"error\":null,\"previous_response_id\":null,\"output\":[");
    write_output(b, s, a, twist, &e);
    buf_printf(b, "],\"status\":\"%s\",\"incomplete_details\":", e.status);
    if (e.reason)
        buf_printf(b, "{\"reason\":\"%s\"}", e.reason);
    else
        buf_str(b, "null");
    for (size_t i = 0; i < ARRAY_LEN(echoes); i++)
        write_echo(b, a, echoes[i][0], echoes[i][1]);
    r->output_tokens = e.tokens + s->reasoning_tokens;
    write_usage(b, s, a, r->output_tokens);
    buf_str(b, ",\"service_tier\":\"default\"}");
}

/* An error inside a good answer is a response that failed. */
static void error(struct sim_reply *r, const struct sim_fail *f)
{
    if (f->error != SIM_OK) {
        sim_openai_error(r, f);
        return;
    }
    r->status = 200;
    buf_str(&r->body, "{\"id\":\"resp_failed\",\"object\":\"response\",\"created_at\":1767225600,"
                      "\"status\":\"failed\",\"error\":{\"code\":\"server_error\",\"message\":");
    buf_json_str(&r->body, f->message, strlen(f->message));
    buf_str(&r->body, "},\"incomplete_details\":null,\"output\":[],\"usage\":null}");
}

const struct sim_dialect sim_responses = {
    .name = "responses",
    .paths = (const char *const[]){"/v1/responses", NULL},
    .read = read_responses,
    .answer = answer,
    .error = error,
    .pace = sim_openai_pace,
};
