/*
 * dialects: what the files of one dialect each give to the table in dialect.c, and what they share
 * with each other.
 */
#ifndef SLUICE_CMD_SIM_DIALECTS_H
#define SLUICE_CMD_SIM_DIALECTS_H

#include "cmd/sim/dialect.h"

extern const struct sim_dialect sim_chat;       /* openai.c */
extern const struct sim_dialect sim_embeddings; /* embed.c */
extern const struct sim_dialect sim_messages;   /* anthropic.c */

/* Errors and rate-limit headers in OpenAI's form, which others speak as well. */
void sim_openai_error(struct sim_reply *r, const struct sim_fail *f);
void sim_openai_pace(struct sim_reply *r, const struct sim_pace *p);

#endif
