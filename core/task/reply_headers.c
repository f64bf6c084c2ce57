/* reply_headers: headers and destination of a reply record. Pure; knows names, not Kafka. */
#include "task/reply_headers.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "task/record_int.h"

struct out {
    struct task_header *at;
    int count;
    int max;
};

static void put(struct out *o, const char *name, const void *value, size_t len)
{
    if (o->count == o->max)
        return;
    o->at[o->count++] = (struct task_header){mem_strdup(name), mem_dup(value, len), len};
}

static void put_fmt(struct out *o, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void put_fmt(struct out *o, const char *name, const char *fmt, ...)
{
    char text[RECORD_ID_MAX + 1];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    put(o, name, text, strlen(text));
}

static void put_echo(struct out *o, const struct task *t, const char *name)
{
    const struct task_header *h = task_header_get(t, name);

    if (h)
        put(o, name, h->value, h->len);
}

/* What reads the reply goes on where it was published; without spans of ours, where the request came from. */
static void put_trace(struct out *o, const struct task *t)
{
    char text[TRACEPARENT_LEN + 1];

    if (!t->trace) {
        put_echo(o, t, "traceparent");
        put_echo(o, t, "tracestate");
        return;
    }
    traceparent_format(&t->trace->publish, text);
    put(o, "traceparent", text, TRACEPARENT_LEN);
    if (t->trace->state)
        put(o, "tracestate", t->trace->state, strlen(t->trace->state));
}

static void put_echoes(struct out *o, const struct task *t)
{
    put_echo(o, t, "kafka_correlationId");
    put_trace(o, t);
    put_echo(o, t, "sluice-run");
}

static void put_own(struct out *o, const struct task *t)
{
    static const char *const results[] = {
        [CACHE_MISS] = "miss",
        [CACHE_HIT] = "hit",
        [CACHE_COALESCED] = "coalesced",
    };
    const char *model = t->nmodels > 0 ? t->models[0] : NULL;
    struct task_origin first = task_first(t);

    if (t->completion)
        model = t->completion->model;
    if (t->id)
        put_fmt(o, "sluice-task-id", "%s", t->id);
    put_fmt(o, "sluice-attempts", "%d", t->ntrail);
    if (model && *model)
        put_fmt(o, "sluice-model", "%s", model);
    put_fmt(o, "sluice-cache", "%s", results[t->cache_result]);
    put_fmt(o, "sluice-source-topic", "%s", first.topic ? first.topic : "");
    put_fmt(o, "sluice-source-partition", "%" PRId32, first.partition);
    put_fmt(o, "sluice-source-offset", "%" PRId64, first.offset);
}

static void put_event(struct out *o, const struct task *t)
{
    if (!record_event_binary(t) && !record_event_structured(t))
        return;
    put_fmt(o, "ce_specversion", "1.0");
    if (t->id)
        put_fmt(o, "ce_id", "%s", t->id);
    put_fmt(o, "ce_type", "ai.sluice.reply");
    put_fmt(o, "ce_source", "/sluice");
    put_fmt(o, "content-type", "application/json");
}

int reply_headers(const struct task *t, struct task_header *out, int max)
{
    struct out o = {.at = out, .max = max};

    put_echoes(&o, t);
    put_own(&o, t);
    put_event(&o, t);
    return o.count;
}

void reply_headers_free(struct task_header *headers, int n)
{
    int i = 0;

    for (i = 0; i < n; i++) {
        free(headers[i].name);
        free(headers[i].value);
        headers[i] = (struct task_header){0};
    }
}

static bool is_topic(const struct task_header *h, const char *topic)
{
    return topic && strlen(topic) == h->len && memcmp(topic, h->value, h->len) == 0;
}

/* The configured name that the header spells, or NULL. */
static const char *allowed_topic(const struct task_header *h, const struct config *c)
{
    size_t i = 0;

    if (!h->value || h->len == 0)
        return NULL;
    if (is_topic(h, c->topics.replies))
        return c->topics.replies;
    for (i = 0; i < c->topics.reply_allow.count; i++) {
        if (is_topic(h, c->topics.reply_allow.at[i]))
            return c->topics.reply_allow.at[i];
    }
    return NULL;
}

/*
 * Spring sends four bytes, big-endian; Nest sends decimal digits. Four digits read as an integer
 * would be a partition beyond 800 million, so that the two cannot be mixed up.
 */
static int32_t partition_of(const struct task_header *h)
{
    const unsigned char *p = NULL;
    int64_t v = 0;
    size_t i = 0;

    if (!h || !h->value || h->len == 0 || h->len > 9)
        return -1;
    p = (const unsigned char *)h->value;
    for (i = 0; i < h->len && p[i] >= '0' && p[i] <= '9'; i++)
        v = v * 10 + (p[i] - '0');
    if (i == h->len)
        return (int32_t)v;
    if (h->len != 4 || p[0] > 0x7f)
        return -1;
    return (int32_t)((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]);
}

int reply_topic(const struct task *t, const struct config *c, char *out, size_t cap,
                int32_t *ret_partition)
{
    const struct task_header *h = task_header_get(t, "kafka_replyTopic");
    const char *topic = h ? allowed_topic(h, c) : NULL;

    *ret_partition = topic ? partition_of(task_header_get(t, "kafka_replyPartition")) : -1;
    snprintf(out, cap, "%s", topic ? topic : c->topics.replies);
    return h && !topic ? REPLY_TOPIC_REFUSED : REPLY_TOPIC_OK;
}
