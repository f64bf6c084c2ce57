/* clock: RFC 3339 both ways. */
#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/mem.h"

Test(clock, format)
{
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1, "1970-01-01T00:00:00.001Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {1796083200000, "2026-12-01T00:00:00.000Z"},
        {1796083200999, "2026-12-01T00:00:00.999Z"}, /* the second before it was the same */
        {1796083201000, "2026-12-01T00:00:01.000Z"},
        {INT64_MAX, "292278994-08-17T07:12:55.807Z"},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(rows); i++) {
        char out[32];

        clock_format_rfc3339(rows[i].ms, out, sizeof out);
        cr_expect_str_eq(out, rows[i].text);
    }
}

Test(clock, parse)
{
    static const struct {
        const char *text;
        int64_t ms; /* -1: no date */
    } rows[] = {
        {"2026-12-01T00:00:00Z", 1796083200000},
        {"2026-12-01t00:00:00z", 1796083200000},
        {"2026-12-01 00:00:00Z", 1796083200000},
        {"2026-12-01T01:30:00+01:30", 1796083200000},
        {"2026-11-30T23:00:00-01:00", 1796083200000},
        {"2026-12-01T00:00:00.5Z", 1796083200500},
        {"2026-12-01T00:00:00.123456789Z", 1796083200123},
        {"2026-12-01", -1},
        {"2026-12-01T00:00:00", -1},
        {"2026-12-01T00:00:00Zx", -1},
        {"2026-13-01T00:00:00Z", -1},
        {"2026-12-32T00:00:00Z", -1},
        {"2026-12-01T24:00:00Z", -1},
        {"2026-12-01T00:00:00+24:00", -1},
        {"2026-12-01T00:00:00+0100", -1},
        {"tomorrow", -1},
        {"", -1},
        {"1733011200", -1},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t ms = -1;
        int r = clock_parse_rfc3339(rows[i].text, &ms);

        cr_expect_eq(r, rows[i].ms < 0 ? -1 : 0, "%s", rows[i].text);
        cr_expect_eq(ms, rows[i].ms, "%s: %lld", rows[i].text, (long long)ms);
    }
}

Test(clock, runs_forward)
{
    int64_t a = clock_mono_us();
    int64_t b = clock_mono_us();

    cr_expect_geq(b, a);
    cr_expect_gt(clock_wall_ms(), 1577836800000, "after 2020, in milliseconds");
}
