/*
 * results: lines of results to OpenAI's batch output lines, the form that `batch` writes and --retry-failed reads. An answer
 * is read by the dialect's own parser in providers/.
 */
#ifndef SLUICE_CMD_CONVERT_RESULTS_H
#define SLUICE_CMD_CONVERT_RESULTS_H

#include <stdbool.h>

#include <json-c/json.h>

#include "base/buf.h"
#include "cmd/convert/forms.h"

/* Is the line a result and no request? */
bool result_is(const struct form *from, struct json_object *root);

/* -1 with c->e. c->vendor is of the dialect of `from`. */
int result_convert(struct conversion *c, const struct form *from, struct json_object *root,
                   struct buf *out);

#endif
