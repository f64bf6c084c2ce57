/*
 * redact: takes secrets out of the words of a provider before anybody sees them. Providers repeat
 * keys in their errors ("Incorrect API key provided: sk-..."), and our errors end in replies and
 * logs.
 */
#ifndef SLUICE_PROVIDERS_REDACT_H
#define SLUICE_PROVIDERS_REDACT_H

#include <stddef.h>

#include "base/buf.h"
#include "task/config.h"

/*
 * Appends n bytes of text to out, as much as fits: the row's key, values of its extra headers, and
 * anything that looks like a key or a bearer token become "***"; bytes that are no UTF-8 become
 * '?', control bytes a space. Cut at a character when out is full.
 */
void redact(const struct model *m, const char *text, size_t n, struct buf *out);

/* The same into an array; always NUL-terminated. */
void redact_into(const struct model *m, const char *text, char *out, size_t cap);

#endif
