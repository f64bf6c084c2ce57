/* pool: what is counted, by end, by route and class, and the sample of each kind of failure. */
#include "pool_scene.h"

TestSuite(pool_count, .init = scene_open, .fini = scene_close, .timeout = 60);

static struct pool_route *routes;

/* Counters of a row, after the pool has stopped. */
static const struct pool_route *route(const char *model)
{
    if (!routes)
        routes = mem_array(rig->config->nmodels, sizeof *routes);
    pool_routes(rig->pool, routes);
    return &routes[config_model(rig->config, model, 0)->index];
}

Test(pool_count, ends)
{
    static const struct {
        enum pool_end end;
        uint64_t count;
        int status;
        const char *task_id;
    } want[] = {
        {POOL_END_SUCCESS, 2, 0, ""},      {POOL_END_ERROR, 2, 400, "wrong"},
        {POOL_END_BAD_RECORD, 1, 0, NULL}, {POOL_END_DEADLINE, 1, 0, "late"},
        {POOL_END_CANCELLED, 0, 0, ""},    {POOL_END_POISON, 1, 0, NULL},
        {POOL_END_DUPLICATE, 0, 0, ""},
    };
    struct task *poison;
    struct pool_stats s;

    scene_start("", ", num_retries: 0");
    task_free(asked("ok", "a", ""));
    task_free(asked("ok", "b", ""));
    task_free(asked("e500", "broken", ""));
    task_free(answer_to(rig_task("{not json", 0)));
    task_free(asked("slow", "late", deadline_in(50)));
    task_free(asked("bad", "wrong", "")); /* later than the other error by those 50 ms */
    poison = rig_task("{\"custom_id\":\"p\",\"body\":{}}", 0);
    poison->poison = true;
    task_free(answer_to(poison));
    pool_stop(rig->pool);
    s = stats();
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        const char *name = pool_end_name(want[i].end);
        const struct pool_sample *last = &s.last_end[want[i].end];

        cr_expect_eq(s.ends[want[i].end], want[i].count, "%s: %llu", name,
                     (unsigned long long)s.ends[want[i].end]);
        cr_expect_eq(last->status, want[i].status, "%s: %d", name, last->status);
        cr_expect_eq(last->wall_ms > 0, want[i].end != POOL_END_SUCCESS && want[i].count > 0);
        if (want[i].task_id)
            cr_expect_str_eq(last->task_id, want[i].task_id, "%s", name);
    }
    cr_expect_eq(s.succeeded + s.failed, s.finished);
}

Test(pool_count, calls_by_route_and_class)
{
    struct pool_stats s;

    scene_start("", ", num_retries: 1");
    task_free(asked("ok", "a", ""));
    task_free(asked("ok", "a", "")); /* from the cache */
    task_free(asked("e500", "broken", ""));
    pool_stop(rig->pool);
    s = stats();
    cr_expect_eq(route("ok")->calls[CLASS_OK], 1);
    cr_expect_eq(route("ok")->last[CLASS_OK].wall_ms, 0, "a success is no failure");
    cr_expect_eq(route("e500")->calls[CLASS_TRANSIENT], 2);
    cr_expect_eq(route("e500")->calls[CLASS_OK], 0);
    cr_expect_eq(route("e500")->last[CLASS_TRANSIENT].status, 500);
    cr_expect_str_eq(route("e500")->last[CLASS_TRANSIENT].task_id, "broken");
    cr_expect_eq(s.misses, 2);
    cr_expect_eq(s.hits, 1);
    cr_expect_eq(s.call_latency.count, 3);
    cr_expect_eq(s.queue_latency.count, 2, "of tasks, not of calls");
    cr_expect_eq(route("ok")->seconds[POOL_CHAT][0].count, 1);
    cr_expect_eq(route("ok")->seconds[POOL_CHAT][1].count, 0);
    cr_expect_eq(route("e500")->seconds[POOL_CHAT][1].count, 2);
    cr_expect_eq(route("e500")->seconds[POOL_EMBEDDINGS][1].count, 0);
}

Test(pool_count, tokens_and_cost)
{
    scene_start("", "");
    task_free(asked("ok", "a", ""));
    task_free(asked("ok", "b", ""));
    task_free(asked("slow", "c", ""));
    pool_stop(rig->pool);
    cr_expect_eq(route("ok")->tokens[POOL_INPUT], 20);
    cr_expect_eq(route("ok")->tokens[POOL_OUTPUT], 10);
    cr_expect_eq(route("ok")->tokens[POOL_REASONING], 0);
    cr_expect_float_eq(route("ok")->cost_usd, 2 * (10 * 0.001 + 5 * 0.01), 1e-9);
    cr_expect_eq(route("ok")->cost_unknown, 0);
    cr_expect_eq(route("slow")->cost_unknown, 1);
    cr_expect_eq(route("slow")->cost_usd, 0);
    cr_expect_eq(route("ok")->usage[POOL_CHAT][0].count, 2);
    cr_expect_eq(route("ok")->usage[POOL_CHAT][0].sum, 20);
    cr_expect_eq(route("ok")->usage[POOL_CHAT][1].sum, 10);
}

/* A long id is cut between characters. */
Test(pool_count, sample_is_valid_text)
{
    char id[200] = "";
    struct pool_stats s;

    for (int i = 0; i < 40; i++)
        strncat(id, "\xe2\x82\xac", sizeof id - strlen(id) - 1);
    scene_start("", ", num_retries: 0");
    task_free(asked("bad", id, ""));
    pool_stop(rig->pool);
    s = stats();
    cr_expect_eq(strlen(s.last_end[POOL_END_ERROR].task_id), 63);
    id[63] = '\0';
    cr_expect_str_eq(s.last_end[POOL_END_ERROR].task_id, id);
}
