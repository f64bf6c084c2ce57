/* manual_int: tables of manual_tables.c. Private to cmd/manual*.c. */
#ifndef SLUICE_CMD_MANUAL_INT_H
#define SLUICE_CMD_MANUAL_INT_H

#include "cmd/manual.h"

extern const struct manual_row manual_signals[], manual_environment[], manual_files[],
    manual_topics[], manual_headers_in[], manual_headers_out[];
extern const char *const manual_classes[]; /* by enum error_class */

#endif
