/*
 * traceparent: where a request stands in a trace, as W3C Trace Context (level 1) writes it into the headers
 * traceparent and tracestate. Pure.
 */
#ifndef SLUICE_BASE_TRACEPARENT_H
#define SLUICE_BASE_TRACEPARENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_ID_LEN    16
#define SPAN_ID_LEN     8
#define TRACEPARENT_LEN 55 /* characters of version 00 */
#define TRACESTATE_MAX  512

enum { TRACE_SAMPLED = 1 }; /* of trace_context.flags */

struct trace_context {
    uint8_t trace_id[TRACE_ID_LEN];
    uint8_t span_id[SPAN_ID_LEN];
    uint8_t flags;
};

/* False: it is none, and nothing may be read out of it. A version that is not known yet is read as far as
 * version 00 goes, as the standard wants. */
bool traceparent_parse(const char *text, size_t n, struct trace_context *ret);

/* In version 00, with the flag that it knows. */
void traceparent_format(const struct trace_context *c, char out[TRACEPARENT_LEN + 1]);

/* May it be handed on as it is? Its members belong to others and are not looked into. */
bool tracestate_passes(const char *text, size_t n);

/* Lower-case digits and a NUL: 2 n + 1 bytes at out. */
void trace_hex(const uint8_t *bytes, size_t n, char *out);

#endif
