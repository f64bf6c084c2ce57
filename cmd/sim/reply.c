/*
 * reply: chooses what is answered: the dialect's answer, its error, or what a fault makes of it; see
 * reply.h. Pure: bytes are moved by conn.c.
 */
#include "cmd/sim/reply.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"

#define KEEP_BYTES (256 << 10) /* a larger buffer is given back after use */

/* How each fault that is an error looks: OpenAI's fields and Anthropic's. */
static const struct {
    int status, claude_status; /* claude_status 0: the same */
    const char *type, *code, *claude, *message;
} errors[SIM_KINDS] = {
    [SIM_429] = {429, 0, "requests", "rate_limit_exceeded", "rate_limit_error",
                 "Rate limit reached (simulated). Please try again later."},
    [SIM_500] = {500, 0, "server_error", "server_error", "api_error",
                 "The server had an error while processing your request (simulated)."},
    [SIM_503] = {503, 0, "service_unavailable_error", "server_is_overloaded", "overloaded_error",
                 "The service is unavailable (simulated)."},
    [SIM_529] = {529, 0, "service_unavailable_error", "server_is_overloaded", "overloaded_error",
                 "Overloaded"},
    [SIM_QUOTA] = {429, 402, "insufficient_quota", "insufficient_quota", "billing_error",
                   "You exceeded your current quota, please check your plan and billing details."},
    [SIM_AUTH] = {401, 0, "invalid_request_error", "invalid_api_key", "authentication_error",
                  "Incorrect API key provided."},
    [SIM_NOTFOUND] = {404, 0, "invalid_request_error", "model_not_found", "not_found_error",
                      "model: this model does not exist or you do not have access to it."},
    [SIM_CONTEXT] = {400, 0, "invalid_request_error", "context_length_exceeded",
                     "invalid_request_error",
                     "prompt is too long: this model's maximum context length is 8192 tokens."},
    [SIM_ERROR200] = {200, 0, "server_error", "server_error", "api_error",
                      "The model failed inside an answer (simulated)."},
};

void sim_reply_init(struct sim_reply *r)
{
    *r = (struct sim_reply){0};
    buf_init(&r->headers, 4096);
    buf_init(&r->body, SIM_BODY_MAX);
    sim_reply_clear(r);
}

void sim_reply_done(struct sim_reply *r)
{
    buf_done(&r->headers);
    buf_done(&r->body);
}

void sim_reply_clear(struct sim_reply *r)
{
    r->status = 200;
    r->type = "application/json";
    r->fault.kind = SIM_NONE;
    r->output_tokens = 0;
    r->delay_us = 0;
    r->body.over = false;
    buf_clear(&r->headers);
    buf_clear(&r->body);
    if (r->body.cap > KEEP_BYTES)
        buf_done(&r->body);
}

void sim_reply_fail(struct sim_reply *r, enum sim_api api, const struct sim_fail *f)
{
    sim_reply_clear(r);
    r->status = f->status;
    if (api == SIM_MESSAGES)
        sim_anthropic_error(r, f);
    else
        sim_openai_error(r, f);
}

void sim_reply_answer(struct sim_reply *r, const struct sim_setup *s, const struct sim_ask *a,
                      enum sim_kind twist)
{
    static void (*const writers[])(struct sim_reply *, const struct sim_setup *,
                                   const struct sim_ask *, enum sim_kind) = {
        [SIM_CHAT] = sim_openai_chat,
        [SIM_EMBEDDINGS] = sim_openai_embeddings,
        [SIM_MESSAGES] = sim_anthropic_messages,
    };
    struct sim_fail over = {.status = 400,
                            .type = "invalid_request_error",
                            .claude = "invalid_request_error",
                            .message = "the answer would be larger than this simulator builds"};

    sim_reply_clear(r);
    writers[a->api](r, s, a, twist);
    if (r->body.over)
        sim_reply_fail(r, a->api, &over);
}

static void wait_date(struct sim_reply *r, int64_t wall_ms)
{
    time_t at = (time_t)((wall_ms + 999) / 1000);
    struct tm tm = {0};
    char text[64];

    gmtime_r(&at, &tm);
    strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    buf_printf(&r->headers, "Retry-After: %s\r\n", text);
}

static void wait_reset(struct sim_reply *r, enum sim_api api, int64_t wait_ms, int64_t wall_ms)
{
    char at[40];

    if (api != SIM_MESSAGES) {
        buf_printf(&r->headers,
                   "x-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: %lldms\r\n",
                   (long long)wait_ms);
        return;
    }
    clock_format_rfc3339(wall_ms + wait_ms, at, sizeof at);
    buf_printf(&r->headers,
               "anthropic-ratelimit-requests-remaining: 0\r\n"
               "anthropic-ratelimit-requests-reset: %s\r\n",
               at);
}

/* Adds the header that tells a client to wait, in the given form. */
static void put_wait(struct sim_reply *r, enum sim_api api, enum sim_header form, int64_t wait_ms,
                     int64_t wall_ms)
{
    switch (form) {
    case SIM_HEADER_RETRY_AFTER:
        buf_printf(&r->headers, "Retry-After: %lld\r\n", (long long)((wait_ms + 999) / 1000));
        break;
    case SIM_HEADER_RETRY_AFTER_MS:
        buf_printf(&r->headers, "retry-after-ms: %lld\r\n", (long long)wait_ms);
        break;
    case SIM_HEADER_DATE:
        wait_date(r, wall_ms + wait_ms);
        break;
    case SIM_HEADER_RESET:
        wait_reset(r, api, wait_ms, wall_ms);
        break;
    case SIM_HEADER_NONE:
        break;
    }
}

void sim_reply_limited(struct sim_reply *r, const struct sim_setup *s, const struct sim_ask *a,
                       const char *what, int64_t limit, int64_t wait_us, int64_t wall_ms)
{
    struct sim_fail f = {.status = 429,
                         .type = strcmp(what, "tokens") == 0 ? "tokens" : "requests",
                         .code = "rate_limit_exceeded",
                         .claude = "rate_limit_error"};

    snprintf(f.message, sizeof f.message,
             wait_us < 0 ? "Request too large for %.100s on %s: Limit %lld"
                         : "Rate limit reached for %.100s on %s: Limit %lld",
             a->model, what, (long long)limit);
    sim_reply_fail(r, a->api, &f);
    r->fault.kind = SIM_NONE;
    if (wait_us >= 0)
        put_wait(r, a->api, s->limit_header, (wait_us + 999) / 1000, wall_ms);
}

static void fault_error(struct sim_reply *r, const struct sim_ask *a, const struct sim_fault *f,
                        int64_t wall_ms)
{
    bool claude = a->api == SIM_MESSAGES;
    struct sim_fail fail = {.status = errors[f->kind].status,
                            .type = errors[f->kind].type,
                            .code = errors[f->kind].code,
                            .claude = errors[f->kind].claude};

    if (claude && errors[f->kind].claude_status)
        fail.status = errors[f->kind].claude_status;
    snprintf(fail.message, sizeof fail.message, "%s", errors[f->kind].message);
    sim_reply_fail(r, a->api, &fail);
    if (f->kind == SIM_429 || f->kind == SIM_503 || f->kind == SIM_529)
        put_wait(r, a->api, f->header, f->wait_ms, wall_ms);
}

void sim_reply_fault(struct sim_reply *r, const struct sim_setup *s, const struct sim_ask *a,
                     const struct sim_fault *f, int64_t wall_ms)
{
    switch (f->kind) {
    case SIM_REFUSAL:
    case SIM_LENGTH:
    case SIM_FILTER:
    case SIM_EMPTY200:
        sim_reply_answer(r, s, a, f->kind);
        break;
    case SIM_HTML200:
        sim_reply_clear(r);
        r->type = "text/html";
        buf_str(&r->body, "<!doctype html><title>Gateway</title><p>Please come back later.\n");
        break;
    case SIM_NOTJSON:
        sim_reply_clear(r);
        buf_str(&r->body, "{\"id\": \"chatcmpl-x\", \"choices\": [oops");
        break;
    default:
        if (errors[f->kind].status)
            fault_error(r, a, f, wall_ms);
    }
    r->fault = *f;
}
