/*
 * utf8: what the project needs to know about UTF-8 (RFC 3629).
 */
#ifndef SLUICE_BASE_UTF8_H
#define SLUICE_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the sequence of several bytes at `at` (n > 0 bytes are there), or 0: malformed. */
int utf8_len(const char *at, size_t n);

bool utf8_valid(const char *text, size_t n);

/* Bytes in front of what is malformed, or cut off; n when all is well. */
size_t utf8_prefix(const char *text, size_t n);

/* Writes a code point, at most 4 bytes; gives how many. */
size_t utf8_put(char *out, uint32_t c);

/* Puts '?' in place of what a terminal would act on: control characters, those of U+0080 to U+009F too, and marks that
 * turn the direction of a line. Gives text. */
char *utf8_plain(char *text);

#endif
