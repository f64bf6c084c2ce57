/*
 * map_code: the three codecs of the map (policy/map.h): a window with open offsets in it, as bytes.
 * Pure; knows nothing of text, checksums or ledgers.
 */
#ifndef SLUICE_POLICY_MAP_CODE_H
#define SLUICE_POLICY_MAP_CODE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Open offsets of a window, relative to its base: ascending, in [1, window - 2]. */
struct map_open {
    uint64_t *at;
    size_t count;
    size_t cap;
};

enum { MAP_CODE_VARINT, MAP_CODE_RICE, MAP_CODE_BITSET, MAP_CODES };

void map_open_add(struct map_open *o, uint64_t offset);
void map_open_done(struct map_open *o);

void map_varint(struct buf *out, uint64_t value);
/* Reads a varint at *at, which moves on. -1: none there. */
int map_read_varint(const uint8_t **at, const uint8_t *end, uint64_t *ret);

/* Appends the payload; a buf that is full says so in out->over. */
void map_code(int codec, const struct map_open *o, uint64_t window, struct buf *out);

/* Reads a whole payload. 0, or -1: it is not one that map_code() writes. */
int map_uncode(int codec, const uint8_t *p, size_t n, uint64_t window, struct map_open *o);

#endif
