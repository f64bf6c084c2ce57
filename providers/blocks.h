/*
 * blocks: an answer that arrives as content blocks, put together in OpenAI's form: texts joined,
 * thinking apart (reasoning_content for reading, thinking_blocks for sending back), tool inputs as
 * strings.
 */
#ifndef SLUICE_PROVIDERS_BLOCKS_H
#define SLUICE_PROVIDERS_BLOCKS_H

#include <json-c/json.h>

#include "base/buf.h"
#include "task/answer.h"
#include "task/config.h"
#include "task/task.h"

/* Why an answer ended, in the API's words and in OpenAI's. */
struct block_reason {
    const char *theirs;
    const char *openai;
    enum finish finish;
};

/* The parts of the answer while its blocks are read. */
struct blocks {
    struct buf text;
    struct buf thinking;
    struct json_object *thinking_blocks; /* owned */
    struct json_object *calls;           /* owned */
};

void blocks_init(struct blocks *b);
void blocks_done(struct blocks *b);

/* A tool call; none without id and name. input: an object, NULL stands for {}. */
void blocks_call(struct blocks *b, struct json_object *id, struct json_object *name,
                 struct json_object *input);

/* The row of `theirs`; an end that no row knows is an answer, but not a whole one: never cached. */
const struct block_reason *blocks_reason(const struct block_reason *rows, size_t n,
                                         const char *theirs);

/* What stands around the blocks. */
struct block_frame {
    const struct block_reason *reason;
    const char *theirs;       /* native_finish_reason, or NULL */
    const char *refusal;      /* the API's words for a refusal, or NULL */
    struct json_object *root; /* the provider's answer, whose id and model stay */
    const char *service_tier; /* in OpenAI's words, or NULL */
};

/* Finishes ans with a chat.completion of ans->usage; CLASS_BAD_RESPONSE when nothing answers. */
void blocks_finish(const struct model *m, const struct task *t, const struct blocks *b,
                   const struct block_frame *f, struct answer *ans);

#endif
