/*
 * incoming: what all dialects do alike when they read a response.
 */
#ifndef SLUICE_PROVIDERS_INCOMING_H
#define SLUICE_PROVIDERS_INCOMING_H

#include <json-c/json.h>

#include "task/answer.h"
#include "task/config.h"
#include "task/http.h"
#include "task/task.h"

enum incoming {
    INCOMING_GOOD = 0,   /* 2xx, a JSON object without an error; *ret_root is the caller's */
    INCOMING_FAILED = 1, /* ans is finished: a classified failure */
};

/* Takes the request id, parses the body, sorts out failures and reads what the prices of m point at. */
int incoming_open(const struct model *m, const struct http_response *rsp, struct answer *ans,
                  struct json_object **ret_root);

/* Writes root as the answer's body with class CLASS_OK; CLASS_BAD_RESPONSE when it does not fit. */
void incoming_close(struct json_object *root, enum finish finish, struct answer *ans);

/* Copies the upstream model's name out of root.model; the row's own name when there is none. */
void incoming_model(const struct model *m, struct json_object *root, struct answer *ans);

/* Puts id, object, created and model where they are missing, so that the body is a valid object. */
void incoming_envelope(const struct model *m, const struct task *t, const char *object,
                       struct json_object *root);

/* An id for an answer that came without one: prefix and digits of the request's digest. */
#define INCOMING_ID_MAX 64
void incoming_made_id(const struct task *t, const char *prefix, char out[INCOMING_ID_MAX]);

/* A count of tokens; -1: absent, negative or no number. */
int64_t incoming_tokens(struct json_object *o, const char *key);

/* Sum of counts; unknown ones count nothing. */
int64_t incoming_sum(int64_t a, int64_t b);

/* Some hosts count reasoning beside the answer; the total tells, and output_tokens is set right. */
void incoming_reasoning_beside(struct usage *u, int64_t total);

/* The `usage` of a chat.completion; what is not known is left out. */
struct json_object *incoming_chat_usage(const struct usage *u);

/*
 * A chat.completion around one choice (taken over), with the id, model and time of root, the provider's
 * answer, and the usage when it is known.
 */
struct json_object *incoming_completion(const struct model *m, const struct task *t,
                                        struct json_object *root, struct json_object *choice,
                                        const struct usage *u);

/* Removes a service_tier that OpenAI's schema does not name: hosts invent their own. */
void incoming_tier(struct json_object *root);

/* The end that matters for the whole answer: the least cacheable of its choices. */
enum finish incoming_worse(enum finish a, enum finish b);

/* Pieces of a text that come one by one; text is a JSON string or NULL. */
void incoming_append(struct buf *to, struct json_object *text);
struct json_object *incoming_string(const struct buf *b);
const char *incoming_json_text(struct json_object *o); /* compact; belongs to o */

/* Removes a member whose value is null: OpenAI's schema allows absence there, not null. */
void incoming_drop_null(struct json_object *o, const char *key);

#endif
