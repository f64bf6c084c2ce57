/*
 * held: what holds up each row of model_list and the pool as a whole, told by the admission at the moment of each
 * decision, under its lock. Private to core/pool.
 *
 * A row that says no to a task that waits is held up by what it said. A row that nobody waits for is held up by the
 * stage that lets nothing through to it, if there is one; else its calls run, or it is idle.
 */
#ifndef SLUICE_POOL_HELD_H
#define SLUICE_POOL_HELD_H

#include "policy/explain.h"
#include "policy/select.h"
#include "task/config.h"

struct held {
    const struct route *routes;
    size_t nroutes;
    uint64_t rows;  /* that a task waits for, as of the last look */
    uint64_t aside; /* that said WHY_LARGE to a task that stands aside */
    enum why all;   /* what blocked every route in this look; WHY_IDLE: nothing */
    enum why why[CONFIG_MODELS_MAX];
    enum why behind; /* why nothing gets through to the other rows; WHY_IDLE: it does */
    struct explain row[CONFIG_MODELS_MAX];
    struct explain pool;
};

void held_init(struct held *h, const struct route *routes, size_t nroutes);

/* A look at all that wait begins, and ends: `claimed` are the rows that any of them could take. */
void held_begin(struct held *h);
void held_end(struct held *h, uint64_t claimed, int64_t now_us);

/* A task waits for these rows: for what each said last, or for a reason that they share. */
void held_said(struct held *h, uint64_t rows);
void held_by(struct held *h, uint64_t rows, enum why w);

/* A task has stood aside; all came back. */
void held_aside(struct held *h, uint64_t rows);
void held_back(struct held *h);

/* Counts from now on what is known now: after held_said() and held_by() outside a look, and when a call began or
 * ended. Nothing waits any more: `waiting` is false. */
void held_now(struct held *h, bool waiting, int64_t now_us);

/* How the pool stands, now and then. */
void held_load(struct held *h, const struct explain_load *l, int64_t now_us);

#endif
