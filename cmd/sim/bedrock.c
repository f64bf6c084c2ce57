/*
 * bedrock: POST /model/{id}/converse, answers and errors in the form of Amazon Bedrock's Converse API. Its
 * inputTokens exclude what was read from the cache; it has no rate-limit headers. Signatures are not
 * verified: the key id of one counts as the key (parse.c). Pure.
 */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cmd/sim/dialects.h"
#include "cmd/sim/hash.h"
#include "cmd/sim/schema.h"

/* The toolSpec that the request forces the model to use; NULL: it may answer in words. */
static struct json_object *forced_tool(const struct sim_ask *a)
{
    struct json_object *config = json_get(a->body, "toolConfig");
    struct json_object *tools = json_get_type(config, "tools", json_type_array);
    struct json_object *choice = json_get(config, "toolChoice");
    const char *want = json_get_str(json_get(choice, "tool"), "name");

    if (!tools || (!want && !json_get(choice, "any")))
        return NULL;
    for (size_t i = 0; i < json_object_array_length(tools); i++) {
        struct json_object *t = json_get(json_object_array_get_idx(tools, i), "toolSpec");
        const char *name = json_get_str(t, "name");

        if (name && (!want || strcmp(want, name) == 0))
            return t;
    }
    return NULL;
}

static const char *write_tool(struct buf *b, const struct sim_ask *a, struct json_object *t,
                              int64_t *ret_tokens)
{
    CLEANUP_JSON struct json_object *input =
        sim_schema_instance(json_get(json_get(t, "inputSchema"), "json"), "echo");
    size_t start = 0;

    buf_printf(b, "{\"toolUse\":{\"toolUseId\":\"tooluse_%016llx\",\"name\":",
               (unsigned long long)a->digest);
    buf_json_str(b, json_get_str(t, "name"), strlen(json_get_str(t, "name")));
    buf_str(b, ",\"input\":");
    start = b->len;
    json_write(input, b);
    *ret_tokens = sim_tokens(b->len - start);
    buf_str(b, "}}");
    return "tool_use";
}

/* Writes the content blocks and returns the stop reason. */
static const char *write_content(struct buf *b, const struct sim_setup *s, const struct sim_ask *a,
                                 enum sim_kind twist, int64_t *ret_tokens)
{
    struct json_object *tool = twist == SIM_NONE ? forced_tool(a) : NULL;
    bool filtered = twist == SIM_REFUSAL || twist == SIM_FILTER;
    struct buf text = BUF_INIT(SIM_BODY_MAX);
    bool cut = false;

    *ret_tokens = 0;
    if (twist == SIM_EMPTY200)
        return "end_turn";
    if (s->reasoning_tokens)
        buf_str(b, "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"Simulated thought.\","
                   "\"signature\":\"c2ln\"}}},");
    if (tool)
        return write_tool(b, a, tool, ret_tokens);
    if (filtered)
        buf_str(&text, "I cannot help with that.");
    else
        *ret_tokens = sim_voice_compose(&s->voice, a, s->seed, 0, twist == SIM_LENGTH, &text, &cut);
    buf_str(b, "{\"text\":");
    buf_json_str(b, text.data ? text.data : "", text.len);
    buf_char(b, '}');
    buf_done(&text);
    if (filtered)
        return twist == SIM_FILTER ? "content_filtered" : "guardrail_intervened";
    return cut || twist == SIM_LENGTH ? "max_tokens" : "end_turn";
}

static void answer(struct sim_reply *r, const struct sim_setup *s, const struct sim_ask *a,
                   enum sim_kind twist)
{
    struct buf *b = &r->body;
    int64_t tokens = 0, cached = a->prompt_tokens * s->cached_percent / 100;
    const char *stop = NULL;

    buf_printf(&r->headers, "x-amzn-RequestId: %016llx\r\n",
               (unsigned long long)sim_hash_fold(s->seed, a->digest));
    buf_str(b, "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[");
    stop = write_content(b, s, a, twist, &tokens);
    tokens += s->reasoning_tokens;
    buf_printf(b,
               "]}},\"stopReason\":\"%s\",\"usage\":{\"inputTokens\":%lld,\"outputTokens\":%lld,"
               "\"totalTokens\":%lld,\"cacheReadInputTokens\":%lld,\"cacheWriteInputTokens\":0},"
               "\"metrics\":{\"latencyMs\":1}}",
               stop, (long long)(a->prompt_tokens - cached), (long long)tokens,
               (long long)(a->prompt_tokens + tokens), (long long)cached);
    r->output_tokens = tokens;
}

/* One message: what is said of it when it is wrong, or NULL. */
static const char *check_message(struct json_object *m, const char *before, bool *calls)
{
    struct json_object *content = json_get_type(m, "content", json_type_array);
    const char *role = json_get_str(m, "role");
    bool user = role && strcmp(role, "user") == 0;

    if (!user && !(role && strcmp(role, "assistant") == 0))
        return "every message must have the role user or assistant";
    if (!before && !user)
        return "A conversation must start with a user message.";
    if (before && strcmp(before, role) == 0)
        return "A conversation must alternate between user and assistant roles.";
    if (!content || json_object_array_length(content) == 0)
        return "The content field in every message must be a list of blocks that is not empty.";
    for (size_t i = 0; i < json_object_array_length(content); i++) {
        struct json_object *block = json_object_array_get_idx(content, i);
        struct json_object *text = json_get(block, "text");

        if (!json_object_is_type(block, json_type_object) || json_object_object_length(block) != 1)
            return "A ContentBlock must set exactly one of its members.";
        if (text && json_object_get_string_len(text) == 0)
            return "The text field in a ContentBlock object is blank.";
        *calls = *calls || json_get(block, "toolUse") || json_get(block, "toolResult");
    }
    return NULL;
}

static int check_messages(struct sim_ask *a, struct sim_fail *f)
{
    struct json_object *list = json_get_type(a->body, "messages", json_type_array);
    const char *role = NULL, *wrong = NULL;
    bool calls = false;

    for (size_t i = 0; list && i < json_object_array_length(list) && !wrong; i++) {
        struct json_object *m = json_object_array_get_idx(list, i);

        wrong = check_message(m, role, &calls);
        role = json_get_str(m, "role");
    }
    if (!wrong && calls && !json_get(a->body, "toolConfig"))
        wrong = "The toolConfig field must be defined when using toolUse and toolResult content "
                "blocks.";
    return wrong ? sim_ask_invalid(f, "messages", wrong) : 0;
}

static int check_number(struct json_object *config, const char *name, double low, double high,
                        struct sim_fail *f)
{
    struct json_object *v = json_get(config, name);
    double n = json_object_get_double(v);

    if (!v)
        return 0;
    if ((json_object_is_type(v, json_type_int) || json_object_is_type(v, json_type_double)) &&
        n >= low && n <= high)
        return 0;
    return sim_ask_invalid(f, name, "a value of inferenceConfig is no number within its range");
}

/* The schema comes as a string. It is put where the voice looks for one. */
static int read_schema(struct sim_ask *a, struct sim_fail *f)
{
    struct json_object *format = json_get(json_get(a->body, "outputConfig"), "textFormat");
    const char *text =
        json_get_str(json_get(json_get(format, "structure"), "jsonSchema"), "schema");
    CLEANUP_JSON struct json_object *schema = NULL;
    struct json_object *wanted = NULL, *config = NULL;

    if (!format)
        return 0;
    if (!text || json_parse_answer(text, strlen(text), &schema) < 0)
        return sim_ask_invalid(f, "outputConfig", "jsonSchema.schema must be a string of JSON");
    wanted = json_object_new_object();
    config = json_object_new_object();
    json_object_object_add(wanted, "type", json_object_new_string("json_schema"));
    json_object_object_add(wanted, "schema", json_object_get(schema));
    json_object_object_add(config, "format", wanted);
    json_object_object_add(a->body, "output_config", config);
    return 0;
}

static int read_converse(struct sim_ask *a, struct sim_fail *f)
{
    struct json_object *config = json_get(a->body, "inferenceConfig");

    if (sim_ask_messages(a, f) < 0 || check_messages(a, f) < 0 || read_schema(a, f) < 0)
        return -1;
    if (check_number(config, "maxTokens", 1, 1e9, f) < 0 ||
        check_number(config, "temperature", 0, 1, f) < 0 ||
        check_number(config, "topP", 0, 1, f) < 0)
        return -1;
    a->max_tokens = json_get_int(config, "maxTokens", 0);
    return 0;
}

static const struct {
    int status;
    const char *kind;
    const char *message; /* NULL: that of the failure */
} errors[SIM_ERRORS] = {
    [SIM_OK] = {200, "InternalServerException", NULL},
    [SIM_BAD_REQUEST] = {400, "ValidationException", NULL},
    [SIM_NO_PATH] = {404, "UnknownOperationException", NULL},
    [SIM_NO_METHOD] = {405, "UnknownOperationException", NULL},
    [SIM_BAD_KEY] = {403, "UnrecognizedClientException",
                     "The security token included in the request is invalid."},
    [SIM_NO_MODEL] = {404, "ResourceNotFoundException", NULL},
    [SIM_TOO_LARGE] = {413, "ValidationException", NULL},
    [SIM_RATE] = {429, "ThrottlingException", NULL},
    [SIM_NO_CREDIT] = {429, "ThrottlingException",
                       "Too many tokens per day, please wait before trying again."},
    [SIM_LONG_PROMPT] = {400, "ValidationException", NULL},
    [SIM_SERVER_ERROR] = {500, "InternalServerException", NULL},
    [SIM_UNAVAILABLE] = {503, "ServiceUnavailableException", NULL},
    [SIM_OVERLOADED] = {503, "ServiceUnavailableException", NULL},
};

void sim_bedrock_error(struct sim_reply *r, const struct sim_fail *f)
{
    const char *message = errors[f->error].message ? errors[f->error].message : f->message;

    r->status = f->status ? f->status : errors[f->error].status;
    if (r->status == 200) { /* as the service's front says it */
        buf_printf(&r->body,
                   "{\"Output\":{\"__type\":\"com.amazon.coral.service#%s\"},\"Version\":\"1.0\"}",
                   errors[f->error].kind);
        return;
    }
    buf_printf(&r->headers,
               "x-amzn-ErrorType: %s:http://internal.amazon.com/coral/com.amazon.bedrock/\r\n"
               "x-amzn-RequestId: simulated\r\n",
               errors[f->error].kind);
    buf_str(&r->body, "{\"message\":");
    buf_json_str(&r->body, message, strlen(message));
    buf_char(&r->body, '}');
}

const struct sim_dialect sim_converse = {
    .name = "converse",
    .paths = (const char *const[]){"/model/*/converse", NULL},
    .read = read_converse,
    .answer = answer,
    .error = sim_bedrock_error,
};
