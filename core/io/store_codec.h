/*
 * store_codec: the bytes of a value in the store, and back. Pure: no clock, no I/O, no RocksDB.
 *
 * Little-endian, length-prefixed, and canonical: a value that decodes encodes to the same bytes
 * again.
 *   completion: version, 'C', finish, 0, created, expires, cost, 5 token counts, 4 x (length16,
 *               text), length32, body
 *   outcome:    version, 'O', ok, 0, status32, wall time, fingerprint[16], length32, reply
 *   claim:      version, 'K', 0, 0, partition32, wall time, offset
 * When a layout changes, STORE_VALUE_VERSION goes up: values of another version are then not
 * found, never misread.
 */
#ifndef SLUICE_IO_STORE_CODEC_H
#define SLUICE_IO_STORE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "io/store.h"
#include "task/completion.h"

#define STORE_VALUE_VERSION   1
#define STORE_FINGERPRINT_LEN 16

/* An outcome's value; reply points into the bytes it was decoded from. */
struct outcome_value {
    bool ok;
    int32_t status;
    int64_t wall_ms;
    uint8_t fingerprint[STORE_FINGERPRINT_LEN];
    const char *reply;
    size_t reply_len;
};

/* Append to out. 0, or -1: out is full. */
int codec_put_completion(struct buf *out, const struct completion *c);
int codec_put_outcome(struct buf *out, const struct outcome_value *v);
int codec_put_claim(struct buf *out, const struct store_claim *c);

/* 0, or -1: these bytes are no such value of this version; ret is then untouched. */
int codec_get_completion(const void *p, size_t n, struct completion **ret);
int codec_get_outcome(const void *p, size_t n, struct outcome_value *ret);
int codec_get_claim(const void *p, size_t n, struct store_claim *ret);

/* Only the times, for retention: cheap. -1 as above (the rest of the value is not looked at). */
int codec_completion_times(const void *p, size_t n, int64_t *ret_created, int64_t *ret_expires);
int codec_outcome_time(const void *p, size_t n, int64_t *ret_wall_ms);

#endif
