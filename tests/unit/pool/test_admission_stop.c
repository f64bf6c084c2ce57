/* admission: rows that the operator has stopped. Nothing starts there, and nothing else is held up by it. */
#include "admission_scene.h"

#define SLOW ((uint64_t)1 << 0)
#define FAST ((uint64_t)1 << 1)

TestSuite(admission_stop, .init = scene_open, .fini = scene_close);

static struct task *must_enter(const char *model, const char *other, int want)
{
    struct task *t = task_for(model, other);

    cr_assert_eq(enter(t, NOW), want, "%s", model);
    return t;
}

Test(admission_stop, its_tasks_wait_until_it_goes_on)
{
    struct task *running = must_enter("fast", NULL, ADMITTED);
    struct task *t;

    cr_expect_not(admission_stop(admission, FAST, NOW), "nobody waits");
    t = must_enter("fast", NULL, ADMISSION_WAITS);
    cr_expect_eq(view(NOW).route[1].why, WHY_STOPPED);
    cr_expect(view(NOW).route[1].stopped);
    cr_expect_eq(view(NOW).route[1].running, 1, "what runs goes on");
    leave_ok(running, NOW + S);
    cr_expect_eq(pump(NOW + S), 0);
    cr_expect_eq(admission_next_us(admission), INT64_MAX, "time does not help");
    cr_expect_not(admission_stop(admission, FAST, NOW), "nothing changes");
    cr_expect(admission_stop(admission, 0, NOW + 2 * S));
    cr_expect_leq(admission_next_us(admission), NOW + 2 * S);
    cr_assert_eq(pump(NOW + 2 * S), 1);
    cr_expect_eq(next_ready(), t);
    cr_expect_eq(t->route, 1);
    leave_ok(t, NOW + 3 * S);
    task_free(t);
    task_free(running);
}

Test(admission_stop, other_models_serve_meanwhile)
{
    struct task *waits, *both, *other;

    admission_stop(admission, FAST, NOW);
    waits = must_enter("fast", NULL, ADMISSION_WAITS);
    both = must_enter("fast", "slow", ADMITTED);
    cr_expect_eq(both->route, 0);
    other = must_enter("paced", NULL, ADMITTED);
    leave_ok(both, NOW);
    leave_ok(other, NOW);
    cr_assert(admission_remove(admission, waits));
    task_free(waits);
    task_free(both);
    task_free(other);
}

/* A row of weight 0 serves when those with a weight cannot. */
Test(admission_stop, the_last_resort_takes_over)
{
    struct task *t;

    rows[2] = (struct model){
        .index = 2, .model_name = (char *)"slow", .provider_name = (char *)"openai", .weight = 0};
    admission_free(admission);
    admission = admission_new(&config, 1);
    admission_stop(admission, SLOW, NOW);
    t = must_enter("slow", NULL, ADMITTED);
    cr_expect_eq(t->route, 2);
    leave_ok(t, NOW);
    task_free(t);
}

Test(admission_stop, its_tasks_leave_for_the_delay_topic)
{
    atomic_llong excess = 1;
    struct task *t = task_for("fast", NULL);
    struct list_node parked;

    config.pool.park_for_ms = 30000;
    admission_stop(admission, FAST, NOW);
    t->excess = &excess;
    cr_assert_eq(enter(t, NOW), ADMISSION_WAITS);
    admission_park(admission, NOW, &parked);
    cr_assert_not(list_empty(&parked));
    cr_expect_eq(CONTAINER_OF(list_pop(&parked), struct task, node), t);
    task_set_state(t, TASK_RUNNING);
    task_free(t);
}
