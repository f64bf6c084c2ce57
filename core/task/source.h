/*
 * source: the seam between the pool and the side that feeds it.
 *
 * Sources (io/kafka, io/jsonl) lie below the pool and must not include it, so they are given a struct
 * intake: the pool's entry points as functions, wired in cmd. The pool in turn is given a struct source,
 * through which it says that there is room again.
 */
#ifndef SLUICE_TASK_SOURCE_H
#define SLUICE_TASK_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct task;

/* One of the parts that the work is cut into; all workers number them in the same way, from 0. */
struct holding_part {
    int64_t index;
    bool moved; /* its last owner may be alive, with calls that still run */
};

/* Which parts this worker has now, and of how many. */
struct holding {
    const struct holding_part *parts;
    size_t count;
    int64_t total;    /* 0: not known yet, so that nothing counts as ours */
    int64_t lease_us; /* how long this may be relied on when nothing more is heard */
};

/* What a source may ask of the pool; see the functions of the same names in pool/pool.h. Any thread. */
struct intake {
    void *pool;
    int64_t (*room)(const void *pool);
    void (*submit)(void *pool, struct list_node *tasks); /* takes over all tasks, state TASK_NEW */
    void (*release)(void *pool, int64_t n);
    void (*cancel)(void *pool, struct task *t); /* or NULL: the source never cancels */
    /* What this worker holds; said at each change, before anybody else can hold what was given up, and
     * often enough to keep the lease. Or NULL. */
    void (*hold)(void *pool, const struct holding *h);
};

/* What the pool tells a source. The callback runs on any thread and must not block. */
struct source {
    void (*room)(struct source *s); /* there is room again, or the store works again; may be NULL */
};

#endif
