/*
 * offset_set: which offsets of a partition are done, as ranges, and the text in which that is kept beside a
 * committed offset. The text has a bound, so what a set may hold has one, too: either few runs, however long, or
 * any pattern in a window of some thousands. Pure.
 *
 * Everything below the base is done. The text lists what is done above it, as the distances from one run to the
 * next ("sluice-dlq1 r 3+1,2+5": 3 open, 1 done, 2 open, 5 done) or as a bit for each offset from the base, four
 * to a hexadecimal digit, the lowest first ("sluice-dlq1 b 0c1").
 */
#ifndef SLUICE_CMD_DLQ_OFFSET_SET_H
#define SLUICE_CMD_DLQ_OFFSET_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct offset_range {
    int64_t from, to; /* [from, to) */
};

struct offset_set {
    struct offset_range *at; /* ascending, apart from each other */
    size_t count, cap;
    int64_t base; /* everything below is done */
};

void offset_set_init(struct offset_set *s, int64_t base);
void offset_set_done(struct offset_set *s);
void offset_set_copy(struct offset_set *to, const struct offset_set *from); /* into a fresh one */

bool offset_set_has(const struct offset_set *s, int64_t offset);
void offset_set_add(struct offset_set *s, int64_t from, int64_t to); /* [from, to) is done */
void offset_set_remove(struct offset_set *s, int64_t offset);        /* not below the base */
void offset_set_raise(struct offset_set *s, int64_t base);           /* below it nothing exists */

/* The text for what is above the base, "" for nothing. 0, or -1: it would be longer than max. */
int offset_set_format(const struct offset_set *s, size_t max, struct buf *out);

/* Fills a fresh set, whose base is set. -1: this is no text of ours; the set is as it was. */
int offset_set_parse(struct offset_set *s, const char *text);

#endif
