/*
 * outcomes: the tasks of a batch as parcels and back. Private to io/kafka; publisher thread. Talks to
 * nobody: which outcomes an abandoned transaction sends where is decided from its delivery reports.
 */
#ifndef SLUICE_IO_KAFKA_OUTCOMES_H
#define SLUICE_IO_KAFKA_OUTCOMES_H

#include "io/kafka/kafka.h"
#include "io/kafka/refusal.h"

size_t outcomes_count(const struct list_node *tasks);

/* A parcel for each task, in the same order, and the other way round. No record may be with the client. */
void outcomes_pack(struct list_node *tasks, const struct config *c, struct list_node *parcels);
void outcomes_unpack(struct list_node *parcels, struct list_node *tasks);

/* Why a transaction had to be abandoned: from its error and from the reports of its records. */
enum kafka_abort outcomes_abort_reason(struct list_node *parcels, rd_kafka_resp_err_t err);

/*
 * After KAFKA_ABORT_REFUSED: the outcomes with a record that was refused for good go to `refused`, the
 * others to `again`. A lone one is certain to be to blame: it goes to `again`, too, with what was refused
 * replaced. Returns how many replies were replaced.
 */
size_t outcomes_unpack_refused(struct list_node *parcels, int64_t now_wall_ms,
                               struct list_node *refused, struct list_node *again);

#endif
