/*
 * completion: a paid-for good answer that may be shared: by the task that bought it, by its twins, and
 * by the store. Reference-counted (atomic) and immutable once published.
 */
#ifndef SLUICE_TASK_COMPLETION_H
#define SLUICE_TASK_COMPLETION_H

#include <stddef.h>
#include <stdint.h>

#include "task/answer.h"

struct completion {
    int refs;   /* atomic */
    char *body; /* JSON object text, OpenAI's form; NUL-terminated; NULL: shed */
    size_t body_len;
    struct usage usage;
    enum finish finish;
    double cost_usd; /* what the call cost; negative: unknown */
    int64_t created_wall_ms;
    int64_t expires_wall_ms; /* 0: never */
    char model[128];         /* model_name of ours that answered */
    char provider[64];
    char upstream_model[128];
    char request_id[128]; /* the provider's */
};

struct completion *completion_new(void); /* refs = 1 */
struct completion *completion_ref(struct completion *c);
struct completion *completion_unref(struct completion *c); /* NULL is fine; returns NULL */

/* The caller needs no more than what is known about the answer: frees its text, unless others hold it, too. */
void completion_shed(struct completion *c);

/* May this be stored for later identical requests? (promise P6) */
int completion_cacheable(const struct completion *c);

#endif
