/* timeline: see timeline.h. Pure. */
#include "cmd/batch/timeline.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define FIRST_EVERY_US 200000

struct timeline *timeline_new(void)
{
    struct timeline *t = mem_alloc(sizeof *t);

    t->every_us = FIRST_EVERY_US;
    return t;
}

static size_t limit_of(struct timeline *t, const char *name)
{
    size_t i = 0;

    for (i = 0; i < t->nlimits; i++) {
        if (strcmp(t->limits[i].name, name) == 0)
            return i;
    }
    if (t->nlimits + 1 == TIMELINE_LIMITS)
        name = "other";
    else if (t->nlimits == TIMELINE_LIMITS)
        return TIMELINE_LIMITS - 1;
    snprintf(t->limits[t->nlimits].name, sizeof t->limits[0].name, "%s", name);
    return t->nlimits++;
}

static void thin_out(struct timeline *t)
{
    size_t kept = 0;

    for (size_t i = 1; i < t->count; i += 2)
        t->at[kept++] = t->at[i];
    t->count = kept;
    t->every_us *= 2;
}

void timeline_note(struct timeline *t, const struct progress_view *v, int64_t at_us, bool force)
{
    size_t limit = limit_of(t, v->limited_by);

    if (at_us > t->noted_us)
        t->limits[limit].us += at_us - t->noted_us;
    t->noted_us = at_us;
    if (!force && t->count > 0 && at_us - t->at[t->count - 1].at_us < t->every_us)
        return;
    if (t->count == TIMELINE_POINTS)
        thin_out(t);
    t->at[t->count++] = (struct timeline_point){.at_us = at_us,
                                                .done = v->done - v->resumed,
                                                .failed = v->failed,
                                                .cached = v->cached + v->coalesced,
                                                .calls = v->calls,
                                                .in_flight = v->in_flight,
                                                .waiting = v->retrying,
                                                .cost_usd = v->cost_usd,
                                                .limit = (uint8_t)limit};
}
