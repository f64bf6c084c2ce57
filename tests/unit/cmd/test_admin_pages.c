/* The pages of the admin port, from a snapshot made by hand: every number stands where it belongs, and a page is
 * well-formed whatever the names in the configuration are. */
#include "cmd/admin/snapshot.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

#define NOW_US  (5000 * 1000000LL)
#define NOW_MS  1800000000000LL
#define HOSTILE "a\"b\\c\nd"

static struct model models[3];
static struct config config;
static struct snapshot *s;
static struct process_stats process = {1.5, 1000, 2048, 4096, 7, 20, 1024};
static struct view view;
static struct buf page;

static void set_up(void)
{
    static const char *const names[] = {"fast", "fast", HOSTILE};

    for (int i = 0; i < 3; i++)
        models[i] = (struct model){.index = i,
                                   .model_name = (char *)names[i],
                                   .provider_name = (char *)"gemini",
                                   .upstream_model = (char *)"up"};
    models[0].rpm = 60;
    models[0].tpm = 1000;
    models[1].max_parallel_requests = 4;
    config.models = models;
    config.nmodels = 3;
    s = mem_alloc(sizeof *s + 3 * sizeof s->routes[0]);
    s->taken_us = NOW_US - 1000;
    s->started_us = NOW_US - 60 * 1000000LL;
    s->started_wall_ms = NOW_MS - 60000;
    s->signs = (struct health_signs){true, true, true, false, false, false, false, false};
    s->intake.gauges = (struct kafka_gauges){.unread = -1, .head_since_us = INT64_MAX};
    view = (struct view){&config, s, &process, NOW_US, NOW_MS};
    buf_init(&page, 4 << 20);
}

static void tear_down(void)
{
    buf_done(&page);
    free(s);
}

TestSuite(admin_pages, .init = set_up, .fini = tear_down);

/* Does this line stand on the page? */
static bool has(const char *line)
{
    size_t n = strlen(line);
    const char *at = page.data;

    for (; (at = strstr(at, line)); at++)
        if ((at == page.data || at[-1] == '\n') && at[n] == '\n')
            return true;
    return false;
}

#define ROW1 "{model=\"fast\",provider=\"gemini\",upstream_model=\"up\",row=\"1\""
#define ROW2 "{model=\"fast\",provider=\"gemini\",upstream_model=\"up\",row=\"2\""

Test(admin_pages, metrics_of_the_worker)
{
    static const char *const lines[] = {
        "sluice_build_info{version=\"" SLUICE_VERSION "\"} 1",
        "process_cpu_seconds_total 1.5",
        "process_resident_memory_bytes 2048",
        "process_open_fds 20",
        "sluice_ready 0",
        "sluice_not_ready{reason=\"paused\"} 1",
        "sluice_not_ready{reason=\"draining\"} 0",
        "sluice_tasks_received_total 12",
        "sluice_tasks_total{outcome=\"success\"} 9",
        "sluice_tasks_total{outcome=\"deadline_exceeded\"} 2",
        "sluice_tasks_total{outcome=\"poison\"} 0",
        "sluice_tasks_waiting{reason=\"limit\"} 3",
        "sluice_tasks_waiting{reason=\"retry\"} 4",
        "sluice_tasks_waiting{reason=\"twin\"} 5",
        "sluice_tasks_waiting{reason=\"store\"} 6",
        "sluice_cache_results_total{result=\"hit\"} 7",
        "sluice_cache_results_total{result=\"miss\"} 8",
        "sluice_cache_results_total{result=\"coalesced\"} 1",
        "sluice_task_queue_seconds_count 1",
        "sluice_call_seconds_count 0",
        "sluice_overhead_seconds_bucket{component=\"store\",le=\"0.0025\"} 1",
        "sluice_overhead_seconds_sum{component=\"store\"} 0.002",
        "sluice_overhead_seconds_count{component=\"parse\"} 0",
        "sluice_ledger_open_records 10",
        "sluice_ledger_window_records 99",
        "sluice_ledger_map_bytes 321",
        "sluice_ledger_head_age_seconds 2.5",
        "sluice_backlog_records 160",
        "sluice_transaction_aborts_total{reason=\"group_moved_on\"} 2",
        "sluice_transaction_aborts_total{reason=\"other\"} 0",
        "sluice_producer_rebuilds_total 3",
        "sluice_store_bytes{family=\"completions\"} 4096",
        "sluice_store_failing 1",
        "sluice_held_seconds_total{reason=\"publish\"} 2.5",
        "sluice_budget_used_up 1",
        "sluice_budget_calls 40",
        "sluice_budget_spent_usd 1.5",
        "sluice_budget_max_usd 2",
    };

    s->signs.paused = true;
    s->pool.submitted = 12;
    s->pool.ends[POOL_END_SUCCESS] = 9;
    s->pool.ends[POOL_END_DEADLINE] = 2;
    s->pool.waiting = 3;
    s->pool.delayed = 4;
    s->pool.twins = 5;
    s->pool.storing = 6;
    s->pool.hits = 7;
    s->pool.misses = 8;
    s->pool.coalesced = 1;
    hist_record(&s->pool.queue_latency, 1000);
    metrics_record(&s->pool.part_seconds[POOL_PART_STORE], &pool_part_bounds, 0.002);
    s->intake.open = 10;
    s->intake.gauges = (struct kafka_gauges){.window = 99,
                                             .map_bytes = 321,
                                             .head_since_us = NOW_US - 2500000,
                                             .stock = 50,
                                             .unread = 100};
    s->publisher.aborts[KAFKA_ABORT_GROUP] = 2;
    s->publisher.rebuilds = 3;
    s->store.completion_bytes = 4096;
    s->store_failing = true;
    s->pool.money_out = true;
    s->explain.pool.run_us[WHY_PUBLISH] = 2500000;
    s->pool.budget = (struct budget_view){.on = true, .spent_usd = 1.5, .max_cost = 2, .calls = 40};
    metrics_page(&view, &page);
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        cr_expect(has(lines[i]), "no line: %s", lines[i]);
}

Test(admin_pages, metrics_of_routes)
{
    static const char *const lines[] = {
        "sluice_upstream_requests_total" ROW1 ",class=\"ok\"} 5",
        "sluice_upstream_requests_total" ROW1 ",class=\"rate_limit\"} 2",
        "sluice_upstream_requests_total" ROW2 ",class=\"ok\"} 0",
        "sluice_upstream_in_flight" ROW2 "} 3",
        "sluice_route_state" ROW1 ",state=\"cooling\"} 1",
        "sluice_route_state" ROW1 ",state=\"ok\"} 0",
        "sluice_route_state" ROW2 ",state=\"ok\"} 1",
        "sluice_route_state" ROW2 ",state=\"paused\"} 0",
        "sluice_route_cooldowns_total" ROW1 "} 1",
        "sluice_route_held_seconds_total" ROW1 ",reason=\"rpm\"} 7",
        "sluice_route_cooldown_seconds" ROW1 "} 1.5",
        "sluice_limit" ROW1 ",limit=\"requests\"} 60",
        "sluice_limit_used" ROW1 ",limit=\"requests\"} 61",
        "sluice_limit_remaining" ROW1 ",limit=\"requests\"} 0",
        "sluice_limit_remaining" ROW1 ",limit=\"tokens\"} 900",
        "sluice_limit_remaining" ROW2 ",limit=\"calls\"} 1",
        "sluice_tokens_total" ROW1 ",type=\"input\"} 100",
        "sluice_cost_usd_total" ROW1 "} 0.25",
        "sluice_cost_unknown_total" ROW2 "} 1",
        "gen_ai_client_token_usage_count{gen_ai_operation_name=\"chat\",gen_ai_provider_name="
        "\"gcp.gemini\",gen_ai_request_model=\"up\",model=\"fast\",row=\"1\",gen_ai_token_type="
        "\"input\"} 1",
        "gen_ai_client_operation_duration_seconds_count{gen_ai_operation_name=\"embeddings\","
        "gen_ai_provider_name=\"gcp.gemini\",gen_ai_request_model=\"up\",model=\"fast\",row=\"2\","
        "error_type=\"_OTHER\"} 1",
    };

    s->routes[0].calls[CLASS_OK] = 5;
    s->routes[0].calls[CLASS_RATE_LIMIT] = 2;
    s->routes[0].tokens[POOL_INPUT] = 100;
    s->routes[0].cost_usd = 0.25;
    s->routes[1].cost_unknown = 1;
    metrics_record(&s->routes[0].usage[POOL_CHAT][0], &pool_token_bounds, 100);
    metrics_record(&s->routes[1].seconds[POOL_EMBEDDINGS][1], &pool_call_bounds, 3);
    s->pool.route[0].cooling = true;
    s->pool.route[0].cooling_ms = 1500;
    s->pool.route[0].cooldowns = 1;
    s->pool.route[0].used[LIMIT_RPM] = 61;
    s->pool.route[0].used[LIMIT_TPM] = 100;
    s->pool.route[1].running = 3;
    s->explain.route[0].run_us[WHY_RPM] = 7000000;
    metrics_page(&view, &page);
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        cr_expect(has(lines[i]), "no line: %s", lines[i]);
    cr_expect_null(strstr(page.data, "sluice_limit" ROW2 ",limit=\"requests\""),
                   "no limit, no line");
}

/* Rows 1 and 2 have one key, row 3 has another, and what was said to row 2 of the first counts for both. */
Test(admin_pages, state_of_keys)
{
    static const struct {
        enum error_class class;
        const char *state;
    } cases[] = {
        {CLASS_QUOTA, "no_credit"}, {CLASS_CREDENTIAL, "refused"}, {CLASS_MODEL_GONE, "ok"}};
    char line[200];

    for (int i = 0; i < 3; i++) {
        models[i].api_key = (char *)(i < 2 ? "one" : "other");
        models[i].api_base = (char *)"https://example";
    }
    s->pool.route[1].off = true;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        s->pool.route[1].off_class = cases[i].class;
        buf_clear(&page);
        metrics_page(&view, &page);
        snprintf(line, sizeof line,
                 "sluice_key_state{provider=\"gemini\",row=\"1\",state=\"%s\"} 1", cases[i].state);
        cr_expect(has(line), "no line: %s", line);
        cr_expect(has("sluice_key_state{provider=\"gemini\",row=\"3\",state=\"ok\"} 1"));
        cr_expect_null(strstr(page.data, "sluice_key_state{provider=\"gemini\",row=\"2\""));
    }
}

/* Each family once, with help and type, and below it its own samples only. A name with quotes and line feeds stays
 * within its line. */
Test(admin_pages, metrics_are_well_formed)
{
    char family[100] = "", seen[20000] = "\n", key[120], *line, *rest;
    size_t samples = 0;

    metrics_record(&s->routes[2].usage[POOL_CHAT][1], &pool_token_bounds, 1);
    metrics_page(&view, &page);
    cr_assert_not(page.over);
    cr_assert_eq(page.data[page.len - 1], '\n');
    for (line = strtok_r(page.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (sscanf(line, "# HELP %99s", family) == 1) {
            snprintf(key, sizeof key, "\n%s\n", family);
            cr_expect_null(strstr(seen, key), "%s comes twice", family);
            strncat(seen, key + 1, sizeof seen - strlen(seen) - 1);
            line = strtok_r(NULL, "\n", &rest);
            cr_assert(line && strncmp(line, "# TYPE ", 7) == 0, "%s", family);
            continue;
        }
        cr_expect_eq(strncmp(line, family, strlen(family)), 0, "%s below %s", line, family);
        cr_expect_eq(strrchr(line, ' ') == NULL, false, "%s", line);
        samples++;
    }
    cr_expect_gt(samples, 200);
}

Test(admin_pages, a_worker_that_starts)
{
    CLEANUP_JSON struct json_object *o = NULL;

    s->taken_us = 0;
    s->signs = (struct health_signs){.starting = true};
    metrics_page(&view, &page);
    cr_expect(has("sluice_not_ready{reason=\"starting\"} 1"));
    cr_expect(has("sluice_not_ready{reason=\"not_member\"} 0"), "there is one reason");
    cr_expect_null(strstr(page.data, "sluice_tasks"));
    buf_clear(&page);
    status_page(&view, &page);
    cr_assert_eq(json_parse(page.data, page.len, &o, NULL), 0, "%s", page.data);
    cr_expect_not(json_get_bool(o, "ready", true));
    cr_expect_null(json_get(o, "pool"));
}

/* The member of a path "a.b"; a number is an index of an array. */
static struct json_object *member(struct json_object *o, const char *path)
{
    char part[64];
    int n;

    for (; o && sscanf(path, "%63[^.]%n", part, &n) == 1; path += path[n] ? n + 1 : n) {
        if (json_object_is_type(o, json_type_array))
            o = json_object_array_get_idx(o, (size_t)strtoul(part, NULL, 10));
        else
            o = json_get(o, part);
        if (!path[n])
            break;
    }
    return o;
}

static const struct {
    const char *path, *value;
} status_has[] = {
    {"version", "\"" SLUICE_VERSION "\""},
    {"uptime_s", "60.0"},
    {"started_at", "\"2027-01-15T07:59:00.000Z\""},
    {"ready", "false"},
    {"not_ready", "[\"not_member\",\"store_failing\"]"},
    {"slot", "3"},
    {"pool.received", "12"},
    {"pool.outcomes.bad_record", "2"},
    {"pool.held_up.now", "\"models\""},
    {"pool.held_up.minute.main", "\"input\""},
    {"pool.held_up.run.main", "\"models\""},
    {"pool.held_up.run.shares", "{\"models\":0.75,\"input\":0.25}"},
    {"models.0.held_up.run.key", "\"api_key\""},
    {"models.1.held_up.minute.main", "\"max_parallel_requests\""},
    {"models.1.held_up.run.main", "\"idle\""},
    {"models.0.state", "\"off\""},
    {"models.0.cooling.why", "\"credential\""},
    {"models.0.cooling.until", "\"2027-01-15T08:00:02.000Z\""},
    {"models.0.classes", "{\"ok\":1,\"credential\":4}"},
    {"models.0.limits.tokens", "{\"limit\":1000,\"used\":250,\"left\":750}"},
    {"models.1.state", "\"probing\""},
    {"models.1.limits", "{\"calls\":{\"limit\":4,\"used\":1,\"left\":3}}"},
    {"models.2.model", "\"a\\\"b\\\\c\\nd\""},
    {"kafka.delivery", "\"exactly_once\""},
    {"kafka.head_age_s", "0.0"},
    {"kafka.aborts.map_too_large", "1"},
    {"store.failing", "true"},
    {"budget.spent_usd", "1.5"},
    {"budget.max_requests", "7"},
    {"budget.used_up", "true"},
    {"failed_calls.0.class", "\"credential\""},
    {"failed_calls.0.count", "4"},
    {"failed_calls.0.last_task_id", "\"row-7\""},
    {"failed_calls.0.row", "1"},
    {"failed_tasks.0.class", "\"bad_record\""},
    {"failed_tasks.0.last_at", "\"2027-01-15T08:00:00.000Z\""},
};

static void fill_status(void)
{
    s->signs.member = s->signs.store = false;
    s->slot = 3;
    s->exact = s->store_failing = true;
    s->pool.submitted = 12;
    s->pool.ends[POOL_END_BAD_RECORD] = 2;
    s->pool.last_end[POOL_END_BAD_RECORD] = (struct pool_sample){NOW_MS, 0, "row-8"};
    s->explain.pool = (struct explain_view){
        .now = WHY_MODELS,
        .minute_us = {[WHY_INPUT] = 5},
        .run_us = {[WHY_MODELS] = 30, [WHY_INPUT] = 10},
    };
    s->explain.route[0] = (struct explain_view){
        .now = WHY_OFF_CREDENTIAL,
        .run_us = {[WHY_OFF_CREDENTIAL] = 40},
    };
    s->explain.route[1].minute_us[WHY_PARALLEL] = 1;
    s->pool.route[0].off = s->pool.route[0].cooling = true;
    s->pool.route[0].cooling_ms = 2000;
    s->pool.route[0].cool_class = CLASS_CREDENTIAL;
    s->pool.route[0].used[LIMIT_TPM] = 250;
    s->pool.route[1].probing = true;
    s->pool.route[1].running = 1;
    s->routes[0].calls[CLASS_OK] = 1;
    s->routes[0].calls[CLASS_CREDENTIAL] = 4;
    s->routes[0].last[CLASS_CREDENTIAL] = (struct pool_sample){NOW_MS, 401, "row-7"};
    s->publisher.aborts[KAFKA_ABORT_MAP] = 1;
    s->pool.money_out = true;
    s->pool.budget =
        (struct budget_view){.on = true, .spent_usd = 1.5, .max_cost = -1, .max_requests = 7};
}

Test(admin_pages, status)
{
    CLEANUP_JSON struct json_object *o = NULL;

    fill_status();
    status_page(&view, &page);
    cr_assert_eq(json_parse(page.data, page.len, &o, NULL), 0, "%s", page.data);
    for (size_t i = 0; i < ARRAY_LEN(status_has); i++) {
        struct json_object *got = member(o, status_has[i].path);
        const char *text = json_object_to_json_string_ext(got, JSON_C_TO_STRING_PLAIN);

        cr_expect_str_eq(text, status_has[i].value, "%s: %s", status_has[i].path, text);
    }
    cr_expect_null(member(o, "kafka.unread"), "not known");
}
