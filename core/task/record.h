/*
 * record: reads request records (design 2.1) into tasks.
 *
 * Accepted values: the OpenAI batch line, a bare body, a bare body with `prompt`, and CloudEvents in
 * binary mode (headers ce_*) and structured mode (content-type application/cloudevents+json).
 * Pure: the configuration is read for limits, models and the default model only.
 */
#ifndef SLUICE_TASK_RECORD_H
#define SLUICE_TASK_RECORD_H

#include "task/config.h"
#include "task/task.h"

enum record_result {
    RECORD_GOOD = 0,
    RECORD_BAD =
        1, /* the task carries the error (task_fail with code "bad_record" and a message that
                       names the field and says what to do); t->id is set all the same */
};

/*
 * Fills the "made by record_parse()" part of the task from raw, key and headers. task_id: custom_id or
 * task_id of the value, else ce_id, else the key (when it is valid UTF-8 without NUL), else
 * topic-partition-offset. Checks the types of the fields that the pool or every provider relies on
 * (model, messages / input, temperature and the like, n, max tokens, stop, tools): "messages[1].role
 * must be one of ...". Unknown model: an error naming the nearest one; a configuration
 * without models (that of `enqueue`: the worker has them) takes any name. Sets deadline_wall_ms.
 * Returns one of enum record_result.
 */
int record_parse(struct task *t, const struct config *c);

/* Makes t->body again where it was given back, of a record that record_parse() found good. */
void record_reopen(struct task *t, const struct config *c);

/* Sets t->id without a look at the value, for a record that must not be parsed: ce_id, the key, or
 * topic-partition-offset. */
void record_name(struct task *t);

/* Fingerprint of key, value and headers: which record a journaled outcome answers. */
void record_fingerprint(struct task *t);

/* Formats a batch line from parts, for `enqueue` and `batch --template`. 0, or -1: out is full. */
int record_format_prompt(struct buf *out, const char *custom_id, const char *model,
                         const char *prompt, size_t prompt_len);

#endif
