/*
 * queues_int: inside of struct queues, shared by seats.c, which finds each task its place, and queues.c, which
 * says whose turn it is. Private to these two.
 */
#ifndef SLUICE_POOL_QUEUES_INT_H
#define SLUICE_POOL_QUEUES_INT_H

#include "policy/turns.h"
#include "pool/queues.h"

#define SEATS_MAX   4096
#define PARTIES_MAX (SEATS_MAX + 1024) /* all that have a seat, and some that will be back */
#define CHAINS      2048
#define KEY_SCALE   1024 /* points are compared in these parts of a token by weight */

struct lane {
    struct list_node node; /* in queues.lanes of its level; in order of turns */
    uint64_t routes;
    int model, level;
    struct heap seats; /* by the point of their party, or an earlier one */
    size_t nseats;     /* also those that are left out */
    size_t tasks;
    unsigned passed;  /* times that a higher level had its turn */
    uint64_t put_off; /* number of the look in which its first could not go */
};

struct party {
    struct list_node chain;
    struct list_node resting; /* has no seat */
    uint64_t tenant;
    int model, level;
    struct turn turn;
    size_t nseats;
};

struct seat {
    struct list_node chain;    /* of its hash, or free */
    struct list_node left_out; /* in queues.left_out */
    bool is_left_out;
    struct heap_node turn;
    struct lane *lane;
    struct party *party;
    int account;
    size_t tasks;
    unsigned passed; /* times that one of a higher priority went */
    struct list_node at[TASK_PRIORITIES];
};

struct queues {
    const struct config *config;
    uint64_t tenant_hash[CONFIG_TENANTS_MAX];
    struct turns turns[CONFIG_MODELS_MAX][TASK_PRIORITIES];
    struct list_node lanes[TASK_PRIORITIES];
    struct list_node left_out;
    struct list_node resting; /* parties, those that rest longest in front */
    struct list_node free_seats;
    struct list_node seat_chains[CHAINS], party_chains[CHAINS];
    uint64_t look;
    size_t nseats, nparties; /* used so far */
    struct seat seats[SEATS_MAX];
    struct party parties[PARTIES_MAX];
};

/* The seat that t has or would have; NULL: there is none. */
struct seat *seat_find(const struct queues *q, const struct task *t);

/* The same, made when there is none; where there is no place for one, that of others. */
struct seat *seat_take(struct queues *q, const struct task *t);

/* Its last task has left. */
void seat_close(struct queues *q, struct seat *s);

/* Where its party stands, for the heap of its lane. */
int64_t seat_key(const struct seat *s);

#endif
