/* pool: calls, cache, single flight, retry and reselection, against a provider on loopback. */
#include "pool_scene.h"

TestSuite(pool, .init = scene_open, .fini = scene_close, .timeout = 60);

Test(pool, success_with_usage_and_cost)
{
    struct reply_view v;
    struct task *t;

    scene_start("", "");
    t = asked("ok", "q", "");
    expect_end(t, "200", "miss");
    cr_assert_eq(reply_read(t->reply, t->reply_len, &v, NULL), 0);
    cr_expect_eq(v.usage.input_tokens, 10);
    cr_expect_eq(v.usage.output_tokens, 5);
    cr_expect_float_eq(v.cost_usd, 0.06, 1e-9);
    cr_expect_str_eq(v.model, "ok");
    reply_view_done(&v);
    cr_expect_null(t->body, "a reply that waits to be published holds no request");
    cr_expect_null(t->completion->body, "nor a second copy of the answer");
    task_free(t);
    pool_stop(rig->pool);
    cr_expect_eq(stats().calls, 1);
    cr_expect_eq(stats().succeeded, 1);
    cr_expect_eq(stats().input_tokens, 10);
    cr_expect_eq(stats().output_tokens, 5);
    cr_expect_float_eq(stats().cost_usd, 0.06, 1e-9);
    cr_expect_eq(stats().in_flight, 0);
}

static void expect_cost(struct task *t, double want)
{
    struct reply_view v;

    cr_assert_eq(reply_read(t->reply, t->reply_len, &v, NULL), 0);
    cr_expect_float_eq(v.cost_usd, want, 1e-9, "%s", t->reply);
    reply_view_done(&v);
    task_free(t);
}

/* By what the answer says: its tier, or its cost. An answer out of the cache is free, whatever it cost. */
Test(pool, cost_as_the_answer_says)
{
    say(OK, 200, "",
        "{\"choices\":[{\"message\":{\"content\":\"yes\"},\"finish_reason\":\"stop\"}],"
        "\"service_tier\":\"flex\",\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,"
        "\"cost\":0.25}}");
    scene_start("", "");
    expect_cost(asked("billed", "q", ""), 0.25);
    expect_cost(asked("tiered", "other", ""), 0.025); /* 10*0.0005 + 5*0.004 */
    expect_cost(asked("ok", "third", ""), 0.06);
    expect_cost(asked("billed", "q", ""), 0);
    pool_stop(rig->pool);
    cr_expect_float_eq(stats().cost_usd, 0.335, 1e-9);
    cr_expect_eq(stats().cost_unknown, 0);
}

/* An answer with nothing in it was charged, too: to the task that gets a better one, or none. */
Test(pool, cost_of_answers_that_are_no_good)
{
    say(COPY, 200, "", "{\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":2}}");
    scene_start("", ", num_retries: 1");
    expect_cost(asked("copy", "q", "\"models\":[\"copy\",\"ok\"]"), 2 * 0.03 + 0.06);
    expect_cost(asked("copy", "r", ""), 2 * 0.03);
    pool_stop(rig->pool);
    cr_expect_eq(stats().calls, 5);
    cr_expect_float_eq(stats().cost_usd, 0.18, 1e-9);
    cr_expect_eq(stats().cost_unknown, 0);
}

Test(pool, cache_modes)
{
    static const struct {
        const char *sluice, *cache;
        int calls; /* so far */
    } cases[] = {
        {"", "miss", 1},
        {"", "hit", 1},
        {"\"cache\":\"refresh\"", "miss", 2},
        {"", "hit", 2},
        {"\"cache\":\"off\"", "miss", 3},
        {"\"sample\":1", "miss", 4},
        {"\"sample\":1", "hit", 4},
        {"\"tenant\":\"a\"", "miss", 5},
    };
    size_t i;

    scene_start("", "");
    for (i = 0; i < ARRAY_LEN(cases); i++) {
        expect_free(asked("ok", "q", cases[i].sluice), "200", cases[i].cache);
        cr_expect_eq(fake_http_requests(server), cases[i].calls, "case %zu", i);
    }
}

Test(pool, a_fallbacks_answer_is_accepted_from_the_cache)
{
    scene_start("", ", fallbacks: [{e500: [ok]}]");
    expect_free(asked("ok", "q", ""), "200", "miss");
    expect_free(asked("e500", "q", ""), "200", "hit");
    expect_free(asked("bad", "q", "\"models\":[\"bad\",\"ok\"]"), "200", "hit");
    cr_expect_eq(fake_http_requests(server), 1);
}

/* What may not be an answer to somebody else: cut short, or not to be kept. */
Test(pool, what_is_not_stored_is_asked_for_again)
{
    scene_start("", "");
    say(COPY, 200, "", CUT_SHORT);
    expect_free(asked("copy", "q", ""), "200", "miss");
    expect_free(asked("copy", "q", ""), "200", "miss");
    expect_free(asked("ok", "r", "\"cache\":\"off\""), "200", "miss");
    expect_free(asked("ok", "r", ""), "200", "miss");
    cr_expect_eq(fake_http_requests(server), 4);
}

Test(pool, without_a_cache_each_makes_its_own_call)
{
    struct task *t;

    scene_start("", "");
    ask("slow", "q", "\"cache\":\"off\"", 0);
    ask("slow", "q", "\"cache\":\"off\"", 0);
    cr_assert(rig_wait(rig, 2));
    while ((t = rig_take(rig)))
        expect_free(t, "200", "miss");
    cr_expect_eq(fake_http_requests(server), 2);
    pool_stop(rig->pool);
    cr_expect_eq(stats().cost_unknown, 2);
}

Test(pool, what_has_expired_is_asked_for_again)
{
    scene_start("}\ncache: {ttl: 1ms", "");
    expect_free(asked("ok", "q", ""), "200", "miss");
    rig_pause_ms(5);
    expect_free(asked("ok", "q", ""), "200", "miss");
}

Test(pool, a_fallbacks_answer_is_not_taken_when_that_is_off)
{
    scene_start("}\ncache: {accept_fallbacks: false", "");
    expect_free(asked("ok", "q", ""), "200", "miss");
    expect_free(asked("bad", "q", "\"models\":[\"bad\",\"ok\"]"), "400", "miss");
    expect_free(asked("ok", "q", "\"models\":[\"ok\",\"bad\"]"), "200", "hit");
}

Test(pool, fifty_twins_make_one_call)
{
    struct task *t;
    int i, coalesced = 0;

    scene_start("", "");
    for (i = 0; i < 50; i++)
        ask("slow", "q", "", 0);
    WAIT_UNTIL(stats().twins == 49);
    cr_assert(rig_wait(rig, 50));
    while ((t = rig_take(rig))) {
        coalesced += strstr(t->reply, "\"cache\":\"coalesced\"") != NULL;
        expect_free(t, "200", NULL);
    }
    cr_expect_eq(coalesced, 49);
    cr_expect_eq(fake_http_requests(server), 1);
    cr_expect_eq(stats().twins, 0);
}

Test(pool, twins_share_what_lies_in_the_request_and_nothing_else)
{
    static const struct {
        const char *model, *end;
        int requests;
    } cases[] = {{"bad", "400", 1}, {"e500", "500", 3}};
    int before = 0;
    size_t i;

    now[BAD].delay_ms = now[E500].delay_ms = 100;
    scene_start("", ", num_retries: 0");
    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct task *t;
        int n;

        for (n = 0; n < 3; n++)
            ask(cases[i].model, "q", "", 0);
        cr_assert(rig_wait(rig, (int64_t)(i + 1) * 3));
        while ((t = rig_take(rig)))
            expect_free(t, cases[i].end, NULL);
        cr_expect_eq(fake_http_requests(server) - before, cases[i].requests, "%s", cases[i].model);
        before = fake_http_requests(server);
    }
}

Test(pool, failures)
{
    static const struct {
        const char *model, *body, *end;
        int requests;
    } cases[] = {
        {"bad", "", "400", 1},
        {"context", "", "400", 1},
        {"e500", "", "500", 3},
        {"cut", "", "transport", 3},
        {"claude", ",\"logit_bias\":{\"1\":2}", "400", 0},
        {"mixed", "", "200", -1},
    };
    size_t i;

    scene_start("", ", num_retries: 2, allowed_fails: 100");
    for (i = 0; i < ARRAY_LEN(cases); i++) {
        int before = fake_http_requests(server);
        struct task *t = answer_to(ask_more(cases[i].model, "q", "", cases[i].body, 0));

        if (strcmp(cases[i].end, "transport") == 0)
            cr_expect_not(t->ok);
        else
            expect_end(t, cases[i].end, NULL);
        if (cases[i].requests >= 0)
            cr_expect_eq(fake_http_requests(server) - before, cases[i].requests, "%s: %d",
                         cases[i].model, fake_http_requests(server) - before);
        task_free(t);
    }
}

Test(pool, bad_records)
{
    static const char *const records[] = {"{", "", "[]", "{\"model\":\"nobody\",\"prompt\":\"x\"}",
                                          "{\"model\":\"ok\"}"};
    size_t i;

    scene_start("", "");
    for (i = 0; i < ARRAY_LEN(records); i++) {
        struct task *t = answer_to(rig_task(records[i], (int64_t)i + 1));

        cr_expect_not(t->ok, "%s", records[i]);
        cr_expect_not_null(t->reply);
        task_free(t);
    }
    cr_expect_eq(fake_http_requests(server), 0);
}

Test(pool, recovers)
{
    static const struct {
        const char *model;
        int path;
    } cases[] = {{"e500", E500}, {"reset", RESET}, {"cut", CUT}};
    size_t i;

    scene_start("", ", num_retries: 100");
    for (i = 0; i < ARRAY_LEN(cases); i++) {
        int before = fake_http_requests(server);
        struct task *t;

        ask(cases[i].model, "q", "", 0);
        wait_requests(before + 2);
        heal(cases[i].path);
        cr_assert(rig_wait(rig, (int64_t)i + 1), "%s", cases[i].model);
        t = rig_take(rig);
        cr_expect_geq(t->ntrail, 3);
        expect_free(t, "200", "miss");
    }
    cr_expect_geq(stats().retries, 1);
}

Test(pool, a_429_waits_as_long_as_it_says_and_uses_no_attempt)
{
    int64_t start_us = clock_mono_us();
    struct task *t;

    scene_start("", ", num_retries: 0");
    ask("e429", "q", "", 0);
    wait_requests(3);
    cr_expect_geq(clock_mono_us() - start_us, 120000);
    heal(E429);
    cr_assert(rig_wait(rig, 1));
    t = rig_take(rig);
    cr_expect_eq(t->attempts_used, 0);
    expect_free(t, "200", "miss");
    pool_stop(rig->pool);
    cr_expect_geq(stats().rate_limited, 3);
}

/* What a server says about trying again is heard. */
Test(pool, hints_of_the_server)
{
    int64_t start_us;

    scene_start("", ", num_retries: 1, allowed_fails: 100");
    say(E500, 500, "x-should-retry: false\r\n", ERROR("server_error"));
    expect_free(asked("e500", "q", ""), "500", NULL);
    cr_expect_eq(fake_http_requests(server), 1);
    say(E500, 500, "retry-after-ms: 200\r\n", ERROR("server_error"));
    start_us = clock_mono_us();
    expect_free(asked("e500", "r", ""), "500", NULL);
    cr_expect_eq(fake_http_requests(server), 3);
    cr_expect_geq(clock_mono_us() - start_us, 200000);
}

/* The tokens that an answer did not use are there for the next one: else it would wait for a minute. */
Test(pool, what_was_not_used_is_given_back)
{
    scene_start("", "");
    expect_free(asked("paced", "q", ""), "200", "miss");
    expect_free(asked("paced", "r", ""), "200", "miss");
}

Test(pool, times_in_the_reply)
{
    struct task *t;

    scene_start("", "");
    ask("one", "q", "", 0);
    ask("one", "r", "", 0);
    cr_assert(rig_wait(rig, 2));
    while ((t = rig_take(rig))) {
        cr_expect_geq(t->inference_us, 1000000);
        cr_expect_gt(t->queued_us, 0);
        task_free(t);
    }
}

static size_t route_of(const char *name)
{
    size_t i = 0;

    while (strcmp(rig->config->models[i].model_name, name) != 0)
        i++;
    return i;
}

Test(pool, what_holds_it_back)
{
    scene_start(", max_calls: 1", "");
    cr_expect_eq(stats().stage, WHY_INPUT);
    ask("slow", "q", "", 0);
    wait_requests(1);
    cr_expect_eq(stats().stage, WHY_INPUT);
    cr_expect_eq(stats().route[route_of("slow")].why, WHY_ANSWERS);
    ask("slow", "r", "", 0);
    WAIT_UNTIL(stats().waiting == 1);
    cr_expect_eq(stats().stage, WHY_MODELS);
    cr_expect_eq(stats().route[route_of("slow")].why, WHY_MAX_CALLS);
    cr_expect_eq(stats().route[route_of("ok")].why, WHY_IDLE);
}

Test(pool, a_full_pool_says_of_what)
{
    struct pool_explain x;

    scene_start(", max_in_flight: 2", "");
    ask("slow", "q", "", 0);
    ask("slow", "r", "", 0);
    wait_requests(2);
    cr_expect_eq(stats().stage, WHY_IN_FLIGHT);
    cr_expect_eq(stats().route[route_of("ok")].why, WHY_IN_FLIGHT);
    pool_stop(rig->pool);
    rig_clear(rig);
    pool_explain(rig->pool, &x);
    cr_expect_gt(x.pool.run_us[WHY_IN_FLIGHT], 0);
}

Test(pool, replies_that_nobody_takes_away_hold_it)
{
    scene_start(", max_in_flight: 2", "");
    ask("ok", "q", "", 0);
    ask("ok", "r", "", 0);
    cr_assert(rig_wait(rig, 2));
    WAIT_UNTIL(stats().stage == WHY_PUBLISH);
    rig_clear(rig);
    WAIT_UNTIL(stats().stage == WHY_INPUT);
    pool_source_is(rig->pool, WHY_KAFKA);
    cr_expect_eq(stats().stage, WHY_KAFKA);
}

/* However long the provider is away: each try of a cooling route costs a task nothing. */
Test(pool, an_outage_costs_no_task)
{
    struct task *t;

    scene_start("", ", num_retries: 2, allowed_fails: 2");
    ask("e500", "q", "", 0);
    wait_requests(5);
    cr_expect_eq(rig->nout, 0);
    heal(E500);
    cr_assert(rig_wait(rig, 1));
    t = rig_take(rig);
    cr_expect_eq(t->attempts_used, 2);
    expect_free(t, "200", "miss");
}

Test(pool, fallbacks)
{
    scene_start("", ", num_retries: 0, fallbacks: [{e500: [ok]}, {e401: [ok]}],"
                    " context_window_fallbacks: [{context: [ok]}]");
    expect_free(asked("e500", "a", ""), "200", "miss");
    expect_free(asked("context", "b", ""), "200", "miss");
    expect_free(asked("e401", "c", ""), "200", "miss");
    expect_free(asked("e500", "d", "\"models\":[\"e500\",\"ok\"]"), "200", "miss");
    pool_stop(rig->pool);
    cr_expect_eq(stats().reselections, 4);
    cr_expect_eq(stats().retries, 0);
}

/* A key that expired: nothing is lost, the task waits for the route. */
Test(pool, a_bad_key_strands_tasks_and_loses_none)
{
    scene_start("", "");
    ask("e401", "q", "", 0);
    ask("e401", "r", "", 0);
    WAIT_UNTIL(stats().stranded == 2);
    cr_expect_eq(stats().stage, WHY_MODELS);
    cr_expect_eq(stats().route[route_of("e401")].why, WHY_OFF_CREDENTIAL);
    cr_expect_eq(rig->nout, 0);
    cr_expect_leq(fake_http_requests(server), 2);
    pool_stop(rig->pool);
    cr_expect_eq(rig->nout, 2);
    cr_expect_eq(rig_clear(rig), 2, "given back");
}

Test(pool, limits_hold)
{
    struct task *t;
    char q[8];
    int64_t most = 0;
    int i;

    scene_start("", "");
    for (i = 0; i < 12; i++) {
        snprintf(q, sizeof q, "q%d", i);
        ask("three", q, "", 0);
    }
    while (!rig_wait_ms(rig, 12, 10)) {
        struct pool_stats seen = stats();
        int64_t running = 0;

        /* Of the routes, not of the pool: there a call counts until its outcome is durable. */
        for (i = 0; i < POOL_ROUTES_MAX; i++)
            running += seen.route[i].running;
        most = running > most ? running : most;
    }
    cr_expect_eq(most, 3);
    while ((t = rig_take(rig)))
        expect_free(t, "200", "miss");
}
