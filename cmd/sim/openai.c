/*
 * openai: POST /v1/chat/completions, and errors and rate-limit headers in OpenAI's form, with every
 * key that its schema requires. Deterministic: ids and `created` derive from the request. Pure.
 */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cmd/sim/dialects.h"
#include "cmd/sim/hash.h"
#include "cmd/sim/schema.h"

#define CHOICES_MAX  128
#define TOP_LOGPROBS 20
#define CREATED_BASE 1767225600 /* 2026-01-01; the digest adds up to 30 days */

struct speech {
    struct buf text;
    int64_t tokens;
    bool cut;
};

/* The function that the request forces the model to call; NULL: it may answer in words. */
static struct json_object *forced_function(const struct sim_ask *a)
{
    struct json_object *choice = json_get(a->body, "tool_choice");
    const char *want = json_get_str(json_get(choice, "function"), "name");
    const char *word =
        json_object_is_type(choice, json_type_string) ? json_object_get_string(choice) : "";

    return want || strcmp(word, "required") == 0 ? sim_ask_tool(a, "function", want) : NULL;
}

static int64_t write_tool_call(struct buf *b, const struct sim_ask *a, struct json_object *f,
                               int index)
{
    CLEANUP_JSON struct json_object *args = sim_schema_instance(json_get(f, "parameters"), "echo");
    struct buf text = BUF_INIT(SIM_BODY_MAX);
    int64_t tokens = 0;

    json_write(args, &text);
    buf_printf(b,
               "\"role\":\"assistant\",\"content\":null,\"refusal\":null,\"tool_calls\":[{\"id\":"
               "\"call_%016llx%02x\",\"type\":\"function\",\"function\":{\"name\":",
               (unsigned long long)a->digest, (unsigned)index);
    buf_json_str(b, json_get_str(f, "name"), strlen(json_get_str(f, "name")));
    buf_str(b, ",\"arguments\":");
    buf_json_str(b, text.data, text.len);
    buf_str(b, "}}]");
    tokens = sim_tokens(text.len);
    buf_done(&text);
    return tokens;
}

static void write_token(struct buf *b, const char *token, size_t n, double logprob)
{
    buf_str(b, "{\"token\":");
    buf_json_str(b, token, n);
    buf_printf(b, ",\"logprob\":%.4f,\"bytes\":[", logprob);
    for (size_t i = 0; i < n; i++)
        buf_printf(b, i ? ",%d" : "%d", (unsigned char)token[i]);
    buf_char(b, ']');
}

void sim_openai_tokens(struct buf *b, const struct sim_ask *a, const struct buf *text)
{
    int64_t top = json_get_int(a->body, "top_logprobs", 0);
    struct rng r = {.state = a->digest};

    buf_char(b, '[');
    for (size_t at = 0; at < text->len;) {
        size_t n = sim_text_cut(text->data + at, text->len - at, 4);
        double logprob = -3 * rng_unit(&r);

        buf_str(b, at ? "," : "");
        write_token(b, text->data + at, n, logprob);
        buf_str(b, ",\"top_logprobs\":[");
        for (int64_t i = 0; i < top && i < TOP_LOGPROBS; i++) {
            buf_str(b, i ? "," : "");
            write_token(b, text->data + at, n, logprob - (double)i);
            buf_char(b, '}');
        }
        buf_str(b, "]}");
        at += n;
    }
    buf_char(b, ']');
}

static void write_logprobs(struct buf *b, const struct sim_ask *a, const struct buf *text)
{
    if (!json_get_bool(a->body, "logprobs", false)) {
        buf_str(b, "null");
        return;
    }
    buf_str(b, "{\"content\":");
    sim_openai_tokens(b, a, text);
    buf_str(b, ",\"refusal\":null}");
}

int64_t sim_openai_created(const struct sim_ask *a)
{
    return CREATED_BASE + (int64_t)(a->digest % (30 * 86400));
}

static int64_t write_text(struct buf *b, const struct sim_setup *s, const struct sim_ask *a,
                          enum sim_kind twist, int index)
{
    struct speech p = {.text = BUF_INIT(SIM_BODY_MAX)};
    const char *finish = "stop";

    p.tokens = sim_voice_compose(&s->voice, a, s->seed, index,
                                 twist == SIM_LENGTH || twist == SIM_FILTER, &p.text, &p.cut);
    if (twist == SIM_EMPTY200 && p.text.len)
        p.text.len = 0;
    if (twist == SIM_REFUSAL) {
        buf_str(b, "\"role\":\"assistant\",\"content\":null,"
                   "\"refusal\":\"I cannot help with that.\",\"annotations\":[]}");
        buf_clear(&p.text);
    } else {
        buf_str(b, "\"role\":\"assistant\",\"content\":");
        buf_json_str(b, p.text.data ? p.text.data : "", p.text.len);
        buf_str(b, ",\"refusal\":null,\"annotations\":[]}");
        finish = twist == SIM_FILTER            ? "content_filter"
                 : p.cut || twist == SIM_LENGTH ? "length"
                                                : "stop";
    }
    buf_str(b, ",\"logprobs\":");
    write_logprobs(b, a, &p.text);
    buf_printf(b, ",\"finish_reason\":\"%s\"}", finish);
    buf_done(&p.text);
    return p.tokens;
}

static int64_t write_choices(struct buf *b, const struct sim_setup *s, const struct sim_ask *a,
                             enum sim_kind twist)
{
    struct json_object *f = twist == SIM_NONE ? forced_function(a) : NULL;
    int64_t n = json_get_int(a->body, "n", 1), tokens = 0;

    n = n < 1 ? 1 : n > CHOICES_MAX ? CHOICES_MAX : n;
    for (int i = 0; i < n; i++) {
        buf_printf(b, "%s{\"index\":%d,\"message\":{", i ? "," : "", i);
        if (f) {
            tokens += write_tool_call(b, a, f, i);
            buf_str(b, "},\"logprobs\":null,\"finish_reason\":\"tool_calls\"}");
        } else {
            tokens += write_text(b, s, a, twist, i);
        }
    }
    return tokens;
}

static void answer(struct sim_reply *r, const struct sim_setup *s, const struct sim_ask *a,
                   enum sim_kind twist)
{
    struct buf *b = &r->body;
    int64_t tokens = 0, cached = a->prompt_tokens * s->cached_percent / 100;

    buf_printf(b,
               "{\"id\":\"chatcmpl-%016llx\",\"object\":\"chat.completion\",\"created\":%lld,"
               "\"model\":",
               (unsigned long long)sim_hash_fold(s->seed, a->digest),
               (long long)sim_openai_created(a));
    buf_json_str(b, a->model, strlen(a->model));
    buf_str(b, ",\"choices\":[");
    tokens = write_choices(b, s, a, twist) + s->reasoning_tokens;
    buf_printf(b,
               "],\"usage\":{\"prompt_tokens\":%lld,\"completion_tokens\":%lld,\"total_tokens\":"
               "%lld,\"prompt_tokens_details\":{\"cached_tokens\":%lld,\"audio_tokens\":0},"
               "\"completion_tokens_details\":{\"reasoning_tokens\":%lld,\"audio_tokens\":0,"
               "\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}},"
               "\"service_tier\":\"default\",\"system_fingerprint\":\"fp_simulated\"}",
               (long long)a->prompt_tokens, (long long)tokens,
               (long long)(a->prompt_tokens + tokens), (long long)cached,
               (long long)s->reasoning_tokens);
    r->output_tokens = tokens;
}

static void write_or_null(struct buf *b, const char *text)
{
    if (text)
        buf_json_str(b, text, strlen(text));
    else
        buf_str(b, "null");
}

static int read_chat(struct sim_ask *a, struct sim_fail *f)
{
    struct json_object *t = json_get(a->body, "temperature");

    if (sim_ask_messages(a, f) < 0)
        return -1;
    if (t && !json_object_is_type(t, json_type_double) && !json_object_is_type(t, json_type_int))
        return sim_ask_invalid(f, "temperature", "temperature must be a number");
    a->max_tokens =
        json_get_int(a->body, "max_completion_tokens", json_get_int(a->body, "max_tokens", 0));
    if (a->max_tokens < 0)
        return sim_ask_invalid(f, "max_completion_tokens",
                               "max_completion_tokens must be at least 1");
    return 0;
}

static const struct {
    int status;
    const char *type, *code;
} errors[SIM_ERRORS] = {
    [SIM_OK] = {200, "server_error", "server_error"},
    [SIM_BAD_REQUEST] = {400, "invalid_request_error", NULL},
    [SIM_NO_PATH] = {404, "invalid_request_error", NULL},
    [SIM_NO_METHOD] = {405, "invalid_request_error", NULL},
    [SIM_BAD_KEY] = {401, "invalid_request_error", "invalid_api_key"},
    [SIM_NO_MODEL] = {404, "invalid_request_error", "model_not_found"},
    [SIM_TOO_LARGE] = {413, "invalid_request_error", NULL},
    [SIM_RATE] = {429, "requests", "rate_limit_exceeded"},
    [SIM_NO_CREDIT] = {429, "insufficient_quota", "insufficient_quota"},
    [SIM_LONG_PROMPT] = {400, "invalid_request_error", "context_length_exceeded"},
    [SIM_SERVER_ERROR] = {500, "server_error", "server_error"},
    [SIM_UNAVAILABLE] = {503, "service_unavailable_error", "server_is_overloaded"},
    [SIM_OVERLOADED] = {529, "service_unavailable_error", "server_is_overloaded"},
};

void sim_openai_error(struct sim_reply *r, const struct sim_fail *f)
{
    bool tokens = f->error == SIM_RATE && f->what && strcmp(f->what, "tokens") == 0;
    struct buf *b = &r->body;

    r->status = f->status ? f->status : errors[f->error].status;
    buf_str(b, "{\"error\":{\"message\":");
    write_or_null(b, f->message);
    buf_str(b, ",\"type\":");
    write_or_null(b, tokens ? "tokens" : errors[f->error].type);
    buf_str(b, ",\"param\":");
    write_or_null(b, f->error == SIM_NO_MODEL ? "model" : f->param);
    buf_str(b, ",\"code\":");
    write_or_null(b, errors[f->error].code);
    buf_str(b, "}}");
}

void sim_openai_pace(struct sim_reply *r, const struct sim_pace *p)
{
    if (strchr(p->what, '-'))
        return; /* input and output are not told apart */
    if (p->limit >= 0)
        buf_printf(&r->headers, "x-ratelimit-limit-%s: %lld\r\n", p->what, (long long)p->limit);
    buf_printf(&r->headers,
               "x-ratelimit-remaining-%s: %lld\r\n"
               "x-ratelimit-reset-%s: %lldms\r\n",
               p->what, (long long)p->left, p->what, (long long)p->reset_ms);
}

const struct sim_dialect sim_chat = {
    .name = "chat",
    .paths = (const char *const[]){"/v1/chat/completions", NULL},
    .read = read_chat,
    .answer = answer,
    .error = sim_openai_error,
    .pace = sim_openai_pace,
};
