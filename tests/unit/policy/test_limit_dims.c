/* limit: each dimension is held in any span of its own and used, alone and beside others, whatever calls really use. */
#include "policy/limit.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"

#define S      1000000LL
#define MINUTE (60 * S)
#define DAY    (86400 * S)
#define START  (1000000 * S)

struct mark {
    int64_t at, amount;
};

/* What a provider has counted of one dimension, in order. */
static struct mark marks[LIMIT_DIMS][120000];
static size_t counts[LIMIT_DIMS];

static int64_t span_of(enum limit_dim d)
{
    if (d == LIMIT_RPS)
        return S;
    return d == LIMIT_RPD || d == LIMIT_TPD ? DAY : MINUTE;
}

static int64_t amount_of(enum limit_dim d, struct limit_need n)
{
    switch (d) {
    case LIMIT_TPM:
    case LIMIT_TPD:
        return n.tokens;
    case LIMIT_INPUT_TPM:
        return n.tokens - n.output;
    case LIMIT_OUTPUT_TPM:
        return n.output;
    default:
        return 1;
    }
}

static void note(int64_t at, struct limit_need n)
{
    enum limit_dim d = 0;

    for (d = 0; d < LIMIT_DIMS; d++) {
        cr_assert_lt(counts[d], ARRAY_LEN(marks[d]));
        marks[d][counts[d]++] = (struct mark){at, amount_of(d, n)};
    }
}

static void forget(void)
{
    enum limit_dim d = 0;

    for (d = 0; d < LIMIT_DIMS; d++)
        counts[d] = 0;
}

static int64_t fullest(enum limit_dim d)
{
    int64_t most = 0;
    int64_t sum = 0;
    size_t from = 0;
    size_t i = 0;

    for (i = 0; i < counts[d]; i++) {
        sum += marks[d][i].amount;
        for (; marks[d][from].at <= marks[d][i].at - span_of(d); from++)
            sum -= marks[d][from].amount;
        most = sum > most ? sum : most;
    }
    return most;
}

static int64_t sum_since(enum limit_dim d, int64_t at)
{
    int64_t sum = 0;
    size_t i = 0;

    for (i = 0; i < counts[d]; i++)
        sum += marks[d][i].at >= at ? marks[d][i].amount : 0;
    return sum;
}

/* Calls as often as it may; what it says to be the reason when it has to wait must be `why`. */
static void greedy(struct limit *l, struct limit_need n, int64_t until, enum why why)
{
    int64_t now = START;

    while (now < until) {
        int64_t at = -1;

        if (limit_try(l, n, now, &at) == LIMIT_GO) {
            note(now, n);
            limit_settle(l, n, n, now, now);
            continue;
        }
        cr_assert_eq(l->why, why, "%s", why_name(l->why));
        cr_assert_gt(at, now);
        now = at;
    }
}

Test(limit_dims, each_is_held_and_used)
{
    static const struct {
        enum limit_dim dim;
        int64_t max;
        enum why why;
        int64_t percent; /* of it that is used at least; a second keeps a tenth for the way */
    } cases[] = {
        {LIMIT_RPS, 1, WHY_RPS, 89},
        {LIMIT_RPS, 7, WHY_RPS, 89},
        {LIMIT_RPS, 500, WHY_RPS, 89},
        {LIMIT_RPM, 600, WHY_RPM, 98},
        {LIMIT_RPM, 6000, WHY_RPM, 98},
        {LIMIT_RPD, 1, WHY_RPD, 97},
        {LIMIT_RPD, 250, WHY_RPD, 98},
        {LIMIT_TPM, 60000, WHY_TPM, 97},
        {LIMIT_INPUT_TPM, 30000, WHY_INPUT_TPM, 97},
        {LIMIT_OUTPUT_TPM, 8000, WHY_OUTPUT_TPM, 97},
        {LIMIT_TPD, 1000000, WHY_TPD, 97},
    };
    static const struct limit_need n = {.tokens = 150, .output = 50};
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct limit_max max = {0};
        int64_t span = span_of(cases[i].dim);
        int64_t used = 0;
        struct limit l;

        forget();
        max.of[cases[i].dim] = cases[i].max;
        limit_init(&l, &max);
        greedy(&l, n, START + 12 * span, cases[i].why);
        cr_expect_leq(fullest(cases[i].dim), cases[i].max, "%s %lld: %lld",
                      limit_name(cases[i].dim), (long long)cases[i].max,
                      (long long)fullest(cases[i].dim));
        used = sum_since(cases[i].dim, START + 2 * span) * 100 / (cases[i].max * 10);
        cr_expect_geq(used, cases[i].max == 1 ? 90 : cases[i].percent, "%s %lld: %lld %% used",
                      limit_name(cases[i].dim), (long long)cases[i].max, (long long)used);
    }
}

Test(limit_dims, a_call_larger_than_one_of_them_never_goes)
{
    static const struct {
        struct limit_max max;
        struct limit_need n;
        enum limit_dim want;
    } cases[] = {
        {{.of[LIMIT_TPM] = 100}, {101, 0}, LIMIT_TPM},
        {{.of[LIMIT_TPM] = 100}, {100, 50}, LIMIT_DIMS},
        {{.of[LIMIT_INPUT_TPM] = 100}, {111, 10}, LIMIT_INPUT_TPM},
        {{.of[LIMIT_INPUT_TPM] = 100}, {1000, 900}, LIMIT_DIMS},
        {{.of[LIMIT_OUTPUT_TPM] = 100}, {101, 101}, LIMIT_OUTPUT_TPM},
        {{.of[LIMIT_OUTPUT_TPM] = 100}, {1000, 100}, LIMIT_DIMS},
        {{.of[LIMIT_TPD] = 100}, {101, 0}, LIMIT_TPD},
        {{.of = {[LIMIT_RPS] = 1, [LIMIT_RPM] = 1, [LIMIT_RPD] = 1}}, {1000, 100}, LIMIT_DIMS},
        {{.of = {[LIMIT_TPM] = 100, [LIMIT_OUTPUT_TPM] = 10}}, {50, 11}, LIMIT_OUTPUT_TPM},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct limit l;
        int64_t at = 0;

        limit_init(&l, &cases[i].max);
        cr_expect_eq(limit_exceeded(&cases[i].max, cases[i].n), cases[i].want, "case %zu", i);
        cr_expect_eq(limit_try(&l, cases[i].n, START, &at),
                     cases[i].want == LIMIT_DIMS ? LIMIT_GO : LIMIT_NEVER, "case %zu", i);
    }
}

Test(limit_dims, a_day_may_be_used_at_once_and_comes_back_a_day_later)
{
    struct limit l;
    int64_t at = 0;
    int i = 0;

    limit_init(&l, &(struct limit_max){.of[LIMIT_RPD] = 200});
    for (i = 0; i < 200; i++)
        cr_assert_eq(limit_try(&l, (struct limit_need){0}, START, &at), LIMIT_GO);
    cr_assert_eq(limit_try(&l, (struct limit_need){0}, START + 10 * MINUTE, &at), LIMIT_WAIT);
    cr_expect_geq(at, START + DAY);
    cr_expect_leq(at, START + DAY + 18 * MINUTE);
    cr_expect_eq(limit_try(&l, (struct limit_need){0}, at, &at), LIMIT_GO);
}

/* ---- whatever calls use, and whichever limits are set ---- */

struct call {
    int64_t begin, end;
    struct limit_need reserved, used;
    bool refund;
};

struct world {
    struct limit l;
    struct limit_max max;
    struct rng rng;
    struct call calls[200];
    size_t ncalls;
};

static int64_t draw(struct world *w, int64_t from, int64_t to)
{
    return from + (int64_t)rng_below(&w->rng, (uint64_t)(to - from + 1));
}

/* A provider counts a call when it comes, by what it will have used: never more than was reserved here. */
static void call(struct world *w, int64_t now)
{
    struct limit_need n = {.output = draw(w, 1, 400)};
    struct call c = {.begin = now, .end = now + draw(w, 0, 20 * S)};
    int64_t at = -1;

    n.tokens = n.output + draw(w, 1, 300);
    if (w->ncalls == ARRAY_LEN(w->calls) || limit_try(&w->l, n, now, &at) != LIMIT_GO)
        return;
    c.reserved = n;
    c.used.output = draw(w, 0, n.output);
    c.used.tokens = c.used.output + draw(w, 0, n.tokens - n.output);
    c.refund = draw(w, 0, 9) == 0;
    if (!c.refund)
        note(now, c.used);
    w->calls[w->ncalls++] = c;
}

static void end_calls(struct world *w, int64_t now)
{
    size_t i = 0;

    while (i < w->ncalls) {
        struct call *c = &w->calls[i];

        if (c->end > now) {
            i++;
            continue;
        }
        if (c->refund)
            limit_refund(&w->l, c->reserved, c->begin);
        else
            limit_settle(&w->l, c->reserved, c->used, c->begin, now);
        *c = w->calls[--w->ncalls];
    }
}

static void random_run(uint64_t seed)
{
    static const int64_t from[LIMIT_DIMS] = {1, 20, 300, 2000, 1000, 1000, 60000};
    static const int64_t to[LIMIT_DIMS] = {20, 900, 3000, 90000, 60000, 60000, 900000};
    struct world *w = mem_alloc(sizeof *w);
    int64_t now = START;
    enum limit_dim d = 0;

    w->rng.state = seed;
    forget();
    for (d = 0; d < LIMIT_DIMS; d++)
        w->max.of[d] = draw(w, 0, 2) ? draw(w, from[d], to[d]) : 0;
    limit_init(&w->l, &w->max);
    while (now < START + 20 * MINUTE) {
        now += draw(w, 0, draw(w, 0, 300) == 0 ? 40 * S : S / 4);
        end_calls(w, now);
        call(w, now);
    }
    end_calls(w, INT64_MAX / 2);
    cr_expect_eq(w->l.running, 0);
    for (d = 0; d < LIMIT_DIMS; d++)
        cr_expect(w->max.of[d] == 0 || fullest(d) <= w->max.of[d], "seed %llu: %s %lld: %lld",
                  (unsigned long long)seed, limit_name(d), (long long)w->max.of[d],
                  (long long)fullest(d));
    free(w);
}

Test(limit_dims, random_settles_and_refunds_hold_all_limits)
{
    uint64_t seed = 0;

    for (seed = 1; seed <= 60; seed++)
        random_run(seed * 104729);
}

/* What is used beyond the estimate is made good before the next call. */
Test(limit_dims, more_than_was_reserved_is_a_debt)
{
    static const enum limit_dim dims[] = {LIMIT_TPM, LIMIT_OUTPUT_TPM, LIMIT_TPD};
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(dims); i++) {
        struct limit_need small = {.tokens = 100, .output = 100};
        struct limit_need large = {.tokens = 1000, .output = 1000};
        struct limit_max max = {0};
        struct limit l;
        int64_t at = 0;

        max.of[dims[i]] = 1000;
        limit_init(&l, &max);
        cr_assert_eq(limit_try(&l, small, START, &at), LIMIT_GO);
        limit_settle(&l, small, large, START, START + S);
        cr_assert_eq(limit_try(&l, small, START + 2 * S, &at), LIMIT_WAIT);
        cr_expect_geq(at, START + span_of(dims[i]), "%s", limit_name(dims[i]));
    }
}
