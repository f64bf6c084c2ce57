/*
 * sigv4: canonical request, string to sign, signature. It knows the rules of the signature and no
 * service; it must not send, and it keeps nothing. Keys that are derived on the way are wiped.
 */
#include "policy/sigv4.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/sha256.h"

#define CANONICAL_MAX 32768 /* a path of 8 KB encoded, a token of 8 KB */
#define SECRET_MAX    256
#define SIGNED        "host;x-amz-date"
#define ENCODE_NOT    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/"
#define SCOPE_PATTERN "%.8s/%s/%s/aws4_request" /* date, region, service */
#define ALGORITHM     "AWS4-HMAC-SHA256"

/* What is signed of the URL; points into it. */
struct place {
    const char *host;
    size_t host_len;
    const char *path; /* "": the root */
};

static int find_place(const char *url, struct place *ret, struct err *e)
{
    const char *slashes = url ? strstr(url, "://") : NULL;
    const char *host = slashes ? slashes + 3 : "";
    size_t n = strcspn(host, "/?#");
    const char *usual = slashes && strncmp(url, "https", 5) == 0 ? ":443" : ":80";
    size_t port = strlen(usual);

    if (n == 0)
        return err_set(e, EX_CONFIG, "the URL to be signed has no host");
    if (host[n + strcspn(host + n, "?#")])
        return err_set(e, EX_CONFIG,
                       "a URL with a query cannot be signed; take it out of api_base");
    ret->host = host;
    ret->path = host + n;
    /* HTTP libraries leave the usual port out of the Host header, and so does the other side. */
    if (n > port && memcmp(host + n - port, usual, port) == 0)
        n -= port;
    ret->host_len = n;
    return 0;
}

/* Each byte that may not stand in a path for itself as %XX, a '%' as well; no empty segments. */
static void put_path(struct buf *out, const char *path)
{
    if (!*path)
        buf_char(out, '/');
    for (; *path; path++) {
        if (path[0] == '/' && path[1] == '/')
            continue;
        if (strchr(ENCODE_NOT, *path))
            buf_char(out, *path);
        else
            buf_printf(out, "%%%02X", (unsigned char)*path);
    }
}

static void put_digest(struct buf *out, const void *p, size_t n)
{
    uint8_t digest[SHA256_LEN];
    char hex[2 * SHA256_LEN + 1];

    sha256_of(p, n, digest);
    sha256_hex(digest, hex);
    buf_str(out, hex);
}

/* A header's value with blanks around it taken off, and several between words made one. */
static void put_value(struct buf *out, const char *value)
{
    for (value += strspn(value, " "); *value; value++) {
        if (*value != ' ' || (value[1] && value[1] != ' '))
            buf_char(out, *value);
    }
    buf_char(out, '\n');
}

static void put_signed_headers(struct buf *out, const struct http_request *r,
                               const char *content_type)
{
    buf_printf(out, "%s" SIGNED "%s", content_type ? "content-type;" : "",
               r->aws.token ? ";x-amz-security-token" : "");
}

static void put_canonical(struct buf *out, const struct http_request *r, const char *content_type,
                          const struct place *p, const struct sigv4 *s)
{
    buf_str(out, r->get ? "GET\n" : "POST\n");
    put_path(out, p->path);
    buf_str(out, "\n\n"); /* no query */
    if (content_type) {
        buf_str(out, "content-type:");
        put_value(out, content_type);
    }
    buf_printf(out, "host:%s\nx-amz-date:%s\n", s->host, s->date);
    if (r->aws.token) {
        buf_str(out, "x-amz-security-token:");
        put_value(out, r->aws.token);
    }
    buf_char(out, '\n');
    put_signed_headers(out, r, content_type);
    buf_char(out, '\n');
    put_digest(out, r->body.data ? r->body.data : "", r->body.len);
}

static void derive(const char *text, uint8_t key[SHA256_LEN])
{
    sha256_hmac(key, SHA256_LEN, text, strlen(text), key);
}

/* -1: the secret is longer than any. */
static int signing_key(const struct http_aws *aws, const char *date, uint8_t key[SHA256_LEN])
{
    char seed[SECRET_MAX + 8];
    char day[9];
    int n = snprintf(seed, sizeof seed, "AWS4%s", aws->secret);

    if (n < 0 || (size_t)n >= sizeof seed) {
        explicit_bzero(seed, sizeof seed);
        return -1;
    }
    snprintf(day, sizeof day, "%.8s", date);
    sha256_hmac(seed, (size_t)n, day, strlen(day), key);
    derive(aws->region, key);
    derive(aws->service, key);
    derive("aws4_request", key);
    explicit_bzero(seed, sizeof seed);
    return 0;
}

static void put_string_to_sign(struct buf *out, const struct http_aws *aws, const struct sigv4 *s,
                               const struct buf *canonical)
{
    buf_printf(out, ALGORITHM "\n%s\n" SCOPE_PATTERN "\n", s->date, s->date, aws->region,
               aws->service);
    put_digest(out, canonical->data, canonical->len);
}

static void put_date(int64_t wall_ms, struct sigv4 *s)
{
    time_t at = (time_t)(wall_ms / 1000);
    struct tm tm = {0};

    gmtime_r(&at, &tm);
    strftime(s->date, sizeof s->date, "%Y%m%dT%H%M%SZ", &tm);
}

static int put_authorization(const struct http_request *r, const char *content_type,
                             const uint8_t signature[SHA256_LEN], struct sigv4 *s)
{
    struct buf out = BUF_INIT(sizeof s->authorization - 1);
    char hex[2 * SHA256_LEN + 1];
    int rc = 0;

    sha256_hex(signature, hex);
    buf_printf(&out, ALGORITHM " Credential=%s/" SCOPE_PATTERN ", SignedHeaders=", r->aws.key_id,
               s->date, r->aws.region, r->aws.service);
    put_signed_headers(&out, r, content_type);
    buf_printf(&out, ", Signature=%s", hex);
    rc = out.over ? -1 : 0;
    if (rc == 0)
        memcpy(s->authorization, out.data, out.len + 1);
    buf_done(&out);
    return rc;
}

int sigv4_sign(const struct http_request *r, const char *content_type, int64_t wall_ms,
               struct sigv4 *ret, struct err *e)
{
    CLEANUP(buf_done) struct buf canonical = BUF_INIT(CANONICAL_MAX);
    CLEANUP(buf_done) struct buf text = BUF_INIT(CANONICAL_MAX);
    uint8_t key[SHA256_LEN];
    struct sigv4 s = {0};
    struct place p = {0};
    int rc = 0;

    if (find_place(r->url, &p, e) < 0)
        return -1;
    if (p.host_len >= sizeof s.host)
        return err_set(e, EX_CONFIG, "the host to be signed is longer than %zu bytes",
                       sizeof s.host - 1);
    memcpy(s.host, p.host, p.host_len);
    put_date(wall_ms, &s);
    put_canonical(&canonical, r, content_type, &p, &s);
    put_string_to_sign(&text, &r->aws, &s, &canonical);
    if (canonical.over || text.over || signing_key(&r->aws, s.date, key) < 0)
        return err_set(e, EX_CONFIG, "URL, token or secret are too long to be signed");
    sha256_hmac(key, sizeof key, text.data, text.len, key);
    rc = put_authorization(r, content_type, key, &s);
    explicit_bzero(key, sizeof key);
    if (canonical.data) /* it holds the session's token */
        explicit_bzero(canonical.data, canonical.len);
    if (rc < 0)
        return err_set(e, EX_CONFIG, "the AWS key id or region is too long");
    *ret = s;
    return 0;
}
