/*
 * hash: a fast 64-bit digest of bytes, for telling request bodies apart and for seeding draws. It is no
 * protection against someone who builds collisions; among a million different bodies the chance of one
 * collision is about 3 in 100 million.
 */
#ifndef SLUICE_CMD_SIM_HASH_H
#define SLUICE_CMD_SIM_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t sim_hash_fold(uint64_t a, uint64_t b)
{
    unsigned __int128 r =
        (unsigned __int128)(a ^ 0x9e3779b97f4a7c15ULL) * (b ^ 0xd1b54a32d192ed03ULL);

    return (uint64_t)r ^ (uint64_t)(r >> 64);
}

static inline uint64_t sim_hash(const void *p, size_t n)
{
    const unsigned char *at = p;
    uint64_t h = 0x2545f4914f6cdd1dULL ^ n, w[2] = {0, 0};

    for (; n >= sizeof w; at += sizeof w, n -= sizeof w) {
        memcpy(w, at, sizeof w);
        h = sim_hash_fold(h ^ w[0], w[1] + h);
    }
    w[0] = w[1] = 0;
    if (n)
        memcpy(w, at, n);
    h = sim_hash_fold(h ^ w[0], w[1] + h);
    return sim_hash_fold(h, n);
}

#endif
