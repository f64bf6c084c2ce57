/*
 * What providers answer when something is wrong: one row for each error body that we know, through
 * the provider's own entry, so that reading, classifying and rewriting are tested together.
 */
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/anthropic.h"
#include "providers/failure.h"
#include "providers/openai.h"
#include "providers/redact.h"
#include "tests/unit/providers/failure_rows.h"

/* A body in the other shape. */
#define ANT(type, message)                                                                         \
    "{\"type\":\"error\",\"error\":{\"type\":\"" type "\",\"message\":\"" message                  \
    "\"},\"request_id\":\"req_1\"}"

static const struct row openai_rows[] = {
    {400,
     OAI("This model's maximum context length is 8192 tokens", "invalid_request_error",
         "\"context_length_exceeded\""),
     CLASS_CONTEXT_WINDOW, "context_length_exceeded", 0, NULL},
    {400,
     OAI("This model's maximum context length is 8192 tokens.", "invalid_request_error", "null"),
     CLASS_CONTEXT_WINDOW, "invalid_request_error", 0, NULL},
    {400, OAI("rejected", "invalid_request_error", "\"content_policy_violation\""),
     CLASS_CONTENT_POLICY, NULL, 0, NULL},
    {400, OAI("filtered", "x", "\"content_filter\""), CLASS_CONTENT_POLICY, NULL, 0, NULL},
    {400, OAI("bad prompt", "invalid_request_error", "\"invalid_prompt\""), CLASS_CONTENT_POLICY,
     NULL, 0, NULL},
    {400,
     OAI("Invalid 'messages': string too long. Expected a string with maximum length 1048576",
         "invalid_request_error", "\"string_above_max_length\""),
     CLASS_CALLER_FAULT, NULL, 0, NULL},
    {400, OAI("Unsupported value: 'temperature'", "invalid_request_error", "\"unsupported_value\""),
     CLASS_CALLER_FAULT, NULL, 0, NULL},
    {404, OAI("Invalid URL (POST /v1/chat)", "invalid_request_error", "null"), CLASS_CALLER_FAULT,
     NULL, 0, NULL},
    {422, OAI("unprocessable", "invalid_request_error", "null"), CLASS_CALLER_FAULT, NULL, 0, NULL},
    {401,
     OAI("Incorrect API key provided: " KEY ".", "invalid_request_error", "\"invalid_api_key\""),
     CLASS_CREDENTIAL, "invalid_api_key", 0, NULL},
    {401, OAI("Your IP is not authorized to access this project", "x", "null"), CLASS_CREDENTIAL,
     NULL, 0, NULL},
    {403,
     OAI("Country, region, or territory not supported", "request_forbidden",
         "\"unsupported_country_region_territory\""),
     CLASS_REGION, NULL, 0, NULL},
    {404, OAI("The model `gpt-9` does not exist", "invalid_request_error", "\"model_not_found\""),
     CLASS_MODEL_ACCESS, "model_not_found", 0, NULL},
    {429,
     OAI("Rate limit reached for requests. Please try again in 1.5s.", "requests",
         "\"rate_limit_exceeded\""),
     CLASS_RATE_LIMIT, "rate_limit_exceeded", 1500, NULL},
    {429,
     OAI("Rate limit reached for tokens. Please try again in 6m0s.", "tokens",
         "\"rate_limit_exceeded\""),
     CLASS_RATE_LIMIT, NULL, 360000, NULL},
    {429, OAI("Rate limit reached. Please try again in 20ms.", "tokens", "\"rate_limit_exceeded\""),
     CLASS_RATE_LIMIT, NULL, 20, NULL},
    {429,
     OAI("Request too large for gpt-5 in organization org-x on tokens per min (TPM): Limit 30000",
         "tokens", "\"rate_limit_exceeded\""),
     CLASS_TOO_LARGE_FOR_TPM, NULL, 0, NULL},
    {429, OAI("slow", "rate_limit_error", "\"slow_down\""), CLASS_RATE_LIMIT, "slow_down", 0, NULL},
    {429, OAI("You exceeded your current quota", "insufficient_quota", "\"insufficient_quota\""),
     CLASS_QUOTA, "insufficient_quota", 0, NULL},
    {429, OAI("x", "insufficient_quota", "null"), CLASS_QUOTA, "insufficient_quota", 0, NULL},
    {429, OAI("x", "y", "\"credit_balance_exhausted\""), CLASS_QUOTA, NULL, 0, NULL},
    {429, OAI("x", "y", "\"organization_spend_limit_exceeded\""), CLASS_QUOTA, NULL, 0, NULL},
    {429, OAI("x", "y", "\"project_spend_limit_exceeded\""), CLASS_QUOTA, NULL, 0, NULL},
    {429, OAI("x", "y", "\"organization_usage_limit_exceeded\""), CLASS_QUOTA, NULL, 0, NULL},
    {429, "", CLASS_RATE_LIMIT, "", 0, NULL},
    {429, "too many requests", CLASS_RATE_LIMIT, "", 0, NULL},
    {500, OAI("The server had an error", "server_error", "null"), CLASS_TRANSIENT, "server_error",
     0, NULL},
    {500, "", CLASS_TRANSIENT, "", 0, NULL},
    {502, "<html><body>Bad Gateway</body></html>", CLASS_TRANSIENT, "", 0, NULL},
    {503, OAI("busy", "service_unavailable_error", "null"), CLASS_OVERLOAD, NULL, 0, NULL},
    {503, OAI("busy", "x", "\"server_is_overloaded\""), CLASS_OVERLOAD, NULL, 0, NULL},
    {503, OAI("The engine is currently overloaded, please try again later", "server_error", "null"),
     CLASS_OVERLOAD, NULL, 0, NULL},
    {503, "", CLASS_TRANSIENT, "", 0, NULL},
    {504, "", CLASS_TRANSIENT, "", 0, NULL},
    {520, "", CLASS_TRANSIENT, "", 0, NULL},
    {529, "", CLASS_OVERLOAD, "", 0, NULL},
    {408, "", CLASS_TRANSIENT, "", 0, NULL},
    {409, "", CLASS_TRANSIENT, "", 0, NULL},
    {302, "", CLASS_UNKNOWN, "", 0, NULL},
    {402, "", CLASS_QUOTA, "", 0, NULL},
    {405, "", CLASS_CALLER_FAULT, "", 0, NULL},
    {410, "gone", CLASS_MODEL_GONE, "", 0, NULL},
    {413, "too big", CLASS_CALLER_FAULT, "", 0, NULL},
    {451, "", CLASS_REGION, "", 0, NULL},
    /* Groq */
    {413, OAI("Request too large for model", "tokens", "\"rate_limit_exceeded\""),
     CLASS_TOO_LARGE_FOR_TPM, NULL, 0, NULL},
    {429, OAI("Please try again in 2m59.56s.", "tokens", "\"rate_limit_exceeded\""),
     CLASS_RATE_LIMIT, NULL, 179560, NULL},
    {498, OAI("flex", "x", "\"capacity_exceeded\""), CLASS_OVERLOAD, NULL, 0, NULL},
    {400, OAI("x", "y", "\"blocked_api_access\""), CLASS_QUOTA, NULL, 0, NULL},
    {400, OAI("x", "y", "\"organization_restricted\""), CLASS_CREDENTIAL, NULL, 0, NULL},
    {400, OAI("The model `llama2` has been decommissioned", "y", "\"model_decommissioned\""),
     CLASS_MODEL_GONE, NULL, 0, NULL},
    {400, OAI("x", "y", "\"model_terms_required\""), CLASS_MODEL_ACCESS, NULL, 0, NULL},
    {403, OAI("x", "y", "\"model_permission_blocked_org\""), CLASS_MODEL_ACCESS, NULL, 0, NULL},
    /* Mistral */
    {429,
     "{\"object\":\"error\",\"message\":\"Service tier capacity exceeded for this model.\","
     "\"type\":\"service_tier_capacity_exceeded\",\"param\":null,\"code\":\"3505\"}",
     CLASS_OVERLOAD, "service_tier_capacity_exceeded", 0, NULL},
    {429, "{\"message\":\"Requests rate limit exceeded\"}", CLASS_RATE_LIMIT, "", 0, NULL},
    {400,
     "{\"object\":\"error\",\"message\":\"Invalid model: foo\",\"type\":\"invalid_model\","
     "\"code\":\"1500\"}",
     CLASS_MODEL_ACCESS, "invalid_model", 0, NULL},
    {400, "{\"message\":\"m\",\"type\":\"unknown_model\"}", CLASS_MODEL_ACCESS, NULL, 0, NULL},
    {422,
     "{\"detail\":[{\"type\":\"missing\",\"loc\":[\"body\",\"messages\"],\"msg\":\"Field "
     "required\"}]}",
     CLASS_CALLER_FAULT, "", 0, NULL},
    /* OpenRouter */
    {402, "{\"error\":{\"code\":402,\"message\":\"Insufficient credits\"}}", CLASS_QUOTA, "402", 0,
     NULL},
    {403, "{\"error\":{\"code\":403,\"message\":\"Key limit exceeded\"}}", CLASS_QUOTA, NULL, 0,
     NULL},
    {404, "{\"error\":{\"code\":404,\"message\":\"No endpoints found for x/y\"}}",
     CLASS_MODEL_ACCESS, NULL, 0, NULL},
    {404, "{\"error\":{\"code\":404,\"message\":\"No allowed providers are available\"}}",
     CLASS_MODEL_ACCESS, NULL, 0, NULL},
    {400, "{\"error\":{\"code\":400,\"message\":\"foo is not a valid model ID\"}}",
     CLASS_MODEL_ACCESS, NULL, 0, NULL},
    {200, "{\"error\":{\"code\":429,\"message\":\"Rate limited upstream\"}}", CLASS_RATE_LIMIT,
     NULL, 0, NULL},
    {200,
     "{\"id\":\"x\",\"choices\":[{\"error\":{\"code\":502,\"message\":\"upstream\"},"
     "\"finish_reason\":\"error\"}]}",
     CLASS_TRANSIENT, NULL, 0, NULL},
    {200, OAI("something", "odd", "null"), CLASS_BAD_RESPONSE, NULL, 0, NULL},
    {200, OAI("x", "server_error", "null"), CLASS_TRANSIENT, NULL, 0, NULL},
    /* Together */
    {403,
     OAI("Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097", "x", "null"),
     CLASS_CONTEXT_WINDOW, NULL, 0, NULL},
    {503, OAI("Engine is overloaded", "x", "null"), CLASS_OVERLOAD, NULL, 0, NULL},
    {402, OAI("spend", "x", "null"), CLASS_QUOTA, NULL, 0, NULL},
    /* Scaleway: the wording means a rate limit */
    {429, OAI("INSUFFICIENT QUOTA", "x", "null"), CLASS_RATE_LIMIT, NULL, 0, NULL},
    /* vLLM, sglang, llama.cpp */
    {400,
     "{\"object\":\"error\",\"message\":\"This model's maximum context length is 4096 tokens. "
     "However, you requested 5000\",\"type\":\"BadRequestError\",\"param\":null,\"code\":400}",
     CLASS_CONTEXT_WINDOW, "BadRequestError", 0, NULL},
    {400,
     "{\"error\":{\"message\":\"The input (9000 tokens) is longer than the model's context length "
     "(8192 tokens).\",\"type\":\"BadRequest\",\"code\":400}}",
     CLASS_CONTEXT_WINDOW, NULL, 0, NULL},
    {400,
     "{\"error\":{\"code\":400,\"message\":\"the request exceeds the available context size\","
     "\"type\":\"exceed_context_size_error\"}}",
     CLASS_CONTEXT_WINDOW, "exceed_context_size_error", 0, NULL},
    {404,
     "{\"object\":\"error\",\"message\":\"The model `m` does not exist.\",\"type\":"
     "\"NotFoundError\",\"code\":404}",
     CLASS_MODEL_ACCESS, NULL, 0, NULL},
    {404, "{\"detail\":\"Not Found\"}", CLASS_MODEL_ACCESS, "", 0, NULL},
    /* Azure */
    {400,
     "{\"error\":{\"message\":\"filtered\",\"type\":null,\"param\":\"prompt\",\"code\":\"x\","
     "\"innererror\":{\"code\":\"ResponsibleAIPolicyViolation\"}}}",
     CLASS_CONTENT_POLICY, NULL, 0, NULL},
    {404, OAI("x", "", "\"DeploymentNotFound\""), CLASS_MODEL_ACCESS, NULL, 0, NULL},
    /* waits in the body, in the shapes of RetryInfo */
    {429,
     "[{\"error\":{\"code\":429,\"message\":\"Please retry in 58.217843437s.\",\"status\":"
     "\"RESOURCE_EXHAUSTED\",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\","
     "\"retryDelay\":\"39s\"}]}}]",
     CLASS_RATE_LIMIT, "RESOURCE_EXHAUSTED", 39000, NULL},
    {429,
     "{\"error\":{\"message\":\"m\",\"details\":[{\"retryDelay\":{\"seconds\":2,\"nanos\":"
     "500000000}}]}}",
     CLASS_RATE_LIMIT, "", 2500, NULL},
    /* a parameter that is deprecated is no model that is gone */
    {400,
     "{\"error\":{\"message\":\"max_tokens is deprecated for model-x\",\"param\":\"max_tokens\"}}",
     CLASS_CALLER_FAULT, NULL, 0, NULL},
    {400, "{\"error\":{\"message\":\"model-x has been retired\",\"param\":\"model\"}}",
     CLASS_MODEL_GONE, NULL, 0, NULL},
    /* "good" responses that are none */
    {200, "", CLASS_BAD_RESPONSE, "empty_body", 0, NULL},
    {200, "{\"choices\":[{\"mess", CLASS_BAD_RESPONSE, "not_json", 0, NULL},
    {200, "<html>hello</html>", CLASS_BAD_RESPONSE, "not_json", 0, NULL},
    {200, "[]", CLASS_BAD_RESPONSE, "not_json", 0, NULL},
    {200, "{}", CLASS_BAD_RESPONSE, "no_choices", 0, NULL},
    {200, "{\"choices\":[]}", CLASS_BAD_RESPONSE, "no_choices", 0, NULL},
    {200,
     "{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":"
     "\"stop\"}]}",
     CLASS_BAD_RESPONSE, "empty_answer", 0, NULL},
    {200, "{\"choices\":[{\"finish_reason\":\"stop\"}]}", CLASS_BAD_RESPONSE, "empty_answer", 0,
     NULL},
    {200,
     "{\"choices\":[{\"message\":{\"content\":null,\"tool_calls\":[]},\"finish_reason\":"
     "\"tool_calls\"}]}",
     CLASS_BAD_RESPONSE, "empty_answer", 0, NULL},
};

static const struct row anthropic_rows[] = {
    {400, ANT("invalid_request_error", "messages: roles must alternate"), CLASS_CALLER_FAULT,
     "invalid_request_error", 0, NULL},
    {400, ANT("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
     CLASS_CONTEXT_WINDOW, NULL, 0, NULL},
    {400,
     ANT("invalid_request_error",
         "input length and `max_tokens` exceed context limit: 199000 + 8192 > 200000"),
     CLASS_CONTEXT_WINDOW, NULL, 0, NULL},
    {400,
     ANT("invalid_request_error", "Your credit balance is too low to access the Anthropic API"),
     CLASS_QUOTA, NULL, 0, NULL},
    {400, ANT("invalid_request_error", "You have reached your specified API usage limits."),
     CLASS_QUOTA, NULL, 0, NULL},
    {400, ANT("invalid_request_error", "Your workspace spend limit is reached"), CLASS_QUOTA, NULL,
     0, NULL},
    {400, ANT("invalid_request_error", "Output blocked by content filtering policy"),
     CLASS_CONTENT_POLICY, NULL, 0, NULL},
    {401, ANT("authentication_error", "invalid x-api-key"), CLASS_CREDENTIAL,
     "authentication_error", 0, NULL},
    {402, ANT("billing_error", "x"), CLASS_QUOTA, NULL, 0, NULL},
    {403, ANT("permission_error", "Your API key does not have permission to use the model"),
     CLASS_MODEL_ACCESS, "permission_error", 0, NULL},
    {404, ANT("not_found_error", "model: claude-9"), CLASS_MODEL_ACCESS, "not_found_error", 0,
     NULL},
    {409, ANT("conflict_error", "x"), CLASS_TRANSIENT, NULL, 0, NULL},
    {413, ANT("request_too_large", "Request exceeds the maximum size"), CLASS_CALLER_FAULT, NULL, 0,
     NULL},
    {429, ANT("rate_limit_error", "This request would exceed your rate limit"), CLASS_RATE_LIMIT,
     "rate_limit_error", 0, "retry-after: 12\n"},
    {429,
     "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"x\",\"details\":"
     "{\"error_code\":\"enforced_spend_limit_reached\"}}}",
     CLASS_QUOTA, NULL, 0, NULL},
    {500, ANT("api_error", "Internal server error"), CLASS_TRANSIENT, "api_error", 0, NULL},
    {504, ANT("timeout_error", "x"), CLASS_TIMEOUT, "timeout_error", 0, NULL},
    {529, ANT("overloaded_error", "Overloaded"), CLASS_OVERLOAD, "overloaded_error", 0, NULL},
    {529, "", CLASS_OVERLOAD, "", 0, NULL},
    {200, ANT("overloaded_error", "Overloaded"), CLASS_OVERLOAD, NULL, 0, NULL},
    {200, ANT("api_error", "x"), CLASS_TRANSIENT, NULL, 0, NULL},
    {200, ANT("permission_error", "x"), CLASS_MODEL_ACCESS, NULL, 0, NULL},
    {200, "", CLASS_BAD_RESPONSE, "empty_body", 0, NULL},
    {200, "{\"type\":\"message\",\"content\":[{\"type\":\"te", CLASS_BAD_RESPONSE, "not_json", 0,
     NULL},
    {200, "{\"type\":\"message\"}", CLASS_BAD_RESPONSE, "no_content", 0, NULL},
    {200, "{\"type\":\"message\",\"content\":[],\"stop_reason\":\"end_turn\"}", CLASS_BAD_RESPONSE,
     "empty_answer", 0, NULL},
    {200,
     "{\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\"}],\"stop_reason\":\"end_turn\"}",
     CLASS_BAD_RESPONSE, "empty_answer", 0, NULL},
};

Test(failures, openai)
{
    check_rows(&provider_openai, openai_rows, ARRAY_LEN(openai_rows));
}

Test(failures, anthropic)
{
    check_rows(&provider_anthropic, anthropic_rows, ARRAY_LEN(anthropic_rows));
}

Test(failures, should_retry_header)
{
    static const struct row said_no = {500, "", CLASS_TRANSIENT, "", 0, "x-should-retry: false\n"};
    static const struct row said_yes = {500, "", CLASS_TRANSIENT, "", 0, "x-should-retry: true\n"};
    struct answer ans;

    respond(&provider_openai, &said_no, &ans);
    cr_expect(ans.no_same_route);
    answer_done(&ans);
    respond(&provider_openai, &said_yes, &ans);
    cr_expect(!ans.no_same_route);
    answer_done(&ans);
}

Test(failures, request_id_of_the_body)
{
    static const struct row row = {429, ANT("rate_limit_error", "x"), CLASS_RATE_LIMIT, "", 0,
                                   NULL};
    struct answer ans;

    respond(&provider_anthropic, &row, &ans);
    cr_expect_str_eq(ans.request_id, "req_1");
    answer_done(&ans);
}

Test(failures, long_words_are_cut_at_a_character)
{
    struct row row = {.status = 500};
    struct buf body = BUF_INIT(1 << 16);
    struct answer ans;
    int i = 0;

    buf_str(&body, "{\"error\":\"x");
    for (i = 0; i < 9000; i++)
        buf_str(&body, "\xe2\x82\xac");
    buf_str(&body, "\"}");
    row.body = body.data;
    respond(&provider_openai, &row, &ans);
    cr_expect_eq(strlen(ans.message), 253); /* 1 + 84 * 3: 255 would halve a character */
    check_error_body(ans.body.data, 0);
    cr_expect_lt(ans.body.len, 8192);
    answer_done(&ans);
    buf_done(&body);
}

Test(failures, durations)
{
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        {"6m0s", 360000},
        {"1h2m3.5s", 3723500},
        {"28ms", 28},
        {"500us", 1},
        {"7.66", 7660},
        {"7.66s.", 7660},
        {"58s", 58000},
        {"0s", 0},
        {"", -1},
        {"-3s", -1},
        {"soon", -1},
        {"9999999h", -1},
        {"20 seconds", 20000},
        {"1 minute", 60000},
        {"3s or so", 3000},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(rows); i++)
        cr_expect_eq(failure_duration_ms(rows[i].text), rows[i].ms, "%s: %lld", rows[i].text,
                     (long long)failure_duration_ms(rows[i].text));
}

Test(failures, redact)
{
    static struct property header = {.name = (char *)"x-token", .value = (char *)"header-secret-1"};
    struct model m = model;
    size_t i = 0;
    static const char *const rows[][2] = {
        {"plain words", "plain words"},
        {"key " KEY " here", "key *** here"},
        {"x" KEY "y", "x***y"},
        {"other sk-abcdefgh99, ok", "other ***, ok"},
        {"sk-abc is short", "sk-abc is short"},
        {"a task-list-of-things", "a task-list-of-things"},
        {"Authorization: Bearer abcdefghijkl", "Authorization: ***"},
        {"header-secret-1!", "***!"},
        {"gsk_0123456789", "***"},
        {"a\nb\tc\x01", "a b c "},
        {"bad \xff byte", "bad ? byte"},
        {"\xe2\x82\xac", "\xe2\x82\xac"},
    };

    m.extra_headers.at = &header;
    m.extra_headers.count = 1;
    for (i = 0; i < ARRAY_LEN(rows); i++) {
        char out[128];

        redact_into(&m, rows[i][0], out, sizeof out);
        cr_expect_str_eq(out, rows[i][1], "%s: %s", rows[i][0], out);
    }
}

Test(failures, no_half_of_a_key_survives_the_cut)
{
    struct row row = {.status = 500};
    struct buf body = BUF_INIT(8192);
    struct answer ans;
    size_t before = 0;

    for (before = 470; before < 530; before++) {
        size_t i = 0;

        buf_clear(&body);
        for (i = 0; i < before; i++)
            buf_char(&body, '.');
        buf_str(&body, KEY);
        row.body = body.data;
        respond(&provider_openai, &row, &ans);
        cr_expect(!strstr(ans.body.data, "sk-p"), "key cut at %zu: %s", before, ans.body.data);
        answer_done(&ans);
    }
    buf_done(&body);
}
