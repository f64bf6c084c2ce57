/*
 * rng: small seeded random numbers for jitter, weights and simulations; never for secrets.
 * Splitmix64 (Steele, Lea, Flood 2014). The state is the caller's, so that a test can repeat a run.
 */
#ifndef SLUICE_BASE_RNG_H
#define SLUICE_BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t state;
};

static inline uint64_t rng_u64(struct rng *r)
{
    uint64_t z = (r->state += 0x9e3779b97f4a7c15ULL);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

static inline double rng_unit(struct rng *r) /* [0, 1) */
{
    return (double)(rng_u64(r) >> 11) * 0x1.0p-53;
}

static inline uint64_t rng_below(struct rng *r, uint64_t n) /* [0, n); n > 0 */
{
    return (uint64_t)(((unsigned __int128)rng_u64(r) * n) >> 64);
}

#endif
