/* select: order of models, weights, fallbacks, refused routes, and what a task waits for. */
#include "policy/select.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "base/json.h"
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
        limit_init(&routes[i].limit, 0, 0, 0);
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
                              .tokens = tokens,
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
    limit_init(&routes[3].limit, 0, 0, 1);
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
    limit_init(&routes[3].limit, 60, 0, 0);
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
    limit_init(&routes[2].limit, 0, 10, 0);
    cr_expect_eq(ask_blocked(10, 0).route, 2);
    cr_expect_eq(ask_blocked(10, 0).route, 3);
    cr_expect_eq(routes[0].limit.running, 0);
    cr_expect_eq(routes[1].limit.running, 0);
    cr_expect_eq(routes[2].limit.running, 1);
    cr_expect_eq(routes[3].limit.running, 1);
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
    limit_init(&routes[0].limit, 0, 100, 0);
    limit_init(&routes[1].limit, 0, 100, 0);
    limit_init(&routes[2].limit, 0, 100, 0);
    cr_expect_eq(ask_blocked(101, 0).what, SELECT_NONE);
    cr_expect_eq(ask_blocked(101, 7).what, SELECT_NONE);
    cool(0, NOW + S);
    cr_expect_eq(ask_blocked(101, 0).what, SELECT_NONE, "cooling does not make it fit");
    limit_init(&routes[1].limit, 0, 101, 0);
    r = ask_blocked(101, 0);
    cr_expect_eq(r.what, SELECT_GO);
    cr_expect_eq(r.route, 1);
    r = ask_blocked(101, 0);
    cr_expect_eq(r.what, SELECT_WAIT);
    cr_expect_eq(r.wanted, 2, "it waits for the only one that is large enough");
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
    cr_assert(select_fallback(&config, task, FALLBACK_CONTEXT));
    cr_assert_eq(task->nmodels, 1);
    cr_expect_str_eq(task->models[0], "last");
    cr_expect_eq(ask().route, 5);
    task->route = 5;
    task->refused_routes |= 32;
    cr_expect_not(select_fallback(&config, task, FALLBACK_CONTEXT), "there is nothing larger");
    cr_expect_str_eq(task->models[0], "last", "and the task is as it was");
}

Test(select, context_fallback_to_a_larger_row_of_the_same_name)
{
    accepts("fast", NULL);
    windows(8000, 32000, 4000, 4000, 4000);
    task->route = 0;
    cr_assert(select_fallback(&config, task, FALLBACK_CONTEXT));
    cr_assert_eq(task->nmodels, 1);
    cr_expect_str_eq(task->models[0], "fast");
    cr_expect_eq(ask().route, 1);
}

Test(select, context_fallback_keeps_larger_models_of_the_task)
{
    accepts("fast", "spare", NULL);
    windows(8000, 8000, 64000, 16000, 0);
    task->route = 0;
    cr_assert(select_fallback(&config, task, FALLBACK_CONTEXT));
    cr_assert_eq(task->nmodels, 2);
    cr_expect_str_eq(task->models[0], "spare");
    cr_expect_str_eq(task->models[1], "smart");
}

Test(select, context_fallback_without_any)
{
    accepts("fast", NULL);
    task->route = 0;
    rows[0].max_input_tokens = 10;
    cr_expect_not(select_fallback(&config, task, FALLBACK_CONTEXT));
    cr_expect_eq(task->refused_routes, 0);
    cr_expect_not(select_fallback(&config, task, FALLBACK_GENERAL));
    cr_expect_not(select_fallback(&config, task, FALLBACK_NONE));
}

Test(select, policy_fallback_replaces_the_models)
{
    config.router.content_policy_fallbacks = (struct fallback_list){policy, 1};
    accepts("fast", "smart", NULL);
    task->route = 0;
    task->refused_routes = 1;
    cr_assert(select_fallback(&config, task, FALLBACK_POLICY));
    cr_assert_eq(task->nmodels, 1);
    cr_expect_str_eq(task->models[0], "last");
    cr_expect_eq(task->refused_routes, 1);
    task->route = 5;
    cr_expect_not(select_fallback(&config, task, FALLBACK_POLICY), "it has none of its own");
}

Test(select, policy_fallback_that_refused_already)
{
    config.router.content_policy_fallbacks = (struct fallback_list){policy, 1};
    accepts("fast", NULL);
    task->route = 0;
    task->refused_routes = 1 | 32;
    cr_expect_not(select_fallback(&config, task, FALLBACK_POLICY));
}

Test(select, estimate)
{
    static const struct {
        const char *body;
        enum operation op;
        int64_t most, want;
    } cases[] = {
        {"{\"max_completion_tokens\":64}", OP_CHAT, 0, 10 + 64},
        {"{\"max_tokens\":100}", OP_CHAT, 0, 10 + 100},
        {"{\"max_output_tokens\":70}", OP_RESPONSES, 0, 10 + 70},
        {"{\"max_tokens\":100,\"n\":3}", OP_CHAT, 0, 10 + 300},
        {"{\"max_tokens\":100000}", OP_CHAT, 4000, 10 + 4000},
        {"{}", OP_CHAT, 0, 10 + 512},
        {"{}", OP_CHAT, 128, 10 + 128},
        {"{\"max_tokens\":9000000000000000000,\"n\":1000}", OP_CHAT, 0,
         10 + 1000 * (int64_t)INT32_MAX},
        {"{\"max_tokens\":-4}", OP_CHAT, 0, 10 + 512},
        {"{\"max_tokens\":100}", OP_EMBEDDINGS, 0, 10},
    };
    size_t i = 0;

    task->raw_len = 38;
    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct model m = {.max_output_tokens = cases[i].most};

        json_object_put(task->body);
        task->body = json_tokener_parse(cases[i].body);
        task->op = cases[i].op;
        cr_expect_eq(select_estimate(task, &m), cases[i].want, "%s: %lld", cases[i].body,
                     (long long)select_estimate(task, &m));
    }
}

Test(select, cost)
{
    static const struct {
        struct usage u;
        double in, out, read, write, want;
    } cases[] = {
        {{1000, -1, -1, 100, -1}, 2e-6, 8e-6, -1, -1, 0.0028},
        {{1000, 400, -1, 100, 50}, 2e-6, 8e-6, 1e-6, -1, 0.0024},
        {{1000, 400, -1, 100, 50}, 2e-6, 8e-6, -1, -1, 0.0028},
        {{1000, 0, 1000, 0, 0}, 2e-6, -1, -1, 4e-6, 0.004},
        {{1000, 5000, 9000, 0, 0}, 2e-6, 8e-6, 1e-6, 9e-6, 0.001},
        {{1000, 0, 0, 0, 0}, 0, 0, 0, 0, 0},
        {{1000, 0, 0, 100, 0}, -1, 8e-6, -1, -1, -1},
        {{1000, 0, 0, 100, 0}, 2e-6, -1, -1, -1, -1},
        {{-1, -1, -1, 100, 0}, 2e-6, 8e-6, -1, -1, -1},
        {{1000, -1, -1, -1, -1}, 2e-6, 8e-6, -1, -1, -1},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct model m = {.input_cost_per_token = cases[i].in,
                          .output_cost_per_token = cases[i].out,
                          .cache_read_input_token_cost = cases[i].read,
                          .cache_creation_input_token_cost = cases[i].write};
        double got = select_cost(&m, &cases[i].u);

        cr_expect_lt(fabs(got - cases[i].want), 1e-9, "case %zu: %g", i, got);
    }
}
