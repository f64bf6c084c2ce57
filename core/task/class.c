/* class: names of error classes and finish reasons. */
#include "task/class.h"

static const char *const class_names[CLASS_COUNT] = {
    [CLASS_OK] = "ok",
    [CLASS_TRANSPORT] = "transport",
    [CLASS_TIMEOUT] = "timeout",
    [CLASS_TRANSIENT] = "transient",
    [CLASS_OVERLOAD] = "overload",
    [CLASS_RATE_LIMIT] = "rate_limit",
    [CLASS_TOO_LARGE_FOR_TPM] = "request_too_large_for_tpm",
    [CLASS_QUOTA] = "quota",
    [CLASS_CREDENTIAL] = "credential",
    [CLASS_MODEL_ACCESS] = "model_access",
    [CLASS_MODEL_GONE] = "model_gone",
    [CLASS_REGION] = "region",
    [CLASS_CONTEXT_WINDOW] = "context_window",
    [CLASS_CONTENT_POLICY] = "content_policy",
    [CLASS_CALLER_FAULT] = "caller_fault",
    [CLASS_BAD_RESPONSE] = "bad_response",
    [CLASS_UNKNOWN] = "unknown",
};

static const char *const finish_names[FINISH_COUNT] = {
    [FINISH_STOP] = "stop",     [FINISH_TOOL_CALLS] = "tool_calls",
    [FINISH_LENGTH] = "length", [FINISH_CONTENT_FILTER] = "content_filter",
    [FINISH_OTHER] = "other",
};

const char *class_name(enum error_class c)
{
    return (unsigned)c < CLASS_COUNT ? class_names[c] : "unknown";
}

const char *finish_name(enum finish f)
{
    return (unsigned)f < FINISH_COUNT ? finish_names[f] : "other";
}
