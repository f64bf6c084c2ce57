/* digits: integers as text. */
#include "base/digits.h"

const char *digits_of(int64_t v, char out[DIGITS_ROOM])
{
    char *p = out + DIGITS_ROOM;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

    *--p = '\0';
    do {
        *--p = (char)('0' + u % 10);
        u /= 10;
    } while (u);
    if (v < 0)
        *--p = '-';
    return p;
}
