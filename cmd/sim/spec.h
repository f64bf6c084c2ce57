/*
 * spec: the small texts that settings are typed in: durations ("200ms"), sizes ("64k"), numbers, and
 * lists of "key=value". All are strict: the whole text must be used up.
 */
#ifndef SLUICE_CMD_SIM_SPEC_H
#define SLUICE_CMD_SIM_SPEC_H

#include <stddef.h>
#include <stdint.h>

/* Each returns 0, or -1 when the text is none of its kind. Values are never negative. */
int sim_spec_duration(const char *text, int64_t *ret_ms); /* plain number: seconds */
int sim_spec_size(const char *text, int64_t *ret_bytes);
int sim_spec_number(const char *text, double *ret);

/*
 * Takes the next "key=value" off *at, which is a list separated by commas; a piece without "=" gives
 * its text as key and an empty value. The pieces are copied to key and value (cap bytes each).
 * 1: one was taken; 0: the list is used up; -1: a piece is longer than cap.
 */
int sim_spec_next(const char **at, char *key, char *value, size_t cap);

#endif
