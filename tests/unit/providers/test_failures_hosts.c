/*
 * What the hosts behind OpenAI's dialect answer when something is wrong, where it is not OpenAI's own
 * form: Azure, OpenRouter, Cloudflare, xAI and others, and the wordings that stand for a code.
 */
#include <criterion/criterion.h>

#include "base/mem.h"
#include "providers/azure.h"
#include "providers/mistral.h"
#include "providers/openai.h"
#include "tests/unit/providers/failure_rows.h"

static const struct row rows[] = {
    /* markers of a full window that stand alone */
    {400, OAI("input length and max_tokens exceed context limit: 9 > 8", "x", "null"),
     CLASS_CONTEXT_WINDOW, NULL, 0, NULL},
    {400, OAI("beyond the model's maximum context limit", "x", "null"), CLASS_CONTEXT_WINDOW, NULL,
     0, NULL},
    {400, OAI("Input tokens exceed the configured limit of 272000 tokens", "x", "null"),
     CLASS_CONTEXT_WINDOW, NULL, 0, NULL},
    {400, OAI("the input exceeds the maximum number of tokens allowed (1048576)", "x", "null"),
     CLASS_CONTEXT_WINDOW, NULL, 0, NULL},
    {400, OAI("Prompt is too long", "x", "null"), CLASS_CONTEXT_WINDOW, NULL, 0, NULL},
    {400, OAI("current length is 9000 while limit is 8192", "x", "null"), CLASS_CONTEXT_WINDOW,
     NULL, 0, NULL},
    {422, OAI("`inputs` tokens + `max_new_tokens` must be <= 4096", "validation", "null"),
     CLASS_CONTEXT_WINDOW, NULL, 0, NULL},
    /* markers of an empty purse */
    {400, OAI("your spend limit is reached", "x", "null"), CLASS_QUOTA, NULL, 0, NULL},
    {403, OAI("Your prepayment credits are used up", "x", "null"), CLASS_QUOTA, NULL, 0, NULL},
    {429, OAI("Your credits are depleted", "x", "null"), CLASS_QUOTA, NULL, 0, NULL},
    {429, OAI("the project has exceeded its spending cap", "x", "null"), CLASS_QUOTA, NULL, 0,
     NULL},
    {403, OAI("this API requires billing to be enabled", "x", "null"), CLASS_QUOTA, NULL, 0, NULL},
    {429, OAI("Your account is not active, check billing", "x", "null"), CLASS_QUOTA, NULL, 0,
     NULL},
    /* hosts behind OpenAI's dialect with error bodies of their own */
    {400, "{\"code\":\"invalid-argument\",\"error\":\"Model grok-x does not take stop\"}",
     CLASS_CALLER_FAULT, "invalid-argument", 0, NULL},
    {400, "{\"error\":\"bad\",\"type\":\"context_length_exceeded\"}", CLASS_CONTEXT_WINDOW,
     "context_length_exceeded", 0, NULL},
    {400,
     "{\"success\":false,\"result\":null,\"errors\":[{\"code\":5007,\"message\":\"No such model "
     "@cf/x or task\"}],\"messages\":[]}",
     CLASS_MODEL_ACCESS, "5007", 0, NULL},
    {429,
     "{\"success\":false,\"errors\":[{\"code\":3036,\"message\":\"You have used up your daily free "
     "allocation of 10,000 neurons\"}]}",
     CLASS_QUOTA, "3036", 0, NULL},
    {429,
     "{\"success\":false,\"errors\":[{\"code\":3040,\"message\":\"No more data centers to forward "
     "the request to\"}]}",
     CLASS_OVERLOAD, "3040", 0, NULL},
    {401, "{\"success\":false,\"errors\":[{\"code\":10000,\"message\":\"Authentication error\"}]}",
     CLASS_CREDENTIAL, "10000", 0, NULL},
    {400, "{\"success\":false,\"errors\":[]}", CLASS_CALLER_FAULT, "", 0, NULL},
    {404,
     "{\"type\":\"about:blank\",\"status\":404,\"title\":\"Not Found\",\"detail\":\"Function "
     "not found for account\"}",
     CLASS_MODEL_ACCESS, NULL, 0, NULL},
    {400,
     OAI("The requested model 'x' is not supported by any provider you have enabled.",
         "invalid_request_error", "\"model_not_supported\""),
     CLASS_MODEL_ACCESS, NULL, 0, NULL},
    {402, OAI("Insufficient Balance", "unknown_error", "\"invalid_request_error\""), CLASS_QUOTA,
     NULL, 0, NULL},
    /* OpenRouter hands on what the provider behind it said */
    {400,
     "{\"error\":{\"code\":400,\"message\":\"Provider returned error\",\"metadata\":{\"raw\":"
     "\"{\\\"message\\\":\\\"This model's maximum context length is 8192 tokens\\\"}\","
     "\"provider_name\":\"X\"}}}",
     CLASS_CONTEXT_WINDOW, "400", 0, NULL},
    {429,
     "{\"error\":{\"code\":429,\"message\":\"Provider returned error\",\"metadata\":{\"raw\":\"x/y "
     "is "
     "temporarily rate-limited upstream. Please retry after 3s\"}}}",
     CLASS_RATE_LIMIT, "429", 3000, NULL},
    {403,
     "{\"error\":{\"code\":403,\"message\":\"x/y requires moderation. Your input was flagged for "
     "violence\",\"metadata\":{\"reasons\":[\"violence\"]}}}",
     CLASS_CONTENT_POLICY, NULL, 0, NULL},
    {502, "{\"error\":{\"code\":502,\"message\":\"Provider returned error\"}}", CLASS_TRANSIENT,
     "502", 0, NULL},
    {503, "{\"error\":{\"code\":503,\"message\":\"No available model provider\"}}", CLASS_TRANSIENT,
     "503", 0, NULL},
    /* Azure */
    {400,
     "{\"error\":{\"code\":\"content_filter\",\"message\":\"filtered\",\"status\":400,"
     "\"innererror\":"
     "{\"code\":\"ResponsibleAIPolicyViolation\"}}}",
     CLASS_CONTENT_POLICY, "content_filter", 0, NULL},
    {401,
     "{\"error\":{\"code\":\"401\",\"message\":\"Access denied due to invalid subscription key\"}}",
     CLASS_CREDENTIAL, "401", 0, NULL},
    {401, "{\"statusCode\":401,\"message\":\"Unauthorized. Access token is missing or expired.\"}",
     CLASS_CREDENTIAL, "", 0, NULL},
    {403,
     "{\"error\":{\"code\":\"403\",\"message\":\"Access denied due to Virtual Network/Firewall "
     "rules.\"}}",
     CLASS_REGION, "403", 0, NULL},
    {403,
     "{\"error\":{\"code\":\"403\",\"message\":\"Public access is disabled. Please configure "
     "private "
     "endpoint.\"}}",
     CLASS_REGION, "403", 0, NULL},
    {404, "{\"error\":{\"code\":\"404\",\"message\":\"Resource not found\"}}", CLASS_MODEL_ACCESS,
     "404", 0, NULL},
    {400,
     "{\"error\":{\"code\":\"OperationNotSupported\",\"message\":\"The chatCompletion operation "
     "does "
     "not work with the specified model\"}}",
     CLASS_MODEL_ACCESS, NULL, 0, NULL},
    {410, OAI("x", "", "\"ServiceModelDeprecating\""), CLASS_MODEL_GONE, NULL, 0, NULL},
    {400, OAI("x", "", "\"ServiceModelDeprecated\""), CLASS_MODEL_GONE, NULL, 0, NULL},
    {404, OAI("x", "", "\"ModelDeprecated\""), CLASS_MODEL_GONE, NULL, 0, NULL},
    {429,
     "{\"error\":{\"code\":\"RateLimitReached\",\"message\":\"Your requests have exceeded the "
     "token "
     "rate limit. Please retry after 10 seconds. To increase it go elsewhere.\"}}",
     CLASS_RATE_LIMIT, "RateLimitReached", 10000, NULL},
    {429,
     "{\"error\":{\"code\":\"RateLimitReached\",\"message\":\"The system is currently experiencing "
     "high demand\"}}",
     CLASS_OVERLOAD, NULL, 0, NULL},
    {429,
     "{\"error\":{\"code\":\"too_many_requests\",\"message\":\"The system is currently "
     "experiencing "
     "high demand and cannot process your request\"}}",
     CLASS_OVERLOAD, NULL, 0, NULL},
};

Test(failures_hosts, openai)
{
    check_rows(&provider_openai, rows, ARRAY_LEN(rows));
}

Test(failures_hosts, azure)
{
    check_rows(&provider_azure, rows, ARRAY_LEN(rows));
}

Test(failures_hosts, mistral)
{
    check_rows(&provider_mistral, rows, ARRAY_LEN(rows));
}
