/*
 * bedrock: the dialect of Amazon Bedrock's Converse API, both ways, and embeddings by its InvokeModel.
 * Requests come in OpenAI's form and answers leave in it.
 */
#ifndef SLUICE_PROVIDERS_BEDROCK_H
#define SLUICE_PROVIDERS_BEDROCK_H

#include <json-c/json.h>

#include "providers/outgoing.h"
#include "providers/turns.h"
#include "task/provider.h"

extern const struct provider provider_bedrock;

/* The rest is between bedrock*.c. Where not said otherwise, 0, or -1 with o->e naming the field. */

/* Every member of the request body but messages and tools, into o->body. */
int bedrock_fields(struct outgoing *o);

/* reasoning_effort, as the family of the row's model wants it; after the other fields. */
int bedrock_effort(struct outgoing *o);

/* Member of o->body, made when it is not there yet. */
struct json_object *bedrock_section(struct outgoing *o, const char *name);

/* t->body.messages into o->body: system and messages. */
int bedrock_messages(struct outgoing *o);

/* Tools and tool_choice into o->body; after the messages. */
int bedrock_tools(struct outgoing *o);

/* Appends the block of a content part, and a cache point when it asks for one (turns.h). */
int bedrock_part(struct outgoing *o, struct json_object *in, const char *where,
                 enum turn_place place, struct json_object *blocks);

/* Appends a text block; nothing when the text is empty, which the API refuses. */
void bedrock_text(struct json_object *blocks, struct json_object *text);

/* Appends a cache point when o asks for one: cache_control or prompt_cache_breakpoint. */
void bedrock_cache_point(struct json_object *o, struct json_object *blocks);

/* {key: value}, which takes over value. */
struct json_object *bedrock_wrap(const char *key, struct json_object *value);

/* A "good" response to a finished answer. */
void bedrock_read(const struct model *m, const struct task *t, struct json_object *root,
                  struct answer *ans);

/* Embeddings by models of Amazon (Titan) and Cohere: the body; and the answer. */
int bedrock_embed(struct outgoing *o);
void bedrock_read_embeddings(const struct model *m, const struct task *t,
                             const struct http_response *rsp, struct json_object *root,
                             struct answer *ans);

#endif
