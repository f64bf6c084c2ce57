/*
 * Failures of Google's two hosts: errors in the form of google.rpc, and good responses that are none; see
 * failure_rows.h.
 */
#include <criterion/criterion.h>

#include "base/mem.h"
#include "providers/gemini.h"
#include "tests/unit/providers/failure_rows.h"

static const struct row gemini_rows[] = {
    /* keys */
    {400,
     "{\"error\":{\"code\":400,\"message\":\"API key not valid. Please pass a valid API "
     "key.\",\"status\":\"INVALID_ARGUMENT\",\"details\":[{\"@type\":\"type.googleapis.com/"
     "google.rpc.ErrorInfo\",\"reason\":\"API_KEY_INVALID\",\"domain\":\"googleapis.com\"}]}}",
     CLASS_CREDENTIAL, "INVALID_ARGUMENT", 0, NULL},
    {400,
     "{\"error\":{\"code\":400,\"message\":\"denied\",\"status\":\"INVALID_ARGUMENT\",\"details\":["
     "{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":\"API_KEY_INVALID\"}]}}",
     CLASS_CREDENTIAL, NULL, 0, NULL},
    {400,
     "{\"error\":{\"code\":400,\"message\":\"API key expired. Please renew the API "
     "key.\",\"status\":\"INVALID_ARGUMENT\"}}",
     CLASS_CREDENTIAL, NULL, 0, NULL},
    {401,
     "{\"error\":{\"code\":401,\"message\":\"Request had invalid authentication "
     "credentials.\",\"status\":\"UNAUTHENTICATED\",\"details\":[{\"@type\":\"type.googleapis.com/"
     "google.rpc.ErrorInfo\",\"reason\":\"ACCESS_TOKEN_EXPIRED\"}]}}",
     CLASS_CREDENTIAL, "UNAUTHENTICATED", 0, NULL},
    {403,
     "{\"error\":{\"code\":403,\"message\":\"Method doesn't allow unregistered "
     "callers\",\"status\":\"PERMISSION_DENIED\"}}",
     CLASS_CREDENTIAL, "PERMISSION_DENIED", 0, NULL},
    {403,
     "{\"error\":{\"code\":403,\"message\":\"Generative Language API has not been used in project "
     "1 before or it is "
     "disabled.\",\"status\":\"PERMISSION_DENIED\",\"details\":[{\"@type\":\"type.googleapis.com/"
     "google.rpc.ErrorInfo\",\"reason\":\"SERVICE_DISABLED\"}]}}",
     CLASS_CREDENTIAL, NULL, 0, NULL},
    {403,
     "{\"error\":{\"code\":403,\"message\":\"x\",\"status\":\"PERMISSION_DENIED\",\"details\":[{\"@"
     "type\":\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":\"CONSUMER_SUSPENDED\"}]}}",
     CLASS_CREDENTIAL, NULL, 0, NULL},
    {403,
     "{\"error\":{\"code\":403,\"message\":\"x\",\"status\":\"PERMISSION_DENIED\",\"details\":[{\"@"
     "type\":\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":\"BILLING_DISABLED\"}]}}",
     CLASS_QUOTA, NULL, 0, NULL},
    {403,
     "{\"error\":{\"code\":403,\"message\":\"Permission 'aiplatform.endpoints.predict' denied on "
     "resource "
     "'//aiplatform.googleapis.com/projects/p/locations/l/publishers/google/models/"
     "model-x'\",\"status\":\"PERMISSION_DENIED\"}}",
     CLASS_MODEL_ACCESS, NULL, 0, NULL},
    /* what the request names */
    {403,
     "{\"error\":{\"code\":403,\"message\":\"You do not have permission to access the File x or it "
     "may not exist.\",\"status\":\"PERMISSION_DENIED\"}}",
     CLASS_CALLER_FAULT, NULL, 0, NULL},
    {403,
     "{\"error\":{\"code\":403,\"message\":\"CachedContent not found (or permission "
     "denied)\",\"status\":\"PERMISSION_DENIED\"}}",
     CLASS_CALLER_FAULT, NULL, 0, NULL},
    {404,
     "{\"error\":{\"code\":404,\"message\":\"models/model-x is not found for API version v1beta, "
     "or is not supported for generateContent.\",\"status\":\"NOT_FOUND\"}}",
     CLASS_MODEL_ACCESS, "NOT_FOUND", 0, NULL},
    {404,
     "{\"error\":{\"code\":404,\"message\":\"Publisher Model "
     "`projects/p/locations/l/publishers/google/models/model-x` was not "
     "found\",\"status\":\"NOT_FOUND\"}}",
     CLASS_MODEL_ACCESS, NULL, 0, NULL},
    {404,
     "{\"error\":{\"code\":404,\"message\":\"This model models/model-x is no longer available to "
     "new users.\",\"status\":\"NOT_FOUND\"}}",
     CLASS_MODEL_GONE, NULL, 0, NULL},
    {404,
     "{\"error\":{\"code\":404,\"message\":\"Not found: cached content metadata for "
     "cachedContents/1.\",\"status\":\"NOT_FOUND\"}}",
     CLASS_CALLER_FAULT, NULL, 0, NULL},
    {400,
     "{\"error\":{\"code\":400,\"message\":\"Request contains an invalid "
     "argument.\",\"status\":\"INVALID_ARGUMENT\"}}",
     CLASS_CALLER_FAULT, "INVALID_ARGUMENT", 0, NULL},
    {400,
     "{\"error\":{\"code\":400,\"message\":\"Function call is missing a thought_signature in "
     "functionCall parts.\",\"status\":\"INVALID_ARGUMENT\"}}",
     CLASS_CALLER_FAULT, NULL, 0, NULL},
    {400,
     "{\"error\":{\"code\":400,\"message\":\"The input token count (1200000) exceeds the maximum "
     "number of tokens allowed (1048576).\",\"status\":\"INVALID_ARGUMENT\"}}",
     CLASS_CONTEXT_WINDOW, NULL, 0, NULL},
    {400,
     "{\"error\":{\"code\":400,\"message\":\"Unable to submit request because the input token "
     "count is 1200000 but model only supports up to 1048576.\",\"status\":\"INVALID_ARGUMENT\"}}",
     CLASS_CONTEXT_WINDOW, NULL, 0, NULL},
    {400,
     "{\"error\":{\"code\":400,\"message\":\"User location is not supported for the API "
     "use.\",\"status\":\"FAILED_PRECONDITION\"}}",
     CLASS_REGION, "FAILED_PRECONDITION", 0, NULL},
    {400,
     "{\"error\":{\"code\":400,\"message\":\"Gemini API free tier is not available in your "
     "country. Please enable billing on your project\",\"status\":\"FAILED_PRECONDITION\"}}",
     CLASS_QUOTA, NULL, 0, NULL},
    /* 429: the id of the quota tells, the words do not */
    {429,
     "{\"error\":{\"code\":429,\"message\":\"You exceeded your current quota, please check your "
     "plan and billing "
     "details.\",\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{\"@type\":\"type.googleapis.com/"
     "google.rpc.QuotaFailure\",\"violations\":[{\"quotaMetric\":\"generativelanguage.googleapis."
     "com/"
     "generate_content_free_tier_requests\",\"quotaId\":"
     "\"GenerateRequestsPerMinutePerProjectPerModel-FreeTier\",\"quotaValue\":\"10\"}]},{\"@type\":"
     "\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"39s\"}]}}",
     CLASS_RATE_LIMIT, "RESOURCE_EXHAUSTED", 39000, NULL},
    {429,
     "{\"error\":{\"code\":429,\"message\":\"You exceeded your current quota, please check your "
     "plan and billing "
     "details.\",\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{\"@type\":\"type.googleapis.com/"
     "google.rpc.RetryInfo\",\"retryDelay\":\"58.217843437s\"},{\"@type\":\"type.googleapis.com/"
     "google.rpc.QuotaFailure\",\"violations\":[{\"quotaMetric\":\"generativelanguage.googleapis."
     "com/"
     "generate_content_free_tier_requests\",\"quotaId\":"
     "\"GenerateRequestsPerMinutePerProjectPerModel-FreeTier\",\"quotaValue\":\"10\"}]}]}}",
     CLASS_RATE_LIMIT, NULL, 58218, NULL},
    {429,
     "{\"error\":{\"code\":429,\"message\":\"You exceeded your current quota, please check your "
     "plan and billing "
     "details.\",\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{\"@type\":\"type.googleapis.com/"
     "google.rpc.RetryInfo\",\"retryDelay\":{\"seconds\":\"7\",\"nanos\":1}}]}}",
     CLASS_RATE_LIMIT, NULL, 7001, NULL},
    {429,
     "{\"error\":{\"code\":429,\"message\":\"You exceeded your current quota, please check your "
     "plan and billing "
     "details.\",\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{\"@type\":\"type.googleapis.com/"
     "google.rpc.RetryInfo\",\"retryDelay\":{\"nanos\":250000000}}]}}",
     CLASS_RATE_LIMIT, NULL, 250, NULL},
    {429,
     "{\"error\":{\"code\":429,\"message\":\"You exceeded your current quota, please check your "
     "plan and billing "
     "details.\",\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{\"@type\":\"type.googleapis.com/"
     "google.rpc.RetryInfo\",\"retryDelay\":{}}]}}",
     CLASS_RATE_LIMIT, NULL, 0, NULL},
    {429,
     "{\"error\":{\"code\":429,\"message\":\"You exceeded your current quota, please check your "
     "plan and billing "
     "details.\",\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{\"@type\":\"type.googleapis.com/"
     "google.rpc.RetryInfo\",\"retryDelay\":{\"seconds\":99999999999}}]}}",
     CLASS_RATE_LIMIT, NULL, 0, NULL},
    {429,
     "{\"error\":{\"code\":429,\"message\":\"You exceeded your current quota, please check your "
     "plan and billing details. Please retry in 12.5s.\",\"status\":\"RESOURCE_EXHAUSTED\"}}",
     CLASS_RATE_LIMIT, NULL, 12500, NULL},
    {429,
     "{\"error\":{\"code\":429,\"message\":\"You exceeded your current quota, please check your "
     "plan and billing "
     "details.\",\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{\"@type\":\"type.googleapis.com/"
     "google.rpc.QuotaFailure\",\"violations\":[{\"quotaMetric\":\"generativelanguage.googleapis."
     "com/"
     "generate_content_free_tier_requests\",\"quotaId\":"
     "\"GenerateRequestsPerMinutePerProjectPerModel-FreeTier\",\"quotaValue\":\"10\"},{"
     "\"quotaMetric\":\"generativelanguage.googleapis.com/"
     "generate_content_free_tier_requests\",\"quotaId\":\"GenerateRequestsPerDayPerProjectPerModel-"
     "FreeTier\",\"quotaValue\":\"250\"}]}]}}",
     CLASS_QUOTA, NULL, 0, NULL},
    {429,
     "{\"error\":{\"code\":429,\"message\":\"You exceeded your current quota, please check your "
     "plan and billing "
     "details.\",\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{\"@type\":\"type.googleapis.com/"
     "google.rpc.QuotaFailure\",\"violations\":[{\"quotaMetric\":\"generativelanguage.googleapis."
     "com/"
     "generate_content_free_tier_requests\",\"quotaId\":\"GenerateRequestsPerDayPerProjectPerModel-"
     "FreeTier\"}]},{\"@type\":\"type.googleapis.com/"
     "google.rpc.RetryInfo\",\"retryDelay\":\"18s\"}]}}",
     CLASS_QUOTA, NULL, 18000, NULL},
    {429,
     "{\"error\":{\"code\":429,\"message\":\"You exceeded your current quota, please check your "
     "plan and billing "
     "details.\",\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{\"@type\":\"type.googleapis.com/"
     "google.rpc.QuotaFailure\",\"violations\":[{\"quotaMetric\":\"generativelanguage.googleapis."
     "com/"
     "generate_content_free_tier_requests\",\"quotaId\":\"GenerateRequestsPerDayPerProjectPerModel-"
     "FreeTier\",\"quotaValue\":\"0\"},{\"quotaMetric\":\"generativelanguage.googleapis.com/"
     "generate_content_free_tier_requests\",\"quotaId\":"
     "\"GenerateRequestsPerMinutePerProjectPerModel-FreeTier\",\"quotaValue\":\"0\"}]},{\"@type\":"
     "\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"18s\"}]}}",
     CLASS_MODEL_ACCESS, NULL, 18000, NULL},
    {429,
     "{\"error\":{\"code\":429,\"message\":\"You exceeded your current quota, please check your "
     "plan and billing details.\\n* Quota exceeded for metric: x, limit: 0, model: "
     "model-x\",\"status\":\"RESOURCE_EXHAUSTED\"}}",
     CLASS_MODEL_ACCESS, NULL, 0, NULL},
    {429,
     "{\"error\":{\"code\":429,\"message\":\"You exceeded your current quota, please check your "
     "plan and billing details.\\n* Quota exceeded for metric: x, limit: 10, model: "
     "model-x\",\"status\":\"RESOURCE_EXHAUSTED\"}}",
     CLASS_RATE_LIMIT, NULL, 0, NULL},
    {429,
     "{\"error\":{\"code\":429,\"message\":\"Resource exhausted. Please try again "
     "later.\",\"status\":\"RESOURCE_EXHAUSTED\"}}",
     CLASS_RATE_LIMIT, NULL, 0, NULL},
    {429,
     "{\"error\":{\"code\":429,\"message\":\"x\",\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{"
     "\"@type\":\"type.googleapis.com/"
     "google.rpc.ErrorInfo\",\"reason\":\"RATE_LIMIT_EXCEEDED\"}]}}",
     CLASS_RATE_LIMIT, NULL, 0, NULL},
    {429,
     "{\"error\":{\"code\":429,\"message\":\"x\",\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[1,"
     "null,\"x\",{\"violations\":[null,3]}]}}",
     CLASS_RATE_LIMIT, NULL, 0, NULL},
    /* the provider's trouble */
    {499,
     "{\"error\":{\"code\":499,\"message\":\"The operation was "
     "cancelled.\",\"status\":\"CANCELLED\"}}",
     CLASS_TRANSIENT, NULL, 0, NULL},
    {500,
     "{\"error\":{\"code\":500,\"message\":\"An internal error has "
     "occurred.\",\"status\":\"INTERNAL\"}}",
     CLASS_TRANSIENT, "INTERNAL", 0, NULL},
    {503,
     "{\"error\":{\"code\":503,\"message\":\"The model is overloaded. Please try again "
     "later.\",\"status\":\"UNAVAILABLE\"}}",
     CLASS_OVERLOAD, "UNAVAILABLE", 0, NULL},
    {503,
     "{\"error\":{\"code\":503,\"message\":\"The service is currently "
     "unavailable.\",\"status\":\"UNAVAILABLE\"}}",
     CLASS_OVERLOAD, NULL, 0, NULL},
    {504,
     "{\"error\":{\"code\":504,\"message\":\"Deadline expired before operation could "
     "complete.\",\"status\":\"DEADLINE_EXCEEDED\"}}",
     CLASS_TIMEOUT, "DEADLINE_EXCEEDED", 0, NULL},
    {200, "{\"error\":{\"code\":503,\"message\":\"overloaded\",\"status\":\"UNAVAILABLE\"}}",
     CLASS_OVERLOAD, NULL, 0, NULL},
    /* "good" responses that are none */
    {200, "", CLASS_BAD_RESPONSE, "empty_body", 0, NULL},
    {200, "{\"candidates\":[{\"con", CLASS_BAD_RESPONSE, "not_json", 0, NULL},
    {200, "{}", CLASS_BAD_RESPONSE, "no_choices", 0, NULL},
    {200, "{\"candidates\":[]}", CLASS_BAD_RESPONSE, "no_choices", 0, NULL},
    {200, "{\"candidates\":[{}]}", CLASS_BAD_RESPONSE, "empty_answer", 0, NULL},
    {200, "{\"candidates\":[{\"content\":{\"role\":\"model\"},\"finishReason\":\"STOP\"}]}",
     CLASS_BAD_RESPONSE, "empty_answer", 0, NULL},
    {200,
     "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hm\",\"thought\":true}]},"
     "\"finishReason\":\"STOP\"}]}",
     CLASS_BAD_RESPONSE, "empty_answer", 0, NULL},
    {200,
     "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}]},\"finishReason\":\"OTHER\"}]}",
     CLASS_BAD_RESPONSE, "empty_answer", 0, NULL},
    {200,
     "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"finishReason\":\"STOP\"},{"
     "\"finishReason\":\"STOP\"}]}",
     CLASS_BAD_RESPONSE, "empty_answer", 0, NULL},
    {200,
     "{\"candidates\":[{\"finishReason\":\"MALFORMED_FUNCTION_CALL\",\"finishMessage\":\"Malformed "
     "function call: f(x\"}]}",
     CLASS_BAD_RESPONSE, "malformed_function_call", 0, NULL},
    {200, "{\"candidates\":[{\"finishReason\":\"UNEXPECTED_TOOL_CALL\"}]}", CLASS_BAD_RESPONSE,
     "unexpected_tool_call", 0, NULL},
    {200, "{\"candidates\":[{\"finishReason\":\"MISSING_THOUGHT_SIGNATURE\"}]}", CLASS_CALLER_FAULT,
     "missing_thought_signature", 0, NULL},
    {200,
     "{\"promptFeedback\":{\"blockReason\":\"PROHIBITED_CONTENT\"},\"usageMetadata\":{"
     "\"promptTokenCount\":9}}",
     CLASS_CONTENT_POLICY, "content_filter", 0, NULL},
    {200,
     "{\"candidates\":[],\"promptFeedback\":{\"blockReason\":\"SAFETY\",\"blockReasonMessage\":"
     "\"no\"}}",
     CLASS_CONTENT_POLICY, "content_filter", 0, NULL},
};

Test(failures, gemini)
{
    check_rows(&provider_gemini, gemini_rows, ARRAY_LEN(gemini_rows));
}
