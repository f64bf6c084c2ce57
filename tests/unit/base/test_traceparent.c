/* traceparent: what is one, what is none, and what a tracestate may be. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/traceparent.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN  "00f067aa0ba902b7"

Test(traceparent, is_read_as_the_standard_says)
{
    static const struct {
        const char *what, *text;
        int flags; /* -1: it is none */
    } rows[] = {
        {"sampled", "00-" TRACE "-" SPAN "-01", 1},
        {"not sampled", "00-" TRACE "-" SPAN "-00", 0},
        {"flags that are not known", "00-" TRACE "-" SPAN "-ff", 0xff},
        {"a later version", "cc-" TRACE "-" SPAN "-01", 1},
        {"a later version with more", "cc-" TRACE "-" SPAN "-01-what-the-future-brings", 1},
        {"version 00 with more", "00-" TRACE "-" SPAN "-01-", -1},
        {"a later version with letters behind it", "cc-" TRACE "-" SPAN "-01.x", -1},
        {"version ff", "ff-" TRACE "-" SPAN "-01", -1},
        {"upper case", "00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01", -1},
        {"no trace", "00-00000000000000000000000000000000-" SPAN "-01", -1},
        {"no span", "00-" TRACE "-0000000000000000-01", -1},
        {"a digit short", "00-" TRACE "-" SPAN "-0", -1},
        {"no digits", "00-" TRACE "-" SPAN "-0x", -1},
        {"another separator", "00_" TRACE "-" SPAN "-01", -1},
        {"a blank before it", " 00-" TRACE "-" SPAN "-01", -1},
        {"nothing", "", -1},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct trace_context c = {.flags = 0x55};
        bool good = traceparent_parse(rows[i].text, strlen(rows[i].text), &c);
        char hex[2 * TRACE_ID_LEN + 1];

        cr_expect_eq(good, rows[i].flags >= 0, "%s", rows[i].what);
        cr_expect_eq(c.flags, good ? rows[i].flags : 0x55, "%s: %d", rows[i].what, c.flags);
        if (!good)
            continue;
        trace_hex(c.trace_id, TRACE_ID_LEN, hex);
        cr_expect_str_eq(hex, TRACE);
        trace_hex(c.span_id, SPAN_ID_LEN, hex);
        cr_expect_str_eq(hex, SPAN);
    }
}

Test(traceparent, a_nul_inside_is_no_digit)
{
    char text[] = "00-" TRACE "-" SPAN "-01";
    struct trace_context c;

    text[10] = '\0';
    cr_expect_not(traceparent_parse(text, TRACEPARENT_LEN, &c));
}

Test(traceparent, is_written_in_version_00_with_the_flag_that_it_knows)
{
    static const char *const rows[][2] = {
        {"00-" TRACE "-" SPAN "-01", "00-" TRACE "-" SPAN "-01"},
        {"cc-" TRACE "-" SPAN "-fe-more", "00-" TRACE "-" SPAN "-00"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct trace_context c;
        char out[TRACEPARENT_LEN + 1];

        cr_assert(traceparent_parse(rows[i][0], strlen(rows[i][0]), &c));
        traceparent_format(&c, out);
        cr_expect_str_eq(out, rows[i][1]);
    }
}

Test(traceparent, a_tracestate_passes_within_its_bounds)
{
    char long_one[TRACESTATE_MAX + 1], many[2 * 33];

    memset(long_one, 'x', sizeof long_one);
    for (size_t i = 0; i < sizeof many; i++)
        many[i] = i % 2 ? ',' : 'a';
    cr_expect(tracestate_passes("congo=t61rcWkgMzE,rojo=00f067aa0ba902b7", 39));
    cr_expect(tracestate_passes(long_one, TRACESTATE_MAX));
    cr_expect_not(tracestate_passes(long_one, TRACESTATE_MAX + 1), "longer than anybody must keep");
    cr_expect(tracestate_passes(many, 2 * 32 - 1));
    cr_expect_not(tracestate_passes(many, 2 * 33 - 1), "33 members");
    cr_expect_not(tracestate_passes("a=b\r\nx-evil: 1", 14), "it would make a header of its own");
    cr_expect_not(tracestate_passes("a=\xc3\xa9", 4));
    cr_expect_not(tracestate_passes("", 0));
    cr_expect_not(tracestate_passes(NULL, 0));
}
