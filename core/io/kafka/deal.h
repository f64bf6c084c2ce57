/*
 * deal: the intake's side of exactly_once. Gathers finished outcomes, makes batches of them, one at a time,
 * and books what became of each. Private to io/kafka; intake thread only.
 *
 * What goes into a batch, and what is committed with it, is computed in one step from the same list, so
 * that a reply and the offset of its record can never part. policy/batch.h decides how many fit.
 */
#ifndef SLUICE_IO_KAFKA_DEAL_H
#define SLUICE_IO_KAFKA_DEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct kafka_intake;
struct kafka_batch;
struct kafka_part;
struct task;

struct deal {
    struct list_node ready; /* tasks for the next batch */
    size_t nready;
    int64_t since_us;        /* when the last batch went; 0: what is ready has waited long enough */
    struct list_node probes; /* outcomes one of which the broker refuses, in ever smaller groups */
    bool probed;             /* the last batch was such a group: the others have their turn */
    bool away;               /* a batch is with the publisher */
    int64_t not_before_us;   /* the publisher asked for a rest */
};

void deal_init(struct deal *d);

/* An outcome for the next batch. */
void deal_add(struct kafka_intake *in, struct task *t);

/* Makes a batch and hands it over when it is time for one. `now`: do not wait for more outcomes. */
void deal_tick(struct kafka_intake *in, int64_t now_us, bool now);

/* The next outcome need not wait for more. */
bool deal_is_ripe(const struct kafka_intake *in, int64_t now_us);

/* A batch came back: its outcomes go to `acked` (published), to `returned` (their partition is not ours any
 * more) or into the next batch. Frees the batch. */
void deal_settled(struct kafka_intake *in, struct kafka_batch *b, struct list_node *acked,
                  struct list_node *returned);

/* Gives back what waits for a batch: all of it, or only what belongs to partitions that were revoked. */
void deal_give_back(struct kafka_intake *in, bool all, struct list_node *returned);

bool deal_idle(const struct kafka_intake *in); /* nothing waits and nothing is away */

#endif
