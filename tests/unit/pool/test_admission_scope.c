/* admission: a failure of one row and those that share its key, its limit, its model or its server. */
#include "admission_scene.h"

/* "slow" and "fast" are one model with one key, "small" is the model with another key, "paced" another model
 * with the first key. */
static void open_rows(void)
{
    static const char *const key[] = {"k1", "k1", "k2", "k1"};
    static const char *const upstream[] = {"m1", "m1", "m1", "m2"};
    int i = 0;

    scene_open();
    admission_free(admission);
    for (i = 0; i < 4; i++) {
        rows[i].api_base = (char *)"https://a.example";
        rows[i].api_key = (char *)key[i];
        rows[i].upstream_model = (char *)upstream[i];
        rows[i].max_parallel_requests = rows[i].rpm = rows[i].tpm = 0;
    }
    rows[0].max_parallel_requests = rows[1].max_parallel_requests = 2;
    admission = admission_new(&config, 1);
}

TestSuite(admission_scope, .init = open_rows, .fini = scene_close);

static void fail_on(const char *model, enum error_class class, enum route_effect effect,
                    int64_t for_s)
{
    struct task *t = task_for(model, NULL);

    cr_assert_eq(enter(t, NOW), ADMITTED);
    t->last_class = class;
    leave_failed(t, effect, NOW + for_s * S, NOW);
    task_free(t);
}

static int rests(const struct admission_view *v)
{
    int set = 0;
    int i = 0;

    for (i = 0; i < 4; i++)
        set |= v->route[i].cooling << i;
    return set;
}

Test(admission_scope, who_rests_with_the_first_row)
{
    static const struct {
        enum error_class class;
        enum route_effect effect;
        int rows;
    } cases[] = {
        {CLASS_RATE_LIMIT, ROUTE_PAUSE, 0x3}, {CLASS_OVERLOAD, ROUTE_COOL, 0x7},
        {CLASS_QUOTA, ROUTE_OFF, 0xb},        {CLASS_CREDENTIAL, ROUTE_OFF, 0xb},
        {CLASS_MODEL_ACCESS, ROUTE_OFF, 0x3}, {CLASS_MODEL_GONE, ROUTE_OFF, 0x7},
        {CLASS_REGION, ROUTE_OFF, 0x1},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct admission_view v;

        scene_close();
        open_rows();
        fail_on("slow", cases[i].class, cases[i].effect, 20);
        v = view(NOW);
        cr_expect_eq(rests(&v), cases[i].rows, "%s: %x", class_name(cases[i].class), rests(&v));
        cr_expect_eq(v.route[0].cooling_us, 20 * S);
        v = view(NOW + 20 * S);
        cr_expect_eq(rests(&v), 0);
    }
}

Test(admission_scope, a_failure_that_only_counts_is_the_rows_own)
{
    struct admission_view v;
    int i = 0;

    for (i = 0; i < 3; i++)
        fail_on("slow", CLASS_TRANSIENT, ROUTE_FAILED, 0);
    v = view(NOW);
    cr_expect_eq(rests(&v), 0x1);
}

Test(admission_scope, a_second_overloaded_model_is_an_overloaded_server)
{
    struct admission_view v;

    fail_on("paced", CLASS_OVERLOAD, ROUTE_COOL, 5);
    v = view(NOW);
    cr_expect_eq(rests(&v), 0x8);
    fail_on("small", CLASS_OVERLOAD, ROUTE_COOL, 20);
    v = view(NOW);
    cr_expect_eq(rests(&v), 0xf);
    cr_expect_eq(v.route[3].cooling_us, 20 * S, "the later of two times wins");
}

Test(admission_scope, the_later_time_stands)
{
    fail_on("paced", CLASS_CREDENTIAL, ROUTE_OFF, 60);
    scene_close();
    open_rows();
    fail_on("slow", CLASS_RATE_LIMIT, ROUTE_PAUSE, 30);
    fail_on("small", CLASS_OVERLOAD, ROUTE_COOL, 10);
    cr_expect_eq(view(NOW).route[0].cooling_us, 30 * S);
    cr_expect_eq(view(NOW).route[0].cool_class, CLASS_RATE_LIMIT);
}

/* The probe of one row goes on when another row with its key fails. */
Test(admission_scope, a_probe_is_not_disturbed)
{
    struct task *probe = task_for("paced", NULL);
    struct task *next = task_for("paced", NULL);
    struct task *fails = task_for("small", NULL);

    rows[2].api_key = rows[3].api_key;
    fail_on("paced", CLASS_OVERLOAD, ROUTE_COOL, 1);
    cr_assert_eq(enter(fails, NOW), ADMITTED);
    cr_assert_eq(enter(probe, NOW + 2 * S), ADMITTED);
    cr_assert(probe->probe);
    fails->last_class = CLASS_CREDENTIAL;
    leave_failed(fails, ROUTE_OFF, NOW + 10 * S, NOW + 2 * S);
    cr_expect(view(NOW + 2 * S).route[3].probing);
    leave_ok(probe, NOW + 3 * S);
    cr_expect_eq(enter(next, NOW + 3 * S), ADMITTED, "it has shown that it works");
    task_free(probe);
    task_free(next);
    task_free(fails);
}

Test(admission_scope, rows_of_one_account_have_one_limit)
{
    struct task *a = task_for("slow", NULL);
    struct task *b = task_for("fast", NULL);
    struct task *c = task_for("slow", NULL);
    struct task *d = task_for("small", NULL);

    cr_expect_eq(enter(a, NOW), ADMITTED);
    cr_expect_eq(enter(b, NOW), ADMITTED);
    cr_expect_eq(enter(c, NOW), ADMISSION_WAITS, "two calls at once for both rows");
    cr_expect_eq(enter(d, NOW), ADMITTED, "another key");
    cr_expect_eq(view(NOW).route[0].running, 1);
    cr_expect_eq(view(NOW).route[1].running, 1);
    leave_ok(b, NOW);
    cr_expect_eq(pump(NOW), 1);
    cr_expect_eq(next_ready(), c);
    cr_expect_eq(view(NOW).route[0].running, 2);
    leave_ok(a, NOW);
    leave_ok(c, NOW);
    leave_ok(d, NOW);
    task_free(a);
    task_free(b);
    task_free(c);
    task_free(d);
}

/* Parts that come from a live worker, whose calls on any of the rows may be running still. */
static void hold_moved(int64_t now_us)
{
    struct holding_part part = {.moved = true};
    struct holding h = {.parts = &part, .count = 1, .total = 1, .lease_us = 1000 * S};

    admission_hold(admission, &h, now_us, 1790000000 * S + now_us);
}

Test(admission_scope, a_limit_of_two_rows_rests_for_the_longer_call)
{
    struct task *t = task_for("slow", NULL);

    rows[0].timeout_ms = 10000;
    rows[1].timeout_ms = 600000;
    admission_share(admission);
    hold_moved(NOW);
    cr_expect_eq(enter(t, NOW + 20 * S), ADMISSION_WAITS);
    cr_expect_eq(pump(NOW + 20 * S), 0);
    cr_expect_eq(pump(NOW + 599 * S), 0, "a call on the other row may be running");
    cr_expect_eq(pump(NOW + 601 * S), 1);
    cr_expect_eq(next_ready(), t);
    task_free(t);
}

/* Two models of one limit: small requests of one of them leave room for a large one of the other. */
Test(admission_scope, a_large_request_is_not_starved_by_another_row_of_its_limit)
{
    struct task *large = task_for("slow", NULL);
    struct task *small[20] = {NULL};
    int64_t now_us = NOW;
    int calls = 0;
    bool went = false;
    int i = 0;

    rows[0].max_parallel_requests = rows[1].max_parallel_requests = 0;
    rows[0].tpm = rows[1].tpm = 1000;
    admission_free(admission);
    admission = admission_new(&config, 1);
    large->raw_len = 4 * 900;
    for (; !went && now_us < NOW + 600 * S; now_us += S / 10) {
        for (i = 0; i < 20; i++) {
            if (small[i])
                continue;
            small[i] = task_for("fast", NULL);
            small[i]->source_data = &small[i];
            if (enter(small[i], now_us) != ADMITTED)
                continue;
            leave_ok(small[i], now_us);
            small[i] = task_free(small[i]);
            calls++;
        }
        if (now_us == NOW + 60 * S)
            cr_assert_eq(enter(large, now_us), ADMISSION_WAITS);
        for (pump(now_us); !list_empty(&ready);) {
            struct task *t = next_ready();

            leave_ok(t, now_us);
            went |= t == large;
            if (t != large)
                *(struct task **)t->source_data = task_free(t);
            calls += t != large;
        }
    }
    cr_expect(went, "%d small ones went, and it did not", calls);
    admission_flush(admission, &ready);
    for (i = 0; i < 20; i++)
        task_free(small[i]);
    task_free(large);
}
