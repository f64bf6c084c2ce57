/* answer: life cycle of a provider's answer. */
#include "task/answer.h"

#include <stdio.h>

static const struct {
    enum error_class class;
    const char *code;
} ends[] = {
    [HTTP_DONE] = {CLASS_UNKNOWN, ""},
    [HTTP_RESOLVE] = {CLASS_TRANSPORT, "host_not_found"},
    [HTTP_CONNECT] = {CLASS_TRANSPORT, "connect_failed"},
    [HTTP_TLS] = {CLASS_TRANSPORT, "tls_failed"},
    [HTTP_RESET] = {CLASS_TRANSPORT, "connection_reset"},
    [HTTP_CUT] = {CLASS_BAD_RESPONSE, "response_cut"},
    [HTTP_TIMEOUT] = {CLASS_TIMEOUT, "timeout"},
    [HTTP_TOO_LARGE] = {CLASS_BAD_RESPONSE, "response_too_large"},
    [HTTP_CANCELLED] = {CLASS_UNKNOWN, "cancelled"},
    [HTTP_INTERNAL] = {CLASS_UNKNOWN, "internal"},
};

void answer_init(struct answer *a, size_t body_max)
{
    *a = (struct answer){.usage = USAGE_UNKNOWN,
                         .cache_write_1h_tokens = -1,
                         .reported_cost = -1,
                         .retry_after_ms = -1,
                         .class = CLASS_UNKNOWN};
    buf_init(&a->body, body_max);
}

void answer_done(struct answer *a)
{
    if (a)
        buf_done(&a->body);
}

void answer_transport(struct answer *a, const struct http_response *rsp)
{
    a->class = ends[rsp->end].class;
    snprintf(a->code, sizeof a->code, "%s", ends[rsp->end].code);
    snprintf(a->message, sizeof a->message, "%s", rsp->detail);
}
