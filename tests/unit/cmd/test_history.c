/* The last hour of a worker: a point every ten seconds, no more than an hour of them, and the times in a point are
 * those of the tasks that ended since the one before. */
#include "cmd/admin/history.h"

#include <criterion/criterion.h>

#include "base/json.h"
#include "base/mem.h"

#define EVERY HISTORY_EVERY_US

static struct json_object *written(const struct history *h)
{
    struct buf out = BUF_INIT(1 << 20);
    struct json_object *o = NULL;

    history_write(h, &out);
    cr_assert(json_parse_answer(out.data, out.len, &o) == 0, "%s", out.data);
    buf_done(&out);
    return o;
}

static struct json_object *value(struct json_object *o, const char *member, size_t i)
{
    return json_object_array_get_idx(json_get(o, member), i);
}

Test(history, a_point_every_ten_seconds_and_an_hour_of_them)
{
    static const struct {
        int64_t looks, every_us;
        size_t points;
    } rows[] = {
        {1, 150000, 1},
        {60, 150000, 1}, /* nine seconds */
        {68, 150000, 2},
        {30, EVERY, 30},
        {30, 3 * EVERY, 30}, /* nobody looked for half a minute: no point is invented */
        {1000, EVERY, HISTORY_POINTS},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct history *h = mem_alloc(sizeof *h);
        struct pool_stats p = {0};
        struct json_object *o = NULL;

        for (int64_t n = 0; n < rows[i].looks; n++)
            history_note(h, &p, EVERY + n * rows[i].every_us, 1000 + n);
        o = written(h);
        cr_expect_eq(json_object_array_length(json_get(o, "at_ms")), rows[i].points, "row %zu", i);
        cr_expect_eq(json_object_get_int64(value(o, "at_ms", rows[i].points - 1)),
                     h->at[(h->first + h->count - 1) % HISTORY_POINTS].wall_ms, "row %zu", i);
        for (size_t k = 1; k < rows[i].points; k++)
            cr_assert(json_object_get_int64(value(o, "at_ms", k - 1)) <
                          json_object_get_int64(value(o, "at_ms", k)),
                      "row %zu: the oldest comes first", i);
        json_object_put(o);
        free(h);
    }
}

Test(history, times_are_those_of_the_last_ten_seconds)
{
    struct history *h = mem_alloc(sizeof *h);
    struct pool_stats p = {.finished = 100, .failed = 3, .hits = 7, .waiting = 4, .delayed = 5};
    struct json_object *o = NULL;

    for (int i = 0; i < 100; i++)
        hist_record(&p.task_latency, 1000000);
    history_note(h, &p, EVERY, 1);
    history_note(h, &p, 2 * EVERY, 2); /* nothing ended */
    for (int i = 0; i < 10; i++)
        hist_record(&p.task_latency, 2000);
    history_note(h, &p, 3 * EVERY, 3);
    o = written(h);
    cr_expect_float_eq(json_object_get_double(value(o, "p50_ms", 0)), 1000, 50);
    cr_expect_null(value(o, "p50_ms", 1));
    cr_expect_float_eq(json_object_get_double(value(o, "p99_ms", 2)), 2, 0.1);
    cr_expect_eq(json_object_get_int64(value(o, "finished", 2)), 100);
    cr_expect_eq(json_object_get_int64(value(o, "failed", 2)), 3);
    cr_expect_eq(json_object_get_int64(value(o, "hits", 2)), 7);
    cr_expect_eq(json_object_get_int64(value(o, "waiting", 2)), 9);
    json_object_put(o);
    free(h);
}
