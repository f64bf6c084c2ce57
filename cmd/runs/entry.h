/*
 * entry: what the files beside an output say of its job, as one JSON object, whoever wrote them: OUT.status (jobs/status.h),
 * else OUT.job (batch/job.h), else OUT.run or IN.run (jobs/run.h). Reads only.
 */
#ifndef SLUICE_CMD_RUNS_ENTRY_H
#define SLUICE_CMD_RUNS_ENTRY_H

#include <stdbool.h>

#include <json-c/json.h>

#include "base/err.h"

enum entry_result { ENTRY_LOADED = 0, ENTRY_NONE = 1 };

/*
 * stem: the path without a suffix. *ret is the caller's: path, kind, state, and what else is known. States: running,
 * finished, stopped (may go on), failed, interrupted (its process is gone), sent and unsent (of `enqueue`), unknown. A file
 * of another program is none. -1: it is damaged, or cannot be read.
 */
int entry_load(const char *stem, struct json_object **ret, struct err *e);

/* The same, and -1 (EX_NOINPUT) when there is none. */
int entry_need(const char *stem, struct json_object **ret, struct err *e);

/* Cuts the suffix of one of the files off a path, in place. False: it has none of them. */
bool entry_stem(char *path);

/* Is this one of the files, and the one that entry_load() goes by? */
bool entry_is_first(const char *path);

#endif
