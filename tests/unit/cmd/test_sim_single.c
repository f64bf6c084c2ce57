/*
 * The simulator in the dialects that one vendor speaks: Cohere's and Ollama's own. What the real ones refuse is
 * refused, so that a test does not pass on a request that would fail in earnest.
 */
#include "tests/unit/cmd/sim_fixture.h"

#include <stdio.h>

static const struct exchange cohere_rows[] = {
    {"/v2/chat", "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", 200,
     "\"content\":[{\"type\":\"text\",\"text\":\"echo: hi\"}]},\"finish_reason\":\"COMPLETE\""},
    {"/v2/chat", "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", 200,
     "\"billed_units\":{\"input_tokens\":4,\"output_tokens\":2},\"tokens\":{\"input_tokens\":"
     "68,"},
    {"/v2/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"max_tokens\":1}",
     200, "\"finish_reason\":\"MAX_TOKENS\""},
    {"/v2/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"logprobs\":"
     "true}",
     200, "\"logprobs\":[{\"text\":\"echo\",\"token_ids\":["},
    {"/v2/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"tool_choice\":"
     "\"REQUIRED\",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
     "\"parameters\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}},"
     "\"required\":[\"a\"]}}}]}",
     200, "\"arguments\":\"{\\\"a\\\":0}\""},
    {"/v2/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"tool_choice\":"
     "\"REQUIRED\",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
     "\"parameters\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}},"
     "\"required\":[\"a\"]}}}]}",
     200, "\"tool_plan\":\"I will use the f tool.\""},
    {"/v2/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"tools\":[{"
     "\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\","
     "\"properties\":{\"a\":{\"type\":\"integer\"}},\"required\":[\"a\"]}}}]}",
     200, "echo: hi"},
    {"/v2/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"response_"
     "format\":{\"type\":\"json_object\"}}",
     200, "\"text\":\"{\\\"echo\\\":\\\"hi\\\"}\""},
    {"/v2/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"response_"
     "format\":{\"type\":\"json_object\",\"json_schema\":{\"type\":\"integer\",\"minimum\":5}}"
     "}",
     200, "\"text\":\"5\""},
    {"/v2/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"thinking\":{"
     "\"type\":\"enabled\"}}",
     200, "\"content\":[{\"type\":\"text\""},
    {"/v2/chat", "{\"model\":\"m\",\"messages\":[]}", 400, "\"message\":\"messages must be"},
    {"/v2/chat", "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", 400, "model"},
    {"/v2/chat", "{\"model\":\"m\",\"messages\":[{\"role\":\"developer\",\"content\":\"hi\"}]}",
     400, "roles are"},
    {"/v2/chat", "{\"model\":\"m\",\"messages\":[{\"role\":\"user\"}]}", 400,
     "content or tool calls"},
    {"/v2/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":true}", 400,
     "stream"},
    {"/v2/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stop_"
     "sequences\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\"]}",
     400, "up to 5"},
    {"/v2/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stop_"
     "sequences\":\"1\"}",
     400, "up to 5"},
    {"/v2/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"presence_"
     "penalty\":-1}",
     400, "presence_penalty must be between 0 and 1"},
    {"/v2/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"frequency_"
     "penalty\":2}",
     400, "frequency_penalty must be between 0 and 1"},
    {"/v2/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"k\":501}", 400,
     "k must be between 0 and 500"},
    {"/v2/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"max_tokens\":-"
     "1}",
     400, "max_tokens"},
    {"/v2/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"tool_choice\":"
     "\"REQUIRED\"}",
     400, "with tools"},
    {"/v2/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"tool_choice\":"
     "\"auto\",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{"
     "\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}},\"required\":[\"a\"]}}}"
     "]}",
     400, "REQUIRED or NONE"},
    {"/v2/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"tool_choice\":{"
     "\"type\":\"function\"},\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
     "\"parameters\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}},"
     "\"required\":[\"a\"]}}}]}",
     400, "REQUIRED or NONE"},
    {"/v2/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"tools\":[{"
     "\"type\":\"function\",\"function\":{\"name\":\"f\"}}]}",
     400, "name and parameters"},
    {"/v2/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"response_"
     "format\":{\"type\":\"json_object\"},\"tools\":[{\"type\":\"function\",\"function\":{"
     "\"name\":\"f\",\"parameters\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":"
     "\"integer\"}},\"required\":[\"a\"]}}}]}",
     400, "not supported with tools"},
    {"/v2/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"response_"
     "format\":{\"type\":\"json_schema\"}}",
     400, "text or json_object"},
    {"/v2/embed",
     "{\"model\":\"m\",\"texts\":[\"a\"],\"input_type\":\"search_query\",\"embedding_types\":["
     "\"float\"],\"output_dimension\":2}",
     200, "\"embeddings\":{\"float\":[["},
    {"/v2/embed",
     "{\"model\":\"m\",\"texts\":[\"a\"],\"input_type\":\"search_query\",\"embedding_types\":["
     "\"base64\",\"float\"]}",
     200, "\"base64\":[\""},
    {"/v2/embed",
     "{\"model\":\"m\",\"texts\":[\"a\"],\"input_type\":\"search_query\",\"embedding_types\":["
     "\"float\"]}",
     200, "\"billed_units\":{\"input_tokens\":"},
    {"/v2/embed",
     "{\"model\":\"m\",\"texts\":[],\"input_type\":\"search_query\",\"embedding_types\":["
     "\"float\"]}",
     400, "1 to 96"},
    {"/v2/embed",
     "{\"model\":\"m\",\"texts\":[1],\"input_type\":\"search_query\",\"embedding_types\":["
     "\"float\"]}",
     400, "1 to 96"},
    {"/v2/embed",
     "{\"model\":\"m\",\"texts\":\"a\",\"input_type\":\"search_query\",\"embedding_types\":["
     "\"float\"]}",
     400, "1 to 96"},
    {"/v2/embed",
     "{\"model\":\"m\",\"texts\":[\"a\"],\"input_type\":\"query\",\"embedding_types\":["
     "\"float\"]}",
     400, "valid input_type"},
    {"/v2/embed",
     "{\"model\":\"m\",\"texts\":[\"a\"],\"input_type\":\"search_query\",\"embedding_types\":["
     "\"int9\"]}",
     400, "embedding_types"},
    {"/v2/embed",
     "{\"model\":\"m\",\"texts\":[\"a\"],\"input_type\":\"search_query\",\"embedding_types\":["
     "\"float\"],\"truncate\":\"MAYBE\"}",
     400, "truncate"},
};

Test(sim_single, cohere)
{
    check_exchanges(&(struct sim_conf){0}, cohere_rows, ARRAY_LEN(cohere_rows));
}

static const struct exchange ollama_rows[] = {
    {"/api/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":false}",
     200,
     "\"message\":{\"role\":\"assistant\",\"content\":\"echo: "
     "hi\"},\"done\":true,\"done_reason\":\"stop\""},
    {"/api/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":false}",
     200, "\"prompt_eval_count\":4"},
    {"/api/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":false,"
     "\"options\":{\"num_predict\":1}}",
     200, "\"done_reason\":\"length\""},
    {"/api/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":false,"
     "\"options\":{\"num_predict\":-1}}",
     200, "echo: hi"},
    {"/api/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":false,"
     "\"logprobs\":true}",
     200, "\"logprobs\":[{\"token\":\"echo\",\"logprob\":-"},
    {"/api/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"call f "
     "now\"}],\"stream\":false,\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
     "\"parameters\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}},"
     "\"required\":[\"a\"]}}}]}",
     200, "\"tool_calls\":[{\"function\":{\"index\":0,\"name\":\"f\",\"arguments\":{\"a\":0}}}]"},
    {"/api/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":false,"
     "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":"
     "\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}},\"required\":[\"a\"]}}}]}",
     200, "echo: hi"},
    {"/api/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":false,"
     "\"format\":\"json\"}",
     200, "\"content\":\"{\\\"echo\\\":\\\"hi\\\"}\""},
    {"/api/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":false,"
     "\"format\":{\"type\":\"integer\",\"minimum\":5}}",
     200, "\"content\":\"5\""},
    {"/api/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\",\"images\":[\"aGk="
     "\"]}],\"stream\":false}",
     200, "echo: hi"},
    {"/api/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":false,"
     "\"options\":{\"num_ctx\":4}}",
     200, "\"prompt_eval_count\":4"},
    {"/api/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":false,"
     "\"options\":{\"num_ctx\":2}}",
     200, "\"prompt_eval_count\":2"},
    {"/api/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":false,"
     "\"truncate\":false,\"options\":{\"num_ctx\":4}}",
     400, "{\"error\":\"the input length exceeds the context length\"}"},
    {"/api/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":false,"
     "\"truncate\":false,\"options\":{\"num_ctx\":5}}",
     200, "\"prompt_eval_count\":4"},
    {"/api/chat", "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", 400,
     "send stream false"},
    {"/api/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":true}", 400,
     "stream"},
    {"/api/chat", "{\"model\":\"m\",\"messages\":[],\"stream\":false}", 400,
     "{\"error\":\"messages"},
    {"/api/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
     "\"text\":\"hi\"}]}],\"stream\":false}",
     400, "of type string"},
    {"/api/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\",\"images\":[\"data:"
     "image/png;base64,aGk=\"]}],\"stream\":false}",
     400, "illegal base64"},
    {"/api/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"function\":{"
     "\"name\":\"f\",\"arguments\":\"{}\"}}]}],\"stream\":false}",
     400, "arguments"},
    {"/api/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":false,"
     "\"options\":[]}",
     400, "options"},
    {"/api/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":false,"
     "\"format\":\"xml\"}",
     400, "invalid format"},
    {"/api/chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":false,"
     "\"top_logprobs\":21}",
     400, "between 0 and 20"},
    {"/api/embed", "{\"model\":\"m\",\"input\":[\"a\",\"b\"],\"dimensions\":1}", 200,
     "\"embeddings\":[["},
    {"/api/embed", "{\"model\":\"m\",\"input\":\"a\"}", 200, "\"prompt_eval_count\":"},
    {"/api/embed", "{\"model\":\"m\",\"input\":[1]}", 400, "invalid input type"},
    {"/api/embed", "{\"model\":\"m\"}", 400, "invalid input type"},
    {"/api/embed",
     "{\"model\":\"m\",\"input\":\"a\",\"truncate\":false,\"options\":{\"num_ctx\":1}}", 400,
     "context length"},
};

Test(sim_single, ollama)
{
    check_exchanges(&(struct sim_conf){0}, ollama_rows, ARRAY_LEN(ollama_rows));
}

Test(sim_single, thinking_and_cached_tokens)
{
    static const struct exchange rows[] = {
        {"/v2/chat",
         "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"thinking\":{"
         "\"type\":\"enabled\"}}",
         200,
         "\"content\":[{\"type\":\"thinking\",\"thinking\":\"(simulated)\"},{\"type\":\"text\""},
        {"/v2/chat", "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", 200,
         "\"cached_tokens\":2"},
        {"/v2/chat", "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", 200,
         "\"output_tokens\":9}"},
        {"/api/chat",
         "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":false,"
         "\"think\":\"low\"}",
         200, "\"thinking\":\"(simulated)\""},
        {"/api/chat",
         "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":false,"
         "\"think\":false}",
         200, "\"content\":\"echo: hi\"}"},
        {"/api/chat",
         "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":false}",
         200, "\"eval_count\":9"},
    };

    check_exchanges(&(struct sim_conf){.reasoning_tokens = 7, .cached_percent = 50}, rows,
                    ARRAY_LEN(rows));
}

struct twist {
    const char *fault;
    int status;
    const char *has;
};

static void check_twists(const char *url, const char *body, const struct twist *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char rule[64];
        const char *rules[] = {rule};
        struct sim_conf conf = {.faults = {.at = rules, .count = 1}};
        struct exchange x = {url, body, rows[i].status, rows[i].has};

        snprintf(rule, sizeof rule, "%s:100", rows[i].fault);
        check_exchanges(&conf, &x, 1);
    }
}

Test(sim_single, faults_of_cohere)
{
    static const struct twist rows[] = {
        {"429", 429, "{\"id\":\"simulated\",\"message\":\"Rate limit reached (simulated)"},
        {"500", 500, "\"message\":\"internal server error"},
        {"503", 503, "\"message\":"},
        {"529", 503, "Overloaded"},
        {"quota", 429, "1000 API calls / month"},
        {"auth", 401, "invalid api token"},
        {"notfound", 404, "\"message\":\"model"},
        {"context", 400, "too many tokens: total number of tokens"},
        {"error200", 200, "\"finish_reason\":\"ERROR\""},
        {"empty200", 200, "\"text\":\"\""},
        {"refusal", 498, "was blocked"},
        {"filter", 498, "was blocked"},
        {"length", 200, "\"finish_reason\":\"MAX_TOKENS\""},
    };

    check_twists("/v2/chat", HI(""), rows, ARRAY_LEN(rows));
}

Test(sim_single, faults_of_ollama)
{
    static const struct twist rows[] = {
        {"429", 429, "{\"error\":\"Rate limit reached (simulated)"},
        {"500", 500, "llama runner process has terminated"},
        {"503", 503, "{\"error\":"},
        {"529", 503, "server busy"},
        {"quota", 429, "weekly usage limit"},
        {"auth", 401, "unauthorized"},
        {"notfound", 404, "not found"},
        {"context", 400, "exceeds the context length"},
        {"error200", 200, "{\"error\":"},
        {"empty200", 200, "\"content\":\"\""},
        {"refusal", 200, "I cannot help with that."},
        {"length", 200, "\"done_reason\":\"length\""},
    };

    check_twists("/api/chat", HI(",\"stream\":false"), rows, ARRAY_LEN(rows));
}
