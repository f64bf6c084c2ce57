/*
 * account: which rows of model_list are the same thing at a provider, whatever their names. Plain comparisons of
 * a resolved configuration; what is not known is the same as nothing else.
 */
#ifndef SLUICE_TASK_ACCOUNT_H
#define SLUICE_TASK_ACCOUNT_H

#include "task/config.h"

/* The same provider at the same base URL. */
bool account_same_server(const struct model *a, const struct model *b);

/* Calls of both are charged to one key: of one server, or of one cloud in several regions. */
bool account_same_key(const struct model *a, const struct model *b);

/* Is there anything that says who pays? */
bool account_has_key(const struct model *m);

/* The same upstream model of the same server, with whatever key. */
bool account_same_model(const struct model *a, const struct model *b);

/* The provider counts calls of both rows together: the same model of the same server with the same key. */
bool account_same(const struct model *a, const struct model *b);

/* The limits of both are set alike. For rows of one account that says that it is one limit; limits that differ
 * divide the account between them. */
bool account_same_limits(const struct model *a, const struct model *b);

#endif
