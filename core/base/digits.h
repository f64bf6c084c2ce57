/*
 * digits: an integer as decimal text, for paths that every task takes, where printf() costs more than all
 * the rest.
 */
#ifndef SLUICE_BASE_DIGITS_H
#define SLUICE_BASE_DIGITS_H

#include <stdint.h>

#define DIGITS_ROOM 24 /* of any 64-bit integer, with sign and NUL */

/* The text stands in out, NUL-terminated, but not at its beginning: where it begins is returned. */
const char *digits_of(int64_t v, char out[DIGITS_ROOM]);

#endif
