/* hist: quantiles within the promised resolution. */
#include <criterion/criterion.h>

#include "base/hist.h"
#include "base/mem.h"

Test(hist, resolution)
{
    int64_t us = 0;

    for (us = 1; us < 4000000000; us = us * 9 / 8 + 1) {
        struct hist h = {0};
        int64_t got = 0;

        hist_record(&h, us);
        got = hist_quantile(&h, 0.5);
        cr_expect_geq(got, us, "an upper edge");
        cr_expect_leq((double)got, (double)us * 1.035 + 1, "%lld as %lld", (long long)us,
                      (long long)got);
    }
}

Test(hist, quantiles)
{
    static const struct {
        double q;
        int64_t low, high;
    } rows[] = {{0, 1, 1}, {0.5, 501, 520}, {0.95, 951, 985}, {0.99, 991, 1025}, {1, 1000, 1035}};
    struct hist h = {0};
    struct hist sum = {0};
    size_t i = 0;

    cr_expect_eq(hist_quantile(&h, 0.5), 0, "empty");
    for (i = 1; i <= 1000; i++)
        hist_record(&h, (int64_t)i);
    hist_add(&sum, &h);
    hist_add(&sum, &h);
    cr_expect_eq(sum.count, 2000);
    cr_expect_eq(sum.sum_us, 2 * 500500);
    for (i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t got = hist_quantile(&sum, rows[i].q);

        cr_expect(got >= rows[i].low && got <= rows[i].high, "q %.2f is %lld", rows[i].q,
                  (long long)got);
    }
}

Test(hist, edges)
{
    struct hist h = {0};

    hist_record(&h, -5);
    cr_expect_eq(hist_quantile(&h, 1), 0, "negative counts as 0");
    cr_expect_eq(h.sum_us, 0);
    hist_record(&h, INT64_MAX);
    cr_expect_gt(hist_quantile(&h, 1), 3600LL * 1000000, "over an hour stays countable");
}

Test(hist, count_to)
{
    static const struct {
        int64_t us;
        uint64_t low, high;
    } rows[] = {{0, 0, 0},         {1, 1, 1},          {50, 50, 50},           {500, 484, 500},
                {1000, 968, 1000}, {5000, 1000, 1000}, {INT64_MAX, 1000, 1000}};
    struct hist h = {0};

    for (int64_t us = 1; us <= 1000; us++)
        hist_record(&h, us);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t got = hist_count_to(&h, rows[i].us);

        cr_expect(got >= rows[i].low && got <= rows[i].high, "to %lld: %llu", (long long)rows[i].us,
                  (unsigned long long)got);
    }
}
