/* count: the bounded table of digests; see count.h. Not thread-safe: state.c holds the lock. */
#include "cmd/sim/count.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define CAP_FIRST 1024

void sim_counts_init(struct sim_counts *c, size_t max)
{
    *c = (struct sim_counts){.max = max};
}

void sim_counts_done(struct sim_counts *c)
{
    free(c->at);
    sim_counts_init(c, c->max);
}

void sim_counts_clear(struct sim_counts *c)
{
    sim_counts_done(c);
}

/* The slot of the digest, or the free one where it belongs. cap is a power of two, never full. */
static struct sim_count *slot(struct sim_count *at, size_t cap, uint64_t digest)
{
    size_t i = (size_t)(digest ^ (digest >> 32)) & (cap - 1);

    while (at[i].drawn && at[i].digest != digest)
        i = (i + 1) & (cap - 1);
    return &at[i];
}

static void grow(struct sim_counts *c)
{
    size_t cap = c->cap ? c->cap * 2 : CAP_FIRST;
    struct sim_count *at = mem_array(cap, sizeof *at);

    for (size_t i = 0; i < c->cap; i++)
        if (c->at[i].drawn)
            *slot(at, cap, c->at[i].digest) = c->at[i];
    free(c->at);
    c->at = at;
    c->cap = cap;
}

struct sim_count *sim_counts_draw(struct sim_counts *c, uint64_t digest)
{
    struct sim_count *n = NULL;

    if (c->used * 2 >= c->cap)
        grow(c);
    n = slot(c->at, c->cap, digest);
    if (!n->drawn) {
        if (c->used == c->max) {
            c->overflow = true;
            return NULL;
        }
        c->used++;
        n->digest = digest;
    }
    n->drawn++;
    return n;
}

struct sim_count *sim_counts_find(const struct sim_counts *c, uint64_t digest)
{
    struct sim_count *n = c->cap ? slot(c->at, c->cap, digest) : NULL;

    return n && n->drawn ? n : NULL;
}

void sim_counts_sum(const struct sim_counts *c, struct sim_counts_sum *ret)
{
    struct sim_counts_sum sum = {.distinct = c->used};

    for (size_t i = 0; i < c->cap; i++) {
        sum.repeated += c->at[i].paid > 1;
        if (c->at[i].calls > sum.most)
            sum.most = c->at[i].calls;
    }
    *ret = sum;
}
