/* digits: integers as text. */
#include "base/digits.h"

#include <string.h>

static const char pairs[] = "00010203040506070809"
                            "10111213141516171819"
                            "20212223242526272829"
                            "30313233343536373839"
                            "40414243444546474849"
                            "50515253545556575859"
                            "60616263646566676869"
                            "70717273747576777879"
                            "80818283848586878889"
                            "90919293949596979899";

const char *digits_of(int64_t v, char out[DIGITS_ROOM])
{
    char *p = out + DIGITS_ROOM;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

    *--p = '\0';
    for (; u > 99; u /= 100)
        p = memcpy(p - 2, pairs + u % 100 * 2, 2);
    if (u > 9)
        p = memcpy(p - 2, pairs + u * 2, 2);
    else
        *--p = (char)('0' + u);
    if (v < 0)
        *--p = '-';
    return p;
}
