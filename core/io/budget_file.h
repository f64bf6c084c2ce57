/*
 * budget_file: the book of a budget in a mapped file, so that what was spent and reserved outlives the process,
 * however it ends. A loss of power may cost the last moments, as it may cost the store without cache.sync.
 */
#ifndef SLUICE_IO_BUDGET_FILE_H
#define SLUICE_IO_BUDGET_FILE_H

#include "base/err.h"
#include "policy/budget.h"

struct budget_file {
    struct budget_book *book; /* NULL: not open */
    bool fresh;               /* nothing had been counted for this owner */
};

/* Makes the file when it is not there. What it counted for another owner (at most 128 bytes) is forgotten. The
 * caller sees to it that no other process has it open. */
int budget_file_open(struct budget_file *f, const char *path, const char *owner, struct err *e);
void budget_file_close(struct budget_file *f); /* writes it out; no-op when it is not open */

#endif
