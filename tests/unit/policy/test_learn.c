/*
 * learn: limits that nobody configured are found, kept and given up again. A closed loop: a provider with a hidden
 * limit, a client that always has work, and the breaker between them, by a clock that is a number.
 */
#include "policy/learn.h"

#include <criterion/criterion.h>
#include <math.h>

#include "base/mem.h"
#include "base/rng.h"
#include "policy/breaker.h"

#define S         1000000LL
#define CALLS_MAX 1000

/* What the provider keeps to itself. */
struct hidden {
    const char *name;
    int parallel;  /* 0: any number */
    double rate_s; /* of a bucket that holds `burst`; 0: any */
    double burst;
    double random; /* part that is refused whatever the client does */
    int64_t latency_us;
    bool few; /* so few calls that each refusal weighs */
};

struct running {
    struct call_mark mark;
    int64_t end_us;
    bool refused;
};

struct loop {
    struct hidden h;
    struct learn learn;
    struct breaker breaker;
    struct rng rng;
    struct running at[CALLS_MAX];
    int count, inside; /* inside: of the provider, being served */
    double bucket;
    int64_t bucket_us;
    int64_t good, refused;
};

static bool provider_takes(struct loop *l, int64_t now_us)
{
    l->bucket += l->h.rate_s * (double)(now_us - l->bucket_us) / S;
    l->bucket = l->bucket < l->h.burst ? l->bucket : l->h.burst;
    l->bucket_us = now_us;
    if (rng_unit(&l->rng) < l->h.random || (l->h.parallel && l->inside >= l->h.parallel))
        return false;
    if (l->h.rate_s > 0 && l->bucket < 1)
        return false;
    l->bucket -= 1;
    l->inside++;
    return true;
}

static void start(struct loop *l, int64_t now_us)
{
    struct running *r = &l->at[l->count++];

    breaker_start(&l->breaker, now_us);
    learn_start(&l->learn, 10, now_us, &r->mark);
    r->refused = !provider_takes(l, now_us);
    r->end_us = now_us + 5000;
    if (!r->refused)
        r->end_us = now_us + (int64_t)((double)l->h.latency_us * (0.5 + rng_unit(&l->rng)));
}

static void end(struct loop *l, int i, int64_t now_us)
{
    struct running r = l->at[i];

    l->at[i] = l->at[--l->count];
    learn_end(&l->learn, r.refused ? LEARN_REFUSED : LEARN_SERVED, &r.mark, now_us);
    if (r.refused) {
        l->refused++;
        breaker_failure(&l->breaker, ROUTE_PAUSE, now_us + S / 2, 3, S, now_us);
        return;
    }
    l->good++;
    l->inside--;
    breaker_success(&l->breaker);
}

static int next_end(const struct loop *l)
{
    int best = -1;
    int i = 0;

    for (i = 0; i < l->count; i++)
        if (best < 0 || l->at[i].end_us < l->at[best].end_us)
            best = i;
    return best;
}

/* From one point in time to another, always with work. */
static void run(struct loop *l, int64_t from_us, int64_t to_us)
{
    int64_t now_us = from_us;

    while (now_us < to_us) {
        int64_t at_us = INT64_MAX;
        enum why why;
        int i;

        while (l->count < CALLS_MAX && breaker_allows(&l->breaker, now_us, &at_us) &&
               learn_try(&l->learn, 10, now_us, &at_us, &why) == LEARN_GO)
            start(l, now_us);
        i = next_end(l);
        if (i >= 0 && l->at[i].end_us <= at_us) {
            now_us = l->at[i].end_us;
            end(l, i, now_us);
            continue;
        }
        cr_assert(at_us < INT64_MAX, "%s: stands still", l->h.name);
        cr_assert(at_us > now_us, "%s: a time to ask again that is not ahead", l->h.name);
        now_us = at_us;
    }
}

static double capacity(const struct hidden *h)
{
    return h->rate_s > 0 ? h->rate_s : (double)h->parallel * S / (double)h->latency_us;
}

static const struct hidden limits[] = {
    {"2 at once", .parallel = 2, .latency_us = S},
    {"10 at once", .parallel = 10, .latency_us = S},
    {"50 at once, slow", .parallel = 50, .latency_us = 10 * S},
    {"200 at once, quick", .parallel = 200, .latency_us = S / 5},
    {"10 a second", .rate_s = 10, .burst = 10, .latency_us = 2 * S},
    {"10 a second, quick", .rate_s = 10, .burst = 10, .latency_us = S / 50},
    {"100 a second after a full minute", .rate_s = 100, .burst = 6000, .latency_us = S},
    {"1 a second, slow", .rate_s = 1, .burst = 5, .latency_us = 5 * S, .few = true},
};

static struct loop *loop_new(const struct hidden *h)
{
    struct loop *l = mem_alloc(sizeof *l);

    *l = (struct loop){.h = *h, .rng.state = 7, .bucket = h->burst, .bucket_us = S};
    return l;
}

/* The part of the capacity that is used between two points in time. */
static double used(struct loop *l, int64_t from_us, int64_t to_us)
{
    l->good = l->refused = 0;
    run(l, from_us, to_us);
    return (double)l->good * S / (double)(to_us - from_us) / capacity(&l->h);
}

Test(learn, hidden_limits_are_found_and_used)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(limits); i++) {
        struct loop *l = loop_new(&limits[i]);
        double part, share;

        run(l, S, 121 * S);
        part = used(l, 121 * S, 721 * S);
        share = (double)l->refused / (double)(l->good + l->refused);
        cr_expect_geq(part, l->h.few ? 0.85 : 0.95, "%s: %.3f of it used", l->h.name, part);
        cr_expect_leq(share, l->h.few ? 0.10 : 0.04, "%s: %.3f refused", l->h.name, share);
        free(l);
    }
}

Test(learn, limit_is_found_within_a_minute)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(limits); i++) {
        struct loop *l = loop_new(&limits[i]);

        run(l, S, 61 * S);
        cr_expect_geq(used(l, 61 * S, 91 * S), 0.65, "%s", limits[i].name);
        cr_expect_leq(l->refused, (l->good + l->refused) / 5 + 2, "%s: %lld refused",
                      limits[i].name, (long long)l->refused);
        free(l);
    }
}

Test(learn, raised_limit_is_found_in_minutes)
{
    struct loop *l = loop_new(&(struct hidden){"10, then 100", .parallel = 10, .latency_us = S});

    run(l, S, 121 * S);
    l->h.parallel = 100;
    run(l, 121 * S, 301 * S);
    cr_expect_geq(used(l, 301 * S, 421 * S), 0.9);
    free(l);
}

Test(learn, lowered_limit_is_found_at_once)
{
    struct loop *l = loop_new(&(struct hidden){"100, then 10", .parallel = 100, .latency_us = S});

    run(l, S, 121 * S);
    l->h.parallel = 10;
    run(l, 121 * S, 151 * S);
    cr_expect_geq(used(l, 151 * S, 301 * S), 0.9);
    cr_expect_leq(l->refused, l->good / 20);
    free(l);
}

Test(learn, few_refusals_by_chance_do_not_bring_it_down_to_nothing)
{
    struct loop *l = loop_new(
        &(struct hidden){"short for all", .parallel = 100000, .random = 0.1, .latency_us = S});

    run(l, S, 601 * S);
    cr_expect_gt(l->good, 300000, "%lld served", (long long)l->good);
    free(l);
}

static int let_go(struct learn *l, int64_t now_us, struct call_mark *marks, int most)
{
    int64_t at_us = 0;
    enum why why;
    int n = 0;

    while (n < most && learn_try(l, 10, now_us, &at_us, &why) == LEARN_GO)
        learn_start(l, 10, now_us, &marks[n++]);
    return n;
}

Test(learn, unknown_holds_nothing_back)
{
    struct learn l = {0};
    struct call_mark marks[CALLS_MAX];
    int i;

    cr_assert_eq(let_go(&l, S, marks, CALLS_MAX), CALLS_MAX);
    for (i = 0; i < CALLS_MAX; i++)
        learn_end(&l, i % 2 ? LEARN_SERVED : LEARN_NOTHING, &marks[i], 2 * S);
    cr_expect_eq(let_go(&l, 2 * S, marks, CALLS_MAX), CALLS_MAX);
}

Test(learn, burst_tells_the_limit_at_once)
{
    struct learn l = {0};
    struct call_mark marks[CALLS_MAX];
    int i;

    let_go(&l, S, marks, CALLS_MAX);
    for (i = 50; i < CALLS_MAX; i++)
        learn_end(&l, LEARN_REFUSED, &marks[i], S + 5000);
    for (i = 0; i < 50; i++)
        learn_end(&l, LEARN_SERVED, &marks[i], 2 * S);
    i = let_go(&l, 2 * S, marks, CALLS_MAX);
    cr_expect(i >= 44 && i <= 51, "%d calls at once after 50 were served", i);
}

Test(learn, storm_is_tried_with_one_call_at_a_time_and_then_comes_back_by_the_second)
{
    struct learn l = {0};
    struct call_mark marks[CALLS_MAX], one;
    int64_t now = S;
    int i, calls = 0;

    let_go(&l, now, marks, CALLS_MAX);
    for (i = 0; i < CALLS_MAX; i++)
        learn_end(&l, LEARN_REFUSED, &marks[i], now);
    for (now = 2 * S; now < 32 * S; now += S / 5) {
        cr_assert_leq(let_go(&l, now, marks, CALLS_MAX), 1);
        if (l.running > 0) {
            calls++;
            learn_end(&l, LEARN_REFUSED, &marks[0], now + 1000);
        }
    }
    cr_expect(calls > 10 && calls <= 150, "%d calls to try it out", calls);
    cr_assert_eq(let_go(&l, now + 2 * S, &one, 1), 1);
    now += 3 * S;
    learn_end(&l, LEARN_SERVED, &one, now);
    for (i = 0; i < 9; i++, now += S) {
        let_go(&l, now, marks, CALLS_MAX);
        cr_expect_eq(l.running, 1 << i, "%d s later: %lld", i, (long long)l.running);
    }
    cr_expect_eq(let_go(&l, now + 20 * S, marks, CALLS_MAX), CALLS_MAX, "all are back");
}

/* Calls may be so long that none ends before another one may go. */
Test(learn, a_place_that_will_be_there_is_told_beforehand)
{
    struct learn l = {0};
    struct call_mark mark[3];
    enum why why = WHY_IDLE;
    int64_t at_us = 0;
    int i = 0;

    for (i = 0; i < 3; i++)
        learn_start(&l, 0, S, &mark[i]);
    learn_end(&l, LEARN_REFUSED, &mark[0], 2 * S);
    learn_end(&l, LEARN_REFUSED, &mark[1], 2 * S);
    for (i = 0; i < 4; i++) {
        int64_t now_us = (i == 0 ? 3 : 0) * S + at_us;

        while (learn_try(&l, 0, now_us, &at_us, &why) == LEARN_GO)
            learn_start(&l, 0, now_us, &mark[2]);
        cr_assert_gt(at_us, now_us);
        cr_assert_lt(at_us, now_us + 120 * S, "%d at once: in %lld s", (int)l.running,
                     (long long)((at_us - now_us) / S));
        cr_expect_eq(learn_try(&l, 0, at_us, &now_us, &why), LEARN_GO);
    }
}

Test(learn, restored_calls_say_when_the_next_may_go)
{
    struct learn l = {0};
    struct call_mark marks[8];
    int64_t at_us = 0;
    enum why why;

    learn_restore(&l, 10 * S);
    cr_assert_eq(let_go(&l, 10 * S, marks, 8), 1);
    cr_assert_eq(learn_try(&l, 10, 10 * S, &at_us, &why), LEARN_WAIT);
    cr_expect_eq(at_us, 11 * S);
    cr_expect_eq(why, WHY_LEARNED);
    cr_assert_eq(learn_try(&l, 10, at_us, &at_us, &why), LEARN_GO);
}

/* One call, and what its answer says of requests. */
static void hear(struct learn *l, int64_t now_us, struct allowance a)
{
    struct allowance said[LEARN_KINDS] = {[LEARN_REQUESTS] = a};
    struct call_mark mark;

    learn_start(l, 10, now_us, &mark);
    learn_end(l, LEARN_SERVED, &mark, now_us);
    learn_headers(l, said, &mark, now_us);
}

/* How many calls that end at once go within a span, and the longest wait between two. */
static int calls_in(struct learn *l, int64_t from_us, int64_t to_us, int64_t *ret_gap_us)
{
    int64_t now_us = from_us, last_us = from_us, at_us = 0;
    struct call_mark mark;
    enum why why;
    int n = 0;

    *ret_gap_us = 0;
    while (now_us < to_us) {
        if (learn_try(l, 10, now_us, &at_us, &why) == LEARN_WAIT) {
            now_us = at_us;
            continue;
        }
        *ret_gap_us = now_us - last_us > *ret_gap_us ? now_us - last_us : *ret_gap_us;
        last_us = now_us;
        learn_start(l, 10, now_us, &mark);
        learn_end(l, LEARN_NOTHING, &mark, now_us);
        if (++n >= 100000)
            break;
    }
    return n;
}

Test(learn, headers_pace_to_the_reset)
{
    static const struct {
        const char *name;
        struct allowance said;
        int least, most; /* calls in ten seconds */
        int64_t gap_us;  /* the longest wait between two of them, at most */
    } cases[] = {
        {"window: none left", {true, 0, -1, 10000, false}, 0, 0, 0},
        {"window: two left", {true, 2, -1, 10000, false}, 2, 2, 10 * S},
        {"steady: 1 a second comes back", {true, 0, 60, 60000, true}, 9, 11, 11 * S / 10},
        {"steady: 5 left, 10 a second come back", {true, 5, 605, 60000, true}, 100, 106, S / 5},
        {"nothing said", {0}, 100000, 100000, 0},
        {"it is over already", {true, 0, -1, 0, false}, 100000, 100000, 0},
    };
    size_t i;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct learn l = {0};
        int64_t gap_us = 0;
        int n;

        hear(&l, S, cases[i].said);
        n = calls_in(&l, S, 11 * S, &gap_us);
        cr_expect(n >= cases[i].least && n <= cases[i].most, "%s: %d calls", cases[i].name, n);
        cr_expect_leq(gap_us, cases[i].gap_us, "%s: %lld us", cases[i].name, (long long)gap_us);
    }
}

Test(learn, older_answers_do_not_undo_what_newer_ones_say)
{
    struct allowance much[LEARN_KINDS] = {{true, 1000, -1, 60000, false}};
    struct learn l = {0};
    struct call_mark old;
    int64_t at_us = 0;
    enum why why;

    learn_start(&l, 10, S, &old);
    hear(&l, 2 * S, (struct allowance){true, 0, -1, 20000, false});
    learn_end(&l, LEARN_SERVED, &old, 3 * S);
    learn_headers(&l, much, &old, 3 * S);
    cr_assert_eq(learn_try(&l, 10, 3 * S, &at_us, &why), LEARN_WAIT);
    cr_expect_eq(at_us, 22 * S);
    cr_expect_eq(why, WHY_HEADERS);
}

Test(learn, nothing_that_headers_say_stops_a_route_for_long)
{
    struct learn l = {0};
    int64_t at_us = 0;
    enum why why;

    hear(&l, S, (struct allowance){true, 0, -1, 86400000, false});
    cr_assert_eq(learn_try(&l, 10, 2 * S, &at_us, &why), LEARN_WAIT);
    cr_expect_leq(at_us, 62 * S);
    cr_expect_eq(learn_try(&l, 10, at_us, &at_us, &why), LEARN_GO, "one call goes to see");
}
