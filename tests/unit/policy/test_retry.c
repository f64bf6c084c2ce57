/* retry: each class of failure with its action, its pause and what it means for the route. */
#include "policy/retry.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"

#define MS     1000LL
#define S      1000000LL
#define MINUTE (60 * S)
#define HOUR   (60 * MINUTE)
#define NOW    (5000 * S)

/* Rows: 0 and 1 are "fast" at two providers, 2 is "smart", 3 is "spare" (a fallback of "fast"). */
static struct model rows[4];
static struct config config;
static struct task *task;
static struct rng rng;

static void setup(void)
{
    static const char *const names[] = {"fast", "fast", "smart", "spare"};
    static const char *const providers[] = {"openai", "groq", "openai", "openai"};
    int i = 0;

    memset(rows, 0, sizeof rows);
    memset(&config, 0, sizeof config);
    for (i = 0; i < 4; i++) {
        rows[i].index = i;
        rows[i].model_name = (char *)names[i];
        rows[i].provider_name = (char *)providers[i];
        rows[i].weight = 1;
    }
    config.models = rows;
    config.nmodels = 4;
    config.router.num_retries = 3;
    config.router.allowed_fails = 3;
    config.router.cooldown_ms = 5000;
    config.router.retry_base_ms = 500;
    config.router.retry_max_ms = 20000;
    config.router.max_retry_after_ms = 60000;
    task = task_new();
    task->models[0] = mem_strdup("fast");
    task->nmodels = 1;
    task->route = 0;
    task->deadline_us = INT64_MAX;
    rng.state = 42;
}

static void teardown(void)
{
    task = task_free(task);
}

TestSuite(retry, .init = setup, .fini = teardown);

/* The task's call on `route` ended in `class`, as the pool notes it. */
static void called(int route, enum error_class class)
{
    struct attempt a = {.route = (uint16_t)route, .class = class};

    task->route = route;
    task->attempts_used += retry_counts(class);
    task_trail_add(task, &a);
}

static struct retry_verdict decide(enum error_class class, int64_t hint_ms)
{
    struct retry_input in = {.class = class, .hint_ms = hint_ms, .now_us = NOW};

    return retry_decide(&config, task, &in, &rng);
}

static struct retry_verdict fail(int route, enum error_class class, int64_t hint_ms)
{
    called(route, class);
    return decide(class, hint_ms);
}

/* Only row 0 can serve. */
static void one_route(void)
{
    config.nmodels = 1;
}

Test(retry, first_failure_of_each_class)
{
    static const struct {
        enum error_class class;
        enum retry_action action;
        enum route_effect effect;
        enum fallback_kind fallback;
        bool refuse, counts;
        int64_t least_us, most_us; /* how long the route rests */
    } cases[] = {
        {CLASS_OK, RETRY_GIVE_UP, ROUTE_NONE, FALLBACK_NONE, false, false, 0, 0},
        {CLASS_TRANSPORT, RETRY_SAME, ROUTE_FAILED, FALLBACK_GENERAL, false, true, 0, 0},
        {CLASS_TIMEOUT, RETRY_SAME, ROUTE_DOUBT, FALLBACK_GENERAL, false, true, 0, 0},
        {CLASS_TRANSIENT, RETRY_SAME, ROUTE_FAILED, FALLBACK_GENERAL, false, true, 0, 0},
        {CLASS_BAD_RESPONSE, RETRY_SAME, ROUTE_DOUBT, FALLBACK_GENERAL, false, true, 0, 0},
        {CLASS_UNKNOWN, RETRY_SAME, ROUTE_NONE, FALLBACK_GENERAL, false, true, 0, 0},
        {CLASS_OVERLOAD, RETRY_SELECT, ROUTE_COOL, FALLBACK_GENERAL, false, false, 2500 * MS,
         10 * S},
        {CLASS_RATE_LIMIT, RETRY_SELECT, ROUTE_PAUSE, FALLBACK_GENERAL, false, false, 500 * MS,
         500 * MS},
        {CLASS_TOO_LARGE_FOR_TPM, RETRY_SELECT, ROUTE_NONE, FALLBACK_GENERAL, true, true, 0, 0},
        {CLASS_QUOTA, RETRY_SELECT, ROUTE_OFF, FALLBACK_GENERAL, false, false, 15 * MINUTE,
         15 * MINUTE},
        {CLASS_CREDENTIAL, RETRY_SELECT, ROUTE_OFF, FALLBACK_GENERAL, false, false, HOUR, HOUR},
        {CLASS_MODEL_ACCESS, RETRY_SELECT, ROUTE_OFF, FALLBACK_GENERAL, true, true, 10 * MINUTE,
         10 * MINUTE},
        {CLASS_MODEL_GONE, RETRY_SELECT, ROUTE_OFF, FALLBACK_GENERAL, true, true, 24 * HOUR,
         24 * HOUR},
        {CLASS_REGION, RETRY_SELECT, ROUTE_OFF, FALLBACK_GENERAL, true, true, 24 * HOUR, 24 * HOUR},
        {CLASS_CONTEXT_WINDOW, RETRY_SELECT, ROUTE_NONE, FALLBACK_CONTEXT, true, true, 0, 0},
        {CLASS_CONTENT_POLICY, RETRY_SELECT, ROUTE_NONE, FALLBACK_POLICY, true, true, 0, 0},
        {CLASS_CALLER_FAULT, RETRY_GIVE_UP, ROUTE_NONE, FALLBACK_NONE, true, true, 0, 0},
    };
    size_t i = 0;

    cr_assert_eq(ARRAY_LEN(cases), CLASS_COUNT, "a class without a case");
    for (i = 0; i < ARRAY_LEN(cases); i++) {
        const char *name = class_name(cases[i].class);
        int64_t rest_us = 0;
        struct retry_verdict v;

        task->ntrail = 0;
        task->attempts_used = 0;
        v = fail(0, cases[i].class, -1);
        rest_us = v.cool_until_us ? v.cool_until_us - NOW : 0;
        cr_expect_eq(v.action, cases[i].action, "%s: action %d", name, v.action);
        cr_expect_eq(v.effect, cases[i].effect, "%s: effect %d", name, v.effect);
        cr_expect_eq(v.fallback, cases[i].fallback, "%s: fallback %d", name, v.fallback);
        cr_expect_eq(v.refuse_route, cases[i].refuse, "%s: refuse", name);
        cr_expect_eq(retry_counts(cases[i].class), cases[i].counts, "%s: retry_counts", name);
        cr_expect_geq(rest_us, cases[i].least_us, "%s: rests %lld", name, (long long)rest_us);
        cr_expect_leq(rest_us, cases[i].most_us, "%s: rests %lld", name, (long long)rest_us);
        if (v.action == RETRY_SELECT)
            cr_expect_eq(v.not_before_us, NOW, "%s: another route goes at once", name);
    }
}

Test(retry, back_off_is_full_jitter)
{
    int64_t edge_ms = 500;
    int n = 0;

    one_route();
    config.router.num_retries = 100;
    for (n = 0; n < 40; n++) {
        int64_t most_us = 0;
        int64_t least_us = INT64_MAX;
        int i = 0;

        called(0, CLASS_TRANSIENT);
        for (i = 0; i < 400; i++) {
            int64_t wait_us = decide(CLASS_TRANSIENT, -1).not_before_us - NOW;

            most_us = wait_us > most_us ? wait_us : most_us;
            least_us = wait_us < least_us ? wait_us : least_us;
        }
        cr_expect_geq(least_us, 0);
        cr_expect_leq(most_us, edge_ms * MS, "attempt %d waits %lld us", n, (long long)most_us);
        cr_expect_gt(most_us, edge_ms * MS * 9 / 10);
        cr_expect_lt(least_us, edge_ms * MS / 10);
        edge_ms = edge_ms * 2 < 20000 ? edge_ms * 2 : 20000;
    }
}

Test(retry, hint_is_a_floor_with_a_little_jitter_above)
{
    static const struct {
        int64_t hint_ms, jitter_ms;
    } cases[] = {{1, 50}, {100, 50}, {500, 50}, {1000, 100}, {20000, 2000}, {60000, 6000}};
    size_t i = 0;
    int n = 0;

    called(0, CLASS_TRANSIENT);
    for (i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t most_us = 0;

        for (n = 0; n < 300; n++) {
            int64_t wait_us = decide(CLASS_TRANSIENT, cases[i].hint_ms).not_before_us - NOW;
            int64_t rest_us = decide(CLASS_RATE_LIMIT, cases[i].hint_ms).cool_until_us - NOW;

            cr_assert_geq(wait_us, cases[i].hint_ms * MS);
            cr_assert_leq(wait_us, (cases[i].hint_ms + cases[i].jitter_ms) * MS);
            cr_assert_geq(rest_us, cases[i].hint_ms * MS);
            cr_assert_leq(rest_us, (cases[i].hint_ms + cases[i].jitter_ms) * MS);
            most_us = wait_us > most_us ? wait_us : most_us;
        }
        cr_expect_gt(most_us, (cases[i].hint_ms + cases[i].jitter_ms / 2) * MS, "no jitter");
    }
}

Test(retry, hint_of_zero_is_backed_off)
{
    int64_t most_us = 0;
    int i = 0;

    called(0, CLASS_RATE_LIMIT);
    for (i = 0; i < 5; i++)
        called(0, CLASS_RATE_LIMIT);
    for (i = 0; i < 100; i++) {
        int64_t rest_us = decide(CLASS_RATE_LIMIT, 0).cool_until_us - NOW;

        most_us = rest_us > most_us ? rest_us : most_us;
        cr_assert_geq(rest_us, 500 * MS);
    }
    cr_expect_gt(most_us, 5 * S, "a storm of 429 backs off further and further");
}

Test(retry, hint_that_is_too_long_parks_the_route)
{
    struct retry_verdict v = fail(0, CLASS_TRANSIENT, 120000);

    cr_expect_eq(v.action, RETRY_SELECT);
    cr_expect_eq(v.effect, ROUTE_COOL);
    cr_expect_geq(v.cool_until_us, NOW + 120 * S);
    cr_expect_eq(v.not_before_us, NOW);
    cr_expect_not(v.refuse_route);
}

Test(retry, hint_prolongs_what_rests_anyway)
{
    cr_expect_geq(fail(0, CLASS_OVERLOAD, 300000).cool_until_us, NOW + 300 * S);
    cr_expect_geq(decide(CLASS_QUOTA, 58000).cool_until_us, NOW + 15 * MINUTE);
    cr_expect_geq(decide(CLASS_QUOTA, 8 * 3600000).cool_until_us, NOW + 8 * HOUR);
    cr_expect_lt(decide(CLASS_OVERLOAD, 1000).cool_until_us, NOW + 1200 * MS,
                 "the server knows best");
}

/* How often each class may go to one route in a row before others come first. */
Test(retry, same_route_and_then_others)
{
    static const struct {
        enum error_class class;
        int calls;
    } cases[] = {{CLASS_TRANSPORT, 3},
                 {CLASS_TIMEOUT, 2},
                 {CLASS_TRANSIENT, 3},
                 {CLASS_BAD_RESPONSE, 2},
                 {CLASS_UNKNOWN, 2}};
    size_t i = 0;

    config.router.num_retries = 10;
    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct retry_verdict v;
        int n = 1;

        task->ntrail = 0;
        task->attempts_used = 0;
        for (n = 1; n < cases[i].calls; n++)
            cr_expect_eq(fail(0, cases[i].class, -1).action, RETRY_SAME, "%s call %d",
                         class_name(cases[i].class), n);
        v = fail(0, cases[i].class, -1);
        cr_expect_eq(v.action, RETRY_SELECT, "%s", class_name(cases[i].class));
        cr_expect_eq(v.not_before_us, NOW);
        cr_expect_not(v.refuse_route, "it may be chosen again when no other is ready");
        cr_expect_eq(fail(1, cases[i].class, -1).action, RETRY_SAME, "the other one starts anew");
    }
}

Test(retry, a_429_in_between_does_not_use_up_the_same_route)
{
    fail(0, CLASS_TRANSIENT, -1);
    fail(0, CLASS_RATE_LIMIT, -1);
    fail(0, CLASS_RATE_LIMIT, -1);
    cr_expect_eq(fail(0, CLASS_TRANSIENT, -1).action, RETRY_SAME);
    cr_expect_eq(task->attempts_used, 2);
}

Test(retry, a_storm_of_429_never_gives_up_without_a_deadline)
{
    int i = 0;

    one_route();
    for (i = 0; i < 1000; i++) {
        struct retry_verdict v = fail(0, CLASS_RATE_LIMIT, i % 3 ? -1 : 2000);

        cr_assert_eq(v.action, RETRY_SELECT);
        cr_assert_not(v.refuse_route);
    }
    cr_expect_eq(task->attempts_used, 0);
}

Test(retry, one_route_gets_num_retries_more_calls)
{
    one_route();
    cr_expect_neq(fail(0, CLASS_TRANSIENT, -1).action, RETRY_GIVE_UP);
    cr_expect_neq(fail(0, CLASS_BAD_RESPONSE, -1).action, RETRY_GIVE_UP);
    cr_expect_neq(fail(0, CLASS_TIMEOUT, -1).action, RETRY_GIVE_UP);
    cr_expect_eq(fail(0, CLASS_TRANSIENT, -1).action, RETRY_GIVE_UP);
}

Test(retry, one_route_is_not_hurried)
{
    int i = 0;
    int waits = 0;

    one_route();
    for (i = 0; i < 3; i++)
        called(0, CLASS_TRANSIENT);
    for (i = 0; i < 100; i++) {
        struct retry_verdict v = decide(CLASS_TRANSIENT, -1);

        cr_assert_eq(v.action, RETRY_SELECT);
        waits += v.not_before_us > NOW;
    }
    cr_expect_gt(waits, 90, "without another route the back-off stands");
}

/* A route that is too small for the task does not count as another one. */
Test(retry, a_route_that_cannot_serve_does_not_hurry_the_one_that_can)
{
    int waits = 0;
    int i = 0;

    config.nmodels = 2;
    task->op = OP_EMBEDDINGS;
    task->raw_len = 4 * 101;
    rows[1].tpm = 100;
    for (i = 0; i < 3; i++)
        called(0, CLASS_TRANSIENT);
    for (i = 0; i < 100; i++)
        waits += decide(CLASS_TRANSIENT, -1).not_before_us > NOW;
    cr_expect_gt(waits, 90, "the back-off stands");
    called(0, CLASS_TRANSIENT);
    cr_expect_eq(decide(CLASS_TRANSIENT, -1).action, RETRY_GIVE_UP, "there is none left to try");
}

Test(retry, no_retries_still_tries_each_route_once)
{
    config.router.num_retries = 0;
    cr_expect_eq(fail(0, CLASS_TRANSIENT, -1).action, RETRY_SELECT);
    cr_expect(decide(CLASS_TRANSIENT, -1).refuse_route);
    task->refused_routes = 1;
    cr_expect_eq(fail(1, CLASS_TRANSIENT, -1).action, RETRY_GIVE_UP);
}

Test(retry, a_route_that_was_tried_is_not_tried_again_when_retries_are_used_up)
{
    config.router.num_retries = 1;
    fail(0, CLASS_TRANSIENT, -1);
    cr_expect_eq(fail(1, CLASS_TRANSIENT, -1).action, RETRY_GIVE_UP);
}

Test(retry, no_retries_still_goes_to_the_fallback)
{
    char *to[] = {"spare"};
    struct fallback f = {.from = "fast", .to = {to, 1}};

    config.router.num_retries = 0;
    config.router.fallbacks = (struct fallback_list){&f, 1};
    fail(0, CLASS_TRANSIENT, -1);
    task->refused_routes = 1;
    cr_expect_eq(fail(1, CLASS_TRANSIENT, -1).action, RETRY_SELECT);
    task->refused_routes = 3;
    cr_expect_eq(fail(3, CLASS_TRANSIENT, -1).action, RETRY_GIVE_UP);
}

Test(retry, server_says_that_repeating_is_of_no_use)
{
    static const enum error_class classes[] = {CLASS_TRANSIENT,  CLASS_TRANSPORT, CLASS_TIMEOUT,
                                               CLASS_RATE_LIMIT, CLASS_OVERLOAD,  CLASS_UNKNOWN};
    size_t i = 0;

    called(0, CLASS_TRANSIENT);
    for (i = 0; i < ARRAY_LEN(classes); i++) {
        struct retry_input in = {
            .class = classes[i], .hint_ms = -1, .no_same_route = true, .now_us = NOW};
        struct retry_verdict v = retry_decide(&config, task, &in, &rng);

        cr_expect_eq(v.action, RETRY_SELECT, "%s", class_name(classes[i]));
        cr_expect(v.refuse_route, "%s", class_name(classes[i]));
    }
}

Test(retry, caller_fault_tries_one_other_provider_when_told_to)
{
    struct retry_verdict v;

    rows[2].model_name = rows[0].model_name;
    rows[2].provider_name = (char *)"mistral";
    config.router.retry_caller_fault = true;
    v = fail(0, CLASS_CALLER_FAULT, -1);
    cr_expect_eq(v.action, RETRY_SELECT);
    cr_expect(v.refuse_route);
    task->refused_routes = 1;
    cr_expect_eq(fail(1, CLASS_CALLER_FAULT, -1).action, RETRY_GIVE_UP, "only one");
}

Test(retry, caller_fault_needs_another_provider)
{
    config.router.retry_caller_fault = true;
    rows[1].provider_name = rows[0].provider_name;
    cr_expect_eq(fail(0, CLASS_CALLER_FAULT, -1).action, RETRY_GIVE_UP);
}

Test(retry, nothing_starts_past_the_deadline)
{
    int class = 0;
    int i = 0;

    for (class = CLASS_TRANSPORT; class < CLASS_COUNT; class ++) {
        for (i = 0; i < 200; i++) {
            struct retry_verdict v;

            task->ntrail = 0;
            task->attempts_used = 0;
            task->deadline_us = NOW + (i - 20) * 10 * MS;
            config.nmodels = i % 2 ? 1 : 4;
            v = fail(0, (enum error_class) class, i % 3 ? -1 : i * 10);
            if (v.action != RETRY_GIVE_UP)
                cr_assert_lt(v.not_before_us, task->deadline_us, "%s",
                             class_name((enum error_class) class));
        }
    }
}

Test(retry, another_route_is_tried_when_the_same_one_would_be_too_late)
{
    task->deadline_us = NOW + 2 * S;
    cr_expect_eq(fail(0, CLASS_TRANSIENT, 5000).action, RETRY_SELECT);
    cr_expect_eq(decide(CLASS_TRANSIENT, 5000).not_before_us, NOW);
    cr_expect_eq(decide(CLASS_RATE_LIMIT, 5000).action, RETRY_SELECT, "others are not limited");
    one_route();
    cr_expect_eq(decide(CLASS_TRANSIENT, 5000).action, RETRY_GIVE_UP);
    cr_expect_eq(decide(CLASS_RATE_LIMIT, 5000).action, RETRY_GIVE_UP);
    cr_expect_eq(decide(CLASS_RATE_LIMIT, 1000).action, RETRY_SELECT);
}

/* Whatever the server says about repeating: the route is off, and the task waits for it or another one. */
Test(retry, a_bad_key_and_an_empty_account_never_end_a_task)
{
    static const enum error_class classes[] = {CLASS_QUOTA, CLASS_CREDENTIAL};
    size_t i = 0;
    int n = 0;

    one_route();
    config.router.num_retries = 0;
    for (i = 0; i < ARRAY_LEN(classes); i++) {
        for (n = 0; n < 50; n++) {
            struct retry_input in = {
                .class = classes[i], .hint_ms = -1, .no_same_route = true, .now_us = NOW};
            struct retry_verdict v;

            called(0, classes[i]);
            task->deadline_us = NOW + 60 * S; /* long before the route is back */
            v = retry_decide(&config, task, &in, &rng);
            cr_assert_eq(v.action, RETRY_SELECT, "%s", class_name(classes[i]));
            cr_assert_not(v.refuse_route);
            cr_assert_eq(v.effect, ROUTE_OFF);
        }
    }
    cr_expect_eq(task->attempts_used, 0);
}

/* While a route gives no sign of life, trying it out is free; an answer that is no good is the task's. */
Test(retry, probes_that_count)
{
    int class = 0;

    for (class = 0; class < CLASS_COUNT; class ++) {
        bool wanted = retry_counts(class) && class != CLASS_TRANSPORT && class != CLASS_TRANSIENT;

        cr_expect_eq(retry_probe_counts(class), wanted, "%s", class_name(class));
    }
    cr_expect(retry_probe_counts(CLASS_BAD_RESPONSE));
    cr_expect(retry_probe_counts(CLASS_TIMEOUT));
}
