/*
 * health: what a worker tells those who watch it. Ready: it takes part in its group, its producer is in order,
 * its store takes writes, and nobody has told it to pause or to end; a file exists for as long as that is so. A
 * provider that is away has no part in this: its tasks wait for it. Keys that are refused by all have. Alive: its intake thread goes round; one
 * that does not is a reason to end the process, because a process that only looks alive is never restarted.
 * Main thread; health_reasons() any.
 */
#ifndef SLUICE_CMD_HEALTH_H
#define SLUICE_CMD_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct health_signs {
    bool member;   /* has been given its partitions, be they none */
    bool producer; /* may publish */
    bool store;    /* takes writes */
    bool starting, paused, draining;
    bool broke;   /* the budget is used up: nothing is bought until it is raised or the day ends */
    bool refused; /* every model is off: bad keys or no credit, which only a person can put right */
};

#define HEALTH_REASONS_MAX 8

/* Why it is not ready, a word each; 0: it is. While it starts, or ends, that is the only reason. */
size_t health_reasons(const struct health_signs *s, const char *ret[HEALTH_REASONS_MAX]);
extern const char *const health_reason_names[HEALTH_REASONS_MAX]; /* all that there are */

struct health {
    const char *ready_file; /* or NULL */
    bool ready;
    bool said;       /* that the file cannot be changed */
    uint64_t rounds; /* of the intake, at the last look */
    unsigned still;  /* looks since they changed */
};

/* Takes away a file that an earlier life has left. -1 when the file could not be made later on. */
int health_open(struct health *h, const char *ready_file, struct err *e);

/* Shows by the file, and says in the log, when it changes. */
void health_show(struct health *h, const struct health_signs *s);

/* Called once a tick: has the intake stood still for `most` ticks? Ticks and not time are counted, so that a
 * process that was frozen itself does not take that for a hang. */
bool health_hangs(struct health *h, uint64_t rounds, unsigned most);

void health_close(struct health *h); /* not ready any more */

#endif
