/*
 * json_keys: the keys of the objects that a scan is inside of, to find one that stands twice.
 * Private to json_scan. Objects of many keys are sorted, so that a hostile object costs n log n and
 * not n squared.
 */
#ifndef SLUICE_BASE_JSON_KEYS_H
#define SLUICE_BASE_JSON_KEYS_H

#include <stddef.h>
#include <stdint.h>

#define JSON_KEYS_LOCAL 32 /* held without allocation */

struct json_key {
    const char *at; /* after unescaping; not owned */
    uint32_t len;
    uint32_t offset; /* of its opening quote in the text */
};

struct json_keys {
    struct json_key *at; /* of all objects that are open, innermost last; bounded by the text */
    size_t count;
    size_t cap;
    struct json_key local[JSON_KEYS_LOCAL];
};

void json_keys_init(struct json_keys *k);
void json_keys_done(struct json_keys *k);
void json_keys_push(struct json_keys *k, const struct json_key *key);

/* Drops the keys pushed since `from`; gives the later one of two equal keys among them, or NULL. It
 * points into k and is good until the next push. */
const struct json_key *json_keys_pop(struct json_keys *k, size_t from);

#endif
