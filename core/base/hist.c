/* hist: log-linear buckets; see hist.h. */
#include "base/hist.h"

#include <stddef.h>

static size_t bucket_of(int64_t us)
{
    uint64_t v = us < 0 ? 0 : (uint64_t)us;
    unsigned shift = 0;
    size_t b = 0;

    while ((v >> shift) >= (uint64_t)2 * HIST_SUB)
        shift++;
    b = shift * HIST_SUB + (size_t)(v >> shift);
    return b < HIST_BUCKETS ? b : HIST_BUCKETS - 1;
}

static int64_t upper_edge(size_t b)
{
    size_t shift = b < (size_t)2 * HIST_SUB ? 0 : b / HIST_SUB - 1;

    return (int64_t)((b - shift * HIST_SUB + 1) << shift) - 1;
}

void hist_record(struct hist *h, int64_t us)
{
    h->count++;
    h->sum_us += us < 0 ? 0 : (uint64_t)us;
    h->bucket[bucket_of(us)]++;
}

void hist_add(struct hist *to, const struct hist *from)
{
    size_t i = 0;

    to->count += from->count;
    to->sum_us += from->sum_us;
    for (i = 0; i < HIST_BUCKETS; i++)
        to->bucket[i] += from->bucket[i];
}

int64_t hist_quantile(const struct hist *h, double q)
{
    uint64_t want = (uint64_t)(q * (double)h->count);
    uint64_t seen = 0;
    size_t i = 0;

    if (h->count == 0)
        return 0;
    for (i = 0; i < HIST_BUCKETS; i++) {
        seen += h->bucket[i];
        if (seen > want || seen == h->count)
            return upper_edge(i);
    }
    return upper_edge(HIST_BUCKETS - 1);
}

uint64_t hist_count_to(const struct hist *h, int64_t us)
{
    uint64_t sum = 0;
    size_t i = 0;

    for (i = 0; i < HIST_BUCKETS && upper_edge(i) <= us; i++)
        sum += h->bucket[i];
    return sum;
}
