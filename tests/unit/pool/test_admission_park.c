/* admission: which waiting tasks leave for the delay topic. */
#include "admission_scene.h"

#include "policy/park.h"

static void open_parking(void)
{
    scene_open();
    config.pool.park_for_ms = 30000;
}

TestSuite(admission_park, .init = open_parking, .fini = scene_close);

/* Lets "slow" cool until then, by a call that failed. */
static void cool(int64_t until_us)
{
    struct task *t = task_for("slow", NULL);

    cr_assert_eq(enter(t, NOW), ADMITTED);
    leave_failed(t, ROUTE_COOL, until_us, NOW);
    task_free(t);
}

static struct task *wait_for(const char *model, const char *other, atomic_llong *excess)
{
    struct task *t = task_for(model, other);

    t->excess = excess;
    cr_assert_eq(enter(t, NOW), ADMISSION_WAITS);
    return t;
}

static int park(int64_t now_us)
{
    struct list_node *n;
    int count = 0;

    admission_park(admission, now_us, &ready);
    for (n = ready.next; n != &ready; n = n->next)
        count++;
    return count;
}

static void free_all(struct task **t, int n)
{
    struct list_node rest, *node;

    admission_flush(admission, &rest);
    while ((node = list_pop(&rest)))
        ;
    for (int i = 0; i < n; i++)
        task_free(t[i]);
}

Test(admission_park, the_oldest_go_as_many_as_are_too_many)
{
    enum { N = 10 };
    atomic_llong excess = 4;
    struct task *t[N];

    cool(NOW + 60 * S);
    for (int i = 0; i < N; i++)
        t[i] = wait_for("slow", NULL, &excess);
    cr_assert_eq(park(NOW), 4);
    for (int i = 0; i < 4; i++)
        cr_expect_eq(next_ready(), t[i]);
    cr_expect_eq(atomic_load(&excess), 0);
    cr_expect_eq(view(NOW).waiting, N - 4);
    cr_expect_eq(park(NOW + S), 0, "no more than that");
    cr_expect_lt(admission_park_us(admission), INT64_MAX, "looked at again");
    atomic_store(&excess, 100);
    cr_expect_eq(park(NOW + S), 0, "not before its time");
    cr_expect_eq(park(NOW + 2 * S), N - 4);
    cr_expect_eq(view(NOW).waiting, 0);
    cr_expect_eq(park(NOW + 3 * S), 0);
    cr_expect_eq(admission_park_us(admission), INT64_MAX, "nobody waits");
    free_all(t, N);
}

Test(admission_park, partitions_have_their_own_excess)
{
    atomic_llong full = 1, fine = 0;
    struct task *t[4];

    cool(NOW + 60 * S);
    t[0] = wait_for("slow", NULL, &fine);
    t[1] = wait_for("slow", NULL, &full);
    t[2] = wait_for("slow", NULL, &full);
    t[3] = wait_for("slow", NULL, NULL);
    cr_assert_eq(park(NOW), 1);
    cr_expect_eq(next_ready(), t[1]);
    free_all(t, 4);
}

Test(admission_park, one_that_can_go_elsewhere_or_soon_waits)
{
    atomic_llong excess = 100;
    struct task *busy = task_for("paced", NULL);
    struct task *t[2];

    cool(NOW + 60 * S);
    cr_assert_eq(enter(busy, NOW), ADMITTED);
    t[0] = wait_for("slow", "paced", &excess); /* behind the pace of a row that works */
    cr_expect_eq(park(NOW), 0);
    t[1] = wait_for("slow", NULL, &excess);
    cr_expect_eq(park(NOW + 60 * S - PARK_COOLING_US), 0, "it is back in a moment");
    cr_expect_eq(park(NOW + 50 * S), 0, "not before its time");
    leave_ok(busy, NOW);
    free_all(t, 2);
    task_free(busy);
}

Test(admission_park, when_all_are_away_the_topic_holds_the_rest)
{
    atomic_llong excess = 100;
    struct task *t[1];
    int row;

    for (row = 0; row < 4; row++) {
        struct task *f = task_for(rows[row].model_name, NULL);

        cr_assert_eq(enter(f, NOW), ADMITTED);
        leave_failed(f, ROUTE_COOL, NOW + 60 * S, NOW);
        task_free(f);
    }
    t[0] = wait_for("slow", NULL, &excess);
    cr_expect_eq(park(NOW), 0);
    cr_expect_eq(admission_park_us(admission), INT64_MAX);
    free_all(t, 1);
}

/* A model that is away may not use up the retries of all others by being waited for. */
Test(admission_park, a_retry_that_is_parked_costs_no_budget)
{
    enum { N = 300, ROUNDS = 3 };
    struct task *retry = task_for("fast", NULL);
    atomic_llong excess = 0;
    struct task *t[N];

    cool(NOW + 600 * S);
    for (int round = 0; round < ROUNDS; round++) {
        int64_t now_us = NOW + round * S / 10;

        atomic_store(&excess, N);
        for (int i = 0; i < N; i++) {
            t[i] = task_for("slow", NULL);
            t[i]->excess = &excess;
            t[i]->attempts_used = 1;
            cr_assert_eq(enter(t[i], now_us), ADMISSION_WAITS);
        }
        cr_expect_eq(park(now_us), N, "none of them waits for the budget");
        retry->attempts_used = 1;
        cr_assert_eq(enter(retry, now_us), ADMITTED, "round %d", round);
        leave_ok(retry, now_us);
        free_all(t, N);
    }
    task_free(retry);
}

Test(admission_park, a_retry_whose_deadline_comes_costs_no_budget)
{
    enum { N = 600 };
    struct task *retry = task_for("fast", NULL);
    struct task *t = task_for("slow", NULL);

    cool(NOW + 600 * S);
    t->attempts_used = 1;
    for (int i = 0; i < N; i++) {
        t->paid_retry = false; /* another one */
        cr_assert_eq(enter(t, NOW), ADMISSION_WAITS);
        cr_assert(admission_remove(admission, t));
    }
    retry->attempts_used = 1;
    cr_expect_eq(enter(retry, NOW), ADMITTED);
    task_free(t);
    task_free(retry);
}
