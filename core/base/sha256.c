/* sha256: the one file that knows libcrypto. A failing digest is a broken machine: abort. */
#include "base/sha256.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* What is added is gathered first: a call of the library costs more than the few bytes of most fields. */
struct sha256 {
    EVP_MD_CTX *ctx;
    size_t held; /* bytes of `small` that the context has not seen */
    uint8_t small[256];
};

/* Fetched once in the life of the process: looking it up for each digest costs more than a short digest. */
static EVP_MD *md;
static pthread_once_t md_once = PTHREAD_ONCE_INIT;

static void must(int ok)
{
    if (ok == 1)
        return;
    fprintf(stderr, "sluice: libcrypto cannot compute SHA-256; aborting\n");
    abort();
}

static void fetch(void)
{
    md = EVP_MD_fetch(NULL, "SHA256", NULL);
    must(md != NULL);
}

struct sha256 *sha256_new(void)
{
    struct sha256 *s = mem_alloc(sizeof *s);

    pthread_once(&md_once, fetch);
    s->ctx = EVP_MD_CTX_new();
    must(s->ctx != NULL);
    must(EVP_DigestInit_ex2(s->ctx, md, NULL));
    return s;
}

struct sha256 *sha256_free(struct sha256 *s)
{
    if (!s)
        return NULL;
    EVP_MD_CTX_free(s->ctx);
    free(s);
    return NULL;
}

static void flush(struct sha256 *s)
{
    must(EVP_DigestUpdate(s->ctx, s->small, s->held));
    s->held = 0;
}

void sha256_update(struct sha256 *s, const void *p, size_t n)
{
    if (n > sizeof s->small - s->held)
        flush(s);
    if (n > sizeof s->small) {
        must(EVP_DigestUpdate(s->ctx, p, n));
    } else if (n > 0) {
        memcpy(s->small + s->held, p, n);
        s->held += n;
    }
}

void sha256_field(struct sha256 *s, const void *p, size_t n)
{
    uint8_t len[8];
    int i = 0;

    for (i = 0; i < 8; i++)
        len[i] = (uint8_t)((uint64_t)n >> (56 - 8 * i));
    sha256_update(s, len, sizeof len);
    sha256_update(s, p, n);
}

void sha256_final(struct sha256 *s, uint8_t out[SHA256_LEN])
{
    flush(s);
    must(EVP_DigestFinal_ex(s->ctx, out, NULL));
    must(EVP_DigestInit_ex2(s->ctx, md, NULL));
}

void sha256_of(const void *p, size_t n, uint8_t out[SHA256_LEN])
{
    pthread_once(&md_once, fetch);
    must(EVP_Digest(p, n, out, NULL, md, NULL));
}

void sha256_hex(const uint8_t digest[SHA256_LEN], char out[2 * SHA256_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";
    int i = 0;

    for (i = 0; i < SHA256_LEN; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[2 * SHA256_LEN] = '\0';
}

void sha256_hmac(const void *key, size_t key_len, const void *p, size_t n, uint8_t out[SHA256_LEN])
{
    unsigned len = 0;

    must(HMAC(EVP_sha256(), key, (int)key_len, p, n, out, &len) && len == SHA256_LEN);
}
