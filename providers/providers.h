/*
 * providers: the table of dialects and the table of vendors, which config_resolve() and the
 * commands are given. Both end with an empty row.
 */
#ifndef SLUICE_PROVIDERS_H
#define SLUICE_PROVIDERS_H

#include "task/provider.h"

extern const struct provider *const providers[]; /* NULL at the end */
extern const struct vendor vendors[];            /* name NULL at the end */

#endif
