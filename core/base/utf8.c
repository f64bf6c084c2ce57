/* utf8: RFC 3629 sequences. Overlong forms, surrogates and anything beyond U+10FFFF are malformed.
 */
#include "base/utf8.h"

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

bool utf8_valid(const char *text, size_t n)
{
    size_t i = 0;
    int len = 0;

    while (i < n) {
        len = (unsigned char)text[i] < 0x80 ? 1 : utf8_len(text + i, n - i);
        if (!len)
            return false;
        i += (size_t)len;
    }
    return true;
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
