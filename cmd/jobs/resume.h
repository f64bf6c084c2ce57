/* resume: which replies an output holds already. */
#ifndef SLUICE_CMD_JOBS_RESUME_H
#define SLUICE_CMD_JOBS_RESUME_H

#include <stddef.h>

#include "base/err.h"

/* Calls take(arg, id, len) for each reply line of the file; -1 with the line when one is no reply. */
int resume_read(const char *path, int (*take)(void *arg, const char *id, size_t len), void *arg,
                struct err *e);

#endif
