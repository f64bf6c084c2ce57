/*
 * manual: the tables behind the man page sluice(7), and the page: what holds for all commands. Metrics, pages of the
 * admin port and names of failures come from the tables that the program itself works by.
 */
#ifndef SLUICE_CMD_MANUAL_H
#define SLUICE_CMD_MANUAL_H

#include <stdio.h>

struct manual_row {
    const char *name; /* NULL ends a table */
    const char *text; /* sentences, without the last full stop */
};

extern const struct manual_row
    manual_exits[]; /* exit codes of all commands; on every page of section 1 as well */

void manual_print(FILE *to);

#endif
