/* whole_file: small files that are read and replaced as a whole. */
#ifndef SLUICE_CMD_JOBS_WHOLE_FILE_H
#define SLUICE_CMD_JOBS_WHOLE_FILE_H

#include <stdbool.h>

#include <json-c/json.h>

#include "base/buf.h"
#include "base/err.h"

#define WHOLE_FILE_MAX 65536

enum whole_file_result { WHOLE_FILE_READ = 0, WHOLE_FILE_NONE = 1 };

/* Reads a JSON object. NONE: there is no such file. -1: not readable, or damaged (EX_DATAERR). */
int whole_file_read(const char *path, struct json_object **ret, struct err *e);

/* Is there something that is not one of ours: no JSON object with this text as a member? What a crash may have left of one
 * of ours (empty, zeros, cut off) is not foreign. */
bool whole_file_is_foreign(const char *path, const char *member);

/* Writes the file so that readers and a later run see the old or the new one, whole. sync: the new one is on
 * the disk when this returns. */
int whole_file_replace(const char *path, const struct buf *text, bool sync, struct err *e);

#endif
