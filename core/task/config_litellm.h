/*
 * config_litellm: a configuration of LiteLLM's proxy, as ours. What has the same meaning is carried over, and each key
 * that is not is said, so that nobody believes in a setting that has gone. Texts only: nothing is looked up, resolved
 * or sent.
 */
#ifndef SLUICE_TASK_CONFIG_LITELLM_H
#define SLUICE_TASK_CONFIG_LITELLM_H

#include "base/buf.h"
#include "base/err.h"

/*
 * Appends our YAML to out. say gets a line "file:line: `key` ..." for each key that is left out or changed. Values of
 * secrets are copied as they stand: os.environ/NAME means the same to us. -1: the text is no YAML of that kind.
 */
int config_import_litellm(const char *text, size_t len, const char *name, struct buf *out,
                          void (*say)(void *arg, const char *line), void *arg, struct err *e);

#endif
