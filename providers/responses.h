/*
 * responses: what the files that speak of OpenAI's Responses API share: how a `response` object ended,
 * and how it is made whole. Used both for hosts that speak the API and for those whose chat API answers
 * in its place (bridge.h).
 */
#ifndef SLUICE_PROVIDERS_RESPONSES_H
#define SLUICE_PROVIDERS_RESPONSES_H

#include <json-c/json.h>

#include "providers/outgoing.h"
#include "task/answer.h"
#include "task/config.h"
#include "task/task.h"

/*
 * Judges a `response` object of a 2xx answer by its status and its output. 0 and *ret_finish; or -1 with
 * ans finished as a failure: failed, not finished, or nothing in it that answers.
 */
int responses_judge(struct json_object *root, enum finish *ret_finish, struct answer *ans);

/* root.status, or what it should be where a host left it out. */
const char *responses_status(struct json_object *root);

void responses_usage(struct json_object *root, struct usage *u);

/*
 * Puts what the schema of a `response` requires where it is missing: from the request (t->body) what is
 * only repeated from there, else the API's default. u: what is known of the tokens.
 */
void responses_complete(const struct model *m, const struct task *t, const struct usage *u,
                        struct json_object *root);

/* The members of `usage` as the API has them; what is not known counts as 0. */
struct json_object *responses_new_usage(const struct usage *u);

/* {"type":type} */
struct json_object *responses_typed(const char *type);

/* Does this row answer this operation through /v1/responses? */
bool responses_serve(const struct model *m, enum operation op);

/* openai_responses_*.c: t->body, a chat request, into o->body. 0, or -1 with o->e naming the field. */
int openai_responses_fields(struct outgoing *o);
int openai_responses_tools(struct outgoing *o);
int openai_responses_input(struct outgoing *o);

/* A response that answers a chat request, into a chat.completion: a finished answer. */
void openai_responses_read_chat(const struct model *m, const struct task *t,
                                struct json_object *root, struct answer *ans);

/* A response that answers a request to /v1/responses: a finished answer. root is changed. */
void openai_responses_read(const struct model *m, const struct task *t, struct json_object *root,
                           struct answer *ans);

#endif
