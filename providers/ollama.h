/*
 * ollama: the dialect of Ollama's own API (/api/chat, /api/embed), both ways. Requests come in
 * OpenAI's form and answers leave in it. Ollama's OpenAI-compatible interface is a row of dialect
 * openai; this one can set the context window and knows when a prompt did not fit.
 */
#ifndef SLUICE_PROVIDERS_OLLAMA_H
#define SLUICE_PROVIDERS_OLLAMA_H

#include <json-c/json.h>

#include "providers/outgoing.h"
#include "task/provider.h"

extern const struct provider provider_ollama_chat;

/* The rest is between ollama*.c. The writers return 0, or -1 with o->e naming the field. */

/* Every member of a chat or embeddings request but model and messages, into o->body. Its member
 * options is there before. */
int ollama_fields(struct outgoing *o);

/* t->body.messages into o->body. */
int ollama_messages(struct outgoing *o);

/* A "good" response to a finished answer. */
void ollama_read_chat(const struct model *m, const struct task *t, struct json_object *root,
                      struct answer *ans);
void ollama_read_embeddings(const struct model *m, const struct task *t, struct json_object *root,
                            struct answer *ans);

#endif
