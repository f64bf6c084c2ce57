/* Sliding windows and digest counts. */
#include <criterion/criterion.h>

#include "base/mem.h"
#include "cmd/sim/count.h"
#include "cmd/sim/limit.h"

#define SPAN ((int64_t)60000000)

static int64_t wait_at(struct sim_window *w, int64_t now, int64_t amount, int64_t limit)
{
    sim_window_expire(w, now, SPAN);
    return sim_window_wait_us(w, now, SPAN, amount, limit);
}

Test(sim_limit, one_more_than_the_limit_waits_for_the_oldest)
{
    struct sim_window w = {0};

    for (int i = 0; i < 10; i++) {
        cr_assert_eq(wait_at(&w, i * 1000, 1, 10), 0);
        sim_window_add(&w, i * 1000, 1);
    }
    cr_expect_eq(wait_at(&w, 9000, 1, 10), SPAN - 9000);
    cr_expect_eq(wait_at(&w, SPAN - 1, 1, 10), 1);
    cr_expect_eq(wait_at(&w, SPAN, 1, 10), 0, "the first mark has left");
    cr_expect_eq(wait_at(&w, SPAN, 2, 10), 1000);
    cr_expect_eq(wait_at(&w, SPAN, 11, 10), -1, "never fits");
    cr_expect_eq(wait_at(&w, 10 * SPAN, 10, 10), 0);
    cr_expect_eq(w.sum, 0);
    sim_window_done(&w);
}

Test(sim_limit, steady_arrivals_at_the_limit_never_break_it)
{
    struct sim_window w = {0};

    for (int64_t i = 0; i < 100000; i++) {
        cr_assert_eq(wait_at(&w, i * (SPAN / 600), 3, 1800), 0, "request %ld", i);
        sim_window_add(&w, i * (SPAN / 600), 3);
        cr_assert(w.sum <= 1800);
    }
    cr_expect(w.cap <= 1024, "the ring does not grow past its window");
    sim_window_done(&w);
}

Test(sim_count, counts_each_digest_and_says_when_it_is_full)
{
    struct sim_counts c;
    struct sim_counts_sum sum;

    sim_counts_init(&c, 5000);
    for (uint64_t round = 0; round < 2; round++)
        for (uint64_t d = 0; d < 5000; d++) {
            struct sim_count *n = sim_counts_draw(&c, d * 1000003);

            cr_assert_not_null(n);
            cr_assert_eq(n->drawn, round + 1);
            n->calls += d == 77 ? 3 : 1;
            n->paid += d < 10;
        }
    cr_expect_not(c.overflow);
    cr_expect_null(sim_counts_draw(&c, 12345));
    cr_expect(c.overflow);
    cr_expect_null(sim_counts_find(&c, 12345));
    sim_counts_sum(&c, &sum);
    cr_expect_eq(sum.distinct, 5000);
    cr_expect_eq(sum.repeated, 10);
    cr_expect_eq(sum.most, 6);
    sim_counts_clear(&c);
    cr_expect_null(sim_counts_find(&c, 0));
    sim_counts_done(&c);
}
