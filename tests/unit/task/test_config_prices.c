/* config: prices: their names, what is wrong with them, and what is said about those that are missing. */
#include "task/config.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "task/provider.h"

static const struct provider provider_openai = {.name = "openai"};
static const struct provider provider_anthropic = {.name = "anthropic"};
static const struct provider *const providers[] = {&provider_openai, &provider_anthropic, NULL};
static const struct vendor vendors[] = {
    {.name = "hosted", .dialect = "openai", .api_base = "https://h/v1", .api_key_env = "HKEY"},
    {.name = "claude", .dialect = "anthropic", .api_base = "https://c/v1", .api_key_env = "HKEY"},
    {.name = "local", .dialect = "openai", .api_base = "http://127.0.0.1:1/v1"},
    {.name = NULL},
};
static char env_key[] = "HKEY=k";
static char *const env[] = {env_key, NULL};

#define ROW(vendor, info)                                                                          \
    "model_list:\n  - {model_name: m, params: {model: " vendor "/x}, model_info: {" info "}}\n"

/* 0, or what config_parse() or config_resolve() said. */
static int load(const char *text, struct config **ret, struct err *e)
{
    struct config *c = NULL;

    if (config_parse(text, strlen(text), "f", env, NULL, 0, &c, e) < 0)
        return -1;
    if (config_resolve(c, providers, vendors, env, e) < 0) {
        config_free(c);
        return -1;
    }
    *ret = c;
    return 0;
}

static struct config *loaded(const char *text)
{
    struct config *c = NULL;
    struct err e = {0};

    cr_assert_eq(load(text, &c, &e), 0, "%s\n%s", e.msg, text);
    return c;
}

#define MANY                                                                                       \
    "input_cost_per_token: 1e-6, input_cost_per_token_flex: 2e-6, "                                \
    "output_cost_per_token_priority: 3e-6, cache_read_input_token_cost_batches: 4e-6, "            \
    "input_cost_per_token_above_200k_tokens: 5e-6, "                                               \
    "input_cost_per_token_above_128k_tokens_flex: 6e-6, "                                          \
    "cache_creation_input_token_cost_above_1hr: 7e-6, "                                            \
    "cache_creation_input_token_cost_above_1hr_above_200k_tokens_priority: 8e-6, "                 \
    "output_cost_per_reasoning_token_above_131072_tokens: 9e-6, input_cost_per_request: 0.005, "   \
    "cache_creation_input_token_cost_above_128000_tokens: 0, "                                     \
    "usage_costs: {/usage/searches: 0.01, /a~1b/0: 2}, usage_cost_pointer: /usage/cost, "          \
    "usage_cost_unit: 1e-10"

static void expect_many(const struct prices *p)
{
    cr_assert_eq(p->nsteps, 3);
    cr_expect_eq(p->step[1].above, 128000);
    cr_expect_eq(p->step[2].above, 131072);
    cr_expect_eq(p->step[3].above, 200000);
    cr_expect_eq(p->step[0].usd[TIER_STANDARD][PRICE_INPUT], 1e-6);
    cr_expect_eq(p->step[0].usd[TIER_FLEX][PRICE_INPUT], 2e-6);
    cr_expect_eq(p->step[0].usd[TIER_PRIORITY][PRICE_OUTPUT], 3e-6);
    cr_expect_eq(p->step[0].usd[TIER_BATCH][PRICE_CACHE_READ], 4e-6);
    cr_expect_eq(p->step[3].usd[TIER_STANDARD][PRICE_INPUT], 5e-6);
    cr_expect_eq(p->step[1].usd[TIER_FLEX][PRICE_INPUT], 6e-6);
    cr_expect_eq(p->step[0].usd[TIER_STANDARD][PRICE_CACHE_WRITE_1H], 7e-6);
    cr_expect_eq(p->step[3].usd[TIER_PRIORITY][PRICE_CACHE_WRITE_1H], 8e-6);
    cr_expect_eq(p->step[2].usd[TIER_STANDARD][PRICE_REASONING], 9e-6);
    cr_expect_eq(p->step[1].usd[TIER_STANDARD][PRICE_CACHE_WRITE], 0);
    cr_expect_eq(p->request, 0.005);
    cr_expect_eq(p->cost_unit, 1e-10);
    cr_expect_str_eq(p->cost_pointer, "/usage/cost");
    cr_assert_eq(p->nmeters, 2);
    cr_expect_str_eq(p->meter[0].pointer, "/usage/searches");
    cr_expect_eq(p->meter[0].usd, 0.01);
    cr_expect_str_eq(p->meter[1].pointer, "/a~1b/0");
    cr_expect_eq(p->meter[1].usd, 2);
}

static size_t known(const struct prices *p)
{
    const double *usd = &p->step[0].usd[0][0];
    size_t found = 0;
    size_t step = 0;
    size_t i = 0;

    for (step = 0; step < PRICE_STEPS_MAX; step++) {
        usd = &p->step[step].usd[0][0];
        for (i = 0; i < (size_t)SERVICE_TIERS * PRICE_KINDS; i++)
            found += usd[i] >= 0;
    }
    return found;
}

/* Each name sets its own price and no other, and what is printed means the same. */
Test(config_prices, names)
{
    struct config *c = loaded(ROW("hosted", MANY));
    struct config *again = NULL;
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);

    expect_many(&c->models[0].prices);
    cr_expect_eq(known(&c->models[0].prices), 10);
    config_print(c, f);
    fclose(f);
    again = loaded(text);
    expect_many(&again->models[0].prices);
    cr_expect_eq(known(&again->models[0].prices), 10, "%s", text);
    cr_expect(strstr(text, "input_cost_per_token_above_200k_tokens: 5e-06"), "%s", text);
    free(text);
    config_free(c);
    config_free(again);
}

Test(config_prices, none)
{
    struct config *c = loaded(ROW("local", ""));

    cr_expect_eq(known(&c->models[0].prices), 0);
    cr_expect_lt(c->models[0].prices.request, 0);
    cr_expect_eq(c->models[0].prices.cost_unit, 1);
    cr_expect_null(c->models[0].prices.cost_pointer);
    cr_expect_eq(c->models[0].prices.nmeters, 0);
    config_free(c);
}

#define LONG "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

Test(config_prices, wrong)
{
    static const struct {
        const char *info, *says;
    } cases[] = {
        {"input_cost_per_token: -1", "out of range, allowed are 0 to 1000"},
        {"input_cost_per_token_flex: -1", "model_info.input_cost_per_token_flex: `-1` is out of"},
        {"input_cost_per_token_flex: x", "input_cost_per_token_flex: `x` is not a number"},
        {"input_cost_per_token_flex: [1]", "input_cost_per_token_flex: one plain value"},
        {"input_cost_per_token_cheap: 1", "may stand _above_<number>k_tokens, then _flex"},
        {"input_cost_per_token_batch: 1", "_flex, _priority or _batches"},
        {"input_cost_per_token_above_0_tokens: 1", "may stand _above_<number>k_tokens"},
        {"input_cost_per_token_above_k_tokens: 1", "may stand _above_<number>k_tokens"},
        {"input_cost_per_token_above_5m_tokens: 1", "may stand _above_<number>k_tokens"},
        {"input_cost_per_token_above_5k: 1", "may stand _above_<number>k_tokens"},
        {"input_cost_per_token_above_5000000k_tokens: 1", "may stand _above_<number>k_tokens"},
        {"input_cost_per_token_above_99999999999999999999_tokens: 1", "may stand _above_"},
        {"input_cost_per_token_above_5k_tokens_flex_flex: 1", "may stand _above_"},
        {"input_cost_per_token_above_5k_tokens: 1, input_cost_per_token_above_5000_tokens: 2",
         "`model_info.input_cost_per_token_above_5000_tokens`: this length is there already"},
        {"input_cost_per_token_above_1k_tokens: 1, input_cost_per_token_above_2k_tokens: 1, "
         "output_cost_per_token_above_3k_tokens: 1, input_cost_per_token_above_4k_tokens: 1, "
         "input_cost_per_token_above_5k_tokens: 1",
         "at most 4 lengths with prices"},
        {"input_cost_per_tokem: 1", "did you mean `input_cost_per_token`?"},
        {"input_cost_per_request_flex: 1", "unknown key"},
        {"usage_cost_pointer: usage.cost",
         "configuration:2: model_info.usage_cost_pointer: `usage.cost` is no"},
        {"usage_cost_pointer: /a~2", "usage_cost_pointer: `/a~2` is no JSON pointer"},
        {"usage_cost_pointer: " LONG LONG, "at most 127 bytes"},
        {"usage_cost_unit: -1", "model_info.usage_cost_unit"},
        {"usage_costs: {a: 1}", "configuration:2: model_info.usage_costs: `a` is no JSON pointer"},
        {"usage_costs: {/a: -1}", "usage_costs: /a must not be negative"},
        {"usage_costs: {/a: much}", "usage_costs: /a has no number of USD"},
        {"usage_costs: [/a]", "model_info.usage_costs: write keys with values"},
        {"usage_costs: {/a: 1, /b: 1, /c: 1, /d: 1, /e: 1, /f: 1, /g: 1, /h: 1, /i: 1}",
         "more than 8 entries"},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        char text[1000];
        struct config *c = NULL;
        struct err e = {0};

        snprintf(text, sizeof text, ROW("local", "%s"), cases[i].info);
        cr_expect_eq(load(text, &c, &e), -1, "accepted: %s", cases[i].info);
        cr_expect(strstr(e.msg, cases[i].says), "%s: said: %s", cases[i].info, e.msg);
        config_free(c);
    }
}

static void collect(void *arg, const char *text)
{
    char *all = arg;
    size_t n = strlen(all);

    snprintf(all + n, 4096 - n, "%s\n", text);
}

#define PLAIN "input_cost_per_token: 1e-6, output_cost_per_token: 4e-6, "
#define WHOLE PLAIN "cache_read_input_token_cost: 1e-7, cache_creation_input_token_cost: 2e-6, "

/* says: NULL: nothing about prices. */
static const struct {
    const char *vendor, *params, *info, *says;
} warnings[] = {
    {"local", "", "", "model `m` (local/x): no prices in model_info, so cost_usd will be null"},
    {"local", "", "output_cost_per_token: 1e-6", "no input_cost_per_token in model_info"},
    {"local", "", "input_cost_per_token: 1e-6", "no output_cost_per_token in model_info"},
    {"local", "", PLAIN, NULL},
    {"local", "", "input_cost_per_token: 0, output_cost_per_token: 0", NULL},
    {"local", "", "usage_cost_pointer: /usage/cost", NULL},
    {"hosted", "", WHOLE, NULL},
    {"hosted", "", PLAIN "cache_read_input_token_cost: 1e-6", NULL},
    {"hosted", "", PLAIN, "no cache_read_input_token_cost in model_info, so tokens that the"},
    {"hosted", ", api_base: https://proxy/v1, api_key: k", PLAIN, NULL},
    {"claude", "", WHOLE, NULL},
    {"claude", "", PLAIN "cache_read_input_token_cost: 1e-7",
     "no cache_creation_input_token_cost in model_info, so cost_usd will be null when"},
    {"local", "", PLAIN "cache_read_input_token_cost: 2e-6",
     "cache_read_input_token_cost is higher than input_cost_per_token"},
    {"local", "", PLAIN "input_cost_per_token_flex: 2e-6, output_cost_per_token_flex: 2e-6",
     "input_cost_per_token_flex is higher than input_cost_per_token"},
    {"local", "", PLAIN "input_cost_per_token_batches: 2e-6, output_cost_per_token_batches: 2e-6",
     "input_cost_per_token_batches is higher than input_cost_per_token"},
    {"local", "", PLAIN "input_cost_per_token_priority: 2e-7, output_cost_per_token_priority: 8e-6",
     "input_cost_per_token_priority is lower than input_cost_per_token"},
    {"local", "", PLAIN "input_cost_per_token_priority: 2e-6",
     "input_cost_per_token_priority has a price and output_cost_per_token_priority has none"},
    {"local", "", PLAIN "output_cost_per_token_above_200k_tokens: 8e-6",
     "output_cost_per_token has a price above 200000 tokens and input_cost_per_token has none"},
    {"local", "",
     PLAIN "input_cost_per_token_above_200k_tokens: 2e-6, "
           "output_cost_per_token_above_200k_tokens: 8e-6, "
           "input_cost_per_token_above_200k_tokens_flex: 3e-6, "
           "output_cost_per_token_above_200k_tokens_flex: 4e-6",
     "input_cost_per_token_above_200k_tokens_flex is higher than "
     "input_cost_per_token_above_200k_tokens"},
    {"local", "", "input_cost_per_token: 2.5, output_cost_per_token: 10",
     "input_cost_per_token is 2.5 USD for one token; $2.50 for a million is written 2.5e-6"},
    {"local", ", extra_body: {service_tier: priority}", PLAIN,
     "extra_body asks for service_tier priority, and no price has _priority behind its name"},
    {"local", ", extra_body: {service_tier: flex}", PLAIN, "the standard prices are counted"},
    {"local", ", extra_body: {service_tier: flex}",
     PLAIN "input_cost_per_token_flex: 5e-7, output_cost_per_token_flex: 2e-6", NULL},
    {"local", "", PLAIN "usage_cost_unit: 0.01", "usage_cost_unit has no effect without"},
};

Test(config_prices, warned_of)
{
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(warnings); i++) {
        char text[1000];
        char all[4096] = "";
        struct config *c = NULL;

        snprintf(text, sizeof text,
                 "kafka: {bootstrap.servers: h, group.id: g, message.max.bytes: 8000000}\n"
                 "model_list:\n  - {model_name: m, params: {model: %s/x%s}, model_info: {%s}}\n",
                 warnings[i].vendor, warnings[i].params, warnings[i].info);
        c = loaded(text);
        config_warnings(c, collect, all);
        if (warnings[i].says)
            cr_expect(strstr(all, warnings[i].says), "%s: said: %s", text, all);
        else
            cr_expect_str_empty(all, "%s: said: %s", text, all);
        config_free(c);
    }
}
