/* traceparent: reading and writing W3C trace context. */
#include "base/traceparent.h"

#include <string.h>

#define MEMBERS_MAX 32 /* of a tracestate */

static const char digits[] = "0123456789abcdef";

/* Upper-case digits are not allowed. */
static int digit(char c)
{
    const char *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) : -1;
}

static bool read_hex(const char *text, uint8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int high = digit(text[2 * i]);
        int low = digit(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool is_zero(const uint8_t *p, size_t n)
{
    while (n > 0 && p[n - 1] == 0)
        n--;
    return n == 0;
}

/* "VV-TTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTT-SSSSSSSSSSSSSSSS-FF" */
bool traceparent_parse(const char *text, size_t n, struct trace_context *ret)
{
    struct trace_context c;
    uint8_t version = 0;

    if (n < TRACEPARENT_LEN || text[2] != '-' || text[35] != '-' || text[52] != '-')
        return false;
    if (!read_hex(text, &version, 1) || !read_hex(text + 3, c.trace_id, TRACE_ID_LEN) ||
        !read_hex(text + 36, c.span_id, SPAN_ID_LEN) || !read_hex(text + 53, &c.flags, 1))
        return false;
    if (version == 0xff || (version == 0 && n != TRACEPARENT_LEN) ||
        (n > TRACEPARENT_LEN && text[TRACEPARENT_LEN] != '-'))
        return false;
    if (is_zero(c.trace_id, TRACE_ID_LEN) || is_zero(c.span_id, SPAN_ID_LEN))
        return false;
    *ret = c;
    return true;
}

void trace_hex(const uint8_t *bytes, size_t n, char *out)
{
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * n] = '\0';
}

void traceparent_format(const struct trace_context *c, char out[TRACEPARENT_LEN + 1])
{
    uint8_t flags = c->flags & TRACE_SAMPLED;

    memcpy(out, "00-", 3);
    trace_hex(c->trace_id, TRACE_ID_LEN, out + 3);
    out[35] = '-';
    trace_hex(c->span_id, SPAN_ID_LEN, out + 36);
    out[52] = '-';
    trace_hex(&flags, 1, out + 53);
}

bool tracestate_passes(const char *text, size_t n)
{
    size_t members = 1;

    if (!text || n == 0 || n > TRACESTATE_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < 0x20 || text[i] > 0x7e)
            return false;
        members += text[i] == ',';
    }
    return members <= MEMBERS_MAX;
}
