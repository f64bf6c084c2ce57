/*
 * ask: one request as the simulator understands it: which interface, which model, what the user said
 * last, how many tokens may come back.
 */
#ifndef SLUICE_CMD_SIM_ASK_H
#define SLUICE_CMD_SIM_ASK_H

#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

enum sim_api { SIM_CHAT, SIM_EMBEDDINGS, SIM_MESSAGES };

struct sim_ask {
    enum sim_api api;
    const char *raw; /* the body; the caller's */
    size_t raw_len;
    struct json_object *body; /* owned */
    const char *model;        /* in body, like text */
    const char *text;         /* last user message, or its first text part */
    size_t text_len;
    int64_t prompt_tokens; /* about one for four bytes of text */
    int64_t max_tokens;    /* 0: no limit given */
    uint64_t digest;       /* of raw */
};

/* A request that is refused: the parts of an error in either dialect. */
struct sim_fail {
    int status;
    const char *type;   /* OpenAI's error.type */
    const char *code;   /* OpenAI's error.code, or NULL */
    const char *param;  /* or NULL */
    const char *claude; /* Anthropic's error.type */
    char message[256];
};

/* Reads raw into ask, with a tokener that is used again for each request. 0; or -1 with fail filled. */
int sim_ask_read(struct sim_ask *a, enum sim_api api, const char *raw, size_t n,
                 struct json_tokener *tok, struct sim_fail *ret_fail);
void sim_ask_done(struct sim_ask *a);

const char *sim_api_name(enum sim_api api); /* chat, embeddings, messages */
int64_t sim_tokens(size_t bytes);           /* how many tokens that many bytes of text count as */

#endif
