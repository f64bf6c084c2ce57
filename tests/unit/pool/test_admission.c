/* admission: which call may begin, and what its end gives back. */
#include "policy/retry_budget.h"
#include "admission_scene.h"

#include "pool/reserve.h"

TestSuite(admission, .init = scene_open, .fini = scene_close);

Test(admission, never)
{
    struct task *big = task_for("small", NULL);
    struct task *refused = task_for("fast", NULL);
    struct task *unknown = task_for("nobody", NULL);

    big->raw_len = 4000;
    refused->refused_routes = 2;
    cr_expect_eq(enter(big, NOW), ADMISSION_NEVER);
    cr_expect_eq(enter(refused, NOW), ADMISSION_NEVER);
    cr_expect_eq(enter(unknown, NOW), ADMISSION_NEVER);
    cr_expect_eq(view(NOW).calls, 0);
    reserve_fail(&config, big);
    cr_expect(strstr(big->error->message, "larger than tpm of \"small\""), "%s",
              big->error->message);
    reserve_fail(&config, refused);
    cr_expect(strstr(refused->error->message, "all are refused"), "%s", refused->error->message);
    task_free(big);
    task_free(refused);
    task_free(unknown);
}

Test(admission, what_was_not_sent_is_refunded)
{
    struct admission_end not_sent = {.sent = false};
    struct task *t = task_for("small", NULL);
    int i;

    t->raw_len = 4 * 90;
    for (i = 0; i < 20; i++) {
        cr_assert_eq(enter(t, NOW), ADMITTED, "%d", i);
        cr_expect_eq(t->reserved_tokens, 90);
        admission_leave(admission, t, &not_sent, NOW);
        cr_expect_eq(t->reserved_tokens, 0);
    }
    cr_expect_eq(view(NOW).route[2].running, 0);
    cr_expect_eq(view(NOW).calls, 0);
    task_free(t);
}

Test(admission, pace_over_a_minute)
{
    enum { N = 200 };
    struct task *t[N];
    int64_t at[N];
    int64_t now_us = NOW;
    int gone = 0, i;

    for (i = 0; i < N; i++) {
        t[i] = task_for("paced", NULL);
        if (enter(t[i], NOW) == ADMITTED)
            at[gone++] = NOW;
    }
    while (gone < N) {
        struct task *one;

        now_us = admission_next_us(admission);
        cr_assert_lt(now_us, INT64_MAX);
        pump(now_us);
        while ((one = next_ready())) {
            at[gone++] = now_us;
            leave_ok(one, now_us);
        }
    }
    for (i = 60; i < N; i++)
        cr_assert_geq(at[i] - at[i - 60], 60 * S, "call %d", i);
    cr_expect_leq(now_us - NOW, 210 * S, "and not much slower than allowed");
    for (i = 0; i < N; i++)
        task_free(t[i]);
}

Test(admission, calls_of_the_whole_pool_are_bounded)
{
    struct task *t[20];
    int i, going = 0;

    config.pool.max_calls = 7;
    for (i = 0; i < 20; i++) {
        t[i] = task_for("fast", NULL);
        going += enter(t[i], NOW) == ADMITTED;
    }
    cr_expect_eq(going, 7);
    cr_expect_eq(pump(NOW), 0);
    leave_ok(t[0], NOW);
    leave_ok(t[1], NOW);
    cr_expect_eq(pump(NOW), 2);
    cr_expect_eq(view(NOW).calls, 7);
    admission_flush(admission, &ready);
    for (i = 0; i < 20; i++)
        task_free(t[i]);
}

/* Bought and not yet durable counts as running: a kill can cost no more than pool.max_calls. */
Test(admission, a_slot_is_kept_until_the_outcome_is_stored)
{
    struct admission_end ok = {.sent = true, .ok = true, .keeps_slot = true, .used_tokens = -1};
    struct task *first = task_for("fast", NULL);
    struct task *second = task_for("fast", NULL);

    config.pool.max_calls = 1;
    cr_expect_eq(enter(first, NOW), ADMITTED);
    cr_expect_eq(enter(second, NOW), ADMISSION_WAITS);
    admission_leave(admission, first, &ok, NOW);
    cr_expect(first->holds_slot);
    cr_expect_eq(pump(NOW), 0, "the outcome of the first is not durable yet");
    admission_stored(admission, first, NOW);
    cr_expect_not(first->holds_slot);
    cr_expect_eq(pump(NOW), 1);
    cr_expect_eq(view(NOW).calls, 1);
    admission_flush(admission, &ready);
    task_free(first);
    task_free(second);
}

/* A call that was on its way when the route opened comes back while another one probes. */
Test(admission, late_ends_do_not_disturb_the_probe)
{
    struct task *late[2] = {task_for("fast", NULL), task_for("fast", NULL)};
    struct task *fails = task_for("fast", NULL);
    struct task *probe = task_for("fast", NULL);
    struct task *next = task_for("fast", NULL);
    struct admission_end not_sent = {.sent = false};

    enter(late[0], NOW);
    enter(late[1], NOW);
    enter(fails, NOW);
    leave_failed(fails, ROUTE_COOL, NOW + S, NOW);
    cr_expect_eq(enter(probe, NOW + S), ADMITTED);
    cr_expect(probe->probe);
    leave_ok(late[0], NOW + S);
    cr_expect_eq(enter(next, NOW + S), ADMISSION_WAITS, "the probe is still out");
    admission_leave(admission, late[1], &not_sent, NOW + S);
    cr_expect_eq(pump(NOW + S), 0, "the probe is still out");
    leave_ok(probe, NOW + S);
    cr_expect_eq(pump(NOW + S), 1);
    cr_expect_eq(next_ready(), next);
    cr_expect_not(next->probe);
    task_free(late[0]);
    task_free(late[1]);
    task_free(fails);
    task_free(probe);
    task_free(next);
}

Test(admission, stranded_when_all_routes_are_off)
{
    struct task *a = task_for("slow", NULL);
    struct task *b = task_for("slow", NULL);
    struct task *c = task_for("slow", "paced");
    struct task *d = task_for("paced", NULL);

    enter(a, NOW);
    enter(d, NOW);
    a->last_class = CLASS_CREDENTIAL;
    leave_failed(a, ROUTE_OFF, NOW + 3600 * S, NOW);
    cr_expect_eq(enter(b, NOW), ADMISSION_WAITS);
    cr_expect_eq(enter(c, NOW), ADMISSION_WAITS);
    cr_expect(view(NOW).route[0].off);
    cr_expect_eq(view(NOW).route[0].off_class, CLASS_CREDENTIAL);
    cr_expect_not(view(NOW).route[3].off);
    cr_expect_not(view(NOW + 3600 * S).route[0].off, "it may be tried again");
    cr_expect_eq(view(NOW).waiting, 2);
    cr_expect_eq(view(NOW).stranded, 1, "paced is busy, but will come back");
    cr_expect_eq(view(NOW + 3600 * S).stranded, 0);
    admission_flush(admission, &ready);
    task_free(a);
    task_free(b);
    task_free(c);
    task_free(d);
}

/* A cool-down is counted when it begins, not when it becomes longer; why it cools is the last reason. */
Test(admission, cooldowns_are_counted)
{
    static const struct {
        enum error_class class;
        int64_t at_s, until_s;
        uint64_t count;
        enum error_class why;
    } ends[] = {
        {CLASS_OVERLOAD, 0, 10, 1, CLASS_OVERLOAD},
        {CLASS_QUOTA, 1, 5, 1, CLASS_OVERLOAD},
        {CLASS_CREDENTIAL, 2, 20, 1, CLASS_CREDENTIAL},
        {CLASS_TIMEOUT, 30, 31, 2, CLASS_TIMEOUT},
    };
    struct task *t[ARRAY_LEN(ends)];
    size_t i;

    for (i = 0; i < ARRAY_LEN(ends) - 1; i++) {
        t[i] = task_for("fast", NULL);
        cr_assert_eq(enter(t[i], NOW), ADMITTED);
    }
    for (i = 0; i < ARRAY_LEN(ends); i++) {
        int64_t now_us = NOW + ends[i].at_s * S;
        struct admission_view v;

        if (i == ARRAY_LEN(ends) - 1) {
            t[i] = task_for("fast", NULL);
            cr_assert_eq(enter(t[i], now_us), ADMITTED);
        }
        t[i]->last_class = ends[i].class;
        leave_failed(t[i], ROUTE_COOL, NOW + ends[i].until_s * S, now_us);
        v = view(now_us);
        cr_expect_eq(v.route[1].cooldowns, ends[i].count, "%zu: %llu", i,
                     (unsigned long long)v.route[1].cooldowns);
        cr_expect_eq(v.route[1].cool_class, ends[i].why, "%zu", i);
        task_free(t[i]);
    }
    cr_expect_eq(view(NOW).route[0].cooldowns, 0);
}

Test(admission, view_shows_what_of_the_limits_is_used)
{
    struct task *small = task_for("small", NULL), *paced = task_for("paced", NULL);

    small->raw_len = 4 * 60;
    cr_assert_eq(enter(small, NOW), ADMITTED);
    cr_assert_eq(enter(paced, NOW), ADMITTED);
    cr_expect_eq(view(NOW).route[2].used[LIMIT_TPM], 60);
    cr_expect_eq(view(NOW).route[2].used[LIMIT_RPM], 1);
    cr_expect_eq(view(NOW).route[3].used[LIMIT_RPM], 1);
    cr_expect_eq(view(NOW).route[1].used[LIMIT_RPM], 0);
    leave_ok(small, NOW);
    leave_ok(paced, NOW);
    cr_expect_eq(view(NOW + 120 * S).route[2].used[LIMIT_TPM], 0);
    task_free(small);
    task_free(paced);
}

/* A task whose last call failed: its next one is a retry. */
static struct task *retry_for(const char *model)
{
    struct task *t = task_for(model, NULL);

    t->attempts_used = 1;
    return t;
}

static void leave_lost(struct task *t, int64_t now_us)
{
    t->last_class = CLASS_TRANSIENT;
    leave_failed(t, ROUTE_NONE, 0, now_us);
}

Test(admission, retries_without_budget_wait_and_hold_up_nobody)
{
    struct task *waits[3], *t;
    int i;

    for (i = 0; i < RETRY_BUDGET_MAX; i++) {
        t = retry_for("fast");
        cr_assert_eq(enter(t, NOW), ADMITTED, "retry %d", i);
        leave_lost(t, NOW);
        task_free(t);
    }
    for (i = 0; i < 3; i++) {
        waits[i] = retry_for("fast");
        cr_assert_eq(enter(waits[i], NOW), ADMISSION_WAITS);
    }
    t = task_for("fast", NULL);
    cr_assert_eq(enter(t, NOW), ADMITTED, "a first call needs no budget");
    cr_expect_eq(view(NOW).waiting, 3);
    cr_assert_eq(pump(NOW), 0);
    cr_assert_eq(admission_next_us(admission), NOW + S / RETRY_BUDGET_S + 1);
    cr_assert_eq(pump(NOW + S / RETRY_BUDGET_S + 1), 1);
    cr_expect_eq(next_ready(), waits[0], "first come, first served");
    leave_ok(waits[0], NOW + S / RETRY_BUDGET_S + 1); /* gives back what it took */
    cr_assert_eq(pump(NOW + S / RETRY_BUDGET_S + 1), 1);
    cr_expect_eq(next_ready(), waits[1]);
    cr_expect(admission_remove(admission, waits[2]), "its deadline has come");
    cr_expect_eq(view(NOW).waiting, 0);
    leave_lost(waits[1], NOW + S);
    leave_ok(t, NOW + S);
    for (i = 0; i < 3; i++)
        task_free(waits[i]);
    task_free(t);
}

Test(admission, drain_gives_back_all_retries_that_wait)
{
    struct task *t;
    int i;

    for (i = 0; i < RETRY_BUDGET_MAX; i++) {
        t = retry_for("fast");
        cr_assert_eq(enter(t, NOW), ADMITTED);
        leave_lost(t, NOW);
        task_free(t);
    }
    for (i = 0; i < 2 * RETRY_BUDGET_MAX; i++)
        cr_assert_eq(enter(retry_for("fast"), NOW), ADMISSION_WAITS);
    admission_flush(admission, &ready);
    for (i = 0; (t = next_ready()); i++)
        task_free(t);
    cr_expect_eq(i, 2 * RETRY_BUDGET_MAX);
    cr_expect_eq(view(NOW).waiting, 0);
}

/* They never made the call that they took of the budget for. */
Test(admission, what_a_retry_has_not_used_comes_back)
{
    struct list_node gone;
    struct task *t = task_for("slow", NULL);
    struct task *first = t;
    int i;

    cr_assert_eq(enter(first, NOW), ADMITTED);
    for (i = 0; i < RETRY_BUDGET_MAX; i++) {
        t = retry_for("slow");
        cr_assert_eq(enter(t, NOW), ADMISSION_WAITS);
        cr_assert(admission_remove(admission, t), "its deadline has come");
        task_free(t);
    }
    t = retry_for("small");
    t->raw_len = 4000;
    cr_assert_eq(enter(t, NOW), ADMISSION_NEVER);
    task_free(t);
    t = retry_for("slow");
    cr_assert_eq(enter(t, NOW), ADMISSION_WAITS);
    admission_flush(admission, &gone);
    task_free(t);
    t = retry_for("fast");
    cr_expect_eq(enter(t, NOW), ADMITTED);
    leave_ok(t, NOW);
    leave_ok(first, NOW);
    task_free(t);
    task_free(first);
}

/* What one that has left gives back lets the next one go. */
Test(admission, a_retry_that_leaves_lets_another_go)
{
    struct task *holds = task_for("slow", NULL);
    struct task *waits = retry_for("slow");
    struct task *behind = NULL;
    struct task *t = NULL;
    int i = 0;

    cr_assert_eq(enter(holds, NOW), ADMITTED);
    cr_assert_eq(enter(waits, NOW), ADMISSION_WAITS);
    for (i = 1; i < RETRY_BUDGET_MAX; i++) {
        t = retry_for("fast");
        cr_assert_eq(enter(t, NOW), ADMITTED);
        leave_lost(t, NOW);
        task_free(t);
    }
    behind = retry_for("fast");
    cr_assert_eq(enter(behind, NOW), ADMISSION_WAITS);
    cr_assert_eq(pump(NOW), 0);
    cr_assert(admission_remove(admission, waits));
    cr_expect_leq(admission_next_us(admission), NOW);
    cr_expect_eq(pump(NOW), 1);
    cr_expect_eq(next_ready(), behind);
    leave_ok(behind, NOW);
    leave_ok(holds, NOW);
    task_free(waits);
    task_free(behind);
    task_free(holds);
}

/* Their records say the same in a third of the memory. */
Test(admission, bodies_of_a_long_queue_are_given_back)
{
    enum { N = 10000 };
    static struct task *t[N];
    int kept = 0, i;

    for (i = 0; i < N; i++) {
        t[i] = task_for("slow", NULL);
        t[i]->body = json_object_new_object();
        cr_assert_eq(enter(t[i], NOW), i == 0 ? ADMITTED : ADMISSION_WAITS);
    }
    for (i = 0; i < N && t[i]->body; i++)
        kept++;
    cr_expect_gt(kept, 1000, "reading them again costs more than they take for a short wait");
    cr_expect_lt(kept, N / 2);
    for (; i < N; i++)
        cr_expect_null(t[i]->body, "%d", i);
    admission_flush(admission, &ready);
    for (i = 0; i < N; i++)
        task_free(t[i]);
}
