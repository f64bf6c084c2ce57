/*
 * answer: what a provider made of one HTTP response: a completion in OpenAI's form, or a classified
 * failure. Written by providers, read by the pool; plain data.
 */
#ifndef SLUICE_TASK_ANSWER_H
#define SLUICE_TASK_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "task/class.h"
#include "task/http.h"
#include "task/prices.h"

/* Tokens of one call; -1: the provider did not say. input includes the cached ones, whatever the
 * provider's own counting; output includes reasoning. */
struct usage {
    int64_t input_tokens;
    int64_t cached_input_tokens;
    int64_t cache_write_tokens;
    int64_t output_tokens;
    int64_t reasoning_tokens;
};

#define USAGE_UNKNOWN ((struct usage){-1, -1, -1, -1, -1})

struct answer {
    enum error_class class;
    enum finish finish; /* when class is CLASS_OK */
    struct buf body;    /* CLASS_OK: chat.completion or embedding list, whole and valid.
                               Otherwise: {"error":{message,type,param,code}} or empty */
    struct usage usage;
    /* Beside the usage, for its price: */
    enum service_tier tier;           /* that the provider says it served in */
    int64_t cache_write_1h_tokens;    /* those of cache_write_tokens to be kept for an hour; -1 */
    double reported_cost;             /* what stands at prices.cost_pointer; negative: nothing */
    double metered[PRICE_METERS_MAX]; /* what stands at prices.meter[i]; negative: no number */
    char request_id[128];             /* the provider's, or "" */
    char model[128];                  /* upstream model that answered, or "" */
    char code[64];                    /* failure: the provider's code or type, or "" */
    char message[256];                /* failure: the provider's words, cut; never contains a key */
    int64_t
        retry_after_ms; /* failure: wait found in the body (RetryInfo, "try again in"); -1: none */
    bool no_same_route; /* failure: the provider says that repeating is of no use */
};

void answer_init(struct answer *a, size_t body_max);
void answer_done(struct answer *a);

/* Fills class, code and message for a transfer that ended otherwise than with a whole response
 * (rsp->end != HTTP_DONE). HTTP_TIMEOUT is CLASS_TIMEOUT: it may have been paid for. */
void answer_transport(struct answer *a, const struct http_response *rsp);

#endif
