/*
 * json_scan: one pass over JSON text, that builds json-c's values or nothing. Strict is what json_check() promises;
 * not strict allows what a provider may send and json-c copes with: duplicate keys, lone
 * surrogates, \u0000 and numbers out of range. Grammar, UTF-8 and depth are always checked.
 */
#ifndef SLUICE_BASE_JSON_SCAN_H
#define SLUICE_BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include <json-c/json.h>

#include "base/err.h"

#define JSON_TEXT_MAX (1U << 30)

struct json_rules {
    int max_depth; /* cut to 256 */
    bool strict;
};

/* 0, or -1 with the byte offset and what to do in e. The value is the caller's, like one of json_parse(). */
int json_build(const char *text, size_t n, const struct json_rules *rules, struct json_object **ret,
               struct err *e);

/* The same, but only looks. */
int json_scan(const char *text, size_t n, int max_depth, bool strict, struct err *e);

#endif
