/*
 * race_otlp: the exporter of spans under the thread sanitizer. In each round several threads end traces as fast as
 * they can, one reads the counters, and the collector is slow, says no, or takes a part; the exporter is stopped right
 * behind the last trace. Each span must be either exported or dropped, and the collector must have seen what was
 * exported.
 *
 *     race_otlp [ROUNDS]
 */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/otlp.h"
#include "task/task.h"

#define THREADS 4
#define TASKS   2000 /* of a thread, in a round */
#define CALLS   3    /* spans of a task, beside its own */
#define ALL     ((uint64_t)THREADS * TASKS * (CALLS + 1))

struct round {
    struct otlp *otlp;
    atomic_bool over;
    uint64_t posts, taken; /* exporter thread, until it is stopped */
};

static uint64_t spans_in(const char *body, size_t n)
{
    static const char begin[] = "{\"traceId\":";
    const char *end = body + n;
    uint64_t count = 0;

    while ((body = memmem(body, (size_t)(end - body), begin, strlen(begin)))) {
        body++;
        count++;
    }
    return count;
}

/* Every other post fails, one in three is slow, one in five is taken but for a span. */
static void post(void *arg, const struct otlp *o, const char *body, size_t n,
                 struct otlp_answer *ret)
{
    struct round *r = arg;
    int64_t until_us = clock_mono_us() + (r->posts % 3 == 0 ? 3000 : 0);

    while (clock_mono_us() < until_us && !otlp_is_late(o))
        sched_yield();
    r->posts++;
    ret->status = r->posts % 2 ? 503 : 200;
    ret->retry_after_ms = r->posts % 4 == 1 ? 0 : -1;
    ret->rejected = r->posts % 5 == 0;
    if (ret->status == 200)
        r->taken += spans_in(body, n) - (uint64_t)ret->rejected;
}

static void end_task(struct otlp *o, int i)
{
    char text[600];
    struct task *t = task_new();

    memset(text, 'x', sizeof text);
    t->trace = trace_new(otlp_sink(o), NULL, NULL, 0);
    for (int k = 0; k < CALLS; k++) {
        span_text(trace_span(t->trace, &t->trace->call, SPAN_CLIENT, "chat", 1, 2), "text", text,
                  i % 7 == 0 ? sizeof text : 10);
        trace_span_end(t->trace, NULL);
    }
    task_free(t);
}

static void *end_tasks(void *arg)
{
    struct round *r = arg;

    for (int i = 0; i < TASKS; i++)
        end_task(r->otlp, i);
    return NULL;
}

static void *look(void *arg)
{
    struct round *r = arg;
    struct otlp_stats s;
    uint64_t exported = 0;

    while (!atomic_load(&r->over)) {
        otlp_stats(r->otlp, &s);
        if (s.exported < exported)
            abort(); /* a counter went back */
        exported = s.exported;
        sched_yield();
    }
    return NULL;
}

static int wrong(const struct round *r, const struct otlp_stats *s)
{
    uint64_t sum = s->exported;

    for (int i = 0; i < OTLP_DROPS; i++)
        sum += s->dropped[i];
    if (sum == ALL && s->exported == r->taken && s->buffered_bytes == 0)
        return 0;
    printf("%" PRIu64 " of %" PRIu64 " accounted for, %" PRIu64 " exported, %" PRIu64
           " taken, %" PRId64 " bytes left\n",
           sum, ALL, s->exported, r->taken, s->buffered_bytes);
    return 1;
}

/* flush_ms 0: what is left is dropped. */
static int play(int64_t flush_ms, size_t max_bytes, struct otlp_stats *ret)
{
    struct round r = {.posts = 0};
    const struct otlp_setup setup = {.service_name = "race",
                                     .version = "1",
                                     .max_bytes = max_bytes,
                                     .flush_ms = flush_ms,
                                     .backoff_ms = 1,
                                     .arg = &r,
                                     .post = post};
    pthread_t threads[THREADS], looker;
    struct err e = {0};

    r.otlp = otlp_new(&setup, &e);
    if (!r.otlp)
        return 1;
    pthread_create(&looker, NULL, look, &r);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, end_tasks, &r);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    otlp_stop(r.otlp);
    atomic_store(&r.over, true);
    pthread_join(looker, NULL);
    otlp_stats(r.otlp, ret);
    otlp_free(r.otlp);
    return wrong(&r, ret);
}

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 12;
    struct otlp_stats s;
    uint64_t exported = 0, full = 0;
    int bad = 0;

    log_setup(LOG_ERROR, false);
    for (long i = 0; i < rounds && !bad; i++) {
        bad = play(i % 3 ? 5000 : 0, i % 2 ? (size_t)64 << 20 : 256 * 1024, &s);
        exported += s.exported;
        full += s.dropped[OTLP_DROP_FULL];
    }
    printf("rounds %ld exported %" PRIu64 " dropped for lack of room %" PRIu64 "\n", rounds,
           exported, full);
    return bad || exported == 0 || full == 0;
}
