/* admission: whose turn it is, by topic, tenant, priority and time of arrival. */
#include "admission_scene.h"

#include <math.h>

#include "base/rng.h"
#include "pool/queues.h"

static struct tenant tenants[] = {
    {.name = (char *)"one", .max_cost = -1, .weight = 1},
    {.name = (char *)"three", .max_cost = -1, .weight = 3},
};
static struct task *running; /* on "slow", which takes one at once */
static int64_t arrived_us;

static void open_fair(void)
{
    scene_open();
    admission_free(admission);
    config.tenants = tenants;
    config.ntenants = 2;
    admission = admission_new(&config, 1);
    arrived_us = 0;
    running = task_for("slow", NULL);
    cr_assert_eq(enter(running, NOW), ADMITTED);
}

static void close_fair(void)
{
    struct task *t;

    admission_flush(admission, &ready);
    while ((t = next_ready()))
        task_free(t);
    task_free(running);
    scene_close();
}

TestSuite(admission_fair, .init = open_fair, .fini = close_fair);

/* A task that has to wait. */
static struct task *waiting(const char *tenant, int topic_priority, int priority)
{
    struct task *t = task_for("slow", NULL);

    t->tenant = mem_strdup(tenant);
    t->topic_priority = topic_priority;
    t->priority = priority;
    t->received_us = ++arrived_us;
    cr_assert_eq(enter(t, NOW), ADMISSION_WAITS);
    return t;
}

/* The running call ends, and the next one begins. */
static struct task *next(void)
{
    leave_ok(running, NOW);
    task_free(running);
    cr_assert_eq(pump(NOW), 1);
    running = next_ready();
    return running;
}

static bool is_of(const struct task *t, const char *tenant)
{
    return t->tenant ? tenant && strcmp(t->tenant, tenant) == 0 : !tenant;
}

Test(admission_fair, the_higher_priority_goes_first_and_equals_in_order)
{
    static const int priorities[] = {0, 5, 9, 5, 0, 9};
    static const int order[] = {2, 5, 1, 3, 0, 4};
    struct task *t[6];
    int i;

    for (i = 0; i < 6; i++)
        t[i] = waiting(NULL, 0, priorities[i]);
    for (i = 0; i < 6; i++)
        cr_expect_eq(next(), t[order[i]], "%d", i);
}

/* It is smaller than the one whose turn it was, and there is room for it now. */
Test(admission_fair, a_higher_priority_does_not_wait_for_the_time_of_a_larger_one)
{
    static const int bytes[] = {240, 240, 40}; /* of 100 tokens a minute */
    struct task *t[3];
    int i;

    for (i = 0; i < 3; i++) {
        t[i] = task_for("small", NULL);
        t[i]->raw_len = (size_t)bytes[i];
    }
    t[2]->priority = 9;
    cr_assert_eq(enter(t[0], NOW), ADMITTED);
    leave_ok(t[0], NOW);
    cr_assert_eq(enter(t[1], NOW + 40 * S), ADMISSION_WAITS);
    cr_assert_gt(admission_next_us(admission), NOW + 60 * S);
    cr_assert_eq(enter(t[2], NOW + 40 * S), ADMISSION_WAITS);
    cr_expect_leq(admission_next_us(admission), NOW + 40 * S);
    cr_expect_eq(pump(NOW + 40 * S), 1);
    cr_expect_eq(next_ready(), t[2]);
    leave_ok(t[2], NOW + 40 * S);
    cr_expect(admission_remove(admission, t[1]));
    for (i = 0; i < 3; i++)
        task_free(t[i]);
}

/* Of LATE_AFTER + 1 tasks, one is the oldest of those that a higher priority keeps waiting. */
static void expect_none_starves(int topic_high, int high)
{
    int i, of_low = 0, since = 0;

    for (i = 0; i < 40; i++)
        waiting(NULL, 0, i % 2);
    for (i = 0; i < 160; i++) {
        struct task *t;

        waiting(NULL, topic_high, high);
        t = next();
        since++;
        if (t->topic_priority == topic_high && t->priority == high)
            continue;
        cr_expect_eq(since, LATE_AFTER + 1);
        since = 0;
        of_low++;
        if (!topic_high) {
            cr_expect_eq(t->received_us, of_low == 1 ? 1 : of_low, "the oldest, %d", of_low);
        }
    }
    cr_expect_eq(of_low, 160 / (LATE_AFTER + 1));
}

Test(admission_fair, a_low_priority_does_not_starve)
{
    expect_none_starves(0, 9);
}

Test(admission_fair, a_batch_topic_does_not_starve)
{
    expect_none_starves(9, 0);
}

Test(admission_fair, an_interactive_topic_goes_ahead_of_all)
{
    int i;

    for (i = 0; i < 1000; i++)
        waiting(i % 2 ? "one" : "three", 0, 9);
    for (i = 0; i < 3; i++) {
        struct task *t = waiting("one", 5, 0);

        cr_expect_eq(next(), t);
        next();
    }
}

/* What a batch task waits for is not claimed against an interactive one. */
Test(admission_fair, an_interactive_newcomer_does_not_queue_behind_batch)
{
    struct task *both;

    waiting(NULL, 0, 0);
    leave_ok(running, NOW);
    task_free(running);
    both = task_for("slow", NULL);
    both->topic_priority = 1;
    cr_expect_eq(enter(both, NOW), ADMITTED);
    running = both;
}

/* And many such newcomers do not starve it. */
Test(admission_fair, newcomers_count_as_having_passed)
{
    int i;

    waiting(NULL, 0, 0);
    for (i = 0; i <= LATE_AFTER; i++) {
        struct task *t = task_for("slow", NULL);

        leave_ok(running, NOW);
        task_free(running);
        t->topic_priority = 1;
        if (enter(t, NOW) != ADMITTED)
            break;
        running = t;
    }
    cr_expect_eq(i, LATE_AFTER, "then it has to wait behind");
    cr_assert_eq(pump(NOW), 1);
    running = next_ready();
    cr_expect_eq(running->topic_priority, 0);
}

Test(admission_fair, many_tasks_of_one_tenant_do_not_delay_the_first_of_another)
{
    struct task *t;
    int i;

    for (i = 0; i < 10000; i++)
        waiting("one", 0, 9);
    next();
    next();
    t = waiting("other", 0, 0);
    cr_expect(next() == t || next() == t, "at most one is in front of it");
    t = waiting(NULL, 0, 0);
    cr_expect(next() == t || next() == t || next() == t, "those without a tenant are one");
}

Test(admission_fair, shares_follow_the_weights)
{
    int i, had[3] = {0};

    for (i = 0; i < 500; i++) {
        waiting("one", 0, 0);
        waiting("three", 0, 0);
        waiting("unlisted", 0, 0);
    }
    for (i = 0; i < 500; i++) {
        struct task *t = next();

        had[is_of(t, "three") ? 1 : is_of(t, "one") ? 0 : 2]++;
    }
    cr_expect_float_eq(had[0], 100, 1);
    cr_expect_float_eq(had[1], 300, 1);
    cr_expect_float_eq(had[2], 100, 1);
}

/* Costs are in tokens: large tasks of one tenant count for more than small ones of another. */
Test(admission_fair, shares_are_of_tokens)
{
    int64_t had[2] = {0};
    int i;

    for (i = 0; i < 300; i++) {
        struct task *t = task_for("slow", NULL);

        t->tenant = mem_strdup("large");
        t->raw_len = 40000;
        cr_assert_eq(enter(t, NOW), ADMISSION_WAITS);
        t = task_for("slow", NULL);
        t->tenant = mem_strdup("small");
        t->raw_len = 4000;
        cr_assert_eq(enter(t, NOW), ADMISSION_WAITS);
    }
    for (i = 0; i < 220; i++) {
        struct task *t = next();

        had[is_of(t, "large")] += t->reserved_tokens;
    }
    cr_expect_leq(llabs(had[0] - had[1]), 11000, "%lld and %lld", (long long)had[0],
                  (long long)had[1]);
}

/* Tasks of one tenant and model share its turns, whichever deployments are left for each. */
Test(admission_fair, a_second_set_of_routes_is_not_a_second_share)
{
    static const char *const names[] = {"a", "b", "c"};
    struct task *off = task_for("slow", NULL);
    int i, had[3] = {0};

    rows[1].model_name = rows[0].model_name;
    off->refused_routes = 1;
    cr_assert_eq(enter(off, NOW), ADMITTED);
    leave_failed(off, ROUTE_OFF, NOW + 3600 * S, NOW);
    for (i = 0; i < 300; i++) {
        struct task *t = task_for("slow", NULL);

        t->tenant = mem_strdup(names[i % 3]);
        t->refused_routes = i % 6 == 1 ? 0 : 2; /* half of b's could use both */
        cr_assert_eq(enter(t, NOW), ADMISSION_WAITS);
    }
    for (i = 0; i < 90; i++)
        had[*next()->tenant - 'a']++;
    for (i = 0; i < 3; i++)
        cr_expect_float_eq(had[i], 30, 2, "%d", had[i]);
    task_free(off);
}

/* Weighted shares, whatever the sizes, while all of them wait: by seed. */
Test(admission_fair, shares_of_any_mix)
{
    enum { TENANTS = 5, EACH = 120, TURNS = 200 };
    static const char *const names[TENANTS] = {"one", "three", "x", "y", NULL};
    static const double weights[TENANTS] = {1, 3, 1, 1, 1};
    int seed, i, k;

    for (seed = 1; seed <= 40; seed++) {
        struct rng rng = {.state = (uint64_t)seed};
        double had[TENANTS] = {0};
        double most = 0;
        struct task *t;

        for (i = 0; i < TENANTS * EACH; i++) {
            t = task_for("slow", NULL);
            t->tenant = mem_strdup(names[i % TENANTS]);
            t->priority = (int)(rng_below(&rng, 10));
            t->raw_len = 4 + rng_below(&rng, 8000);
            cr_assert_eq(enter(t, NOW), ADMISSION_WAITS);
        }
        for (i = 0; i < TURNS; i++) {
            t = next();
            for (k = 0; !is_of(t, names[k]); k++)
                ;
            had[k] += (double)t->reserved_tokens / weights[k];
            if ((double)t->reserved_tokens / weights[k] > most)
                most = (double)t->reserved_tokens / weights[k];
        }
        for (i = 0; i < TENANTS; i++)
            for (k = 0; k < i; k++)
                cr_expect_leq(fabs(had[i] - had[k]), most + 1, "seed %d: %.0f and %.0f", seed,
                              had[i], had[k]);
        admission_flush(admission, &ready);
        while ((t = next_ready()))
            task_free(t);
    }
}

/* More tenants than there are places: order between them is lost, no task is. */
Test(admission_fair, more_tenants_than_seats)
{
    enum { N = 6000 };
    int i;

    for (i = 0; i < N; i++) {
        char name[16];

        snprintf(name, sizeof name, "t%d", i);
        waiting(name, i % 2, i % 10);
    }
    for (i = 0; i < N; i++)
        next();
    cr_expect_eq(view(NOW).waiting, 0);
    waiting("again", 0, 0);
    cr_expect(is_of(next(), "again"));
}
