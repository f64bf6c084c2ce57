/*
 * head: the two ratios of the rule and the age. Percentages are compared without dividing, and without
 * overflow for any number that can occur.
 */
#include "policy/head.h"

#define FULL_PERCENT 90 /* of what the window may be */
#define DONE_PERCENT 98 /* of the records in it */

/* part >= percent % of whole, for whole > 0. */
static bool at_least(int64_t part, int64_t percent, int64_t whole)
{
    return part >= whole / 100 * percent + (whole % 100 * percent + 99) / 100;
}

static bool is_full(const struct head_window *w)
{
    return (w->span_max > 0 && at_least(w->span, FULL_PERCENT, w->span_max)) ||
           (w->map_max > 0 && at_least(w->map_bytes, FULL_PERCENT, w->map_max));
}

bool head_is_stuck(const struct head_window *w, int64_t max_age_us)
{
    if (max_age_us <= 0 || w->open <= 0 || w->head_age_us < max_age_us)
        return false;
    return is_full(w) && at_least(w->done, DONE_PERCENT, w->done + w->open);
}
