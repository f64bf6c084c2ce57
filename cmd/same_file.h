/* same_file: do two paths name one file? Standard input and output are none. */
#ifndef SLUICE_CMD_SAME_FILE_H
#define SLUICE_CMD_SAME_FILE_H

#include <stdbool.h>

/* False as well when one of them is not there. */
bool same_file(const char *a, const char *b);

#endif
