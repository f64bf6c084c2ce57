/* admission: who goes first and who waits, for how long. */
#include "admission_scene.h"

#include "base/clock.h"

TestSuite(admission_queue, .init = scene_open, .fini = scene_close);

Test(admission_queue, first_come_first_served)
{
    struct task *t[10];
    int i;

    for (i = 0; i < 10; i++) {
        t[i] = task_for("slow", NULL);
        cr_expect_eq(enter(t[i], NOW), i ? ADMISSION_WAITS : ADMITTED);
    }
    cr_expect_eq(view(NOW).waiting, 9);
    cr_expect_eq(admission_next_us(admission), INT64_MAX, "nothing but a call's end helps");
    for (i = 1; i < 10; i++) {
        leave_ok(t[i - 1], NOW);
        cr_expect_leq(admission_next_us(admission), NOW);
        cr_assert_eq(pump(NOW), 1);
        cr_expect_eq(next_ready(), t[i]);
        cr_expect_eq(t[i]->route, 0);
        cr_expect_eq(view(NOW).route[0].running, 1);
    }
    leave_ok(t[9], NOW);
    cr_expect_eq(view(NOW).calls, 0);
    cr_expect_eq(view(NOW).waiting, 0);
    cr_expect_eq(admission_next_us(admission), INT64_MAX, "nobody waits: no pump is needed");
    for (i = 0; i < 10; i++)
        task_free(t[i]);
}

Test(admission_queue, a_newcomer_does_not_overtake)
{
    struct task *running = task_for("slow", NULL);
    struct task *waits = task_for("slow", NULL);
    struct task *both = task_for("slow", "fast");

    enter(running, NOW);
    enter(waits, NOW);
    leave_ok(running, NOW); /* slow is free, and claimed */
    cr_expect_eq(enter(both, NOW), ADMITTED);
    cr_expect_eq(both->route, 1, "its first choice is for the one in front of it");
    cr_expect_eq(pump(NOW), 1);
    cr_expect_eq(next_ready(), waits);
    task_free(running);
    task_free(waits);
    task_free(both);
}

Test(admission_queue, a_cooling_model_does_not_block_others)
{
    enum { N = 1000 };
    struct task *cold = task_for("slow", NULL);
    struct task *t[N];
    struct task *both = task_for("slow", "fast");
    struct task *fast = task_for("fast", NULL);
    int i;

    enter(cold, NOW);
    leave_failed(cold, ROUTE_COOL, NOW + 100 * S, NOW);
    for (i = 0; i < N; i++) {
        t[i] = task_for("slow", NULL);
        cr_assert_eq(enter(t[i], NOW), ADMISSION_WAITS);
    }
    cr_expect_eq(enter(fast, NOW), ADMITTED);
    cr_expect_eq(enter(both, NOW), ADMITTED, "behind a thousand that only slow can serve");
    cr_expect_eq(both->route, 1);
    cr_expect_eq(pump(NOW + S), 0);
    cr_expect_eq(admission_next_us(admission), NOW + 100 * S);
    cr_expect(view(NOW).route[0].cooling);
    cr_expect_eq(pump(NOW + 100 * S), 1);
    cr_expect_eq(next_ready(), t[0]);
    cr_expect(t[0]->probe, "one tries whether it is well");
    admission_flush(admission, &ready);
    for (i = 1; i < N; i++) {
        cr_assert_eq(next_ready(), t[i]);
        cr_assert_eq(t[i]->route, -1);
    }
    for (i = 0; i < N; i++)
        task_free(t[i]);
    task_free(cold);
    task_free(both);
    task_free(fast);
}

Test(admission_queue, waiting_costs_nothing)
{
    enum { N = 100000 };
    struct task **t = mem_array(N, sizeof *t);
    struct task *cold = task_for("slow", NULL);
    int64_t start_us;
    int i;

    enter(cold, NOW);
    leave_failed(cold, ROUTE_COOL, NOW + 3600 * S, NOW);
    for (i = 0; i < N; i++) {
        t[i] = task_for("slow", NULL);
        cr_assert_eq(enter(t[i], NOW), ADMISSION_WAITS);
        cr_assert_eq(admission_next_us(admission), NOW + 3600 * S, "entering wakes nobody");
    }
    start_us = clock_mono_us();
    for (i = 0; i < 10000; i++)
        pump(NOW + i);
    cr_expect_lt(clock_mono_us() - start_us, 3000000, "a look does not depend on the queue");
    admission_flush(admission, &ready);
    for (i = 0; i < N; i++)
        task_free(t[i]);
    free(t);
    task_free(cold);
}

Test(admission_queue, a_claim_wider_than_needed_is_looked_at)
{
    struct task *runs = task_for("slow", NULL);
    struct task *waits = task_for("slow", NULL);
    struct task *other = task_for("slow", NULL);

    rows[1].model_name = rows[0].model_name;
    rows[1].weight = 0; /* a last resort: not for those that may have row 0 */
    other->refused_routes = 1;
    enter(runs, NOW);
    cr_expect_eq(enter(waits, NOW), ADMISSION_WAITS);
    cr_expect_eq(admission_next_us(admission), INT64_MAX);
    cr_expect_eq(enter(other, NOW), ADMISSION_WAITS, "it looks as if the one in front wants row 1");
    cr_expect_leq(admission_next_us(admission), NOW);
    cr_expect_eq(pump(NOW), 1);
    cr_expect_eq(next_ready(), other);
    admission_flush(admission, &ready);
    task_free(runs);
    task_free(waits);
    task_free(other);
}

/* What can never take a task does not keep others from it. */
Test(admission_queue, a_route_that_is_too_small_is_not_claimed)
{
    struct task *runs = task_for("slow", NULL);
    struct task *big = task_for("small", "slow");
    struct task *little = task_for("small", NULL);

    enter(runs, NOW);
    big->raw_len = 4000;
    cr_expect_eq(enter(big, NOW), ADMISSION_WAITS);
    cr_expect_eq(big->usable_routes, 1);
    cr_expect_eq(enter(little, NOW), ADMITTED);
    admission_flush(admission, &ready);
    task_free(runs);
    task_free(big);
    task_free(little);
}

Test(admission_queue, whoever_leaves_the_front_lets_the_others_go)
{
    struct task *first = task_for("small", NULL);
    struct task *big = task_for("small", NULL);
    struct task *little = task_for("small", NULL);

    first->raw_len = 4 * 60;
    big->raw_len = 4 * 90;
    little->raw_len = 4;
    cr_expect_eq(enter(first, NOW), ADMITTED);
    leave_ok(first, NOW);
    cr_expect_eq(enter(big, NOW + 50 * S), ADMISSION_WAITS);
    cr_expect_eq(enter(little, NOW + 50 * S), ADMISSION_WAITS);
    cr_expect_eq(pump(NOW + 51 * S), 0);
    cr_expect_gt(admission_next_us(admission), NOW + 51 * S);
    cr_expect(admission_remove(admission, big));
    cr_expect_eq(big->state, TASK_RUNNING);
    cr_expect_not(admission_remove(admission, big));
    cr_expect_leq(admission_next_us(admission), NOW + 51 * S);
    cr_expect_eq(pump(NOW + 51 * S), 1);
    cr_expect_eq(next_ready(), little);
    task_free(first);
    task_free(big);
    task_free(little);
}

/* A large task is not starved by small ones that could go elsewhere as well. */
Test(admission_queue, what_the_first_waits_for_is_not_taken_by_the_next)
{
    struct task *first = task_for("small", NULL);
    struct task *runs = task_for("slow", NULL);
    struct task *big = task_for("small", NULL);
    struct task *little = task_for("small", "slow");

    first->raw_len = 4 * 60;
    big->raw_len = 4 * 90;
    little->raw_len = 4;
    enter(first, NOW);
    leave_ok(first, NOW);
    enter(runs, NOW);
    cr_expect_eq(enter(big, NOW + 50 * S), ADMISSION_WAITS);
    cr_expect_eq(enter(little, NOW + 50 * S), ADMISSION_WAITS);
    cr_expect_eq(pump(NOW + 51 * S), 0);
    admission_flush(admission, &ready);
    task_free(first);
    task_free(runs);
    task_free(big);
    task_free(little);
}

/* Two queues that can use one route: neither waits until the other is empty. */
Test(admission_queue, queues_take_turns)
{
    enum { N = 10 };
    struct task *runs = task_for("slow", NULL);
    struct task *off = task_for("paced", NULL);
    struct task *t[N];
    int i, of_second = 0;

    enter(off, NOW);
    leave_failed(off, ROUTE_OFF, NOW + 3600 * S, NOW);
    enter(runs, NOW);
    for (i = 0; i < N; i++) {
        t[i] = task_for("slow", i < N / 2 ? NULL : "paced");
        cr_assert_eq(enter(t[i], NOW), ADMISSION_WAITS);
    }
    leave_ok(runs, NOW);
    for (i = 0; i < 4; i++) {
        cr_assert_eq(pump(NOW), 1);
        of_second += CONTAINER_OF(ready.next, struct task, node)->nmodels == 2;
        leave_ok(next_ready(), NOW);
    }
    cr_expect_eq(of_second, 2);
    admission_flush(admission, &ready);
    for (i = 0; i < N; i++)
        task_free(t[i]);
    task_free(runs);
    task_free(off);
}

Test(admission_queue, more_sets_of_routes_than_queues)
{
    enum { N = 2000 };
    static struct model many[12];
    struct task *t[N];
    int i, came = 0;

    admission_free(admission);
    for (i = 0; i < 12; i++) {
        many[i] = rows[1];
        many[i].index = i;
        many[i].max_parallel_requests = 1;
    }
    config.models = many;
    config.nmodels = 12;
    admission = admission_new(&config, 1);
    for (i = 0; i < N; i++) {
        t[i] = task_for("fast", NULL);
        t[i]->refused_routes = (uint64_t)i % 4095;
        if (enter(t[i], NOW) == ADMITTED) {
            came++;
            leave_ok(t[i], NOW);
        }
    }
    while (pump(NOW) > 0) {
        struct task *one;

        while ((one = next_ready())) {
            came++;
            leave_ok(one, NOW);
        }
    }
    cr_expect_eq(came, N, "%d", came);
    cr_expect_eq(view(NOW).waiting, 0);
    for (i = 0; i < N; i++)
        task_free(t[i]);
}

static bool hold_parts(int64_t count, int64_t now_us)
{
    struct holding_part parts[10];
    struct holding h = {.parts = parts, .total = 10, .lease_us = 10 * S};

    for (; (int64_t)h.count < count; h.count++)
        parts[h.count] = (struct holding_part){.index = (int64_t)h.count};
    return admission_hold(admission, &h, now_us, 1790000000 * S + now_us);
}

static void scene_again(void)
{
    admission_free(admission);
    admission = admission_new(&config, 1);
}

/* A worker of several: a limited model waits for the share, the others do not. */
Test(admission_queue, a_shared_limit_waits_for_its_share)
{
    struct task *free_one = task_for("fast", NULL);
    struct task *limited = task_for("paced", NULL);

    admission_share(admission);
    cr_expect_eq(enter(free_one, NOW), ADMITTED);
    cr_expect_eq(enter(limited, NOW), ADMISSION_WAITS);
    cr_expect_eq(admission_next_us(admission), INT64_MAX);
    hold_parts(0, NOW);
    cr_expect_eq(pump(NOW), 0);
    cr_expect(hold_parts(10, NOW));
    cr_expect_leq(admission_next_us(admission), NOW);
    cr_expect_eq(pump(NOW), 0, "what came before us is not ours");
    cr_expect_leq(admission_next_us(admission), NOW + 3 * S);
    cr_expect_eq(pump(admission_next_us(admission)), 1);
    cr_expect_eq(next_ready(), limited);
    task_free(free_one);
    task_free(limited);
}

/* Larger than the share of this worker: it waits without being in the way, and goes when the share has grown. */
Test(admission_queue, too_large_for_the_share_stands_aside)
{
    struct task *large = task_for("small", NULL); /* 10 of 100 tokens */
    struct task *first = task_for("small", NULL);
    struct task *late = task_for("small", NULL);

    large->raw_len = 4 * 60;
    late->raw_len = 4 * 60;
    admission_share(admission);
    hold_parts(3, NOW);
    cr_expect_eq(enter(large, NOW), ADMISSION_WAITS);
    hold_parts(3, NOW + 10 * S);
    hold_parts(3, NOW + 20 * S);
    hold_parts(3, NOW + 30 * S);
    cr_expect_eq(enter(first, NOW + 30 * S), ADMITTED, "the large one does not block it");
    cr_expect_eq(enter(late, NOW + 30 * S), ADMISSION_WAITS);
    cr_expect_eq(view(NOW + 30 * S).large, 2);
    cr_expect_eq(view(NOW + 30 * S).waiting, 2);
    cr_expect(admission_remove(admission, late), "its deadline");
    cr_expect_eq(view(NOW + 30 * S).large, 1);
    cr_expect(hold_parts(10, NOW + 31 * S));
    cr_expect_eq(view(NOW + 31 * S).large, 0);
    cr_expect_eq(pump(NOW + 31 * S), 0, "nothing is granted for the past");
    hold_parts(10, NOW + 40 * S);
    hold_parts(10, NOW + 50 * S);
    hold_parts(10, NOW + 60 * S);
    cr_expect_eq(pump(NOW + 67 * S), 0, "its last owner may have gone ahead with it");
    hold_parts(10, NOW + 70 * S);
    cr_expect_eq(pump(NOW + 73 * S), 1);
    cr_expect_eq(next_ready(), large);
    task_free(large);
    task_free(first);
    task_free(late);
}

/* Calls turn out to be smaller than they were estimated: then what stood aside may fit. */
Test(admission_queue, what_stood_aside_goes_when_calls_turn_out_smaller)
{
    struct task *large = NULL;
    int64_t now_us = NOW;
    int i;

    rows[2].tpm = 1000;
    scene_again();
    admission_share(admission);
    hold_parts(5, now_us);
    large = task_for("small", NULL);
    large->raw_len = 4 * 550;
    cr_assert_eq(enter(large, now_us), ADMISSION_WAITS);
    cr_assert_eq(view(now_us).large, 1);
    for (i = 0; i < 40; i++) {
        struct task *t = task_for("small", NULL);
        struct admission_end end = {.sent = true, .ok = true, .used_tokens = 2};

        now_us += 4 * S;
        hold_parts(5, now_us);
        cr_assert_eq(enter(t, now_us), ADMITTED, "call %d", i);
        admission_leave(admission, t, &end, now_us);
        task_free(t);
    }
    for (i = 0; i < 60 && pump(now_us) == 0; i++) {
        now_us = admission_next_us(admission) < now_us + 4 * S ? admission_next_us(admission)
                                                               : now_us + 4 * S;
        hold_parts(5, now_us);
    }
    cr_expect_eq(next_ready(), large);
    task_free(large);
}
