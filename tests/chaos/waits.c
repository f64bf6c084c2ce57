/* waits: one entry for each reply, looked at when all generations are known; see waits.h. */
#include "tests/chaos/waits.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"

struct judge {
    const struct waits *w;
    const struct group_moves *m;
    int64_t limit_ms;
    struct history *h;
    struct waits_result *r;
};

void waits_add(struct waits *w, const struct wait *one)
{
    if (w->count == w->cap) {
        w->cap = w->cap ? w->cap * 2 : 1024;
        w->at = mem_grow(w->at, w->cap, sizeof *w->at);
    }
    w->at[w->count++] = *one;
}

void waits_done(struct waits *w)
{
    free(w->at);
    *w = (struct waits){0};
}

/* By partition, then by time of the reply. */
static int compare(const void *a, const void *b)
{
    const struct wait *x = a, *y = b;

    if (x->partition != y->partition)
        return x->partition < y->partition ? -1 : 1;
    return x->replied_ms < y->replied_ms ? -1 : x->replied_ms > y->replied_ms;
}

static void judge_publish(struct judge *j, const struct wait *one)
{
    int64_t wait_ms = one->replied_ms - one->finished_ms;

    if (wait_ms > j->r->publish_ms)
        j->r->publish_ms = wait_ms;
    if (!group_moves_generation(j->m, one->finished_ms, one->replied_ms) ||
        group_moves_changed(j->m, one->partition, one->finished_ms, one->replied_ms))
        return;
    j->r->over_rebalance++;
    if (wait_ms > j->r->rebalance_publish_ms)
        j->r->rebalance_publish_ms = wait_ms;
    if (j->limit_ms && wait_ms > j->limit_ms)
        history_found(j->h, WAITED,
                      "a finished task of partition %d, which did not move, waited %" PRId64
                      " ms from %" PRId64,
                      (int)one->partition, wait_ms, one->finished_ms);
}

/* First reply to the partition later than at_ms; the one before it, if any, is of this partition, too. */
static size_t first_after(const struct waits *w, int32_t partition, int64_t at_ms)
{
    size_t low = 0, high = w->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const struct wait *one = &w->at[mid];

        if (one->partition < partition || (one->partition == partition && one->replied_ms <= at_ms))
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool kept(const struct group_moves *m, int32_t partition, int64_t at_ms, uint64_t owner)
{
    return group_moves_owner(m, partition, at_ms - 1) == owner &&
           group_moves_owner(m, partition, at_ms) == owner;
}

/* Last reply before and first one after at_ms, over all partitions that the owner kept then. */
static void judge_standstill(struct judge *j, int64_t at_ms, uint64_t owner)
{
    const struct waits *w = j->w;
    int64_t before_ms = 0, after_ms = 0;

    for (int32_t p = 0; p < j->h->nparts; p++) {
        size_t i = first_after(w, p, at_ms);

        if (!kept(j->m, p, at_ms, owner))
            continue;
        if (i > 0 && w->at[i - 1].partition == p && w->at[i - 1].replied_ms > before_ms)
            before_ms = w->at[i - 1].replied_ms;
        if (i < w->count && w->at[i].partition == p &&
            (!after_ms || w->at[i].replied_ms < after_ms))
            after_ms = w->at[i].replied_ms;
    }
    /* Before the first reply and after the last one there is nothing to wait for. */
    if (!before_ms || !after_ms)
        return;
    if (after_ms - before_ms > j->r->rebalance_standstill_ms)
        j->r->rebalance_standstill_ms = after_ms - before_ms;
    if (j->limit_ms && after_ms - before_ms > j->limit_ms)
        history_found(j->h, WAITED,
                      "no reply for %" PRId64 " ms from %" PRId64
                      " in the partitions that a worker kept at %" PRId64,
                      after_ms - before_ms, before_ms, at_ms);
}

static void judge_generation(struct judge *j, int64_t at_ms)
{
    for (int32_t p = 0; p < j->h->nparts; p++) {
        uint64_t owner = group_moves_owner(j->m, p, at_ms);
        int32_t first = 0;

        while (first < p && group_moves_owner(j->m, first, at_ms) != owner)
            first++;
        if (owner && first == p)
            judge_standstill(j, at_ms, owner);
    }
}

void waits_judge(struct waits *w, const struct group_moves *m, int64_t limit_ms, struct history *h,
                 struct waits_result *ret)
{
    struct judge j = {w, m, limit_ms, h, ret};

    *ret = (struct waits_result){0};
    if (w->count)
        qsort(w->at, w->count, sizeof *w->at, compare);
    for (size_t i = 0; i < w->count; i++) {
        const struct wait *one = &w->at[i];
        bool next = i && one[-1].partition == one->partition;

        if (next && one->replied_ms - one[-1].replied_ms > ret->partition_ms)
            ret->partition_ms = one->replied_ms - one[-1].replied_ms;
        judge_publish(&j, one);
    }
    for (size_t i = 0; i < m->generations; i++)
        judge_generation(&j, m->at_ms[i]);
}
