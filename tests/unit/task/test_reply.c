/*
 * reply: every kind of outcome, written and read back; headers and destination. With SLUICE_SAMPLES
 * set to a file name the replies are also appended there, one a line, for
 * tests/integration/test-schemas.sh.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "task/reply.h"
#include "task/reply_headers.h"

#define NOW 1893456000123
#define CHAT                                                                                       \
    "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\","         \
    "\"choices\":[{\"index\":0,\"finish_reason\":\"stop\",\"message\":{\"role\":\"assistant\","    \
    "\"content\":\"4\\n\",\"refusal\":null},\"logprobs\":null}]}"

static struct model models[] = {
    {.index = 0, .model_name = "fast", .provider_name = "openai", .upstream_model = "gpt-5-mini"},
    {.index = 1, .model_name = "smart", .provider_name = "anthropic", .upstream_model = "claude"},
};
static char *allowed[] = {"app.replies", "other.replies"};
static const struct config config = {
    .models = models,
    .nmodels = ARRAY_LEN(models),
    .topics = {.replies = "replies", .reply_allow = {allowed, ARRAY_LEN(allowed)}},
    .limits = {.reply_bytes = 1 << 20},
};

static struct task *make(void)
{
    struct task *t = task_new();

    t->origin = (struct task_origin){.topic = "requests", .partition = 3, .offset = 77};
    t->id = mem_strdup("row-\"1\"");
    t->models[t->nmodels++] = mem_strdup("fast");
    t->queued_us = 12345;
    return t;
}

static struct completion *answer(double cost)
{
    struct completion *c = completion_new();

    c->body = mem_strdup(CHAT);
    c->body_len = strlen(CHAT);
    c->cost_usd = cost;
    c->usage = (struct usage){10, 4, -1, 3, -1};
    snprintf(c->model, sizeof c->model, "smart");
    snprintf(c->provider, sizeof c->provider, "anthropic");
    snprintf(c->upstream_model, sizeof c->upstream_model, "claude");
    snprintf(c->request_id, sizeof c->request_id, "req_9");
    return c;
}

static void set_success(struct task *t)
{
    task_trail_add(
        t, &(struct attempt){.route = 0, .status = 429, .class = CLASS_RATE_LIMIT, .ms = 5});
    task_trail_add(t, &(struct attempt){.route = 1, .status = 200, .class = CLASS_OK, .ms = 830});
    t->inference_us = 835999;
    t->completion = answer(0.0012);
}

static void set_unknown_cost(struct task *t)
{
    t->completion = answer(-1);
    t->custom_id = mem_strdup("row-42");
    t->metadata = mem_strdup("{\"k\":[1]}");
    t->dropped = mem_strdup("[\"logprobs\"]");
}

static void set_hit(struct task *t)
{
    t->completion = answer(0.5);
    t->cache_result = CACHE_HIT;
}

static void set_coalesced(struct task *t)
{
    t->completion = answer(-1);
    t->cache_result = CACHE_COALESCED;
}

static void set_http_error(struct task *t)
{
    const char body[] = "{\"error\":{\"message\":\"no\",\"type\":\"invalid_request_error\","
                        "\"param\":null,\"code\":\"context_length_exceeded\"}}";

    task_trail_add(t, &(struct attempt){.route = 0, .status = 400, .class = CLASS_CONTEXT_WINDOW});
    task_fail_http(t, 400, "context_length_exceeded", body, sizeof body - 1);
}

static void set_http_error_of_html(struct task *t)
{
    task_trail_add(t, &(struct attempt){.route = 0, .status = 502, .class = CLASS_TRANSIENT});
    task_fail_http(t, 502, "bad_gateway", "<html>\xff", 7);
}

static void set_http_error_cut(struct task *t)
{
    task_fail_http(t, 500, "server_error", "{\"error\":{", 10);
}

static void set_bad_record(struct task *t)
{
    while (t->nmodels > 0)
        free(t->models[--t->nmodels]);
    t->bad_record = true;
    task_fail(t, "bad_record", "temperature must be a number from 0 to 2, not \"hot\"");
}

static void set_deadline(struct task *t)
{
    task_trail_add(
        t, &(struct attempt){.route = 9, .class = CLASS_TIMEOUT, .maybe_paid = true, .ms = 9});
    task_fail(t, "deadline_exceeded", "cut in a character: \xe2\x82");
}

#define TAIL ",\"source\":{\"topic\":\"requests\",\"partition\":3,\"offset\":77}"
#define AT   ",\"finished_at\":\"2030-01-01T00:00:00.123Z\"" TAIL
#define FREE ",\"usage\":null,\"cost_usd\":0,\"queued_ms\":12,\"inference_ms\":0" AT "}}"
#define USED                                                                                       \
    ",\"usage\":{\"input_tokens\":10,\"cached_input_tokens\":4,\"output_tokens\":3,"               \
    "\"reasoning_tokens\":null}"
#define GOOD                                                                                       \
    "\"response\":{\"status_code\":200,\"request_id\":\"req_9\",\"body\":" CHAT "},\"error\":"     \
    "null,"
#define SMART "\"model\":\"smart\",\"provider\":\"anthropic\",\"upstream_model\":\"claude\""
#define FAST  "\"model\":\"fast\",\"provider\":\"openai\",\"upstream_model\":\"gpt-5-mini\""
#define ASKED "\"model\":\"fast\",\"provider\":null,\"upstream_model\":null"
#define ID    "\"sluice\":{\"task_id\":\"row-\\\"1\\\"\","

static const struct {
    const char *name;
    void (*set)(struct task *t);
    const char *text; /* behind the id and custom_id */
    int status;
    bool ok;
    const char *code;
} outcomes[] = {
    {"success after a retry", set_success,
     GOOD ID "\"cache\":\"miss\"," SMART
             ",\"attempts\":[{\"model\":\"fast\",\"provider\":\"openai\",\"status\":429,\"class\":"
             "\"rate_limit\",\"ms\":5},{\"model\":\"smart\",\"provider\":\"anthropic\",\"status\":"
             "200,\"class\":\"ok\",\"ms\":830}]" USED
             ",\"cost_usd\":0.0012,\"queued_ms\":12,\"inference_ms\":835" AT "}}",
     200, true, NULL},
    {"unknown cost", set_unknown_cost,
     GOOD ID "\"cache\":\"miss\"," SMART ",\"attempts\":[]" USED
             ",\"cost_usd\":null,\"queued_ms\":12,\"inference_ms\":0" AT
             ",\"drop_params\":[\"logprobs\"],\"metadata\":{\"k\":[1]}}}",
     200, true, NULL},
    {"hit", set_hit,
     GOOD ID "\"cache\":\"hit\"," SMART ",\"attempts\":[]" USED
             ",\"cost_usd\":0,\"queued_ms\":12,\"inference_ms\":0" AT "}}",
     200, true, NULL},
    {"coalesced", set_coalesced,
     GOOD ID "\"cache\":\"coalesced\"," SMART ",\"attempts\":[]" USED
             ",\"cost_usd\":0,\"queued_ms\":12,\"inference_ms\":0" AT "}}",
     200, true, NULL},
    {"error of the provider", set_http_error,
     "\"response\":{\"status_code\":400,\"request_id\":\"\",\"body\":{\"error\":{\"message\":"
     "\"no\","
     "\"type\":\"invalid_request_error\",\"param\":null,\"code\":\"context_length_exceeded\"}}},"
     "\"error\":null," ID "\"cache\":\"miss\"," FAST
     ",\"attempts\":[{\"model\":\"fast\",\"provider\":\"openai\",\"status\":400,\"class\":"
     "\"context_window\",\"ms\":0}]" FREE,
     400, false, "context_length_exceeded"},
    {"error that is no JSON", set_http_error_of_html,
     "\"response\":{\"status_code\":502,\"request_id\":\"\",\"body\":{\"error\":{\"message\":\"the "
     "provider answered 502\",\"type\":\"bad_gateway\",\"param\":null,\"code\":\"bad_gateway\"}}},"
     "\"error\":null," ID "\"cache\":\"miss\"," FAST
     ",\"attempts\":[{\"model\":\"fast\",\"provider\":\"openai\",\"status\":502,\"class\":"
     "\"transient\",\"ms\":0}]" FREE,
     502, false, "bad_gateway"},
    {"error that was cut", set_http_error_cut,
     "\"response\":{\"status_code\":500,\"request_id\":\"\",\"body\":{\"error\":{\"message\":\"the "
     "provider answered "
     "500\",\"type\":\"server_error\",\"param\":null,\"code\":\"server_error\"}}},"
     "\"error\":null," ID "\"cache\":\"miss\"," ASKED ",\"attempts\":[]" FREE,
     500, false, "server_error"},
    {"bad record", set_bad_record,
     "\"response\":null,\"error\":{\"code\":\"bad_record\",\"message\":\"temperature must be a "
     "number "
     "from 0 to 2, not \\\"hot\\\"\"}," ID "\"cache\":\"miss\",\"model\":null,\"provider\":null,"
     "\"upstream_model\":null,\"attempts\":[]" FREE,
     0, false, "bad_record"},
    {"deadline, maybe paid", set_deadline,
     "\"response\":null,\"error\":{\"code\":\"deadline_exceeded\",\"message\":\"cut in a "
     "character: "
     "\xef\xbf\xbd\xef\xbf\xbd\"}," ID "\"cache\":\"miss\"," ASKED
     ",\"attempts\":[{\"model\":null,\"provider\":null,\"status\":null,\"class\":\"timeout\","
     "\"ms\":9,\"maybe_paid\":true}],\"usage\":null,\"cost_usd\":null,\"queued_ms\":12,\"inference_"
     "ms\":0" AT "}}",
     0, false, "deadline_exceeded"},
};

static void keep_sample(const struct task *t)
{
    const char *path = getenv("SLUICE_SAMPLES");
    FILE *f = path ? fopen(path, "a") : NULL;

    if (!f)
        return;
    fprintf(f, "%s\n", t->reply);
    fclose(f);
}

Test(reply, outcomes)
{
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(outcomes); i++) {
        struct task *t = make();
        struct reply_view v;
        struct err e = {0};
        const char *name = outcomes[i].name;
        const char *tail = NULL;

        outcomes[i].set(t);
        reply_format(t, &config, NOW);
        keep_sample(t);
        cr_expect_eq(json_check(t->reply, t->reply_len, JSON_DEPTH_MAX, &e), 0, "%s: %s", name,
                     e.msg);
        cr_expect_eq(strncmp(t->reply, "{\"id\":\"batch_req_", 17), 0);
        tail = strstr(t->reply, t->custom_id ? "\"row-42\"," : "\"row-\\\"1\\\"\",");
        cr_assert_not_null(tail);
        tail = strchr(tail, ',') + 1;
        cr_expect_str_eq(tail, outcomes[i].text);
        cr_expect_eq(t->ok, outcomes[i].ok, "%s", name);
        cr_expect_eq(t->reply_status, outcomes[i].status, "%s", name);
        cr_assert_eq(reply_read(t->reply, t->reply_len, &v, &e), 0, "%s: %s", name, e.msg);
        cr_expect_str_eq(v.custom_id, t->custom_id ? t->custom_id : t->id);
        cr_expect_eq(v.ok, outcomes[i].ok);
        cr_expect_eq(v.status, outcomes[i].status);
        cr_expect_eq(v.error_code != NULL, outcomes[i].code != NULL, "%s", name);
        if (v.error_code && outcomes[i].code)
            cr_expect_str_eq(v.error_code, outcomes[i].code);
        cr_expect_eq(v.queued_ms, 12);
        reply_view_done(&v);
        task_free(t);
    }
}

/* The schema lists the classes: this sample has them all. */
Test(reply, every_class)
{
    struct task *t = make();
    int i = 0;

    for (i = 0; i < CLASS_COUNT; i++)
        task_trail_add(t, &(struct attempt){.class = (enum error_class)i, .status = 500});
    task_fail(t, "deadline_exceeded", "late");
    reply_format(t, &config, NOW);
    keep_sample(t);
    cr_expect_eq(json_check(t->reply, t->reply_len, JSON_DEPTH_MAX, NULL), 0);
    task_free(t);
}

Test(reply, torn_lines_are_errors)
{
    struct task *t = make();
    struct reply_view v = {0};
    size_t n = 0;

    set_success(t);
    reply_format(t, &config, NOW);
    for (n = 0; n < t->reply_len; n++)
        cr_assert_eq(reply_read(t->reply, n, &v, NULL), -1, "%zu bytes", n);
    cr_assert_eq(reply_read(t->reply, n, &v, NULL), 0);
    cr_expect_str_eq(v.model, "smart");
    cr_expect_str_eq(v.cache, "miss");
    cr_expect_eq(v.usage.input_tokens, 10);
    cr_expect_eq(v.usage.reasoning_tokens, -1);
    cr_expect_float_eq(v.cost_usd, 0.0012, 1e-12);
    cr_expect_eq(v.inference_ms, 835);
    reply_view_done(&v);
    task_free(t);
}

Test(reply, read_other_lines)
{
    static const struct {
        const char *line;
        int r;
        bool ok;
        const char *code;
    } rows[] = {
        {"{\"custom_id\":\"a\",\"response\":{\"status_code\":200,\"body\":{}},\"error\":null}", 0,
         true, NULL},
        {"{\"custom_id\":\"a\",\"response\":{\"status_code\":400,\"body\":{\"error\":{\"code\":"
         "null,"
         "\"type\":\"bad\"}}},\"error\":null}",
         0, false, "bad"},
        {"{\"custom_id\":\"a\",\"response\":null,\"error\":{\"code\":\"batch_expired\"}}", 0, false,
         "batch_expired"},
        {"{\"custom_id\":\"a\",\"response\":{\"status_code\":200},\"error\":{\"code\":\"x\"}}", 0,
         false, "x"},
        {"{\"custom_id\":\"a\",\"response\":null,\"error\":null}", -1, false, NULL},
        {"{\"custom_id\":\"a\",\"response\":{}}", -1, false, NULL},
        {"{\"custom_id\":\"a\",\"response\":{},\"error\":null}", -1, false, NULL},
        {"{\"custom_id\":\"a\",\"response\":[],\"error\":null}", -1, false, NULL},
        {"{\"custom_id\":7,\"response\":null,\"error\":{\"code\":\"x\"}}", -1, false, NULL},
        {"{\"response\":null,\"error\":{\"code\":\"x\"}}", -1, false, NULL},
        {"[]", -1, false, NULL},
        {"null", -1, false, NULL},
        {"", -1, false, NULL},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(rows); i++) {
        struct reply_view v = {0};
        struct err e = {0};

        cr_assert_eq(reply_read(rows[i].line, strlen(rows[i].line), &v, &e), rows[i].r, "%s: %s",
                     rows[i].line, e.msg);
        cr_expect_eq(v.ok, rows[i].ok, "%s", rows[i].line);
        if (rows[i].code)
            cr_expect_str_eq(v.error_code, rows[i].code);
        cr_expect_eq(e.msg[0] != '\0', rows[i].r < 0);
        reply_view_done(&v);
    }
}

Test(reply, too_large)
{
    struct config c = config;
    struct task *t = make();
    struct reply_view v;

    c.limits.reply_bytes = 200;
    set_success(t);
    t->metadata = mem_strdup("{\"a\":\"much text that does not fit\"}");
    reply_format(t, &c, NOW);
    keep_sample(t);
    cr_expect_not(t->ok);
    cr_expect_eq(t->reply_status, 0);
    cr_expect(strstr(t->reply, "limits.reply_bytes (200)"), "%s", t->reply);
    cr_assert_eq(reply_read(t->reply, t->reply_len, &v, NULL), 0);
    cr_expect_str_eq(v.error_code, "reply_too_large");
    cr_expect_float_eq(v.cost_usd, 0.0012, 1e-12, "it was paid for all the same");
    reply_view_done(&v);
    task_free(t);
}

Test(reply, id_is_stable_and_unique)
{
    char first[64];
    struct task *t = make();

    set_hit(t);
    reply_format(t, &config, NOW);
    snprintf(first, sizeof first, "%.43s", t->reply);
    cr_expect_eq(first[42], ',');
    reply_format(t, &config, NOW + 1000);
    cr_expect_eq(strncmp(first, t->reply, 43), 0, "another life, the same id");
    t->origin.offset++;
    reply_format(t, &config, NOW);
    cr_expect_neq(strncmp(first, t->reply, 43), 0, "another record");
    t->origin.offset--;
    t->fingerprint[0]++;
    reply_format(t, &config, NOW);
    cr_expect_neq(strncmp(first, t->reply, 43), 0, "another content in the same place");
    task_free(t);
}

static const struct reply_header *find(const struct reply_headers *all, const char *name)
{
    int i = 0;

    for (i = 0; i < all->count; i++) {
        if (strcmp(all->at[i].name, name) == 0)
            return &all->at[i];
    }
    return NULL;
}

Test(reply, headers)
{
    static const struct {
        const char *name;
        const char *value;
        size_t len;
    } want[] = {
        {"kafka_correlationId", "\x00\x01\xff\x7f", 4},
        {"traceparent", "00-aa-bb-01", 11},
        {"tracestate", "x=y", 3},
        {"sluice-run", "run7", 4},
        {"sluice-task-id", "row-\"1\"", 7},
        {"sluice-attempts", "2", 1},
        {"sluice-model", "smart", 5},
        {"sluice-cache", "miss", 4},
        {"sluice-source-topic", "requests", 8},
        {"sluice-source-partition", "3", 1},
        {"sluice-source-offset", "77", 2},
        {"ce_specversion", "1.0", 3},
        {"ce_id", "row-\"1\"", 7},
        {"ce_type", "ai.sluice.reply", 15},
        {"ce_source", "/sluice", 7},
        {"content-type", "application/json", 16},
    };
    struct reply_headers out;
    struct task *t = make();
    size_t i = 0;

    for (i = 0; i < 4; i++)
        task_header_add(t, want[i].name, want[i].value, want[i].len);
    task_header_add(t, "kafka_replyTopic", "replies", 7);
    task_header_add(t, "kafka_replyPartition", "\0\0\0\1", 4);
    task_header_add(t, "ce_specversion", "1.0", 3);
    task_header_add(t, "authorization", "secret", 6);
    set_success(t);
    reply_headers(t, &out);
    cr_expect_eq(out.count, (int)ARRAY_LEN(want), "nothing else is echoed");
    for (i = 0; i < ARRAY_LEN(want); i++) {
        const struct reply_header *h = find(&out, want[i].name);

        cr_assert_not_null(h, "%s", want[i].name);
        cr_expect_eq(h->len, want[i].len, "%s", h->name);
        cr_expect_arr_eq(h->value, want[i].value, want[i].len, "%s", h->name);
    }
    task_free(t);
}

Test(reply, headers_of_a_plain_record)
{
    struct reply_headers out;
    struct task *t = make();

    set_bad_record(t);
    task_header_add(t, "kafka_correlationId", NULL, 0);
    reply_headers(t, &out);
    cr_expect_null(find(&out, "ce_id"));
    cr_expect_null(find(&out, "content-type"));
    cr_expect_null(find(&out, "sluice-model"));
    cr_assert_not_null(find(&out, "kafka_correlationId"));
    cr_expect_null(find(&out, "kafka_correlationId")->value, "a null value stays one");
    task_free(t);
}

#define T(text) text, sizeof(text) - 1

Test(reply, topic)
{
    static const struct {
        const char *topic;
        size_t topic_len;
        const char *partition;
        size_t partition_len;
        int r;
        const char *want;
        int32_t want_partition;
    } rows[] = {
        {NULL, 0, NULL, 0, REPLY_TOPIC_OK, "replies", -1},
        {NULL, 0, T("\0\0\0\1"), REPLY_TOPIC_OK, "replies", -1},
        {T("app.replies"), NULL, 0, REPLY_TOPIC_OK, "app.replies", -1},
        {T("app.replies"), T("\0\0\1\2"), REPLY_TOPIC_OK, "app.replies", 258},
        {T("app.replies"), T("\xff\xff\xff\xff"), REPLY_TOPIC_OK, "app.replies", -1},
        {T("other.replies"), T("12"), REPLY_TOPIC_OK, "other.replies", 12},
        {T("other.replies"), T("1234"), REPLY_TOPIC_OK, "other.replies", 1234},
        {T("other.replies"), T("1x"), REPLY_TOPIC_OK, "other.replies", -1},
        {T("other.replies"), T(""), REPLY_TOPIC_OK, "other.replies", -1},
        {T("replies"), T("\0\0\0\1"), REPLY_TOPIC_OK, "replies", 1},
        {T("app.repliesX"), T("\0\0\0\1"), REPLY_TOPIC_REFUSED, "replies", -1},
        {T("app.replie"), NULL, 0, REPLY_TOPIC_REFUSED, "replies", -1},
        {T("app.replies\0"), NULL, 0, REPLY_TOPIC_REFUSED, "replies", -1},
        {T(""), NULL, 0, REPLY_TOPIC_REFUSED, "replies", -1},
    };
    char topic[REPLY_TOPIC_MAX];
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(rows); i++) {
        struct task *t = make();
        int32_t partition = 99;

        if (rows[i].topic)
            task_header_add(t, "kafka_replyTopic", rows[i].topic, rows[i].topic_len);
        if (rows[i].partition)
            task_header_add(t, "kafka_replyPartition", rows[i].partition, rows[i].partition_len);
        cr_expect_eq(reply_topic(t, &config, topic, sizeof topic, &partition), rows[i].r, "%zu", i);
        cr_expect_str_eq(topic, rows[i].want);
        cr_expect_eq(partition, rows[i].want_partition, "%zu: %d", i, partition);
        task_free(t);
    }
}
