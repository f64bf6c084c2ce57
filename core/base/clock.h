/*
 * clock: the only place that asks what time it is.
 *
 * Only the edges call it (worker loops, io, cmd); whatever decides takes the time as an argument.
 * Monotonic time is in microseconds and named *_us; wall time is in milliseconds since 1970 UTC and
 * named *_wall_ms.
 */
#ifndef SLUICE_BASE_CLOCK_H
#define SLUICE_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

int64_t clock_mono_us(void);
int64_t clock_wall_ms(void);

/* RFC 3339 in UTC, "2026-12-01T00:00:00.000Z"; cap >= 32. */
void clock_format_rfc3339(int64_t wall_ms, char *out, size_t cap);

/* RFC 3339 with any offset. 0, or -1 when the text is no date. */
int clock_parse_rfc3339(const char *text, int64_t *ret_wall_ms);

#endif
