/*
 * redact: finds secrets in text and copies the rest. It sees the settings of one row and never
 * keeps anything. Secrets are searched in the whole text before it is cut, so that no half of one
 * is left.
 */
#include "providers/redact.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

#define MASK         "***"
#define SECRET_LEAST 4 /* shorter settings are no secrets, and would mask ordinary words */
#define SHAPE_LEAST  6 /* characters behind a prefix that make it look like a key */

/* How keys of the vendors begin. */
static const char *const shapes[] = {
    "sk-",     "sk_",     "gsk_", "xai-", "csk-", "nvapi-",
    "fw_",     "tgp_v1_", "hf_",  "AIza", "ABSK", "bedrock-api-key-",
    "Bearer ",
};

static bool is_key_char(char c)
{
    return isalnum((unsigned char)c) || (c && strchr("-_.*+/=~", c));
}

static bool begins(const char *at, size_t n, const char *with)
{
    size_t len = strlen(with);

    return len <= n && memcmp(at, with, len) == 0;
}

/* Length of a configured secret at `at`, or 0. */
static size_t known_secret(const struct model *m, const char *at, size_t n)
{
    const char *const keys[] = {m->api_key, m->aws_secret_access_key, m->aws_session_token};
    size_t best = 0;
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(keys); i++) {
        size_t len = keys[i] ? strlen(keys[i]) : 0;

        if (len >= SECRET_LEAST && len > best && begins(at, n, keys[i]))
            best = len;
    }
    for (i = 0; i < m->extra_headers.count; i++) {
        const char *value = m->extra_headers.at[i].value;

        if (value && strlen(value) > 2 * SECRET_LEAST && strlen(value) > best &&
            begins(at, n, value))
            best = strlen(value);
    }
    return best;
}

/* Length of something at `at` that looks like a key, or 0. `at` must be the begin of a word. */
static size_t looks_secret(const char *at, size_t n)
{
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(shapes); i++) {
        size_t head = strlen(shapes[i]);
        size_t len = head;

        if (!begins(at, n, shapes[i]))
            continue;
        while (len < n && is_key_char(at[len]))
            len++;
        if (len >= head + SHAPE_LEAST)
            return len;
    }
    return 0;
}

/* One character: n is what is left of the text. Gives how many bytes it took. */
static size_t copy_char(const char *at, size_t n, struct buf *out)
{
    unsigned char c = (unsigned char)*at;
    int len = 1;

    if (c < 0x80) {
        buf_char(out, c < 0x20 || c == 0x7f ? ' ' : (char)c);
        return 1;
    }
    len = utf8_len(at, n);
    if (len == 0) {
        buf_char(out, '?');
        return 1;
    }
    buf_append(out, at, (size_t)len);
    return (size_t)len;
}

void redact(const struct model *m, const char *text, size_t n, struct buf *out)
{
    bool word_begins = true;
    size_t i = 0;

    while (i < n && !out->over) {
        size_t secret = known_secret(m, text + i, n - i);

        if (secret == 0 && word_begins)
            secret = looks_secret(text + i, n - i);
        word_begins = !isalnum((unsigned char)text[i]);
        if (secret > 0) {
            buf_str(out, MASK);
            i += secret;
            continue;
        }
        i += copy_char(text + i, n - i, out);
    }
}

void redact_into(const struct model *m, const char *text, char *out, size_t cap)
{
    struct buf b = BUF_INIT(cap - 1);

    redact(m, text, strlen(text), &b);
    memcpy(out, b.data ? b.data : "", b.len);
    out[b.len] = '\0';
    buf_done(&b);
}
