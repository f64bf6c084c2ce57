/*
 * json_plain: how far a text stands for itself in a JSON string. Bodies are mostly that, so it is looked at by sixteen
 * bytes: gcc's vectors are the processor's where it has such, and words where not.
 */
#ifndef SLUICE_BASE_JSON_PLAIN_H
#define SLUICE_BASE_JSON_PLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef signed char json_plain_block __attribute__((vector_size(16)));

/* Bytes from s on, of n, that need no escape; with `ascii` those above 0x7f end it as well. Give `ascii` as a constant. */
__attribute__((always_inline)) static inline size_t json_plain_len(const char *s, size_t n,
                                                                   bool ascii)
{
    size_t i = 0;

    for (; n - i >= sizeof(json_plain_block); i += sizeof(json_plain_block)) {
        json_plain_block b;
        json_plain_block low;
        uint64_t special[2];

        memcpy(&b, s + i, sizeof b);
        low = b < 0x20; /* bytes above 0x7f, too: they are signed */
        if (!ascii)
            low &= b >= 0;
        low |= (b == '"') | (b == '\\');
        memcpy(special, &low, sizeof special);
        if (special[0] | special[1])
            break;
    }
    while (i < n && (unsigned char)s[i] >= 0x20 && s[i] != '"' && s[i] != '\\' &&
           !(ascii && (unsigned char)s[i] >= 0x80))
        i++;
    return i;
}

#endif
