/*
 * batch: which finished records go into one transaction, and which of them a commit holds. Pure.
 *
 * A transaction makes replies visible together with the offset and the map that say so. So both are
 * computed from exactly the records whose replies are in it, each time anew: one record more and a record
 * is lost, one less and its reply comes twice. What became of a transaction of which no answer came is
 * read from what the broker has committed afterwards, never guessed.
 */
#ifndef SLUICE_POLICY_BATCH_H
#define SLUICE_POLICY_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "policy/ledger.h"
#include "policy/map.h"

/*
 * offsets: finished records of one partition that wait for their transaction; ascending, without repeats,
 * all open in l. Returns how many of them can go, counted from the lowest: all, unless the map would be
 * longer than max_chars; then as many as fit. *ret_base and map (NUL-terminated, at most max_chars, empty
 * when nothing is done above the base) are what the transaction has to commit for exactly these.
 *
 * 0 with *ret_base >= 0: nothing is gained by a transaction now; base and map are those of l as it is.
 * 0 with *ret_base == -1: not even that fits (the limit became smaller); map is empty and must not be
 * sent. Either way it goes on when the record at the base is among the offsets.
 */
size_t batch_fit(const struct map_scope *s, const struct ledger *l, const int64_t *offsets,
                 size_t n, size_t max_chars, struct buf *map, int64_t *ret_base);

/*
 * What the broker has committed for one partition, to be asked with batch_is_done(). committed < 0: there
 * is no commit. len 0: no map, map may be NULL. A map that is broken or not ours counts as none, since a
 * record that is answered again is not lost; *ret_broken (may be NULL) then is true, else false. The
 * ledger has no bounds; the caller frees it.
 */
struct ledger *batch_ledger(const struct map_scope *s, int64_t committed, const char *map,
                            size_t len, bool *ret_broken);

/* Is the record below the committed offset, or done in the map? l: from batch_ledger(), nothing begun. */
bool batch_is_done(const struct ledger *l, int64_t offset);

#endif
