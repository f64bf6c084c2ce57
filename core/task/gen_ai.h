/*
 * gen_ai: what OpenTelemetry's conventions for generative models call things that have other names here. Metrics and
 * spans use the same ones.
 */
#ifndef SLUICE_TASK_GEN_AI_H
#define SLUICE_TASK_GEN_AI_H

#include "base/buf.h"
#include "base/json.h"
#include "task/config.h"
#include "task/task.h"

/* gen_ai.provider.name */
const char *gen_ai_provider(const struct model *m);

/* gen_ai.operation.name */
const char *gen_ai_operation(enum operation op);

/*
 * gen_ai.input.messages and gen_ai.output.messages as JSON text: of a request in OpenAI's form, and of an answer.
 * Texts are cut where all of them together have TRACE_CONTENT_MAX bytes; images, sounds and files are named and not
 * shown. Where out has no room for more messages, one of the role "sluice" says how many there were. Nothing is
 * appended when there are none, as with embeddings.
 */
void gen_ai_input(struct json_object *body, struct buf *out);
void gen_ai_output(const char *answer, size_t n, struct buf *out);

#endif
