/*
 * otlp: the queue and the thread that empties it. A batch goes out when there is enough for one, or a second after
 * its first trace came; while one is being tried again the queue fills, and then drops.
 */
#include "io/otlp.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define BATCH_BYTES  ((size_t)512 * 1024)
#define BODY_MAX     ((size_t)4 * 1024 * 1024) /* a batch, its largest trace, and the envelope */
#define LINGER_US    1000000
#define TRIES_MAX    5
#define BACKOFF_MAX  30000 /* ms */
#define WAIT_MAX     60000 /* ms; a longer Retry-After is cut to this */
#define TRACE_COST   sizeof(struct trace)
#define ENVELOPE_MAX 4096
#define UUID_LEN     36

struct otlp {
    struct trace_sink sink;
    struct otlp_setup setup;
    struct buf before, body; /* what stands before the spans; exporter thread */
    bool failing;            /* likewise: the last delivery failed, which was said */
    pthread_t thread;
    bool started;
    atomic_llong late_us; /* INT64_MAX while it runs */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    struct list_node queue;
    size_t queued;    /* bytes in the queue */
    size_t held;      /* bytes in the queue and in the batch */
    int64_t first_us; /* when the first trace of the queue came */
    bool stop;
    struct otlp_stats stats;
};

const char *const otlp_drop_names[OTLP_DROPS] = {
    [OTLP_DROP_FULL] = "buffer_full",  [OTLP_DROP_TOO_LARGE] = "too_large",
    [OTLP_DROP_REFUSED] = "refused",   [OTLP_DROP_UNREACHABLE] = "unreachable",
    [OTLP_DROP_SHUTDOWN] = "shutdown",
};

/* ---- the queue ---- */

static size_t bytes_of(const struct trace *t)
{
    return t->text.cap + TRACE_COST;
}

/* Any thread. */
static void put(struct trace_sink *s, struct trace *t)
{
    struct otlp *o = CONTAINER_OF(s, struct otlp, sink);
    size_t bytes = bytes_of(t);
    bool full = false, enough = false;

    pthread_mutex_lock(&o->lock);
    full = o->held + bytes > o->setup.max_bytes;
    o->stats.dropped[OTLP_DROP_TOO_LARGE] += t->too_large;
    o->stats.dropped[OTLP_DROP_FULL] += t->crowded;
    if (full) {
        o->stats.dropped[OTLP_DROP_FULL] += t->count;
    } else {
        if (list_empty(&o->queue))
            o->first_us = clock_mono_us();
        list_push(&o->queue, &t->node);
        enough = o->queued < BATCH_BYTES && o->queued + bytes >= BATCH_BYTES;
        o->queued += bytes;
        o->held += bytes;
    }
    pthread_mutex_unlock(&o->lock);
    if (full)
        trace_free(t);
    else if (enough)
        pthread_cond_signal(&o->wake);
}

/* Under the lock. */
static void wait_until(struct otlp *o, int64_t at_us)
{
    struct timespec at = {.tv_sec = at_us / 1000000, .tv_nsec = at_us % 1000000 * 1000};

    pthread_cond_timedwait(&o->wake, &o->lock, &at);
}

static bool is_due(const struct otlp *o, int64_t now_us)
{
    return !list_empty(&o->queue) &&
           (o->stop || o->queued >= BATCH_BYTES || now_us >= o->first_us + LINGER_US);
}

/* Takes at least one trace, and no more than a body can hold. False: there will be none any more. */
static bool take(struct otlp *o, struct list_node *batch)
{
    size_t bytes = 0;
    int64_t now_us = 0;

    list_init(batch);
    pthread_mutex_lock(&o->lock);
    while (now_us = clock_mono_us(), !is_due(o, now_us) && !o->stop)
        wait_until(o, list_empty(&o->queue) ? now_us + LINGER_US : o->first_us + LINGER_US);
    while (bytes < BATCH_BYTES && !list_empty(&o->queue)) {
        struct list_node *n = list_pop(&o->queue);

        list_push(batch, n);
        bytes += bytes_of(CONTAINER_OF(n, struct trace, node));
    }
    o->queued -= bytes;
    o->first_us = now_us; /* what is left has waited as long, about */
    pthread_mutex_unlock(&o->lock);
    return bytes > 0;
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

static uint64_t make_body(struct otlp *o, const struct list_node *batch)
{
    uint64_t spans = 0;

    buf_clear(&o->body);
    buf_append(&o->body, o->before.data, o->before.len);
    for (const struct list_node *n = batch->next; n != batch; n = n->next) {
        const struct trace *t = CONTAINER_OF(n, struct trace, node);

        if (spans > 0 && t->count > 0)
            buf_char(&o->body, ',');
        buf_append(&o->body, t->text.data, t->text.len);
        spans += t->count;
    }
    buf_str(&o->body, "]}]}]}");
    return spans;
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
static enum otlp_drop deliver(struct otlp *o, int64_t *ret_rejected)
{
    for (int tries = 1;; tries++) {
        struct otlp_answer a = {.retry_after_ms = -1};

        o->setup.post(o->setup.arg, o, o->body.data, o->body.len, &a);
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

static void account(struct otlp *o, uint64_t spans, enum otlp_drop end, int64_t rejected,
                    size_t bytes)
{
    uint64_t lost = rejected > 0 && (uint64_t)rejected < spans ? (uint64_t)rejected
                    : rejected > 0                             ? spans
                                                               : 0;

    pthread_mutex_lock(&o->lock);
    o->held -= bytes;
    if (end == OTLP_DROPS) {
        o->stats.exported += spans - lost;
        o->stats.dropped[OTLP_DROP_REFUSED] += lost;
    } else {
        o->stats.dropped[end] += spans;
    }
    pthread_mutex_unlock(&o->lock);
}

static void export(struct otlp *o, struct list_node *batch)
{
    uint64_t spans = make_body(o, batch);
    int64_t rejected = 0;
    size_t bytes = 0;
    enum otlp_drop end = o->body.over      ? OTLP_DROP_TOO_LARGE
                         : otlp_is_late(o) ? OTLP_DROP_SHUTDOWN
                                           : deliver(o, &rejected);
    struct list_node *n = NULL;

    while ((n = list_pop(batch))) {
        bytes += bytes_of(CONTAINER_OF(n, struct trace, node));
        trace_free(CONTAINER_OF(n, struct trace, node));
    }
    account(o, spans, end, rejected, bytes);
}

static void *run(void *arg)
{
    struct otlp *o = arg;
    struct list_node batch;

    pthread_setname_np(pthread_self(), "traces");
    while (take(o, &batch))
        export(o, &batch);
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
    buf_init(&o->body, BODY_MAX);
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
    buf_done(&o->body);
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
