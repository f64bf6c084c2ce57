/* utf8: RFC 3629 sequences. Overlong forms, surrogates and anything beyond U+10FFFF are malformed.
 */
#include "base/utf8.h"

#include <string.h>

int utf8_len(const char *at, size_t n)
{
    const unsigned char *p = (const unsigned char *)at;
    unsigned char low = 0x80;
    unsigned char top = 0xbf;
    int len = 0;
    int i = 0;

    if (p[0] >= 0xc2 && p[0] <= 0xdf)
        len = 2;
    else if ((p[0] & 0xf0) == 0xe0)
        len = 3;
    else if (p[0] >= 0xf0 && p[0] <= 0xf4)
        len = 4;
    if (!len || n < (size_t)len)
        return 0;
    if (p[0] == 0xe0)
        low = 0xa0;
    else if (p[0] == 0xed)
        top = 0x9f;
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xf4)
        top = 0x8f;
    if (p[1] < low || p[1] > top)
        return 0;
    for (i = 2; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    return len;
}

/* How many of the first bytes are ASCII, at least: whole words of eight. */
static size_t ascii_words(const char *text, size_t n)
{
    uint64_t word = 0;
    size_t i = 0;

    for (; n - i >= sizeof word; i += sizeof word) {
        memcpy(&word, text + i, sizeof word);
        if (word & 0x8080808080808080)
            break;
    }
    return i;
}

size_t utf8_prefix(const char *text, size_t n)
{
    size_t i = ascii_words(text, n);
    int len = 1;

    while (i < n && len) {
        len = (unsigned char)text[i] < 0x80 ? 1 : utf8_len(text + i, n - i);
        i += (size_t)len;
    }
    return i;
}

bool utf8_valid(const char *text, size_t n)
{
    return utf8_prefix(text, n) == n;
}

size_t utf8_put(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | (c >> 6));
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | (c >> 12));
        out[1] = (char)(0x80 | ((c >> 6) & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | (c >> 18));
    out[1] = (char)(0x80 | ((c >> 12) & 0x3f));
    out[2] = (char)(0x80 | ((c >> 6) & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* Bytes of the character at p that a terminal would act on; 0: it only shows it. */
static size_t acts(const unsigned char *p)
{
    if (p[0] < 0x20 || p[0] == 0x7f)
        return 1;
    if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f)
        return 2; /* U+0080 to U+009F */
    if (p[0] == 0xe2 && p[1] == 0x80 && p[2] >= 0xaa && p[2] <= 0xae)
        return 3; /* U+202A to U+202E */
    if (p[0] == 0xe2 && p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9)
        return 3; /* U+2066 to U+2069 */
    return 0;
}

char *utf8_plain(char *text)
{
    for (char *p = text; *p; p++) {
        size_t n = acts((const unsigned char *)p);

        for (; n > 0; n--)
            p[n - 1] = '?';
    }
    return text;
}
