/*
 * The simulator as the Responses API: what it answers, what it refuses, and how its answers go wrong.
 */
#include "tests/unit/cmd/sim_fixture.h"

#define RESPONSES "/v1/responses"
#define HEY(more) "{\"model\":\"m\",\"input\":\"hi\"" more "}"
#define ITEM(it)  "{\"model\":\"m\",\"input\":[" it "]}"
#define TOOL_FLAT                                                                                  \
    ",\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"parameters\":{\"type\":\"object\","       \
    "\"properties\":{\"a\":{\"type\":\"integer\"}},\"required\":[\"a\"]},\"strict\":true}]"

Test(sim_responses, answers_and_refuses)
{
    static const struct exchange rows[] = {
        {RESPONSES, HEY(""), 200, "\"type\":\"output_text\",\"text\":\"echo: hi\""},
        {"/responses", HEY(""), 200, "\"status\":\"completed\",\"incomplete_details\":null"},
        {RESPONSES,
         ITEM(
             "{\"role\":\"developer\",\"content\":\"x\"},{\"role\":\"user\",\"content\":[{\"type\":"
             "\"input_text\",\"text\":\"ho\"}]},{\"role\":\"assistant\",\"content\":\"y\"}"),
         200, "\"text\":\"echo: ho\""},
        {RESPONSES, HEY(TOOL_FLAT ",\"tool_choice\":{\"type\":\"function\",\"name\":\"f\"}"), 200,
         "\"name\":\"f\",\"status\":\"completed\",\"arguments\":\"{\\\"a\\\":0}\""},
        {RESPONSES, HEY(TOOL_FLAT ",\"tool_choice\":\"required\""), 200, "\"call_id\":\"call_"},
        {RESPONSES,
         HEY(",\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"n\",\"schema\":{\"type\":"
             "\"integer\",\"minimum\":5}}}"),
         200, "\"text\":\"5\""},
        {RESPONSES, HEY(",\"include\":[\"message.output_text.logprobs\"]"), 200,
         "\"logprobs\":[{\"token\":\"echo\""},
        {RESPONSES, HEY(",\"max_output_tokens\":16"), 200, "\"status\":\"completed\""},
        {RESPONSES, HEY(",\"max_output_tokens\":15"), 400, "Expected a value >= 16"},
        {RESPONSES, "{\"model\":\"m\"}", 400, "Missing required parameter: 'input'"},
        {RESPONSES, HI(""), 400, "'messages' is called 'input'"},
        {RESPONSES, HEY(",\"seed\":1"), 400, "Unknown parameter: 'seed'"},
        {RESPONSES, HEY(",\"previous_response_id\":\"resp_1\""), 400, "'resp_1' not found"},
        {RESPONSES, HEY(",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]"), 400,
         "tools[0].name"},
        {RESPONSES, HEY(",\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"n\"}}"), 400,
         "text.format.schema"},
        {RESPONSES, ITEM("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}]}"),
         400, "'text' is no type of an input part"},
        {RESPONSES, ITEM("{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":\"x\"}"),
         400, "No tool call found for function call output with call_id c"},
        {RESPONSES,
         ITEM("{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"\"},"
              "{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":\"x\"}"),
         200, "\"status\":\"completed\""},
        {RESPONSES, ITEM("{\"type\":\"item_reference\",\"id\":\"msg_1\"}"), 400, "not found"},
    };

    check_exchanges(&(struct sim_conf){0}, rows, ARRAY_LEN(rows));
}

Test(sim_responses, reasoning_and_cached_tokens)
{
    static const struct exchange rows[] = {
        {RESPONSES, HEY(""), 200, "\"output\":[{\"type\":\"reasoning\",\"id\":\"rs_"},
        {RESPONSES, HEY(",\"reasoning\":{\"summary\":\"auto\"}"), 200,
         "\"summary\":[{\"type\":\"summary_text\","},
        {RESPONSES, HEY(""), 200,
         "\"usage\":{\"input_tokens\":4,\"input_tokens_details\":{\"cached_tokens\":2,"
         "\"cache_write_tokens\":0},\"output_tokens\":9,\"output_tokens_details\":{"
         "\"reasoning_tokens\":7},\"total_tokens\":13}"},
    };

    check_exchanges(&(struct sim_conf){.reasoning_tokens = 7, .cached_percent = 50}, rows,
                    ARRAY_LEN(rows));
}

Test(sim_responses, faults_look_as_they_should)
{
    static const struct {
        const char *fault;
        int status;
        const char *has;
        uint64_t calls;
    } rows[] = {
        {"429:100", 429, "rate_limit_exceeded", 0},
        {"error200:100", 200, "\"status\":\"failed\",\"error\":{\"code\":\"server_error\"", 0},
        {"empty200:100", 200, "\"output\":[]", 1},
        {"refusal:100", 200, "\"type\":\"refusal\",\"refusal\":\"I ", 1},
        {"length:100", 200, "{\"reason\":\"max_output_tokens\"}", 1},
        {"filter:100", 200, "{\"reason\":\"content_filter\"}", 1},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sim_counters n = {0};
        struct fixture f;
        const char *body = NULL;

        start(&f,
              &(struct sim_conf){.faults = {.at = (const char *[]){rows[i].fault}, .count = 1}});
        body = ask(&f, RESPONSES, HEY(""), 1);
        cr_expect_eq(f.reply.status, rows[i].status, "%s: %d", rows[i].fault, f.reply.status);
        cr_expect(strstr(body, rows[i].has), "%s: %s", rows[i].fault, body);
        sim_state_counters(f.state, &n);
        cr_expect_eq(n.calls, rows[i].calls, "%s: %lu calls", rows[i].fault, n.calls);
        stop(&f);
    }
}
