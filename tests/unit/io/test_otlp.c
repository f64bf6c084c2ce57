/* otlp: what is posted, what is tried again, and what is dropped, with a collector that is a function. */
#include <criterion/criterion.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/otlp.h"
#include "task/task.h"

#define POSTS_MAX 16

/* A collector that answers as it is told, the last answer for ever. */
struct collector {
    struct otlp_answer answers[4];
    size_t nanswers;
    atomic_bool stalled; /* it takes the request and says nothing */
    atomic_size_t posts;
    int64_t at_us[POSTS_MAX];
    char *body; /* the last one */
    size_t len;
};

static void post(void *arg, const struct otlp *o, const char *body, size_t n,
                 struct otlp_answer *ret)
{
    struct collector *c = arg;
    size_t i = atomic_load(&c->posts);

    free(c->body);
    c->body = mem_dup(body, n);
    c->len = n;
    if (i < POSTS_MAX)
        c->at_us[i] = clock_mono_us();
    *ret = c->answers[i < c->nanswers ? i : c->nanswers - 1];
    atomic_fetch_add(&c->posts, 1);
    while (atomic_load(&c->stalled) && !otlp_is_late(o))
        sched_yield();
}

static struct otlp *start(struct collector *c, size_t max_bytes, int64_t flush_ms)
{
    const struct otlp_setup s = {.service_name = "pool \"1\"",
                                 .version = "1.2",
                                 .max_bytes = max_bytes,
                                 .flush_ms = flush_ms,
                                 .backoff_ms = 10,
                                 .arg = c,
                                 .post = post};
    struct err e = {0};
    struct otlp *o = otlp_new(&s, &e);

    log_setup(LOG_ERROR, false);
    cr_assert_not_null(o, "%s", e.msg);
    return o;
}

/* A task that has a span of its own and, with size, one more that is so large. */
static void end_task(struct otlp *o, size_t size)
{
    struct task *t = task_new();
    char *text CLEANUP_FREE = mem_alloc(size + 1);

    t->trace = trace_new(otlp_sink(o), NULL, NULL, 0);
    if (size) {
        memset(text, 'x', size);
        span_str(trace_span(t->trace, &t->trace->call, SPAN_CLIENT, "chat", 1, 2), "text", text);
        trace_span_end(t->trace, NULL);
    }
    task_free(t);
}

static struct otlp_stats stop(struct otlp *o, struct collector *c)
{
    struct otlp_stats s;

    otlp_stop(o);
    otlp_stats(o, &s);
    cr_expect_eq(s.buffered_bytes, 0);
    otlp_free(o);
    free(STEAL(c->body));
    return s;
}

static void wait_for_posts(struct collector *c, size_t n)
{
    int64_t until_us = clock_mono_us() + 20 * 1000000LL;

    while (atomic_load(&c->posts) < n && clock_mono_us() < until_us)
        sched_yield();
    cr_assert_geq(atomic_load(&c->posts), n);
}

static size_t count_spans(const struct collector *c)
{
    CLEANUP_JSON struct json_object *root = NULL;
    struct json_object *resource = NULL, *scope = NULL, *service = NULL;
    struct err e = {0};

    cr_assert_eq(json_parse(c->body, c->len, &root, &e), 0, "%s: %s", e.msg, c->body);
    resource = json_object_array_get_idx(json_get(root, "resourceSpans"), 0);
    scope = json_object_array_get_idx(json_get(resource, "scopeSpans"), 0);
    service = json_object_array_get_idx(json_get(json_get(resource, "resource"), "attributes"), 0);
    cr_expect_str_eq(json_get_str(service, "key"), "service.name");
    cr_expect_str_eq(json_get_str(json_get(service, "value"), "stringValue"), "pool \"1\"");
    cr_expect_str_eq(json_get_str(json_get(scope, "scope"), "version"), "1.2");
    return json_object_array_length(json_get(scope, "spans"));
}

Test(otlp, what_is_left_goes_out_when_it_is_stopped, .timeout = 30)
{
    struct collector c = {.answers = {{.status = 200}}, .nanswers = 1};
    struct otlp *o = start(&c, 1 << 20, 5000);
    struct otlp_stats s;

    end_task(o, 10);
    end_task(o, 0);
    end_task(o, 10);
    otlp_stop(o);
    cr_expect_eq(count_spans(&c), 5);
    s = stop(o, &c);
    cr_expect_eq(s.exported, 5);
    cr_expect_eq(s.failures, 0);
    cr_expect_eq(atomic_load(&c.posts), 1, "in one piece");
}

Test(otlp, goes_out_by_itself_within_a_second_or_so, .timeout = 30)
{
    struct collector c = {.answers = {{.status = 200}}, .nanswers = 1};
    struct otlp *o = start(&c, 1 << 20, 5000);

    end_task(o, 10);
    wait_for_posts(&c, 1);
    cr_expect_eq(stop(o, &c).exported, 2);
}

Test(otlp, a_batch_does_not_wait_for_its_time, .timeout = 30)
{
    struct collector c = {.answers = {{.status = 200}}, .nanswers = 1};
    struct otlp *o = start(&c, 4 << 20, 5000);
    int64_t began_us = clock_mono_us();

    for (int i = 0; i < 40; i++)
        end_task(o, 15000);
    wait_for_posts(&c, 1);
    cr_expect_lt(c.at_us[0] - began_us, 900000);
    cr_expect_eq(stop(o, &c).exported, 80);
}

Test(otlp, answers, .timeout = 60)
{
    static const struct {
        const char *what;
        struct otlp_answer answers[4];
        size_t n;
        uint64_t posts, exported, failures;
        int drop; /* -1: none */
    } rows[] = {
        {"202", {{.status = 202}}, 1, 1, 2, 0, -1},
        {"503 once", {{.status = 503, .retry_after_ms = -1}, {.status = 200}}, 2, 2, 2, 1, -1},
        {"nobody there once",
         {{.status = 0, .retry_after_ms = -1, .why = "refused"}, {.status = 200}},
         2,
         2,
         2,
         1,
         -1},
        {"429 and 504",
         {{.status = 429, .retry_after_ms = 20},
          {.status = 504, .retry_after_ms = -1},
          {.status = 200}},
         3,
         3,
         2,
         2,
         -1},
        {"502 for ever",
         {{.status = 502, .retry_after_ms = -1}},
         1,
         5,
         0,
         5,
         OTLP_DROP_UNREACHABLE},
        {"400", {{.status = 400}}, 1, 1, 0, 1, OTLP_DROP_REFUSED},
        {"500", {{.status = 500}}, 1, 1, 0, 1, OTLP_DROP_REFUSED},
        {"301", {{.status = 301}}, 1, 1, 0, 1, OTLP_DROP_REFUSED},
        {"a part of them refused", {{.status = 200, .rejected = 1}}, 1, 1, 1, 0, OTLP_DROP_REFUSED},
        {"more refused than there are",
         {{.status = 200, .rejected = 9}},
         1,
         1,
         0,
         0,
         OTLP_DROP_REFUSED},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct collector c = {.nanswers = rows[i].n};
        struct otlp *o = NULL;
        struct otlp_stats s;
        uint64_t dropped = 0;

        memcpy(c.answers, rows[i].answers, sizeof c.answers);
        o = start(&c, 1 << 20, 20000);
        end_task(o, 10);
        s = stop(o, &c);
        cr_expect_eq(atomic_load(&c.posts), rows[i].posts, "%s: %zu posts", rows[i].what,
                     atomic_load(&c.posts));
        cr_expect_eq(s.exported, rows[i].exported, "%s", rows[i].what);
        cr_expect_eq(s.failures, rows[i].failures, "%s", rows[i].what);
        for (int k = 0; k < OTLP_DROPS; k++)
            dropped += s.dropped[k];
        cr_expect_eq(dropped, 2 - rows[i].exported, "%s", rows[i].what);
        if (rows[i].drop >= 0)
            cr_expect_eq(s.dropped[rows[i].drop], dropped, "%s", rows[i].what);
    }
}

Test(otlp, retry_after_is_waited_for, .timeout = 30)
{
    struct collector c = {.answers = {{.status = 429, .retry_after_ms = 300}, {.status = 200}},
                          .nanswers = 2};
    struct otlp *o = start(&c, 1 << 20, 20000);

    end_task(o, 10);
    cr_expect_eq(stop(o, &c).exported, 2);
    cr_expect_geq(c.at_us[1] - c.at_us[0], 300000);
}

Test(otlp, what_comes_when_it_is_full_is_dropped_and_nobody_waits, .timeout = 30)
{
    struct collector c = {.answers = {{.status = 200}}, .nanswers = 1, .stalled = true};
    struct otlp *o = start(&c, 256 * 1024, 20000);
    struct otlp_stats s;
    int64_t began_us;

    end_task(o, 10);
    wait_for_posts(&c, 1);
    began_us = clock_mono_us();
    for (int i = 0; i < 2000; i++)
        end_task(o, 1000);
    cr_expect_lt(clock_mono_us() - began_us, 5000000);
    otlp_stats(o, &s);
    cr_expect_gt(s.dropped[OTLP_DROP_FULL], 2000);
    cr_expect_leq(s.buffered_bytes, 256 * 1024);
    atomic_store(&c.stalled, false);
    s = stop(o, &c);
    cr_expect_eq(s.exported + s.dropped[OTLP_DROP_FULL], 4002, "each is one or the other");
}

Test(otlp, a_stop_waits_no_longer_than_it_may, .timeout = 30)
{
    static const struct otlp_answer answers[] = {{.status = 200},
                                                 {.status = 503, .retry_after_ms = 10000}};

    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct collector c = {.answers = {answers[i]}, .nanswers = 1};
        struct otlp *o = start(&c, 1 << 20, 200);
        int64_t began_us;

        if (i == 0) { /* it does not answer in time, and nobody knows what it took */
            atomic_store(&c.stalled, true);
            c.answers[0] = (struct otlp_answer){.retry_after_ms = -1};
        }
        end_task(o, 10);
        began_us = clock_mono_us();
        cr_expect_eq(stop(o, &c).dropped[OTLP_DROP_SHUTDOWN], 2);
        cr_expect_lt(clock_mono_us() - began_us, 8000000);
    }
}

Test(otlp, spans_that_had_no_room_are_counted, .timeout = 30)
{
    struct collector c = {.answers = {{.status = 200}}, .nanswers = 1};
    struct otlp *o = start(&c, 1 << 20, 5000);
    struct otlp_stats s;

    end_task(o, 100 * 1024);
    s = stop(o, &c);
    cr_expect_eq(s.exported, 1);
    cr_expect_eq(s.dropped[OTLP_DROP_TOO_LARGE], 1);
}

static char many_x[2000];

/* As in a storm of 429s: spans that nobody can take yet. */
static void grow(struct otlp *o, struct task *t)
{
    t->trace = trace_new(otlp_sink(o), NULL, NULL, 0);
    for (int i = 0; i < 15; i++) {
        span_text(trace_span(t->trace, &t->trace->call, SPAN_CLIENT, "chat", 1, 2), "text", many_x,
                  sizeof many_x);
        trace_span_end(t->trace, "rate_limit");
    }
}

Test(otlp, running_tasks_keep_to_the_bound_as_well, .timeout = 30)
{
    struct collector c = {.answers = {{.status = 200}}, .nanswers = 1};
    struct otlp *o = start(&c, 256 * 1024, 20000);
    struct task *tasks[200];
    struct otlp_stats s;
    size_t bytes = 0;

    memset(many_x, 'x', sizeof many_x);
    for (int round = 0; round < 2; round++) {
        bytes = 0;
        for (size_t i = 0; i < ARRAY_LEN(tasks); i++) {
            tasks[i] = task_new();
            grow(o, tasks[i]);
            bytes += tasks[i]->trace->text.cap;
        }
        cr_expect_lt(bytes, (200 * 4 + 256 + 64) * 1024, "%zu bytes", bytes);
        cr_expect_eq(tasks[0]->trace->count, 15, "the first ones find room, in each round");
        cr_expect_lt(tasks[199]->trace->count, 3);
        for (size_t i = 0; i < ARRAY_LEN(tasks); i++)
            task_free(tasks[i]);
    }
    s = stop(o, &c);
    cr_expect_eq(s.exported + s.dropped[OTLP_DROP_FULL], 2 * 200 * 16, "each is one or the other");
}

Test(otlp, none_is_all_zero)
{
    struct otlp_stats s = {.exported = 7};

    otlp_stats(NULL, &s);
    cr_expect_eq(s.exported, 0);
    cr_expect_null(otlp_free(NULL));
}
