/*
 * meter: how much of one thing (requests, or tokens of some kind) a route may use in any second, minute or day.
 * Pure: time is an argument. What is metered, and what a route does without, is limit's to say.
 *
 * Two mechanisms work together: a pace (GCRA) that spreads what may be used, so that a limit is used up smoothly, and
 * a sliding window as the hard bound. With a share (share.h) this worker has a part only, which may change at any
 * time: then the window may hold what was granted in it. What that costs, and what it cannot promise, is at the top
 * of meter.c.
 *
 * A day has no pace, as who has a thousand requests a day wants them now; with a share it has one, as nobody knows
 * what the other workers have used of it.
 */
#ifndef SLUICE_POLICY_METER_H
#define SLUICE_POLICY_METER_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/share.h"

#define METER_SLOTS 246 /* a minute is 240 of them: see meter.c */

enum meter_unit { METER_SECOND, METER_MINUTE, METER_DAY };

struct meter_slot {
    int64_t amount;
    int64_t largest; /* of one reservation */
    double granted;  /* with a share */
};

struct meter {
    int64_t max; /* 0: unlimited, only counted */
    enum meter_unit unit;
    bool counts; /* calls, one each: a few may go at once */
    bool paced;
    double tat_us; /* theoretical arrival time of GCRA */
    int slots;     /* that the window has */
    int64_t tick;  /* that the newest slot stands for */
    int64_t window;
    struct meter_slot slot[METER_SLOTS];

    const struct share *share; /* NULL: all of it, since ever. The rest is used with a share only */
    int64_t quota;             /* of this worker, in a window */
    int64_t granted_us;        /* grants are booked until here */
    double granted;            /* in the window */
    int64_t parts;             /* of the share */
    int64_t gained_us;         /* when the quota grew */
    int64_t large_us;          /* the last large call */
    int64_t kept;              /* part of it that is a window older than that */
    double owed;               /* while there is no quota to pay from */
    bool by_instant;           /* goes at instants of the wall clock */
    bool follows;              /* the instants of a slower meter hold it, too */
    int64_t prompt_us;         /* how long an instant is good for any call */
    bool beside;               /* calls wait for other meters, too */
    bool patient; /* so an instant may be used late, as calls wait for something else */
    int64_t least, kept_least; /* instants of any window; of what was kept */
    int64_t instant_us;        /* the newest one that was used, wall clock */
    int64_t late_us;           /* when one was used late */
};

void meter_init(struct meter *m, enum meter_unit unit, int64_t max, bool counts);

/* When that much may go: now_us, or later; INT64_MAX: not before the share changes. */
int64_t meter_at(struct meter *m, int64_t amount, int64_t now_us);

/* What meter_at() lets go. */
void meter_reserve(struct meter *m, int64_t amount, int64_t now_us);

/* reserved_us: the now_us of the meter_reserve(). Of a call that was never made, 0 is used. */
void meter_settle(struct meter *m, int64_t reserved, int64_t used, int64_t reserved_us,
                  int64_t now_us);

/* What the window holds: used, or reserved by calls that run. */
int64_t meter_used(struct meter *m, int64_t now_us);

/* As limit_share(), limit_before_share() and limit_after_share(). patient: calls wait for other meters, too. */
void meter_share(struct meter *m, const struct share *s, bool patient);
void meter_before_share(struct meter *m, int64_t now_us);
void meter_after_share(struct meter *m, int64_t now_us);

/* Is it so small that calls go by the wall clock, when no worker has all `parts`? */
bool meter_is_by_instant(int64_t max, int64_t parts);

/* Is this one as small as that? */
bool meter_is_small(const struct meter *m);

/* Between two instants of all workers. */
double meter_instant_us(const struct meter *m);

/* After both meter_after_share(): from now on the instants of the slower one hold m, too. */
void meter_follow(struct meter *m, struct meter *slower);

#endif
