/*
 * classify: tables of error codes and of text markers, and the order in which they are asked.
 *
 * This file knows no JSON and no vendor by name: it sees a struct fault only. A new code is a new
 * row. Rows of `codes` are tried from the top, so a row with a narrower condition stands above a
 * wider one.
 */
#include "providers/classify.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct code_row {
    const char *code; /* equal to code, type or detail; a '*' at the end matches any rest */
    long status;      /* only with this status; 0: any */
    const char *text; /* only when the message holds this; NULL: any */
    enum error_class class;
};

static const struct code_row codes[] = {
    /* money and allowances: a retry is of no use */
    {"enforced_spend_limit_reached", 0, NULL, CLASS_QUOTA},
    {"insufficient_quota", 0, NULL, CLASS_QUOTA},
    {"credit_balance_exhausted", 0, NULL, CLASS_QUOTA},
    {"organization_spend_limit_exceeded", 0, NULL, CLASS_QUOTA},
    {"project_spend_limit_exceeded", 0, NULL, CLASS_QUOTA},
    {"organization_usage_limit_exceeded", 0, NULL, CLASS_QUOTA},
    {"billing_hard_limit_reached", 0, NULL, CLASS_QUOTA},
    {"billing_not_active", 0, NULL, CLASS_QUOTA},
    {"billing_error", 0, NULL, CLASS_QUOTA},
    {"exceeded_current_quota_error", 0, NULL, CLASS_QUOTA},
    {"blocked_api_access", 0, NULL, CLASS_QUOTA},

    /* one request larger than a minute's tokens, then the plain rate limits */
    {"rate_limit_exceeded", 413, NULL, CLASS_TOO_LARGE_FOR_TPM},
    {"tokens", 413, NULL, CLASS_TOO_LARGE_FOR_TPM},
    {"rate_limit_exceeded", 0, "request too large", CLASS_TOO_LARGE_FOR_TPM},
    {"tokens", 429, "request too large", CLASS_TOO_LARGE_FOR_TPM},
    {"service_tier_capacity_exceeded", 0, NULL, CLASS_OVERLOAD},
    {"rate_limit_exceeded", 0, "service tier capacity exceeded", CLASS_OVERLOAD},
    {"rate_limit_exceeded", 0, "high demand", CLASS_OVERLOAD},
    {"rate_limit_exceeded", 0, NULL, CLASS_RATE_LIMIT},
    {"RateLimitReached", 0, "high demand", CLASS_OVERLOAD},
    {"RateLimitReached", 0, NULL, CLASS_RATE_LIMIT},
    {"slow_down", 0, NULL, CLASS_RATE_LIMIT},
    {"rate_limit_error", 0, "service tier capacity exceeded", CLASS_OVERLOAD},
    {"rate_limit_error", 0, NULL, CLASS_RATE_LIMIT},

    /* the provider's own trouble */
    {"overloaded_error", 0, NULL, CLASS_OVERLOAD},
    {"server_is_overloaded", 0, NULL, CLASS_OVERLOAD},
    {"service_unavailable_error", 0, NULL, CLASS_OVERLOAD},
    {"engine_overloaded_error", 0, NULL, CLASS_OVERLOAD},
    {"capacity_exceeded", 0, NULL, CLASS_OVERLOAD},
    {"timeout_error", 0, NULL, CLASS_TIMEOUT},
    {"conflict_error", 0, NULL, CLASS_TRANSIENT},

    /* place, key, model */
    {"unsupported_country_region_territory", 0, NULL, CLASS_REGION},
    {"invalid_api_key", 0, NULL, CLASS_CREDENTIAL},
    {"authentication_error", 0, NULL, CLASS_CREDENTIAL},
    {"account_deactivated", 0, NULL, CLASS_CREDENTIAL},
    {"organization_restricted", 0, NULL, CLASS_CREDENTIAL},
    {"ip_not_authorized", 0, NULL, CLASS_CREDENTIAL},
    {"model_decommissioned", 0, NULL, CLASS_MODEL_GONE},
    {"ServiceModelDeprecat*", 0, NULL, CLASS_MODEL_GONE},
    {"ModelDeprecated", 0, NULL, CLASS_MODEL_GONE},
    {"model_not_found", 0, NULL, CLASS_MODEL_ACCESS},
    {"DeploymentNotFound", 0, NULL, CLASS_MODEL_ACCESS},
    {"OperationNotSupported", 400, NULL, CLASS_MODEL_ACCESS},
    {"model_not_supported", 400, NULL, CLASS_MODEL_ACCESS},
    {"unknown_model", 0, NULL, CLASS_MODEL_ACCESS},
    {"invalid_model", 0, NULL, CLASS_MODEL_ACCESS},
    {"model_terms_required", 0, NULL, CLASS_MODEL_ACCESS},
    {"model_permission_blocked*", 0, NULL, CLASS_MODEL_ACCESS},
    {"not_found_error", 404, "no longer available", CLASS_MODEL_GONE},
    {"not_found_error", 0, NULL, CLASS_MODEL_ACCESS},

    /* AWS, whose codes are names of exceptions and whose wording tells their kinds apart */
    {"AccessDeniedException", 0, "token", CLASS_CREDENTIAL},
    {"AccessDeniedException", 0, "api key", CLASS_CREDENTIAL},
    {"AccessDeniedException", 0, NULL, CLASS_MODEL_ACCESS},
    {"UnrecognizedClientException", 0, NULL, CLASS_CREDENTIAL},
    {"InvalidSignatureException", 0, NULL, CLASS_CREDENTIAL},
    {"IncompleteSignatureException", 0, NULL, CLASS_CREDENTIAL},
    {"MissingAuthenticationTokenException", 0, NULL, CLASS_CREDENTIAL},
    {"ExpiredTokenException", 0, NULL, CLASS_CREDENTIAL},
    {"ThrottlingException", 0, "per day", CLASS_QUOTA},
    {"ThrottlingException", 0, NULL, CLASS_RATE_LIMIT},
    {"ServiceQuotaExceededException", 0, NULL, CLASS_RATE_LIMIT},
    {"ModelNotReadyException", 0, NULL, CLASS_TRANSIENT},
    {"ModelTimeoutException", 0, NULL, CLASS_TIMEOUT},
    {"ModelErrorException", 0, NULL, CLASS_TRANSIENT},
    {"ModelStreamErrorException", 0, NULL, CLASS_TRANSIENT},
    {"InternalServerException", 0, NULL, CLASS_TRANSIENT},
    {"ServiceUnavailableException", 0, NULL, CLASS_OVERLOAD},
    {"ResourceNotFoundException", 0, "end of life", CLASS_MODEL_GONE},
    {"ResourceNotFoundException", 0, "end of its life", CLASS_MODEL_GONE},
    {"ResourceNotFoundException", 0, NULL, CLASS_MODEL_ACCESS},
    {"FTUFormNotFilled", 0, NULL, CLASS_MODEL_ACCESS},
    {"ValidationException", 0, "model id", CLASS_MODEL_ACCESS}, /* and "model identifier" */
    {"ValidationException", 0, "on-demand throughput", CLASS_MODEL_ACCESS},
    {"ValidationException", 0, "inference profile", CLASS_MODEL_ACCESS},
    {"ValidationException", 0, "too long", CLASS_CONTEXT_WINDOW},
    {"ValidationException", 0, "too many input tokens", CLASS_CONTEXT_WINDOW},

    /* Google: what the details say, then its words for a status */
    {"quota_limit_zero", 429, NULL, CLASS_MODEL_ACCESS},
    {"RESOURCE_EXHAUSTED", 429, "limit: 0", CLASS_MODEL_ACCESS},
    {"quota_per_day", 429, NULL, CLASS_QUOTA},
    {"quota_per_minute", 429, NULL, CLASS_RATE_LIMIT},
    {"BILLING_DISABLED", 0, NULL, CLASS_QUOTA},
    {"API_KEY_*", 0, NULL, CLASS_CREDENTIAL},
    {"ACCESS_TOKEN_*", 0, NULL, CLASS_CREDENTIAL},
    {"CONSUMER_*", 0, NULL, CLASS_CREDENTIAL},
    {"SERVICE_DISABLED", 0, NULL, CLASS_CREDENTIAL},
    {"USER_PROJECT_DENIED", 0, NULL, CLASS_CREDENTIAL},
    {"FAILED_PRECONDITION", 400, "billing", CLASS_QUOTA},
    {"PERMISSION_DENIED", 403, "billing", CLASS_QUOTA},
    {"PERMISSION_DENIED", 403, "access the file", CLASS_CALLER_FAULT},
    {"PERMISSION_DENIED", 403, "cachedcontent", CLASS_CALLER_FAULT},
    {"PERMISSION_DENIED", 403, "models/", CLASS_MODEL_ACCESS},
    {"PERMISSION_DENIED", 403, NULL, CLASS_CREDENTIAL},
    {"NOT_FOUND", 404, "no longer available", CLASS_MODEL_GONE},
    {"NOT_FOUND", 404, "models/", CLASS_MODEL_ACCESS},
    {"NOT_FOUND", 404, "cachedcontent", CLASS_CALLER_FAULT},
    {"UNAVAILABLE", 503, NULL, CLASS_OVERLOAD},
    {"DEADLINE_EXCEEDED", 504, NULL, CLASS_TIMEOUT},
    {"CANCELLED", 499, NULL, CLASS_TRANSIENT},

    /* the request */
    {"context_length_exceeded", 0, NULL, CLASS_CONTEXT_WINDOW},
    {"exceed_context_size_error", 0, NULL, CLASS_CONTEXT_WINDOW},
    {"content_policy_violation", 0, NULL, CLASS_CONTENT_POLICY},
    {"content_filter", 0, NULL, CLASS_CONTENT_POLICY},
    {"ResponsibleAIPolicyViolation", 0, NULL, CLASS_CONTENT_POLICY},
    {"moderation_blocked", 0, NULL, CLASS_CONTENT_POLICY},
    {"invalid_prompt", 0, NULL, CLASS_CONTENT_POLICY},
    {"string_above_max_length", 0, NULL, CLASS_CALLER_FAULT},
    {"request_too_large", 0, NULL, CLASS_CALLER_FAULT},

    /* codes of a response that failed, in an answer with status 200 */
    {"bio_policy", 0, NULL, CLASS_CONTENT_POLICY},
    {"misalignment_policy_violation", 0, NULL, CLASS_CONTENT_POLICY},
    {"image_content_policy_violation", 0, NULL, CLASS_CONTENT_POLICY},
    {"vector_store_timeout", 0, NULL, CLASS_TRANSIENT},
    {"data_residency_mismatch", 0, NULL, CLASS_CALLER_FAULT},
    {"invalid_image*", 0, NULL, CLASS_CALLER_FAULT},
    {"invalid_base64_image", 0, NULL, CLASS_CALLER_FAULT},
    {"image_*", 0, NULL, CLASS_CALLER_FAULT},
    {"unsupported_image_media_type", 0, NULL, CLASS_CALLER_FAULT},
    {"empty_image_file", 0, NULL, CLASS_CALLER_FAULT},
    {"failed_to_download_image", 0, NULL, CLASS_CALLER_FAULT},
};

/* Types that only repeat a status; they stand for it when the real status says "fine". */
static const struct {
    const char *type;
    long status;
} type_status[] = {
    {"invalid_request_error", 400}, {"permission_error", 403}, {"api_error", 500},
    {"server_error", 500},          {"internal_error", 500},   {"internal_server_error", 500},
};

static const char *const quota_text[] = {
    "credit balance",
    "spend limit",
    "api usage limits",
    "prepayment credits",
    "credits are depleted",
    "spending cap",
    "requires billing to be enabled",
    "key limit exceeded",
    "account is not active",
    "api calls / month",
    "weekly usage limit",
    "session usage limit",
    "daily free allocation",
    NULL,
};

static const char *const overload_text[] = {
    "overload",    "over capacity", "at capacity",          "service tier capacity exceeded",
    "high demand", "server busy",   "no more data centers", "capacity temporarily exceeded",
    NULL,
};

static const char *const region_text[] = {
    "unsupported countries",
    "location is not supported",
    "not available in your country",
    "country, region, or territory not supported",
    "virtual network/firewall",
    "public access is disabled",
    NULL,
};

static const char *const credential_text[] = {
    "api key not valid", "api key expired", "invalid api key",
    "incorrect api key", "security token",  NULL,
};

static const char *const gone_text[] = {
    "deprecated",  "decommissioned",      "retired",        "end-of-life",
    "end of life", "no longer available", "was removed on", NULL,
};

static const char *const access_text[] = {
    "no endpoints found", "no allowed providers", "is not a valid model", "unknown model",
    "no such model",      "model not found",      "invalid model",        NULL,
};

static const char *const context_text[] = {
    "exceed context limit",
    "maximum context length",
    "model's maximum context limit",
    "longer than the model's context length",
    "input tokens exceed the configured limit",
    "exceeds the maximum number of tokens allowed",
    "exceeds the available context size",
    "prompt is too long",
    "exceeds the context length",
    "too many tokens: total number of tokens",
    "too many tokens: size limit exceeded",
    NULL,
};

/* Both halves have to be there. */
static const char *const context_pairs[][2] = {
    {"current length is", "while limit is"},
    {"tokens + `max_new_tokens`", "must be"},
    {"input token count", "only supports up to"},
};

static const char *const policy_text[] = {
    "content policy",
    "content management policy",
    "content filtering policy",
    "usage policies",
    "usage policy",
    "input was flagged",
    "safety system",
    NULL,
};

static bool has(const char *text, const char *what)
{
    return strcasestr(text, what) != NULL;
}

static bool has_any(const char *text, const char *const *markers)
{
    for (; *markers; markers++) {
        if (has(text, *markers))
            return true;
    }
    return false;
}

static bool matches(const char *pattern, const char *word)
{
    size_t n = strlen(pattern);

    if (pattern[n - 1] == '*')
        return strncasecmp(pattern, word, n - 1) == 0;
    return strcasecmp(pattern, word) == 0;
}

static bool row_fits(const struct code_row *r, const struct fault *f)
{
    if (r->status != 0 && r->status != f->status)
        return false;
    if (!matches(r->code, f->detail) && !matches(r->code, f->code) && !matches(r->code, f->type))
        return false;
    return !r->text || has(f->message, r->text);
}

/*
 * The status that counts: that of an error inside a 200 is its code, or what its type stands for.
 */
static long effective_status(const struct fault *f)
{
    char *end = NULL;
    long code = strtol(f->code, &end, 10);
    size_t i = 0;

    if (f->status >= 300)
        return f->status;
    if (*f->code && *end == '\0' && code >= 400 && code <= 599)
        return code;
    for (i = 0; i < ARRAY_LEN(type_status); i++) {
        if (matches(type_status[i].type, f->type) || matches(type_status[i].type, f->code))
            return type_status[i].status;
    }
    return 0;
}

static bool says_context(const char *text)
{
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(context_pairs); i++) {
        if (has(text, context_pairs[i][0]) && has(text, context_pairs[i][1]))
            return true;
    }
    return has_any(text, context_text);
}

/* "deprecated" and the like count only when the model is what they speak of, not a parameter. */
static bool says_gone(const struct fault *f)
{
    if (*f->param && strcmp(f->param, "model") != 0)
        return false;
    if (!has_any(f->message, gone_text))
        return false;
    return has(f->code, "model") || (*f->model && has(f->message, f->model));
}

static enum error_class classify_429(const struct fault *f)
{
    if (has(f->message, "request too large"))
        return CLASS_TOO_LARGE_FOR_TPM;
    return has_any(f->message, overload_text) ? CLASS_OVERLOAD : CLASS_RATE_LIMIT;
}

/* CLASS_OK: the status does not say that the trouble is on the provider's side. */
static enum error_class classify_server(const struct fault *f, long status)
{
    if (status == 529 || status == 498)
        return CLASS_OVERLOAD;
    if (status == 503 && has_any(f->message, overload_text))
        return CLASS_OVERLOAD;
    if (status >= 500 || status == 408 || status == 409 || status == 424 || status == 425 ||
        status == 499)
        return CLASS_TRANSIENT;
    return CLASS_OK;
}

static enum error_class classify_404(const struct fault *f)
{
    /*
     * An unknown path or object named by the request; anything else is a route that does not work.
     */
    if (matches("invalid_request_error", f->type) && !has(f->message, "model"))
        return CLASS_CALLER_FAULT;
    return CLASS_MODEL_ACCESS;
}

/* 4xx other than those of classify_server() and 429. */
static enum error_class classify_client(const struct fault *f, long status)
{
    if (status == 451 || has_any(f->message, region_text))
        return CLASS_REGION;
    if (status == 401 || has_any(f->message, credential_text))
        return CLASS_CREDENTIAL;
    if (status == 410 || says_gone(f))
        return CLASS_MODEL_GONE;
    if (has_any(f->message, access_text))
        return CLASS_MODEL_ACCESS;
    if (status == 404)
        return classify_404(f);
    if (says_context(f->message))
        return CLASS_CONTEXT_WINDOW;
    if (has_any(f->message, policy_text))
        return CLASS_CONTENT_POLICY;
    return status == 403 ? CLASS_MODEL_ACCESS : CLASS_CALLER_FAULT;
}

enum error_class classify(const struct fault *f)
{
    enum error_class class = CLASS_OK;
    long status = effective_status(f);
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(codes); i++) {
        if (row_fits(&codes[i], f))
            return codes[i].class;
    }
    if (status == 0)
        return CLASS_BAD_RESPONSE;
    if (status == 402 || (status >= 400 && status < 500 && has_any(f->message, quota_text)))
        return CLASS_QUOTA;
    if (status == 429)
        return classify_429(f);
    class = classify_server(f, status);
    if (class != CLASS_OK)
        return class;
    return status >= 400 ? classify_client(f, status) : CLASS_UNKNOWN;
}
