/*
 * map: the text form of "what is done above the committed offset" (kafka.md 2.9).
 *
 *   "sl1." base64url( flags, codec, varint window, payload, crc32c )
 *
 * The checksum (4 bytes, big-endian) is over group, topic, partition, base and all bytes before it.
 * Window: number of offsets from base to one past the highest done one. The payload lists the open
 * offsets in it, apart from the base, which always is open; everything else in the window is done. A gap
 * is the number of done offsets between two open ones. Codecs: 0 varint gaps; 1 Golomb-Rice gaps (varint
 * count, one byte k, bits from the highest down); 2 bitset of the offsets above the base, 1 is open, from
 * the lowest bit up. The smallest is written. An unknown magic, a wrong checksum or any other defect
 * decodes as MAP_NONE: replaying is safe, skipping is not.
 */
#ifndef SLUICE_POLICY_MAP_H
#define SLUICE_POLICY_MAP_H

#include <stdint.h>

#include "base/buf.h"
#include "policy/ledger.h"

enum map_result {
    MAP_GOOD = 0,
    MAP_NONE = 1,     /* decode: no map of ours, or a broken one */
    MAP_TOO_LARGE = 1 /* encode: does not fit max_chars; out is empty */
};

struct map_scope {
    const char *group;
    const char *topic;
    int32_t partition;
};

/* Encodes what is done in l above its base (with also_done as in ledger_walk()) as NUL-terminated text
 * of at most max_chars. *ret_base is the offset to commit. Nothing done above the base: empty text.
 * MAP_TOO_LARGE: *ret_base is untouched; take less into the batch. */
int map_encode(const struct map_scope *s, const struct ledger *l,
               bool (*also_done)(void *arg, int64_t offset), void *arg, size_t max_chars,
               struct buf *out, int64_t *ret_base);

/* Loads a map into a fresh ledger whose base is the committed offset. */
int map_decode(const struct map_scope *s, const char *text, size_t len, struct ledger *l);

#endif
