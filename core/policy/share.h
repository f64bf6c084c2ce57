/*
 * share: which part of every limit this worker may use, while several workers share the limits. Pure: both
 * clocks are arguments.
 *
 * The work is cut into parts (partitions), each of which has one owner at a time. Part p of P carries a fixed
 * piece of each limit, so that the pieces of all workers never add up to more than the limit, whoever owns
 * what. A part counts from the time its owner heard of it; what the last owner did not use of it is gone.
 *
 * Ownership is a lease: a worker that was frozen may have lost its parts without knowing. When the lease ran
 * out, nothing counts, and after the next word of the parts they count only a little later, when the group
 * has had time to say that they are gone.
 */
#ifndef SLUICE_POLICY_SHARE_H
#define SLUICE_POLICY_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "task/source.h"

struct share {
    int64_t total;     /* parts that there are, 0: not known */
    int64_t *since_us; /* [total] from when on a part counts; INT64_MAX: not ours */
    int64_t *moved_us; /* [total] when it came from a live owner; INT64_MIN: from none */
    int64_t active;    /* parts that count */
    int64_t heard_us;  /* last word of them */
    int64_t lease_us;
    int64_t wall_offset_us; /* wall clock less monotonic clock */
};

void share_done(struct share *s);

/* True: what counts has changed. */
bool share_set(struct share *s, const struct holding *h, int64_t now_us, int64_t wall_us);

/* Until when what counts may be relied on. */
int64_t share_ends_us(const struct share *s);
bool share_is_whole(const struct share *s); /* all parts count here */

/* How much of a limit the parts carry that count: whole numbers, which add up to it over all owners. */
int64_t share_of(const struct share *s, int64_t limit);

/* Where the first part that counts stands among all, from 0 to less than 1: no two workers have the same. */
double share_phase(const struct share *s);

/*
 * For limits too small to cut: the wall clock is divided into `limit` instants per span, and instant n belongs
 * to part n mod total. The first one after `after_wall_us` that is ours and came after its part did, and
 * `rest_us` later; INT64_MAX: none.
 */
int64_t share_next_instant(const struct share *s, int64_t limit, int64_t span_us, int64_t rest_us,
                           int64_t after_wall_us);

/* The fewest of `limit` instants in a row that are ours. */
int64_t share_least(const struct share *s, int64_t limit);

/*
 * How many of `slots` concurrent calls this worker may have now, and when that will change without news
 * (INT64_MAX: never). Slot i belongs to part i mod total. One that came from a live owner rests for `call_us`,
 * the longest time of a call, since calls of that owner may still be running. With fewer slots than parts they
 * go round: every three calls' time (at least a minute) to the next parts, where they rest as well.
 */
int64_t share_slots(const struct share *s, int64_t slots, int64_t call_us, int64_t now_us,
                    int64_t *ret_change_us);

#endif
