/* pool: dedupe: task_id. The first record with an id is answered, any other one ends without a reply. */
#include "pool_scene.h"

#include "io/store_int.h"

static void dedupe_open(void)
{
    scene_top = "dedupe: task_id\n";
    scene_open();
}

TestSuite(pool_dedupe, .init = dedupe_open, .fini = scene_close, .timeout = 60);

/* A record at this offset whose key is its id; not journaled, so that a redelivered one is worked on. */
static struct task *copy(const char *model, const char *id, int64_t offset)
{
    struct task *t = ask_more(model, id, "\"cache\":\"off\"", "", offset);

    task_set_journal_key(t, NULL, 0);
    t->key = mem_strdup(id);
    t->key_len = strlen(id);
    t->has_id_scope = true;
    return t;
}

static void expect_silent(struct task *t)
{
    cr_expect(t->silent, "offset %lld", (long long)t->origin.offset);
    cr_expect_null(t->reply);
    task_free(t);
}

static void expect_answer(struct task *t)
{
    cr_expect_not(t->silent);
    expect_free(t, "200", NULL);
}

static void restart(void)
{
    rig_stop_pool(rig);
    store_free(rig->store);
    rig_open_store(rig);
    rig_start(rig);
}

Test(pool_dedupe, off_by_default)
{
    scene_top = "";
    scene_start("", "");
    expect_answer(answer_to(copy("ok", "a", 1)));
    expect_answer(answer_to(copy("ok", "a", 2)));
    cr_expect_eq(fake_http_requests(server), 2);
}

Test(pool_dedupe, a_second_record_gets_no_reply_and_no_call)
{
    scene_start("", "");
    expect_answer(answer_to(copy("ok", "a", 1)));
    expect_silent(answer_to(copy("ok", "a", 2)));
    expect_silent(answer_to(copy("slow", "a", 3))); /* asks something else */
    expect_answer(answer_to(copy("ok", "b", 4)));
    cr_expect_eq(fake_http_requests(server), 2);
    rig_stop_pool(rig);
    rig_start(rig);
    expect_silent(answer_to(copy("ok", "a", 5)));
    rig_clear(rig);
}

Test(pool_dedupe, counts)
{
    struct pool_stats s;

    scene_start("", "");
    expect_answer(answer_to(copy("ok", "a", 1)));
    expect_silent(answer_to(copy("ok", "a", 2)));
    pool_stop(rig->pool);
    s = stats();
    cr_expect_eq(s.duplicates, 1);
    cr_expect_eq(s.finished, 1);
    cr_expect_eq(s.in_flight, 0);
    cr_expect_eq(s.storing, 0);
}

Test(pool_dedupe, a_redelivered_record_is_no_second_one)
{
    scene_start("", "");
    expect_answer(answer_to(copy("ok", "a", 7)));
    expect_answer(answer_to(copy("ok", "a", 7)));
    restart();
    expect_answer(answer_to(copy("ok", "a", 7)));
    cr_expect_eq(fake_http_requests(server), 3);
}

Test(pool_dedupe, it_is_known_after_a_restart)
{
    scene_start("", "");
    expect_answer(answer_to(copy("ok", "a", 1)));
    restart();
    expect_silent(answer_to(copy("ok", "a", 2)));
    cr_expect_eq(fake_http_requests(server), 1);
}

Test(pool_dedupe, an_error_is_a_reply)
{
    scene_start("", "");
    expect_free(answer_to(copy("bad", "a", 1)), "400", NULL);
    expect_silent(answer_to(copy("ok", "a", 2)));
}

/* The first of each id is answered, whichever worker is the fastest. */
Test(pool_dedupe, copies_in_flight_at_once)
{
    enum { IDS = 200, COPIES = 5 };
    int64_t first[IDS];
    struct list_node all;
    struct task *t;
    int i, k;
    int64_t offset = 0;
    char id[16];

    scene_start(", max_calls: 50", "");
    list_init(&all);
    for (k = 0; k < COPIES; k++)
        for (i = 0; i < IDS; i++) {
            snprintf(id, sizeof id, "%d", i);
            if (k == 0)
                first[i] = offset;
            list_push(&all, &copy("ok", id, offset++)->node);
        }
    pool_submit(rig->pool, &all);
    cr_assert(rig_wait(rig, IDS * COPIES));
    while ((t = rig_take(rig))) {
        bool is_first = false;

        cr_assert_eq(config_int(t->id, &offset), 0);
        is_first = first[offset] == t->origin.offset;
        cr_expect_eq(t->reply != NULL, is_first, "%s at %lld", t->id, (long long)t->origin.offset);
        cr_expect_eq(t->silent, !is_first);
        task_free(t);
        pool_release(rig->pool, 1);
    }
    cr_expect_eq(fake_http_requests(server), IDS);
}

Test(pool_dedupe, a_topic_made_anew_begins_again)
{
    int64_t answered_ms = 0;

    scene_start("", "");
    expect_answer(answer_to(copy("ok", "a", 50)));
    answered_ms = clock_wall_ms();
    WAIT_UNTIL(clock_wall_ms() > answered_ms);
    expect_answer(answer_to(copy("ok", "a", 10)));
    expect_silent(answer_to(copy("ok", "a", 50)));
    expect_answer(answer_to(copy("ok", "a", 10)));
}

/* It was here before the claim was made: it has only been overtaken. */
Test(pool_dedupe, an_overtaken_record_is_a_second_one)
{
    struct task *t = copy("ok", "a", 10);

    scene_start("", "");
    expect_answer(answer_to(copy("ok", "a", 50)));
    expect_silent(answer_to(t));
}

Test(pool_dedupe, the_partition_does_not_matter_and_the_topic_does)
{
    struct task *t = copy("ok", "a", 1);

    scene_start("", "");
    expect_answer(answer_to(copy("ok", "a", 5)));
    t->origin.partition = 3;
    expect_silent(answer_to(t));
    t = copy("ok", "a", 6);
    t->id_scope[0] = 1;
    expect_answer(answer_to(t));
}

Test(pool_dedupe, an_id_is_forgotten_in_time)
{
    int64_t claimed_ms = 0;

    scene_start("", "");
    rig->store->conf.max_age_ms[STORE_CLAIMS] = 200;
    expect_answer(answer_to(copy("ok", "a", 1)));
    claimed_ms = clock_wall_ms();
    WAIT_UNTIL(clock_wall_ms() > claimed_ms + 200);
    expect_answer(answer_to(copy("ok", "a", 2)));
}

Test(pool_dedupe, a_record_with_another_key_is_served_and_counted)
{
    struct task *t;

    scene_start("", "");
    for (int64_t i = 1; i <= 4; i++) {
        t = copy("ok", "a", i);
        free(STEAL(t->key));
        t->key_len = 0;
        if (i > 2) {
            t->key = mem_strdup("ab");
            t->key_len = 2;
        }
        expect_answer(answer_to(t));
    }
    expect_answer(answer_to(copy("ok", "a", 5)));
    pool_stop(rig->pool);
    cr_expect_eq(stats().unkeyed, 4);
    cr_expect_eq(stats().duplicates, 0);
}

Test(pool_dedupe, a_source_without_a_scope_is_left_alone)
{
    struct task *t;

    scene_start("", "");
    for (int64_t i = 1; i <= 2; i++) {
        t = copy("ok", "a", i);
        t->has_id_scope = false;
        expect_answer(answer_to(t));
    }
    pool_stop(rig->pool);
    cr_expect_eq(stats().unkeyed, 0);
}

/* What cannot be read claims nothing: the corrected record must get its answer. */
Test(pool_dedupe, a_bad_record_claims_nothing)
{
    scene_start("", "");
    expect_free(answer_to(copy("no such model", "a", 1)), "bad_record", NULL);
    expect_free(answer_to(copy("no such model", "a", 2)), "bad_record", NULL);
    expect_answer(answer_to(copy("ok", "a", 3)));
    expect_silent(answer_to(copy("ok", "a", 4)));
}

static void fail_store(int writes, int opens)
{
    __atomic_store_n(&rig->store->fail_opens, opens, __ATOMIC_SEQ_CST);
    __atomic_store_n(&rig->store->fail_writes, writes, __ATOMIC_SEQ_CST);
}

Test(pool_dedupe, without_a_claim_on_the_disk_there_is_no_call)
{
    scene_start("", "");
    fail_store(1000000, 0);
    rig_submit(rig, copy("ok", "a", 1));
    WAIT_UNTIL(store_failing(rig->store));
    cr_expect_eq(stats().storing, 1);
    cr_expect_eq(fake_http_requests(server), 0);
    expect_silent(answer_to(copy("ok", "a", 2))); /* the claim is on its way */
    cr_expect_eq(fake_http_requests(server), 0);
    fail_store(0, 0);
    cr_assert(rig_wait(rig, 2));
    expect_answer(rig_take(rig));
    expect_silent(answer_to(copy("ok", "a", 3)));
}

/* Even when the answer is there already. */
Test(pool_dedupe, a_claim_that_cannot_be_written_at_a_stop_gives_the_task_back)
{
    struct task *t;

    scene_start("", "");
    expect_free(asked("ok", "a", ""), "200", "miss");
    t = ask_more("ok", "a", "", "", 0);
    t->key = mem_strdup("a");
    t->key_len = 1;
    t->has_id_scope = true;
    fail_store(1000000, 0);
    rig_submit(rig, t);
    WAIT_UNTIL(store_failing(rig->store));
    pool_stop(rig->pool);
    t = rig_take(rig);
    cr_assert_not_null(t);
    cr_expect_null(t->reply);
    cr_expect_not(t->silent, "it stays open");
    task_free(t);
    cr_expect_eq(fake_http_requests(server), 1);
    fail_store(0, 0);
}

/* The database is closed between two tries. */
Test(pool_dedupe, a_task_waits_while_claims_cannot_be_read)
{
    static const uint8_t key[STORE_CLAIM_KEY_LEN];
    static struct store_op op;
    struct store_claim c;

    scene_start("", "");
    fail_store(3, 1000000);
    op = (struct store_op){.claim_key = key};
    store_submit(rig->store, &op);
    WAIT_UNTIL(store_get_claim(rig->store, key, 0, &c, NULL) == -1);
    rig_submit(rig, copy("ok", "a", 1));
    WAIT_UNTIL(stats().delayed == 1);
    expect_silent(answer_to(copy("ok", "a", 2)));
    fail_store(0, 0);
    cr_assert(rig_wait(rig, 2));
    expect_answer(rig_take(rig));
    cr_expect_eq(fake_http_requests(server), 1);
}

Test(pool_dedupe, stop_at_any_moment)
{
    char id[16];
    int64_t offset = 1;

    now[SLOW].delay_ms = 1;
    scene_start("", "");
    for (int round = 0; round < 20; round++) {
        int64_t before = rig->nout;

        for (int i = 0; i < 60; i++) {
            snprintf(id, sizeof id, "%d-%d", round, i / 2);
            rig_submit(rig, copy("three", id, offset++));
        }
        rig_wait_ms(rig, before + round * 3, 1000);
        pool_stop(rig->pool);
        cr_assert_eq(rig->nout, before + 60);
        rig_clear(rig);
        rig->pool = pool_free(rig->pool);
        rig_start(rig);
    }
}
