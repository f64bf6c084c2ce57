/*
 * cohere: the dialect of Cohere's API, version 2 (chat and embed), both ways. Requests come in
 * OpenAI's form and answers leave in it.
 */
#ifndef SLUICE_PROVIDERS_COHERE_H
#define SLUICE_PROVIDERS_COHERE_H

#include <json-c/json.h>

#include "providers/outgoing.h"
#include "task/provider.h"

extern const struct provider provider_cohere;

/* The rest is between cohere*.c. The writers return 0, or -1 with o->e naming the field. */

/* Every member of a chat request but model, messages and tools, into o->body. */
int cohere_fields(struct outgoing *o);

/* t->body.messages into o->body. */
int cohere_messages(struct outgoing *o);

/* Tools, tool_choice and parallel_tool_calls into o->body. */
int cohere_tools(struct outgoing *o);

/* Every member of an embeddings request into o->body. */
int cohere_inputs(struct outgoing *o);

/* A "good" response to a finished answer. */
void cohere_read_chat(const struct model *m, const struct task *t, struct json_object *root,
                      struct answer *ans);
void cohere_read_embeddings(const struct model *m, const struct task *t, struct json_object *root,
                            struct answer *ans);

#endif
