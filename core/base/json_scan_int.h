/* json_scan_int: what the files of the JSON reader share; nobody else includes it. */
#ifndef SLUICE_BASE_JSON_SCAN_INT_H
#define SLUICE_BASE_JSON_SCAN_INT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json_keys.h"
#include "base/json_scan.h"

struct scan {
    const char *text;
    const char *p;
    const char *end;
    int depth;
    int max_depth;
    bool strict;
    struct json_keys keys;
    char *arena; /* unescaped text; as large as the text, made when first needed */
    size_t arena_used;
    struct err *e;
};

size_t scan_offset(const struct scan *s, const char *at);
int scan_fail(struct scan *s, const char *at, const char *what); /* always -1 */

/* What stands between the quotes of a string. */
struct scan_string {
    const char *at;
    size_t len;
    bool escaped;
};

/* At the opening quote; moves behind the closing one. 0, or -1. */
int scan_string(struct scan *s, struct scan_string *ret);

/* Unescapes a string that was scanned and found good, if it has escapes: to the end of the scan it lies in the arena. */
void scan_unescape(struct scan *s, struct scan_string *str);

#endif
