/* sha256: a digest does not depend on the pieces in which its bytes come. */
#include <criterion/criterion.h>

#include <string.h>

#include "base/mem.h"
#include "base/sha256.h"

#define BYTES 1500

static void expect_hex(const uint8_t digest[SHA256_LEN], const char *hex)
{
    char text[2 * SHA256_LEN + 1];

    sha256_hex(digest, text);
    cr_expect_str_eq(text, hex);
}

/* FIPS 180-4, examples of one block and of none. */
Test(sha256, known_digests)
{
    struct sha256 *s = sha256_new();
    uint8_t digest[SHA256_LEN];

    sha256_update(s, "abc", 3);
    sha256_final(s, digest);
    expect_hex(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sha256_update(s, NULL, 0);
    sha256_final(s, digest);
    expect_hex(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha256_free(s);
}

Test(sha256, pieces_of_any_size)
{
    static const size_t sizes[] = {1, 7, 63, 64, 65, 128, 255, 256, 257, 400, BYTES};
    struct sha256 *s = sha256_new();
    uint8_t bytes[BYTES], whole[SHA256_LEN], digest[SHA256_LEN];
    size_t i = 0, at = 0;

    for (i = 0; i < BYTES; i++)
        bytes[i] = (uint8_t)(i * 31 + i / 256);
    sha256_of(bytes, BYTES, whole);
    for (i = 0; i < ARRAY_LEN(sizes); i++) {
        for (at = 0; at < BYTES; at += sizes[i])
            sha256_update(s, bytes + at, sizes[i] < BYTES - at ? sizes[i] : BYTES - at);
        sha256_final(s, digest);
        cr_expect_arr_eq(digest, whole, SHA256_LEN, "pieces of %zu bytes", sizes[i]);
    }
    for (at = 0, i = 0; at < BYTES; i++) { /* small ones and large ones by turns */
        size_t n = i % 2 ? 300 : 20;

        n = n < BYTES - at ? n : BYTES - at;
        sha256_update(s, bytes + at, n);
        at += n;
    }
    sha256_final(s, digest);
    cr_expect_arr_eq(digest, whole, SHA256_LEN);
    sha256_free(s);
}
