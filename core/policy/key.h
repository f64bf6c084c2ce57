/*
 * key: request digests and completion keys (design 3.2). Pure.
 *
 * The request digest is SHA-256 over length-delimited fields: format version, tenant, operation,
 * sample, and the RFC 8785 canonical body without `model` and without the fields that cannot change the
 * answer (for OP_RESPONSES these are fewer, since the answer repeats them). The completion key is SHA-256
 * over digest, dialect, base URL, upstream model and every setting of the row that can change the answer
 * (mode, extra_body, drop_params, max_output_tokens default).
 */
#ifndef SLUICE_POLICY_KEY_H
#define SLUICE_POLICY_KEY_H

#include "base/sha256.h"
#include "task/config.h"
#include "task/task.h"

/* Sets t->digest once. -1: the canonical body is larger than limits allow (cannot happen for a record
 * within limits.record_bytes; treated as our bug by the caller). scratch is reused between calls. */
int key_digest(struct task *t, struct sha256 *sha, struct buf *scratch);

void key_completion(const struct task *t, const struct model *m, struct sha256 *sha,
                    uint8_t out[SHA256_LEN]);

/* Key of the single flight: digest + the accepted models in order. */
void key_flight(const struct task *t, struct sha256 *sha, uint8_t out[SHA256_LEN]);

#endif
