/*
 * window: byte bookkeeping of produced and unread records. Acknowledged records are kept as chunks (last
 * offset, bytes), not one by one, so that a partition costs at most a few kilobytes; a chunk is free when
 * its last offset was read. No I/O, no clock.
 */
#include "io/kafka/window.h"

#include "base/mem.h"

#define CHUNKS 128 /* max_bytes / CHUNKS is the size of a chunk: what is freed at once */

struct chunk {
    int64_t last; /* highest offset in it */
    int64_t bytes;
};

struct part {
    int64_t flying; /* bytes handed to the client and not acknowledged */
    int64_t unread; /* bytes acknowledged and not read; the sum of the chunks */
    size_t first, count;
    struct chunk ring[CHUNKS + 2];
};

struct window {
    int64_t max_bytes;
    size_t count;
    struct part *parts;
};

struct window *window_new(size_t partitions, int64_t max_bytes)
{
    struct window *w = mem_alloc(sizeof *w);

    w->max_bytes = max_bytes;
    w->count = partitions;
    w->parts = mem_array(partitions, sizeof *w->parts);
    return w;
}

struct window *window_free(struct window *w)
{
    if (w)
        free(w->parts);
    free(w);
    return NULL;
}

bool window_fits(const struct window *w, size_t partition, int64_t bytes)
{
    int64_t unread = window_unread(w, partition);

    return unread == 0 || unread + bytes <= w->max_bytes;
}

void window_produce(struct window *w, size_t partition, int64_t bytes)
{
    w->parts[partition].flying += bytes;
}

static void add_chunk(struct window *w, struct part *p, int64_t offset, int64_t bytes)
{
    size_t room = ARRAY_LEN(p->ring);
    struct chunk *tail = p->count ? &p->ring[(p->first + p->count - 1) % room] : NULL;

    if (tail && (tail->bytes + bytes <= w->max_bytes / CHUNKS || p->count == room)) {
        tail->bytes += bytes;
        if (offset > tail->last)
            tail->last = offset;
    } else {
        p->ring[(p->first + p->count++) % room] = (struct chunk){offset, bytes};
    }
    p->unread += bytes;
}

void window_acked(struct window *w, size_t partition, int64_t offset, int64_t bytes)
{
    w->parts[partition].flying -= bytes;
    add_chunk(w, &w->parts[partition], offset, bytes);
}

void window_failed(struct window *w, size_t partition, int64_t bytes)
{
    w->parts[partition].flying -= bytes;
}

void window_foreign(struct window *w, size_t partition, int64_t end)
{
    add_chunk(w, &w->parts[partition], end - 1, w->max_bytes);
}

bool window_read(struct window *w, size_t partition, int64_t next)
{
    struct part *p = &w->parts[partition];
    bool freed = false;

    while (p->count && p->ring[p->first].last < next) {
        p->unread -= p->ring[p->first].bytes;
        p->first = (p->first + 1) % ARRAY_LEN(p->ring);
        p->count--;
        freed = true;
    }
    return freed;
}

int64_t window_unread(const struct window *w, size_t partition)
{
    return w->parts[partition].flying + w->parts[partition].unread;
}
