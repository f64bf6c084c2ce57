/*
 * count: how often each digest was seen: a hash table of 24 bytes an entry with a maximum. Past the
 * maximum new digests are not taken up and `overflow` says so.
 */
#ifndef SLUICE_CMD_SIM_COUNT_H
#define SLUICE_CMD_SIM_COUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_count {
    uint64_t digest;
    uint32_t drawn; /* times the fault plan was asked; 0: the slot is free */
    uint32_t calls; /* answers begun */
    uint32_t paid;  /* whole answers handed over */
};

struct sim_counts {
    struct sim_count *at;
    size_t used, cap, max;
    bool overflow;
};

void sim_counts_init(struct sim_counts *c, size_t max);
void sim_counts_done(struct sim_counts *c);
void sim_counts_clear(struct sim_counts *c);

/* Finds or makes the entry and counts one draw. NULL: the table is full. Pointers live until the next
 * call of this function. */
struct sim_count *sim_counts_draw(struct sim_counts *c, uint64_t digest);
struct sim_count *sim_counts_find(const struct sim_counts *c, uint64_t digest); /* or NULL */

struct sim_counts_sum {
    uint64_t distinct;
    uint64_t repeated; /* entries with more than one paid answer */
    uint64_t most;     /* largest number of calls of one entry */
};
void sim_counts_sum(const struct sim_counts *c, struct sim_counts_sum *ret);

#endif
