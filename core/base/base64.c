/* base64: over libcrypto, a piece at a time, since its lengths are ints. */
#include "base/base64.h"

#include <openssl/evp.h>

#define PIECE ((size_t)3 << 20) /* a multiple of 3: only the last piece is padded */

int base64_put(struct buf *out, const void *p, size_t n)
{
    const unsigned char *from = p;

    if (buf_reserve(out, 4 * ((n + 2) / 3) + 1) < 0)
        return -1;
    while (n > 0) {
        size_t take = n < PIECE ? n : PIECE;

        out->len += (size_t)EVP_EncodeBlock((unsigned char *)out->data + out->len, from, (int)take);
        from += take;
        n -= take;
    }
    return 0;
}
