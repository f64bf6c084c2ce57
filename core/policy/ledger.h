/*
 * ledger: which records of one partition are open, done, or still to come. Pure; owned by one thread.
 *
 * A record is open from ledger_begin() until ledger_done(). The base is the lowest open offset, or the
 * next expected one when nothing is open: what may be committed. Records done above the base are kept as
 * the map, which travels in the commit metadata (policy/map.h), so that a new owner skips them. Only
 * received offsets are tracked: gaps (compaction, transaction markers) are never waited for.
 */
#ifndef SLUICE_POLICY_LEDGER_H
#define SLUICE_POLICY_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct ledger;

enum ledger_result {
    LEDGER_NEW = 0,
    LEDGER_SEEN = 1, /* below the base, done in the map, or open already: drop it */
    LEDGER_FULL = 2  /* max_open records are open: stop reading, ask again later */
};

/* base: the committed offset, or the first offset that will be read. max_open bounds the open records,
 * max_window the distance from base to the highest received offset. */
struct ledger *ledger_new(int64_t base, size_t max_open, int64_t max_window);
struct ledger *ledger_free(struct ledger *l);

/* Marks [from, to] as done from a loaded map. Only before the first ledger_begin(), in ascending order,
 * from base upwards; else -1 and nothing changes. */
int ledger_load_done(struct ledger *l, int64_t from, int64_t to);

int ledger_begin(struct ledger *l, int64_t offset);          /* enum ledger_result */
void ledger_done(struct ledger *l, int64_t offset);          /* unknown or done already: no-op */
bool ledger_is_open(const struct ledger *l, int64_t offset); /* begun and not done */
/* Below the base, done since its begin, or done in the loaded map. A gap that was passed counts, too. */
bool ledger_is_done(const struct ledger *l, int64_t offset);
/* Are there offsets below the highest done one that were not received yet, as a loaded map leaves them? */
bool ledger_has_holes(const struct ledger *l);
int64_t ledger_base(const struct ledger *l);
size_t ledger_open(const struct ledger *l);            /* number of open records */
int64_t ledger_window(const struct ledger *l);         /* highest received - base + 1, or 0 */
int64_t ledger_done_above(const struct ledger *l);     /* done ones in that window; 0: none open */
int64_t ledger_head_since(const struct ledger *l);     /* begin time of the lowest open record;
                                                           INT64_MAX: nothing is open */
void ledger_set_now(struct ledger *l, int64_t now_us); /* time stamp for the next begins */

/*
 * Walks the open offsets >= base in ascending order up to the highest done one, for the map: calls
 * fn(arg, offset) for each. Offsets that a loaded map left out and that were not received yet count as
 * open. fn may be NULL. *ret_end is one past the highest done offset, or base when none is above it.
 * `also_done` (may be NULL) says of an open offset whether to treat it as done (the batch that is about
 * to be committed); the base to commit then is *ret_base.
 */
void ledger_walk(const struct ledger *l, bool (*also_done)(void *arg, int64_t offset), void *arg,
                 int64_t *ret_base, int64_t *ret_end, void (*fn)(void *arg, int64_t offset));

#endif
