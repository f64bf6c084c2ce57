/* reply_headers: headers and destination of a reply record. Pure; knows names, not Kafka. */
#include "task/reply_headers.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "task/record_int.h"

static void put(struct reply_headers *h, const char *name, const void *value, size_t len)
{
    assert(h->count < REPLY_HEADERS_MAX);
    h->at[h->count++] = (struct reply_header){name, value, len};
}

static void put_text(struct reply_headers *h, const char *name, const char *text)
{
    put(h, name, text, strlen(text));
}

static void put_echo(struct reply_headers *h, const struct task *t, const char *name)
{
    const struct task_header *theirs = task_header_get(t, name);

    if (theirs)
        put(h, name, theirs->value, theirs->len);
}

/* What reads the reply goes on where it was published; without spans of ours, where the request came from. */
static void put_trace(struct reply_headers *h, const struct task *t)
{
    if (!t->trace) {
        put_echo(h, t, "traceparent");
        put_echo(h, t, "tracestate");
        return;
    }
    traceparent_format(&t->trace->publish, h->traceparent);
    put(h, "traceparent", h->traceparent, TRACEPARENT_LEN);
    if (t->trace->state)
        put_text(h, "tracestate", t->trace->state);
}

static void put_echoes(struct reply_headers *h, const struct task *t)
{
    put_echo(h, t, "kafka_correlationId");
    put_trace(h, t);
    put_echo(h, t, "sluice-run");
}

static void put_own(struct reply_headers *h, const struct task *t)
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
        put_text(h, "sluice-task-id", t->id);
    put_text(h, "sluice-attempts", digits_of(t->ntrail, h->attempts));
    if (model && *model)
        put_text(h, "sluice-model", model);
    put_text(h, "sluice-cache", results[t->cache_result]);
    put_text(h, "sluice-source-topic", first.topic ? first.topic : "");
    put_text(h, "sluice-source-partition", digits_of(first.partition, h->partition));
    put_text(h, "sluice-source-offset", digits_of(first.offset, h->offset));
}

static void put_event(struct reply_headers *h, const struct task *t)
{
    if (!record_event_binary(t) && !record_event_structured(t))
        return;
    put_text(h, "ce_specversion", "1.0");
    if (t->id)
        put_text(h, "ce_id", t->id);
    put_text(h, "ce_type", "ai.sluice.reply");
    put_text(h, "ce_source", "/sluice");
    put_text(h, "content-type", "application/json");
}

void reply_headers(const struct task *t, struct reply_headers *ret)
{
    ret->count = 0;
    put_echoes(ret, t);
    put_own(ret, t);
    put_event(ret, t);
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
