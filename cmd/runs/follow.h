/* follow: shows a running job until it ends: a block that is drawn anew on a terminal, else a line for each change. */
#ifndef SLUICE_CMD_RUNS_FOLLOW_H
#define SLUICE_CMD_RUNS_FOLLOW_H

#include <stdbool.h>

#include "base/err.h"

/* The exit code that the job ended with; 75 when its process is gone. Changes nothing of the job. */
int follow(const char *stem, bool json, struct err *e);

#endif
