/* span: the JSON of one span. Keys and names are ours and need no escape; values may hold anything. */
#include "task/span.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/utf8.h"

enum { STATUS_ERROR = 2 }; /* OTLP's number */

static void put_id(struct buf *out, const char *name, const uint8_t *id, size_t n)
{
    char hex[2 * TRACE_ID_LEN + 1];

    trace_hex(id, n, hex);
    buf_str(out, name);
    buf_append(out, hex, 2 * n);
    buf_char(out, '"');
}

static void put_time(struct buf *out, const char *name, int64_t us)
{
    buf_str(out, name);
    buf_printf(out, "%" PRId64 "000\"", us);
}

void span_open(struct buf *out, const struct span_head *h)
{
    put_id(out, "{\"traceId\":\"", h->span->trace_id, TRACE_ID_LEN);
    put_id(out, ",\"spanId\":\"", h->span->span_id, SPAN_ID_LEN);
    if (h->parent)
        put_id(out, ",\"parentSpanId\":\"", h->parent, SPAN_ID_LEN);
    if (h->state) {
        buf_str(out, ",\"traceState\":");
        buf_json_str(out, h->state, strlen(h->state));
    }
    buf_str(out, ",\"name\":");
    buf_json_str(out, h->name, strlen(h->name));
    buf_printf(out, ",\"kind\":%d", (int)h->kind);
    put_time(out, ",\"startTimeUnixNano\":\"", h->start_us);
    put_time(out, ",\"endTimeUnixNano\":\"", h->end_us);
    buf_str(out, ",\"attributes\":[");
}

static void put_link(struct buf *out, const struct trace_context *to)
{
    put_id(out, ",\"links\":[{\"traceId\":\"", to->trace_id, TRACE_ID_LEN);
    put_id(out, ",\"spanId\":\"", to->span_id, SPAN_ID_LEN);
    buf_str(out, "}]");
}

void span_close(struct buf *out, const struct span_end *end)
{
    buf_char(out, ']');
    if (end->link)
        put_link(out, end->link);
    if (end->error) {
        buf_printf(out, ",\"status\":{\"code\":%d,\"message\":", STATUS_ERROR);
        buf_json_str(out, end->error, strlen(end->error));
        buf_char(out, '}');
    }
    buf_char(out, '}');
}

/* The first attribute of a span stands behind its bracket, or behind nothing when it is written ahead. */
static void begin(struct buf *out, const char *key, const char *type)
{
    if (out->len > 0 && out->data[out->len - 1] != '[')
        buf_char(out, ',');
    buf_str(out, "{\"key\":\"");
    buf_str(out, key);
    buf_str(out, "\",\"value\":{\"");
    buf_str(out, type);
    buf_str(out, "\":");
}

void span_text(struct buf *out, const char *key, const char *value, size_t n)
{
    if (!value || n == 0 || !utf8_valid(value, n))
        return;
    begin(out, key, "stringValue");
    buf_json_str(out, value, n);
    buf_str(out, "}}");
}

void span_str(struct buf *out, const char *key, const char *value)
{
    if (value)
        span_text(out, key, value, strlen(value));
}

void span_list(struct buf *out, const char *key, const char *value)
{
    if (!value || !*value || !utf8_valid(value, strlen(value)))
        return;
    begin(out, key, "arrayValue");
    buf_str(out, "{\"values\":[{\"stringValue\":");
    buf_json_str(out, value, strlen(value));
    buf_str(out, "}]}}}");
}

void span_int(struct buf *out, const char *key, int64_t value)
{
    begin(out, key, "intValue");
    buf_printf(out, "\"%" PRId64 "\"}}", value);
}

void span_num(struct buf *out, const char *key, double value)
{
    if (!isfinite(value))
        return;
    begin(out, key, "doubleValue");
    buf_printf(out, "%.17g}}", value);
}

void span_bool(struct buf *out, const char *key, bool value)
{
    begin(out, key, "boolValue");
    buf_str(out, value ? "true}}" : "false}}");
}

void span_ready(struct buf *out, const char *text)
{
    if (!*text)
        return;
    if (out->len > 0 && out->data[out->len - 1] != '[')
        buf_char(out, ',');
    buf_str(out, text);
}
