/* How a job went over time: points no further apart than they must be, never more of them than there is room for, and
 * the time of what limited adds up to the whole. */
#include "cmd/batch/timeline.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "base/mem.h"

#define SECOND 1000000LL

static void note(struct timeline *t, const char *limit, uint64_t done, int64_t at_us, bool force)
{
    struct progress_view v = {.done = done + 5, .resumed = 5, .cost_usd = (double)done / 100};

    snprintf(v.limited_by, sizeof v.limited_by, "%s", limit);
    timeline_note(t, &v, at_us, force);
}

Test(timeline, it_is_thinned_out_and_keeps_its_sums)
{
    static const int64_t lengths[] = {1, 10, 100, 102, 103, 1000, 20000, 90000};

    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        struct timeline *t = timeline_new();
        int64_t end = lengths[i] * SECOND;

        for (int64_t at = 0; at < end; at += SECOND / 5)
            note(t, "rate limit", (uint64_t)(at / 1000), at, false);
        note(t, "rate limit", (uint64_t)(end / 1000), end, true);
        cr_assert_leq(t->count, TIMELINE_POINTS);
        cr_expect_eq(t->at[t->count - 1].at_us, end, "the end is there");
        cr_expect_eq(t->at[t->count - 1].done, (uint64_t)(end / 1000),
                     "without what was done before");
        cr_expect_eq(t->limits[0].us, end, "%lld", (long long)t->limits[0].us);
        cr_expect_geq(t->count, lengths[i] < 50 ? (size_t)lengths[i] * 5 : 200,
                      "%lld s: %zu points", (long long)lengths[i], t->count);
        for (size_t k = 1; k < t->count; k++)
            cr_assert_gt(t->at[k].at_us, t->at[k - 1].at_us);
        free(t);
    }
}

Test(timeline, what_limits_is_a_bounded_table)
{
    struct timeline *t = timeline_new();
    int64_t sum = 0;

    for (int i = 0; i < 100; i++) {
        char name[32];

        snprintf(name, sizeof name, "reason %d", i);
        note(t, name, (uint64_t)i, i * SECOND, false);
    }
    cr_expect_eq(t->nlimits, TIMELINE_LIMITS);
    cr_expect_str_eq(t->limits[1].name, "reason 1");
    cr_expect_eq(t->limits[1].us, SECOND);
    cr_expect_str_eq(t->limits[TIMELINE_LIMITS - 1].name, "other");
    for (size_t i = 0; i < t->nlimits; i++)
        sum += t->limits[i].us;
    cr_expect_eq(sum, 99 * SECOND);
    free(t);
}
