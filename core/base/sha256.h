/*
 * sha256: digests over libcrypto (FIPS 180-4). Not thread-safe per object; objects are cheap to keep.
 */
#ifndef SLUICE_BASE_SHA256_H
#define SLUICE_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_LEN 32

struct sha256;

struct sha256 *sha256_new(void);              /* ready for the first update */
struct sha256 *sha256_free(struct sha256 *s); /* NULL is fine; returns NULL */
void sha256_update(struct sha256 *s, const void *p, size_t n);
void sha256_field(struct sha256 *s, const void *p, size_t n); /* 8-byte big-endian length, then p */
void sha256_final(struct sha256 *s, uint8_t out[SHA256_LEN]); /* and ready for the next digest */

/* HMAC-SHA-256 (RFC 2104) of p under a key of at most INT_MAX bytes. */
void sha256_hmac(const void *key, size_t key_len, const void *p, size_t n, uint8_t out[SHA256_LEN]);

void sha256_of(const void *p, size_t n, uint8_t out[SHA256_LEN]); /* in one go */
void sha256_hex(const uint8_t digest[SHA256_LEN], char out[2 * SHA256_LEN + 1]);

#endif
