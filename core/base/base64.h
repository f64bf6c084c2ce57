/* base64: bytes as text (RFC 4648, with padding). */
#ifndef SLUICE_BASE_BASE64_H
#define SLUICE_BASE_BASE64_H

#include "base/buf.h"

/* Appends; 0, or -1: out is full. */
int base64_put(struct buf *out, const void *p, size_t n);

#endif
