/* pool: deadlines, the store that fails, the journal, drain and stop. */
#include "pool_scene.h"

#include "io/store_int.h"

TestSuite(pool_life, .init = scene_open, .fini = scene_close, .timeout = 60);

static void fail_store(int writes, int opens)
{
    __atomic_store_n(&rig->store->fail_opens, opens, __ATOMIC_SEQ_CST);
    __atomic_store_n(&rig->store->fail_writes, writes, __ATOMIC_SEQ_CST);
}

static struct task *out_named(const char *id)
{
    struct task *t = rig_take(rig);

    cr_assert_not_null(t);
    cr_expect_str_eq(t->id, id);
    return t;
}

Test(pool_life, deadline_in_a_call)
{
    int64_t start_us = clock_mono_us();

    scene_start("", "");
    expect_free(asked("stall", "q", deadline_in(1000)), "deadline_exceeded", NULL);
    cr_expect_lt(clock_mono_us() - start_us, 20000000);
    cr_expect_eq(fake_http_requests(server), 1);
}

Test(pool_life, deadline_while_waiting)
{
    scene_start("", "");
    ask("one", "first", "", 0);
    wait_requests(1);
    expect_free(asked("one", "q", deadline_in(100)), "deadline_exceeded", NULL);
    expect_free(asked("ok", "r", deadline_in(-1000)), "deadline_exceeded", NULL);
    cr_assert(rig_wait(rig, 3));
    expect_free(out_named("first"), "200", NULL);
    cr_expect_eq(fake_http_requests(server), 1);
    cr_expect_eq(stats().waiting, 0);
}

Test(pool_life, task_timeout_is_the_deadline_of_those_that_have_none)
{
    scene_start("", ", task_timeout: 150ms");
    expect_free(asked("stall", "q", ""), "deadline_exceeded", NULL);
}

Test(pool_life, a_twin_does_not_wait_past_its_deadline)
{
    scene_start("", "");
    ask("slow", "q", "", 0);
    wait_requests(1);
    expect_free(asked("slow", "q", deadline_in(80)), "deadline_exceeded", NULL);
    cr_assert(rig_wait(rig, 2));
    expect_free(rig_take(rig), "200", "miss");
    cr_expect_eq(stats().twins, 0);
}

Test(pool_life, a_leaders_deadline_is_not_its_twins)
{
    struct task *t;
    int ok = 0;

    scene_start("", "");
    ask("slow", "q", deadline_in(500), 0);
    wait_requests(1);
    ask("slow", "q", "", 0);
    ask("slow", "q", "", 0);
    cr_assert(rig_wait(rig, 3));
    while ((t = rig_take(rig))) {
        ok += t->ok;
        expect_free(t, t->ok ? "200" : "deadline_exceeded", NULL);
    }
    cr_expect_eq(ok, 2);
    cr_expect_eq(fake_http_requests(server), 2);
}

/* What a leader that is given back has heard so far is not the end of its twins. */
Test(pool_life, a_leader_given_back_shares_nothing)
{
    scene_start("", ", context_window_fallbacks: [{context: [one]}]");
    ask("one", "busy", "", 0);
    wait_requests(1);
    ask("context", "q", "", 0);
    wait_requests(2);
    ask("context", "q", "", 0);
    WAIT_UNTIL(stats().twins == 1 && stats().waiting == 1);
    pool_drain(rig->pool);
    cr_assert(rig_wait(rig, 3));
    pool_stop(rig->pool);
    cr_expect_eq(rig_clear(rig), 2);
}

Test(pool_life, nothing_is_published_while_the_store_fails)
{
    scene_start(", max_in_flight: 10", "");
    fail_store(1000000, 0);
    ask("ok", "q", "", 1);
    wait_requests(1);
    WAIT_UNTIL(store_failing(rig->store));
    cr_expect_eq(pool_room(rig->pool), 0);
    cr_expect_eq(rig->nout, 0);
    cr_expect_eq(stats().storing, 1);
    cr_expect_eq(stats().stage, WHY_STORE_FAILING);
    fail_store(0, 0);
    cr_assert(rig_wait(rig, 1));
    expect_free(rig_take(rig), "200", "miss");
    pool_release(rig->pool, 1);
    WAIT_UNTIL(rig_rooms(rig));
    cr_expect_eq(pool_room(rig->pool), 10);
}

/* A write of nobody: it makes the store find out that it cannot. Outlives the test's stack. */
static struct store_op *some_write(void)
{
    static const uint8_t fingerprint[16];
    static struct store_op op;

    op = (struct store_op){.journal_key = (const uint8_t *)"x",
                           .journal_key_len = 1,
                           .fingerprint = fingerprint,
                           .reply = "r",
                           .reply_len = 1};
    return &op;
}

/* The database is closed between two tries: a journaled outcome must not be bought again. */
Test(pool_life, no_call_is_made_while_the_journal_cannot_be_read)
{
    struct store_op *op = some_write();
    struct outcome o;

    scene_start("", "");
    expect_free(answer_to(ask_more("ok", "q", "\"cache\":\"off\"", "", 1)), "200", "miss");
    fail_store(3, 1000000);
    store_submit(rig->store, op);
    WAIT_UNTIL(store_get_outcome(rig->store, op->journal_key, 1, op->fingerprint, &o, NULL) == -1);
    ask("ok", "q", "\"cache\":\"off\"", 1);
    WAIT_UNTIL(stats().delayed == 1);
    cr_expect_eq(fake_http_requests(server), 1);
    fail_store(0, 0);
    cr_assert(rig_wait(rig, 2));
    expect_free(rig_take(rig), "200", "miss");
    pool_stop(rig->pool);
    cr_expect_eq(fake_http_requests(server), 1);
    cr_expect_eq(stats().journaled, 1);
}

/* The leader waits for the store and then finds an answer in it, which is not what its twin asked for. */
Test(pool_life, a_twin_that_refreshes_takes_no_cached_answer)
{
    struct store_op *op = some_write();
    struct outcome o;
    struct task *t;
    int calls = 0;

    scene_start("", "");
    expect_free(asked("ok", "q", ""), "200", "miss");
    fail_store(3, 1000000);
    store_submit(rig->store, op);
    WAIT_UNTIL(store_get_outcome(rig->store, op->journal_key, 1, op->fingerprint, &o, NULL) == -1);
    ask("ok", "q", "", 0);
    WAIT_UNTIL(stats().delayed == 1);
    ask("ok", "q", "\"cache\":\"refresh\"", 0);
    WAIT_UNTIL(stats().twins == 1);
    fail_store(0, 0);
    cr_assert(rig_wait(rig, 3));
    while ((t = rig_take(rig))) {
        calls += t->cost_a_call;
        expect_free(t, "200", t->cache == CACHE_REFRESH ? "miss" : "hit");
    }
    cr_expect_eq(calls, 1);
    cr_expect_eq(fake_http_requests(server), 2);
}

Test(pool_life, a_task_held_for_the_store_is_given_back_at_a_drain)
{
    struct store_op *op = some_write();
    struct outcome o;

    scene_start("", "");
    fail_store(1000000, 1000000);
    store_submit(rig->store, op);
    WAIT_UNTIL(store_get_outcome(rig->store, op->journal_key, 1, op->fingerprint, &o, NULL) == -1);
    ask("ok", "q", "", 1);
    ask("ok", "r", "", 0); /* holds at the cache lookup */
    ask("ok", "r", "", 0); /* its twin */
    WAIT_UNTIL(stats().twins == 1 && stats().delayed == 2);
    pool_drain(rig->pool);
    cr_assert(rig_wait(rig, 3));
    cr_expect_eq(rig_clear(rig), 3);
    cr_expect_eq(fake_http_requests(server), 0);
}

Test(pool_life, an_outcome_is_replayed_after_a_restart)
{
    struct task *t;
    char *reply;

    scene_start("", "");
    t = answer_to(ask_more("ok", "q", "\"cache\":\"off\"", "", 5));
    reply = mem_strdup(t->reply);
    task_free(t);
    rig_stop_pool(rig);
    store_free(rig->store);
    rig_open_store(rig);
    rig_start(rig);
    t = answer_to(ask_more("ok", "q", "\"cache\":\"off\"", "", 5));
    cr_expect_str_eq(t->reply, reply);
    cr_expect(t->from_journal && !t->not_journaled);
    cr_expect(t->ok);
    cr_expect_eq(t->reply_status, 200);
    cr_expect_str_eq(t->id, "q");
    cr_expect_eq(fake_http_requests(server), 1);
    task_free(t);
    free(reply);
    t = answer_to(ask_more("ok", "another record", "", "", 5));
    cr_expect_not(t->from_journal, "its fingerprint is another one");
    expect_free(t, "200", "miss");
    cr_expect_eq(fake_http_requests(server), 2);
}

/* Of what is not, the store need not forget anything when the reply is out. */
Test(pool_life, what_is_not_in_the_journal_is_known)
{
    static const struct {
        const char *sluice;
        int64_t row;
        const char *cache;
        bool not_journaled;
    } cases[] = {
        {"", 5, "miss", false},
        {"", 6, "hit", true},
        {"", 5, "miss", false},              /* the outcome of the first again */
        {"\"priority\":1", 5, "hit", false}, /* the entry is of another record */
    };
    size_t i;

    scene_start("", "");
    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct task *t = answer_to(ask_more("ok", "q", cases[i].sluice, "", cases[i].row));

        cr_expect_eq(t->not_journaled, cases[i].not_journaled, "case %zu", i);
        expect_free(t, "200", cases[i].cache);
    }
}

/* Its model has gone from the configuration since: the reply is still the one that was paid for. */
Test(pool_life, an_outcome_is_replayed_under_another_configuration)
{
    struct task *t;

    scene_start("", "");
    expect_free(answer_to(ask_more("ok", "q", "", "", 5)), "200", "miss");
    rig_stop_pool(rig);
    free(rig->config->models[0].model_name);
    rig->config->models[0].model_name = mem_strdup("renamed");
    rig_start(rig);
    t = answer_to(ask_more("ok", "q", "", "", 5));
    cr_expect(t->from_journal);
    cr_expect_not(t->bad_record, "there is nothing to complain about");
    expect_free(t, "200", "miss");
}

Test(pool_life, drain_lets_calls_end_and_gives_the_rest_back)
{
    struct task *t;

    scene_start("", "");
    ask("slow", "running", "", 1);
    ask("one", "running too", "", 2);
    wait_requests(2);
    ask("one", "waits", "", 3);
    ask("slow", "running", "", 4); /* a twin */
    WAIT_UNTIL(stats().twins == 1 && stats().waiting == 1);
    pool_drain(rig->pool);
    cr_expect_eq(pool_room(rig->pool), 0);
    cr_assert(rig_wait(rig, 4));
    cr_expect_eq(pool_calls(rig->pool), 0);
    while ((t = rig_take(rig))) {
        cr_expect_eq(t->reply != NULL, strcmp(t->id, "waits") != 0, "%s", t->id);
        task_free(t);
    }
    cr_expect_eq(fake_http_requests(server), 2);
}

/* The record belongs to another worker by now: what is cached is answered, what would cost is given back. */
Test(pool_life, no_call_is_started_for_a_task_that_is_not_wanted)
{
    static atomic_bool wanted;
    struct task *t = NULL;

    scene_start("", "");
    expect_free(asked("ok", "cached", ""), "200", "miss");
    t = ask_more("ok", "cached", "", "", 0);
    t->wanted = &wanted;
    expect_free(answer_to(t), "200", "hit");
    t = ask_more("ok", "fresh", "", "", 0);
    t->wanted = &wanted;
    t = answer_to(t);
    cr_expect_null(t->reply, "given back");
    task_free(t);
    cr_expect_eq(fake_http_requests(server), 1);
    atomic_store(&wanted, true);
    t = ask_more("ok", "fresh", "", "", 0);
    t->wanted = &wanted;
    expect_free(answer_to(t), "200", "miss");
}

Test(pool_life, stop_gives_running_calls_back)
{
    struct pool_stats s;
    char q[16];
    int i;

    scene_start("", "");
    for (i = 0; i < 20; i++) {
        snprintf(q, sizeof q, "q%d", i % 15);
        ask(i % 2 ? "stall" : "one", q, "", i + 1);
    }
    wait_requests(5);
    pool_stop(rig->pool);
    cr_expect_eq(pool_unfinished(rig->pool), 0);
    cr_expect_eq(rig->nout, 20);
    s = stats();
    cr_expect_eq(s.submitted, 20);
    cr_expect_eq(s.calling, 0);
    cr_expect_eq(s.waiting + s.delayed + s.twins + s.storing, 0);
    cr_expect_eq(s.in_flight, 20);
    cr_expect_eq(rig_clear(rig), 20);
    cr_expect_eq(stats().in_flight, 0);
    pool_drain(rig->pool); /* too late, and harmless */
}

/* Calls end, others are about to begin, replies are being written: at whatever moment it is stopped. */
Test(pool_life, stop_at_any_moment)
{
    char q[24];
    int round, i;

    now[SLOW].delay_ms = 1;
    scene_start("", "");
    for (round = 0; round < 25; round++) {
        int64_t before = rig->nout;

        for (i = 0; i < 100; i++) {
            snprintf(q, sizeof q, "%d %d", round, i);
            ask("three", q, "", 1 + round * 100 + i);
        }
        rig_wait_ms(rig, before + round, 1000);
        pool_stop(rig->pool);
        cr_assert_eq(rig->nout, before + 100);
        cr_expect_eq(stats().finished + (uint64_t)rig_clear(rig), 100);
        rig->pool = pool_free(rig->pool);
        rig_start(rig);
    }
}

Test(pool_life, the_source_is_told_when_there_is_room)
{
    char q[8];
    int i;

    scene_start(", max_in_flight: 8", "");
    for (i = 0; i < 8; i++) {
        cr_expect_eq(pool_room(rig->pool), 8 - i);
        snprintf(q, sizeof q, "q%d", i);
        ask("ok", q, "", 0);
    }
    cr_expect_eq(pool_room(rig->pool), 0);
    cr_assert(rig_wait(rig, 8));
    cr_expect_eq(rig_rooms(rig), 0, "what the sink holds is in memory still");
    for (i = 0; i < 8; i++) {
        task_free(rig_take(rig));
        pool_release(rig->pool, 1);
        cr_expect_eq(rig_rooms(rig), i >= 3, "half of it is room, said once: %d", i);
    }
}

Test(pool_life, the_source_is_told_when_an_idle_pools_store_works_again)
{
    struct store_op *op = some_write();

    scene_start("", "");
    fail_store(1000000, 0);
    store_submit(rig->store, op);
    WAIT_UNTIL(store_failing(rig->store));
    cr_expect_eq(pool_room(rig->pool), 0);
    fail_store(0, 0);
    WAIT_UNTIL(rig_rooms(rig));
    cr_expect_gt(pool_room(rig->pool), 0);
}

/* So many that most of them give their bodies back, and read their records again when it is their turn. */
Test(pool_life, a_long_queue_is_called_as_a_short_one)
{
    enum { N = 6000 };
    char q[16];
    int i;

    scene_start(", max_calls: 4", "");
    for (i = 0; i < N; i++) {
        snprintf(q, sizeof q, "q%d", i);
        ask("ok", q, "", i + 1);
    }
    cr_assert(rig_wait_ms(rig, N, 60000));
    for (i = 0; i < N; i++)
        expect_free(rig_take(rig), "200", "miss");
    cr_expect_eq(fake_http_requests(server), N);
}

/* A call that ends alone is written in its worker's turn, which may have other ends to hand over, too. */
Test(pool_life, a_lone_write_and_other_ends_of_its_turn_are_all_counted)
{
    enum { ROUNDS = 300, OTHERS = 20 };
    char q[16];
    int i, k, n = 0;

    scene_start("", "");
    for (i = 0; i < ROUNDS; i++) {
        snprintf(q, sizeof q, "q%d", i);
        ask("ok", q, "", ++n);
        for (k = 0; k < OTHERS; k++)
            ask("nobody", q, "", ++n);
        cr_assert(rig_wait_ms(rig, n, 60000), "round %d", i);
    }
    WAIT_UNTIL(pool_unfinished(rig->pool) == 0);
    while (n-- > 0)
        task_free(rig_take(rig));
}
