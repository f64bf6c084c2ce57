/*
 * class: what kind of end a provider call had. One enum shared by the providers, which classify, and
 * the policy, which acts (reference: the table in core/policy/retry.c).
 */
#ifndef SLUICE_TASK_CLASS_H
#define SLUICE_TASK_CLASS_H

enum error_class {
    CLASS_OK,                /* an answer; see enum finish for which kind */
    CLASS_TRANSPORT,         /* DNS, connect, TLS, reset, no byte of an answer */
    CLASS_TIMEOUT,           /* total, first byte or idle time-out; may have been paid for */
    CLASS_TRANSIENT,         /* 500, 502, 503, 504, 408, 409 */
    CLASS_OVERLOAD,          /* the provider as a whole is overloaded: 529, 503 overloaded, 498 */
    CLASS_RATE_LIMIT,        /* requests, tokens or concurrency; wait, then go on */
    CLASS_TOO_LARGE_FOR_TPM, /* this one request is over the tokens-per-minute limit */
    CLASS_QUOTA,             /* credit, spend cap, daily quota: waiting seconds will not help */
    CLASS_CREDENTIAL,        /* key bad, expired, revoked */
    CLASS_MODEL_ACCESS,      /* model unknown or not allowed for this key */
    CLASS_MODEL_GONE,        /* model retired */
    CLASS_REGION,            /* country or region blocked */
    CLASS_CONTEXT_WINDOW,    /* prompt (and answer) longer than the model's window */
    CLASS_CONTENT_POLICY,    /* prompt or answer filtered */
    CLASS_CALLER_FAULT,      /* the request itself is wrong: 400, 413, 415, 422 */
    CLASS_BAD_RESPONSE,      /* 200 but cut, empty, not JSON, or an error inside */
    CLASS_UNKNOWN,           /* nothing matched */
    CLASS_COUNT
};

/* Lower-case name as it stands in replies, logs and metrics, such as "rate_limit". */
const char *class_name(enum error_class c);

/* Why a good answer ended; decides what may be cached (only FINISH_STOP and FINISH_TOOL_CALLS). */
enum finish {
    FINISH_STOP,
    FINISH_TOOL_CALLS,
    FINISH_LENGTH,         /* truncated */
    FINISH_CONTENT_FILTER, /* filtered or refused */
    FINISH_OTHER,          /* anything a provider may invent; answered, never cached */
    FINISH_COUNT
};

const char *finish_name(enum finish f);

#endif
