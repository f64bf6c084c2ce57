/*
 * pace: a moving average of time over a moving average of work, so that a long answer weighs more than a short one
 * and a fixed delay before the first token is not taken for slow tokens; see pace.h. It must not know why a row is
 * slow, nor what else is there to choose from.
 */
#include "policy/pace.h"

#include <math.h>

#define NEWEST       0.2 /* weight of the newest call */
#define HALF_LIFE_US 30e6

void pace_add(struct pace *p, int64_t took_us, int64_t units)
{
    double us = took_us > 0 ? (double)took_us : 1;
    double work = units > 0 ? (double)units : 1;

    if (p->units <= 0) {
        p->us = us;
        p->units = work;
        return;
    }
    p->us += NEWEST * (us - p->us);
    p->units += NEWEST * (work - p->units);
}

double pace_score(const struct pace *p, int64_t running, int64_t now_us)
{
    double age_us = now_us > p->asked_us ? (double)(now_us - p->asked_us) : 0;

    if (p->units <= 0)
        return running > 0 ? INFINITY : 0;
    return p->us / p->units * exp2(-age_us / HALF_LIFE_US);
}
