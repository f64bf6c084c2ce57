/* rank: what each strategy prefers, in a small world with a moved clock and a seeded chance. */
#include "policy/rank.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"

#define S     INT64_C(1000000)
#define NOW   (5000 * S)
#define ROWS  4
#define CALLS 4000

static struct model rows[ROWS];
static struct route routes[ROWS];
static struct config config;
static struct task *task;
static struct rng rng;

static void setup(void)
{
    static char *const keys[ROWS] = {(char *)"a", (char *)"b", (char *)"c", (char *)"d"};
    int i = 0;

    memset(rows, 0, sizeof rows);
    memset(routes, 0, sizeof routes);
    config = (struct config){.models = rows, .nmodels = ROWS};
    for (i = 0; i < ROWS; i++) {
        rows[i] = (struct model){.index = i, .model_name = (char *)"m", .weight = 1};
        rows[i].upstream_model = (char *)"up";
        rows[i].api_key = keys[i];
        prices_init(&rows[i].prices);
        routes[i].model = &rows[i];
        routes[i].limit = &routes[i].own;
        routes[i].seed = rank_seed(&rows[i]);
        limit_init(&routes[i].own, &(struct limit_max){0});
    }
    task = task_new();
    task->route = -1;
    task->models[task->nmodels++] = mem_strdup("m");
    rng.state = 11;
}

static void teardown(void)
{
    task_free(task);
}

TestSuite(rank, .init = setup, .fini = teardown);

static int pick(int64_t tokens, int64_t now_us)
{
    struct select_input in = {
        .config = &config, .routes = routes, .need = {.tokens = tokens}, .now_us = now_us};
    uint64_t wanted = 0;
    int64_t at_us = 0;
    int row = -1;

    return select_route(&in, task, &rng, &row, &at_us, &wanted) == SELECT_GO ? row : -1;
}

static void rest(int row, int64_t until_us)
{
    breaker_failure(&routes[row].breaker, ROUTE_PAUSE, until_us, 3, S, NOW - 10);
}

/* A call that runs in the world. */
struct running {
    int row;
    int64_t end_us, took_us, work;
};

struct world {
    struct running at[64];
    int n;
    int64_t now_us;
    int calls[ROWS];
};

static void end_calls(struct world *w)
{
    int i = 0;

    while (i < w->n) {
        struct running *r = &w->at[i];

        if (r->end_us > w->now_us) {
            i++;
            continue;
        }
        routes[r->row].running--;
        pace_add(&routes[r->row].pace, r->took_us, r->work);
        *r = w->at[--w->n];
    }
}

/* n calls, one each 50 ms; a token of row i takes us[i]. */
static void let_run(struct world *w, int n, const int64_t us[ROWS])
{
    while (n-- > 0) {
        int64_t work = 1 + (int64_t)rng_below(&rng, 200);
        int row = 0;

        w->now_us += S / 20;
        end_calls(w);
        row = pick(1, w->now_us);
        cr_assert_geq(row, 0);
        cr_assert_lt(w->n, 64);
        w->at[w->n++] = (struct running){row, w->now_us + us[row] * work, us[row] * work, work};
        w->calls[row]++;
        routes[row].running++;
        routes[row].pace.asked_us = w->now_us;
    }
}

Test(rank, least_busy_keeps_the_queues_even)
{
    int ends = 0;
    int i = 0;
    int n = 0;

    config.router.routing_strategy = (char *)"least-busy";
    rows[0].weight = 100; /* says nothing but who is first among equals */
    for (n = 0; n < CALLS; n++) {
        int64_t least = INT64_MAX;
        int row = pick(1, NOW + n);

        for (i = 0; i < ROWS; i++)
            least = routes[i].running < least ? routes[i].running : least;
        cr_assert_eq(routes[row].running, least);
        routes[row].running++;
        for (ends = (int)rng_below(&rng, 3); ends > 0; ends--) {
            i = (int)rng_below(&rng, ROWS);
            routes[i].running -= routes[i].running > 0;
        }
    }
}

Test(rank, lowest_cost_never_takes_a_dearer_row_that_is_ready)
{
    int n = 0;
    int i = 0;

    config.router.routing_strategy = (char *)"lowest-cost";
    for (n = 0; n < CALLS; n++) {
        int64_t tokens = 1 + (int64_t)rng_below(&rng, 5000);
        bool ready[ROWS];
        int row = -1;

        task->raw_len = rng_below(&rng, 8000);
        for (i = 0; i < ROWS; i++) {
            double *usd = rows[i].prices.step[0].usd[TIER_STANDARD];

            usd[PRICE_INPUT] = rng_below(&rng, 5) ? (double)rng_below(&rng, 10) : -1;
            usd[PRICE_OUTPUT] = (double)rng_below(&rng, 30);
            ready[i] = rng_below(&rng, 4) > 0 || i == 3;
            routes[i].breaker = (struct breaker){0};
            if (!ready[i])
                rest(i, NOW + S);
        }
        row = pick(tokens, NOW);
        cr_assert(row >= 0 && ready[row]);
        for (i = 0; i < ROWS; i++) {
            if (ready[i])
                cr_assert_leq(rank_cost(&rows[row], task, tokens),
                              rank_cost(&rows[i], task, tokens));
        }
    }
}

Test(rank, an_unknown_price_comes_last)
{
    config.router.routing_strategy = (char *)"lowest-cost";
    rows[2].prices.step[0].usd[TIER_STANDARD][PRICE_INPUT] = 1e9;
    rows[2].prices.step[0].usd[TIER_STANDARD][PRICE_OUTPUT] = 1e9;
    cr_expect_eq(pick(10, NOW), 2);
    cr_expect(isinf(rank_cost(&rows[0], task, 10)));
}

Test(rank, lowest_latency_converges_and_recovers)
{
    static const int64_t before[ROWS] = {9000, 1000, 5000, 20000};
    static const int64_t after[ROWS] = {500, 10000, 5000, 20000};
    struct world w = {.now_us = NOW};
    int i = 0;

    config.router.routing_strategy = (char *)"lowest-latency";
    let_run(&w, 200, before);
    for (i = 0; i < ROWS; i++)
        cr_expect_gt(w.calls[i], 0, "row %d has not been tried", i);
    memset(w.calls, 0, sizeof w.calls);
    let_run(&w, 4000, before);
    cr_expect_gt(w.calls[1], 3800, "the fastest has %d of 4000", w.calls[1]);
    for (i = 0; i < ROWS; i++)
        cr_expect_gt(w.calls[i], 0, "row %d is not tried again", i);
    let_run(&w, 6000, after); /* five minutes to find out */
    memset(w.calls, 0, sizeof w.calls);
    let_run(&w, 4000, after);
    cr_expect_gt(w.calls[0], 3800, "the row that has become fastest has %d of 4000", w.calls[0]);
}

Test(rank, a_new_row_is_tried_with_one_call)
{
    config.router.routing_strategy = (char *)"lowest-latency";
    pace_add(&routes[0].pace, S, 10);
    pace_add(&routes[1].pace, S, 20);
    pace_add(&routes[2].pace, S, 30);
    routes[0].pace.asked_us = routes[1].pace.asked_us = routes[2].pace.asked_us = NOW;
    cr_expect_eq(pick(1, NOW), 3);
    routes[3].running = 1;
    cr_expect_eq(pick(1, NOW), 2, "the others wait to see what comes of it");
}

Test(rank, a_call_that_did_no_work_makes_a_row_slower)
{
    struct pace p = {0};
    double before = 0;

    pace_add(&p, S, 100);
    before = pace_score(&p, 0, 0);
    pace_add(&p, 60 * S, 0);
    cr_expect_gt(pace_score(&p, 0, 0), before * 10);
}

static void name_session(int n)
{
    char text[32];

    snprintf(text, sizeof text, "session-%d", n);
    free(task->session);
    task->session = mem_strdup(text);
}

Test(rank, a_session_stays_on_its_row_and_comes_back)
{
    int kept = 0;
    int n = 0;

    config.router.sticky = (char *)"session";
    for (n = 0; n < CALLS; n++) {
        int home = 0;
        int away = 0;

        name_session(n % 50);
        home = pick(1, NOW);
        rest(home, NOW + S);
        away = pick(1, NOW);
        cr_assert(away >= 0 && away != home, "it falls back");
        cr_assert_eq(pick(1, NOW), away, "to one row as well");
        routes[home].breaker = (struct breaker){0};
        kept += pick(1, NOW + 2 * S) == home;
    }
    cr_expect_geq(kept, CALLS * 99 / 100);
}

/* They differ in who pays, which need not be said by api_key. */
Test(rank, sessions_are_spread_over_accounts_of_any_kind)
{
    struct property organization = {.name = (char *)"openai-organization", .value = (char *)"o"};
    int calls[ROWS] = {0};
    int i = 0;

    config.router.sticky = (char *)"session";
    for (i = 0; i < ROWS; i++)
        rows[i].api_key = NULL;
    rows[1].aws_access_key_id = (char *)"AKIA1";
    rows[2].aws_access_key_id = (char *)"AKIA2";
    rows[3].extra_headers = (struct property_list){.at = &organization, .count = 1};
    for (i = 0; i < ROWS; i++)
        routes[i].seed = rank_seed(&rows[i]);
    for (i = 0; i < 400; i++) {
        name_session(i);
        calls[pick(10, NOW)]++;
    }
    for (i = 0; i < ROWS; i++)
        cr_expect_gt(calls[i], 60, "row %d: %d of 400", i, calls[i]);
}

Test(rank, sessions_are_shared_by_weight_and_stay_when_a_row_leaves)
{
    int homes[CALLS];
    int got[ROWS] = {0};
    int n = 0;

    config.router.sticky = (char *)"session";
    rows[0].weight = 3;
    for (n = 0; n < CALLS; n++) {
        name_session(n);
        homes[n] = pick(1, NOW);
        got[homes[n]]++;
    }
    cr_expect_lt(abs(got[0] - CALLS / 2), CALLS / 20, "%d", got[0]);
    cr_expect_lt(abs(got[1] - CALLS / 6), CALLS / 20, "%d", got[1]);
    task->refused_routes = 1 << 2;
    for (n = 0; n < CALLS; n++) {
        name_session(n);
        if (homes[n] != 2)
            cr_assert_eq(pick(1, NOW), homes[n]);
    }
}

Test(rank, what_keeps_requests_together)
{
    static const struct {
        const char *sticky, *session, *header, *tenant;
        int like; /* the case whose hash it has; -1: none at all */
    } cases[] = {
        {"session", "x", NULL, NULL, 0}, {"session", NULL, "x", NULL, 0},
        {"session", "x", "z", "t", 0},   {"session", NULL, NULL, "x", -1},
        {"tenant", "y", NULL, "x", 0},   {"tenant", "x", NULL, NULL, -1},
        {"none", "x", "x", "x", -1},     {NULL, "x", "x", "x", -1},
    };
    uint64_t hash[ARRAY_LEN(cases)];
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct task *t = task_new();

        config.router.sticky = (char *)cases[i].sticky;
        t->session = cases[i].session ? mem_strdup(cases[i].session) : NULL;
        t->tenant = cases[i].tenant ? mem_strdup(cases[i].tenant) : NULL;
        if (cases[i].header)
            task_header_add(t, "sluice-session", cases[i].header, strlen(cases[i].header));
        hash[i] = rank_sticky(&config, t);
        if (cases[i].like < 0)
            cr_expect_eq(hash[i], 0, "case %zu", i);
        else
            cr_expect(hash[i] && hash[i] == hash[cases[i].like], "case %zu", i);
        task_free(t);
    }
}
