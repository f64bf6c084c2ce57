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
extern const struct sim_dialect sim_azure;      /* azure.c */
extern const struct sim_dialect sim_azure_embeddings;
extern const struct sim_dialect sim_cohere_chat; /* cohere.c */
extern const struct sim_dialect sim_cohere_embed;
extern const struct sim_dialect sim_ollama_chat; /* ollama.c */
extern const struct sim_dialect sim_ollama_embed;
extern const struct sim_dialect sim_responses; /* responses.c */
extern const struct sim_dialect sim_converse;  /* bedrock.c */
extern const struct sim_dialect sim_invoke;    /* bedrock_embed.c */
extern const struct sim_dialect sim_gemini;    /* gemini.c */
extern const struct sim_dialect sim_vertex;
extern const struct sim_dialect sim_gemini_embed; /* gemini_embed.c */
extern const struct sim_dialect sim_gemini_batch;
extern const struct sim_dialect sim_vertex_predict;

/* Errors and rate-limit headers in OpenAI's form, which others speak as well. */
void sim_openai_error(struct sim_reply *r, const struct sim_fail *f);
void sim_openai_pace(struct sim_reply *r, const struct sim_pace *p);

/* Errors of Amazon Bedrock. */
void sim_bedrock_error(struct sim_reply *r, const struct sim_fail *f);

/* A vector of one input, as a list of numbers or as base64 in a string. */
struct sim_vector {
    int64_t dimensions; /* 0: those of the setup */
    bool base64;
};
void sim_write_vector(struct buf *b, const struct sim_setup *s, const struct sim_ask *a,
                      struct json_object *input, const struct sim_vector *form);

/* A list of tokens of text with their log probabilities, top_logprobs of them each. */
void sim_openai_tokens(struct buf *b, const struct sim_ask *a, const struct buf *text);

/* `created` of an answer: depends on the request only. */
int64_t sim_openai_created(const struct sim_ask *a);

#endif
