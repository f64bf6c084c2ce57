/* turns: keeps the scale; see turns.h. It knows neither tasks nor tenants. */
#include "policy/turns.h"

void turns_join(struct turns *s, struct turn *t, double weight)
{
    if (s->waiting == 0)
        *s = (struct turns){.period = s->period + 1};
    if (t->period != s->period || t->at < s->now)
        t->at = s->now;
    t->period = s->period;
    t->weight = weight;
    s->weight += weight;
    s->waiting++;
}

void turns_leave(struct turns *s, const struct turn *t)
{
    s->waiting--;
    s->weight -= t->weight;
}

void turns_take(struct turns *s, struct turn *t, double cost)
{
    double step = cost / t->weight;

    if (step > s->widest)
        s->widest = step;
    /* It could not be served for a while for a reason of its own: that is not made up for. */
    if (t->at < s->now - s->widest)
        t->at = s->now - s->widest;
    t->at += step;
    s->now += cost / s->weight;
}

void turns_pass(struct turns *s, double lowest)
{
    if (lowest > s->now)
        s->now = lowest;
}
