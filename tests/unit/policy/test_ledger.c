/* ledger: what is open, what may be committed, what was seen already. */
#include "policy/ledger.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/rng.h"

Test(ledger, base_is_the_lowest_open)
{
    struct ledger *l = ledger_new(100, 10, 1000);

    cr_expect_eq(ledger_base(l), 100);
    cr_expect_eq(ledger_window(l), 0);
    cr_expect_eq(ledger_head_since(l), INT64_MAX);
    ledger_set_now(l, 7);
    cr_expect_eq(ledger_begin(l, 100), LEDGER_NEW);
    ledger_set_now(l, 8);
    cr_expect_eq(ledger_begin(l, 101), LEDGER_NEW);
    cr_expect_eq(ledger_begin(l, 102), LEDGER_NEW);
    cr_expect_eq(ledger_open(l), 3);
    cr_expect_eq(ledger_window(l), 3);
    cr_expect_eq(ledger_head_since(l), 7);
    ledger_done(l, 101);
    cr_expect_eq(ledger_base(l), 100);
    ledger_done(l, 100);
    cr_expect_eq(ledger_base(l), 102);
    cr_expect_eq(ledger_head_since(l), 8);
    cr_expect_eq(ledger_window(l), 1);
    ledger_done(l, 102);
    cr_expect_eq(ledger_base(l), 103);
    cr_expect_eq(ledger_open(l), 0);
    ledger_free(l);
}

Test(ledger, gaps_are_not_waited_for)
{
    struct ledger *l = ledger_new(5, 10, 1000000);

    cr_expect_eq(ledger_begin(l, 9), LEDGER_NEW);
    cr_expect_eq(ledger_base(l), 9);
    cr_expect_eq(ledger_begin(l, 5000), LEDGER_NEW);
    ledger_done(l, 9);
    cr_expect_eq(ledger_base(l), 5000);
    ledger_done(l, 5000);
    cr_expect_eq(ledger_base(l), 5001);
    cr_expect_eq(ledger_begin(l, 2000000000000), LEDGER_NEW, "nothing is open: no window");
    cr_expect_eq(ledger_base(l), 2000000000000);
    ledger_free(l);
}

Test(ledger, seen)
{
    struct ledger *l = ledger_new(100, 10, 1000);

    cr_expect_eq(ledger_begin(l, 99), LEDGER_SEEN);
    cr_expect_eq(ledger_begin(l, 100), LEDGER_NEW);
    cr_expect_eq(ledger_begin(l, 100), LEDGER_SEEN);
    cr_expect_eq(ledger_begin(l, 102), LEDGER_NEW);
    cr_expect_eq(ledger_begin(l, 101), LEDGER_SEEN);
    ledger_done(l, 102);
    cr_expect_eq(ledger_begin(l, 102), LEDGER_SEEN);
    cr_expect_eq(ledger_open(l), 1);
    ledger_free(l);
}

Test(ledger, done_is_what_needs_no_answer_any_more)
{
    static const int64_t done[] = {0, 99, 101, 104, 105, 110, 119, 130, 139};
    static const int64_t not_done[] = {100, 103, 106, 107, 108, 120, 129, 140, INT64_MAX};
    struct ledger *l = ledger_new(100, 100, 1000);
    size_t i = 0;

    cr_assert_eq(ledger_load_done(l, 104, 105), 0);
    cr_assert_eq(ledger_load_done(l, 110, 119), 0);
    cr_assert_eq(ledger_load_done(l, 130, 139), 0);
    cr_expect(!ledger_is_done(l, 100), "the base itself is open");
    cr_expect(!ledger_is_done(l, 102));
    cr_expect(ledger_is_done(l, 104), "the map says so before anything was begun");
    ledger_begin(l, 100);
    ledger_begin(l, 101);
    ledger_begin(l, 103);
    ledger_done(l, 101);
    for (i = 0; i < ARRAY_LEN(done); i++)
        cr_expect(ledger_is_done(l, done[i]), "%lld", (long long)done[i]);
    for (i = 0; i < ARRAY_LEN(not_done); i++)
        cr_expect(!ledger_is_done(l, not_done[i]), "%lld", (long long)not_done[i]);
    cr_expect(ledger_is_done(l, 102), "a gap that was passed");
    ledger_begin(l, 112);
    cr_expect(ledger_is_done(l, 110) && ledger_is_done(l, 119) && !ledger_is_done(l, 120));
    ledger_done(l, 100);
    ledger_done(l, 103);
    cr_expect(ledger_is_done(l, 103));
    ledger_free(l);
}

Test(ledger, unknown_and_repeated_ends_change_nothing)
{
    struct ledger *l = ledger_new(100, 10, 1000);

    ledger_done(l, 100);
    cr_expect_eq(ledger_base(l), 100);
    ledger_begin(l, 100);
    ledger_begin(l, 102);
    ledger_begin(l, 104);
    ledger_done(l, 99);
    ledger_done(l, 101);
    ledger_done(l, 105);
    ledger_done(l, -1);
    cr_expect_eq(ledger_open(l), 3);
    ledger_done(l, 102);
    ledger_done(l, 102);
    cr_expect_eq(ledger_open(l), 2);
    cr_expect_eq(ledger_base(l), 100);
    ledger_free(l);
}

Test(ledger, full_by_open_records)
{
    struct ledger *l = ledger_new(0, 2, 1000);

    cr_expect_eq(ledger_begin(l, 0), LEDGER_NEW);
    cr_expect_eq(ledger_begin(l, 1), LEDGER_NEW);
    cr_expect_eq(ledger_begin(l, 2), LEDGER_FULL);
    cr_expect_eq(ledger_window(l), 2, "a record that was turned away was not received");
    ledger_done(l, 1);
    cr_expect_eq(ledger_begin(l, 2), LEDGER_NEW);
    cr_expect_eq(ledger_begin(l, 3), LEDGER_FULL);
    ledger_free(l);
}

Test(ledger, full_by_window)
{
    struct ledger *l = ledger_new(0, 1000, 10);
    int64_t o = 0;

    for (o = 0; o < 10; o++)
        cr_expect_eq(ledger_begin(l, o), LEDGER_NEW);
    for (o = 1; o < 10; o++)
        ledger_done(l, o);
    cr_expect_eq(ledger_begin(l, 10), LEDGER_FULL);
    ledger_done(l, 0);
    cr_expect_eq(ledger_begin(l, 10), LEDGER_NEW);
    ledger_free(l);
}

Test(ledger, loaded_ranges_are_skipped)
{
    struct ledger *l = ledger_new(100, 10, 1000);

    cr_expect_eq(ledger_load_done(l, 101, 103), 0);
    cr_expect_eq(ledger_load_done(l, 106, 106), 0);
    cr_expect_eq(ledger_load_done(l, 107, 108), 0);
    cr_expect_eq(ledger_base(l), 100);
    cr_expect_eq(ledger_begin(l, 100), LEDGER_NEW);
    cr_expect_eq(ledger_begin(l, 101), LEDGER_SEEN);
    ledger_done(l, 100);
    cr_expect_eq(ledger_base(l), 104, "what the map says is done need not come again");
    cr_expect_eq(ledger_begin(l, 103), LEDGER_SEEN);
    cr_expect_eq(ledger_begin(l, 104), LEDGER_NEW);
    cr_expect_eq(ledger_begin(l, 105), LEDGER_NEW);
    ledger_done(l, 104);
    cr_expect_eq(ledger_base(l), 105);
    ledger_done(l, 105);
    cr_expect_eq(ledger_base(l), 109);
    cr_expect_eq(ledger_begin(l, 107), LEDGER_SEEN);
    cr_expect_eq(ledger_begin(l, 109), LEDGER_NEW);
    ledger_free(l);
}

Test(ledger, loading_refuses_what_makes_no_sense)
{
    struct ledger *l = ledger_new(100, 10, 1000);

    cr_expect_eq(ledger_load_done(l, 99, 100), -1);
    cr_expect_eq(ledger_load_done(l, 105, 104), -1);
    cr_expect_eq(ledger_load_done(l, 105, INT64_MAX), -1);
    cr_expect_eq(ledger_load_done(l, 110, 120), 0);
    cr_expect_eq(ledger_load_done(l, 120, 130), -1);
    cr_expect_eq(ledger_load_done(l, 101, 102), -1);
    cr_expect_eq(ledger_begin(l, 100), LEDGER_NEW);
    cr_expect_eq(ledger_load_done(l, 130, 140), -1, "too late");
    ledger_free(l);
}

struct list {
    int64_t at[64];
    int n;
};

static void collect(void *arg, int64_t offset)
{
    struct list *list = arg;

    list->at[list->n++] = offset;
}

static bool is_in(void *arg, int64_t offset)
{
    const struct list *list = arg;
    int i = 0;

    for (i = 0; i < list->n; i++) {
        if (list->at[i] == offset)
            return true;
    }
    return false;
}

/* also_done and fn share an argument. */
struct walk {
    struct list batch, open;
};

static bool in_batch(void *arg, int64_t offset)
{
    return is_in(&((struct walk *)arg)->batch, offset);
}

static void to_open(void *arg, int64_t offset)
{
    collect(&((struct walk *)arg)->open, offset);
}

static void expect_walk(const struct ledger *l, struct walk *w, int64_t base, int64_t end,
                        const char *open)
{
    char got[256] = "";
    size_t len = 0;
    int64_t got_base = -1;
    int64_t got_end = -1;
    int i = 0;

    w->open.n = 0;
    ledger_walk(l, in_batch, w, &got_base, &got_end, to_open);
    for (i = 0; i < w->open.n; i++)
        len += (size_t)snprintf(got + len, sizeof got - len, "%lld ", (long long)w->open.at[i]);
    cr_expect_eq(got_base, base, "base %lld", (long long)got_base);
    cr_expect_eq(got_end, end, "end %lld", (long long)got_end);
    cr_expect_str_eq(got, open);
}

Test(ledger, walk)
{
    struct ledger *l = ledger_new(100, 100, 1000);
    struct walk w = {0};

    expect_walk(l, &w, 100, 100, "");
    ledger_begin(l, 100);
    ledger_begin(l, 101);
    ledger_begin(l, 103);
    ledger_begin(l, 104);
    ledger_begin(l, 105);
    expect_walk(l, &w, 100, 100, "");
    ledger_done(l, 103);
    expect_walk(l, &w, 100, 104, "100 101 ");
    collect(&w.batch, 100);
    expect_walk(l, &w, 101, 104, "101 ");
    collect(&w.batch, 101);
    expect_walk(l, &w, 104, 104, "");
    collect(&w.batch, 105);
    expect_walk(l, &w, 104, 106, "104 ");
    collect(&w.batch, 104);
    expect_walk(l, &w, 106, 106, "");
    cr_expect_eq(ledger_base(l), 100, "walking changes nothing");
    ledger_free(l);
}

Test(ledger, walk_keeps_a_loaded_map_that_was_not_read_through_yet)
{
    struct ledger *l = ledger_new(100, 100, 1000);
    struct walk w = {0};

    ledger_load_done(l, 102, 103);
    ledger_load_done(l, 106, 109);
    expect_walk(l, &w, 100, 110, "100 101 104 105 ");
    ledger_begin(l, 100);
    expect_walk(l, &w, 100, 110, "100 101 104 105 ");
    collect(&w.batch, 100);
    expect_walk(l, &w, 101, 110, "101 104 105 ");
    ledger_done(l, 100);
    expect_walk(l, &w, 101, 110, "101 104 105 ");
    ledger_begin(l, 104);
    expect_walk(l, &w, 104, 110, "104 105 ");
    ledger_begin(l, 110);
    expect_walk(l, &w, 104, 110, "104 ");
    ledger_done(l, 110);
    expect_walk(l, &w, 104, 111, "104 ");
    ledger_done(l, 104);
    expect_walk(l, &w, 111, 111, "");
    ledger_free(l);
}

Test(ledger, walk_without_a_function)
{
    struct ledger *l = ledger_new(100, 100, 1000);
    int64_t base = 0;
    int64_t end = 0;

    ledger_load_done(l, 105, 110);
    ledger_walk(l, NULL, NULL, &base, &end, NULL);
    cr_expect_eq(base, 100);
    cr_expect_eq(end, 111);
    ledger_free(l);
}

Test(ledger, large_windows_stay_fast)
{
    const int64_t n = 100000;
    struct ledger *l = ledger_new(0, 200000, 1000000);
    struct rng rng = {3};
    int64_t *order = mem_array((size_t)n, sizeof *order);
    int64_t rounds = 0;
    int64_t i = 0;

    for (i = 0; i < n; i++) {
        int64_t j = (int64_t)rng_below(&rng, (uint64_t)i + 1);

        order[i] = order[j];
        order[j] = i;
    }
    for (rounds = 0; rounds < 10; rounds++) {
        for (i = 0; i < n; i++)
            cr_assert_eq(ledger_begin(l, (rounds * n + i) * 3), LEDGER_NEW);
        for (i = 0; i < n; i++)
            ledger_done(l, (rounds * n + order[i]) * 3);
        cr_assert_eq(ledger_open(l), 0);
    }
    cr_expect_eq(ledger_base(l), (10 * n - 1) * 3 + 1);
    free(order);
    ledger_free(l);
}

Test(ledger, free_of_nothing)
{
    cr_expect_null(ledger_free(NULL));
}
