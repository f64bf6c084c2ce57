/*
 * reply: chooses what is answered: the dialect's answer, its error, or what a fault makes of it; see
 * reply.h. Pure: bytes are moved by conn.c.
 */
#include "cmd/sim/dialect.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"

#define KEEP_BYTES (256 << 10) /* a larger buffer is given back after use */

/* What each fault that is an error says. */
static const struct {
    enum sim_error error; /* SIM_OK: an error inside an answer with status 200 */
    const char *message;
} errors[SIM_KINDS] = {
    [SIM_429] = {SIM_RATE, "Rate limit reached (simulated). Please try again later."},
    [SIM_500] = {SIM_SERVER_ERROR,
                 "The server had an error while processing your request (simulated)."},
    [SIM_503] = {SIM_UNAVAILABLE, "The service is unavailable (simulated)."},
    [SIM_529] = {SIM_OVERLOADED, "Overloaded"},
    [SIM_QUOTA] = {SIM_NO_CREDIT,
                   "You exceeded your current quota, please check your plan and billing details."},
    [SIM_AUTH] = {SIM_BAD_KEY, "Incorrect API key provided."},
    [SIM_NOTFOUND] = {SIM_NO_MODEL,
                      "model: this model does not exist or you do not have access to it."},
    [SIM_CONTEXT] = {SIM_LONG_PROMPT,
                     "prompt is too long: this model's maximum context length is 8192 tokens."},
    [SIM_ERROR200] = {SIM_OK, "The model failed inside an answer (simulated)."},
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

void sim_reply_fail(struct sim_reply *r, const struct sim_dialect *d, const struct sim_fail *f)
{
    sim_reply_clear(r);
    d->error(r, f);
}

void sim_reply_answer(struct sim_reply *r, const struct sim_setup *s, const struct sim_ask *a,
                      enum sim_kind twist)
{
    struct sim_fail over = {.error = SIM_BAD_REQUEST,
                            .message = "the answer would be larger than this simulator builds"};

    sim_reply_clear(r);
    a->dialect->answer(r, s, a, twist);
    if (r->body.over)
        sim_reply_fail(r, a->dialect, &over);
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

/* Adds the header that tells a client to wait, in the given form. */
static void put_wait(struct sim_reply *r, const struct sim_dialect *d, enum sim_header form,
                     int64_t wait_ms, int64_t wall_ms)
{
    if (d->body_waits)
        return;
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
        if (d->pace)
            d->pace(r, &(struct sim_pace){"requests", -1, 0, wait_ms, wall_ms});
        break;
    case SIM_HEADER_NONE:
        break;
    }
}

void sim_reply_limited(struct sim_reply *r, const struct sim_setup *s, const struct sim_ask *a,
                       const char *what, int64_t limit, int64_t wait_us, int64_t wall_ms)
{
    struct sim_fail f = {.error = SIM_RATE, .what = what};

    if (wait_us >= 0 && s->limit_header != SIM_HEADER_NONE)
        f.wait_ms = (wait_us + 999) / 1000;
    snprintf(f.message, sizeof f.message,
             wait_us < 0 ? "Request too large for %.100s on %s: Limit %lld"
                         : "Rate limit reached for %.100s on %s: Limit %lld",
             a->model, what, (long long)limit);
    sim_reply_fail(r, a->dialect, &f);
    r->fault.kind = SIM_NONE;
    if (wait_us >= 0)
        put_wait(r, a->dialect, s->limit_header, (wait_us + 999) / 1000, wall_ms);
}

static void fault_error(struct sim_reply *r, const struct sim_ask *a, const struct sim_fault *f,
                        int64_t wall_ms)
{
    bool waits = f->kind == SIM_429 || f->kind == SIM_503 || f->kind == SIM_529;
    struct sim_fail fail = {.error = errors[f->kind].error};

    if (waits && f->header != SIM_HEADER_NONE)
        fail.wait_ms = f->wait_ms;
    snprintf(fail.message, sizeof fail.message, "%s", errors[f->kind].message);
    sim_reply_fail(r, a->dialect, &fail);
    if (waits)
        put_wait(r, a->dialect, f->header, f->wait_ms, wall_ms);
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
    case SIM_RAW:
        sim_reply_clear(r);
        r->status = f->raw->status;
        r->type = f->raw->type;
        buf_str(&r->headers, f->raw->headers);
        buf_str(&r->body, f->raw->body);
        break;
    case SIM_NOTJSON:
        sim_reply_clear(r);
        buf_str(&r->body, "{\"id\": \"chatcmpl-x\", \"choices\": [oops");
        break;
    default:
        if (errors[f->kind].message)
            fault_error(r, a, f, wall_ms);
    }
    r->fault = *f;
}
