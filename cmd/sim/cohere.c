/*
 * cohere: POST /v2/chat and /v2/embed, answers and errors in the form of Cohere's API, version 2. Like the
 * real one it bills fewer tokens than it counts, and blocks with status 498. Pure.
 */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cmd/sim/dialects.h"
#include "cmd/sim/hash.h"
#include "cmd/sim/schema.h"

#define TEXTS_MAX     96
#define STOPS_MAX     5
#define STATUS_UNSAFE 498
#define FRAME_TOKENS  64 /* of the prompt's frame: counted, not billed */

static const struct {
    int status;
    const char *words; /* NULL: those of the failure */
} errors[SIM_ERRORS] = {
    [SIM_OK] = {200, NULL},
    [SIM_BAD_REQUEST] = {400, NULL},
    [SIM_NO_PATH] = {404, NULL},
    [SIM_NO_METHOD] = {405, NULL},
    [SIM_BAD_KEY] = {401, "invalid api token"},
    [SIM_NO_MODEL] = {404, NULL},
    [SIM_TOO_LARGE] = {413, NULL},
    [SIM_RATE] = {429, NULL},
    [SIM_NO_CREDIT] = {429, "You are using a Trial key, which is limited to 1000 API calls / "
                            "month (simulated)."},
    [SIM_LONG_PROMPT] = {400, "too many tokens: total number of tokens in the prompt cannot "
                              "exceed 8192 - received 9000."},
    [SIM_SERVER_ERROR] = {500, "internal server error (simulated)"},
    [SIM_UNAVAILABLE] = {503, NULL},
    [SIM_OVERLOADED] = {503, NULL},
};

static void write_error(struct sim_reply *r, int status, const char *words)
{
    r->status = status;
    buf_str(&r->body, "{\"id\":\"simulated\",\"message\":");
    buf_json_str(&r->body, words, strlen(words));
    buf_char(&r->body, '}');
}

static void error(struct sim_reply *r, const struct sim_fail *f)
{
    const char *words = errors[f->error].words ? errors[f->error].words : f->message;

    if (f->error == SIM_OK) { /* an answer that ends in an error */
        buf_str(&r->body, "{\"id\":\"simulated\",\"finish_reason\":\"ERROR\",\"message\":{\"role\":"
                          "\"assistant\",\"content\":[]}}");
        r->status = 200;
        return;
    }
    write_error(r, f->status ? f->status : errors[f->error].status, words);
}

static void pace(struct sim_reply *r, const struct sim_pace *p)
{
    if (strcmp(p->what, "requests") != 0)
        return;
    if (p->limit >= 0)
        buf_printf(&r->headers, "x-trial-endpoint-call-limit: %lld\r\n", (long long)p->limit);
    buf_printf(&r->headers, "x-trial-endpoint-call-remaining: %lld\r\n", (long long)p->left);
}

static void start(struct sim_reply *r, const struct sim_setup *s, const struct sim_ask *a)
{
    buf_printf(&r->body, "{\"id\":\"%016llx\",",
               (unsigned long long)sim_hash_fold(s->seed, a->digest));
}

/* ---- chat ---- */

static int64_t write_call(struct buf *b, const struct sim_ask *a, struct json_object *f)
{
    CLEANUP_JSON struct json_object *args = sim_schema_instance(json_get(f, "parameters"), "echo");
    const char *name = json_get_str(f, "name");
    struct buf text = BUF_INIT(SIM_BODY_MAX);
    struct buf plan = BUF_INIT(1024);
    int64_t tokens = 0;

    json_write(args, &text);
    buf_printf(&plan, "I will use the %.200s tool.", name);
    buf_str(b, "\"tool_plan\":");
    buf_json_str(b, plan.data, plan.len);
    buf_printf(b, ",\"tool_calls\":[{\"id\":\"call_%016llx\",\"type\":\"function\",\"function\":",
               (unsigned long long)a->digest);
    buf_str(b, "{\"name\":");
    buf_json_str(b, name, strlen(name));
    buf_str(b, ",\"arguments\":");
    buf_json_str(b, text.data, text.len);
    buf_str(b, "}}]");
    tokens = sim_tokens(text.len + plan.len);
    buf_done(&text);
    buf_done(&plan);
    return tokens;
}

/* The function that the request forces the model to call; NULL: it may answer in words. */
static struct json_object *forced_function(const struct sim_ask *a)
{
    struct json_object *tools = json_get(a->body, "tools");
    const char *choice = json_get_str(a->body, "tool_choice");

    if (!choice || strcmp(choice, "REQUIRED") != 0)
        return NULL;
    return json_get(json_object_array_get_idx(tools, 0), "function");
}

static bool thinks(const struct sim_setup *s, const struct sim_ask *a)
{
    const char *type = json_get_str(json_get(a->body, "thinking"), "type");

    return s->reasoning_tokens > 0 && type && strcmp(type, "enabled") == 0;
}

static void write_token(struct buf *b, const char *token, size_t n, double logprob)
{
    buf_str(b, "{\"text\":");
    buf_json_str(b, token, n);
    buf_printf(b, ",\"token_ids\":[%zu],\"logprobs\":[%.4f]}", n, logprob);
}

static void answer_chat(struct sim_reply *r, const struct sim_setup *s, const struct sim_ask *a,
                        enum sim_kind twist)
{
    int64_t cached = a->prompt_tokens * s->cached_percent / 100, tokens = 0;
    struct json_object *f = twist == SIM_NONE ? forced_function(a) : NULL;
    struct buf text = BUF_INIT(SIM_BODY_MAX);
    struct buf *b = &r->body;
    const char *reason = "COMPLETE";
    bool cut = false;

    if (twist == SIM_REFUSAL || twist == SIM_FILTER) {
        write_error(r, STATUS_UNSAFE, "the request was blocked (simulated)");
        return;
    }
    start(r, s, a);
    buf_str(b, "\"message\":{\"role\":\"assistant\",");
    if (f) {
        tokens = write_call(b, a, f);
        reason = "TOOL_CALL";
    } else {
        buf_str(b, "\"content\":[");
        if (thinks(s, a))
            buf_str(b, "{\"type\":\"thinking\",\"thinking\":\"(simulated)\"},");
        tokens = sim_voice_compose(&s->voice, a, s->seed, 0, twist == SIM_LENGTH, &text, &cut);
        if (twist == SIM_EMPTY200)
            buf_clear(&text);
        buf_str(b, "{\"type\":\"text\",\"text\":");
        buf_json_str(b, text.data ? text.data : "", text.len);
        buf_str(b, "}]");
        reason = cut || twist == SIM_LENGTH ? "MAX_TOKENS" : "COMPLETE";
    }
    tokens += s->reasoning_tokens;
    buf_printf(b, "},\"finish_reason\":\"%s\"", reason);
    if (json_get_bool(a->body, "logprobs", false)) {
        buf_str(b, ",\"logprobs\":");
        sim_text_tokens(b, a, &text, write_token);
    }
    buf_printf(b,
               ",\"usage\":{\"billed_units\":{\"input_tokens\":%lld,\"output_tokens\":%lld},"
               "\"tokens\":{\"input_tokens\":%lld,\"output_tokens\":%lld},\"cached_tokens\":%lld}}",
               (long long)a->prompt_tokens, (long long)tokens,
               (long long)a->prompt_tokens + FRAME_TOKENS, (long long)tokens, (long long)cached);
    r->output_tokens = tokens;
    buf_done(&text);
}

static bool is_one_of(const char *word, const char *const *words)
{
    while (*words && strcmp(word, *words) != 0)
        words++;
    return *words;
}

static int read_roles(const struct sim_ask *a, struct sim_fail *f)
{
    static const char *const roles[] = {"system", "user", "assistant", "tool", NULL};
    struct json_object *list = json_get(a->body, "messages");

    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *m = json_object_array_get_idx(list, i);

        if (!is_one_of(json_get_str(m, "role"), roles))
            return sim_ask_invalid(f, "messages",
                                   "invalid request: roles are system, user, assistant and tool");
        if (!json_get(m, "content") && !json_get(m, "tool_calls"))
            return sim_ask_invalid(f, "messages",
                                   "invalid request: a message must have content or tool calls");
    }
    return 0;
}

static int read_range(const struct sim_ask *a, const char *key, double most, struct sim_fail *f)
{
    struct json_object *v = json_get(a->body, key);
    double d = json_object_get_double(v);
    char words[128];

    if (!v || (d >= 0 && d <= most))
        return 0;
    snprintf(words, sizeof words, "invalid request: %s must be between 0 and %g inclusive", key,
             most);
    return sim_ask_invalid(f, key, words);
}

static int read_tools(const struct sim_ask *a, struct sim_fail *f)
{
    static const char *const choices[] = {"REQUIRED", "NONE", NULL};
    struct json_object *tools = json_get_type(a->body, "tools", json_type_array);
    struct json_object *choice = json_get(a->body, "tool_choice");
    size_t n = tools ? json_object_array_length(tools) : 0;

    for (size_t i = 0; i < n; i++) {
        struct json_object *fn = json_get(json_object_array_get_idx(tools, i), "function");

        if (!json_get_str(fn, "name") || !json_get(fn, "parameters"))
            return sim_ask_invalid(f, "tools",
                                   "invalid request: a tool needs a name and parameters");
    }
    if (choice && (n == 0 || !json_object_is_type(choice, json_type_string) ||
                   !is_one_of(json_object_get_string(choice), choices)))
        return sim_ask_invalid(f, "tool_choice",
                               "invalid request: tool_choice is REQUIRED or NONE, with tools");
    if (n > 0 && json_get(a->body, "response_format"))
        return sim_ask_invalid(f, "response_format",
                               "invalid request: response_format is not supported with tools");
    return 0;
}

static int read_chat(struct sim_ask *a, struct sim_fail *f)
{
    struct json_object *stops = json_get(a->body, "stop_sequences");
    const char *format = json_get_str(json_get(a->body, "response_format"), "type");

    if (sim_ask_messages(a, f) < 0 || read_roles(a, f) < 0 || read_tools(a, f) < 0 ||
        read_range(a, "frequency_penalty", 1, f) < 0 ||
        read_range(a, "presence_penalty", 1, f) < 0 || read_range(a, "k", 500, f) < 0)
        return -1;
    if (stops && (!json_object_is_type(stops, json_type_array) ||
                  json_object_array_length(stops) > STOPS_MAX))
        return sim_ask_invalid(f, "stop_sequences",
                               "invalid request: stop_sequences is a list of up to 5 strings");
    if (format && strcmp(format, "json_object") != 0 && strcmp(format, "text") != 0)
        return sim_ask_invalid(f, "response_format",
                               "invalid request: response_format.type is text or json_object");
    a->max_tokens = json_get_int(a->body, "max_tokens", 0);
    if (a->max_tokens < 0)
        return sim_ask_invalid(f, "max_tokens", "invalid request: max_tokens must not be negative");
    return 0;
}

/* ---- embed ---- */

static void write_type(struct buf *b, const struct sim_setup *s, const struct sim_ask *a,
                       const char *type)
{
    struct json_object *texts = json_get(a->body, "texts");
    struct sim_vector form = {.dimensions = json_get_int(a->body, "output_dimension", 0),
                              .base64 = strcmp(type, "base64") == 0};

    buf_printf(b, "\"%s\":[", type);
    for (size_t i = 0; i < json_object_array_length(texts); i++) {
        buf_str(b, i ? "," : "");
        sim_write_vector(b, s, a, json_object_array_get_idx(texts, i), &form);
    }
    buf_char(b, ']');
}

static void answer_embed(struct sim_reply *r, const struct sim_setup *s, const struct sim_ask *a,
                         enum sim_kind twist)
{
    struct json_object *types = json_get(a->body, "embedding_types");
    struct buf *b = &r->body;

    start(r, s, a);
    buf_str(b, "\"embeddings\":{");
    for (size_t i = 0; twist != SIM_EMPTY200 && i < json_object_array_length(types); i++) {
        buf_str(b, i ? "," : "");
        write_type(b, s, a, json_object_get_string(json_object_array_get_idx(types, i)));
    }
    buf_str(b, "},\"texts\":");
    json_write(json_get(a->body, "texts"), b);
    buf_printf(b,
               ",\"meta\":{\"api_version\":{\"version\":\"2\"},\"billed_units\":{\"input_tokens\":"
               "%lld}},\"response_type\":\"embeddings_by_type\"}",
               (long long)a->prompt_tokens);
}

/* Is it a list of 1 to most strings, each one of words (NULL: any)? */
static bool is_strings(struct json_object *list, size_t most, const char *const *words)
{
    size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

    for (size_t i = 0; i < n; i++) {
        struct json_object *v = json_object_array_get_idx(list, i);

        if (!json_object_is_type(v, json_type_string) ||
            (words && !is_one_of(json_object_get_string(v), words)))
            return false;
    }
    return n > 0 && n <= most;
}

static int read_embed(struct sim_ask *a, struct sim_fail *f)
{
    static const char *const types[] = {"float", "base64", NULL};
    static const char *const uses[] = {"search_document", "search_query", "classification",
                                       "clustering", NULL};
    static const char *const cuts[] = {"NONE", "START", "END", NULL};
    const char *use = json_get_str(a->body, "input_type");
    const char *cut = json_get_str(a->body, "truncate");

    if (!is_strings(json_get(a->body, "texts"), TEXTS_MAX, NULL))
        return sim_ask_invalid(f, "texts",
                               "invalid request: texts must be a list of 1 to 96 strings");
    if (!use || !is_one_of(use, uses))
        return sim_ask_invalid(
            f, "input_type",
            "invalid request: valid input_type must be provided with the provided model");
    if (!is_strings(json_get(a->body, "embedding_types"), ARRAY_LEN(types) - 1, types))
        return sim_ask_invalid(f, "embedding_types",
                               "invalid request: embedding_types must be given; this simulator "
                               "has float and base64");
    if (cut && !is_one_of(cut, cuts))
        return sim_ask_invalid(f, "truncate", "invalid request: truncate is NONE, START or END");
    a->prompt_tokens = sim_tokens(a->raw_len);
    return 0;
}

const struct sim_dialect sim_cohere_chat = {
    .name = "cohere-chat",
    .paths = (const char *const[]){"/v2/chat", NULL},
    .read = read_chat,
    .answer = answer_chat,
    .error = error,
    .pace = pace,
};

const struct sim_dialect sim_cohere_embed = {
    .name = "cohere-embed",
    .paths = (const char *const[]){"/v2/embed", NULL},
    .read = read_embed,
    .answer = answer_embed,
    .error = error,
    .pace = pace,
};
