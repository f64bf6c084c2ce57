/*
 * admission: nothing that could go waits past admission_next_us(). Tasks, rows, accounts, budgets and shares are drawn;
 * after each step that leaves the next look in the future, a look now must find nothing.
 */
#include "admission_scene.h"

#include "base/rng.h"
#include "policy/retry.h"

#if defined(__SANITIZE_ADDRESS__)
#define SEEDS 200
#else
#define SEEDS 1500
#endif
#define STEPS 400
#define ROWS  6
#define TASKS 40
#define PARTS 5

enum place { NOWHERE, WAITS, RUNS };

static struct model drawn[ROWS];
static struct tenant tenants[] = {{.name = (char *)"a", .max_cost = 3, .weight = 1},
                                  {.name = (char *)"b", .max_cost = -1, .weight = 3}};
static const char *const names[] = {"x", "y", "z"};
static struct task *tasks[TASKS];
static enum place places[TASKS];
static struct budget *budget;
static struct rng rng;
static bool shared;
static int64_t nparts;

static int below(int n)
{
    return (int)rng_below(&rng, (uint64_t)n);
}

static bool one_of(int n)
{
    return below(n) == 0;
}

static void draw_row(int i)
{
    struct model *m = &drawn[i];
    bool again = i > 0 && one_of(2); /* the account of a row before it */

    *m = again ? drawn[below(i)] : (struct model){.provider_name = (char *)"openai"};
    m->index = i;
    m->model_name = (char *)names[below(3)];
    m->weight = one_of(4) ? 0 : 1;
    m->timeout_ms = 1000 * (1 + below(60));
    prices_init(&m->prices);
    m->prices.step[0].usd[TIER_STANDARD][PRICE_INPUT] = 1e-4;
    if (again)
        return;
    m->api_base = (char *)(one_of(2) ? "https://a" : "https://b");
    m->api_key = (char *)(one_of(2) ? "k1" : "k2");
    m->upstream_model = (char *)(one_of(2) ? "u1" : "u2");
    m->max_parallel_requests = one_of(2) ? 1 + below(4) : 0;
    m->tpm = one_of(2) ? 200 + below(4000) : 0;
    m->rpm = one_of(3) ? 5 + below(200) : 0;
    m->rps = one_of(5) ? 1 + below(5) : 0;
}

static void open_drawn(uint64_t seed)
{
    struct err e = {0};
    int i;

    rng.state = seed;
    memset(&config, 0, sizeof config);
    memset(places, 0, sizeof places);
    for (i = 0; i < ROWS; i++)
        draw_row(i);
    config.models = drawn;
    config.nmodels = ROWS;
    config.pool.max_calls = one_of(3) ? 6 : 1000;
    config.router.allowed_fails = 3;
    config.router.cooldown_ms = 5000;
    config.router.retry_base_ms = 500;
    config.router.retry_max_ms = 60000;
    config.router.num_retries = 5;
    config.tenants = tenants;
    config.ntenants = 2;
    config.budget.max_cost = 2 + below(6);
    config.budget.per = (char *)"run";
    config.budget.unknown_price = (char *)"allow";
    admission = admission_new(&config, seed);
    budget = one_of(2) ? budget_new(&config, NULL, NOW / 1000, &e) : NULL;
    admission_set_budget(admission, budget);
    admission_tell_wall(admission, NOW, NOW / 1000);
    shared = one_of(2);
    nparts = 3;
    if (shared)
        admission_share(admission);
}

static void drop(int k)
{
    tasks[k] = task_free(tasks[k]);
    places[k] = NOWHERE;
}

static void close_drawn(int64_t now_us)
{
    struct admission_end end = {.sent = false};
    struct task *t;
    int k;

    admission_flush(admission, &ready);
    while ((t = next_ready()))
        drop((int)(intptr_t)t->source_data);
    for (k = 0; k < TASKS; k++) {
        cr_expect_neq(places[k], WAITS, "a task was lost");
        if (places[k] == RUNS) {
            admission_leave(admission, tasks[k], &end, now_us);
            drop(k);
        }
    }
    cr_expect_eq(view(now_us).waiting, 0);
    cr_expect_eq(view(now_us).calls, 0);
    admission_free(admission);
    budget_free(budget);
}

/* -1: there is none. */
static int find(enum place where)
{
    int from = below(TASKS);
    int i;

    for (i = 0; i < TASKS; i++)
        if (places[(from + i) % TASKS] == where)
            return (from + i) % TASKS;
    return -1;
}

static void enter_again(int k, int64_t now_us)
{
    int r = enter(tasks[k], now_us);

    places[k] = r == ADMITTED ? RUNS : WAITS;
    if (r == ADMISSION_NEVER)
        drop(k);
}

static void come(int64_t now_us)
{
    int k = find(NOWHERE);
    int name = below(3);
    struct task *t;

    if (k < 0)
        return;
    t = tasks[k] = task_for(names[name], one_of(3) ? names[(name + 1) % 3] : NULL);
    t->raw_len = (size_t)(4 * (1 + below(one_of(4) ? 600 : 60)));
    t->priority = below(3);
    t->topic_priority = below(2);
    t->attempts_used = one_of(3);
    t->refused_routes = one_of(4) ? (uint64_t)1 << below(ROWS) : 0;
    t->tenant = one_of(2) ? mem_strdup(one_of(2) ? "a" : "b") : NULL;
    t->source_data = (void *)(intptr_t)k;
    enter_again(k, now_us);
}

static void fail(int k, int64_t now_us)
{
    static const enum error_class classes[] = {CLASS_RATE_LIMIT, CLASS_TRANSIENT,  CLASS_OVERLOAD,
                                               CLASS_TIMEOUT,    CLASS_CREDENTIAL, CLASS_QUOTA};
    struct task *t = tasks[k];
    struct retry_input in = {.class = classes[below(one_of(20) ? 6 : 4)],
                             .hint_ms = one_of(2) ? -1 : below(3000),
                             .now_us = now_us};
    struct attempt a = {.route = (uint16_t)t->route, .class = in.class};
    struct admission_end end = {.sent = true, .used_tokens = -1};
    struct retry_verdict v;

    task_trail_add(t, &a);
    t->last_class = in.class;
    v = retry_decide(&config, t, &in, &rng);
    end.verdict = &v;
    admission_leave(admission, t, &end, now_us);
    t->attempts_used++;
    if (v.action == RETRY_GIVE_UP || one_of(3))
        drop(k);
    else
        enter_again(k, now_us);
}

static void end(int64_t now_us)
{
    struct admission_end how = {.sent = true, .ok = true, .cost_usd = 0.001, .used_tokens = -1};
    int k = find(RUNS);

    if (k < 0)
        return;
    if (one_of(3)) {
        fail(k, now_us);
        return;
    }
    how.sent = how.ok = !one_of(10);
    how.used_tokens = one_of(2) ? 1 + below(20) : -1;
    admission_leave(admission, tasks[k], &how, now_us);
    if (how.sent)
        drop(k);
    else
        enter_again(k, now_us);
}

static void take_out(void)
{
    int k = find(WAITS);

    if (k >= 0 && admission_remove(admission, tasks[k]))
        drop(k);
}

static void hold(int64_t now_us)
{
    struct holding_part parts[PARTS];
    struct holding h = {.parts = parts, .total = PARTS, .lease_us = 100 * S};

    nparts = one_of(3) ? 1 + below(PARTS) : nparts;
    for (; (int64_t)h.count < nparts; h.count++)
        parts[h.count] = (struct holding_part){.index = (int64_t)h.count, .moved = one_of(2)};
    if (shared)
        admission_hold(admission, &h, now_us, 1790000000 * S + now_us);
}

/* How many went. */
static int let_go(int64_t now_us)
{
    int n = pump(now_us);
    struct task *t;

    while ((t = next_ready())) {
        int k = (int)(intptr_t)t->source_data;

        if (t->route >= 0)
            places[k] = RUNS;
        else
            drop(k);
    }
    return n;
}

/* Who goes may change whose turn it is, so that another look lets another one go. */
static void settle(int64_t now_us)
{
    while (let_go(now_us) > 0)
        ;
}

/* To the next look, or before it: not just before, as times are rounded up. */
static int64_t later(int64_t now_us)
{
    int64_t next_us = admission_next_us(admission);
    int64_t to_us = now_us + below(2000000);

    if (next_us > now_us && next_us <= to_us + 3)
        to_us = one_of(2) ? next_us : next_us - 3;
    return to_us > now_us ? to_us : now_us;
}

static int64_t step(int64_t now_us, int what)
{
    if (what < 3)
        come(now_us);
    else if (what < 5)
        end(now_us);
    else if (what == 5)
        take_out();
    else if (what == 6)
        hold(now_us);
    else
        now_us = later(now_us);
    return now_us;
}

Test(admission_wake, nothing_that_could_go_waits_for_a_later_look)
{
    uint64_t seed;

    for (seed = 1; seed <= SEEDS; seed++) {
        int64_t now_us = NOW;
        int i;

        open_drawn(seed);
        hold(now_us);
        for (i = 0; i < STEPS; i++) {
            int what = below(8);

            now_us = step(now_us, what);
            if (admission_next_us(admission) > now_us)
                cr_assert_eq(let_go(now_us), 0, "seed %d, step %d (%d)", (int)seed, i, what);
            else if (one_of(2))
                settle(now_us);
        }
        close_drawn(now_us);
    }
}
