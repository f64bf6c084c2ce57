/*
 * json: strict JSON in, canonical JSON out, over json-c.
 *
 * json-c repairs or accepts what RFC 8259 leaves open (it keeps the last of two duplicate keys, turns
 * lone surrogates into U+FFFD, clamps large integers), so that the text is read by json_scan, which
 * refuses: bytes that are no UTF-8, NUL inside a key or string when ids are made from it (escape
 * \u0000 is refused everywhere), duplicate keys in one object (compared after unescaping), lone
 * surrogates, integers outside [-2^63, 2^64-1], numbers that are no finite double, nesting deeper than
 * max_depth, and anything behind the value. Messages name the byte offset and what to do.
 *
 * A struct json_object belongs to one thread at a time (json-c's reference counts are not atomic).
 */
#ifndef SLUICE_BASE_JSON_H
#define SLUICE_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include "base/buf.h"
#include "base/err.h"

#define JSON_DEPTH_MAX 48

int json_check(const char *text, size_t n, int max_depth, struct err *e);

/* What json_check() passes, as json-c's values. The object is the caller's: json_object_put(). */
int json_parse(const char *text, size_t n, struct json_object **ret, struct err *e);

/* The same with another limit than JSON_DEPTH_MAX (at most 256). */
int json_parse_depth(const char *text, size_t n, int max_depth, struct json_object **ret,
                     struct err *e);

/*
 * A provider's answer: parsed leniently as to duplicate keys (the last one wins) but it must be whole
 * and valid UTF-8. -1 when it is no JSON.
 */
int json_parse_answer(const char *text, size_t n, struct json_object **ret);

/* RFC 8785 (JCS): keys sorted by UTF-16 code units, shortest round-trip doubles; integers of up to
 * 64 bits are written exactly instead of as doubles. 0, or -1 when out is full. */
int json_canonical(struct json_object *o, struct buf *out);

/* The same of an object without those of its own members that leaves_out() says. */
int json_canonical_without(struct json_object *o,
                           bool (*leaves_out)(const void *arg, const char *name), const void *arg,
                           struct buf *out);

/* Compact serialisation appended to out, "/" not escaped. NULL object writes null. 0, or -1 when it does not
 * fit: then nothing was written. */
int json_write(struct json_object *o, struct buf *out);

/* Members of an object; NULL / fallback when o is no object, the key is missing or of another type. */
struct json_object *json_get(struct json_object *o, const char *key);
struct json_object *json_get_type(struct json_object *o, const char *key, enum json_type type);
const char *json_get_str(struct json_object *o, const char *key);
int64_t json_get_int(struct json_object *o, const char *key,
                     int64_t fallback); /* ints and integral doubles */
bool json_get_bool(struct json_object *o, const char *key, bool fallback);

/* Add a member to an object. A NULL text is null; the object or list inside is returned. */
void json_add_int(struct json_object *o, const char *name, int64_t value);
void json_add_num(struct json_object *o, const char *name, double value);
void json_add_bool(struct json_object *o, const char *name, bool value);
void json_add_str(struct json_object *o, const char *name, const char *value);
struct json_object *json_add_list(struct json_object *o, const char *name);
struct json_object *json_add_object(struct json_object *o, const char *name);

/* json_object_put() at the end of the scope. */
void json_put_cleanup(struct json_object **o);
#define CLEANUP_JSON __attribute__((cleanup(json_put_cleanup)))

#endif
