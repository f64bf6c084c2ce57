/*
 * json_scan: one pass over JSON text that builds nothing. Strict is what json_check() promises;
 * not strict allows what a provider may send and json-c copes with: duplicate keys, lone
 * surrogates, \u0000 and numbers out of range. Grammar, UTF-8 and depth are always checked.
 */
#ifndef SLUICE_BASE_JSON_SCAN_H
#define SLUICE_BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define JSON_TEXT_MAX (1U << 30)

/* 0, or -1 with the byte offset and what to do in e. max_depth is cut to 256. */
int json_scan(const char *text, size_t n, int max_depth, bool strict, struct err *e);

#endif
