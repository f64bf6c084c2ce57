/*
 * store_walk: goes through all values of a family in the order of their keys, a slice at a time,
 * and deletes those that a callback condemns. For tools, pruning and maintenance, not for lookups.
 */
#ifndef SLUICE_IO_STORE_WALK_H
#define SLUICE_IO_STORE_WALK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct store;

enum store_family { STORE_COMPLETIONS, STORE_OUTCOMES, STORE_CLAIMS, STORE_FAMILIES };

enum walk_action { WALK_GO, WALK_DELETE, WALK_STOP };

struct store_entry {
    const uint8_t *key;
    size_t key_len;
    const char *value; /* as stored; see io/store_codec.h */
    size_t value_len;
};

/* Must not call the store: handles are locked while it runs. */
typedef enum walk_action store_walk_fn(void *arg, const struct store_entry *entry);

/*
 * Calls fn for each entry whose key starts with prefix (len 0: all). Entries written meanwhile may
 * or may not be seen. Blocks; deletes go through the writer thread. *ret_deleted may be NULL.
 * Returns 0, or -1: reading failed, or the store is closing. Any thread except the writer.
 */
int store_walk(struct store *s, enum store_family f, const uint8_t *prefix, size_t len,
               store_walk_fn *fn, void *arg, uint64_t *ret_deleted, struct err *e);

#endif
