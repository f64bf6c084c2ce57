/*
 * scope: which rows of model_list a failure concerns, beside the one that was called. Pure.
 *
 * A bad key is bad for every model that is asked with it, a retired model is gone whatever the key, and so on: what
 * one call has found out need not be found out by others again.
 */
#ifndef SLUICE_POLICY_SCOPE_H
#define SLUICE_POLICY_SCOPE_H

#include "task/class.h"
#include "task/config.h"

/* Rows for which a failure of this class on `row` means the same; `row` itself is always one of them. */
uint64_t scope_rows(const struct config *c, int row, enum error_class class);

/* Rows that a task need not try any more, once `row` has refused it with this class. */
uint64_t scope_refused(const struct config *c, int row, enum error_class class);

/* All rows of the same server. */
uint64_t scope_server(const struct config *c, int row);

/* The first row whose limit is that of `row` as well; `row` itself when it is its own. */
int scope_limit(const struct config *c, int row);

#endif
