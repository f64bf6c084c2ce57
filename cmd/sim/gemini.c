/*
 * gemini: POST /v1beta/models/<model>:generateContent, and the same of Vertex AI; answers and errors in
 * Google's form, where the wait of a 429 stands in the body. What is refused is in gemini_read.c. Pure.
 */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cmd/sim/gemini.h"
#include "cmd/sim/hash.h"
#include "cmd/sim/schema.h"

#define RPC          "\"@type\":\"type.googleapis.com/google.rpc."
#define TOP_LOGPROBS 20

/* The function that the request forces the model to call; NULL: it may answer in words. */
static struct json_object *forced_function(const struct sim_ask *a)
{
    struct json_object *config = json_get(json_get(a->body, "toolConfig"), "functionCallingConfig");
    struct json_object *names = json_get_type(config, "allowedFunctionNames", json_type_array);
    const char *mode = json_get_str(config, "mode");
    const char *want = names ? json_object_get_string(json_object_array_get_idx(names, 0)) : NULL;

    return mode && strcmp(mode, "ANY") == 0 ? sim_gemini_function(a, want) : NULL;
}

static int64_t write_call(struct buf *b, const struct sim_ask *a, struct json_object *f, int index)
{
    CLEANUP_JSON struct json_object *args =
        sim_schema_instance(json_get(f, "parametersJsonSchema"), "echo");
    const char *name = json_get_str(f, "name");
    size_t start = 0;
    int64_t tokens = 0;

    buf_str(b, "{\"functionCall\":{");
    if (sim_gemini_signs(a)) /* older models give calls no ids */
        buf_printf(b, "\"id\":\"fc_%016llx%02x\",", (unsigned long long)a->digest, (unsigned)index);
    buf_str(b, "\"name\":");
    buf_json_str(b, name, strlen(name));
    buf_str(b, ",\"args\":");
    start = b->len;
    json_write(args, b);
    tokens = sim_tokens(b->len - start);
    buf_char(b, '}');
    if (sim_gemini_signs(a))
        buf_printf(b, ",\"thoughtSignature\":\"c2lt%016llx\"", (unsigned long long)a->digest);
    buf_char(b, '}');
    return tokens;
}

static void write_token(struct buf *b, const char *token, size_t n, double logprob)
{
    buf_str(b, "{\"token\":");
    buf_json_str(b, token, n);
    buf_printf(b, ",\"tokenId\":%zu,\"logProbability\":%.4f}", n, logprob);
}

/* ,"logprobsResult":{...} when it is asked for. */
static void write_logprobs(struct buf *b, const struct sim_ask *a, const struct buf *text)
{
    struct json_object *config = json_get(a->body, "generationConfig");
    struct buf tops = BUF_INIT(SIM_BODY_MAX);
    int64_t top = json_get_int(config, "logprobs", 0);
    struct rng r = {.state = a->digest};

    if (!json_get_bool(config, "responseLogprobs", false))
        return;
    buf_str(b, ",\"logprobsResult\":{\"chosenCandidates\":[");
    for (size_t at = 0; at < text->len;) {
        size_t n = sim_text_cut(text->data + at, text->len - at, 4);
        double logprob = -3 * rng_unit(&r);

        buf_str(b, at ? "," : "");
        write_token(b, text->data + at, n, logprob);
        buf_str(&tops, at ? ",{\"candidates\":[" : "{\"candidates\":[");
        for (int64_t i = 0; i < top && i < TOP_LOGPROBS; i++) {
            buf_str(&tops, i ? "," : "");
            write_token(&tops, text->data + at, n, logprob - (double)i);
        }
        buf_str(&tops, "]}");
        at += n;
    }
    buf_printf(b, "],\"topCandidates\":[%s]}", tops.data ? tops.data : "");
    buf_done(&tops);
}

static int64_t write_text(struct buf *b, const struct sim_setup *s, const struct sim_ask *a,
                          enum sim_kind twist, int index)
{
    struct json_object *thinking =
        json_get(json_get(a->body, "generationConfig"), "thinkingConfig");
    struct buf text = BUF_INIT(SIM_BODY_MAX);
    bool cut = false;
    int64_t tokens =
        sim_voice_compose(&s->voice, a, s->seed, index, twist == SIM_LENGTH, &text, &cut);

    buf_str(b, "{\"content\":{\"parts\":[");
    if (s->reasoning_tokens && json_get_bool(thinking, "includeThoughts", false))
        buf_str(b, "{\"text\":\"(thinking)\",\"thought\":true},");
    buf_str(b, "{\"text\":");
    buf_json_str(b, text.data ? text.data : "", text.len);
    buf_printf(b, "}],\"role\":\"model\"},\"finishReason\":\"%s\",\"index\":%d",
               cut || twist == SIM_LENGTH ? "MAX_TOKENS" : "STOP", index);
    write_logprobs(b, a, &text);
    buf_char(b, '}');
    buf_done(&text);
    return tokens;
}

static int64_t write_candidates(struct buf *b, const struct sim_setup *s, const struct sim_ask *a,
                                enum sim_kind twist)
{
    struct json_object *f = twist == SIM_NONE ? forced_function(a) : NULL;
    int64_t n = json_get_int(json_get(a->body, "generationConfig"), "candidateCount", 1);
    int64_t tokens = 0;

    if (twist == SIM_EMPTY200 || twist == SIM_REFUSAL) {
        buf_str(b,
                twist == SIM_REFUSAL
                    ? "{\"finishReason\":\"SAFETY\",\"finishMessage\":\"I cannot help with "
                      "that.\",\"index\":0}"
                    : "{\"content\":{\"role\":\"model\"},\"finishReason\":\"STOP\",\"index\":0}");
        return 0;
    }
    for (int i = 0; i < n; i++) {
        buf_str(b, i ? "," : "");
        if (!f) {
            tokens += write_text(b, s, a, twist, i);
            continue;
        }
        buf_str(b, "{\"content\":{\"parts\":[");
        tokens += write_call(b, a, f, i);
        buf_printf(b, "],\"role\":\"model\"},\"finishReason\":\"STOP\",\"index\":%d}", i);
    }
    return tokens;
}

/* Counts that are 0 are not written. */
static void write_count(struct buf *b, const char *key, int64_t n)
{
    if (n > 0)
        buf_printf(b, "\"%s\":%lld,", key, (long long)n);
}

static void answer(struct sim_reply *r, const struct sim_setup *s, const struct sim_ask *a,
                   enum sim_kind twist)
{
    struct buf *b = &r->body;
    int64_t tokens = 0, thoughts = s->reasoning_tokens;

    if (twist == SIM_FILTER) {
        thoughts = 0;
        buf_str(b, "{\"promptFeedback\":{\"blockReason\":\"PROHIBITED_CONTENT\"}");
    } else {
        buf_str(b, "{\"candidates\":[");
        tokens = write_candidates(b, s, a, twist);
        buf_char(b, ']');
    }
    buf_str(b, ",\"usageMetadata\":{");
    write_count(b, "promptTokenCount", a->prompt_tokens);
    write_count(b, "candidatesTokenCount", tokens);
    write_count(b, "thoughtsTokenCount", thoughts);
    write_count(b, "cachedContentTokenCount", a->prompt_tokens * s->cached_percent / 100);
    buf_printf(b, "\"totalTokenCount\":%lld},\"modelVersion\":",
               (long long)(a->prompt_tokens + tokens + thoughts));
    buf_json_str(b, a->model, strlen(a->model));
    buf_printf(b, ",\"responseId\":\"sim%016llx\"}",
               (unsigned long long)sim_hash_fold(s->seed, a->digest));
    r->output_tokens = tokens + thoughts;
}

static const struct {
    int status;
    const char *word;
    const char *message; /* instead of the general one, or NULL */
} errors[SIM_ERRORS] = {
    [SIM_OK] = {200, "INTERNAL", NULL},
    [SIM_BAD_REQUEST] = {400, "INVALID_ARGUMENT", NULL},
    [SIM_NO_PATH] = {404, "NOT_FOUND", NULL},
    [SIM_NO_METHOD] = {405, "UNIMPLEMENTED", NULL},
    [SIM_BAD_KEY] = {400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."},
    [SIM_NO_MODEL] = {404, "NOT_FOUND", NULL},
    [SIM_TOO_LARGE] = {413, "INVALID_ARGUMENT", NULL},
    [SIM_RATE] = {429, "RESOURCE_EXHAUSTED", NULL},
    [SIM_NO_CREDIT] = {429, "RESOURCE_EXHAUSTED", NULL},
    [SIM_LONG_PROMPT] = {400, "INVALID_ARGUMENT",
                         "The input token count (9000) exceeds the maximum number of tokens "
                         "allowed (8192)."},
    [SIM_SERVER_ERROR] = {500, "INTERNAL", NULL},
    [SIM_UNAVAILABLE] = {503, "UNAVAILABLE", NULL},
    [SIM_OVERLOADED] = {503, "UNAVAILABLE", "The model is overloaded. Please try again later."},
};

static const char *quota_id(const struct sim_fail *f)
{
    if (f->error == SIM_NO_CREDIT)
        return "GenerateRequestsPerDayPerProjectPerModel";
    return f->what && strcmp(f->what, "tokens") == 0
               ? "GenerateContentInputTokensPerModelPerMinute"
               : "GenerateRequestsPerMinutePerProjectPerModel";
}

static void write_wait(struct buf *b, int64_t ms)
{
    buf_printf(b, "{" RPC "RetryInfo\",\"retryDelay\":\"%lld", (long long)(ms / 1000));
    if (ms % 1000)
        buf_printf(b, ".%03lld", (long long)(ms % 1000));
    buf_str(b, "s\"}");
}

/* ,"details":[...] of the errors that have some. */
static void write_details(struct buf *b, const struct sim_fail *f)
{
    bool quota = f->error == SIM_NO_CREDIT || (f->error == SIM_RATE && f->wait_ms > 0);

    if (f->error == SIM_BAD_KEY) {
        buf_str(b, ",\"details\":[{" RPC "ErrorInfo\",\"reason\":\"API_KEY_INVALID\",\"domain\":"
                   "\"googleapis.com\"}]");
        return;
    }
    if (!quota && f->wait_ms <= 0)
        return;
    buf_str(b, ",\"details\":[");
    if (quota)
        buf_printf(b, "{" RPC "QuotaFailure\",\"violations\":[{\"quotaId\":\"%s\"}]}%s",
                   quota_id(f), f->wait_ms > 0 ? "," : "");
    if (f->wait_ms > 0)
        write_wait(b, f->wait_ms);
    buf_char(b, ']');
}

static void write_error(struct sim_reply *r, int status, const char *word, const struct sim_fail *f)
{
    const char *message = errors[f->error].message ? errors[f->error].message : f->message;
    struct buf *b = &r->body;

    r->status = f->status ? f->status : status;
    buf_printf(b, "{\"error\":{\"code\":%d,\"message\":",
               r->status == 200 ? errors[SIM_SERVER_ERROR].status : r->status);
    buf_json_str(b, message, strlen(message));
    buf_printf(b, ",\"status\":\"%s\"", word);
    write_details(b, f);
    buf_str(b, "}}");
}

void sim_gemini_error(struct sim_reply *r, const struct sim_fail *f)
{
    write_error(r, errors[f->error].status, errors[f->error].word, f);
}

void sim_vertex_error(struct sim_reply *r, const struct sim_fail *f)
{
    if (f->error == SIM_BAD_KEY)
        write_error(r, 401, "UNAUTHENTICATED", f);
    else
        sim_gemini_error(r, f);
}

const struct sim_dialect sim_gemini = {
    .name = "gemini",
    .paths = (const char *const[]){"/v1beta/models/*:generateContent", NULL},
    .read = sim_gemini_read,
    .answer = answer,
    .error = sim_gemini_error,
    .body_waits = true,
};

const struct sim_dialect sim_vertex = {
    .name = "vertex",
    .paths = (const char *const[]){"/v1/projects/*:generateContent", NULL},
    .read = sim_gemini_read,
    .answer = answer,
    .error = sim_vertex_error,
    .body_waits = true,
};
