/* limit: no minute holds more than allowed, whatever comes when; and what is allowed is used. */
#include "tests/unit/policy/limit_minute.h"

#include <criterion/criterion.h>

#include "base/mem.h"
#include "base/rng.h"

#define S      1000000LL
#define MINUTE (60 * S)
#define START  (1000000 * S)

/* What a strict provider sees: calls in order of arrival. */
struct seen {
    int64_t at[200000];
    int64_t tokens[200000];
    size_t count;
};

static struct seen seen;

/* The most requests, or tokens, in any window of a minute. */
static int64_t fullest(const struct seen *s, bool tokens)
{
    int64_t most = 0;
    int64_t sum = 0;
    size_t from = 0;
    size_t i = 0;

    for (i = 0; i < s->count; i++) {
        sum += tokens ? s->tokens[i] : 1;
        for (; s->at[from] <= s->at[i] - MINUTE; from++)
            sum -= tokens ? s->tokens[from] : 1;
        most = sum > most ? sum : most;
    }
    return most;
}

static void note(int64_t at, int64_t tokens)
{
    cr_assert_lt(seen.count, ARRAY_LEN(seen.at));
    seen.at[seen.count] = at;
    seen.tokens[seen.count++] = tokens;
}

Test(limit, unlimited_goes_always)
{
    struct limit l;
    int64_t at = 0;
    int i = 0;

    minute_init(&l, 0, 0, 0);
    for (i = 0; i < 10000; i++)
        cr_assert_eq(minute_try(&l, 1000000, START, &at), LIMIT_GO);
    cr_expect_eq(l.running, 10000);
}

Test(limit, concurrency)
{
    struct limit l;
    int64_t at = 0;

    minute_init(&l, 0, 0, 2);
    cr_expect_eq(minute_try(&l, 1, START, &at), LIMIT_GO);
    cr_expect_eq(minute_try(&l, 1, START, &at), LIMIT_GO);
    cr_expect_eq(minute_try(&l, 1, START, &at), LIMIT_FULL);
    minute_settle(&l, 1, 1, START, START + 1);
    cr_expect_eq(minute_try(&l, 1, START + 1, &at), LIMIT_GO);
    cr_expect_eq(minute_try(&l, 1, START + 1, &at), LIMIT_FULL);
    minute_refund(&l, 1, START + 1);
    cr_expect_eq(minute_try(&l, 1, START + 1, &at), LIMIT_GO);
    minute_settle(&l, 1, 1, START, START + 1);
    minute_settle(&l, 1, 1, START, START + 1);
    minute_settle(&l, 1, 1, START, START + 1);
    cr_expect_eq(l.running, 0, "a settle too many does not make room for more");
}

Test(limit, request_larger_than_the_token_limit_never_goes)
{
    struct limit l;
    int64_t at = 0;

    minute_init(&l, 0, 1000, 0);
    cr_expect_eq(minute_try(&l, 1001, START, &at), LIMIT_NEVER);
    cr_expect_eq(minute_try(&l, 1000, START, &at), LIMIT_GO);
    cr_expect_eq(minute_try(&l, 1, START, &at), LIMIT_WAIT);
}

/* Asks whenever it is told to, for ten minutes: as fast as the limit lets it. */
static void greedy(struct limit *l, int64_t from, int64_t until, int64_t tokens)
{
    int64_t now = from;

    while (now < until) {
        int64_t at = -1;

        if (minute_try(l, tokens, now, &at) == LIMIT_GO) {
            note(now, tokens);
            minute_settle(l, tokens, tokens, now, now);
            continue;
        }
        cr_assert_gt(at, now);
        now = at;
    }
}

Test(limit, every_rate_is_held_and_used)
{
    static const int64_t rates[] = {1, 2, 3, 5, 7, 10, 59, 60, 61, 100, 239, 240, 500, 3000, 10000};
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(rates); i++) {
        struct limit l;
        int64_t used = 0;

        minute_init(&l, rates[i], 0, 0);
        seen.count = 0;
        greedy(&l, START, START + 10 * MINUTE, 1);
        cr_expect_leq(fullest(&seen, false), rates[i], "rpm %lld: %lld in a minute",
                      (long long)rates[i], (long long)fullest(&seen, false));
        used = (int64_t)seen.count * 100 / (rates[i] * 10);
        cr_expect_geq(used, 98, "rpm %lld: only %lld %% used", (long long)rates[i],
                      (long long)used);
    }
}

Test(limit, every_token_rate_is_held_and_used)
{
    static const struct {
        int64_t tpm, tokens;
    } cases[] = {{1000, 1000}, {1000, 999}, {1000, 400}, {1000, 1}, {90000, 700}, {2000000, 900}};
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct limit l;
        int64_t most = 0;

        minute_init(&l, 0, cases[i].tpm, 0);
        seen.count = 0;
        greedy(&l, START, START + 10 * MINUTE, cases[i].tokens);
        most = fullest(&seen, true);
        cr_expect_leq(most, cases[i].tpm, "tpm %lld by %lld: %lld", (long long)cases[i].tpm,
                      (long long)cases[i].tokens, (long long)most);
        cr_expect_geq(most, cases[i].tpm - 2 * cases[i].tokens - cases[i].tpm / 20,
                      "tpm %lld by %lld: only %lld", (long long)cases[i].tpm,
                      (long long)cases[i].tokens, (long long)most);
    }
}

Test(limit, no_burst_after_a_pause)
{
    struct limit l;
    int64_t at = 0;
    int n = 0;

    minute_init(&l, 600, 0, 0);
    cr_assert_eq(minute_try(&l, 1, START, &at), LIMIT_GO);
    while (minute_try(&l, 1, START + 5 * MINUTE, &at) == LIMIT_GO)
        n++;
    cr_expect_leq(n, 10, "%d at once is more than a second's worth", n);
    cr_expect_geq(n, 1);
}

/* A call that runs and what it will have used. */
struct call {
    int64_t begin, end;
    int64_t reserved, used;
    bool refund;
};

struct world {
    struct limit l;
    struct rng rng;
    struct call calls[400];
    size_t ncalls;
};

/* Ends the calls whose time has come. */
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
            minute_refund(&w->l, c->reserved, c->begin);
        else
            minute_settle(&w->l, c->reserved, c->used, c->begin, now);
        *c = w->calls[--w->ncalls];
    }
}

/* One try at a random time; arrivals at the provider are up to half a second late. */
static void try_one(struct world *w, int64_t now, int64_t most_tokens)
{
    int64_t tokens = 1 + (int64_t)rng_below(&w->rng, (uint64_t)most_tokens);
    struct call *c = &w->calls[w->ncalls];
    int64_t at = -1;

    if (w->ncalls == ARRAY_LEN(w->calls))
        return;
    if (minute_try(&w->l, tokens, now, &at) != LIMIT_GO)
        return;
    *c = (struct call){.begin = now,
                       .end = now + (int64_t)rng_below(&w->rng, 20 * S),
                       .reserved = tokens,
                       .used = tokens,
                       .refund = rng_below(&w->rng, 10) == 0};
    if (!c->refund)
        note(now, tokens);
    w->ncalls++;
}

static void random_run(uint64_t seed, int64_t rpm, int64_t tpm)
{
    struct world w = {.rng = {seed}};
    int64_t now = START;

    seen.count = 0;
    minute_init(&w.l, rpm, tpm, 0);
    while (now < START + 8 * MINUTE) {
        bool idle = rng_below(&w.rng, 200) == 0;

        now += (int64_t)rng_below(&w.rng, (uint64_t)(idle ? 40 * S : 2 * MINUTE / (rpm + 1)));
        end_calls(&w, now);
        try_one(&w, now, tpm / 20 + 1);
    }
    cr_expect_leq(fullest(&seen, false), rpm, "seed %llu: %lld requests, limit %lld",
                  (unsigned long long)seed, (long long)fullest(&seen, false), (long long)rpm);
    cr_expect_leq(fullest(&seen, true), tpm, "seed %llu: %lld tokens, limit %lld",
                  (unsigned long long)seed, (long long)fullest(&seen, true), (long long)tpm);
}

Test(limit, random_arrivals_and_refunds_hold_both_limits)
{
    uint64_t seed = 0;

    for (seed = 1; seed <= 60; seed++) {
        struct rng rng = {seed * 7919};

        random_run(seed, 1 + (int64_t)rng_below(&rng, 900), 100 + (int64_t)rng_below(&rng, 90000));
    }
}

Test(limit, late_arrivals_do_not_break_the_limit)
{
    uint64_t seed = 0;

    for (seed = 1; seed <= 20; seed++) {
        struct rng rng = {seed};
        struct limit l;
        int64_t now = START;
        size_t i = 0;
        size_t j = 0;

        minute_init(&l, 120, 0, 0);
        seen.count = 0;
        greedy(&l, now, now + 5 * MINUTE, 1);
        for (i = 0; i < seen.count; i++)
            seen.at[i] += (int64_t)rng_below(&rng, 500000);
        for (i = 1; i < seen.count; i++) {
            for (j = i; j > 0 && seen.at[j] < seen.at[j - 1]; j--) {
                int64_t swap = seen.at[j];

                seen.at[j] = seen.at[j - 1];
                seen.at[j - 1] = swap;
            }
        }
        cr_expect_leq(fullest(&seen, false), 120, "seed %llu", (unsigned long long)seed);
    }
}

Test(limit, settling_lower_gives_room_and_higher_takes_it)
{
    struct limit l;
    int64_t at = 0;

    minute_init(&l, 0, 60000, 0);
    cr_assert_eq(minute_try(&l, 60000, START, &at), LIMIT_GO);
    cr_assert_eq(minute_try(&l, 1000, START + S, &at), LIMIT_WAIT);
    minute_settle(&l, 60000, 500, START, START + 2 * S);
    cr_expect_eq(minute_try(&l, 1000, START + 2 * S, &at), LIMIT_GO);
    minute_settle(&l, 1000, 58000, START + 2 * S, START + 3 * S);
    cr_expect_eq(minute_try(&l, 5000, START + 4 * S, &at), LIMIT_WAIT);
    cr_expect_geq(at, START + MINUTE);
    cr_expect_eq(minute_try(&l, 5000, at, &at), LIMIT_GO);
}

Test(limit, what_is_used_stays_in_the_window)
{
    struct limit l;
    int64_t at = 0;

    minute_init(&l, 0, 1000, 0);
    cr_assert_eq(minute_try(&l, 1000, START, &at), LIMIT_GO);
    minute_settle(&l, 1000, 1000, START, START + S);
    cr_expect_eq(minute_try(&l, 1, START + S, &at), LIMIT_WAIT);
}

Test(limit, refund_of_a_call_older_than_the_window_gives_nothing)
{
    struct limit l;
    int64_t at = 0;

    minute_init(&l, 0, 1000, 0);
    cr_assert_eq(minute_try(&l, 1000, START, &at), LIMIT_GO);
    cr_assert_eq(minute_try(&l, 1000, START + 2 * MINUTE, &at), LIMIT_GO);
    minute_settle(&l, 1000, 0, START, START + 2 * MINUTE);
    cr_expect_eq(minute_try(&l, 1000, START + 2 * MINUTE, &at), LIMIT_WAIT);
}

/* Calls that never reached the provider give their place back, but no minute gets fuller by it: at a
 * time when the route is idle, and at one when it is busy. */
Test(limit, refunds_do_not_overfill_the_window)
{
    static const int64_t rates[] = {1, 5, 60, 600};
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(rates); i++) {
        struct limit l;
        int64_t now = START;
        int64_t at = 0;
        int lost = 0;

        minute_init(&l, rates[i], 0, 0);
        seen.count = 0;
        while (now < START + 20 * S || lost < rates[i]) {
            if (minute_try(&l, 1, now, &at) == LIMIT_GO)
                lost++;
            else
                now = at;
        }
        now += 3 * MINUTE;
        while (seen.count < (size_t)rates[i] * 3) {
            if (minute_try(&l, 1, now, &at) == LIMIT_GO) {
                note(now, 1);
                if (lost-- > 0)
                    minute_refund(&l, 1, START);
            } else {
                now = at;
            }
        }
        cr_expect_leq(fullest(&seen, false), rates[i], "rpm %lld: %lld in a minute",
                      (long long)rates[i], (long long)fullest(&seen, false));
    }
}

/* Large and small calls, of which half is given back: none of that makes the pace fall behind. */
Test(limit, mixed_sizes_and_refunds_use_all_of_it)
{
    struct limit l;
    struct call calls[64];
    struct rng rng = {7};
    int64_t now = START;
    int64_t used = 0;
    size_t n = 0;

    minute_init(&l, 600, 60000, 0);
    while (now < START + 30 * MINUTE) {
        int64_t tokens = rng_below(&rng, 5) ? 100 : 1400;
        int64_t at = -1;
        size_t i = 0;

        for (i = 0; i < n; i++) {
            if (calls[i].end > now)
                continue;
            minute_settle(&l, calls[i].reserved, calls[i].used, calls[i].begin, now);
            calls[i--] = calls[--n];
        }
        if (n < ARRAY_LEN(calls) && minute_try(&l, tokens, now, &at) == LIMIT_GO) {
            calls[n++] = (struct call){.begin = now,
                                       .end = now + (int64_t)rng_below(&rng, 2 * S),
                                       .reserved = tokens,
                                       .used = tokens / 2};
            used += tokens / 2;
        }
        now += 20000;
    }
    cr_expect_geq(used, 30 * 60000 * 92 / 100, "%lld of %d", (long long)used, 30 * 60000);
}

/* Two calls end in the other order: what the second had too much is not taken out of what the first used. */
Test(limit, what_is_given_back_was_reserved_there)
{
    struct limit l;
    int64_t at = 0;

    minute_init(&l, 0, 100000, 0);
    cr_assert_eq(minute_try(&l, 40000, START, &at), LIMIT_GO);
    cr_assert_eq(minute_try(&l, 50000, START + 40 * S, &at), LIMIT_GO);
    minute_settle(&l, 50000, 50000, START + 40 * S, START + 41 * S);
    minute_settle(&l, 40000, 100, START, START + 42 * S);
    cr_expect_eq(minute_try(&l, 60000, START + 75 * S, &at), LIMIT_WAIT,
                 "50,000 are in the window still");
    cr_expect_geq(at, START + 100 * S);
}

Test(limit, refund_gives_the_place_back)
{
    struct limit l;
    int64_t at = 0;
    int i = 0;

    minute_init(&l, 2, 1000, 0);
    for (i = 0; i < 50; i++) {
        cr_assert_eq(minute_try(&l, 900, START + i, &at), LIMIT_GO, "after %d refunds", i);
        minute_refund(&l, 900, START + i);
    }
    cr_expect_eq(l.running, 0);
}

Test(limit, clock_readings_out_of_order)
{
    struct limit l;
    int64_t at = 0;

    minute_init(&l, 60, 60000, 0);
    cr_assert_eq(minute_try(&l, 10, START + 10 * S, &at), LIMIT_GO);
    cr_expect_eq(minute_try(&l, 10, START + 9 * S, &at), LIMIT_WAIT);
    cr_expect_eq(minute_try(&l, 10, START + 12 * S, &at), LIMIT_GO);
    minute_settle(&l, 10, 10, START + 10 * S, START);
    cr_expect_eq(l.running, 1);
}

Test(limit, used_is_what_the_window_holds)
{
    struct limit l;
    int64_t at = 0;
    int64_t used[LIMIT_DIMS];

    minute_init(&l, 6000, 100000, 0);
    limit_used(&l, START, used);
    cr_expect(used[LIMIT_RPM] == 0 && used[LIMIT_TPM] == 0);
    cr_assert_eq(minute_try(&l, 500, START, &at), LIMIT_GO);
    limit_used(&l, START, used);
    cr_expect(used[LIMIT_RPM] == 1 && used[LIMIT_TPM] == 500, "reserved: %lld",
              (long long)used[LIMIT_TPM]);
    minute_settle(&l, 500, 120, START, START + S);
    limit_used(&l, START + S, used);
    cr_expect(used[LIMIT_RPM] == 1 && used[LIMIT_TPM] == 120, "used: %lld",
              (long long)used[LIMIT_TPM]);
    cr_assert_eq(minute_try(&l, 30, START + 2 * S, &at), LIMIT_GO);
    minute_refund(&l, 30, START + 2 * S);
    limit_used(&l, START + 2 * S, used);
    cr_expect(used[LIMIT_RPM] == 1 && used[LIMIT_TPM] == 120, "refunded");
    limit_used(&l, START + 2 * MINUTE, used);
    cr_expect(used[LIMIT_RPM] == 0 && used[LIMIT_TPM] == 0,
              "a minute later it has left, though nobody called");
}
