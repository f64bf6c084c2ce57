/* top_view: what stands on the screen, from the status of a worker, of one that starts, and of something else. */
#include "cmd/admin/top_view.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"

static struct buf out;

static const char *view(const char *now, const char *before, double seconds)
{
    CLEANUP_JSON struct json_object *a = NULL, *b = NULL;

    cr_assert_eq(json_parse_answer(now, strlen(now), &a), 0, "%s", now);
    if (before)
        cr_assert_eq(json_parse_answer(before, strlen(before), &b), 0);
    buf_init(&out, 1 << 16);
    top_view(a, b, seconds, &out);
    return out.data;
}

static void tear_down(void)
{
    buf_done(&out);
}

TestSuite(top_view, .fini = tear_down);

#define POOL(finished)                                                                             \
    "\"pool\":{\"finished\":" finished ",\"outcomes\":{\"success\":90},\"cache_hits\":7,"          \
    "\"in_flight\":12,\"calling\":5,\"waiting_for_limits\":3,\"held_up\":{\"minute\":{\"shares\":" \
    "{\"models\":0.8,\"input\":0.2}}},\"task_ms\":{\"p50\":1500,\"p95\":61000,\"p99\":62000},"     \
    "\"cost_usd\":1.25,"                                                                           \
    "\"cost_unknown\":2}"

Test(top_view, a_worker)
{
    static const char *const wants[] = {
        "sluice 1.0  up 1h01m  NOT READY: paused store_failing  memory 1.5 MB\n",
        "done 100  failed 10  cached 7  in flight 12  calling 5  5.0/s\n",
        "waiting: limits 3 ",
        "held up by: models 80%, input 20%\n",
        "task p50 1.5s p95 1m01s p99 1m02s  queue",
        "replies 70  dead letters 1\n",
        "cost    $1.2500 and 2 answers without a price\n",
        "exactly_once  partitions 12 (1 paused)  open 12  stock 0\n",
        "aborts 5 ",
        "FAILING  9 completions, 2.0 KB",
        "fast              openai            cooling        40       30     2        17         "
        "-\n"
        "  row 2  gpt-5-mini        tokens 100 in, 20 out  cost $0.2500\n"
        "  rate_limit, for 1.5s more\n"
        "  cooling_rate_limit 61%, rpm 39%\n",
        "  4 transient (HTTP 500) of fast, last now: row-7\n",
    };
    const char *text = view(
        "{\"version\":\"1.0\",\"uptime_s\":3700,\"not_ready\":[\"paused\",\"store_failing\"],"
        "\"resident_bytes\":1572864," POOL(
            "100") ",\"kafka\":{\"delivery\":\"exactly_once\",\"partitions\":12,\"partitions_"
                   "paused\":1,"
                   "\"open\":12,\"unread\":null,\"replies\":70,\"dead_letters\":1,\"aborts\":{"
                   "\"group_moved_on\":3,\"other\":2}},"
                   "\"store\":{\"failing\":true,\"completions\":9,\"completion_bytes\":2048},"
                   "\"models\":[{\"row\":2,\"model\":\"fast\",\"provider\":\"openai\",\"state\":"
                   "\"cooling\","
                   "\"calls\":40,\"upstream_model\":\"gpt-5-mini\",\"tokens\":{\"input\":100,"
                   "\"output\":20},"
                   "\"cost_usd\":0.25,"
                   "\"classes\":{\"ok\":30},\"in_flight\":2,\"limits\":{\"requests\":{\"left\":17}}"
                   ","
                   "\"cooling\":{\"why\":\"rate_limit\",\"for_s\":1.5},\"held_up\":{\"minute\":{"
                   "\"shares\":{"
                   "\"cooling_rate_limit\":0.61,\"rpm\":0.39}}}}],"
                   "\"failed_calls\":[{\"class\":\"transient\",\"count\":4,\"last_status\":500,"
                   "\"model\":\"fast\","
                   "\"last_at\":\"now\",\"last_task_id\":\"row-7\"}],\"failed_tasks\":[]}",
        "{" POOL("90") "}", 2);

    for (size_t i = 0; i < ARRAY_LEN(wants); i++)
        cr_expect(strstr(text, wants[i]), "no %s in\n%s", wants[i], text);
    cr_expect_null(strstr(text, "FAILED TASKS"));
    cr_expect_null(strstr(text, "unread"), "not known, not shown");
}

Test(top_view, a_worker_that_starts)
{
    cr_expect_str_eq(view("{\"version\":\"1.0\",\"uptime_s\":0.5,\"not_ready\":[\"starting\"],"
                          "\"resident_bytes\":512,\"models\":[]}",
                          NULL, 0),
                     "sluice 1.0  up 500ms  NOT READY: starting  memory 512 B\n");
}

Test(top_view, something_else)
{
    static const char *const texts[] = {
        "{}", "[]", "5", "{\"pool\":7,\"kafka\":[],\"models\":{}}",
        "{\"pool\":{},\"models\":[1,null,{}],\"failed_calls\":[[]]}"};

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        cr_expect(strstr(view(texts[i], texts[i], 0), "sluice - "), "%s", texts[i]);
        buf_done(&out);
    }
}

/* What a model or a task is called cannot do anything to the terminal. */
Test(top_view, names_are_only_names)
{
    const char *text = view(
        "{\"pool\":{},\"models\":[{\"model\":\"a\\u001b[2J\\n\\u007fb\",\"provider\":"
        "\"\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"
        "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"
        "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\",\"state\":\"ok\"}]}",
        NULL, 0);
    const char *row = strstr(text, "a?[2J??b          \xe2\x82\xac");

    cr_assert(row, "%s", text);
    cr_expect_null(strchr(text, '\033'));
    cr_expect(strstr(row, "\xe2\x82\xac ok "), "17 characters and a space: %s", row);
}
