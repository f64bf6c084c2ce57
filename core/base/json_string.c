/*
 * json_string: the strings of a JSON text, for json_scan: whether they are good, and what they stand for. Most bytes are
 * plain.
 */
#include <string.h>

#include "base/json_plain.h"
#include "base/json_scan_int.h"
#include "base/mem.h"
#include "base/utf8.h"

static int hex4(const char *p, const char *end)
{
    int v = 0;
    int i = 0;

    if (end - p < 4)
        return -1;
    for (i = 0; i < 4; i++) {
        char c = p[i];

        v <<= 4;
        if (c >= '0' && c <= '9')
            v |= c - '0';
        else if (c >= 'a' && c <= 'f')
            v |= c - 'a' + 10;
        else if (c >= 'A' && c <= 'F')
            v |= c - 'A' + 10;
        else
            return -1;
    }
    return v;
}

/* At the four digits behind "\u"; moves behind the escape (or the pair) and gives the code point.
 */
static int unicode_escape(struct scan *s, uint32_t *ret)
{
    const char *at = s->p - 2;
    int high = hex4(s->p, s->end);
    int low = 0;

    if (high < 0)
        return scan_fail(s, at, "\\u needs four hexadecimal digits");
    s->p += 4;
    *ret = (uint32_t)high;
    if (high == 0 && s->strict)
        return scan_fail(s, at, "\\u0000 is not accepted; remove the NUL character");
    if (high < 0xd800 || high > 0xdfff)
        return 0;
    if (high < 0xdc00 && s->end - s->p >= 6 && s->p[0] == '\\' && s->p[1] == 'u') {
        low = hex4(s->p + 2, s->end);
        if (low >= 0xdc00 && low <= 0xdfff) {
            s->p += 6;
            *ret = 0x10000 + (((uint32_t)high - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
            return 0;
        }
    }
    if (s->strict)
        return scan_fail(s, at, "lone surrogate; write the character as a \\u pair or as UTF-8");
    *ret = 0xfffd;
    return 0;
}

/* At the byte behind a backslash. */
static int escape(struct scan *s, uint32_t *ret)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    const char *hit = NULL;

    if (s->p == s->end)
        return scan_fail(s, s->p, "the text ends inside a string");
    if (*s->p == 'u') {
        s->p++;
        return unicode_escape(s, ret);
    }
    hit = *s->p ? strchr(from, *s->p) : NULL;
    if (!hit)
        return scan_fail(s, s->p - 1,
                         "unknown escape in a string; only \\\" \\\\ \\/ \\b \\f \\n \\r \\t "
                         "and \\uXXXX exist");
    *ret = (unsigned char)to[hit - from];
    s->p++;
    return 0;
}

/* One step inside a string at a byte that is not plain. 1: the string ends here. */
static int string_step(struct scan *s, bool *escaped)
{
    unsigned char c = (unsigned char)*s->p;
    uint32_t point = 0;
    int len = 0;

    if (c == '"')
        return 1;
    if (c == '\\') {
        s->p++;
        *escaped = true;
        return escape(s, &point);
    }
    if (c < 0x20)
        return scan_fail(s, s->p,
                         "control character inside a string; write it as an escape such as \\n");
    len = c < 0x80 ? 1 : utf8_len(s->p, (size_t)(s->end - s->p));
    if (!len)
        return scan_fail(s, s->p, "the text is not valid UTF-8; save it as UTF-8");
    s->p += len;
    return 0;
}

int scan_string(struct scan *s, struct scan_string *ret)
{
    const char *start = s->p;
    bool escaped = false;
    int r = 0;

    s->p++;
    while (r == 0) {
        s->p += json_plain_len(s->p, (size_t)(s->end - s->p), true);
        if (s->p == s->end)
            return scan_fail(s, start, "this string has no closing quote; the text is cut off");
        r = string_step(s, &escaped);
    }
    if (r < 0)
        return r;
    *ret = (struct scan_string){start + 1, (size_t)(s->p - start - 1), escaped};
    s->p++;
    return 0;
}

void scan_unescape(struct scan *s, struct scan_string *str)
{
    const char *after = s->p;
    const char *end = str->at + str->len;
    char *out = NULL;
    size_t n = 0;
    uint32_t point = 0;

    if (!str->escaped)
        return;
    if (!s->arena) /* an escape is never shorter than what it stands for */
        s->arena = mem_grow(NULL, (size_t)(s->end - s->text), 1);
    out = s->arena + s->arena_used;
    for (s->p = str->at; s->p < end;) {
        const char *slash = memchr(s->p, '\\', (size_t)(end - s->p));
        size_t plain = (size_t)((slash ? slash : end) - s->p);

        memcpy(out + n, s->p, plain);
        n += plain;
        s->p += plain;
        if (!slash)
            break;
        s->p++;
        if (escape(s, &point) < 0)
            break;
        n += utf8_put(out + n, point);
    }
    s->arena_used += n;
    s->p = after;
    *str = (struct scan_string){out, n, false};
}
