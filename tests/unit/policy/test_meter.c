/* meter, with a share that changes: what may go at once, and who may use an instant late. That no span holds too much
 * is test_limit_shared's and test_share_dims's. */
#include "policy/meter.h"

#include <criterion/criterion.h>

#include "policy/limit.h"

#define S         1000000LL
#define EPOCH     (1790000000LL * S)
#define PARTS_MAX 100

static const struct limit_need call = {.tokens = 4000};

/* The parts from `first` on of `total`. */
static void hold(struct limit *l, struct share *s, int64_t first, int64_t count, int64_t total,
                 int64_t now_us)
{
    struct holding_part parts[PARTS_MAX];
    struct holding h = {
        .parts = parts, .count = (size_t)count, .total = total, .lease_us = 1000 * S};
    int64_t i = 0;

    for (i = 0; i < count; i++)
        parts[i] = (struct holding_part){.index = first + i};
    limit_before_share(l, now_us);
    if (share_set(s, &h, now_us, EPOCH + now_us))
        limit_after_share(l, now_us);
}

static int go_at_once(struct limit *l, int64_t now_us)
{
    int64_t at_us = 0;
    int n = 0;

    while (limit_try(l, call, now_us, &at_us) == LIMIT_GO)
        n++;
    return n;
}

/* 1,000 tokens a second for each part, in calls of 4,000, which are large: 5.1 seconds of them may go ahead after a call,
 * but not of what is new, which its last owner may have used. */
Test(meter, what_was_taken_over_does_not_go_ahead)
{
    static const struct {
        int64_t at_us, parts;
        int go;
    } looks[] = {
        {100 * S, 1, 0}, /* nothing is granted for the past */
        {190 * S, 1, 2}, /* more than a window later */
        {250 * S, 1, 2},
        {300 * S, 2, 0}, /* what it had goes ahead, but the new part does not count yet */
        {302 * S, 2, 1},
        {340 * S, 2, 2}, /* twice as fast, and half of it new */
        {370 * S, 2, 3}, /* none of it is new any more */
    };
    struct limit l;
    struct share s = {0};
    size_t i = 0;
    int n = 0;

    limit_init(&l, &(struct limit_max){.of = {[LIMIT_TPM] = 123000}});
    limit_share(&l, &s, S);
    for (i = 0; i < sizeof looks / sizeof *looks; i++) {
        hold(&l, &s, 0, looks[i].parts, 2, looks[i].at_us);
        n = go_at_once(&l, looks[i].at_us);
        cr_expect_eq(n, looks[i].go, "%d at %lld s", n, (long long)(looks[i].at_us / S));
    }
    share_done(&s);
}

/* Two workers with a part each, which get work at the same time after a long rest. */
Test(meter, workers_that_wake_together_do_not_call_together)
{
    struct limit l[2];
    struct share s[2] = {0};
    int64_t at_us[2] = {0};
    int i = 0;

    for (i = 0; i < 2; i++) {
        limit_init(&l[i], &(struct limit_max){.of = {[LIMIT_RPM] = 200}});
        limit_share(&l[i], &s[i], S);
        hold(&l[i], &s[i], i, 1, 2, 100 * S);
        cr_expect_eq(limit_try(&l[i], call, 300 * S, &at_us[i]), LIMIT_GO);
        cr_expect_eq(limit_try(&l[i], call, 300 * S, &at_us[i]), LIMIT_WAIT);
        share_done(&s[i]);
    }
    cr_expect_eq(at_us[0], 300 * S + 615001);
    cr_expect_eq(at_us[1], 300 * S + 922501, "half of its pace later");
}

/* With 100 parts the day's calls are few for each of them, so that the minute's instants are for both limits; with 12
 * the minute has them alone, and waits for nothing but tokens. */
Test(meter, an_instant_may_be_late_again_when_no_other_limit_follows_it)
{
    struct limit l;
    struct share s = {0};

    limit_init(
        &l, &(struct limit_max){.of = {[LIMIT_RPM] = 1, [LIMIT_RPD] = 1500, [LIMIT_TPM] = 100000}});
    limit_share(&l, &s, S);
    hold(&l, &s, 0, 50, 100, 100 * S);
    cr_expect(l.meter[LIMIT_RPD].follows);
    cr_expect_not(l.meter[LIMIT_RPM].patient);
    hold(&l, &s, 0, 6, 12, 200 * S);
    cr_expect_not(l.meter[LIMIT_RPD].follows);
    cr_expect(l.meter[LIMIT_RPM].patient);
    share_done(&s);
}
