/* What the admission says holds up each row and the pool: the reason that it had at each decision, and its time. */
#include "admission_scene.h"

static struct task *tasks[40];
static int ntasks;

static void open_scene(void)
{
    ntasks = 0;
    scene_open();
}

static void close_scene(void)
{
    struct list_node out;

    admission_flush(admission, &out);
    while (ntasks > 0)
        task_free(tasks[--ntasks]);
    scene_close();
}

TestSuite(admission_explain, .init = open_scene, .fini = close_scene);

static struct task *come(const char *model, int64_t now_us)
{
    struct task *t = tasks[ntasks++] = task_for(model, NULL);

    enter(t, now_us);
    return t;
}

static enum why why(int row, int64_t now_us)
{
    return view(now_us).route[row].why;
}

static struct explain_view held(int row, int64_t now_us)
{
    static struct pool_explain x;

    admission_explain(admission, now_us, &x);
    return row < 0 ? x.pool : x.route[row];
}

static enum why stage(struct explain_load l, int64_t now_us)
{
    admission_stage(admission, &l, now_us);
    return view(now_us).stage;
}

Test(admission_explain, each_limit_by_its_name)
{
    static const struct {
        const char *model;
        int row;
        enum why why;
    } cases[] = {{"slow", 0, WHY_PARALLEL}, {"small", 2, WHY_TPM}, {"paced", 3, WHY_RPM}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cr_expect_eq(why(cases[i].row, NOW), WHY_IDLE);
        come(cases[i].model, NOW);
        cr_expect_eq(why(cases[i].row, NOW), WHY_ANSWERS, "%s", cases[i].model);
        while (view(NOW).waiting == (int64_t)i)
            come(cases[i].model, NOW);
        cr_expect_eq(why(cases[i].row, NOW), cases[i].why, "%s", cases[i].model);
    }
    cr_expect_eq(why(1, NOW), WHY_IDLE);
    cr_expect_eq(held(3, NOW + 2 * S).run_us[WHY_RPM], 2 * S);
    cr_expect_eq(held(1, NOW + 2 * S).run_us[WHY_IDLE], 2 * S);
}

Test(admission_explain, time_goes_to_the_reason_of_the_moment)
{
    struct task *t = come("slow", NOW);
    struct explain_view v;

    come("slow", NOW + 1 * S);
    leave_ok(t, NOW + 4 * S);
    cr_assert_eq(pump(NOW + 4 * S), 1);
    t = next_ready();
    cr_expect_eq(why(0, NOW + 4 * S), WHY_ANSWERS);
    leave_ok(t, NOW + 9 * S);
    v = held(0, NOW + 16 * S);
    cr_expect_eq(v.run_us[WHY_PARALLEL], 3 * S);
    cr_expect_eq(v.run_us[WHY_ANSWERS], 6 * S);
    cr_expect_eq(v.run_us[WHY_IDLE], 7 * S);
}

Test(admission_explain, a_row_that_rests_says_why)
{
    static const struct {
        enum error_class class;
        enum route_effect effect;
        enum why why;
    } cases[] = {{CLASS_RATE_LIMIT, ROUTE_PAUSE, WHY_COOL_RATE_LIMIT},
                 {CLASS_OVERLOAD, ROUTE_COOL, WHY_COOL_OVERLOAD},
                 {CLASS_QUOTA, ROUTE_OFF, WHY_OFF_QUOTA}};
    int64_t now_us = NOW;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct task *t = come("fast", now_us);
        struct task *next;

        t->last_class = cases[i].class;
        leave_failed(t, cases[i].effect, now_us + 5 * S, now_us);
        cr_expect_eq(why(1, now_us), WHY_IDLE, "nobody waits for it");
        next = come("fast", now_us);
        cr_expect_eq(why(1, now_us), cases[i].why, "%s", class_name(cases[i].class));
        now_us += 6 * S;
        cr_assert_eq(pump(now_us), 1);
        cr_expect_eq(why(1, now_us), WHY_ANSWERS);
        if (cases[i].effect != ROUTE_PAUSE) {
            come("fast", now_us);
            cr_expect_eq(why(1, now_us), WHY_PROBE);
        }
        next = next_ready();
        leave_ok(next, now_us);
        pump(now_us);
        while ((next = next_ready()))
            leave_ok(next, now_us);
    }
    cr_expect_eq(held(1, now_us).run_us[WHY_COOL_OVERLOAD], 6 * S);
}

Test(admission_explain, the_bound_of_all_calls_holds_every_row_that_is_wanted)
{
    config.pool.max_calls = 1;
    come("fast", NOW);
    come("fast", NOW);
    come("slow", NOW);
    cr_expect_eq(why(1, NOW), WHY_MAX_CALLS);
    cr_expect_eq(why(0, NOW), WHY_MAX_CALLS);
    cr_expect_eq(why(2, NOW), WHY_IDLE);
    cr_expect_eq(pump(NOW), 0);
    cr_expect_eq(why(0, NOW), WHY_MAX_CALLS, "a look does not forget those it did not come to");
}

Test(admission_explain, a_task_that_is_taken_out_holds_nothing)
{
    struct task *waits;

    come("slow", NOW);
    waits = come("slow", NOW);
    cr_expect(admission_remove(admission, waits));
    stage((struct explain_load){.source = WHY_INPUT}, NOW);
    cr_expect_eq(why(0, NOW), WHY_ANSWERS);
}

Test(admission_explain, the_stage_is_where_most_of_a_full_pool_stands)
{
    static const struct {
        struct explain_load load;
        enum why why;
    } cases[] = {
        {{.source = WHY_INPUT}, WHY_INPUT},
        {{.source = WHY_KAFKA, .unfinished = 5}, WHY_KAFKA},
        {{.source = WHY_PAUSED}, WHY_PAUSED},
        {{.source = WHY_INPUT, .unfinished = 1, .unpublished = 9}, WHY_INPUT},
        {{.source = WHY_INPUT, .unpublished = 9}, WHY_PUBLISH},
        {{.source = WHY_INPUT, .unfinished = 2, .storing = 2}, WHY_STORE},
        {{.store_failing = true, .full = true, .unpublished = 9}, WHY_STORE_FAILING},
        {{.full = true, .unfinished = 6, .unpublished = 4}, WHY_IN_FLIGHT},
        {{.full = true, .unfinished = 4, .unpublished = 6}, WHY_PUBLISH},
        {{.full = true, .unfinished = 10, .storing = 6}, WHY_STORE},
        {{.full = true, .unfinished = 10, .delayed = 6}, WHY_RETRY},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        cr_expect_eq(stage(cases[i].load, NOW), cases[i].why, "%s", why_name(cases[i].why));
    come("slow", NOW);
    come("slow", NOW);
    cr_expect_eq(stage((struct explain_load){.source = WHY_INPUT}, NOW), WHY_MODELS);
    cr_expect_eq(stage((struct explain_load){.full = true, .unfinished = 1}, NOW), WHY_MODELS);
}

/* What lets nothing through holds the rows that nobody waits for, and those only. */
Test(admission_explain, a_stage_holds_the_rows_behind_it)
{
    come("slow", NOW);
    come("slow", NOW);
    come("fast", NOW);
    stage((struct explain_load){.full = true, .unpublished = 10}, NOW);
    cr_expect_eq(why(0, NOW), WHY_PARALLEL);
    cr_expect_eq(why(1, NOW), WHY_PUBLISH);
    cr_expect_eq(why(2, NOW), WHY_PUBLISH);
    stage((struct explain_load){.full = true, .unfinished = 10}, NOW + 3 * S);
    cr_expect_eq(why(2, NOW + 3 * S), WHY_IN_FLIGHT, "full of the tasks of others");
    stage((struct explain_load){.source = WHY_INPUT, .unpublished = 10}, NOW + 3 * S);
    cr_expect_eq(why(1, NOW + 3 * S), WHY_ANSWERS);
    cr_expect_eq(why(2, NOW + 3 * S), WHY_IDLE);
    cr_expect_eq(held(-1, NOW + 3 * S).run_us[WHY_PUBLISH], 3 * S);
}
