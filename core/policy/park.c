/*
 * park: the rules of parking, see park.h. It says how many tasks and which ones; who carries it out is the pool
 * (admission_park.c) and the Kafka side (delay.c).
 */
#include "policy/park.h"

static bool is_crowded(int64_t used, int64_t max)
{
    return max > 0 && used > max / 2;
}

int64_t park_excess(const struct park_window *w)
{
    int64_t stay = w->open - w->leaving;
    /* The oldest record is what makes these two long: all that may go is to go. */
    bool stretched = is_crowded(w->span, w->span_max) || is_crowded(w->map, w->map_max);
    int64_t excess = stretched ? stay : stay - w->open_max / 2;

    return excess > 0 ? excess : 0;
}

uint64_t park_routes(uint64_t down, uint64_t all)
{
    return (down & all) == all ? 0 : down & all;
}

bool park_may(const struct task *t, int64_t now_us, int64_t park_for_ms)
{
    if (!t->excess || t->refused_routes || t->lost_usd > 0)
        return false;
    for (int i = 0; i < t->ntrail; i++)
        if (t->trail[i].maybe_paid || (t->trail[i].status >= 200 && t->trail[i].status < 300))
            return false;
    /* Its copy is read a moment after it is due, and may have to wait for its turn. */
    return t->deadline_us - now_us > 2 * park_for_ms * 1000;
}

int64_t park_due_ms(int64_t record_ms, int64_t received_ms, int64_t park_for_ms)
{
    int64_t from_ms = record_ms >= 0 && record_ms < received_ms ? record_ms : received_ms;

    return from_ms + park_for_ms;
}
