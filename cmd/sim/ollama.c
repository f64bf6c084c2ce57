/*
 * ollama: POST /api/chat and /api/embed, answers and errors in the form of Ollama's own API. A prompt longer
 * than options.num_ctx is cut without a word, unless truncate is false, as the real one does. A tool is
 * called when the last message of the user names it. Pure.
 */
#include <ctype.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cmd/sim/dialects.h"
#include "cmd/sim/schema.h"

#define CREATED  "2026-01-01T00:00:00Z"
#define NS_TOKEN 1000000 /* how long a token is said to have taken */

static const struct {
    int status;
    const char *words; /* NULL: those of the failure */
} errors[SIM_ERRORS] = {
    [SIM_OK] = {200, NULL},
    [SIM_BAD_REQUEST] = {400, NULL},
    [SIM_NO_PATH] = {404, NULL},
    [SIM_NO_METHOD] = {405, NULL},
    [SIM_BAD_KEY] = {401, "unauthorized"},
    [SIM_NO_MODEL] = {404, "model not found, try pulling it first"},
    [SIM_TOO_LARGE] = {413, NULL},
    [SIM_RATE] = {429, NULL},
    [SIM_NO_CREDIT] = {429, "you (simulated) have reached your weekly usage limit"},
    [SIM_LONG_PROMPT] = {400, "the input length exceeds the context length"},
    [SIM_SERVER_ERROR] = {500, "llama runner process has terminated (simulated)"},
    [SIM_UNAVAILABLE] = {503, NULL},
    [SIM_OVERLOADED] = {503, "server busy, please try again.  maximum pending requests exceeded"},
};

static void error(struct sim_reply *r, const struct sim_fail *f)
{
    const char *words = errors[f->error].words ? errors[f->error].words : f->message;

    r->status = f->status ? f->status : errors[f->error].status;
    buf_str(&r->body, "{\"error\":");
    buf_json_str(&r->body, words, strlen(words));
    buf_char(&r->body, '}');
}

static int64_t window_of(const struct sim_ask *a)
{
    return json_get_int(json_get(a->body, "options"), "num_ctx", 0);
}

/* Cuts the prompt to the window, or refuses it. */
static int read_window(struct sim_ask *a, struct sim_fail *f)
{
    int64_t window = window_of(a);

    if (window <= 0 || a->prompt_tokens < window)
        return 0;
    if (!json_get_bool(a->body, "truncate", true)) {
        *f = (struct sim_fail){.error = SIM_LONG_PROMPT};
        return -1;
    }
    a->prompt_tokens = window;
    return 0;
}

static void write_end(struct buf *b, const struct sim_ask *a, const char *reason, int64_t tokens)
{
    buf_printf(b,
               ",\"done\":true,\"done_reason\":\"%s\",\"total_duration\":%lld,\"load_duration\":0,"
               "\"prompt_eval_count\":%lld,\"prompt_eval_duration\":%lld,\"eval_count\":%lld,"
               "\"eval_duration\":%lld}",
               reason, (long long)(a->prompt_tokens + tokens) * NS_TOKEN,
               (long long)a->prompt_tokens, (long long)a->prompt_tokens * NS_TOKEN,
               (long long)tokens, (long long)tokens * NS_TOKEN);
}

/* The tool that the last message of the user names; NULL: the model answers in words. */
static struct json_object *named_function(const struct sim_ask *a)
{
    struct json_object *tools = json_get_type(a->body, "tools", json_type_array);

    for (size_t i = 0; tools && i < json_object_array_length(tools); i++) {
        struct json_object *f = json_get(json_object_array_get_idx(tools, i), "function");
        const char *name = json_get_str(f, "name");

        if (name && memmem(a->text, a->text_len, name, strlen(name)))
            return f;
    }
    return NULL;
}

static int64_t write_call(struct buf *b, struct json_object *f)
{
    CLEANUP_JSON struct json_object *args = sim_schema_instance(json_get(f, "parameters"), "echo");
    const char *name = json_get_str(f, "name");
    size_t start = 0;

    buf_str(b, "\"content\":\"\",\"tool_calls\":[{\"function\":{\"index\":0,\"name\":");
    buf_json_str(b, name, strlen(name));
    buf_str(b, ",\"arguments\":");
    start = b->len;
    json_write(args, b);
    buf_str(b, "}}]");
    return sim_tokens(b->len - start);
}

static bool thinks(const struct sim_setup *s, const struct sim_ask *a)
{
    struct json_object *think = json_get(a->body, "think");

    return s->reasoning_tokens > 0 && think && json_object_get_boolean(think);
}

static void write_token(struct buf *b, const char *token, size_t n, double logprob)
{
    buf_str(b, "{\"token\":");
    buf_json_str(b, token, n);
    buf_printf(b, ",\"logprob\":%.4f}", logprob);
}

static void answer_chat(struct sim_reply *r, const struct sim_setup *s, const struct sim_ask *a,
                        enum sim_kind twist)
{
    struct json_object *f = twist == SIM_NONE ? named_function(a) : NULL;
    struct buf text = BUF_INIT(SIM_BODY_MAX);
    struct buf *b = &r->body;
    int64_t tokens = 0;
    bool cut = false;

    buf_str(b, "{\"model\":");
    buf_json_str(b, a->model, strlen(a->model));
    buf_str(b, ",\"created_at\":\"" CREATED "\",\"message\":{\"role\":\"assistant\",");
    if (f) {
        tokens = write_call(b, f);
    } else {
        tokens = sim_voice_compose(&s->voice, a, s->seed, 0, twist == SIM_LENGTH, &text, &cut);
        if (twist == SIM_EMPTY200 || twist == SIM_REFUSAL || twist == SIM_FILTER)
            buf_clear(&text);
        if (twist == SIM_REFUSAL || twist == SIM_FILTER) /* it has no other word for it */
            buf_str(&text, "I cannot help with that.");
        buf_str(b, "\"content\":");
        buf_json_str(b, text.data ? text.data : "", text.len);
    }
    if (thinks(s, a))
        buf_str(b, ",\"thinking\":\"(simulated)\"");
    buf_char(b, '}');
    if (json_get_bool(a->body, "logprobs", false)) {
        buf_str(b, ",\"logprobs\":");
        sim_text_tokens(b, a, &text, write_token);
    }
    r->output_tokens = tokens + s->reasoning_tokens;
    write_end(b, a, cut || twist == SIM_LENGTH ? "length" : "stop", r->output_tokens);
    buf_done(&text);
}

static bool is_base64(struct json_object *image)
{
    const char *p = json_object_get_string(image);
    size_t n = 0;

    if (!json_object_is_type(image, json_type_string))
        return false;
    while (isalnum((unsigned char)p[n]) || p[n] == '+' || p[n] == '/' || p[n] == '=')
        n++;
    return n > 0 && p[n] == 0 && n % 4 == 0;
}

/* Contents are strings, images bare base64, arguments objects. */
static int read_message(struct json_object *m, struct sim_fail *f)
{
    struct json_object *content = json_get(m, "content");
    struct json_object *images = json_get_type(m, "images", json_type_array);
    struct json_object *calls = json_get_type(m, "tool_calls", json_type_array);

    if (content && !json_object_is_type(content, json_type_string))
        return sim_ask_invalid(f, "messages",
                               "json: cannot unmarshal into Go struct field "
                               "ChatRequest.messages.content of type string");
    for (size_t i = 0; images && i < json_object_array_length(images); i++) {
        if (!is_base64(json_object_array_get_idx(images, i)))
            return sim_ask_invalid(f, "messages", "illegal base64 data at input byte 0");
    }
    for (size_t i = 0; calls && i < json_object_array_length(calls); i++) {
        struct json_object *fn = json_get(json_object_array_get_idx(calls, i), "function");

        if (!json_object_is_type(json_get(fn, "arguments"), json_type_object))
            return sim_ask_invalid(f, "messages",
                                   "json: cannot unmarshal string into Go struct field "
                                   "ChatRequest.messages.tool_calls.function.arguments");
    }
    return 0;
}

static int read_chat(struct sim_ask *a, struct sim_fail *f)
{
    struct json_object *list = json_get_type(a->body, "messages", json_type_array);
    struct json_object *format = json_get(a->body, "format");
    struct json_object *options = json_get(a->body, "options");

    if (json_get_bool(a->body, "stream", true))
        return sim_ask_invalid(f, "stream",
                               "it streams unless told not to, and this simulator does not "
                               "stream; send stream false");
    if (sim_ask_messages(a, f) < 0)
        return -1;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        if (read_message(json_object_array_get_idx(list, i), f) < 0)
            return -1;
    }
    if (options && !json_object_is_type(options, json_type_object))
        return sim_ask_invalid(f, "options", "options must be an object");
    if (format && !json_object_is_type(format, json_type_object) &&
        strcmp(json_object_get_string(format), "json") != 0)
        return sim_ask_invalid(f, "format", "invalid format: expected \"json\" or a JSON schema");
    if (json_get_int(a->body, "top_logprobs", 0) < 0 ||
        json_get_int(a->body, "top_logprobs", 0) > 20)
        return sim_ask_invalid(f, "top_logprobs", "top_logprobs must be between 0 and 20");
    a->max_tokens = json_get_int(options, "num_predict", 0);
    if (a->max_tokens < 0) /* as many as there is room for */
        a->max_tokens = 0;
    return read_window(a, f);
}

static void answer_embed(struct sim_reply *r, const struct sim_setup *s, const struct sim_ask *a,
                         enum sim_kind twist)
{
    struct json_object *input = json_get(a->body, "input");
    struct sim_vector form = {.dimensions = json_get_int(a->body, "dimensions", 0)};
    bool list = json_object_is_type(input, json_type_array);
    size_t n = list ? json_object_array_length(input) : 1;
    struct buf *b = &r->body;

    buf_str(b, "{\"model\":");
    buf_json_str(b, a->model, strlen(a->model));
    buf_str(b, ",\"embeddings\":[");
    for (size_t i = 0; twist != SIM_EMPTY200 && i < n; i++) {
        buf_str(b, i ? "," : "");
        sim_write_vector(b, s, a, list ? json_object_array_get_idx(input, i) : input, &form);
    }
    buf_printf(b, "],\"total_duration\":%lld,\"load_duration\":0,\"prompt_eval_count\":%lld}",
               (long long)a->prompt_tokens * NS_TOKEN, (long long)a->prompt_tokens);
}

static int read_embed(struct sim_ask *a, struct sim_fail *f)
{
    struct json_object *input = json_get(a->body, "input");
    bool list = json_object_is_type(input, json_type_array);
    size_t n = list ? json_object_array_length(input) : 1;

    for (size_t i = 0; i < n; i++) {
        if (!json_object_is_type(list ? json_object_array_get_idx(input, i) : input,
                                 json_type_string))
            return sim_ask_invalid(f, "input", "invalid input type");
    }
    a->prompt_tokens = sim_tokens(a->raw_len);
    return read_window(a, f);
}

const struct sim_dialect sim_ollama_chat = {
    .name = "ollama-chat",
    .paths = (const char *const[]){"/api/chat", NULL},
    .read = read_chat,
    .answer = answer_chat,
    .error = error,
};

const struct sim_dialect sim_ollama_embed = {
    .name = "ollama-embed",
    .paths = (const char *const[]){"/api/embed", NULL},
    .read = read_embed,
    .answer = answer_embed,
    .error = error,
};
