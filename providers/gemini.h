/*
 * gemini: the dialect of Google's Gemini API and of Gemini on Vertex AI, both ways. Requests come in
 * OpenAI's form and answers leave in it. The two hosts differ in addresses, in how the key is sent,
 * in how a service tier is said, and in the shape of embeddings.
 */
#ifndef SLUICE_PROVIDERS_GEMINI_H
#define SLUICE_PROVIDERS_GEMINI_H

#include <json-c/json.h>

#include "providers/outgoing.h"
#include "task/provider.h"

extern const struct provider provider_gemini;

/* The rest is between gemini*.c. What takes an outgoing returns 0, or -1 with o->e naming the
 * field. */

bool gemini_on_vertex(const struct model *m);

/* 2 for "gemini-2.5-flash"; the newest there is for names without a number ("gemini-flash-latest");
 * 0 for names that tell nothing (gemma, tuned models). */
int gemini_generation(const struct model *m);

/* o->body.generationConfig, made when it is not there yet. */
struct json_object *gemini_config(struct outgoing *o);

/* Members of the request body other than messages and tools. */
int gemini_fields(struct outgoing *o);

/* t->body.messages to systemInstruction and contents. */
int gemini_messages(struct outgoing *o);

/* tools, tool_choice and parallel_tool_calls. */
int gemini_tools(struct outgoing *o);

/* Appends the parts of the content of messages[place] (a string, parts, or null) to parts. text_only
 * refuses media. */
int gemini_content(struct outgoing *o, struct json_object *content, size_t place, bool text_only,
                   struct json_object *parts);

/* Appends {"text":...}; nothing when it is empty. */
void gemini_text(struct json_object *parts, struct json_object *text);

/* An embeddings request; *ret_method is what stands behind the model in the address. */
int gemini_embed(struct outgoing *o, const char **ret_method);

/* A "good" response to a finished answer. */
void gemini_read(const struct model *m, const struct task *t, const struct http_response *rsp,
                 struct json_object *root, struct answer *ans);
void gemini_read_embeddings(const struct model *m, const struct task *t, struct json_object *root,
                            struct answer *ans);

/* logprobsResult of a candidate in OpenAI's form; NULL: it has none. */
struct json_object *gemini_logprobs(struct json_object *candidate);

#endif
