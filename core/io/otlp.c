/*
 * otlp: the queue and the thread that empties it. Whoever ends a trace copies its text into the last body of the
 * queue and frees the trace at once: so its memory stays warm with its thread, and bodies are posted as they stand.
 * A body goes out when it is full, or a second after its first trace came; while one is being tried again the queue
 * fills, and then drops.
 */
#include "io/otlp.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"

#define BATCH_BYTES  ((size_t)512 * 1024)
#define BATCHES_MIN  4 /* of a small traces.max_buffered */
#define LINGER_US    1000000
#define TRIES_MAX    5
#define BACKOFF_MAX  30000 /* ms */
#define WAIT_MAX     60000 /* ms; a longer Retry-After is cut to this */
#define ENVELOPE_MAX 4096
#define UUID_LEN     36

static const char behind[] = "]}]}]}"; /* what a body ends with */

struct batch {
    struct list_node node;
    struct buf body; /* never grows: what has no room in it begins another one */
    uint64_t spans;
    int64_t first_us; /* when its first trace came */
};

struct otlp {
    struct trace_sink sink;
    struct otlp_setup setup;
    struct buf before;  /* what stands before the spans */
    size_t batch_bytes; /* of a body, unless one trace has more */
    bool failing;       /* exporter thread: the last delivery failed, which was said */
    pthread_t thread;
    bool started;
    atomic_llong late_us; /* INT64_MAX while it runs */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    struct list_node queue; /* of batches; traces are added to the last one */
    size_t held;            /* bytes of the bodies in the queue and of the one that is posted */
    struct batch *spare;    /* an empty one, so that its memory is not faulted in again; or NULL */
    bool stop;
    struct otlp_stats stats;
};

const char *const otlp_drop_names[OTLP_DROPS] = {
    [OTLP_DROP_FULL] = "buffer_full",  [OTLP_DROP_TOO_LARGE] = "too_large",
    [OTLP_DROP_REFUSED] = "refused",   [OTLP_DROP_UNREACHABLE] = "unreachable",
    [OTLP_DROP_SHUTDOWN] = "shutdown",
};

/* ---- the queue ---- */

static struct batch *batch_free(struct batch *b)
{
    if (!b)
        return NULL;
    buf_done(&b->body);
    free(b);
    return NULL;
}

static struct batch *batch_new(size_t bytes)
{
    struct batch *b = mem_alloc(sizeof *b);

    buf_init(&b->body, bytes);
    buf_reserve(&b->body, bytes);
    return b;
}

/* Begins a batch that has room for so much text. Under the lock. NULL: the bound is reached. */
static struct batch *begin_batch(struct otlp *o, size_t text)
{
    size_t bytes = o->before.len + text + sizeof behind;
    struct batch *b = NULL;

    if (bytes < o->batch_bytes)
        bytes = o->batch_bytes;
    if (o->held + bytes > o->setup.max_bytes)
        return NULL;
    b = bytes == o->batch_bytes && o->spare ? STEAL(o->spare) : batch_new(bytes);
    b->spans = 0;
    b->first_us = clock_mono_us();
    buf_clear(&b->body);
    buf_append(&b->body, o->before.data, o->before.len);
    o->held += bytes;
    list_push(&o->queue, &b->node);
    return b;
}

/* The last batch if it has room, else another one. Under the lock. NULL: the bound is reached. */
static struct batch *batch_for(struct otlp *o, size_t text)
{
    struct batch *last = CONTAINER_OF(o->queue.prev, struct batch, node);

    if (!list_empty(&o->queue) && text + sizeof behind <= last->body.max - last->body.len)
        return last;
    return begin_batch(o, text);
}

static void add(struct batch *b, const struct trace *t)
{
    if (b->spans > 0)
        buf_char(&b->body, ',');
    buf_append(&b->body, t->text.data, t->text.len);
    b->spans += t->count;
}

/* Any thread. */
static void put(struct trace_sink *s, struct trace *t)
{
    struct otlp *o = CONTAINER_OF(s, struct otlp, sink);
    struct batch *b = NULL;
    bool enough = false;

    pthread_mutex_lock(&o->lock);
    o->stats.dropped[OTLP_DROP_TOO_LARGE] += t->too_large;
    o->stats.dropped[OTLP_DROP_FULL] += t->crowded;
    b = t->count > 0 ? batch_for(o, t->text.len) : NULL;
    if (b) {
        enough = b->spans == 0 && o->queue.next != &b->node; /* the one before it is full */
        add(b, t);
    } else {
        o->stats.dropped[OTLP_DROP_FULL] += t->count;
    }
    pthread_mutex_unlock(&o->lock);
    if (enough)
        pthread_cond_signal(&o->wake);
    trace_free(t);
}

/* Under the lock. */
static void wait_until(struct otlp *o, int64_t at_us)
{
    struct timespec at = {.tv_sec = at_us / 1000000, .tv_nsec = at_us % 1000000 * 1000};

    pthread_cond_timedwait(&o->wake, &o->lock, &at);
}

/* When the first batch has to go. Under the lock. */
static int64_t due_us(const struct otlp *o, int64_t now_us)
{
    const struct batch *first = CONTAINER_OF(o->queue.next, struct batch, node);

    if (list_empty(&o->queue))
        return now_us + LINGER_US;
    return first->node.next == &o->queue ? first->first_us + LINGER_US : now_us;
}

/* NULL: there will be none any more. */
static struct batch *take(struct otlp *o)
{
    struct list_node *n = NULL;
    int64_t now_us = 0, at_us = 0;

    pthread_mutex_lock(&o->lock);
    while (now_us = clock_mono_us(), at_us = due_us(o, now_us), at_us > now_us && !o->stop)
        wait_until(o, at_us);
    n = list_pop(&o->queue);
    pthread_mutex_unlock(&o->lock);
    return n ? CONTAINER_OF(n, struct batch, node) : NULL;
}

/* ---- the request ---- */

static void make_uuid(char out[UUID_LEN + 1])
{
    uint8_t r[16] = {0};
    char hex[2 * sizeof r + 1];
    const char *from = hex;

    if (getrandom(r, sizeof r, 0) < 0)
        memset(r, 0, sizeof r); /* it only tells two workers apart */
    r[6] = (uint8_t)((r[6] & 0x0f) | 0x40);
    r[8] = (uint8_t)((r[8] & 0x3f) | 0x80);
    trace_hex(r, sizeof r, hex);
    for (int i = 0; i < UUID_LEN; i++)
        out[i] = i == 8 || i == 13 || i == 18 || i == 23 ? '-' : *from++;
    out[UUID_LEN] = '\0';
}

static void make_envelope(struct otlp *o)
{
    char uuid[UUID_LEN + 1];

    make_uuid(uuid);
    buf_init(&o->before, ENVELOPE_MAX);
    buf_str(&o->before, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[");
    span_str(&o->before, "service.name", o->setup.service_name);
    span_str(&o->before, "service.version", o->setup.version);
    span_str(&o->before, "service.instance.id", uuid);
    buf_str(&o->before, "]},\"scopeSpans\":[{\"scope\":{\"name\":\"sluice\",\"version\":");
    buf_json_str(&o->before, o->setup.version, strlen(o->setup.version));
    buf_str(&o->before, "},\"spans\":[");
}

/* ---- delivery ---- */

static bool is_good(int status)
{
    return status >= 200 && status < 300;
}

/* What the OTLP standard says of answers: these may be asked again. */
static bool may_pass(int status)
{
    return status == 0 || status == 429 || status == 502 || status == 503 || status == 504;
}

static int64_t wait_of(const struct otlp *o, const struct otlp_answer *a, int tries)
{
    int64_t ms = o->setup.backoff_ms << (tries - 1);

    if (a->retry_after_ms >= 0)
        return a->retry_after_ms < WAIT_MAX ? a->retry_after_ms : WAIT_MAX;
    return ms < BACKOFF_MAX ? ms : BACKOFF_MAX;
}

bool otlp_is_late(const struct otlp *o)
{
    return clock_mono_us() >= atomic_load(&o->late_us);
}

/* False: it is being stopped, and there is no time for another try. */
static bool rest(struct otlp *o, int64_t ms)
{
    int64_t until_us = clock_mono_us() + ms * 1000;

    pthread_mutex_lock(&o->lock);
    while (clock_mono_us() < until_us && until_us < atomic_load(&o->late_us))
        wait_until(o, until_us);
    pthread_mutex_unlock(&o->lock);
    return until_us < atomic_load(&o->late_us);
}

static void say(struct otlp *o, const struct otlp_answer *a)
{
    bool good = is_good(a->status);
    char text[300];

    if (good && o->failing)
        log_info("traces are delivered again", "status=%d", a->status);
    else if (!good && !o->failing)
        log_warn("traces cannot be delivered; nothing waits for them", "status=%d text=%s",
                 a->status, log_quote(a->why, text, sizeof text));
    o->failing = !good;
}

/* Tries until it is delivered, or given up. Returns what became of it: OTLP_DROPS when it was taken. */
static enum otlp_drop deliver(struct otlp *o, const struct buf *body, int64_t *ret_rejected)
{
    for (int tries = 1;; tries++) {
        struct otlp_answer a = {.retry_after_ms = -1};

        o->setup.post(o->setup.arg, o, body->data, body->len, &a);
        say(o, &a);
        *ret_rejected = a.rejected;
        if (is_good(a.status))
            return OTLP_DROPS;
        pthread_mutex_lock(&o->lock);
        o->stats.failures++;
        pthread_mutex_unlock(&o->lock);
        if (!may_pass(a.status))
            return OTLP_DROP_REFUSED;
        if (otlp_is_late(o))
            return OTLP_DROP_SHUTDOWN;
        if (tries == TRIES_MAX)
            return OTLP_DROP_UNREACHABLE;
        if (!rest(o, wait_of(o, &a, tries)))
            return OTLP_DROP_SHUTDOWN;
    }
}

static void account(struct otlp *o, uint64_t spans, enum otlp_drop end, int64_t rejected)
{
    uint64_t lost = rejected > 0 && (uint64_t)rejected < spans ? (uint64_t)rejected
                    : rejected > 0                             ? spans
                                                               : 0;

    if (end == OTLP_DROPS) {
        o->stats.exported += spans - lost;
        o->stats.dropped[OTLP_DROP_REFUSED] += lost;
    } else {
        o->stats.dropped[end] += spans;
    }
}

static void export(struct otlp *o, struct batch *b)
{
    int64_t rejected = 0;
    enum otlp_drop end = OTLP_DROP_SHUTDOWN;

    buf_str(&b->body, behind);
    if (!otlp_is_late(o))
        end = deliver(o, &b->body, &rejected);
    pthread_mutex_lock(&o->lock);
    account(o, b->spans, end, rejected);
    o->held -= b->body.max;
    if (!o->spare && b->body.max == o->batch_bytes)
        o->spare = STEAL(b);
    pthread_mutex_unlock(&o->lock);
    batch_free(b);
}

static void *run(void *arg)
{
    struct otlp *o = arg;
    struct batch *b = NULL;

    pthread_setname_np(pthread_self(), "traces");
    while ((b = take(o)))
        export(o, b);
    return NULL;
}

/* ---- life ---- */

static void init_lock(struct otlp *o)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&o->lock, NULL);
    pthread_cond_init(&o->wake, &attr);
    pthread_condattr_destroy(&attr);
}

struct otlp *otlp_new(const struct otlp_setup *setup, struct err *e)
{
    struct otlp *o = mem_alloc(sizeof *o);

    o->setup = *setup;
    o->sink = (struct trace_sink){.put = put,
                                  .group = setup->group,
                                  .contents = setup->contents,
                                  .grown_max = setup->max_bytes};
    atomic_init(&o->late_us, INT64_MAX);
    init_lock(o);
    list_init(&o->queue);
    o->batch_bytes = setup->max_bytes / BATCHES_MIN;
    if (o->batch_bytes > BATCH_BYTES)
        o->batch_bytes = BATCH_BYTES;
    make_envelope(o);
    if (pthread_create(&o->thread, NULL, run, o) != 0) {
        err_set(e, EX_OSERR, "traces: cannot start a thread");
        return otlp_free(o);
    }
    o->started = true;
    return o;
}

void otlp_stop(struct otlp *o)
{
    if (!o->started)
        return;
    atomic_store(&o->late_us, clock_mono_us() + o->setup.flush_ms * 1000);
    pthread_mutex_lock(&o->lock);
    o->stop = true;
    pthread_cond_signal(&o->wake);
    pthread_mutex_unlock(&o->lock);
    pthread_join(o->thread, NULL);
    o->started = false;
}

struct otlp *otlp_free(struct otlp *o)
{
    if (!o)
        return NULL;
    pthread_cond_destroy(&o->wake);
    pthread_mutex_destroy(&o->lock);
    buf_done(&o->before);
    batch_free(o->spare);
    free(o);
    return NULL;
}

struct trace_sink *otlp_sink(struct otlp *o)
{
    return &o->sink;
}

void otlp_stats(struct otlp *o, struct otlp_stats *ret)
{
    *ret = (struct otlp_stats){.exported = 0};
    if (!o)
        return;
    pthread_mutex_lock(&o->lock);
    *ret = o->stats;
    ret->buffered_bytes = (int64_t)o->held;
    pthread_mutex_unlock(&o->lock);
}
