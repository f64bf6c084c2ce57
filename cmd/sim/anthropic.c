/*
 * anthropic: POST /v1/messages, answers, errors and rate-limit headers in Anthropic's form. Its input_tokens exclude
 * what was read from the cache. Pure.
 */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "cmd/sim/dialects.h"
#include "cmd/sim/hash.h"
#include "cmd/sim/schema.h"

#define REFUSED "{\"type\":\"refusal\",\"category\":null,\"explanation\":null}"

/* The tool that the request forces the model to use; NULL: it may answer in words. */
static struct json_object *forced_tool(const struct sim_ask *a)
{
    struct json_object *choice = json_get(a->body, "tool_choice");
    const char *type = json_get_str(choice, "type"), *want = json_get_str(choice, "name");

    if (!type || (strcmp(type, "any") != 0 && strcmp(type, "tool") != 0))
        return NULL;
    return sim_ask_tool(a, NULL, want);
}

static const char *write_tool(struct buf *b, const struct sim_ask *a, struct json_object *t,
                              int64_t *ret_tokens)
{
    CLEANUP_JSON struct json_object *input =
        sim_schema_instance(json_get(t, "input_schema"), "echo");
    size_t start = 0;

    buf_printf(b,
               "{\"type\":\"tool_use\",\"id\":\"toolu_%016llx\",\"caller\":{\"type\":\"direct\"},"
               "\"name\":",
               (unsigned long long)a->digest);
    buf_json_str(b, json_get_str(t, "name"), strlen(json_get_str(t, "name")));
    buf_str(b, ",\"input\":");
    start = b->len;
    json_write(input, b);
    *ret_tokens = sim_tokens(b->len - start);
    buf_char(b, '}');
    return "tool_use";
}

/* Writes the content blocks and returns the stop reason. */
static const char *write_content(struct buf *b, const struct sim_setup *s, const struct sim_ask *a,
                                 enum sim_kind twist, int64_t *ret_tokens)
{
    struct json_object *tool = twist == SIM_NONE ? forced_tool(a) : NULL;
    struct buf text = BUF_INIT(SIM_BODY_MAX);
    bool cut = false;

    *ret_tokens = 0;
    if (twist == SIM_EMPTY200)
        return "end_turn";
    if (tool)
        return write_tool(b, a, tool, ret_tokens);
    if (twist == SIM_REFUSAL || twist == SIM_FILTER)
        buf_str(&text, "I cannot help with that.");
    else
        *ret_tokens = sim_voice_compose(&s->voice, a, s->seed, 0, twist == SIM_LENGTH, &text, &cut);
    buf_str(b, "{\"type\":\"text\",\"text\":");
    buf_json_str(b, text.data ? text.data : "", text.len);
    buf_str(b, ",\"citations\":null}");
    buf_done(&text);
    if (twist == SIM_REFUSAL || twist == SIM_FILTER)
        return "refusal";
    return cut || twist == SIM_LENGTH ? "max_tokens" : "end_turn";
}

static void write_usage(struct buf *b, int64_t input, int64_t cached, int64_t output,
                        int64_t thinking)
{
    buf_printf(b,
               "\"usage\":{\"input_tokens\":%lld,\"cache_creation_input_tokens\":0,"
               "\"cache_read_input_tokens\":%lld,\"cache_creation\":{\"ephemeral_5m_input_tokens\":"
               "0,\"ephemeral_1h_input_tokens\":0},\"output_tokens\":%lld,"
               "\"output_tokens_details\":{\"thinking_tokens\":%lld},\"server_tool_use\":null,"
               "\"service_tier\":\"standard\",\"inference_geo\":null,\"speed\":\"standard\"}",
               (long long)input, (long long)cached, (long long)output, (long long)thinking);
}

static void answer(struct sim_reply *r, const struct sim_setup *s, const struct sim_ask *a,
                   enum sim_kind twist)
{
    struct buf *b = &r->body;
    int64_t tokens = 0, cached = a->prompt_tokens * s->cached_percent / 100;
    const char *stop = NULL;
    unsigned long long id = sim_hash_fold(s->seed, a->digest);

    buf_printf(&r->headers, "request-id: req_%016llx\r\n", id);
    buf_printf(
        b, "{\"id\":\"msg_%016llx\",\"type\":\"message\",\"role\":\"assistant\",\"model\":", id);
    buf_json_str(b, a->model, strlen(a->model));
    buf_str(b, ",\"content\":[");
    stop = write_content(b, s, a, twist, &tokens);
    tokens += s->reasoning_tokens;
    buf_printf(b,
               "],\"container\":null,\"diagnostics\":null,\"stop_reason\":\"%s\",\"stop_sequence\":"
               "null,\"stop_details\":%s,",
               stop, strcmp(stop, "refusal") == 0 ? REFUSED : "null");
    write_usage(b, a->prompt_tokens - cached, cached, tokens, s->reasoning_tokens);
    buf_char(b, '}');
    r->output_tokens = tokens;
}

static int read_messages(struct sim_ask *a, struct sim_fail *f)
{
    if (sim_ask_messages(a, f) < 0)
        return -1;
    a->max_tokens = json_get_int(a->body, "max_tokens", 0);
    if (a->max_tokens < 1)
        return sim_ask_invalid(f, "max_tokens",
                               "max_tokens: Field required, an integer of at least 1");
    return 0;
}

static const struct {
    int status;
    const char *type;
} errors[SIM_ERRORS] = {
    [SIM_OK] = {200, "api_error"},
    [SIM_BAD_REQUEST] = {400, "invalid_request_error"},
    [SIM_NO_PATH] = {404, "not_found_error"},
    [SIM_NO_METHOD] = {405, "invalid_request_error"},
    [SIM_BAD_KEY] = {401, "authentication_error"},
    [SIM_NO_MODEL] = {404, "not_found_error"},
    [SIM_TOO_LARGE] = {413, "request_too_large"},
    [SIM_RATE] = {429, "rate_limit_error"},
    [SIM_NO_CREDIT] = {402, "billing_error"},
    [SIM_LONG_PROMPT] = {400, "invalid_request_error"},
    [SIM_SERVER_ERROR] = {500, "api_error"},
    [SIM_UNAVAILABLE] = {503, "overloaded_error"},
    [SIM_OVERLOADED] = {529, "overloaded_error"},
};

static void error(struct sim_reply *r, const struct sim_fail *f)
{
    struct buf *b = &r->body;

    r->status = f->status ? f->status : errors[f->error].status;
    buf_str(b, "{\"type\":\"error\",\"error\":{\"type\":");
    buf_json_str(b, errors[f->error].type, strlen(errors[f->error].type));
    buf_str(b, ",\"message\":");
    buf_json_str(b, f->message, strlen(f->message));
    buf_str(b, "},\"request_id\":\"req_simulated\"}");
}

static void pace(struct sim_reply *r, const struct sim_pace *p)
{
    char at[40];

    clock_format_rfc3339(p->wall_ms + p->reset_ms, at, sizeof at);
    if (p->limit >= 0)
        buf_printf(&r->headers, "anthropic-ratelimit-%s-limit: %lld\r\n", p->what,
                   (long long)p->limit);
    buf_printf(&r->headers,
               "anthropic-ratelimit-%s-remaining: %lld\r\n"
               "anthropic-ratelimit-%s-reset: %s\r\n",
               p->what, (long long)p->left, p->what, at);
}

const struct sim_dialect sim_messages = {
    .name = "messages",
    .paths = (const char *const[]){"/v1/messages", NULL},
    .read = read_messages,
    .answer = answer,
    .error = error,
    .pace = pace,
};
