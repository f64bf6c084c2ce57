/* readers: requests of other APIs, read into in->body of OpenAI's form. -1 with in->e naming the field. */
#ifndef SLUICE_CMD_CONVERT_READERS_H
#define SLUICE_CMD_CONVERT_READERS_H

#include "cmd/convert/inward.h"

int read_anthropic(struct inward *in, struct json_object *params);
int read_gemini(struct inward *in, struct json_object *request);

/* Anthropic's messages; convert/anthropic_turns.c */
int read_anthropic_system(struct inward *in, const char *path, struct json_object *v);
int read_anthropic_messages(struct inward *in, const char *path, struct json_object *v);

/* Gemini's; convert/gemini_turns.c */
int read_gemini_system(struct inward *in, const char *path, struct json_object *v);
int read_gemini_contents(struct inward *in, const char *path, struct json_object *v);

#endif
