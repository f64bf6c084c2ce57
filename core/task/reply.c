/*
 * reply: writes reply records by hand into one buffer (design 2.2), because it is on the path of
 * every task. The body of a completion is spliced in as it is; everything else is escaped here.
 * Pure: the time is an argument.
 */
#include "task/reply.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/digits.h"
#include "base/json_scan.h"
#include "base/mem.h"
#include "base/utf8.h"

#define ID_BYTES    12                 /* of the digest that makes the reply's id */
#define SMALL_MAX   ((size_t)64 << 10) /* room for a reply without a body */
#define ERROR_DEPTH 64

/* What a reply is made of. */
struct reply {
    const struct task *t;
    const struct config *c;
    const struct task_error *error; /* NULL: success */
    int64_t now_wall_ms;
    bool small; /* leave out what can be large */
};

/* Quoted text whose UTF-8 may be broken: a message is cut to its size, maybe inside a character. */
static int put_text(struct buf *b, const char *s)
{
    size_t n = strlen(s);
    size_t i = 0;
    struct buf clean = BUF_INIT(3 * n);
    int r = 0;

    if (utf8_valid(s, n))
        return buf_json_str(b, s, n);
    while (i < n) {
        int len = (unsigned char)s[i] < 0x80 ? 1 : utf8_len(s + i, n - i);

        if (len)
            buf_append(&clean, s + i, (size_t)len);
        else
            buf_str(&clean, "\xef\xbf\xbd");
        i += len ? (size_t)len : 1;
    }
    r = buf_json_str(b, clean.data, clean.len);
    buf_done(&clean);
    return r;
}

static void put_text_or_null(struct buf *b, const char *s)
{
    if (s && *s)
        put_text(b, s);
    else
        buf_str(b, "null");
}

static void put_int(struct buf *b, int64_t v)
{
    char text[DIGITS_ROOM];

    buf_str(b, digits_of(v, text));
}

/* Negative means unknown: null, never 0. */
static void put_count(struct buf *b, const char *name, int64_t v)
{
    buf_str(b, name);
    if (v < 0)
        buf_str(b, "null");
    else
        put_int(b, v);
}

/* The same record gives the same id in every life, so that a repeated reply can be told. */
static void put_id(struct buf *b, const struct task *t)
{
    struct task_origin first = task_first(t);
    uint8_t seed[256 + sizeof first.partition + sizeof first.offset + sizeof t->fingerprint];
    uint8_t digest[SHA256_LEN];
    char hex[2 * SHA256_LEN + 1];
    const char *topic = first.topic ? first.topic : "";
    size_t n = strnlen(topic, 256);

    memcpy(seed, topic, n);
    memcpy(seed + n, &first.partition, sizeof first.partition);
    n += sizeof first.partition;
    memcpy(seed + n, &first.offset, sizeof first.offset);
    n += sizeof first.offset;
    memcpy(seed + n, t->fingerprint, sizeof t->fingerprint);
    n += sizeof t->fingerprint;
    sha256_of(seed, n, digest);
    sha256_hex(digest, hex);
    buf_str(b, "\"id\":\"batch_req_");
    buf_append(b, hex, (size_t)2 * ID_BYTES);
    buf_char(b, '"');
}

/* The provider's own error object, when it is one that can be passed on. */
static bool error_body_usable(const struct task_error *err)
{
    return err->body && err->body_len > 1 && err->body[0] == '{' &&
           json_scan(err->body, err->body_len, ERROR_DEPTH, false, NULL) == 0;
}

static void put_error_body(struct buf *b, const struct task_error *err)
{
    if (error_body_usable(err)) {
        buf_append(b, err->body, err->body_len);
        return;
    }
    buf_str(b, "{\"error\":{\"message\":");
    put_text(b, err->message);
    buf_str(b, ",\"type\":");
    put_text(b, err->code);
    buf_str(b, ",\"param\":null,\"code\":");
    put_text(b, err->code);
    buf_str(b, "}}");
}

static void put_response(struct buf *b, int status, const char *request_id)
{
    buf_str(b, ",\"response\":{\"status_code\":");
    put_int(b, status);
    buf_str(b, ",\"request_id\":");
    put_text(b, request_id);
    buf_str(b, ",\"body\":");
}

static void put_outcome(struct buf *b, const struct reply *r)
{
    const struct completion *done = r->t->completion;

    if (!r->error) {
        put_response(b, 200, done->request_id);
        buf_append(b, done->body, done->body_len);
        buf_str(b, "},\"error\":null");
        return;
    }
    if (r->error->http_status > 0) {
        put_response(b, r->error->http_status, "");
        put_error_body(b, r->error);
        buf_str(b, "},\"error\":null");
        return;
    }
    buf_str(b, ",\"response\":null,\"error\":{\"code\":");
    put_text(b, r->error->code);
    buf_str(b, ",\"message\":");
    put_text(b, r->error->message);
    buf_char(b, '}');
}

static const struct model *route_of(const struct reply *r, unsigned route)
{
    return route < r->c->nmodels ? &r->c->models[route] : NULL;
}

/* Who answered; of a failure: who was asked last. */
static void put_model(struct buf *b, const struct reply *r)
{
    const struct task *t = r->t;
    const struct completion *done = t->completion;
    const struct model *last = t->ntrail > 0 ? route_of(r, t->trail[t->ntrail - 1].route) : NULL;
    const char *model = t->nmodels > 0 ? t->models[0] : NULL;

    buf_str(b, ",\"model\":");
    put_text_or_null(b, done ? done->model : last ? last->model_name : model);
    buf_str(b, ",\"provider\":");
    put_text_or_null(b, done ? done->provider : last ? last->provider_name : NULL);
    buf_str(b, ",\"upstream_model\":");
    put_text_or_null(b, done ? done->upstream_model : last ? last->upstream_model : NULL);
}

static void put_attempt(struct buf *b, const struct reply *r, const struct attempt *a)
{
    const struct model *m = route_of(r, a->route);

    buf_str(b, "{\"model\":");
    put_text_or_null(b, m ? m->model_name : NULL);
    buf_str(b, ",\"provider\":");
    put_text_or_null(b, m ? m->provider_name : NULL);
    put_count(b, ",\"status\":", a->status > 0 ? a->status : -1);
    buf_str(b, ",\"class\":");
    put_text(b, class_name(a->class));
    buf_str(b, ",\"ms\":");
    put_int(b, a->ms > 0 ? a->ms : 0);
    if (a->maybe_paid && !a->cost_known)
        buf_str(b, ",\"maybe_paid\":true");
    buf_char(b, '}');
}

static void put_attempts(struct buf *b, const struct reply *r)
{
    int i = 0;

    buf_str(b, ",\"attempts\":[");
    for (i = 0; i < r->t->ntrail && !r->small; i++) {
        if (i > 0)
            buf_char(b, ',');
        put_attempt(b, r, &r->t->trail[i]);
    }
    buf_char(b, ']');
}

static void put_usage(struct buf *b, const struct completion *done)
{
    if (!done) {
        buf_str(b, ",\"usage\":null");
        return;
    }
    put_count(b, ",\"usage\":{\"input_tokens\":", done->usage.input_tokens);
    put_count(b, ",\"cached_input_tokens\":", done->usage.cached_input_tokens);
    put_count(b, ",\"output_tokens\":", done->usage.output_tokens);
    put_count(b, ",\"reasoning_tokens\":", done->usage.reasoning_tokens);
    buf_char(b, '}');
}

double reply_cost(const struct task *t)
{
    int i = 0;

    if (t->cache_result != CACHE_MISS)
        return t->lost_usd;
    if (t->completion)
        return t->completion->cost_usd < 0 ? -1 : t->completion->cost_usd + t->lost_usd;
    for (i = 0; i < t->ntrail; i++) {
        const struct attempt *a = &t->trail[i];

        if (a->maybe_paid || (a->status >= 200 && a->status < 300 && !a->cost_known))
            return -1;
    }
    return t->lost_usd;
}

static void put_cost(struct buf *b, const struct task *t)
{
    double cost = reply_cost(t);

    buf_str(b, ",\"cost_usd\":");
    if (!(cost >= 0 && cost < 1e15))
        buf_str(b, "null");
    else if (cost == 0) /* of every hit */
        buf_char(b, '0');
    else
        buf_printf(b, "%.12g", cost);
}

static void put_source(struct buf *b, const struct task *t)
{
    struct task_origin o = task_first(t);

    buf_str(b, ",\"source\":{\"topic\":");
    put_text(b, o.topic ? o.topic : "");
    buf_str(b, ",\"partition\":");
    put_int(b, o.partition);
    buf_str(b, ",\"offset\":");
    put_int(b, o.offset);
    buf_char(b, '}');
}

static void put_spliced(struct buf *b, const char *name, const char *json)
{
    buf_str(b, name);
    buf_str(b, json);
}

static void put_sluice(struct buf *b, const struct reply *r)
{
    static const char *const results[] = {
        [CACHE_MISS] = "miss",
        [CACHE_HIT] = "hit",
        [CACHE_COALESCED] = "coalesced",
    };
    const struct task *t = r->t;
    char finished[40];

    clock_format_rfc3339(r->now_wall_ms, finished, sizeof finished);
    buf_str(b, ",\"sluice\":{\"task_id\":");
    put_text(b, t->id);
    buf_str(b, ",\"cache\":");
    put_text(b, results[t->cache_result]);
    put_model(b, r);
    put_attempts(b, r);
    put_usage(b, t->completion);
    put_cost(b, t);
    buf_str(b, ",\"queued_ms\":");
    put_int(b, t->queued_us > 0 ? t->queued_us / 1000 : 0);
    buf_str(b, ",\"inference_ms\":");
    put_int(b, t->inference_us > 0 ? t->inference_us / 1000 : 0);
    buf_str(b, ",\"finished_at\":");
    put_text(b, finished);
    put_source(b, t);
    if (t->dropped && !r->small)
        put_spliced(b, ",\"drop_params\":", t->dropped);
    if (t->metadata && !r->small)
        put_spliced(b, ",\"metadata\":", t->metadata);
    buf_char(b, '}');
}

static void put_reply(struct buf *b, const struct reply *r)
{
    buf_char(b, '{');
    put_id(b, r->t);
    buf_str(b, ",\"custom_id\":");
    put_text(b, r->t->custom_id ? r->t->custom_id : r->t->id);
    put_outcome(b, r);
    put_sluice(b, r);
    buf_char(b, '}');
}

/* The outcome does not fit: say so, and which property to raise. */
static void put_too_large(struct buf *b, struct reply r)
{
    struct task_error error = {.code = "reply_too_large"};

    snprintf(
        error.message, sizeof error.message,
        "the reply is larger than limits.reply_bytes (%" PRId64
        "); raise it (and message.max.bytes and max.message.bytes of the topic), or ask for less",
        r.c->limits.reply_bytes);
    buf_done(b);
    buf_init(b, SMALL_MAX);
    r.error = &error;
    r.small = true;
    put_reply(b, &r);
}

void reply_format(struct task *t, const struct config *c, int64_t now_wall_ms)
{
    struct reply r = {.t = t, .c = c, .error = t->error, .now_wall_ms = now_wall_ms};
    size_t max = c->limits.reply_bytes > 0 ? (size_t)c->limits.reply_bytes : SIZE_MAX / 2;
    size_t body = t->completion ? t->completion->body_len : 0;
    struct buf b = BUF_INIT(max);

    assert(t->id && (t->completion || t->error));
    if (t->completion)
        r.error = NULL;
    if (body < max)
        buf_reserve(&b, body + 1024 < max ? body + 1024 : max);
    put_reply(&b, &r);
    t->ok = !b.over && !r.error;
    t->reply_status = (int16_t)(b.over ? 0 : t->ok ? 200 : r.error->http_status);
    if (b.over)
        put_too_large(&b, r);
    free(t->reply);
    t->reply = buf_steal(&b, &t->reply_len);
}
