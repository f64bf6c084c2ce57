/* pool: a call that has ended keeps its place among pool.max_calls until what it bought is durable. */
#include "pool_scene.h"

#include "io/store_int.h"

TestSuite(pool_slot, .init = scene_open, .fini = scene_close, .timeout = 60);

/* Each way a call can end its task. */
static const struct {
    const char *what, *model, *body, *end;
    int64_t deadline_ms; /* 0: none */
    int requests;
} ends[] = {
    {"success", "ok", "", "200", 0, 1},
    {"given up", "bad", "", "400", 0, 1},
    {"deadline", "stall", "", "deadline_exceeded", 1000, 1},
    {"context window, no fallback", "context", "", "400", 0, 1},
    {"content policy, no fallback", "policy", "", "400", 0, 1},
    {"the fallback refuses as well", "prudent", "", "400", 0, 2},
    {"the fallback cannot say it", "wary", ",\"logit_bias\":{\"1\":2}", "400", 0, 1},
    {"no other route", "gone", "", "404", 0, 1},
    {"the other route is too small", "strained", "", "404", 0, 1},
};

static void fail_writes(int n)
{
    __atomic_store_n(&rig->store->fail_writes, n, __ATOMIC_SEQ_CST);
}

/* With one call at once: while the outcome is not in the store, nobody else may call. */
static void expect_slot_kept(size_t i)
{
    int before = fake_http_requests(server);
    int64_t came = rig->nout;
    struct task *t;

    fail_writes(1000000);
    rig_submit(rig, ask_more(ends[i].model, ends[i].what,
                             ends[i].deadline_ms ? deadline_in(ends[i].deadline_ms) : "",
                             ends[i].body, (int64_t)i + 1));
    WAIT_UNTIL(stats().storing == 1);
    cr_expect_eq(stats().calling, 1, "%s: calls %lld", ends[i].what, (long long)stats().calling);
    ask("copy", ends[i].what, "\"cache\":\"off\"", 0);
    WAIT_UNTIL(stats().waiting == 1 || rig->nout > came);
    cr_expect_eq(stats().waiting, 1, "%s: another call was made", ends[i].what);
    cr_expect_eq(fake_http_requests(server) - before, ends[i].requests, "%s", ends[i].what);
    fail_writes(0);
    cr_assert(rig_wait(rig, came + 2), "%s", ends[i].what);
    while ((t = rig_take(rig)))
        expect_free(t, t->source_u64 ? ends[i].end : "200", NULL);
    cr_expect_eq(stats().calling, 0, "%s: a slot is lost", ends[i].what);
}

Test(pool_slot, every_end_that_cost_a_call_keeps_its_slot_until_it_is_stored)
{
    size_t i;

    scene_start(", max_calls: 1",
                ", content_policy_fallbacks: [{prudent: [policy]}, {wary: [claude]}],"
                " fallbacks: [{strained: [tiny]}]");
    for (i = 0; i < ARRAY_LEN(ends); i++)
        expect_slot_kept(i);
}
