/*
 * pace: how fast a row of model_list answers, learned from the calls that have ended. Pure: time is an argument.
 */
#ifndef SLUICE_POLICY_PACE_H
#define SLUICE_POLICY_PACE_H

#include <stdint.h>

/* All zero: nothing is known. */
struct pace {
    double us, units; /* moving averages over calls */
    int64_t asked_us; /* when the last call began */
};

/* A call took so long for so many units of work: tokens of output, or 1 where those say nothing. */
void pace_add(struct pace *p, int64_t took_us, int64_t units);

/*
 * Time for a unit; less is better. It halves for each half minute in which the row is not asked, so that a slow
 * row is tried again, the slower the later. A row of which nothing is known comes first, but one call at a time.
 */
double pace_score(const struct pace *p, int64_t running, int64_t now_us);

#endif
