/* default_root: where a store is kept when neither the configuration nor an option says so. */
#ifndef SLUICE_CMD_DEFAULT_ROOT_H
#define SLUICE_CMD_DEFAULT_ROOT_H

#include <stddef.h>

#include "base/err.h"

/* $XDG_CACHE_HOME/sluice/NAME or ~/.cache/sluice/NAME. -1: there is no such place, or the path is too long. */
int default_root(const char *name, char *out, size_t cap, struct err *e);

#endif
