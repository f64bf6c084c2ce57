/*
 * ask: one request as the simulator understands it: which interface, which model, what the user said
 * last, how many tokens may come back.
 */
#ifndef SLUICE_CMD_SIM_ASK_H
#define SLUICE_CMD_SIM_ASK_H

#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#define SIM_MODEL_MAX 256 /* bytes of a model's name in a path */

struct sim_dialect;

struct sim_ask {
    const struct sim_dialect *dialect;
    const char *url; /* with its query; the caller's */
    const char *raw; /* the body; the caller's */
    size_t raw_len;
    struct json_object *body; /* owned */
    const char *model;        /* in the body, or in the path */
    const char *text;         /* last user message, or its first text part */
    size_t text_len;
    int64_t prompt_tokens; /* about one for four bytes of text */
    int64_t max_tokens;    /* 0: no limit given */
    uint64_t digest;       /* of raw */
};

/* What went wrong, or is made to go wrong. Each dialect has its own status and words for it. */
enum sim_error {
    SIM_OK,
    SIM_BAD_REQUEST,
    SIM_NO_PATH,
    SIM_NO_METHOD,
    SIM_BAD_KEY,
    SIM_NO_MODEL,
    SIM_TOO_LARGE,
    SIM_RATE, /* sim_fail.what says of what: requests, tokens, concurrent requests */
    SIM_NO_CREDIT,
    SIM_LONG_PROMPT,
    SIM_SERVER_ERROR,
    SIM_UNAVAILABLE,
    SIM_OVERLOADED,
    SIM_ERRORS
};

/* A request that is refused. */
struct sim_fail {
    enum sim_error error;
    int status;        /* 0: the dialect's own for this error */
    const char *param; /* the field to blame, or NULL */
    const char *what;  /* SIM_RATE only */
    int64_t wait_ms;   /* when to come back; 0: not said */
    char message[512];
};

/* Fills a SIM_BAD_REQUEST; -1, so that a reader can end with it. */
int sim_ask_invalid(struct sim_fail *f, const char *param, const char *message);

/*
 * Reads raw into ask, with a tokener that is used again for each request. model: from the path, or ""
 * when it stands in the body; it must live as long as ask, whose url is set already. 0; or -1 with fail filled.
 */
int sim_ask_read(struct sim_ask *a, const struct sim_dialect *d, const char *model, const char *raw,
                 size_t n, struct json_tokener *tok, struct sim_fail *ret_fail);
void sim_ask_done(struct sim_ask *a);

/*
 * For the readers of the dialects. Adds up the text of a content (a string, or parts with a member
 * "text") and finds its first text.
 */
size_t sim_ask_content(struct json_object *content, const char **ret_text, size_t *ret_len);

/* body.messages and body.system: text of the last user message, and prompt_tokens. */
int sim_ask_messages(struct sim_ask *a, struct sim_fail *f);

/*
 * The tool of body.tools that is called `want`, or the first with a name when want is NULL. frame: the
 * member of a tool that holds its name, NULL: the tool itself. What is returned holds the name; or NULL.
 */
struct json_object *sim_ask_tool(const struct sim_ask *a, const char *frame, const char *want);

int64_t sim_tokens(size_t bytes); /* how many tokens that many bytes of text count as */

#endif
