/*
 * progress: how far a consumer group has committed in the partitions of one topic, asked from beside it
 * (no membership). Private to io/kafka; one thread.
 */
#ifndef SLUICE_IO_KAFKA_PROGRESS_H
#define SLUICE_IO_KAFKA_PROGRESS_H

#include "io/kafka/client.h"
#include "io/kafka/window.h"

struct progress;

/* Learns the partitions of the topic within timeout_ms. With `foreign`, records that lie in the topic
 * already and were not read count in the window. */
struct progress *progress_new(const struct config *c, const char *topic, const char *group,
                              bool foreign, int64_t timeout_ms, struct err *e);
struct progress *progress_free(struct progress *p);
size_t progress_partitions(const struct progress *p);
struct window *progress_window(struct progress *p);

/* Asks for the committed offsets and moves the window. True when bytes were freed. */
bool progress_refresh(struct progress *p, int64_t timeout_ms);

#endif
