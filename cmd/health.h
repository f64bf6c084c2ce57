/*
 * health: what a worker tells those who watch it. Ready: it takes part in its group, its producer is in order
 * and its store takes writes; a file exists for as long as that is so. Alive: its intake thread goes round; one
 * that does not is a reason to end the process, because a process that only looks alive is never restarted.
 * Main thread.
 */
#ifndef SLUICE_CMD_HEALTH_H
#define SLUICE_CMD_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct health_signs {
    bool member;   /* has been given its partitions, be they none */
    bool producer; /* may publish */
    bool store;    /* takes writes */
};

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
