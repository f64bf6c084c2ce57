/*
 * turns: weighted fair sharing of one scarce thing among many that want it. Pure.
 *
 * Each of them has a point on a scale of cost by weight; the one with the lowest point goes next and moves up by
 * what its turn costs. A newcomer starts where the scale stands now, so that it neither waits for what others
 * have had before it came nor makes up for the time in which it wanted nothing. As long as all of them wait, what
 * each has had by its weight differs by no more than one turn. Who has the lowest point is the caller's to find.
 */
#ifndef SLUICE_POLICY_TURNS_H
#define SLUICE_POLICY_TURNS_H

#include <stddef.h>
#include <stdint.h>

struct turns {
    double now;     /* where a newcomer starts */
    double weight;  /* of all that wait */
    double widest;  /* longest step of one turn: nobody can be further behind by right */
    size_t waiting; /* how many */
    uint64_t
        period; /* a new one begins when somebody comes and nobody waits: all are equal again */
};

/* One of them. All zero at first. */
struct turn {
    double at;
    double weight;
    uint64_t period;
};

/* It begins to wait; weight > 0. */
void turns_join(struct turns *s, struct turn *t, double weight);

/* It has nothing left that waits. Its point stays in t, for when it comes again. */
void turns_leave(struct turns *s, const struct turn *t);

/* It waits, and had a turn that costs so much. */
void turns_take(struct turns *s, struct turn *t, double cost);

/* The lowest point of all that could have had this turn: the scale does not stay behind it. */
void turns_pass(struct turns *s, double lowest);

#endif
