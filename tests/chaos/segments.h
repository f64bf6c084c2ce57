/*
 * segments: what the broker's own log of one partition says about its transactions: which records were
 * committed, which were aborted, and which were never ended. Read from the segment files (message format 2),
 * without any client, so that a client that shows too much or too little is found out.
 */
#ifndef SLUICE_TESTS_CHAOS_SEGMENTS_H
#define SLUICE_TESTS_CHAOS_SEGMENTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tests/chaos/history.h"

struct segment_batch {
    int64_t first, last; /* offsets */
    int64_t producer;    /* -1: none */
    uint32_t records;
    enum fate fate;
    bool waiting; /* its transaction has not ended yet */
};

struct segments {
    struct segment_batch *at; /* data batches, ascending */
    size_t count, cap, open_from;
    uint64_t committed, aborted, open; /* records */
    uint64_t commits, aborts;          /* markers */
};

/* One segment file after the other, ascending; then segments_end(). A cut batch at the end of the last file
 * is left out. -1: no log of format 2. */
int segments_read(struct segments *s, const void *bytes, size_t n, struct err *e);
void segments_end(struct segments *s);
void segments_done(struct segments *s);

/* All files of DIR (a partition's directory), and the end. */
int segments_load(struct segments *s, const char *dir, struct err *e);

enum fate segments_fate(const struct segments *s, int64_t offset);

#endif
