/* select: order of models, weights, fallbacks, refused routes, and what a task waits for. */
#include "policy/select.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <string.h>

#include "base/mem.h"

#define S    1000000LL
#define NOW  (5000 * S)
#define ROWS 6

static struct model rows[ROWS];
static struct route routes[ROWS];
static struct config config;
static struct task *task;
static struct rng rng;

static char *spare_to[] = {"spare", "last"};
static struct fallback general[] = {{.from = "fast", .to = {spare_to, 2}}};
static char *big_to[] = {"smart", "spare", "last"};
static struct fallback context[] = {{.from = "fast", .to = {big_to, 3}}};
static char *policy_to[] = {"last"};
static struct fallback policy[] = {{.from = "fast", .to = {policy_to, 1}}};

/* Rows 0, 1, 2 are "fast", 3 "smart", 4 "spare", 5 "last". */
static void setup(void)
{
    static const char *const names[ROWS] = {"fast", "fast", "fast", "smart", "spare", "last"};
    int i = 0;

    memset(rows, 0, sizeof rows);
    memset(routes, 0, sizeof routes);
    memset(&config, 0, sizeof config);
    for (i = 0; i < ROWS; i++) {
        rows[i].index = i;
        rows[i].model_name = (char *)names[i];
        rows[i].weight = 1;
        routes[i].model = &rows[i];
        routes[i].limit = &routes[i].own;
        limit_init(&routes[i].own, &(struct limit_max){0});
    }
    config.models = rows;
    config.nmodels = ROWS;
    task = task_new();
    task->route = -1;
    rng.state = 7;
}

static void teardown(void)
{
    task = task_free(task);
}

TestSuite(select, .init = setup, .fini = teardown);

static void accepts(const char *first, ...)
{
    const char *name = first;
    va_list ap;

    va_start(ap, first);
    for (task->nmodels = 0; name; name = va_arg(ap, const char *)) {
        free(task->models[task->nmodels]);
        task->models[task->nmodels++] = mem_strdup(name);
    }
    va_end(ap);
}

struct result {
    int what;
    int route;
    int64_t at_us;
    uint64_t wanted;
};

static struct result ask_blocked(int64_t tokens, uint64_t blocked)
{
    struct select_input in = {.config = &config,
                              .routes = routes,
                              .blocked_routes = blocked,
                              .need = {.tokens = tokens},
                              .now_us = NOW};
    struct result r = {.route = -1, .at_us = -1};

    r.what = select_route(&in, task, &rng, &r.route, &r.at_us, &r.wanted);
    return r;
}

static struct result ask(void)
{
    return ask_blocked(1, 0);
}

static void cool(int row, int64_t until_us)
{
    breaker_failure(&routes[row].breaker, ROUTE_COOL, until_us, 3, S, NOW - 10);
}

/* Gives a row a limit of tokens a minute. */
static void narrow(int row, int64_t tpm)
{
    rows[row].tpm = tpm;
    limit_init(&routes[row].own, &(struct limit_max){.of[LIMIT_TPM] = tpm});
}

static void count(int n, int got[ROWS])
{
    memset(got, 0, sizeof(int) * ROWS);
    while (n-- > 0) {
        struct result r = ask();

        cr_assert_eq(r.what, SELECT_GO);
        got[r.route]++;
    }
}

Test(select, weights_are_shares)
{
    int got[ROWS];

    accepts("fast", NULL);
    rows[0].weight = 6;
    rows[1].weight = 3;
    rows[2].weight = 1;
    count(10000, got);
    cr_expect_lt(abs(got[0] - 6000), 300, "%d", got[0]);
    cr_expect_lt(abs(got[1] - 3000), 300, "%d", got[1]);
    cr_expect_lt(abs(got[2] - 1000), 300, "%d", got[2]);
}

Test(select, all_weights_zero_are_equal)
{
    int got[ROWS];
    int i = 0;

    accepts("fast", NULL);
    for (i = 0; i < 3; i++)
        rows[i].weight = 0;
    count(3000, got);
    for (i = 0; i < 3; i++)
        cr_expect_gt(got[i], 800);
}

Test(select, weight_zero_is_a_last_resort)
{
    int got[ROWS];
    struct result r;

    accepts("fast", NULL);
    rows[1].weight = 0;
    count(1000, got);
    cr_expect_eq(got[1], 0);
    cool(0, NOW + S);
    cool(2, NOW + S);
    r = ask();
    cr_expect_eq(r.what, SELECT_WAIT, "a short cool-down is waited for");
    cr_expect_eq(r.wanted, 1 | 4);
    task->refused_routes = 1;
    breaker_failure(&routes[2].breaker, ROUTE_OFF, NOW + 900 * S, 3, S, NOW);
    cr_expect_eq(ask().route, 1, "refused and switched off ones are not waited for");
}

Test(select, models_in_the_order_of_the_task)
{
    int i = 0;

    accepts("smart", "fast", NULL);
    for (i = 0; i < 50; i++)
        cr_expect_eq(ask().route, 3);
    cool(3, NOW + S);
    for (i = 0; i < 50; i++)
        cr_expect_leq(ask().route, 2);
}

Test(select, fallbacks_come_behind_a_single_model)
{
    config.router.fallbacks = (struct fallback_list){general, 1};
    accepts("fast", NULL);
    task->refused_routes = 7;
    cr_expect_eq(ask().route, 4);
    cool(4, NOW + S);
    cr_expect_eq(ask().route, 5);
    cr_expect_eq(select_candidates(&config, task), 16 | 32);
}

Test(select, a_list_of_the_task_takes_no_fallbacks)
{
    config.router.fallbacks = (struct fallback_list){general, 1};
    accepts("fast", "smart", NULL);
    task->refused_routes = 15;
    cr_expect_eq(ask().what, SELECT_NONE);
    cr_expect_eq(select_candidates(&config, task), 0);
}

Test(select, the_row_tried_last_only_when_no_other_is_ready)
{
    int i = 0;

    config.router.fallbacks = (struct fallback_list){general, 1};
    accepts("fast", NULL);
    task->route = 1;
    for (i = 0; i < 100; i++)
        cr_expect_neq(ask().route, 1);
    cool(0, NOW + S);
    cool(2, NOW + S);
    cr_expect_eq(ask().route, 4, "a fallback, too, comes before it");
    cool(4, NOW + S);
    cool(5, NOW + S);
    cr_expect_eq(ask().route, 1);
    task->refused_routes = 2;
    cr_expect_eq(ask().what, SELECT_WAIT);
}

Test(select, a_row_of_another_model_tried_last_is_not_taken)
{
    accepts("smart", NULL);
    task->route = 1;
    cool(3, NOW + S);
    cr_expect_eq(ask().what, SELECT_WAIT);
}

Test(select, refused_routes_are_never_taken)
{
    int i = 0;

    accepts("fast", NULL);
    task->refused_routes = 5;
    for (i = 0; i < 100; i++)
        cr_expect_eq(ask().route, 1);
    task->refused_routes = 7;
    cr_expect_eq(ask().what, SELECT_NONE);
}

Test(select, waits_for_the_earliest)
{
    struct result r;

    accepts("fast", NULL);
    cool(0, NOW + 9 * S);
    cool(1, NOW + 4 * S);
    cool(2, NOW + 6 * S);
    r = ask();
    cr_expect_eq(r.what, SELECT_WAIT);
    cr_expect_eq(r.at_us, NOW + 4 * S);
    cr_expect_eq(r.wanted, 7);
}

Test(select, waits_for_the_end_of_a_call)
{
    struct result r;

    accepts("smart", NULL);
    limit_init(&routes[3].own, &(struct limit_max){.parallel = 1});
    cr_expect_eq(ask().what, SELECT_GO);
    r = ask();
    cr_expect_eq(r.what, SELECT_WAIT);
    cr_expect_eq(r.at_us, INT64_MAX);
    cr_expect_eq(r.wanted, 8);
}

Test(select, waits_for_the_pace)
{
    struct result r;

    accepts("smart", NULL);
    limit_init(&routes[3].own, &(struct limit_max){.of[LIMIT_RPM] = 60});
    cr_expect_eq(ask().what, SELECT_GO);
    r = ask();
    cr_expect_eq(r.what, SELECT_WAIT);
    cr_expect_gt(r.at_us, NOW);
    cr_expect_lt(r.at_us, NOW + 2 * S);
}

Test(select, nothing_is_reserved_where_it_does_not_go)
{
    accepts("fast", "smart", NULL);
    cool(0, NOW + S);
    cool(1, NOW + S);
    narrow(2, 10);
    cr_expect_eq(ask_blocked(10, 0).route, 2);
    cr_expect_eq(ask_blocked(10, 0).route, 3);
    cr_expect_eq(routes[0].own.running, 0);
    cr_expect_eq(routes[1].own.running, 0);
    cr_expect_eq(routes[2].own.running, 1);
    cr_expect_eq(routes[3].own.running, 1);
}

Test(select, claimed_routes_are_left_to_the_tasks_in_front)
{
    struct result r;

    accepts("fast", NULL);
    r = ask_blocked(1, 3);
    cr_expect_eq(r.route, 2);
    r = ask_blocked(1, 7);
    cr_expect_eq(r.what, SELECT_WAIT);
    cr_expect_eq(r.wanted, 7);
    cr_expect_eq(r.at_us, INT64_MAX, "whoever stands in front sets the time");
}

Test(select, too_large_for_every_limit)
{
    struct result r;

    accepts("fast", NULL);
    narrow(0, 100);
    narrow(1, 100);
    narrow(2, 100);
    cr_expect_eq(ask_blocked(101, 0).what, SELECT_NONE);
    cr_expect_eq(ask_blocked(101, 7).what, SELECT_NONE);
    cool(0, NOW + S);
    cr_expect_eq(ask_blocked(101, 0).what, SELECT_NONE, "cooling does not make it fit");
    narrow(1, 101);
    r = ask_blocked(101, 0);
    cr_expect_eq(r.what, SELECT_GO);
    cr_expect_eq(r.route, 1);
    r = ask_blocked(101, 0);
    cr_expect_eq(r.what, SELECT_WAIT);
    cr_expect_eq(r.wanted, 2, "it waits for the only one that is large enough");
}

Test(select, a_row_that_is_too_narrow_is_no_candidate)
{
    accepts("fast", NULL);
    task->op = OP_EMBEDDINGS;
    task->raw_len = 4 * 101;
    narrow(0, 100);
    narrow(1, 101);
    cr_expect_eq(select_candidates(&config, task), 2 | 4);
    task->refused_routes = 4;
    narrow(1, 100);
    cr_expect_eq(select_candidates(&config, task), 0);
}

Test(select, a_last_resort_is_the_only_one_that_is_large_enough)
{
    accepts("fast", NULL);
    narrow(0, 100);
    narrow(1, 100);
    rows[2].weight = 0;
    cr_expect_eq(ask_blocked(101, 0).route, 2);
}

Test(select, one_probe_after_a_cool_down)
{
    accepts("smart", NULL);
    cool(3, NOW - 1);
    cr_expect_eq(ask().what, SELECT_GO);
    cr_expect_eq(ask().what, SELECT_WAIT);
    breaker_success(&routes[3].breaker);
    cr_expect_eq(ask().what, SELECT_GO);
    cr_expect_eq(ask().what, SELECT_GO);
}

Test(select, unknown_model)
{
    accepts("nothing", NULL);
    cr_expect_eq(ask().what, SELECT_NONE);
}

static void windows(int64_t fast, int64_t fast2, int64_t smart, int64_t spare, int64_t last)
{
    rows[0].max_input_tokens = fast;
    rows[1].max_input_tokens = fast2;
    rows[3].max_input_tokens = smart;
    rows[4].max_input_tokens = spare;
    rows[5].max_input_tokens = last;
    config.router.context_window_fallbacks = (struct fallback_list){context, 1};
}

Test(select, context_fallback_only_to_larger_known_windows)
{
    accepts("fast", NULL);
    windows(8000, 8000, 4000, 0, 16000);
    task->route = 0;
    cr_assert(select_fallback(&config, routes, task, FALLBACK_CONTEXT));
    cr_assert_eq(task->nmodels, 1);
    cr_expect_str_eq(task->models[0], "last");
    cr_expect_eq(ask().route, 5);
    task->route = 5;
    task->refused_routes |= 32;
    cr_expect_not(select_fallback(&config, routes, task, FALLBACK_CONTEXT),
                  "there is nothing larger");
    cr_expect_str_eq(task->models[0], "last", "and the task is as it was");
}

Test(select, context_fallback_to_a_larger_row_of_the_same_name)
{
    accepts("fast", NULL);
    windows(8000, 32000, 4000, 4000, 4000);
    task->route = 0;
    cr_assert(select_fallback(&config, routes, task, FALLBACK_CONTEXT));
    cr_assert_eq(task->nmodels, 1);
    cr_expect_str_eq(task->models[0], "fast");
    cr_expect_eq(ask().route, 1);
}

Test(select, context_fallback_keeps_larger_models_of_the_task)
{
    accepts("fast", "spare", NULL);
    windows(8000, 8000, 64000, 16000, 0);
    task->route = 0;
    cr_assert(select_fallback(&config, routes, task, FALLBACK_CONTEXT));
    cr_assert_eq(task->nmodels, 2);
    cr_expect_str_eq(task->models[0], "spare");
    cr_expect_str_eq(task->models[1], "smart");
}

Test(select, context_fallback_without_any)
{
    accepts("fast", NULL);
    task->route = 0;
    rows[0].max_input_tokens = 10;
    cr_expect_not(select_fallback(&config, routes, task, FALLBACK_CONTEXT));
    cr_expect_eq(task->refused_routes, 0);
    cr_expect_not(select_fallback(&config, routes, task, FALLBACK_GENERAL));
    cr_expect_not(select_fallback(&config, routes, task, FALLBACK_NONE));
}

Test(select, policy_fallback_replaces_the_models)
{
    config.router.content_policy_fallbacks = (struct fallback_list){policy, 1};
    accepts("fast", "smart", NULL);
    task->route = 0;
    task->refused_routes = 1;
    cr_assert(select_fallback(&config, routes, task, FALLBACK_POLICY));
    cr_assert_eq(task->nmodels, 1);
    cr_expect_str_eq(task->models[0], "last");
    cr_expect_eq(task->refused_routes, 1);
    task->route = 5;
    cr_expect_not(select_fallback(&config, routes, task, FALLBACK_POLICY),
                  "it has none of its own");
}

Test(select, policy_fallback_that_refused_already)
{
    config.router.content_policy_fallbacks = (struct fallback_list){policy, 1};
    accepts("fast", NULL);
    task->route = 0;
    task->refused_routes = 1 | 32;
    cr_expect_not(select_fallback(&config, routes, task, FALLBACK_POLICY));
}

/* Tasks of 100 tokens; what the windows of "fast", "smart" and "spare" are, and where the task goes. */
Test(select, rows_that_refused_such_a_size_are_left_out)
{
    static const struct {
        const char *what, *other;
        int64_t refused[3], served[3], known[3]; /* of rows 0 to 2, of 3, of 4 */
        uint64_t may;
    } cases[] = {
        {"nothing is known", NULL, {0}, {0}, {0}, 0x37},
        {"nothing else is known to be larger", NULL, {100}, {0}, {0}, 0x37},
        {"a larger size was refused", NULL, {101}, {0}, {0, 500, 500}, 0x37},
        {"the fallbacks with a larger window", NULL, {100}, {0}, {0, 500, 0}, 0x08},
        {"known to be smaller than what was refused", NULL, {100}, {0}, {0, 50, 0}, 0x37},
        {"learned from what was served", NULL, {100}, {0, 0, 100}, {0}, 0x10},
        {"a fallback that refused it as well", NULL, {100, 90, 0}, {0}, {0, 500, 600}, 0x10},
        {"a model that the task lists", "smart", {100}, {0, 100, 0}, {0}, 0x08},
        {"it lists one of unknown size", "smart", {100}, {0}, {0}, 0x0f},
    };
    size_t i = 0;
    int k = 0;

    config.router.context_window_fallbacks = (struct fallback_list){context, 1};
    config.router.fallbacks = (struct fallback_list){general, 1};
    task->op = OP_EMBEDDINGS;
    task->raw_len = 400;
    for (i = 0; i < ARRAY_LEN(cases); i++) {
        accepts("fast", cases[i].other, NULL);
        task->refused_routes = 0;
        for (k = 0; k < 5; k++) {
            int at = k < 3 ? 0 : k - 2;

            routes[k].window = (struct window){cases[i].refused[at], cases[i].served[at]};
            rows[k].max_input_tokens = cases[i].known[at];
        }
        select_leave_small(&config, routes, task);
        cr_expect_eq(select_candidates(&config, task), cases[i].may, "%s: %llx", cases[i].what,
                     (unsigned long long)select_candidates(&config, task));
        cr_expect_eq(task->route, -1);
    }
}
