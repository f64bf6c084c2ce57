/* head: when the oldest open record of a partition may be ended. */
#include <criterion/criterion.h>

#include "policy/head.h"
#include "policy/ledger.h"

#define MINUTE (60 * INT64_C(1000000))
#define LIMIT  (15 * MINUTE)

/* One record holds up a window of 100,000 that is all but full. */
static const struct head_window stuck = {.span = 95000,
                                         .span_max = 100000,
                                         .map_bytes = 40,
                                         .map_max = 3072,
                                         .open = 10,
                                         .done = 94990,
                                         .head_age_us = LIMIT + 1};

static const struct {
    const char *name;
    struct head_window w;
    int64_t max_age_us;
    bool stuck;
} rows[] = {
#define ROW(text, is, ...)                                                                         \
    {                                                                                              \
        text, {.span_max = 100000, .map_max = 3072, .head_age_us = LIMIT + 1, __VA_ARGS__}, LIMIT, \
            is                                                                                     \
    }
    ROW("one holds up all", true, .span = 95000, .open = 1, .done = 94999),
    ROW("window just full enough", true, .span = 90000, .open = 1, .done = 89999),
    ROW("window not full", false, .span = 89999, .open = 1, .done = 89998),
    ROW("done just enough", true, .span = 90000, .open = 200, .done = 9800),
    ROW("too much open", false, .span = 90000, .open = 201, .done = 9799),
    ROW("an outage: all is open", false, .span = 100000, .open = 1000, .done = 0),
    ROW("an outage behind an old head", false, .span = 61000, .open = 1000, .done = 60000),
    ROW("half and half", false, .span = 100000, .open = 500, .done = 500),
    ROW("the map is full", true, .span = 2000, .map_bytes = 2765, .open = 20, .done = 1980),
    ROW("the map is not", false, .span = 2000, .map_bytes = 2764, .open = 20, .done = 1980),
    ROW("the map is full, and much is open", false, .span = 2000, .map_bytes = 3072, .open = 900,
        .done = 1100),
    ROW("over the bounds", true, .span = 200000, .map_bytes = 9000, .open = 1, .done = 199999),
    ROW("few records, far apart", true, .span = 100000, .open = 1, .done = 49),
    ROW("nothing is done", false, .span = 100000, .open = 1, .done = 0),
    ROW("nothing is open", false, .span = 100000, .open = 0, .done = 100000),
    ROW("empty", false, .span = 0, .open = 0, .done = 0),
};

Test(head, table)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_expect_eq(head_is_stuck(&rows[i].w, rows[i].max_age_us), rows[i].stuck, "%s",
                     rows[i].name);
}

Test(head, only_an_old_one)
{
    struct head_window w = stuck;

    cr_expect(head_is_stuck(&w, LIMIT));
    w.head_age_us = LIMIT;
    cr_expect(head_is_stuck(&w, LIMIT));
    w.head_age_us = LIMIT - 1;
    cr_expect_not(head_is_stuck(&w, LIMIT));
    w.head_age_us = INT64_MIN; /* its begin is in the future, or not known */
    cr_expect_not(head_is_stuck(&w, LIMIT));
    w.head_age_us = INT64_MAX;
    cr_expect_not(head_is_stuck(&w, 0), "turned off");
}

Test(head, bounds_that_are_not_there)
{
    struct head_window w = stuck;

    w.span_max = 0;
    cr_expect_not(head_is_stuck(&w, LIMIT));
    w.map_bytes = 5000;
    w.map_max = 0;
    cr_expect_not(head_is_stuck(&w, LIMIT), "a broker that takes no map");
    w.map_max = 5000;
    cr_expect(head_is_stuck(&w, LIMIT));
}

Test(head, large_numbers)
{
    struct head_window w = stuck;

    w.span = w.span_max = INT64_MAX;
    w.open = 1;
    w.done = INT64_MAX - 1;
    cr_expect(head_is_stuck(&w, LIMIT));
    w.span = INT64_MAX / 2;
    cr_expect_not(head_is_stuck(&w, LIMIT));
}

static bool ledger_is_stuck(const struct ledger *l, int64_t span_max)
{
    struct head_window w = {.span = ledger_window(l),
                            .span_max = span_max,
                            .open = (int64_t)ledger_open(l),
                            .done = ledger_done_above(l),
                            .head_age_us = LIMIT - ledger_head_since(l)};

    return head_is_stuck(&w, LIMIT);
}

/* What a loaded map says is done counts as soon as it was passed, or a worker that starts with a stuck head
 * would never be free of it. */
Test(head, numbers_of_a_ledger)
{
    struct ledger *l = ledger_new(100, 100, 1000);
    int64_t i = 0;

    cr_expect_eq(ledger_done_above(l), 0);
    cr_assert_eq(ledger_load_done(l, 101, 500), 0);
    cr_assert_eq(ledger_load_done(l, 502, 1098), 0);
    cr_assert_eq(ledger_begin(l, 100), LEDGER_NEW);
    cr_expect_eq(ledger_done_above(l), 0);
    for (i = 101; i <= 500; i++)
        cr_assert_eq(ledger_begin(l, i), LEDGER_SEEN);
    cr_expect_eq(ledger_done_above(l), 400);
    cr_expect_not(ledger_is_stuck(l, 1000));
    cr_assert_eq(ledger_begin(l, 501), LEDGER_NEW);
    cr_assert_eq(ledger_begin(l, 1050), LEDGER_SEEN);
    cr_expect_eq(ledger_done_above(l), 400 + 549);
    cr_expect(ledger_is_stuck(l, 1000));
    ledger_done(l, 501);
    cr_expect_eq(ledger_done_above(l), 400 + 549 + 1);
    ledger_done(l, 100);
    cr_expect_eq(ledger_done_above(l), 0, "there is no head");
    cr_expect_not(ledger_is_stuck(l, 1000));
    cr_assert_eq(ledger_begin(l, 1099), LEDGER_NEW);
    cr_expect_eq(ledger_done_above(l), 0, "what lies below the head is over");
    ledger_free(l);
}
