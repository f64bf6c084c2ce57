/*
 * store_line: a completion and its key as one line of JSON, for `cache export` and `import`. Pure.
 *
 *   {"key":"<64 hex>","model":...,"provider":...,"upstream_model":...,"request_id":...,
 *    "finish":"stop","created_ms":...,"expires_ms":...,"cost_usd":...,"usage":{...},"body":"..."}
 * The body is a string that holds the JSON text, so that it comes back byte for byte. Unknown
 * costs and token counts are null.
 */
#ifndef SLUICE_IO_STORE_LINE_H
#define SLUICE_IO_STORE_LINE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/sha256.h"
#include "task/completion.h"

/* No newline at the end. with_body false leaves the body out and puts its size, for `cache ls`. */
int store_line_write(struct buf *out, const uint8_t key[SHA256_LEN], const struct completion *c,
                     bool with_body);

/* -1: not such a line, or a completion that may not be cached; e names the field. */
int store_line_read(const char *line, size_t len, uint8_t ret_key[SHA256_LEN],
                    struct completion **ret, struct err *e);

/* 64 hex digits, either case. 0 or -1. */
int store_key_parse(const char *hex, uint8_t ret_key[SHA256_LEN]);

#endif
