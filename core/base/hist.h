/*
 * hist: a fixed-size histogram of durations with about 3 % resolution, 1 us to over an hour.
 * Not thread-safe: each thread keeps its own and a reader adds them up with hist_add().
 */
#ifndef SLUICE_BASE_HIST_H
#define SLUICE_BASE_HIST_H

#include <stdint.h>

#define HIST_SUB     32 /* linear steps within each power of two */
#define HIST_BUCKETS (HIST_SUB * 28)

struct hist {
    uint64_t count;
    uint64_t sum_us;
    uint32_t bucket[HIST_BUCKETS];
};

void hist_record(struct hist *h, int64_t us); /* negative counts as 0 */
void hist_add(struct hist *to, const struct hist *from);
int64_t hist_quantile(const struct hist *h, double q); /* upper edge in us; 0 when empty */

/* How many were no longer than us; those within 3 % of it may be missing. */
uint64_t hist_count_to(const struct hist *h, int64_t us);

#endif
