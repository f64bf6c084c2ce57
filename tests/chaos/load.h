/*
 * load: fills a history from a real broker, its log files, and the simulator's counts.
 */
#ifndef SLUICE_TESTS_CHAOS_LOAD_H
#define SLUICE_TESTS_CHAOS_LOAD_H

#include "base/err.h"
#include "tests/chaos/group_log.h"
#include "tests/chaos/history.h"
#include "tests/chaos/segments.h"
#include "tests/chaos/waits.h"

struct load {
    const char *broker, *group, *requests, *replies;
    const char *log_dir; /* data directory of a broker, or NULL: transactions are not looked at */
    const char *stats;   /* file with GET /stats?digests=1, or NULL: calls are not looked at */
    bool exactly_once;
    int64_t settle_ms; /* how long a transaction of a worker that is gone may stay open */
    /* filled */
    struct history *history;
    struct segments *segments; /* of the reply topic; NULL without log_dir */
    uint64_t *visible;         /* replies by partition of the reply topic */
    int32_t reply_partitions;
    uint64_t all_replies;  /* what read_uncommitted sees: also aborted ones */
    uint64_t open_offsets; /* records behind the last stable offset at the end */
    struct group_moves moves;
    struct waits waits;
};

int load_all(struct load *l, struct err *e);
void load_done(struct load *l);

/* Records on the request topic, and how many of them are committed as done. */
int load_progress(const struct load *l, uint64_t *ret_total, uint64_t *ret_done, struct err *e);

#endif
