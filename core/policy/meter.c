/*
 * meter: paces the use of one thing so that no span, wherever it starts, holds more than allowed.
 *
 * GCRA spreads the use evenly, so that no burst meets a provider that judges by less than the span. A sliding window
 * of slots is the hard bound: what is given back (unused estimates, calls never sent) makes the pace faster, but never
 * fuller than the window. The window is longer than the span, because calls arrive later than they are reserved, and
 * not all by the same time: a call stays in it for half a second longer than a minute, a tenth longer than a second
 * and twelve minutes longer than a day, and for up to one slot more. So 98.3 % of a minute's limit is used for good,
 * and 90 % of a second's: the way to the provider does not get shorter with the span, and a pace alone does not help,
 * as with ways of up to a tenth of a second and a slack of a twentieth one call in nine is over a limit of 10 a
 * second, and every call that one stall held up over any limit.
 *
 * Tokens may go a twelfth of the span ahead of their pace: a pace without that falls behind for good with each call
 * that is larger than those around it, and with each estimate that was too high. What a call gives back is taken out
 * of the slot that it was reserved in, so that the window holds what was used, and never less.
 *
 * With a share, each slot keeps what was granted in it, too, and the window may hold what was granted in the window.
 * What has changed owner is granted to the new one from then on, with nothing for the past; what was called and not
 * paid by the pace yet is owed by the worker that called, from whatever it keeps. A window that ends at one worker's
 * last call is not the window that ends at another's, so that grants alone would let a change of owners put one call
 * too many into a span: a worker whose share changes pays for that part of its largest call. Who leaves altogether pays
 * nothing. So who takes over pays for him: tokens go a 24th of the span ahead of the pace at most, the old owner may
 * have done so and the new one will, and what is taken over does not count for twice that time. Who makes large calls,
 * which fall behind most, goes twice as far ahead, but not at all with what is new. Requests do not go ahead, nor do
 * the tokens of a day, where that time would be hours. What the window is longer than a minute covers calls of up to a
 * fortieth of the limit.
 *
 * A limit of a few requests for each part would lose too much by that. There the pace is the wall clock's: each
 * instant is good for one call, of its owner, within a third of what the window is longer. The rest of that is for
 * clocks that differ and for the way to the provider. Where calls have to wait for tokens, too, an instant may be used
 * later, by a worker whose window holds less than it does in any case; then it does not count for its next owner.
 * Instants of two limits would seldom come together: the slower one's are for both, and good for as short as the
 * shorter of the two are.
 */
#include "policy/meter.h"

#include <stddef.h>

#define SLOTS_ALONE 243 /* without a share */
#define BY_INSTANT  16  /* requests of a part: fewer go by instants */
#define WHOLE_LEAST 120 /* requests: a worker that has all parts needs no instants */
#define AHEAD       12  /* part of a window that tokens may go ahead of their pace */
#define LARGE       40  /* part of a limit: a call of more is large */
#define ROUNDING    1e-6

static const struct {
    int64_t span_us, tick_us;
    int ahead; /* with a share: part of a window that tokens may go ahead of their pace */
    int taken; /* part of a window that what was taken over does not count for; 0: it counts at once */
} units[] = {
    [METER_SECOND] = {1000000, 4540, 24, 12},
    [METER_MINUTE] = {60000000, 250000, 24, 12},
    [METER_DAY] = {INT64_C(86400000000), 360000000, 240, 0},
};

void meter_init(struct meter *m, enum meter_unit unit, int64_t max, bool counts)
{
    *m = (struct meter){.max = max > 0 ? max : 0,
                        .unit = unit,
                        .counts = counts,
                        .paced = unit != METER_DAY,
                        .slots = SLOTS_ALONE,
                        .tick = METER_SLOTS};
}

static int64_t tick_us(const struct meter *m)
{
    return units[m->unit].tick_us;
}

static int64_t window_us(const struct meter *m)
{
    return m->slots * tick_us(m);
}

/* How long an instant is good for any call. */
static int64_t late_us(const struct meter *m)
{
    return (window_us(m) - units[m->unit].span_us) / 3;
}

/* How long it is good for a call that had to wait for something else: no longer than it takes to the second of those
 * that follow it, of all workers, as providers judge by shorter times, too. What was taken over does not count for so
 * long, as its last owner may use instants until then. */
static int64_t patience_us(const struct meter *m)
{
    int64_t taken = units[m->unit].taken;
    int64_t us = m->patient && taken > 0 ? window_us(m) / taken : 0;

    return us < 2 * window_us(m) / m->max ? us : 2 * window_us(m) / m->max;
}

static struct meter_slot *slot_at(struct meter *m, int64_t tick)
{
    return &m->slot[tick % m->slots];
}

/* So that no slot has a negative number. */
static int64_t tick_of(const struct meter *m, int64_t at_us)
{
    return at_us / tick_us(m) + METER_SLOTS;
}

static int64_t tick_start(const struct meter *m, int64_t tick)
{
    return (tick - METER_SLOTS) * tick_us(m);
}

/* Empties the slot that `tick` is going to use: what it holds has left the window. */
static void retire(struct meter *m, int64_t tick)
{
    struct meter_slot *s = slot_at(m, tick);

    m->window -= s->amount;
    m->granted -= s->granted;
    *s = (struct meter_slot){0};
}

/* What is granted in that time. */
static double grant_of(const struct meter *m, int64_t us)
{
    return (double)us / (double)window_us(m) * (double)m->quota;
}

static void book(struct meter *m, double granted)
{
    slot_at(m, m->tick)->granted += granted;
    m->granted += granted;
}

/* Books what the share has granted until then into the newest slot. */
static void grant(struct meter *m, int64_t until_us)
{
    if (!m->share)
        return;
    if (until_us > share_ends_us(m->share))
        until_us = share_ends_us(m->share);
    if (until_us <= m->granted_us)
        return;
    book(m, grant_of(m, until_us - m->granted_us));
    m->granted_us = until_us;
}

static void advance(struct meter *m, int64_t now_us)
{
    int64_t tick = tick_of(m, now_us);
    int64_t from = 0;

    if (tick < m->tick)
        return; /* another thread's clock reading was a little later */
    from = m->tick + 1;
    if (tick - from >= m->slots)
        from = tick - m->slots + 1;
    for (; from <= tick; from++) {
        grant(m, tick_start(m, from));
        retire(m, from);
        m->tick = from;
    }
    grant(m, now_us);
}

static int64_t most(const struct meter *m)
{
    return m->share ? m->quota : m->max;
}

/* Calls that may go at once after a pause: a 240th of the span's, at least one. */
static double burst(const struct meter *m)
{
    return m->counts ? (double)(1 + most(m) / 240) : 1;
}

/* Time between two of what is metered, so that burst and pace together stay within the limit in any window. 0: there
 * is no pace, or what is used is owed. */
static double gap_us(const struct meter *m)
{
    int64_t max = most(m);

    return m->paced && max > 0 ? (double)window_us(m) / ((double)max - burst(m) + 1) : 0;
}

/* Is there what its last owner may have called with? */
static bool is_new(const struct meter *m, int64_t now_us)
{
    return now_us < m->gained_us + window_us(m);
}

/* How far the use may go ahead of the pace. After a large call it is twice as far, but not with what is new. */
static double ahead_us(const struct meter *m, int64_t now_us)
{
    double us = (double)window_us(m) / (m->share ? units[m->unit].ahead : AHEAD);

    if (m->counts)
        return (burst(m) - 1) * gap_us(m);
    if (m->share && m->quota > 0 && now_us < m->large_us + window_us(m))
        us *= 2 * (is_new(m, now_us) ? (double)m->kept / (double)m->quota : 1);
    return us;
}

/* What the slot of a tick adds to the bound of the window. The newest one counts as whole, unless the share
 * ends before. */
static double granted_in(struct meter *m, int64_t tick)
{
    double sum = slot_at(m, tick)->granted;
    int64_t rest_us = tick_start(m, tick + 1) - m->granted_us;

    if (tick == m->tick && rest_us > 0)
        sum += grant_of(m, rest_us);
    return sum;
}

/* What the window may hold. */
static double window_max(struct meter *m)
{
    if (!m->share)
        return (double)m->max;
    return m->granted - slot_at(m, m->tick)->granted + granted_in(m, m->tick) + ROUNDING;
}

/* What it may hold when `tick` has left it, and as much was granted anew. */
static double next_max(struct meter *m, int64_t tick, double max)
{
    return m->share && !m->by_instant ? max - granted_in(m, tick) + grant_of(m, tick_us(m)) : max;
}

/* When so much more will fit into the window, which may hold `max` now. */
static int64_t window_free_at(struct meter *m, int64_t amount, double max)
{
    int64_t sum = m->window;
    int64_t tick = m->tick - m->slots + 1;

    for (; tick <= m->tick && (double)(sum + amount) > max; tick++) {
        sum -= slot_at(m, tick)->amount;
        max = next_max(m, tick, max);
    }
    return tick_start(m, tick - 1 + m->slots); /* when the place of the slot before is used again */
}

static void later(int64_t *at_us, int64_t than_us)
{
    if (than_us > *at_us)
        *at_us = than_us;
}

static int64_t least(const struct meter *m, int64_t now_us)
{
    return is_new(m, now_us) ? m->kept_least : m->least;
}

/* Does the window hold less than it does in any case? Then a call harms nobody by using an instant late. */
static bool has_spare(const struct meter *m, int64_t now_us)
{
    return m->window < least(m, now_us);
}

/* The instant of the wall clock that a call made now would use, or wait for. INT64_MAX: none. */
static int64_t instant_of(const struct meter *m, int64_t now_us)
{
    int64_t wall_us = now_us + m->share->wall_offset_us;
    int64_t after_us = wall_us - m->prompt_us;

    if (has_spare(m, now_us) && patience_us(m) > m->prompt_us)
        after_us = wall_us - patience_us(m);
    if (m->instant_us > after_us && m->instant_us <= wall_us) /* else the clock was put back */
        after_us = m->instant_us;
    return share_next_instant(m->share, m->max, window_us(m), patience_us(m), after_us);
}

static int64_t instant_at(struct meter *m, int64_t now_us)
{
    int64_t at_us = instant_of(m, now_us);
    int64_t wall_us = now_us + m->share->wall_offset_us;

    if (at_us == INT64_MAX)
        return INT64_MAX;
    at_us = at_us > wall_us ? now_us + (at_us - wall_us) : now_us;
    if (!has_spare(m, now_us) && m->late_us > now_us - window_us(m))
        later(&at_us, window_free_at(m, 1, (double)least(m, now_us)));
    return at_us;
}

static void use_instant(struct meter *m, int64_t now_us)
{
    m->instant_us = instant_of(m, now_us);
    if (m->instant_us <= now_us + m->share->wall_offset_us - m->prompt_us)
        m->late_us = now_us;
}

int64_t meter_at(struct meter *m, int64_t amount, int64_t now_us)
{
    int64_t at_us = now_us;

    advance(m, now_us);
    if (!m->max || m->follows)
        return now_us;
    if (m->by_instant)
        return instant_at(m, now_us);
    if (m->paced && m->tat_us - ahead_us(m, now_us) > (double)now_us)
        at_us = (int64_t)(m->tat_us - ahead_us(m, now_us)) + 1;
    if ((double)(m->window + amount) > window_max(m))
        later(&at_us, window_free_at(m, amount, window_max(m)));
    return at_us;
}

static double from_now(double tat_us, int64_t now_us)
{
    return tat_us > (double)now_us ? tat_us : (double)now_us;
}

/* Workers that get work at the same time after a rest would call in step, too many for who judges by ten seconds. */
static double step_us(const struct meter *m, int64_t now_us)
{
    if (!m->share || !m->counts || m->beside || m->tat_us + gap_us(m) > (double)now_us)
        return 0;
    return share_phase(m->share) * gap_us(m);
}

void meter_reserve(struct meter *m, int64_t amount, int64_t now_us)
{
    struct meter_slot *s = slot_at(m, m->tick);

    if (m->by_instant)
        use_instant(m, now_us);
    if (amount > m->max / LARGE)
        m->large_us = now_us;
    s->amount += amount;
    s->largest = amount > s->largest ? amount : s->largest;
    m->window += amount;
    m->tat_us = from_now(m->tat_us, now_us) + step_us(m, now_us) + (double)amount * gap_us(m);
}

/* Slot of what was reserved then; NULL: it has left the window. What another thread's late reading of the clock put
 * into a newer slot is looked for in an older one, which leaves no later. */
static struct meter_slot *slot_then(struct meter *m, int64_t reserved_us)
{
    int64_t tick = tick_of(m, reserved_us);

    return tick > m->tick - m->slots && tick <= m->tick ? slot_at(m, tick) : NULL;
}

static void charge(struct meter *m, struct meter_slot *s, int64_t amount)
{
    if (s->amount + amount < 0)
        amount = -s->amount;
    s->amount += amount;
    m->window += amount;
}

/* Moves the pace by what is used, or was not. */
static void owe(struct meter *m, int64_t amount)
{
    double gap = gap_us(m);

    if (gap > 0)
        m->tat_us += (double)amount * gap;
    else if (m->owed + (double)amount > 0)
        m->owed += (double)amount;
    else
        m->owed = 0;
}

void meter_settle(struct meter *m, int64_t reserved, int64_t used, int64_t reserved_us,
                  int64_t now_us)
{
    struct meter_slot *s = NULL;

    if (used == reserved)
        return;
    advance(m, now_us);
    s = used > reserved ? slot_at(m, m->tick) : slot_then(m, reserved_us);
    owe(m, used - reserved);
    if (s)
        charge(m, s, used - reserved);
}

int64_t meter_used(struct meter *m, int64_t now_us)
{
    advance(m, now_us);
    return m->window;
}

void meter_share(struct meter *m, const struct share *s, bool patient)
{
    m->share = s;
    m->slots = METER_SLOTS;
    m->paced = true;
    m->beside = patient;
    m->patient = patient;
    m->instant_us = INT64_MIN;
    m->late_us = INT64_MIN / 2;
    m->gained_us = INT64_MIN / 2;
    m->large_us = INT64_MIN / 2;
}

void meter_before_share(struct meter *m, int64_t now_us)
{
    advance(m, now_us);
}

static int64_t largest(const struct meter *m)
{
    int64_t amount = 0;
    int i = 0;

    for (i = 0; i < m->slots; i++)
        amount = m->slot[i].largest > amount ? m->slot[i].largest : amount;
    return amount;
}

/* The part of the largest call that a change of the quota costs. */
static double fee(int64_t was, int64_t is, double amount)
{
    int64_t more = was > is ? was : is;
    int64_t change = was > is ? was - is : is - was;

    return more > 0 ? amount * (double)change / (double)more : 0;
}

/* What of the tokens that a gain of the quota grants is not granted. */
static double toll(const struct meter *m, int64_t quota)
{
    int taken = units[m->unit].taken;

    return !m->counts && taken > 0 && quota > m->quota ? (double)(quota - m->quota) / taken : 0;
}

/* Those that begin together, as after a rebalance, would call in step: each has its own turn. */
static double turn(const struct meter *m, int64_t quota)
{
    return m->counts && m->quota == 0 && quota > 0 ? 1 + share_phase(m->share) : 0;
}

bool meter_is_by_instant(int64_t max, int64_t parts)
{
    return max > 0 && max < BY_INSTANT * parts;
}

bool meter_is_small(const struct meter *m)
{
    return m->counts && meter_is_by_instant(m->max, m->share->total);
}

double meter_instant_us(const struct meter *m)
{
    return (double)window_us(m) / (double)m->max;
}

void meter_follow(struct meter *m, struct meter *slower)
{
    int64_t prompt_us = late_us(m);

    m->follows = true;
    m->by_instant = false;
    slower->by_instant = true;
    slower->patient = false;
    if (prompt_us < slower->prompt_us)
        slower->prompt_us = prompt_us;
}

/* What this worker had, and has, goes on as it was; what it gets is new, and what was new in the window still is. */
static void keep(struct meter *m, int64_t quota, int64_t now_us)
{
    int64_t least_now = share_least(m->share, m->max);
    int64_t kept = is_new(m, now_us) ? m->kept : m->quota;
    int64_t kept_least = m->parts == 0 ? least_now : least(m, now_us); /* see patience_us() */

    if (quota > m->quota)
        m->gained_us = now_us;
    m->kept = kept < quota ? kept : quota;
    m->kept_least = kept_least < least_now ? kept_least : least_now;
    m->least = least_now;
    m->quota = quota;
    m->parts = m->share->active;
}

void meter_after_share(struct meter *m, int64_t now_us)
{
    double gap = gap_us(m);
    int64_t quota = share_of(m->share, m->max);
    double owes = m->owed;
    double ungranted = toll(m, quota);

    if (gap > 0 && m->tat_us > (double)now_us)
        owes += (m->tat_us - (double)now_us) / gap;
    owes += fee(m->quota, quota, (double)largest(m));
    m->granted_us = now_us;
    if (m->quota > 0)
        book(m, -ungranted); /* or what is kept might make use of it */
    if (m->window == 0)
        owes = 0;
    owes += ungranted + turn(m, quota);
    keep(m, quota, now_us);
    m->tat_us = (double)now_us + owes * gap_us(m);
    m->owed = quota > 0 ? 0 : owes;
    m->patient = m->beside;
    m->by_instant = meter_is_small(m) && !(share_is_whole(m->share) && m->max >= WHOLE_LEAST);
    m->follows = false;
    m->prompt_us = late_us(m);
}
