/* trace: the JSON of spans as OTLP has it, the tree of a task, what goes with its reply, and the bound. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "task/reply_headers.h"
#include "task/task.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN  "00f067aa0ba902b7"

#define WALL_US INT64_C(1700000000000000) /* of monotonic time 0 */

/* ---- one span ---- */

static struct json_object *parse(const struct buf *b)
{
    struct json_object *o = NULL;
    struct err e = {0};

    cr_assert_eq(json_parse(b->data, b->len, &o, &e), 0, "%s: %s", e.msg, b->data);
    return o;
}

static const struct trace_context context = {
    .trace_id = {0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e,
                 0x47, 0x36},
    .span_id = {0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7},
    .flags = 1};

Test(span, is_written_as_otlp_has_it_in_json)
{
    static const uint8_t parent[SPAN_ID_LEN] = {0xff, 1, 2, 3, 4, 5, 6, 7};
    struct buf b = BUF_INIT(4096);

    span_open(&b, &(struct span_head){.span = &context,
                                      .parent = parent,
                                      .state = "a=\"b\"",
                                      .kind = SPAN_CLIENT,
                                      .start_us = WALL_US,
                                      .end_us = WALL_US + 1,
                                      .name = "chat m\"1"});
    span_str(&b, "text", "a\n\"b\"");
    span_int(&b, "number", INT64_C(9007199254740993));
    span_num(&b, "real", 0.1);
    span_bool(&b, "flag", true);
    span_list(&b, "list", "stop");
    span_close(&b, &(struct span_end){.error = "rate_limit", .link = &context});
    cr_expect_str_eq(
        b.data,
        "{\"traceId\":\"" TRACE "\",\"spanId\":\"" SPAN "\",\"parentSpanId\":\"ff01020304050607\","
        "\"traceState\":\"a=\\\"b\\\"\",\"name\":\"chat m\\\"1\",\"kind\":3,"
        "\"startTimeUnixNano\":\"1700000000000000000\",\"endTimeUnixNano\":\"1700000000000001000\","
        "\"attributes\":["
        "{\"key\":\"text\",\"value\":{\"stringValue\":\"a\\n\\\"b\\\"\"}},"
        "{\"key\":\"number\",\"value\":{\"intValue\":\"9007199254740993\"}},"
        "{\"key\":\"real\",\"value\":{\"doubleValue\":0.10000000000000001}},"
        "{\"key\":\"flag\",\"value\":{\"boolValue\":true}},"
        "{\"key\":\"list\",\"value\":{\"arrayValue\":{\"values\":[{\"stringValue\":\"stop\"}]}}}],"
        "\"links\":[{\"traceId\":\"" TRACE "\",\"spanId\":\"" SPAN "\"}],"
        "\"status\":{\"code\":2,\"message\":\"rate_limit\"}}");
    json_object_put(parse(&b));
    buf_done(&b);
}

Test(span, what_is_not_there_is_left_out)
{
    struct buf b = BUF_INIT(4096);

    span_open(&b, &(struct span_head){.span = &context, .kind = SPAN_INTERNAL, .name = "x"});
    span_str(&b, "null", NULL);
    span_str(&b, "empty", "");
    span_str(&b, "no utf-8", "\xff");
    span_num(&b, "infinite", 1.0 / 0.0);
    span_ready(&b, "");
    span_close(&b, &(struct span_end){.error = NULL});
    cr_expect_str_eq(b.data, "{\"traceId\":\"" TRACE "\",\"spanId\":\"" SPAN
                             "\",\"name\":\"x\",\"kind\":1,\"startTimeUnixNano\":\"0000\","
                             "\"endTimeUnixNano\":\"0000\",\"attributes\":[]}");
    buf_done(&b);
}

Test(span, a_name_ends_where_it_is_no_utf8)
{
    static const struct {
        const char *name, *is;
    } rows[] = {
        {"chat \xc3\xa9", "\"name\":\"chat \xc3\xa9\""},
        {"chat \xc3", "\"name\":\"chat \""}, /* the rest of it was cut off */
        {"a\xff z", "\"name\":\"a\""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b = BUF_INIT(4096);

        span_open(&b, &(struct span_head){.span = &context, .name = rows[i].name});
        span_close(&b, &(struct span_end){.error = NULL});
        cr_expect(strstr(b.data, rows[i].is), "%s", b.data);
        json_object_put(parse(&b));
        buf_done(&b);
    }
}

/* ---- a task ---- */

struct scene {
    struct trace_sink sink;
    struct trace *got;
};

static void keep(struct trace_sink *s, struct trace *t)
{
    struct scene *sc = CONTAINER_OF(s, struct scene, sink);

    cr_assert_null(sc->got, "a task has one trace");
    sc->got = t;
}

static void set_id(struct trace_context *c, const struct trace *t, uint8_t byte)
{
    *c = (struct trace_context){.flags = TRACE_SAMPLED};
    memcpy(c->trace_id, t->task.trace_id, TRACE_ID_LEN);
    memset(c->span_id, byte, SPAN_ID_LEN);
}

/* Traced from the caller's span on; the task's own is 11.., its reply's 22... */
static struct task *make(struct scene *sc, const char *group)
{
    static const char state[] = "vendor=1";
    struct task *t = task_new();

    *sc = (struct scene){.sink = {.put = keep, .group = group, .grown_max = 1 << 20}};
    t->origin = (struct task_origin){.topic = "requests", .partition = 3, .offset = 77};
    t->id = mem_strdup("row-1");
    t->received_us = 1000;
    t->raw_len = 42;
    t->trace = trace_new(&sc->sink, &context, state, strlen(state));
    t->trace->wall_us = WALL_US;
    memset(t->trace->task.span_id, 0x11, SPAN_ID_LEN);
    set_id(&t->trace->publish, t->trace, 0x22);
    return t;
}

static void call(struct trace *tr, uint8_t id, const char *error)
{
    struct buf *out = NULL;

    set_id(&tr->call, tr, id);
    out = trace_span(tr, &tr->call, SPAN_CLIENT, "chat m", 2000, 3000);
    span_str(out, "gen_ai.request.model", "m");
    trace_span_end(tr, error);
}

static void look_up(struct trace *tr, uint8_t id, bool found)
{
    struct trace_lookup l = {.start_us = 1500, .end_us = 1600, .found = found};

    set_id(&l.span, tr, id);
    trace_looked_up(tr, &l);
}

static struct json_object *spans_of(struct scene *sc)
{
    struct buf b = BUF_INIT(1 << 20);
    struct json_object *o = NULL;

    cr_assert_not_null(sc->got);
    buf_printf(&b, "[");
    buf_append(&b, sc->got->text.data, sc->got->text.len);
    buf_char(&b, ']');
    o = parse(&b);
    buf_done(&b);
    return o;
}

static const char *attribute(struct json_object *span, const char *key)
{
    struct json_object *list = json_get(span, "attributes");

    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *a = json_object_array_get_idx(list, i);

        if (strcmp(json_get_str(a, "key"), key) != 0)
            continue;
        json_object_object_foreach(json_get(a, "value"), type, v)
        {
            (void)type;
            return json_object_get_string(v);
        }
    }
    return "";
}

static struct json_object *span_at(struct json_object *spans, size_t i)
{
    return json_object_array_get_idx(spans, i);
}

Test(trace, is_a_tree_below_the_caller)
{
    static const char *const names[] = {"chat m", "chat m", "send replies", "process requests"};
    static const char *const parents[] = {"1111111111111111", "1111111111111111",
                                          "1111111111111111", SPAN};
    struct scene sc;
    struct task *t = make(&sc, "workers");
    struct json_object *spans = NULL;

    call(t->trace, 0x33, "transient");
    call(t->trace, 0x44, NULL);
    t->reply = mem_strdup("{}");
    t->ok = true;
    t->trace->ended_us = 4000;
    trace_sending(t->trace, "replies", 5000);
    trace_sending(t->trace, "replies", 6000); /* once more */
    trace_sent_to(t->trace, 2, 99);
    trace_published(t->trace, 7000);
    task_free(t);
    spans = spans_of(&sc);
    cr_assert_eq(json_object_array_length(spans), ARRAY_LEN(names));
    cr_expect_eq(sc.got->count, ARRAY_LEN(names));
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        cr_expect_str_eq(json_get_str(span_at(spans, i), "name"), names[i]);
        cr_expect_str_eq(json_get_str(span_at(spans, i), "parentSpanId"), parents[i]);
        cr_expect_str_eq(json_get_str(span_at(spans, i), "traceId"), TRACE);
        cr_expect_str_eq(json_get_str(span_at(spans, i), "traceState"), "vendor=1");
    }
    cr_expect_not_null(json_get(span_at(spans, 0), "status"));
    cr_expect_null(json_get(span_at(spans, 1), "status"));
    cr_expect_str_eq(json_get_str(span_at(spans, 2), "startTimeUnixNano"), "1700000000005000000");
    cr_expect_str_eq(attribute(span_at(spans, 2), "messaging.destination.partition.id"), "2");
    cr_expect_str_eq(attribute(span_at(spans, 2), "messaging.kafka.offset"), "99");
    cr_expect_eq(json_get_int(span_at(spans, 3), "kind", 0), SPAN_CONSUMER);
    cr_expect_str_eq(json_get_str(span_at(spans, 3), "startTimeUnixNano"), "1700000000001000000");
    cr_expect_str_eq(json_get_str(span_at(spans, 3), "endTimeUnixNano"), "1700000000007000000");
    cr_expect_str_eq(attribute(span_at(spans, 3), "messaging.consumer.group.name"), "workers");
    cr_expect_str_eq(attribute(span_at(spans, 3), "messaging.kafka.offset"), "77");
    cr_expect_str_eq(attribute(span_at(spans, 3), "sluice.task_id"), "row-1");
    json_object_put(spans);
    trace_free(sc.got);
}

Test(trace, has_each_look_up_though_it_is_written_late)
{
    static const char *const ids[] = {"3333333333333333", "6666666666666666", "7777777777777777",
                                      "1111111111111111"};
    struct scene sc;
    struct task *t = make(&sc, "workers");
    struct json_object *spans = NULL;

    look_up(t->trace, 0x66, false);
    cr_expect_null(t->trace->text.data, "a task that waits has no text yet");
    call(t->trace, 0x33, NULL);
    look_up(t->trace, 0x77, true);
    task_free(t);
    spans = spans_of(&sc);
    cr_assert_eq(json_object_array_length(spans), ARRAY_LEN(ids));
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        cr_expect_str_eq(json_get_str(span_at(spans, i), "spanId"), ids[i]);
    cr_expect_str_eq(json_get_str(span_at(spans, 1), "name"), "cache lookup");
    cr_expect_str_eq(attribute(span_at(spans, 1), "sluice.cache"), "miss");
    cr_expect_str_eq(attribute(span_at(spans, 2), "sluice.cache"), "hit");
    cr_expect_str_eq(json_get_str(span_at(spans, 2), "endTimeUnixNano"), "1700000000001600000");
    json_object_put(spans);
    trace_free(sc.got);
}

Test(trace, says_how_a_task_ended)
{
    static const struct {
        const char *what;
        bool reply, ok, silent, park, journal;
        const char *key, *value;
    } rows[] = {
        {"an error", .reply = true, .key = "error.type", .value = "deadline_exceeded"},
        {"a duplicate", .silent = true, .key = "sluice.duplicate", .value = "true"},
        {"parked", .park = true, .key = "sluice.parked", .value = "true"},
        {"given back", .key = "sluice.given_back", .value = "true"},
        {"replayed", .reply = true, .ok = true, .journal = true, .key = "sluice.replayed",
         .value = "true"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scene sc;
        struct task *t = make(&sc, NULL);
        struct json_object *spans = NULL;

        task_fail(t, "deadline_exceeded", "too late");
        t->reply = rows[i].reply ? mem_strdup("{}") : NULL;
        t->ok = rows[i].ok;
        t->silent = rows[i].silent;
        t->park = rows[i].park;
        t->from_journal = rows[i].journal;
        task_free(t);
        spans = spans_of(&sc);
        cr_assert_eq(json_object_array_length(spans), 1, "%s: nothing was published", rows[i].what);
        cr_expect_str_eq(attribute(span_at(spans, 0), rows[i].key), rows[i].value, "%s",
                         rows[i].what);
        cr_expect_eq(json_get(span_at(spans, 0), "status") != NULL, rows[i].reply && !rows[i].ok);
        cr_expect_str_eq(attribute(span_at(spans, 0), "sluice.row"), "77");
        cr_expect_eq(json_get_int(span_at(spans, 0), "kind", 0), SPAN_INTERNAL);
        json_object_put(spans);
        trace_free(sc.got);
    }
}

Test(trace, spans_without_room_are_counted_and_the_last_two_always_have_some)
{
    struct scene sc;
    struct task *t = make(&sc, "workers");
    struct json_object *spans = NULL;

    for (int i = 0; i < 1000; i++)
        call(t->trace, 0x33, NULL);
    trace_sending(t->trace, "replies", 5000);
    trace_published(t->trace, 7000);
    task_free(t);
    spans = spans_of(&sc);
    cr_expect_gt(sc.got->too_large, 500);
    cr_expect_eq(sc.got->count + sc.got->too_large, 1002);
    cr_expect_eq(json_object_array_length(spans), sc.got->count);
    cr_expect_str_eq(json_get_str(span_at(spans, sc.got->count - 1), "name"), "process requests");
    cr_expect_str_eq(json_get_str(span_at(spans, sc.got->count - 2), "name"), "send replies");
    json_object_put(spans);
    trace_free(sc.got);
}

Test(trace, a_reply_names_the_span_that_published_it)
{
    static const char want[] = "00-" TRACE "-2222222222222222-01";
    struct reply_headers out;
    struct scene sc;
    struct task *t = make(&sc, "workers");

    task_header_add(t, "traceparent", "00-" TRACE "-" SPAN "-01", TRACEPARENT_LEN);
    task_header_add(t, "tracestate", "vendor=1", 8);
    reply_headers(t, &out);
    cr_expect_str_eq(out.at[0].name, "traceparent");
    cr_expect_str_eq(out.at[0].value, want);
    cr_expect_str_eq(out.at[1].name, "tracestate");
    cr_expect_str_eq(out.at[1].value, "vendor=1");
    task_free(t);
    trace_free(sc.got);
}

Test(trace, a_task_that_is_not_traced_takes_all_calls)
{
    trace_sending(NULL, "replies", 1);
    trace_sent_to(NULL, 1, 1);
    trace_published(NULL, 1);
    cr_expect_null(trace_free(NULL));
}
