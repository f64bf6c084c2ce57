/*
 * span: the JSON of one span. Keys and names are ours and need no escape; values may hold anything. A task has some
 * thirty attributes, so that room is asked for once for each of them.
 */
#include "task/span.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/digits.h"
#include "base/utf8.h"

enum { STATUS_ERROR = 2 }; /* OTLP's number */

/* These two are inline so that the compiler knows the length of a name. */
__attribute__((always_inline)) static inline void put_id(struct buf *out, const char *name,
                                                         const uint8_t *id, size_t n)
{
    char hex[2 * TRACE_ID_LEN + 2];

    trace_hex(id, n, hex);
    hex[2 * n] = '"';
    buf_str(out, name);
    buf_append(out, hex, 2 * n + 1);
}

__attribute__((always_inline)) static inline void put_time(struct buf *out, const char *name,
                                                           int64_t us)
{
    char room[DIGITS_ROOM];
    const char *text = digits_of(us, room);

    buf_str(out, name);
    buf_append(out, text, (size_t)(room + DIGITS_ROOM - 1 - text));
    buf_append(out, "000\"", 4);
}

void span_open(struct buf *out, const struct span_head *h)
{
    char room[DIGITS_ROOM];

    put_id(out, "{\"traceId\":\"", h->span->trace_id, TRACE_ID_LEN);
    put_id(out, ",\"spanId\":\"", h->span->span_id, SPAN_ID_LEN);
    if (h->parent)
        put_id(out, ",\"parentSpanId\":\"", h->parent, SPAN_ID_LEN);
    if (h->state) {
        buf_str(out, ",\"traceState\":");
        buf_json_str(out, h->state, strlen(h->state));
    }
    buf_str(out, ",\"name\":");
    buf_json_str(out, h->name, utf8_prefix(h->name, strlen(h->name)));
    buf_str(out, ",\"kind\":");
    buf_str(out, digits_of(h->kind, room));
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
static bool is_first(const struct buf *out)
{
    return out->len == 0 || out->data[out->len - 1] == '[';
}

/* Up to the value, with its type and what stands before it, such as "intValue\":\"". */
static void begin(struct buf *out, const char *key, const char *type)
{
    static const char before[] = ",{\"key\":\"", between[] = "\",\"value\":{\"";
    size_t skip = is_first(out);
    size_t nkey = strlen(key), ntype = strlen(type);
    char *at = NULL;

    if (buf_reserve(out, sizeof before + nkey + sizeof between + ntype) < 0)
        return;
    at = mempcpy(out->data + out->len, before + skip, sizeof before - 1 - skip);
    at = mempcpy(at, key, nkey);
    at = mempcpy(at, between, sizeof between - 1);
    at = mempcpy(at, type, ntype);
    *at = '\0';
    out->len = (size_t)(at - out->data);
}

void span_text(struct buf *out, const char *key, const char *value, size_t n)
{
    if (!value || n == 0 || !utf8_valid(value, n))
        return;
    begin(out, key, "stringValue\":");
    buf_json_str(out, value, n);
    buf_append(out, "}}", 2);
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
    begin(out, key, "arrayValue\":{\"values\":[{\"stringValue\":");
    buf_json_str(out, value, strlen(value));
    buf_str(out, "}]}}}");
}

void span_int(struct buf *out, const char *key, int64_t value)
{
    char room[DIGITS_ROOM];

    begin(out, key, "intValue\":\"");
    buf_str(out, digits_of(value, room));
    buf_append(out, "\"}}", 3);
}

void span_num(struct buf *out, const char *key, double value)
{
    if (!isfinite(value))
        return;
    begin(out, key, "doubleValue\":");
    buf_printf(out, "%.17g}}", value);
}

void span_bool(struct buf *out, const char *key, bool value)
{
    begin(out, key, "boolValue\":");
    buf_str(out, value ? "true}}" : "false}}");
}

void span_ready(struct buf *out, const char *text)
{
    if (!*text)
        return;
    if (!is_first(out))
        buf_char(out, ',');
    buf_str(out, text);
}
