/* The simulator in Google's dialect: what it answers, what it refuses, how it says errors. */
#include "tests/unit/cmd/sim_fixture.h"

#define GEN     "/v1beta/models/m:generateContent"
#define GEN3    "/v1beta/models/gemini-3-pro:generateContent"
#define PROJECT "/v1/projects/p/locations/l/publishers/google/models/"
#define VERTEX  PROJECT "m:generateContent"
#define USER    "{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}"
#define MODEL   "{\"role\":\"model\",\"parts\":[{\"text\":\"yes\"}]}"
#define CALL(n, more)                                                                              \
    "{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"" n "\",\"args\":{}}" more "}]}"
#define RESULT                                                                                     \
    "{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"name\":\"f\",\"response\":{}}}]}"
#define ASK(turns, more) "{\"contents\":[" turns "]" more "}"
#define CONFIG(more)     ASK(USER, ",\"generationConfig\":{" more "}")
#define TOOLS                                                                                      \
    ",\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\"},{\"name\":\"g\","                     \
    "\"parametersJsonSchema\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}}," \
    "\"required\":[\"a\"]}}]}]"
#define CHOICE(config) TOOLS ",\"toolConfig\":{\"functionCallingConfig\":{" config "}}"

static const struct exchange good[] = {
    {GEN, ASK(USER, ""), 200, "{\"content\":{\"parts\":[{\"text\":\"echo: hi\"}]"},
    {GEN, ASK(USER, ""), 200, "\"modelVersion\":\"m\""},
    {VERTEX, ASK(USER, ""), 200, "\"modelVersion\":\"m\""},
    {GEN, ASK(USER "," MODEL "," USER, ""), 200, "echo: hi"},
    {GEN, ASK(USER, ",\"systemInstruction\":{\"parts\":[{\"text\":\"12345678\"}]}"), 200,
     "\"promptTokenCount\":6,"},
    {GEN, CONFIG("\"candidateCount\":2"), 200, "\"text\":\"echo: hi [1]\""},
    {GEN, CONFIG("\"maxOutputTokens\":1"), 200, "\"finishReason\":\"MAX_TOKENS\""},
    {GEN, CONFIG("\"responseMimeType\":\"application/json\""), 200, "{\\\"echo\\\":\\\"hi\\\"}"},
    {GEN,
     CONFIG("\"responseMimeType\":\"application/json\",\"responseJsonSchema\":{\"type\":"
            "\"integer\",\"minimum\":5}"),
     200, "\"text\":\"5\""},
    {GEN, CONFIG("\"responseLogprobs\":true,\"logprobs\":1"), 200,
     "\"topCandidates\":[{\"candidates\":[{\"token\":\"echo\""},
    {GEN, ASK(USER, CHOICE("\"mode\":\"ANY\"")), 200, "{\"name\":\"f\",\"args\":{}}"},
    {GEN, ASK(USER, CHOICE("\"mode\":\"ANY\",\"allowedFunctionNames\":[\"g\"]")), 200,
     "{\"name\":\"g\",\"args\":{\"a\":0}}"},
    {GEN3, ASK(USER, CHOICE("\"mode\":\"ANY\"")), 200, "\"thoughtSignature\":\"c2lt"},
    {GEN, ASK(USER, CHOICE("\"mode\":\"AUTO\"")), 200, "echo: hi"},
    {GEN, ASK(USER "," CALL("f", "") "," RESULT, TOOLS), 200, "echo: hi"},
    {GEN3, ASK(USER "," CALL("f", ",\"thoughtSignature\":\"x\"") "," RESULT, TOOLS), 200, "echo"},
    {"/v1beta/models/m:embedContent",
     "{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"outputDimensionality\":1}", 200,
     "{\"embedding\":{\"values\":["},
    {"/v1beta/models/m:embedContent", "{\"requests\":[]}", 400, "Unknown name"},
    {"/v1beta/models/m:embedContent", "{}", 400, "content is not specified"},
    {"/v1beta/models/m:batchEmbedContents",
     "{\"requests\":[{\"model\":\"models/m\",\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}", 200,
     "{\"embeddings\":[{\"values\":["},
    {"/v1beta/models/m:batchEmbedContents",
     "{\"requests\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}", 400, "must match the model"},
    {"/v1beta/models/m:batchEmbedContents", "{\"requests\":[]}", 400, "at least one"},
    {PROJECT "text-embedding-005:predict",
     "{\"instances\":[{\"content\":\"a\"},{\"content\":\"b\"}],\"parameters\":{"
     "\"outputDimensionality\":2}}",
     200, "\"statistics\":{\"truncated\":false,\"token_count\":1}"},
    {PROJECT "gemini-embedding-001:predict",
     "{\"instances\":[{\"content\":\"a\"},{\"content\":\"b\"}]}", 400, "one instance"},
    {PROJECT "m:predict", "{\"instances\":[{}]}", 400, "must be a string"},
};

static const struct exchange bad[] = {
    {GEN, "{}", 400, "contents is not specified"},
    {GEN, "{\"contents\":[{\"role\":\"user\",\"parts\":[]}]}", 400, "must not be empty"},
    {GEN, "{\"contents\":[{\"role\":\"user\",\"parts\":[{}]}]}", 400, "oneof field 'data'"},
    {GEN, "{\"contents\":[{\"role\":\"assistant\",\"parts\":[{\"text\":\"x\"}]}]}", 400,
     "Please use a valid role"},
    {GEN, ASK(USER, ",\"messages\":[]"), 400, "Unknown name \\\"messages\\\""},
    {GEN, CONFIG("\"max_tokens\":1"), 400, "Unknown name \\\"max_tokens\\\""},
    {GEN, CONFIG("\"maxOutputTokens\":0"), 400, "must be positive"},
    {GEN, CONFIG("\"candidateCount\":9"), 400, "candidate_count"},
    {GEN, CONFIG("\"temperature\":2.5"), 400, "temperature"},
    {GEN, CONFIG("\"stopSequences\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\"]"), 400, "stop_sequences"},
    {GEN, CONFIG("\"thinkingConfig\":{\"thinkingLevel\":\"LOW\",\"thinkingBudget\":1}"), 400,
     "only one of thinking budget"},
    {GEN, CONFIG("\"responseJsonSchema\":{}"), 400, "response_mime_type"},
    {GEN, ASK(USER, CHOICE("\"mode\":\"AUTO\",\"allowedFunctionNames\":[\"f\"]")), 400,
     "allowed_function_names"},
    {GEN, ASK(USER, CHOICE("\"mode\":\"ANY\",\"allowedFunctionNames\":[\"h\"]")), 400,
     "no declared function"},
    {GEN, ASK(USER "," CALL("f", "") "," USER, TOOLS), 400, "number of function response parts"},
    {GEN, ASK(USER "," RESULT, TOOLS), 400, "number of function response parts"},
    {GEN3, ASK(USER "," CALL("f", "") "," RESULT, TOOLS), 400, "missing a thought_signature"},
    {GEN,
     ASK(USER "," CALL("f", "") ",{\"role\":\"user\",\"parts\":[{\"functionResponse\":{"
                                "\"name\":\"\"}}]}",
         TOOLS),
     400, "must be an object"},
    {GEN, "{\"contents\":", 400, "\"status\":\"INVALID_ARGUMENT\""},
};

Test(sim_gemini, each_kind_of_request)
{
    check_exchanges(&(struct sim_conf){0}, good, ARRAY_LEN(good));
    check_exchanges(&(struct sim_conf){0}, bad, ARRAY_LEN(bad));
}

Test(sim_gemini, faults_look_as_they_should)
{
    static const struct {
        const char *fault, *url;
        int status;
        const char *has;
        const char *has_not; /* or NULL */
    } rows[] = {
        {"429:100,wait=2500ms", GEN, 429, "RetryInfo\",\"retryDelay\":\"2.500s\"", NULL},
        {"429:100,wait=2s", GEN, 429, "\"quotaId\":\"GenerateRequestsPerMinute", NULL},
        {"429:100,wait=2s", VERTEX, 429, "\"retryDelay\":\"2s\"}]", NULL},
        {"429:100,header=none", GEN, 429, "\"status\":\"RESOURCE_EXHAUSTED\"}", "details"},
        {"500:100", GEN, 500, "\"status\":\"INTERNAL\"", "details"},
        {"503:100,wait=1s,header=retry-after", GEN, 503,
         "\"details\":[{\"@type\":\"type.googleapis"
         ".com/google.rpc.RetryInfo\"",
         "Quota"},
        {"529:100", GEN, 503, "The model is overloaded", NULL},
        {"quota:100", GEN, 429, "PerDay", "RetryInfo"},
        {"auth:100", GEN, 400, "\"reason\":\"API_KEY_INVALID\"", NULL},
        {"auth:100", VERTEX, 401, "\"status\":\"UNAUTHENTICATED\"", NULL},
        {"notfound:100", GEN, 404, "\"status\":\"NOT_FOUND\"", NULL},
        {"context:100", GEN, 400, "exceeds the maximum number of tokens allowed", NULL},
        {"error200:100", GEN, 200, "{\"error\":{\"code\":500", NULL},
        {"empty200:100", GEN, 200, "{\"content\":{\"role\":\"model\"}", "text"},
        {"empty200:100", "/v1beta/models/m:embedContent", 200, "{\"embedding\":{}}", NULL},
        {"refusal:100", GEN, 200, "\"finishReason\":\"SAFETY\"", "parts"},
        {"filter:100", GEN, 200, "{\"promptFeedback\":{\"blockReason\":\"PROHIBITED_CONTENT\"}",
         "candidates\""},
        {"length:100", GEN, 200, "\"finishReason\":\"MAX_TOKENS\"", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool embed = strstr(rows[i].url, ":embed") != NULL;
        struct fixture f;
        const char *body = NULL;

        start(&f,
              &(struct sim_conf){.faults = {.at = (const char *[]){rows[i].fault}, .count = 1}});
        body = ask(&f, rows[i].url,
                   embed ? "{\"content\":{\"parts\":[{\"text\":\"a\"}]}}" : ASK(USER, ""), 1);
        cr_expect_eq(f.reply.status, rows[i].status, "%s: %d", rows[i].fault, f.reply.status);
        cr_expect(strstr(body, rows[i].has), "%s: %s", rows[i].fault, body);
        cr_expect(!rows[i].has_not || !strstr(body, rows[i].has_not), "%s: %s", rows[i].fault,
                  body);
        cr_expect(!f.reply.headers.len, "%s: header %s", rows[i].fault, f.reply.headers.data);
        stop(&f);
    }
}

Test(sim_gemini, limits_say_the_wait_in_the_body)
{
    struct fixture f;

    start(&f, &(struct sim_conf){.rpm = 1, .limit_header = "retry-after"});
    ask(&f, GEN, ASK(USER, ""), 0);
    cr_expect_eq(f.reply.status, 200);
    cr_expect(strstr(ask(&f, GEN, ASK(USER, ""), 1500000), "\"retryDelay\":\"58.500s\""), "%s",
              f.reply.body.data);
    cr_expect_eq(f.reply.status, 429);
    cr_expect_eq(f.reply.headers.len, 0);
    stop(&f);
}

Test(sim_gemini, usage_counts_thoughts_beside_the_answer)
{
    struct fixture f;
    const char *body = NULL;

    start(&f, &(struct sim_conf){.reasoning_tokens = 7, .cached_percent = 50});
    body = ask(&f, GEN, CONFIG("\"thinkingConfig\":{\"includeThoughts\":true}"), 1);
    cr_expect(strstr(body, "\"promptTokenCount\":4,\"candidatesTokenCount\":2,"
                           "\"thoughtsTokenCount\":7,\"cachedContentTokenCount\":2,"
                           "\"totalTokenCount\":13}"),
              "%s", body);
    cr_expect(strstr(body, "\"thought\":true}"), "%s", body);
    stop(&f);
}

Test(sim_gemini, a_key_is_wanted)
{
    struct fixture f;

    start(&f, &(struct sim_conf){.api_key = "other"});
    cr_expect(strstr(ask(&f, GEN, ASK(USER, ""), 1), "API_KEY_INVALID"));
    cr_expect_eq(f.reply.status, 400);
    ask(&f, VERTEX, ASK(USER, ""), 1);
    cr_expect_eq(f.reply.status, 401);
    stop(&f);
}
