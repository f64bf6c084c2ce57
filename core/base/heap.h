/*
 * heap: an intrusive binary heap ordered by an int64_t key (a point in time, mostly).
 *
 * An element embeds a struct heap_node, which knows its place, so any element can be removed. Elements
 * with equal keys come out in an undefined order. Not thread-safe: one owner.
 */
#ifndef SLUICE_BASE_HEAP_H
#define SLUICE_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
    int64_t key;
    size_t place; /* index + 1; 0: not in a heap */
};

struct heap {
    struct heap_node **at;
    size_t count;
    size_t cap;
};

void heap_done(struct heap *h); /* frees the array, not the elements */
void heap_push(struct heap *h, struct heap_node *n, int64_t key);
void heap_remove(struct heap *h, struct heap_node *n); /* no-op when it is not in a heap */
struct heap_node *heap_top(const struct heap *h);      /* smallest key; NULL: empty */

#endif
