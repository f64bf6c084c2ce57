/* buf: bounded growing byte strings. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/json_plain.h"
#include "base/mem.h"

void buf_init(struct buf *b, size_t max)
{
    *b = BUF_INIT(max);
}

void buf_done(struct buf *b)
{
    if (!b)
        return;
    free(b->data);
    *b = BUF_INIT(b->max);
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->over = false;
    if (b->data)
        b->data[0] = '\0';
}

int buf_reserve(struct buf *b, size_t extra)
{
    size_t need = 0;
    size_t cap = 0;

    if (extra > b->max || b->len > b->max - extra) {
        b->over = true;
        return -1;
    }
    need = b->len + extra + 1;
    if (need <= b->cap)
        return 0;
    cap = b->cap ? b->cap * 2 : 64;
    if (cap < need)
        cap = need;
    if (cap > b->max + 1)
        cap = b->max + 1;
    b->data = mem_grow(b->data, cap, 1);
    b->cap = cap;
    b->data[b->len] = '\0';
    return 0;
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
    char small[256];
    va_list ap;
    int n = 0;

    va_start(ap, fmt);
    n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    if (n < 0)
        return -1;
    if ((size_t)n < sizeof small)
        return buf_append(b, small, (size_t)n);
    if (buf_reserve(b, (size_t)n) < 0)
        return -1;
    va_start(ap, fmt);
    vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t)n;
    return 0;
}

/* Escapes one byte that JSON does not allow inside a string. */
static int escape(struct buf *b, unsigned char c)
{
    static const char *const names = "\bb\ff\nn\rr\tt\"\"\\\\";
    const char *p = NULL;

    for (p = names; *p; p += 2) {
        if ((unsigned char)*p == c) {
            char pair[2] = {'\\', p[1]};

            return buf_append(b, pair, 2);
        }
    }
    return buf_printf(b, "\\u%04x", c);
}

/* How many bytes from s on need no escape. */
static size_t plain_len(const char *s, size_t n)
{
    return json_plain_len(s, n, false);
}

int buf_json_str(struct buf *b, const char *s, size_t n)
{
    size_t i = plain_len(s, n);
    int bad = buf_reserve(b, i + 2);

    bad |= buf_char(b, '"');
    bad |= buf_append(b, s, i);
    while (i < n) {
        size_t more = 0;

        bad |= escape(b, (unsigned char)s[i++]);
        more = plain_len(s + i, n - i);
        bad |= buf_append(b, s + i, more);
        i += more;
    }
    bad |= buf_char(b, '"');
    return bad;
}

char *buf_steal(struct buf *b, size_t *ret_len)
{
    char *data = b->data ? b->data : mem_strdup("");

    if (ret_len)
        *ret_len = b->len;
    *b = BUF_INIT(b->max);
    return data;
}
