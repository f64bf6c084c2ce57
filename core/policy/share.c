/*
 * share: the parts of this worker and what they carry; see share.h. It knows no limits but those it is asked
 * about, and it counts no calls.
 */
#include "policy/share.h"

#include <stdlib.h>

#include "base/mem.h"

#define NOT_OURS INT64_MAX
#define HOLD_US  3000000  /* after a lapse: a heartbeat of the group comes in that time */
#define TURN_US  60000000 /* shortest turn of a slot */
#define TURNS    3        /* of the longest call, in a turn */
#define CLOCK_US 2000000  /* by how much two wall clocks may differ there */
#define SKEW_US                                                                                    \
    500000 /* and by how much for instants: the last owner may have used those until then */

void share_done(struct share *s)
{
    free(s->since_us);
    free(s->moved_us);
    *s = (struct share){0};
}

static void forget(struct share *s, int64_t total)
{
    int64_t i = 0;

    if (total != s->total) {
        free(s->since_us);
        free(s->moved_us);
        s->since_us = mem_array((size_t)total, sizeof *s->since_us);
        s->moved_us = mem_array((size_t)total, sizeof *s->moved_us);
        s->total = total;
    }
    for (i = 0; i < total; i++) {
        s->since_us[i] = NOT_OURS;
        s->moved_us[i] = INT64_MIN;
    }
}

static bool counts(const struct share *s, int64_t part)
{
    return s->since_us[part] <= s->heard_us;
}

/* Parts that count, and a number that tells sets of them apart. */
static uint64_t print_of(const struct share *s, int64_t *ret_active)
{
    uint64_t print = (uint64_t)s->total;
    int64_t n = 0;
    int64_t i = 0;

    for (i = 0; i < s->total; i++) {
        if (!counts(s, i))
            continue;
        n++;
        print = (print ^ (uint64_t)s->since_us[i] ^ (uint64_t)i << 40) * 0x9e3779b97f4a7c15ULL;
    }
    *ret_active = n;
    return print;
}

/* Takes over what is held: what was held before keeps its time, the rest begins at `from_us`. */
static void take(struct share *s, const struct holding *h, int64_t from_us)
{
    int64_t *was = mem_dup(s->since_us, (size_t)s->total * sizeof *was);
    int64_t *moved = mem_dup(s->moved_us, (size_t)s->total * sizeof *moved);
    size_t i = 0;

    forget(s, s->total);
    for (i = 0; i < h->count; i++) {
        int64_t p = h->parts[i].index;

        if (p < 0 || p >= s->total)
            continue;
        s->since_us[p] = was[p] == NOT_OURS ? from_us : was[p];
        s->moved_us[p] = was[p] != NOT_OURS ? moved[p] : h->parts[i].moved ? from_us : INT64_MIN;
    }
    free(was);
    free(moved);
}

bool share_set(struct share *s, const struct holding *h, int64_t now_us, int64_t wall_us)
{
    bool lapsed = now_us > share_ends_us(s); /* also while nothing counts yet */
    int64_t active = 0;
    uint64_t was = print_of(s, &active);
    int64_t i = 0;

    if (h->total != s->total)
        forget(s, h->total); /* the parts have other numbers now */
    for (i = 0; lapsed && i < s->total; i++)
        s->since_us[i] = s->since_us[i] == NOT_OURS ? NOT_OURS : now_us + HOLD_US;
    if (s->total > 0)
        take(s, h, now_us);
    s->heard_us = now_us;
    s->lease_us = h->lease_us;
    s->wall_offset_us = wall_us - now_us;
    return print_of(s, &s->active) != was || lapsed;
}

int64_t share_ends_us(const struct share *s)
{
    return s->heard_us + s->lease_us;
}

bool share_is_whole(const struct share *s)
{
    return s->total > 0 && s->active == s->total;
}

int64_t share_of(const struct share *s, int64_t limit)
{
    int64_t sum = 0;
    int64_t i = 0;

    for (i = 0; i < s->total; i++)
        sum += counts(s, i) ? limit / s->total + (i < limit % s->total) : 0;
    return sum;
}

double share_phase(const struct share *s)
{
    int64_t i = 0;

    while (i < s->total && !counts(s, i))
        i++;
    return i < s->total ? (double)i / (double)s->total : 0;
}

int64_t share_next_instant(const struct share *s, int64_t limit, int64_t span_us, int64_t rest_us,
                           int64_t after_wall_us)
{
    int64_t new_us = s->wall_offset_us + SKEW_US + rest_us; /* what a part's time is longer */
    int64_t n = (int64_t)((__int128)after_wall_us * limit / span_us) + 1;
    /* A part that is new has to let pass what comes too soon, and its owner looks back a little. */
    int64_t end = n + 2 * s->total + (2 * SKEW_US + rest_us) * limit / span_us;

    for (; n <= end && s->active > 0; n++) {
        int64_t part = n % s->total;
        int64_t at_us = (int64_t)(((__int128)n * span_us + limit - 1) / limit);

        if (at_us > after_wall_us && counts(s, part) && at_us > s->since_us[part] + new_us)
            return at_us;
    }
    return INT64_MAX;
}

int64_t share_least(const struct share *s, int64_t limit)
{
    int64_t rest = s->total > 0 ? limit % s->total : 0; /* parts that have one more */
    int64_t ours = 0;
    int64_t least = 0;
    int64_t i = 0;

    for (i = 0; i < rest; i++)
        ours += counts(s, i);
    least = ours;
    for (i = 0; i < s->total; i++) {
        ours += counts(s, (i + rest) % s->total) - counts(s, i);
        least = ours < least ? ours : least;
    }
    return s->total > 0 ? limit / s->total * s->active + least : 0;
}

/* Is this one of the `slots` parts that have a slot in a turn? */
static bool has_turn(const struct share *s, int64_t part, int64_t slots, int64_t turn)
{
    int64_t first = (int64_t)((__int128)turn * slots % s->total);

    return (part - first + s->total) % s->total < slots;
}

static void sooner(int64_t *at_us, int64_t than_us, int64_t now_us)
{
    if (than_us > now_us && than_us < *at_us)
        *at_us = than_us;
}

/* Slots of one part by the wall clock; there are fewer of them than parts. */
static int64_t slot_in_turn(const struct share *s, int64_t part, int64_t slots, int64_t call_us,
                            int64_t now_us, int64_t *change_us)
{
    int64_t long_us = call_us * TURNS > TURN_US ? call_us * TURNS : TURN_US;
    int64_t wall_us = now_us + s->wall_offset_us;
    int64_t turn = wall_us / long_us;
    int64_t begun_us = turn * long_us - s->wall_offset_us;
    bool rests = now_us < begun_us + call_us + CLOCK_US;

    sooner(change_us, begun_us + long_us, now_us);
    if (!has_turn(s, part, slots, turn))
        return 0;
    if (!has_turn(s, part, slots, turn - 1) && rests) {
        sooner(change_us, begun_us + call_us + CLOCK_US, now_us);
        return 0;
    }
    return 1;
}

/* Have all parts been ours for so long that no call of another worker can be running? */
static bool is_alone(const struct share *s, int64_t call_us, int64_t now_us)
{
    int64_t i = 0;

    for (i = 0; i < s->total; i++) {
        if (!counts(s, i) || (s->moved_us[i] != INT64_MIN && now_us < s->moved_us[i] + call_us))
            return false;
    }
    return s->total > 0;
}

int64_t share_slots(const struct share *s, int64_t slots, int64_t call_us, int64_t now_us,
                    int64_t *ret_change_us)
{
    int64_t sum = 0;
    int64_t i = 0;

    *ret_change_us = INT64_MAX;
    if (is_alone(s, call_us, now_us))
        return slots; /* nobody has to be made room for */
    for (i = 0; i < s->total; i++) {
        int64_t moved_us = s->moved_us[i];

        if (!counts(s, i))
            continue;
        if (moved_us != INT64_MIN && now_us < moved_us + call_us) {
            sooner(ret_change_us, moved_us + call_us, now_us);
            continue;
        }
        sum += slots < s->total ? slot_in_turn(s, i, slots, call_us, now_us, ret_change_us)
                                : slots / s->total + (i < slots % s->total);
    }
    return sum;
}
