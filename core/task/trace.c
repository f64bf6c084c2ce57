/* trace: the spans of one task, and the two that are written when it has left: its reply's, and its own. */
#include "task/trace.h"

#include <string.h>

#include "base/digits.h"
#include "base/mem.h"
#include "task/task.h"

#define BYTES_MAX          ((size_t)64 * 1024) /* of spans */
#define BYTES_CONTENTS_MAX ((size_t)1024 * 1024)
#define BYTES_LAST         ((size_t)8 * 1024) /* kept free for the last two */
#define BYTES_USUAL        ((size_t)3584 - 1) /* of a task with one call */
#define BYTES_CALL         ((size_t)1280 - 1) /* of that call */
#define NAME_ROOM          300                /* a topic has 249 bytes at most */

struct trace *trace_new(struct trace_sink *sink, const struct trace_context *caller,
                        const char *state, size_t state_len)
{
    struct trace *t = mem_alloc(sizeof *t);

    t->sink = sink;
    t->offset = -1;
    t->partition = -1;
    t->most = sink->contents ? BYTES_CONTENTS_MAX : BYTES_MAX;
    buf_init(&t->text, t->most);
    if (!caller)
        return t;
    t->has_caller = true;
    memcpy(t->task.trace_id, caller->trace_id, TRACE_ID_LEN);
    memcpy(t->caller, caller->span_id, SPAN_ID_LEN);
    if (tracestate_passes(state, state_len))
        t->state = mem_dup(state, state_len);
    return t;
}

struct trace *trace_free(struct trace *t)
{
    if (!t)
        return NULL;
    buf_done(&t->text);
    free(t->state);
    free(t->topic);
    free(t);
    return NULL;
}

static void book(struct trace *t, size_t grown)
{
    atomic_fetch_add(&t->sink->grown, grown - t->grown);
    t->grown = grown;
}

/* While others take all that there is, a trace keeps what it has and does not grow past the usual. Each thread may find
 * that out one span late. */
static size_t bound(const struct trace *t)
{
    if (atomic_load(&t->sink->grown) < t->sink->grown_max)
        return t->most;
    return t->text.cap > BYTES_USUAL ? t->text.cap - 1 : BYTES_USUAL;
}

/* Room for what is usual in one step. A task that waits to be published has that of its call; the rest is taken at its
 * end for a moment, from memory that the task before it has just given back. */
static void make_room(struct trace *t)
{
    size_t usual = t->ending ? BYTES_USUAL : BYTES_CALL;

    if (t->text.cap <= usual && t->text.len < usual)
        buf_reserve(&t->text, usual - t->text.len);
}

static void open_span(struct trace *t, struct span_head *h)
{
    make_room(t);
    t->mark = t->text.len;
    if (t->mark > 0)
        buf_char(&t->text, ',');
    h->state = t->state;
    h->start_us += t->wall_us;
    h->end_us += t->wall_us;
    span_open(&t->text, h);
}

static void close_span(struct trace *t, const struct span_end *end)
{
    span_close(&t->text, end);
    if (!t->text.over) {
        t->count++;
        return;
    }
    if (t->text.max < t->most)
        t->crowded++;
    else
        t->too_large++;
    t->text.len = t->mark;
    t->text.over = false;
}

struct buf *trace_span(struct trace *t, const struct trace_context *span, enum span_kind kind,
                       const char *name, int64_t start_us, int64_t end_us)
{
    struct span_head h = {.span = span,
                          .parent = t->task.span_id,
                          .kind = kind,
                          .start_us = start_us,
                          .end_us = end_us,
                          .name = name};

    t->text.max = t->ending ? t->most : bound(t);
    open_span(t, &h);
    return &t->text;
}

void trace_span_end(struct trace *t, const char *error)
{
    close_span(t, &(struct span_end){.error = error});
    if (t->text.cap > BYTES_USUAL + 1)
        book(t, t->text.cap - BYTES_USUAL - 1);
}

static void put_lookup(struct trace *t)
{
    const struct trace_lookup *l = &t->lookup;
    struct buf *out =
        trace_span(t, &l->span, SPAN_INTERNAL, "cache lookup", l->start_us, l->end_us);

    span_str(out, "sluice.cache", l->found ? "hit" : "miss");
    trace_span_end(t, NULL);
    t->has_lookup = false;
}

void trace_looked_up(struct trace *t, const struct trace_lookup *l)
{
    if (t->has_lookup)
        put_lookup(t);
    t->lookup = *l;
    t->has_lookup = true;
}

void trace_sending(struct trace *t, const char *topic, int64_t now_us)
{
    if (!t)
        return;
    if (!t->publish_us)
        t->publish_us = now_us;
    if (topic && t->topic && strcmp(topic, t->topic) == 0)
        return;
    free(t->topic);
    t->topic = mem_strdup(topic);
}

void trace_sent_to(struct trace *t, int32_t partition, int64_t offset)
{
    if (!t)
        return;
    t->partition = partition;
    t->offset = offset;
}

void trace_published(struct trace *t, int64_t now_us)
{
    if (t && t->publish_us)
        t->published_us = now_us;
}

/* Names of OpenTelemetry's conventions for messaging. */
static void put_place(struct buf *out, const char *topic, int32_t partition, int64_t offset)
{
    char room[DIGITS_ROOM];

    span_str(out, "messaging.system", "kafka");
    span_str(out, "messaging.destination.name", topic);
    if (partition >= 0)
        span_str(out, "messaging.destination.partition.id", digits_of(partition, room));
    if (offset >= 0)
        span_int(out, "messaging.kafka.offset", offset);
}

/* What is done, and to what topic. */
static const char *name_of(char out[NAME_ROOM], const char *verb, const char *topic)
{
    size_t nverb = strlen(verb);
    size_t n = topic ? strnlen(topic, NAME_ROOM - 1 - nverb) : 0;

    memcpy(out, verb, nverb);
    if (n)
        memcpy(out + nverb, topic, n);
    out[nverb + n] = '\0';
    return out;
}

static void put_publish(struct trace *t)
{
    char name[NAME_ROOM];
    struct buf *out = NULL;

    if (!t->topic) {
        trace_span(t, &t->publish, SPAN_INTERNAL, "write reply", t->publish_us, t->published_us);
        trace_span_end(t, NULL);
        return;
    }
    out = trace_span(t, &t->publish, SPAN_PRODUCER, name_of(name, "send ", t->topic), t->publish_us,
                     t->published_us);
    put_place(out, t->topic, t->partition, t->offset);
    span_str(out, "messaging.operation.name", "send");
    span_str(out, "messaging.operation.type", "send");
    trace_span_end(t, NULL);
}

static void put_origin(struct buf *out, const struct task *t, const struct trace *tr)
{
    if (!tr->sink->group) {
        span_str(out, "sluice.job", t->origin.topic);
        span_int(out, "sluice.row", t->origin.offset);
        return;
    }
    put_place(out, t->origin.topic, t->origin.partition, t->origin.offset);
    span_str(out, "messaging.operation.name", "process");
    span_str(out, "messaging.operation.type", "process");
    span_str(out, "messaging.consumer.group.name", tr->sink->group);
    span_int(out, "messaging.message.body.size", (int64_t)t->raw_len);
}

static const char *error_of(const struct task *t)
{
    if (!t->reply || t->ok)
        return NULL;
    return t->error && t->error->code[0] ? t->error->code : "error";
}

static void put_outcome(struct buf *out, const struct task *t)
{
    static const char *const results[] = {
        [CACHE_MISS] = "miss", [CACHE_HIT] = "hit", [CACHE_COALESCED] = "coalesced"};

    span_str(out, "sluice.task_id", t->id);
    span_int(out, "sluice.attempts", t->ntrail);
    span_int(out, "sluice.queued_ms", t->queued_us / 1000);
    if (t->completion) {
        span_str(out, "sluice.model", t->completion->model);
        span_str(out, "sluice.cache", results[t->cache_result]);
        if (t->completion->cost_usd >= 0 && t->cache_result == CACHE_MISS)
            span_num(out, "sluice.cost_usd", t->completion->cost_usd);
    }
    if (t->from_journal)
        span_bool(out, "sluice.replayed", true);
    if (t->silent)
        span_bool(out, "sluice.duplicate", true);
    if (t->park)
        span_bool(out, "sluice.parked", true);
    if (!t->reply && !t->silent && !t->park)
        span_bool(out, "sluice.given_back", true);
    span_str(out, "error.type", error_of(t));
}

static int64_t latest(const struct trace *t, int64_t begun_us)
{
    int64_t us = t->published_us > t->ended_us ? t->published_us : t->ended_us;

    return us > begun_us ? us : begun_us;
}

static void put_task(const struct task *t, struct trace *tr)
{
    char name[NAME_ROOM];
    struct span_head h = {.span = &tr->task,
                          .parent = tr->has_caller ? tr->caller : NULL,
                          .kind = tr->sink->group ? SPAN_CONSUMER : SPAN_INTERNAL,
                          .start_us = t->received_us,
                          .end_us = latest(tr, t->received_us),
                          .name = tr->sink->group ? name_of(name, "process ", t->origin.topic)
                                                  : "process row"};
    struct span_end end = {.error = error_of(t), .link = tr->has_link ? &tr->link : NULL};

    open_span(tr, &h);
    put_origin(&tr->text, t, tr);
    put_outcome(&tr->text, t);
    close_span(tr, &end);
}

void trace_end(struct task *t)
{
    struct trace *tr = t->trace;

    if (!tr)
        return;
    t->trace = NULL;
    tr->most += BYTES_LAST;
    tr->text.max = tr->most;
    tr->ending = true;
    if (tr->has_lookup)
        put_lookup(tr);
    if (tr->published_us)
        put_publish(tr);
    put_task(t, tr);
    book(tr, 0);
    tr->sink->put(tr->sink, tr);
}
