/* What the commands on dead letters decide: filters, rates, and which offsets were replayed. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/mem.h"
#include "base/rng.h"
#include "cmd/dlq/filter.h"
#include "cmd/dlq/offset_set.h"
#include "cmd/dlq/rate.h"

#define NOW_MS INT64_C(1796083200000) /* 2026-12-01T00:00:00Z */

/* ---- filter ---- */

static bool takes(const struct filter_options *o, const char *code, const char *key, const char *id,
                  int64_t at_ms)
{
    struct kafka_record r = {.key = key, .key_len = key ? strlen(key) : 0, .timestamp_ms = at_ms};
    struct letter l = {.record = &r, .topic = "orders"};
    struct filter f;
    struct err e = {0};

    if (code)
        l.code = (struct letter_text){code, strlen(code)};
    cr_assert_eq(filter_init(&f, o, NOW_MS, &e), 0, "%s", e.msg);
    return filter_takes(&f, &l, id);
}

#define LIST(...)                                                                                  \
    (struct option_list)                                                                           \
    {                                                                                              \
        (const char *[]){__VA_ARGS__}, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)      \
    }

Test(dlq, filters)
{
    struct filter_options none = {0};
    struct filter_options code = {.codes = LIST("bad_*", "reply_undeliverable")};
    struct filter_options topic = {.topics = LIST("order?")};
    struct filter_options match = {.match = LIST("row-1*")};
    struct filter_options time = {.since = "2026-11-30T23:00:00Z", .until = "30m"};

    cr_expect(takes(&none, NULL, NULL, NULL, -1));
    cr_expect(takes(&code, "bad_record", NULL, NULL, 0));
    cr_expect(takes(&code, "reply_undeliverable", NULL, NULL, 0));
    cr_expect_not(takes(&code, "reply_undeliverable2", NULL, NULL, 0));
    cr_expect_not(takes(&code, NULL, NULL, NULL, 0));
    cr_expect(takes(&topic, NULL, NULL, NULL, 0));
    topic.topics = LIST("other");
    cr_expect_not(takes(&topic, NULL, NULL, NULL, 0));
    cr_expect(takes(&match, NULL, "row-17", "x", 0));
    cr_expect(takes(&match, NULL, "x", "row-1", 0));
    cr_expect_not(takes(&match, NULL, "x", "row-2", 0));
    cr_expect_not(takes(&match, NULL, NULL, "xrow-1", 0));
    cr_expect_not(takes(&time, NULL, NULL, NULL, NOW_MS - 3600 * 1000 - 1));
    cr_expect(takes(&time, NULL, NULL, NULL, NOW_MS - 3600 * 1000));
    cr_expect(takes(&time, NULL, NULL, NULL, NOW_MS - 1800 * 1000 - 1));
    cr_expect_not(takes(&time, NULL, NULL, NULL, NOW_MS - 1800 * 1000));
    cr_expect_not(takes(&time, NULL, NULL, NULL, -1), "a record without a time");
}

Test(dlq, times)
{
    static const char *const bad[] = {"", "yesterday", "2026-13-01", "2026-12-01T", "-2h"};
    int64_t at = 0;
    struct filter f;
    struct filter_options crossed = {.since = "1h", .until = "2h"};
    struct filter_options wrong = {.since = "soon"};
    struct err e = {0};

    cr_assert_eq(filter_time("2h", NOW_MS, &at), 0);
    cr_expect_eq(at, NOW_MS - 7200 * 1000);
    cr_assert_eq(filter_time("2026-12-01", 0, &at), 0);
    cr_expect_eq(at, NOW_MS);
    cr_assert_eq(filter_time("2026-12-01T01:00:00+01:00", 0, &at), 0);
    cr_expect_eq(at, NOW_MS);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        cr_expect_lt(filter_time(bad[i], NOW_MS, &at), 0, "\"%s\"", bad[i]);
    cr_expect_lt(filter_init(&f, &crossed, NOW_MS, &e), 0);
    cr_expect_lt(filter_init(&f, &wrong, NOW_MS, &e), 0);
    cr_expect(strstr(e.msg, "--since soon"), "%s", e.msg);
    cr_expect_eq(e.code, EX_USAGE);
}

/* ---- rate ---- */

Test(dlq, rates)
{
    static const struct {
        const char *text;
        int64_t gap_us;
    } rows[] = {{"10", 100000},     {"10/s", 100000},    {"300/m", 200000},
                {"0.5/s", 2000000}, {"1000/h", 3600000}, {"1/min", 60000000}};
    static const char *const bad[] = {"",      "0",   "-1/s",   "10/d", "x/s",
                                      "10/s ", "inf", "1e-9/s", "/s"};
    struct rate r;
    struct err e = {0};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cr_assert_eq(rate_parse(&r, rows[i].text, &e), 0, "%s", e.msg);
        cr_expect_eq(r.gap_us, rows[i].gap_us, "%s: %" PRId64, rows[i].text, r.gap_us);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        cr_expect_lt(rate_parse(&r, bad[i], &e), 0, "\"%s\"", bad[i]);
    cr_assert_eq(rate_parse(&r, NULL, &e), 0);
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(rate_take(&r, 5), 0, "no limit");
}

/* Over any time that begins with one, no more than the rate says; polled late, hardly fewer. */
Test(dlq, rate_holds)
{
    struct rng rng = {7};
    struct rate r;
    int64_t now = 1000000;
    int64_t first = now;
    int64_t taken = 0;

    cr_assert_eq(rate_parse(&r, "100/s", NULL), 0);
    while (now < first + 60 * 1000000) {
        int64_t left = rate_take(&r, now);

        if (left == 0)
            taken++;
        cr_assert_leq(taken, (now - first) / 10000 + 1, "after %" PRId64 " us", now - first);
        now += left + (int64_t)rng_below(&rng, 3000);
    }
    cr_expect_geq(taken, 5990);
    now += 3600 * INT64_C(1000000);
    cr_expect_eq(rate_take(&r, now), 0);
    cr_expect_gt(rate_take(&r, now), 9000, "a pause is not made up for");
}

/* ---- offset_set ---- */

#define SPACE 300

static void expect_same(const struct offset_set *s, const bool *model, const char *when)
{
    for (int64_t i = 0; i < SPACE; i++)
        cr_assert_eq(offset_set_has(s, i), model[i], "%s: offset %" PRId64, when, i);
    for (size_t i = 0; i < s->count; i++) {
        cr_assert_lt(s->at[i].from, s->at[i].to);
        cr_assert_gt(s->at[i].from, i ? s->at[i - 1].to : s->base, "ranges touch");
    }
}

/* Any order of additions and removals does what it does to a plain array, and survives its text. */
Test(dlq, offset_set_against_an_array)
{
    struct rng rng = {11};
    struct buf text = BUF_INIT(4000);

    for (int round = 0; round < 300; round++) {
        bool model[SPACE] = {false};
        struct offset_set s, copy;
        int64_t base = (int64_t)rng_below(&rng, 20);

        offset_set_init(&s, base);
        memset(model, true, (size_t)base);
        for (int step = 0; step < 60; step++) {
            int64_t from = (int64_t)rng_below(&rng, SPACE - 10);
            int64_t to = from + 1 + (int64_t)rng_below(&rng, 8);

            if (rng_below(&rng, 4)) {
                offset_set_add(&s, from, to);
                memset(model + from, true, (size_t)(to - from));
            } else if (from >= s.base) {
                offset_set_remove(&s, from);
                model[from] = false;
            }
        }
        expect_same(&s, model, "as built");
        cr_assert_eq(offset_set_format(&s, 4000, &text), 0);
        offset_set_init(&copy, s.base);
        cr_assert_eq(offset_set_parse(&copy, text.data), 0, "%s", text.data);
        expect_same(&copy, model, "read again");
        offset_set_done(&copy);
        offset_set_done(&s);
    }
    buf_done(&text);
}

Test(dlq, offset_set_texts)
{
    static const char *const bad[] = {"sl1.abc",
                                      "sluice-dlq1 ",
                                      "sluice-dlq1 r ",
                                      "sluice-dlq1 r 0+1",
                                      "sluice-dlq1 r 3+0",
                                      "sluice-dlq1 r 3+1,",
                                      "sluice-dlq1 r 3+1 ",
                                      "sluice-dlq1 r -3+1",
                                      "sluice-dlq1 r 9223372036854775807+1",
                                      "sluice-dlq1 r 99999999999999999999+1",
                                      "sluice-dlq1 b 0g"};
    struct offset_set s;
    struct buf text = BUF_INIT(4000);

    offset_set_init(&s, 100);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        cr_expect_lt(offset_set_parse(&s, bad[i]), 0, "\"%s\"", bad[i]);
        cr_expect_eq(s.count, 0);
        cr_expect_eq(s.base, 100);
    }
    cr_expect_eq(offset_set_parse(&s, ""), 0);
    cr_expect_eq(offset_set_parse(&s, "sluice-dlq1 r 3+1,2+5"), 0);
    cr_expect(offset_set_has(&s, 99) && !offset_set_has(&s, 100) && !offset_set_has(&s, 102));
    cr_expect(offset_set_has(&s, 103) && !offset_set_has(&s, 104) && !offset_set_has(&s, 105));
    cr_expect(offset_set_has(&s, 106) && offset_set_has(&s, 110) && !offset_set_has(&s, 111));
    offset_set_raise(&s, 105);
    cr_expect_eq(s.base, 105);
    offset_set_raise(&s, 107);
    cr_expect_eq(s.base, 111, "the run that it falls into is passed");
    cr_expect_eq(offset_set_format(&s, 4000, &text), 0);
    cr_expect_str_eq(text.data, "");
    offset_set_done(&s);
    buf_done(&text);
}

/* Every other of some thousands fits as bits; millions in few runs fit as runs; both at once do not. */
Test(dlq, offset_set_bounds)
{
    struct offset_set s;
    struct buf text = BUF_INIT(4000);

    offset_set_init(&s, 0);
    for (int64_t i = 0; i < 7000; i++)
        offset_set_add(&s, 2 * i + 1, 2 * i + 2);
    cr_expect_eq(offset_set_format(&s, 4000, &text), 0);
    cr_expect_eq(strncmp(text.data, "sluice-dlq1 b ", 14), 0);
    cr_expect_leq(text.len, 4000);
    offset_set_add(&s, 1000000, 5000000);
    cr_expect_lt(offset_set_format(&s, 4000, &text), 0);
    cr_expect_leq(text.len, 4000);
    offset_set_add(&s, 0, 900000);
    cr_expect_eq(offset_set_format(&s, 4000, &text), 0);
    cr_expect_str_eq(text.data, "sluice-dlq1 r 100000+4000000");
    offset_set_done(&s);
    buf_done(&text);
}
