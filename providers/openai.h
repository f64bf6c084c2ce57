/*
 * openai: the dialect of OpenAI's chat completions and embeddings, which most vendors and all local
 * servers speak. The request body is in this form already; the work is in the differences.
 */
#ifndef SLUICE_PROVIDERS_OPENAI_H
#define SLUICE_PROVIDERS_OPENAI_H

#include <json-c/json.h>

#include "providers/outgoing.h"
#include "task/provider.h"

extern const struct provider provider_openai;

/*
 * For dialects that are OpenAI's but for a few things (azure.c, mistral.c). o->body is filled from the
 * task's body, without what the host cannot take; 0, or -1 with a message.
 */
int openai_write(struct outgoing *o);
const char *openai_path(enum operation op); /* behind the base URL */
void openai_parse(const struct model *m, const struct task *t, const struct http_response *rsp,
                  struct answer *ans);

/* The rest is between openai*.c. What the host's row says of a chat body, done to o->body. */
int openai_quirks(struct outgoing *o);

/* A parsed "good" response to a finished answer. root is changed. */
void openai_read_chat(const struct model *m, const struct task *t, struct json_object *root,
                      struct answer *ans);
void openai_read_embeddings(const struct model *m, const struct task *t, struct json_object *root,
                            struct answer *ans);

/*
 * An embedding list made of bare vectors, for APIs that give them so. vectors is a list or NULL and
 * stays as it is; tokens -1: not said.
 */
void openai_read_vectors(const struct model *m, const struct task *t, struct json_object *vectors,
                         int64_t tokens, struct answer *ans);

/*
 * Repairs one choice so that it is valid against OpenAI's schema, and says how it ended. 0, or -1
 * when there is nothing in it that answers.
 */
int openai_read_choice(struct json_object *choice, int64_t index, enum finish *ret_finish);

/* The choice's log probabilities in OpenAI's form; null when there are none. */
void openai_repair_logprobs(struct json_object *choice);

#endif
