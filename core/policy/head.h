/*
 * head: is it the oldest open record of a partition that holds up all the others, and may it be ended for
 * them? Pure: numbers in, an answer out.
 *
 * A partition stops when the distance from its head to its newest record, or the map of what is done between
 * them, is as large as it may be. When nearly all behind the head is done, the head is the reason. When much
 * is open, the providers are: in an outage nothing is ended, it costs time and no tasks (P5). How many
 * records are open is therefore no sign of being held up.
 */
#ifndef SLUICE_POLICY_HEAD_H
#define SLUICE_POLICY_HEAD_H

#include <stdbool.h>
#include <stdint.h>

struct head_window {
    int64_t span; /* ledger_window(): from the head to the newest record */
    int64_t span_max;
    int64_t map_bytes; /* of the commit metadata, at the last commit */
    int64_t map_max;   /* where reading stops; 0: the broker takes no map */
    int64_t open;      /* received and not done, the head among them */
    int64_t done;      /* ledger_done_above(): behind the head */
    int64_t head_age_us;
};

/* max_age_us: pool.head_max_age; 0: never. */
bool head_is_stuck(const struct head_window *w, int64_t max_age_us);

#endif
