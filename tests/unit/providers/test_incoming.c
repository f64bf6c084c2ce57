/*
 * What an answer says beside its usage and decides its price: the service tier, tokens written to a cache for
 * an hour, and the numbers that the prices of the row point at. Through the providers' own entries.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"
#include "providers/anthropic.h"
#include "providers/bedrock.h"
#include "providers/gemini.h"
#include "providers/openai.h"

#define OPENAI(more)                                                                               \
    "{\"choices\":[{\"message\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]" more "}"
#define ANTHROPIC(usage)                                                                           \
    "{\"content\":[{\"type\":\"text\",\"text\":\"x\"}],\"stop_reason\":\"end_turn\","              \
    "\"usage\":{\"input_tokens\":1,\"output_tokens\":1" usage "}}"
#define GEMINI(usage)                                                                              \
    "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"x\"}]},\"finishReason\":\"STOP\"}],"    \
    "\"usageMetadata\":{\"promptTokenCount\":1" usage "}}"

#define BEDROCK(usage, more)                                                                       \
    "{\"output\":{\"message\":{\"content\":[{\"text\":\"x\"}]}},\"stopReason\":\"end_turn\","      \
    "\"usage\":{\"inputTokens\":1,\"outputTokens\":1" usage "}" more "}"

static void parse(const struct provider *provider, const struct prices *prices, enum operation op,
                  const char *body, struct answer *ans)
{
    struct model m = {.provider_name = (char *)provider->name,
                      .upstream_model = (char *)"up",
                      .api_key = (char *)"k"};
    struct task *t = task_new();
    struct http_response rsp;

    m.prices = *prices;
    t->op = op;
    t->body = json_object_new_object();
    http_response_init(&rsp, 1 << 10, 1 << 16);
    rsp.end = HTTP_DONE;
    rsp.status = 200;
    buf_str(&rsp.body, body);
    answer_init(ans, 1 << 16);
    provider->parse_response(&m, t, &rsp, ans);
    cr_expect_eq(ans->class, CLASS_OK, "%s: %s", body, ans->message);
    http_response_done(&rsp);
    task_free(t);
}

Test(incoming, service_tier)
{
    static const struct {
        const struct provider *provider;
        enum operation op;
        const char *body;
        enum service_tier want;
    } cases[] = {
        {&provider_openai, OP_CHAT, OPENAI(""), TIER_STANDARD},
        {&provider_openai, OP_CHAT, OPENAI(",\"service_tier\":null"), TIER_STANDARD},
        {&provider_openai, OP_CHAT, OPENAI(",\"service_tier\":\"default\""), TIER_STANDARD},
        {&provider_openai, OP_CHAT, OPENAI(",\"service_tier\":\"flex\""), TIER_FLEX},
        {&provider_openai, OP_CHAT, OPENAI(",\"service_tier\":\"priority\""), TIER_PRIORITY},
        {&provider_openai, OP_CHAT, OPENAI(",\"service_tier\":\"scale\""), TIER_OTHER},
        {&provider_openai, OP_CHAT, OPENAI(",\"service_tier\":\"on_demand\""), TIER_STANDARD},
        {&provider_openai, OP_EMBEDDINGS,
         "{\"data\":[{\"embedding\":[1]}],\"service_tier\":\"flex\"}", TIER_FLEX},
        {&provider_anthropic, OP_CHAT, ANTHROPIC(""), TIER_STANDARD},
        {&provider_anthropic, OP_CHAT, ANTHROPIC(",\"service_tier\":\"standard\""), TIER_STANDARD},
        {&provider_anthropic, OP_CHAT, ANTHROPIC(",\"service_tier\":\"priority\""), TIER_PRIORITY},
        {&provider_anthropic, OP_CHAT, ANTHROPIC(",\"service_tier\":\"batch\""), TIER_BATCH},
        {&provider_anthropic, OP_CHAT, ANTHROPIC(",\"service_tier\":\"other\""), TIER_OTHER},
        {&provider_bedrock, OP_CHAT, BEDROCK("", ""), TIER_STANDARD},
        {&provider_bedrock, OP_CHAT, BEDROCK("", ",\"serviceTier\":{\"type\":\"default\"}"),
         TIER_STANDARD},
        {&provider_bedrock, OP_CHAT, BEDROCK("", ",\"serviceTier\":{\"type\":\"flex\"}"),
         TIER_FLEX},
        {&provider_bedrock, OP_CHAT, BEDROCK("", ",\"serviceTier\":{\"type\":\"reserved\"}"),
         TIER_OTHER},
        {&provider_gemini, OP_CHAT, GEMINI(""), TIER_STANDARD},
        {&provider_gemini, OP_CHAT, GEMINI(",\"trafficType\":\"ON_DEMAND\""), TIER_STANDARD},
        {&provider_gemini, OP_CHAT, GEMINI(",\"trafficType\":\"ON_DEMAND_FLEX\""), TIER_FLEX},
        {&provider_gemini, OP_CHAT, GEMINI(",\"trafficType\":\"PROVISIONED_THROUGHPUT\""),
         TIER_OTHER},
    };
    struct prices none;
    size_t i = 0;

    prices_init(&none);
    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct answer ans;

        parse(cases[i].provider, &none, cases[i].op, cases[i].body, &ans);
        cr_expect_eq(ans.tier, cases[i].want, "%s: %d", cases[i].body, (int)ans.tier);
        cr_expect_lt(ans.reported_cost, 0);
        answer_done(&ans);
    }
}

Test(incoming, written_for_an_hour)
{
    static const struct {
        const struct provider *provider;
        const char *body;
        int64_t want;
    } cases[] = {
        {&provider_anthropic, ANTHROPIC(""), -1},
        {&provider_anthropic,
         ANTHROPIC(",\"cache_creation_input_tokens\":9,\"cache_creation\":null"), -1},
        {&provider_anthropic,
         ANTHROPIC(",\"cache_creation_input_tokens\":9,\"cache_creation\":"
                   "{\"ephemeral_5m_input_tokens\":2,\"ephemeral_1h_input_tokens\":7}"),
         7},
        {&provider_bedrock, BEDROCK("", ""), -1},
        {&provider_bedrock, BEDROCK(",\"cacheWriteInputTokens\":9,\"cacheDetails\":[]", ""), 0},
        {&provider_bedrock,
         BEDROCK(
             ",\"cacheWriteInputTokens\":9,\"cacheDetails\":[{\"ttl\":\"5m\",\"inputTokens\":2},"
             "{\"ttl\":\"1h\",\"inputTokens\":7}]",
             ""),
         7},
    };
    struct prices none;
    size_t i = 0;

    prices_init(&none);
    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct answer ans;

        parse(cases[i].provider, &none, OP_CHAT, cases[i].body, &ans);
        cr_expect_eq(ans.cache_write_1h_tokens, cases[i].want, "%s", cases[i].body);
        answer_done(&ans);
    }
}

/* The answer as the provider wrote it, before it is brought into OpenAI's form. */
Test(incoming, what_prices_point_at)
{
    static const struct {
        const char *more;
        double cost, metered;
    } cases[] = {
        {"", -1, 0},
        {",\"usage\":{}", -1, 0},
        {",\"usage\":{\"cost\":0.25,\"n\":3}", 0.25, 3},
        {",\"usage\":{\"cost\":0,\"n\":0}", 0, 0},
        {",\"usage\":{\"cost\":7,\"n\":0.5}", 7, 0.5},
        {",\"usage\":{\"cost\":null,\"n\":null}", -1, 0},
        {",\"usage\":{\"cost\":-1,\"n\":-1}", -1, -1},
        {",\"usage\":{\"cost\":\"0.25\",\"n\":\"3\"}", -1, -1},
        {",\"usage\":{\"cost\":true,\"n\":{}}", -1, -1},
        {",\"usage\":{\"cost\":1e999,\"n\":1e999}", -1, -1},
        {",\"usage\":[0.25]", -1, 0},
        {",\"usage\":5", -1, 0},
    };
    struct prices prices;
    size_t i = 0;

    prices_init(&prices);
    prices.cost_pointer = (char *)"/usage/cost";
    prices.nmeters = 1;
    snprintf(prices.meter[0].pointer, sizeof prices.meter[0].pointer, "/usage/n");
    for (i = 0; i < ARRAY_LEN(cases); i++) {
        char body[300];
        struct answer ans;

        snprintf(body, sizeof body, OPENAI("%s"), cases[i].more);
        parse(&provider_openai, &prices, OP_CHAT, body, &ans);
        cr_expect_eq(ans.reported_cost, cases[i].cost, "%s: %g", body, ans.reported_cost);
        cr_expect_eq(ans.metered[0], cases[i].metered, "%s: %g", body, ans.metered[0]);
        answer_done(&ans);
    }
}

/* A member that the answer in OpenAI's form has no place for; ~1 is a slash, a number an index. */
Test(incoming, a_pointer_into_another_dialect)
{
    struct prices prices;
    struct answer ans;

    prices_init(&prices);
    prices.cost_pointer = (char *)"/usage/a~1b/1";
    prices.nmeters = 1;
    snprintf(prices.meter[0].pointer, sizeof prices.meter[0].pointer,
             "/usage/server_tool_use/web_search_requests");
    parse(&provider_anthropic, &prices, OP_CHAT,
          ANTHROPIC(",\"a/b\":[1,0.5],\"server_tool_use\":{\"web_search_requests\":2}"), &ans);
    cr_expect_eq(ans.reported_cost, 0.5);
    cr_expect_eq(ans.metered[0], 2);
    answer_done(&ans);
}
