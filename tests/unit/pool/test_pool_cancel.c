/* pool: tasks that are ended from outside: pool_cancel(), and records that were there at too many crashes. */
#include "pool_scene.h"

#include "io/store_int.h"

TestSuite(pool_cancel, .init = scene_open, .fini = scene_close, .timeout = 60);

static struct task *submitted(const char *model, const char *prompt, int64_t row)
{
    struct task *t = ask_more(model, prompt, "", "", row);

    rig_submit(rig, t);
    return t;
}

/* The next one that comes out, after n have. */
static struct task *nth(int64_t n)
{
    cr_assert(rig_wait(rig, n), "%d came", (int)rig->nout);
    return rig_take(rig);
}

Test(pool_cancel, a_running_call_is_cut_off_and_journaled)
{
    struct task *t;

    scene_start("", "");
    t = submitted("stall", "q", 1);
    wait_requests(1);
    pool_cancel(rig->pool, t);
    cr_assert_eq(nth(1), t);
    expect_end(t, "head_cancelled", "miss");
    cr_expect_eq(t->ntrail, 1);
    cr_expect(t->cost_a_call);
    cr_expect(strstr(t->reply, "\"cost_usd\":null"), "nobody knows: %s", t->reply);
    task_free(t);
    pool_release(rig->pool, 1);
    expect_free(answer_to(ask_more("ok", "r", "", "", 2)), "200", "miss");
    t = answer_to(ask_more("stall", "q", "", "", 1));
    cr_expect(t->from_journal, "it comes back from an earlier life");
    expect_free(t, "head_cancelled", NULL);
    cr_expect_eq(fake_http_requests(server), 2);
    pool_stop(rig->pool);
    cr_expect_eq(stats().cancelled, 1);
    cr_expect_eq(stats().calling, 0);
}

Test(pool_cancel, a_cut_off_call_gives_its_place_back)
{
    struct task *t;

    scene_start(", max_calls: 1", "");
    t = submitted("stall", "q", 1);
    wait_requests(1);
    submitted("ok", "waits", 2);
    WAIT_UNTIL(stats().waiting == 1);
    pool_cancel(rig->pool, t);
    expect_free(nth(1), "head_cancelled", NULL);
    expect_free(nth(2), "200", "miss");
}

static void expect_waiting_one_ends(const char *router)
{
    struct task *t;

    scene_start("", router);
    submitted("one", "runs", 1);
    wait_requests(1);
    t = submitted("one", "waits", 2);
    WAIT_UNTIL(stats().waiting == 1);
    pool_cancel(rig->pool, t);
    cr_assert_eq(nth(1), t);
    expect_free(t, "head_cancelled", NULL);
    expect_free(nth(2), "200", "miss");
    cr_expect_eq(fake_http_requests(server), 1);
}

Test(pool_cancel, a_task_that_waits_for_a_route)
{
    expect_waiting_one_ends("");
}

Test(pool_cancel, a_task_that_waits_and_has_no_deadline)
{
    expect_waiting_one_ends(", task_timeout: 0");
}

Test(pool_cancel, a_task_that_waits_for_its_next_try)
{
    struct task *t;

    scene_start("", ", allowed_fails: 100");
    say(E500, 500, "retry-after-ms: 30000\r\n", ERROR("server_error"));
    t = submitted("e500", "q", 1);
    WAIT_UNTIL(stats().delayed + stats().waiting == 1);
    pool_cancel(rig->pool, t);
    expect_free(nth(1), "head_cancelled", NULL);
    cr_expect_eq(fake_http_requests(server), 1);
}

Test(pool_cancel, a_twin_leaves_its_flight)
{
    struct task *twin;

    scene_start("", "");
    submitted("slow", "q", 1);
    wait_requests(1);
    twin = submitted("slow", "q", 2);
    WAIT_UNTIL(stats().twins == 1);
    pool_cancel(rig->pool, twin);
    cr_assert_eq(nth(1), twin);
    expect_free(twin, "head_cancelled", NULL);
    expect_free(nth(2), "200", "miss");
}

Test(pool_cancel, the_twins_of_a_cancelled_leader_try_for_themselves)
{
    struct task *leader;

    scene_start("", "");
    leader = submitted("stall", "q", 1);
    wait_requests(1);
    submitted("stall", "q", 2);
    WAIT_UNTIL(stats().twins == 1);
    heal(STALL);
    pool_cancel(rig->pool, leader);
    expect_free(nth(1), "head_cancelled", NULL);
    expect_free(nth(2), "200", "miss");
    cr_expect_eq(fake_http_requests(server), 2);
}

Test(pool_cancel, an_answer_that_is_there_is_given)
{
    struct task *t;

    scene_start("", "");
    expect_free(asked("ok", "q", ""), "200", "miss");
    t = ask_more("ok", "q", "", "", 0);
    atomic_store(&t->cancelled, true);
    expect_free(answer_to(t), "200", "hit");
    t = ask_more("ok", "another", "", "", 0);
    atomic_store(&t->cancelled, true);
    expect_free(answer_to(t), "head_cancelled", NULL);
    cr_expect_eq(fake_http_requests(server), 1);
}

Test(pool_cancel, too_late_is_harmless)
{
    struct task *t;

    scene_start("", "");
    t = asked("ok", "q", "");
    pool_cancel(rig->pool, t);
    expect_free(t, "200", "miss");
    expect_free(asked("ok", "r", ""), "200", "miss");
}

/* Calls end, others are about to begin, at whatever moment they are cancelled. */
Test(pool_cancel, at_any_moment)
{
    enum { N = 40 };
    struct task *tasks[N], *t;
    char q[24];

    now[SLOW].delay_ms = 1;
    scene_start("", "");
    for (int round = 0; round < 20; round++) {
        int64_t before = rig->nout;
        struct list_node all;

        list_init(&all);
        for (int i = 0; i < N; i++) {
            snprintf(q, sizeof q, "%d %d", round, i / 2);
            tasks[i] = ask_more("three", q, "", "", 0);
            list_push(&all, &tasks[i]->node);
        }
        pool_submit(rig->pool, &all);
        rig_wait_ms(rig, before + round, 1000);
        for (int i = 0; i < N; i += 3) /* nobody frees them before rig_take() */
            pool_cancel(rig->pool, tasks[i]);
        cr_assert(rig_wait(rig, before + N));
        while ((t = rig_take(rig))) {
            cr_expect(t->ok || atomic_load(&t->cancelled), "%s", t->reply);
            cr_expect_not_null(t->reply);
            task_free(t);
            pool_release(rig->pool, 1);
        }
    }
    pool_stop(rig->pool);
    cr_expect_eq(stats().calling, 0);
    cr_expect_eq(stats().waiting + stats().delayed + stats().twins, 0);
}

/* ---- poison ---- */

static struct task *poison_of(const char *record, const char *key, int64_t row)
{
    struct task *t = rig_task(record, row);

    t->poison = true;
    t->key = mem_strdup(key);
    t->key_len = key ? strlen(key) : 0;
    return t;
}

Test(pool_cancel, a_poison_record_is_not_even_parsed)
{
    static const char good[] =
        "{\"custom_id\":\"inside\",\"body\":{\"model\":\"ok\",\"prompt\":\"q\"}}";
    struct task *t;

    scene_start("", "");
    t = answer_to(poison_of(good, "k", 1));
    cr_expect_str_eq(t->id, "k", "its value was not looked at");
    cr_expect_null(t->body);
    cr_expect(t->poison, "for the dead-letter topic");
    cr_expect_not(t->bad_record);
    cr_expect(strstr(t->reply, "pool.poison_crashes"), "%s", t->reply);
    expect_free(t, "poison", NULL);
    t = answer_to(poison_of("\xff{", NULL, 2));
    cr_expect_str_eq(t->id, "job-0-2");
    expect_free(t, "poison", NULL);
    cr_expect_eq(fake_http_requests(server), 0);
    pool_stop(rig->pool);
    cr_expect_eq(stats().poisoned, 2);
}

Test(pool_cancel, a_poison_record_that_was_answered_gets_its_answer)
{
    static const char good[] = "{\"custom_id\":\"x\",\"body\":{\"model\":\"ok\",\"prompt\":\"q\"}}";
    struct task *t;

    scene_start("", "");
    expect_free(answer_to(rig_task(good, 1)), "200", "miss");
    t = rig_task(good, 1);
    t->poison = true;
    t = answer_to(t);
    cr_expect(t->from_journal);
    cr_expect_not(t->poison, "no dead letter for it");
    cr_expect_eq(t->reply_status, 200);
    expect_free(t, "200", NULL);
    cr_expect_eq(fake_http_requests(server), 1);
}
