/*
 * waits: what a rebalance did to tasks of partitions that it did not move. Two measures, both blind to the
 * order in which a worker takes its queue:
 *
 *   publish     how long a finished task waited until the broker had its reply
 *   standstill  how long none of the partitions that a worker kept got a reply, over a rebalance
 */
#ifndef SLUICE_TESTS_CHAOS_WAITS_H
#define SLUICE_TESTS_CHAOS_WAITS_H

#include <stddef.h>
#include <stdint.h>

#include "tests/chaos/group_log.h"
#include "tests/chaos/history.h"

/* One answered task. */
struct wait {
    int32_t partition;   /* of the input */
    int64_t finished_ms; /* by the worker's clock */
    int64_t replied_ms;  /* by the broker's */
};

struct waits {
    struct wait *at;
    size_t count, cap;
};

struct waits_result {
    int64_t publish_ms; /* longest of all */
    int64_t
        partition_ms; /* longest time between two replies to one partition, for whatever reason */
    uint64_t over_rebalance;      /* finished tasks that a rebalance found unpublished, not moved */
    int64_t rebalance_publish_ms; /* longest of these */
    int64_t rebalance_standstill_ms; /* longest */
};

void waits_add(struct waits *w, const struct wait *one);
void waits_done(struct waits *w);

/* limit_ms 0: only measures. A longer wait over a rebalance is a finding WAITED in h. Sorts w. */
void waits_judge(struct waits *w, const struct group_moves *m, int64_t limit_ms, struct history *h,
                 struct waits_result *ret);

#endif
