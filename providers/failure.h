/*
 * failure: turns a response that is no answer into a classified failure, whatever its shape.
 * Shared by all dialects.
 */
#ifndef SLUICE_PROVIDERS_FAILURE_H
#define SLUICE_PROVIDERS_FAILURE_H

#include <json-c/json.h>

#include "task/answer.h"
#include "task/config.h"

/*
 * The member that makes a response an error whatever its status: root.error, or the error of its
 * first choice. NULL: there is none.
 */
struct json_object *failure_error(struct json_object *root);

/*
 * Fills class, code, message, body, retry_after_ms and no_same_route from a response; root is its
 * parsed body, or NULL when it is no JSON. ans->request_id is left alone.
 */
void failure_from_response(const struct model *m, const struct http_response *rsp,
                           struct json_object *root, struct answer *ans);

/* A "good" response that is none: CLASS_BAD_RESPONSE with a code and words of ours. */
void failure_bad_response(struct answer *ans, const char *code, const char *message);

/* The same with another class: an end that the provider says without an error. */
void failure_said(struct answer *ans, enum error_class class, const char *code,
                  const char *message);

/*
 * "1.5s", "6m0s", "20ms", "2m59.56s", "58" (seconds) at the begin of text to ms, rounded up; -1:
 * none.
 */
int64_t failure_duration_ms(const char *text);

#endif
