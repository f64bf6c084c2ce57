/*
 * window: how many bytes of each partition were produced and not read yet. Pure; one thread.
 *
 * An embedded broker keeps 5 MiB a partition and drops the oldest records silently, so a producer that
 * must lose nothing asks here before it produces, and waits for the reader's committed offset to move.
 */
#ifndef SLUICE_IO_KAFKA_WINDOW_H
#define SLUICE_IO_KAFKA_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WINDOW_BYTES  (3584 * 1024) /* of the broker's 5 MiB; the rest is room for framing */
#define WINDOW_RECORD 70            /* framing of one record, bytes, upper bound */

struct window;

struct window *window_new(size_t partitions, int64_t max_bytes);
struct window *window_free(struct window *w);

/* Does a record of this size (key, value and headers) fit? A partition without unread bytes takes any
 * record, else one larger than the window would wait for ever. */
bool window_fits(const struct window *w, size_t partition, int64_t bytes);

void window_produce(struct window *w, size_t partition, int64_t bytes); /* handed to the client */
void window_acked(struct window *w, size_t partition, int64_t offset, int64_t bytes);
void window_failed(struct window *w, size_t partition, int64_t bytes); /* it never got there */

/* The partition held unknown records below offset `end` before this producer came: it counts as full
 * until they are read. */
void window_foreign(struct window *w, size_t partition, int64_t end);

/* All offsets below `next` were read (a negative one says nothing). Returns true when bytes were freed. */
bool window_read(struct window *w, size_t partition, int64_t next);

int64_t window_unread(const struct window *w,
                      size_t partition); /* bytes, in flight ones included */

#endif
