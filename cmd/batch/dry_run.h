/*
 * dry_run: `batch --dry-run`: what a job would send, take and cost, from its rows and the configuration alone. Nothing
 * is sent, no file is made, and the cache is not asked.
 */
#ifndef SLUICE_CMD_BATCH_DRY_RUN_H
#define SLUICE_CMD_BATCH_DRY_RUN_H

#include "cmd/batch/batch.h"

/* Prints it on stdout. An exit code; bad rows are said as a real run says them. */
int dry_run(const struct batch_options *o, struct err *e);

#endif
