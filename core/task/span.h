/*
 * span: writes one span of a trace as OTLP has it in JSON: ids in hex, numbers of 64 bits as text, enums as
 * numbers. It is begun, attributes follow, it is closed; nothing is kept beside the text. Pure.
 *
 *     span_open(out, &head);
 *     span_str(out, "gen_ai.request.model", name);
 *     span_close(out, &end);
 */
#ifndef SLUICE_TASK_SPAN_H
#define SLUICE_TASK_SPAN_H

#include "base/buf.h"
#include "base/traceparent.h"

/* The numbers are OTLP's. */
enum span_kind { SPAN_INTERNAL = 1, SPAN_CLIENT = 3, SPAN_PRODUCER = 4, SPAN_CONSUMER = 5 };

struct span_head {
    const struct trace_context *span;
    const uint8_t *parent; /* its span id; NULL: the trace begins here */
    const char *state;     /* tracestate, or NULL */
    enum span_kind kind;
    int64_t start_us, end_us; /* since 1970 */
    const char
        *name; /* ends where it is no UTF-8: a collector would refuse all that comes with it */
};

struct span_end {
    const char *error;                /* what it failed of; NULL: it did not */
    const struct trace_context *link; /* to a span of another trace, or NULL */
};

void span_open(struct buf *out, const struct span_head *h);
void span_close(struct buf *out, const struct span_end *end);

/* Attributes. A text that is NULL, empty or no UTF-8 is left out. */
void span_str(struct buf *out, const char *key, const char *value);
void span_text(struct buf *out, const char *key, const char *value, size_t n);
void span_list(struct buf *out, const char *key, const char *value); /* a list with one text */
void span_int(struct buf *out, const char *key, int64_t value);
void span_num(struct buf *out, const char *key, double value); /* finite */
void span_bool(struct buf *out, const char *key, bool value);
void span_ready(struct buf *out, const char *text); /* attributes that were written before */

#endif
