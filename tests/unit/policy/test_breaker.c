/* breaker: opening, the probe, doubling, and which deadline wins. */
#include "policy/breaker.h"

#include <criterion/criterion.h>

#include "base/mem.h"

#define S        1000000LL
#define COOLDOWN (5 * S)

static void fail(struct breaker *b, int64_t now_us)
{
    breaker_failure(b, ROUTE_FAILED, 0, 3, COOLDOWN, now_us);
}

static bool allows(const struct breaker *b, int64_t now_us)
{
    int64_t at = -1;
    bool yes = breaker_allows(b, now_us, &at);

    cr_expect(yes || at > now_us, "asking again must be in the future");
    return yes;
}

/* Opens b at time 0, for COOLDOWN. */
static struct breaker opened(void)
{
    struct breaker b = {0};

    fail(&b, 0);
    fail(&b, 0);
    fail(&b, 0);
    return b;
}

Test(breaker, opens_after_failures_in_a_row)
{
    struct breaker b = {0};
    int64_t at = 0;

    fail(&b, S);
    fail(&b, S);
    cr_expect(allows(&b, S));
    breaker_success(&b);
    fail(&b, S);
    fail(&b, S);
    cr_expect(allows(&b, S), "a success in between starts the count again");
    fail(&b, S);
    cr_expect_not(breaker_allows(&b, S, &at));
    cr_expect_eq(at, S + COOLDOWN);
}

Test(breaker, allowed_fails_of_zero_opens_at_once)
{
    struct breaker b = {0};

    breaker_failure(&b, ROUTE_FAILED, 0, 0, COOLDOWN, S);
    cr_expect_not(allows(&b, S));
}

Test(breaker, late_failures_do_not_prolong)
{
    struct breaker b = opened();
    int64_t at = 0;

    fail(&b, 2 * S);
    fail(&b, 3 * S);
    cr_expect_not(breaker_allows(&b, 4 * S, &at));
    cr_expect_eq(at, COOLDOWN);
}

Test(breaker, late_success_does_not_close)
{
    struct breaker b = opened();

    breaker_success(&b);
    cr_expect_not(allows(&b, 1 * S));
}

Test(breaker, one_probe_at_a_time)
{
    struct breaker b = opened();
    int64_t at = 0;

    cr_expect(allows(&b, COOLDOWN));
    breaker_start(&b, COOLDOWN);
    cr_expect_not(breaker_allows(&b, COOLDOWN + 1, &at));
    cr_expect_eq(at, INT64_MAX);
    breaker_success(&b);
    cr_expect(allows(&b, COOLDOWN + 2));
    breaker_start(&b, COOLDOWN + 2);
    cr_expect(allows(&b, COOLDOWN + 2), "closed: any number of calls");
}

Test(breaker, abandoned_probe_lets_another_go)
{
    struct breaker b = opened();

    breaker_start(&b, COOLDOWN);
    breaker_abandon(&b);
    cr_expect(allows(&b, COOLDOWN));
    breaker_start(&b, COOLDOWN);
    cr_expect_not(allows(&b, COOLDOWN));
}

Test(breaker, failed_probe_doubles_and_is_bounded)
{
    struct breaker b = opened();
    int64_t now = COOLDOWN;
    int64_t want = COOLDOWN;
    int i = 0;

    for (i = 0; i < 12; i++) {
        int64_t at = 0;

        cr_assert(allows(&b, now), "probe %d", i);
        breaker_start(&b, now);
        fail(&b, now);
        cr_assert_not(breaker_allows(&b, now, &at));
        want = want * 2 < 600 * S ? want * 2 : 600 * S;
        cr_expect_eq(at - now, want, "after probe %d: %lld", i, (long long)(at - now));
        now = at;
    }
    breaker_start(&b, now);
    breaker_success(&b);
    fail(&b, now);
    fail(&b, now);
    cr_expect(allows(&b, now), "all is forgotten");
    fail(&b, now);
    cr_expect(allows(&b, now + COOLDOWN), "and the pause is the first one again");
}

Test(breaker, later_deadline_wins)
{
    struct breaker b = {0};
    int64_t at = 0;

    breaker_failure(&b, ROUTE_COOL, 20 * S, 3, COOLDOWN, S);
    breaker_failure(&b, ROUTE_COOL, 10 * S, 3, COOLDOWN, S);
    cr_expect_not(breaker_allows(&b, 2 * S, &at));
    cr_expect_eq(at, 20 * S);
    breaker_failure(&b, ROUTE_COOL, 30 * S, 3, COOLDOWN, S);
    cr_expect_not(breaker_allows(&b, 2 * S, &at));
    cr_expect_eq(at, 30 * S);
    breaker_failure(&b, ROUTE_OFF, 25 * S, 3, COOLDOWN, S);
    cr_expect_not(breaker_allows(&b, 2 * S, &at));
    cr_expect_eq(at, 30 * S);
    cr_expect(b.off);
}

Test(breaker, cooled_probe_that_is_limited_again_waits_no_longer_than_the_cooldown)
{
    struct breaker b = {0};
    int64_t now = S;
    int64_t at = 0;
    int i = 0;

    breaker_failure(&b, ROUTE_COOL, now + S, 3, COOLDOWN, now);
    for (i = 0; i < 6; i++) {
        cr_assert_not(breaker_allows(&b, now, &at));
        now = at;
        breaker_start(&b, now);
        breaker_failure(&b, ROUTE_COOL, now + S, 3, COOLDOWN, now);
        cr_assert_not(breaker_allows(&b, now, &at));
        cr_expect_geq(at - now, S);
        cr_expect_leq(at - now, COOLDOWN);
    }
    breaker_start(&b, at);
    breaker_failure(&b, ROUTE_COOL, at + 40 * S, 3, COOLDOWN, at);
    now = at;
    breaker_allows(&b, now, &at);
    cr_expect_eq(at - now, 40 * S, "what the server says is never cut");
}

Test(breaker, a_long_cooldown_is_not_cut_to_the_longest_doubled_one)
{
    const int64_t cooldown = 1200 * S;
    struct breaker b = {0};
    int64_t at = 0;

    breaker_failure(&b, ROUTE_FAILED, 0, 1, cooldown, S);
    breaker_start(&b, S + cooldown);
    breaker_failure(&b, ROUTE_FAILED, 0, 1, cooldown, S + cooldown);
    cr_expect_not(breaker_allows(&b, S + cooldown, &at));
    cr_expect_eq(at, S + 2 * cooldown);
}

Test(breaker, refusal_of_a_request_says_that_the_route_is_well)
{
    struct breaker b = opened();

    breaker_start(&b, COOLDOWN);
    breaker_failure(&b, ROUTE_NONE, 0, 3, COOLDOWN, COOLDOWN);
    cr_expect(allows(&b, COOLDOWN));
    breaker_start(&b, COOLDOWN);
    cr_expect(allows(&b, COOLDOWN), "closed");
}

Test(breaker, refusals_do_not_open)
{
    struct breaker b = {0};
    int i = 0;

    for (i = 0; i < 100; i++)
        breaker_failure(&b, ROUTE_NONE, 0, 3, COOLDOWN, S);
    cr_expect(allows(&b, S));
}

Test(breaker, off_ends_with_a_good_probe)
{
    struct breaker b = {0};

    breaker_failure(&b, ROUTE_OFF, 100 * S, 3, COOLDOWN, S);
    cr_expect_not(allows(&b, 99 * S));
    cr_expect(allows(&b, 100 * S));
    breaker_start(&b, 100 * S);
    breaker_success(&b);
    cr_expect_not(b.off);
    cr_expect(allows(&b, 100 * S));
}

Test(breaker, pause_ends_without_a_probe)
{
    struct breaker b = {0};
    int64_t at = 0;
    int i = 0;

    breaker_failure(&b, ROUTE_PAUSE, 5 * S, 3, COOLDOWN, S);
    breaker_failure(&b, ROUTE_PAUSE, 3 * S, 3, COOLDOWN, S);
    cr_expect_not(breaker_allows(&b, 4 * S, &at));
    cr_expect_eq(at, 5 * S, "the later of two deadlines wins");
    for (i = 0; i < 100; i++) {
        cr_assert(breaker_allows(&b, 5 * S, &at), "call %d after the pause", i);
        breaker_start(&b, 5 * S);
        cr_assert_not(b.probing);
    }
}

/* Refuses one call after each pause, saying a second each time: how long the last pause is. */
static int64_t refused_in_a_row(struct breaker *b, int times, int64_t *now)
{
    int64_t from = *now;

    while (times-- > 0) {
        from = *now;
        breaker_start(b, from);
        breaker_failure(b, ROUTE_PAUSE, from + S, 3, COOLDOWN, from);
        breaker_failure(b, ROUTE_PAUSE, from + S, 3, COOLDOWN, from); /* was on its way */
        cr_assert_not(breaker_allows(b, from, now));
    }
    return *now - from;
}

Test(breaker, pauses_in_a_row_double_up_to_a_bound)
{
    static const int64_t want[] = {S, 2 * S, 4 * S, 8 * S, 2 * COOLDOWN, 2 * COOLDOWN};
    struct breaker b = {0};
    int64_t now = S;
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(want); i++)
        cr_expect_eq(refused_in_a_row(&b, 1, &now), want[i], "pause %zu", i);
    breaker_start(&b, now);
    breaker_success(&b);
    cr_expect_eq(refused_in_a_row(&b, 1, &now), S, "a good answer ends the row");
    cr_expect_eq(refused_in_a_row(&b, 100, &now), 2 * COOLDOWN);
    breaker_failure(&b, ROUTE_PAUSE, now + 40 * S, 3, COOLDOWN, now);
    cr_expect_eq(b.open_until_us, now + 40 * S, "what the server says is never cut");
}

Test(breaker, pause_of_a_failing_route_does_not_spare_the_probe)
{
    struct breaker b = {0};
    int64_t at = 0;

    breaker_failure(&b, ROUTE_COOL, 5 * S, 3, COOLDOWN, S);
    breaker_failure(&b, ROUTE_PAUSE, 6 * S, 3, COOLDOWN, S);
    cr_expect_not(breaker_allows(&b, 5 * S, &at));
    cr_assert(breaker_allows(&b, 6 * S, &at));
    breaker_start(&b, 6 * S);
    cr_expect(b.probing);
    cr_expect_not(breaker_allows(&b, 6 * S, &at));
}

Test(breaker, doubtful_probes_do_not_prolong_the_pause)
{
    struct breaker b = {0};
    int64_t now = S;
    int64_t at = 0;
    int i = 0;

    for (i = 0; i < 3; i++)
        breaker_failure(&b, ROUTE_DOUBT, 0, 3, COOLDOWN, now);
    for (i = 0; i < 10; i++) {
        cr_assert_not(breaker_allows(&b, now, &at), "round %d", i);
        cr_assert_eq(at, now + COOLDOWN, "round %d: %lld", i, (long long)(at - now));
        now = at;
        cr_assert(breaker_allows(&b, now, &at));
        breaker_start(&b, now);
        cr_assert(b.probing);
        breaker_failure(&b, ROUTE_DOUBT, 0, 3, COOLDOWN, now);
    }
}
