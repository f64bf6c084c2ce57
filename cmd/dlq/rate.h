/*
 * rate: at most so many a second, evenly: one at a time, without bursts. Pure; time is an argument.
 */
#ifndef SLUICE_CMD_DLQ_RATE_H
#define SLUICE_CMD_DLQ_RATE_H

#include <stdint.h>

#include "base/err.h"

struct rate {
    int64_t gap_us;  /* between two; 0: no limit */
    int64_t next_us; /* when the next one may go; 0: at once */
};

/* "10", "10/s", "300/m", "1000/h"; NULL: no limit. */
int rate_parse(struct rate *r, const char *text, struct err *e);

/* 0: one may go now, and is counted. > 0: so many microseconds until it may; nothing is counted. */
int64_t rate_take(struct rate *r, int64_t now_us);

#endif
