/*
 * anthropic: the dialect of Anthropic's Messages API, both ways. Requests come in OpenAI's form and
 * answers leave in it.
 */
#ifndef SLUICE_PROVIDERS_ANTHROPIC_H
#define SLUICE_PROVIDERS_ANTHROPIC_H

#include <json-c/json.h>

#include "providers/outgoing.h"
#include "providers/turns.h"
#include "task/provider.h"

extern const struct provider provider_anthropic;

/* The rest is between anthropic*.c. All return 0, or -1 with o->e naming the field. */

/* Every member of the request body but model and messages, into o->body. */
int anthropic_fields(struct outgoing *o);

/* t->body.messages into o->body: system and messages. */
int anthropic_messages(struct outgoing *o);

/* Tools, tool_choice and parallel_tool_calls into o->body. */
int anthropic_tools(struct outgoing *o);

/* Appends the block of a content part (turns.h). */
int anthropic_part(struct outgoing *o, struct json_object *in, const char *where,
                   enum turn_place place, struct json_object *blocks);

/* Appends a text block; nothing when the text is empty, which the API refuses. */
void anthropic_text(struct json_object *blocks, struct json_object *text,
                    struct json_object *cache_control);

/* A "good" response to a finished answer. */
void anthropic_read(const struct model *m, const struct task *t, struct json_object *root,
                    struct answer *ans);

#endif
