/* What the simulator answers: schema instances, and whole replies by way of sim_serve(). */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cmd/sim/schema.h"
#include "tests/unit/cmd/sim_fixture.h"

Test(sim_schema, makes_instances)
{
    static const char *const rows[][2] = {
        {"{\"const\":7}", "7"},
        {"{\"enum\":[\"b\",\"a\"]}", "\"b\""},
        {"{\"type\":\"string\"}", "\"hi\""},
        {"{\"type\":\"string\",\"minLength\":4}", "\"hixx\""},
        {"{\"type\":\"string\",\"maxLength\":1}", "\"h\""},
        {"{\"type\":\"string\",\"format\":\"date\"}", "\"2026-01-02\""},
        {"{\"type\":\"integer\",\"minimum\":3}", "3"},
        {"{\"type\":\"integer\",\"exclusiveMinimum\":3}", "4"},
        {"{\"type\":\"integer\",\"minimum\":7,\"multipleOf\":5}", "10"},
        {"{\"type\":\"integer\",\"maximum\":-2}", "-2"},
        {"{\"type\":\"boolean\"}", "true"},
        {"{\"type\":\"null\"}", "null"},
        {"{\"type\":[\"integer\",\"null\"]}", "0"},
        {"{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"minItems\":2}", "[0,0]"},
        {"{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"maxItems\":0}", "[]"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"type\":"
         "\"string\"}},\"required\":[\"a\"]}",
         "{\"a\":0}"},
        {"{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}", "\"hi\""},
        {"{\"allOf\":[{\"required\":[\"a\"],\"properties\":{\"a\":{\"const\":1}}},{\"required\":"
         "[\"b\"],\"properties\":{\"b\":{\"const\":2}}}]}",
         "{\"a\":1,\"b\":2}"},
        {"{\"$ref\":\"#/$defs/n\",\"$defs\":{\"n\":{\"type\":\"integer\"}}}", "0"},
        {"{}", "{}"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct json_object *schema = json_tokener_parse(rows[i][0]);
        struct json_object *o = sim_schema_instance(schema, "hi");

        cr_expect_str_eq(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN), rows[i][1],
                         "%s", rows[i][0]);
        json_object_put(o);
        json_object_put(schema);
    }
}

Test(sim_schema, ends_on_schemas_that_contain_themselves)
{
    static const char *const rows[] = {
        "{\"type\":\"object\",\"properties\":{\"next\":{\"$ref\":\"#\"}},\"required\":[\"next\"]}",
        "{\"$ref\":\"#\"}",
        "{\"allOf\":[{\"$ref\":\"#\"}]}",
        "{\"type\":\"array\",\"items\":{\"$ref\":\"#\"}}",
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct json_object *schema = json_tokener_parse(rows[i]);

        json_object_put(sim_schema_instance(schema, "hi"));
        json_object_put(schema);
    }
}

#define CHAT     "/v1/chat/completions"
#define MESSAGES "/v1/messages"
#define AZURE    "/openai/deployments/dep%201"
#define AZURE_V  AZURE "/chat/completions?api-version=2024-10-21"
#define TOOL                                                                                       \
    ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":"              \
    "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}},\"required\":"             \
    "[\"a\"]}}}],\"tool_choice\":\"required\""

Test(sim_answer, each_kind_of_request)
{
    static const struct exchange rows[] = {
        {CHAT, HI(""), 200, "\"content\":\"echo: hi\",\"refusal\":null"},
        {"/chat/completions?x=1", HI(""), 200, "\"logprobs\":null,\"finish_reason\":\"stop\""},
        {CHAT, HI(",\"max_tokens\":1"), 200, "\"content\":\"echo\""},
        {CHAT, HI(",\"max_completion_tokens\":1"), 200, "\"finish_reason\":\"length\""},
        {CHAT, HI(",\"n\":2"), 200, "\"content\":\"echo: hi [1]\""},
        {CHAT, HI(",\"logprobs\":true"), 200, "\"token\":\"echo\",\"logprob\":-"},
        {CHAT, HI(TOOL), 200, "\"arguments\":\"{\\\"a\\\":0}\""},
        {CHAT, HI(TOOL), 200, "\"finish_reason\":\"tool_calls\""},
        {CHAT, HI(",\"response_format\":{\"type\":\"json_object\"}"), 200,
         "\"content\":\"{\\\"echo\\\":\\\"hi\\\"}\""},
        {CHAT,
         HI(",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\","
            "\"schema\":{\"type\":\"integer\",\"minimum\":5}}}"),
         200, "\"content\":\"5\""},
        {CHAT, "{\"model\":\"m\",\"messages\":[]}", 400, "\"param\":\"messages\""},
        {CHAT, "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", 400, "model"},
        {CHAT, HI(",\"temperature\":\"hot\""), 400, "temperature"},
        {CHAT, HI(",\"stream\":true"), 400, "stream"},
        {CHAT, "{\"model\":", 400, "no JSON"},
        {CHAT, "", 400, "empty"},
        {"/v1/nothing", HI(""), 404, "no such path"},
        {"/stats", "", 405, "GET"},
        {MESSAGES, HI(",\"max_tokens\":99"), 200, "\"stop_reason\":\"end_turn\""},
        {MESSAGES, HI(",\"max_tokens\":1"), 200, "\"stop_reason\":\"max_tokens\""},
        {MESSAGES, HI(""), 400, "\"type\":\"error\""},
        {MESSAGES,
         HI(",\"max_tokens\":9,\"tools\":[{\"name\":\"t\",\"input_schema\":{\"type\":\"object\"}}],"
            "\"tool_choice\":{\"type\":\"any\"}"),
         200, "\"name\":\"t\",\"input\":{}"},
        {"/v1/embeddings", "{\"model\":\"m\",\"input\":\"a\",\"dimensions\":1}", 200,
         "\"embedding\":["},
        {"/v1/embeddings",
         "{\"model\":\"m\",\"input\":[1,2],\"dimensions\":3,\"encoding_format\":\"base64\"}", 200,
         "\"embedding\":\""},
        {"/v1/embeddings", "{\"model\":\"m\",\"input\":[]}", 400, "input"},
        {AZURE "/chat/completions?api-version=2024-10-21", HI(""), 200, "\"model\":\"dep 1\""},
        {AZURE "/chat/completions?a=b&api-version=2024-10-21", HI(""), 200,
         "\"content_filter_results\":{\"hate\":{\"filtered\":false,\"severity\":\"safe\"}"},
        {AZURE "/chat/completions?api-version=2024-10-21", HI(""), 200,
         "\"prompt_filter_results\""},
        {AZURE "/chat/completions?api-version=2024-10-21", "{\"messages\":[]}", 400,
         "\"param\":\"messages\""},
        {AZURE "/chat/completions", HI(""), 404, "{\"error\":{\"code\":\"404\""},
        {AZURE "/embeddings?api-version=2024-10-21", "{\"input\":\"a\"}", 200, "\"embedding\":["},
        {AZURE "/embeddings", "{\"input\":\"a\"}", 404, "\"404\""},
        {"/openai/v1/chat/completions", HI(""), 200, "\"prompt_filter_results\""},
        {"/openai/v1/chat/completions?api-version=preview", HI(""), 200, "\"model\":\"m\""},
        {"/openai/v1/chat/completions?api-version=2024-10-21", HI(""), 400, "version"},
        {"/openai/v1/embeddings", "{\"model\":\"m\",\"input\":\"a\"}", 200, "\"embedding\":["},
    };

    check_exchanges(&(struct sim_conf){0}, rows, ARRAY_LEN(rows));
}

Test(sim_answer, the_same_request_gets_the_same_answer)
{
    struct fixture f, g;

    start(&f, &(struct sim_conf){.answer = "lorem", .output_tokens = "5..500", .seed = 3});
    start(&g, &(struct sim_conf){.answer = "lorem", .output_tokens = "5..500", .seed = 3});
    ask(&g, CHAT, HI(",\"seed\":1"), 5);
    cr_expect_str_eq(ask(&f, CHAT, HI(""), 1), ask(&g, CHAT, HI(""), 9));
    stop(&f);
    stop(&g);
}

Test(sim_answer, limits_refuse_and_count)
{
    struct sim_counters n = {0};
    struct fixture f;

    start(&f, &(struct sim_conf){.rpm = 2, .limit_header = "retry-after-ms"});
    ask(&f, CHAT, HI(""), 0);
    cr_expect(strstr(f.reply.headers.data, "x-ratelimit-remaining-requests: 1"));
    ask(&f, CHAT, HI(""), 1000000);
    ask(&f, CHAT, HI(""), 2000000);
    cr_expect_eq(f.reply.status, 429);
    cr_expect(strstr(f.reply.headers.data, "retry-after-ms: 58000"), "%s", f.reply.headers.data);
    ask(&f, CHAT, HI(""), 60000000);
    cr_expect_eq(f.reply.status, 200);
    sim_state_counters(f.state, &n);
    cr_expect_eq(n.violations[SIM_RPM], 1);
    cr_expect_eq(n.calls, 3);
    cr_expect_eq(n.paid, 3);
    cr_expect_eq(n.repeated_bodies, 1);
    cr_expect_eq(n.in_flight, 0);
    stop(&f);
}

/* Azure's filter stops a prompt with an error and an answer with a finish reason. */
Test(sim_answer, azure_filters_at_both_ends)
{
    const char *fault[] = {"filter:100"};
    int prompts = 0, answers = 0;
    struct fixture f;

    start(&f, &(struct sim_conf){.faults = {.at = fault, .count = 1}});
    for (int i = 0; i < 16; i++) {
        char text[128];
        const char *body = NULL;

        snprintf(text, sizeof text, "{\"messages\":[{\"role\":\"user\",\"content\":\"%d\"}]}", i);
        body = ask(&f, AZURE_V, text, 1);
        if (f.reply.status == 400) {
            prompts++;
            cr_expect(strstr(body, "\"ResponsibleAIPolicyViolation\""), "%s", body);
        } else {
            answers++;
            cr_expect(strstr(body, "\"finish_reason\":\"content_filter\""), "%s", body);
            cr_expect(strstr(body, "\"filtered\":true"), "%s", body);
        }
    }
    cr_expect(prompts > 0 && answers > 0, "%d prompts, %d answers", prompts, answers);
    stop(&f);
}

Test(sim_answer, faults_look_as_they_should)
{
    static const struct {
        const char *fault, *url;
        int status;
        const char *has, *header;
        int calls;
    } rows[] = {
        {"429:100,wait=2500ms", CHAT, 429, "rate_limit_exceeded", "Retry-After: 3\r", 0},
        {"429:100,wait=2s,header=retry-after-date", CHAT, 429, "", "Thu, 01 Jan 2026 00:00:02 GMT",
         0},
        {"429:100,wait=2s,header=reset", CHAT, 429, "", "x-ratelimit-reset-requests: 2000ms", 0},
        {"429:100,header=reset", MESSAGES, 429, "rate_limit_error", "2026-01-01T00:00:01", 0},
        {"500:100", CHAT, 500, "server_error", "", 0},
        {"503:100", CHAT, 503, "server_is_overloaded", "", 0},
        {"529:100", MESSAGES, 529, "overloaded_error", "", 0},
        {"quota:100", CHAT, 429, "insufficient_quota", "", 0},
        {"quota:100", MESSAGES, 402, "billing_error", "", 0},
        {"auth:100", CHAT, 401, "invalid_api_key", "", 0},
        {"notfound:100", CHAT, 404, "model_not_found", "", 0},
        {"context:100", CHAT, 400, "context_length_exceeded", "", 0},
        {"context:100", MESSAGES, 400, "prompt is too long", "", 0},
        {"error200:100", CHAT, 200, "\"error\":{", "", 0},
        {"empty200:100", CHAT, 200, "\"content\":\"\"", "", 1},
        {"empty200:100", MESSAGES, 200, "\"content\":[]", "", 1},
        {"html200:100", CHAT, 200, "<!doctype", "", 0},
        {"notjson:100", CHAT, 200, "[oops", "", 0},
        {"refusal:100", CHAT, 200, "\"refusal\":\"I ", "", 1},
        {"refusal:100", MESSAGES, 200, "\"stop_reason\":\"refusal\"", "", 1},
        {"length:100", CHAT, 200, "\"finish_reason\":\"length\"", "", 1},
        {"length:100", MESSAGES, 200, "\"stop_reason\":\"max_tokens\"", "", 1},
        {"filter:100", CHAT, 200, "\"finish_reason\":\"content_filter\"", "", 1},
        {"cut:100", CHAT, 200, "echo: hi", "", 1},
        {"429:100,wait=2500ms", AZURE_V, 429, "RateLimitReached", "Retry-After: 3\r", 0},
        {"429:100,wait=2100ms,header=reset", AZURE_V, 429, "", "x-ratelimit-reset-requests: 3\r",
         0},
        {"500:100", AZURE_V, 500, "InternalServerError", "", 0},
        {"503:100", AZURE_V, 503, "ServiceUnavailable", "", 0},
        {"529:100", AZURE_V, 429, "high demand", "", 0},
        {"auth:100", AZURE_V, 401, "{\"error\":{\"code\":\"401\"", "", 0},
        {"notfound:100", AZURE_V, 404, "DeploymentNotFound", "", 0},
        {"context:100", AZURE_V, 400, "context_length_exceeded", "", 0},
        {"quota:100", AZURE_V, 429, "insufficient_quota", "", 0},
        {"length:100", AZURE_V, 200, "\"finish_reason\":\"length\"", "", 1},
        {"refusal:100", AZURE_V, 200, "\"refusal\":\"I ", "", 1},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sim_counters n = {0};
        struct fixture f;
        const char *body = NULL;

        start(&f,
              &(struct sim_conf){.faults = {.at = (const char *[]){rows[i].fault}, .count = 1}});
        body = ask(&f, rows[i].url, HI(",\"max_tokens\":50"), 1);
        cr_expect_eq(f.reply.status, rows[i].status, "%s: %d", rows[i].fault, f.reply.status);
        cr_expect(strstr(body, rows[i].has), "%s: %s", rows[i].fault, body);
        cr_expect(!*rows[i].header || strstr(f.reply.headers.data, rows[i].header), "%s: %s",
                  rows[i].fault, f.reply.headers.data);
        sim_state_counters(f.state, &n);
        cr_expect_eq(n.calls, (uint64_t)rows[i].calls, "%s: %lu calls", rows[i].fault, n.calls);
        cr_expect_eq(n.faults, 1);
        stop(&f);
    }
}

#define CONVERSE  "/model/us.anthropic.claude-x%3A0/converse"
#define SAY(more) "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}]}]" more "}"
#define USE       "{\"role\":\"assistant\",\"content\":[{\"toolUse\":{\"toolUseId\":\"a\"}}]}"

Test(sim_answer, bedrock)
{
    static const struct {
        const char *url, *body;
        int status;
        const char *has;
    } rows[] = {
        {CONVERSE, SAY(""), 200, "[{\"text\":\"echo: hi\"}]}},\"stopReason\":\"end_turn\""},
        {CONVERSE, SAY(",\"inferenceConfig\":{\"maxTokens\":1}"), 200,
         "\"stopReason\":\"max_tokens\""},
        {CONVERSE,
         SAY(",\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"t\",\"inputSchema\":{\"json\":"
             "{\"type\":\"object\"}}}}],\"toolChoice\":{\"any\":{}}}"),
         200, "\"name\":\"t\",\"input\":{}}}]}},\"stopReason\":\"tool_use\""},
        {CONVERSE,
         SAY(",\"outputConfig\":{\"textFormat\":{\"type\":\"json_schema\",\"structure\":{"
             "\"jsonSchema\":{\"schema\":\"{\\\"type\\\":\\\"integer\\\",\\\"minimum\\\":5}\"}}}}"),
         200, "\"text\":\"5\""},
        {CONVERSE, SAY(",\"outputConfig\":{\"textFormat\":{\"structure\":{}}}"), 400, "a string"},
        {CONVERSE, SAY(",\"inferenceConfig\":{\"temperature\":1.5}"), 400, "inferenceConfig"},
        {CONVERSE, SAY(",\"inferenceConfig\":{\"maxTokens\":0}"), 400, "inferenceConfig"},
        {CONVERSE, "{\"messages\":[]}", 400, "messages"},
        {CONVERSE, "{\"messages\":[{\"role\":\"system\",\"content\":[{\"text\":\"x\"}]}]}", 400,
         "role user or assistant"},
        {CONVERSE, "{\"messages\":[" USE "]}", 400, "must start with a user message"},
        {CONVERSE, "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", 400, "list of blocks"},
        {CONVERSE, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"\"}]}]}", 400,
         "is blank"},
        {CONVERSE,
         "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}]}]}",
         400, "exactly one"},
        {CONVERSE,
         "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"x\"}]},{\"role\":\"user\","
         "\"content\":[{\"text\":\"x\"}]}]}",
         400, "must alternate"},
        {CONVERSE, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"x\"}]}," USE "]}",
         400, "toolConfig"},
        {"/model/amazon.titan-embed-text-v2:0/invoke", "{\"inputText\":\"a\",\"dimensions\":1}",
         200, "{\"embedding\":["},
        {"/model/amazon.titan-embed-text-v2:0/invoke", "{\"texts\":[\"a\"]}", 400, "inputText"},
        {"/model/cohere.embed-v4:0/invoke",
         "{\"texts\":[\"a\",\"b\"],\"input_type\":\"x\",\"output_dimension\":1}", 200, "],["},
        {"/model/cohere.embed-v4:0/invoke", "{\"texts\":[\"a\"]}", 400, "input_type"},
        {"/model/other/invoke", "{\"inputText\":\"a\"}", 400, "embeddings only"},
    };
    struct fixture f;

    start(&f, &(struct sim_conf){0});
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *body = ask(&f, rows[i].url, rows[i].body, 1);
        struct json_object *o = json_tokener_parse(body);

        cr_expect_eq(f.reply.status, rows[i].status, "%s: %d %s", rows[i].body, f.reply.status,
                     body);
        cr_expect(strstr(body, rows[i].has), "%s: %s", rows[i].body, body);
        cr_expect_not_null(o, "no JSON: %s", body);
        cr_expect(f.reply.status == 200 ||
                      strstr(f.reply.headers.data, "x-amzn-ErrorType: ValidationException:"),
                  "%s", f.reply.headers.data);
        json_object_put(o);
    }
    stop(&f);
}

Test(sim_answer, faults_of_bedrock)
{
    static const struct {
        const char *fault;
        int status;
        const char *has, *header;
    } rows[] = {
        {"429:100,wait=2s", 429, "", "ThrottlingException"},
        {"429:100,header=reset", 429, "", "ThrottlingException"},
        {"500:100", 500, "", "InternalServerException"},
        {"503:100", 503, "", "ServiceUnavailableException"},
        {"quota:100", 429, "tokens per day", "ThrottlingException"},
        {"auth:100", 403, "security token", "UnrecognizedClientException"},
        {"notfound:100", 404, "", "ResourceNotFoundException"},
        {"context:100", 400, "too long", "ValidationException"},
        {"error200:100", 200, "#InternalServerException", ""},
        {"empty200:100", 200, "\"content\":[]", "x-amzn-RequestId"},
        {"refusal:100", 200, "guardrail_intervened", ""},
        {"filter:100", 200, "content_filtered", ""},
        {"length:100", 200, "max_tokens", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fixture f;
        const char *body = NULL;

        start(&f,
              &(struct sim_conf){.faults = {.at = (const char *[]){rows[i].fault}, .count = 1}});
        body = ask(&f, CONVERSE, SAY(""), 1);
        cr_expect_eq(f.reply.status, rows[i].status, "%s: %d", rows[i].fault, f.reply.status);
        cr_expect(strstr(body, rows[i].has), "%s: %s", rows[i].fault, body);
        cr_expect(!*rows[i].header || strstr(f.reply.headers.data, rows[i].header), "%s",
                  rows[i].fault);
        stop(&f);
    }
}
