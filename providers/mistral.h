/*
 * mistral: Mistral's chat completions and embeddings: OpenAI's dialect with other names, stricter about
 * what it does not know. What is here is between mistral*.c.
 */
#ifndef SLUICE_PROVIDERS_MISTRAL_H
#define SLUICE_PROVIDERS_MISTRAL_H

#include "providers/outgoing.h"
#include "task/provider.h"

extern const struct provider provider_mistral;

/* o->body.messages in Mistral's form; 0, or -1 with a message. */
int mistral_messages(struct outgoing *o);

#endif
