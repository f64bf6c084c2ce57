/*
 * store_codec: writes and reads the values of the store's families. Every length is checked
 * before it is used, since a value may come from a damaged disk or another version; nothing is
 * repaired here.
 */
#include "io/store_codec.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

#define KIND_COMPLETION 'C'
#define KIND_OUTCOME    'O'
#define KIND_CLAIM      'K'

/* A read position; `bad` sticks, so that a chain of reads is checked once at its end. */
struct reader {
    const uint8_t *at;
    size_t left;
    bool bad;
};

static int put_int(struct buf *out, uint64_t v, int bytes)
{
    uint8_t b[8];

    for (int i = 0; i < bytes; i++)
        b[i] = (uint8_t)(v >> (8 * i));
    return buf_append(out, b, (size_t)bytes);
}

static int put_text(struct buf *out, const char *s)
{
    size_t n = strlen(s);

    if (put_int(out, n, 2) < 0)
        return -1;
    return buf_append(out, s, n);
}

static const uint8_t *take(struct reader *r, size_t n)
{
    const uint8_t *p = r->at;

    if (r->bad || n > r->left) {
        r->bad = true;
        return NULL;
    }
    r->at += n;
    r->left -= n;
    return p;
}

static uint64_t get_int(struct reader *r, int bytes)
{
    const uint8_t *p = take(r, (size_t)bytes);
    uint64_t v = 0;

    for (int i = 0; p && i < bytes; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static void get_text(struct reader *r, char *out, size_t cap)
{
    size_t n = get_int(r, 2);
    const uint8_t *p = take(r, n);

    if (!p)
        return;
    if (n >= cap || memchr(p, 0, n)) {
        r->bad = true;
        return;
    }
    memcpy(out, p, n);
    out[n] = 0;
}

static void get_magic(struct reader *r, int kind)
{
    if (get_int(r, 1) != STORE_VALUE_VERSION || get_int(r, 1) != (uint64_t)kind)
        r->bad = true;
}

int codec_put_completion(struct buf *out, const struct completion *c)
{
    const struct usage *u = &c->usage;
    const int64_t tokens[] = {u->input_tokens, u->cached_input_tokens, u->cache_write_tokens,
                              u->output_tokens, u->reasoning_tokens};
    const char *texts[] = {c->model, c->provider, c->upstream_model, c->request_id};
    uint64_t cost;
    int r = 0;

    memcpy(&cost, &c->cost_usd, sizeof cost);
    r |= put_int(out, STORE_VALUE_VERSION, 1);
    r |= put_int(out, KIND_COMPLETION, 1);
    r |= put_int(out, (uint64_t)c->finish, 1);
    r |= put_int(out, 0, 1);
    r |= put_int(out, (uint64_t)c->created_wall_ms, 8);
    r |= put_int(out, (uint64_t)c->expires_wall_ms, 8);
    r |= put_int(out, cost, 8);
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++)
        r |= put_int(out, (uint64_t)tokens[i], 8);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        r |= put_text(out, texts[i]);
    r |= put_int(out, c->body_len, 4);
    r |= buf_append(out, c->body, c->body_len);
    return r;
}

static void get_usage(struct reader *r, struct usage *u)
{
    u->input_tokens = (int64_t)get_int(r, 8);
    u->cached_input_tokens = (int64_t)get_int(r, 8);
    u->cache_write_tokens = (int64_t)get_int(r, 8);
    u->output_tokens = (int64_t)get_int(r, 8);
    u->reasoning_tokens = (int64_t)get_int(r, 8);
}

static void get_head(struct reader *r, struct completion *c)
{
    uint64_t finish, cost;

    get_magic(r, KIND_COMPLETION);
    finish = get_int(r, 1);
    if (get_int(r, 1) != 0 || finish >= FINISH_COUNT)
        r->bad = true;
    c->finish = (enum finish)finish;
    c->created_wall_ms = (int64_t)get_int(r, 8);
    c->expires_wall_ms = (int64_t)get_int(r, 8);
    cost = get_int(r, 8);
    memcpy(&c->cost_usd, &cost, sizeof cost);
    if (!isfinite(c->cost_usd))
        r->bad = true;
    get_usage(r, &c->usage);
    get_text(r, c->model, sizeof c->model);
    get_text(r, c->provider, sizeof c->provider);
    get_text(r, c->upstream_model, sizeof c->upstream_model);
    get_text(r, c->request_id, sizeof c->request_id);
}

int codec_get_completion(const void *p, size_t n, struct completion **ret)
{
    struct reader r = {.at = p, .left = n};
    struct completion *c = completion_new();
    const uint8_t *body;

    get_head(&r, c);
    c->body_len = get_int(&r, 4);
    body = take(&r, c->body_len);
    if (!body || r.bad || r.left > 0) {
        completion_unref(c);
        return -1;
    }
    c->body = mem_dup(body, c->body_len);
    *ret = c;
    return 0;
}

int codec_put_outcome(struct buf *out, const struct outcome_value *v)
{
    int r = 0;

    r |= put_int(out, STORE_VALUE_VERSION, 1);
    r |= put_int(out, KIND_OUTCOME, 1);
    r |= put_int(out, v->ok, 1);
    r |= put_int(out, 0, 1);
    r |= put_int(out, (uint32_t)v->status, 4);
    r |= put_int(out, (uint64_t)v->wall_ms, 8);
    r |= buf_append(out, v->fingerprint, STORE_FINGERPRINT_LEN);
    r |= put_int(out, v->reply_len, 4);
    r |= buf_append(out, v->reply, v->reply_len);
    return r;
}

int codec_get_outcome(const void *p, size_t n, struct outcome_value *ret)
{
    struct reader r = {.at = p, .left = n};
    struct outcome_value v = {0};
    const uint8_t *fingerprint;
    uint64_t ok;

    get_magic(&r, KIND_OUTCOME);
    ok = get_int(&r, 1);
    if (get_int(&r, 1) != 0 || ok > 1)
        r.bad = true;
    v.ok = ok == 1;
    v.status = (int32_t)get_int(&r, 4);
    v.wall_ms = (int64_t)get_int(&r, 8);
    fingerprint = take(&r, STORE_FINGERPRINT_LEN);
    if (fingerprint)
        memcpy(v.fingerprint, fingerprint, STORE_FINGERPRINT_LEN);
    v.reply_len = get_int(&r, 4);
    v.reply = (const char *)take(&r, v.reply_len);
    if (!v.reply || r.bad || r.left > 0)
        return -1;
    *ret = v;
    return 0;
}

int codec_put_claim(struct buf *out, const struct store_claim *c)
{
    int r = 0;

    r |= put_int(out, STORE_VALUE_VERSION, 1);
    r |= put_int(out, KIND_CLAIM, 1);
    r |= put_int(out, 0, 2);
    r |= put_int(out, (uint32_t)c->partition, 4);
    r |= put_int(out, (uint64_t)c->wall_ms, 8);
    r |= put_int(out, (uint64_t)c->offset, 8);
    return r;
}

int codec_get_claim(const void *p, size_t n, struct store_claim *ret)
{
    struct reader r = {.at = p, .left = n};
    struct store_claim c = {0};

    get_magic(&r, KIND_CLAIM);
    if (get_int(&r, 2) != 0)
        r.bad = true;
    c.partition = (int32_t)get_int(&r, 4);
    c.wall_ms = (int64_t)get_int(&r, 8);
    c.offset = (int64_t)get_int(&r, 8);
    if (r.bad || r.left > 0)
        return -1;
    *ret = c;
    return 0;
}

int codec_completion_times(const void *p, size_t n, int64_t *ret_created, int64_t *ret_expires)
{
    struct reader r = {.at = p, .left = n};
    int64_t created, expires;

    get_magic(&r, KIND_COMPLETION);
    take(&r, 2);
    created = (int64_t)get_int(&r, 8);
    expires = (int64_t)get_int(&r, 8);
    if (r.bad)
        return -1;
    *ret_created = created;
    *ret_expires = expires;
    return 0;
}

int codec_outcome_time(const void *p, size_t n, int64_t *ret_wall_ms)
{
    struct reader r = {.at = p, .left = n};
    int64_t wall_ms;

    get_magic(&r, KIND_OUTCOME);
    take(&r, 6);
    wall_ms = (int64_t)get_int(&r, 8);
    if (r.bad)
        return -1;
    *ret_wall_ms = wall_ms;
    return 0;
}
