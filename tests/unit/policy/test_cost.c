/* cost: what answers cost, in figures that were worked out by hand. */
#include "policy/cost.h"

#include <criterion/criterion.h>
#include <math.h>

#include "base/mem.h"

/* Dollars for a million tokens, as price lists have them; a step starts with everything unknown. */
static void set(struct prices *p, size_t step, enum service_tier tier, enum price_kind kind,
                double per_million)
{
    p->step[step].usd[tier][kind] = per_million / 1e6;
}

static struct answer answer(int64_t input, int64_t cached, int64_t written, int64_t output,
                            int64_t reasoning)
{
    struct answer ans;

    answer_init(&ans, 1);
    ans.usage = (struct usage){.input_tokens = input,
                               .cached_input_tokens = cached,
                               .cache_write_tokens = written,
                               .output_tokens = output,
                               .reasoning_tokens = reasoning};
    return ans;
}

static void expect(const char *what, double got, double want)
{
    cr_expect(fabs(got - want) < 1e-12, "%s: %.12g, not %.12g", what, got, want);
}

/* Every token is counted once, whatever kind it is of. */
Test(cost, kinds)
{
    static const struct {
        const char *what;
        struct usage u; /* input, cached, written, output, reasoning */
        double in, read, write, out, reasoning;
        double want;
    } cases[] = {
        /* 1000*2 + 100*8 = 2800 */
        {"plain", {1000, -1, -1, 100, -1}, 2, -1, -1, 8, -1, 0.0028},
        /* 600*2 + 400*0.5 + 100*8 = 2200 */
        {"cached", {1000, 400, -1, 100, -1}, 2, 0.5, -1, 8, -1, 0.0022},
        {"all cached", {1000, 1000, 0, 0, 0}, 2, 0.5, -1, 8, -1, 0.0005},
        {"cached without a price", {1000, 400, -1, 100, -1}, 2, -1, -1, 8, -1, 0.0028},
        {"cached for nothing", {1000, 400, 0, 100, 0}, 2, 0, -1, 8, -1, 0.002},
        /* 500*2 + 400*0.5 + 100*2.5 + 100*8 = 2250 */
        {"cached and written", {1000, 400, 100, 100, 0}, 2, 0.5, 2.5, 8, -1, 0.00225},
        {"written without a price", {1000, 0, 100, 100, 0}, 2, 0.5, -1, 8, -1, -1},
        {"nothing written, no price", {1000, 0, 0, 100, 0}, 2, 0.5, -1, 8, -1, 0.0028},
        /* more cached and written than there was input: counted once all the same */
        {"too much", {1000, 5000, 9000, 0, 0}, 2, 1, 9, 8, -1, 0.001},
        {"too much written", {1000, 400, 9000, 0, 0}, 2, 1, 9, 8, -1, 0.0058},
        /* 1000*2 + 40*8 + 60*12 = 3040 */
        {"reasoning apart", {1000, 0, 0, 100, 60}, 2, -1, -1, 8, 12, 0.00304},
        {"reasoning in output", {1000, 0, 0, 100, 60}, 2, -1, -1, 8, -1, 0.0028},
        {"only reasoning", {1000, 0, 0, 100, 900}, 2, -1, -1, 8, 12, 0.0032},
        {"reasoning, no output price", {1000, 0, 0, 100, 60}, 2, -1, -1, -1, 12, -1},
        {"embedding", {1000, -1, -1, 0, -1}, 2, -1, -1, -1, -1, 0.002},
        {"free", {1000, 10, 0, 100, 9}, 0, 0, 0, 0, 0, 0},
        {"no price of input", {1000, 0, 0, 100, 0}, -1, 1, 1, 8, 8, -1},
        {"no price of output", {1000, 0, 0, 100, 0}, 2, 1, 1, -1, -1, -1},
        {"no prices", {1000, -1, -1, 100, -1}, -1, -1, -1, -1, -1, -1},
        {"no prices, no tokens", {0, 0, 0, 0, 0}, -1, -1, -1, -1, -1, -1},
        {"no input", {-1, -1, -1, 100, 0}, 2, 1, 1, 8, -1, -1},
        {"no output", {1000, -1, -1, -1, -1}, 2, 1, 1, 8, -1, -1},
        {"no usage, free", {-1, -1, -1, -1, -1}, 0, 0, 0, 0, 0, -1},
        {"huge", {INT64_MAX, INT64_MAX, INT64_MAX, 0, 0}, 0, 0, 0, 0, 0, 0},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        const double per_million[] = {
            [PRICE_INPUT] = cases[i].in,          [PRICE_CACHE_READ] = cases[i].read,
            [PRICE_CACHE_WRITE] = cases[i].write, [PRICE_CACHE_WRITE_1H] = -1,
            [PRICE_OUTPUT] = cases[i].out,        [PRICE_REASONING] = cases[i].reasoning,
        };
        struct answer ans = answer(0, 0, 0, 0, 0);
        struct prices p;
        int kind = 0;

        prices_init(&p);
        for (kind = 0; kind < PRICE_KINDS; kind++) {
            if (per_million[kind] >= 0)
                set(&p, 0, TIER_STANDARD, (enum price_kind)kind, per_million[kind]);
        }
        ans.usage = cases[i].u;
        expect(cases[i].what, cost_of_answer(&p, &ans), cases[i].want);
    }
}

Test(cost, written_for_an_hour)
{
    struct answer ans = answer(1000, 0, 300, 0, 0);
    struct prices p;

    prices_init(&p);
    set(&p, 0, TIER_STANDARD, PRICE_INPUT, 4);
    set(&p, 0, TIER_STANDARD, PRICE_CACHE_WRITE, 5);
    expect("no such tokens", cost_of_answer(&p, &ans), 0.0043); /* 700*4 + 300*5 */
    ans.cache_write_1h_tokens = 0;
    expect("none of them", cost_of_answer(&p, &ans), 0.0043);
    ans.cache_write_1h_tokens = 100;
    expect("without a price", cost_of_answer(&p, &ans), -1);
    set(&p, 0, TIER_STANDARD, PRICE_CACHE_WRITE_1H, 8);
    expect("100 of them", cost_of_answer(&p, &ans), 0.0046); /* 700*4 + 200*5 + 100*8 */
    ans.cache_write_1h_tokens = 500;
    expect("never more than were written", cost_of_answer(&p, &ans), 0.0052); /* 700*4 + 300*8 */
}

/* A step begins one token above its length, and the whole input counts, cached or not. */
Test(cost, lengths)
{
    static const struct {
        struct usage u;
        double want;
    } cases[] = {
        {{128000, 0, 0, 1000, 0}, 0.138},         /* 128000*1 + 1000*10 */
        {{128001, 0, 0, 1000, 0}, 0.266002},      /* 128001*2 + 1000*10: output stays */
        {{200000, 0, 0, 1000, 0}, 0.41},          /* 200000*2 + 1000*10 */
        {{200001, 0, 0, 1000, 0}, 0.820004},      /* 200001*4 + 1000*20 */
        {{200001, 200000, 0, 1000, 0}, 0.120004}, /* 1*4 + 200000*0.5 + 1000*20 */
        {{200000, 200000, 0, 1000, 0}, 0.03},     /* 200000*0.1 + 1000*10 */
        {{200001, 0, 0, 1000, 400}, 0.820004},    /* reasoning is output of this length */
        {{9000000, 0, 0, 0, 0}, 36},              /* far above the last one */
    };
    struct prices p;
    size_t i = 0;

    prices_init(&p);
    p.nsteps = 2;
    p.step[1].above = 128000;
    p.step[2].above = 200000;
    set(&p, 0, TIER_STANDARD, PRICE_INPUT, 1);
    set(&p, 0, TIER_STANDARD, PRICE_CACHE_READ, 0.1);
    set(&p, 0, TIER_STANDARD, PRICE_OUTPUT, 10);
    set(&p, 1, TIER_STANDARD, PRICE_INPUT, 2);
    set(&p, 2, TIER_STANDARD, PRICE_INPUT, 4);
    set(&p, 2, TIER_STANDARD, PRICE_CACHE_READ, 0.5);
    set(&p, 2, TIER_STANDARD, PRICE_OUTPUT, 20);
    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct answer ans = answer(0, 0, 0, 0, 0);

        ans.usage = cases[i].u;
        expect("length", cost_of_answer(&p, &ans), cases[i].want);
    }
}

/* Prices of a model that is half as dear in flex and batch and twice as dear in priority. */
static void set_tiers(struct prices *p)
{
    static const double factors[SERVICE_TIERS] = {1, 0.5, 2, 0.5};
    int tier = 0;

    prices_init(p);
    p->nsteps = 1;
    p->step[1].above = 1000;
    for (tier = 0; tier < SERVICE_TIERS; tier++) {
        set(p, 0, (enum service_tier)tier, PRICE_INPUT, 4 * factors[tier]);
        set(p, 0, (enum service_tier)tier, PRICE_CACHE_READ, 1 * factors[tier]);
        set(p, 0, (enum service_tier)tier, PRICE_OUTPUT, 16 * factors[tier]);
    }
    set(p, 1, TIER_STANDARD, PRICE_INPUT, 8);
    set(p, 1, TIER_PRIORITY, PRICE_INPUT, 12);
}

Test(cost, service_tiers)
{
    static const struct {
        const char *word; /* of the provider */
        double want, want_longer;
    } cases[] = {
        /* 600*4 + 400*1 + 100*16 = 4400; above 1000: 601*8 + 400*1 + 100*16 = 6808 */
        {NULL, 0.0044, 0.006808},
        {"default", 0.0044, 0.006808},
        {"standard", 0.0044, 0.006808},
        {"auto", 0.0044, 0.006808},
        /* there is no price of flex for the greater length, so the standard one: 601*8 + 400*0.5 + 100*8 */
        {"flex", 0.0022, 0.005808},
        {"FLEX", 0.0022, 0.005808},
        {"batch", 0.0022, 0.005808},
        /* 601*12 + 400*2 + 100*32 = 11212 */
        {"priority", 0.0088, 0.011212},
        {"scale", -1, -1},
        {"a_tier_of_next_year", -1, -1},
    };
    struct prices p;
    size_t i = 0;

    set_tiers(&p);
    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct answer ans = answer(1000, 400, 0, 100, 60);

        ans.tier = service_tier_of(cases[i].word);
        expect(cases[i].word, cost_of_answer(&p, &ans), cases[i].want);
        ans.usage.input_tokens++;
        expect(cases[i].word, cost_of_answer(&p, &ans), cases[i].want_longer);
    }
}

/* A price that is missing in a tier comes from one that is not lower, or from nowhere. */
Test(cost, tiers_without_prices)
{
    struct answer ans = answer(1000, 400, 0, 100, 60);
    struct prices p;

    prices_init(&p);
    set(&p, 0, TIER_STANDARD, PRICE_INPUT, 4);
    set(&p, 0, TIER_STANDARD, PRICE_CACHE_READ, 1);
    set(&p, 0, TIER_STANDARD, PRICE_OUTPUT, 16);
    ans.tier = TIER_FLEX;
    expect("flex costs the standard price", cost_of_answer(&p, &ans), 0.0044);
    ans.tier = TIER_BATCH;
    expect("batch costs the standard price", cost_of_answer(&p, &ans), 0.0044);
    ans.tier = TIER_PRIORITY;
    expect("priority costs nobody knows what", cost_of_answer(&p, &ans), -1);

    set(&p, 0, TIER_PRIORITY, PRICE_INPUT, 8);
    set(&p, 0, TIER_PRIORITY, PRICE_OUTPUT, 32);
    /* 600*8 + 400*8 + 100*32 */
    expect("cached as other input of priority", cost_of_answer(&p, &ans), 0.0112);
    p.nsteps = 1;
    p.step[1].above = 999;
    set(&p, 1, TIER_STANDARD, PRICE_INPUT, 6);
    expect("dearer by length, by how much in priority?", cost_of_answer(&p, &ans), -1);
}

Test(cost, reasoning_in_a_tier)
{
    struct answer ans = answer(1000, 0, 0, 100, 60);
    struct prices p;

    prices_init(&p);
    set(&p, 0, TIER_STANDARD, PRICE_INPUT, 4);
    set(&p, 0, TIER_STANDARD, PRICE_OUTPUT, 16);
    set(&p, 0, TIER_STANDARD, PRICE_REASONING, 16);
    set(&p, 0, TIER_FLEX, PRICE_INPUT, 2);
    set(&p, 0, TIER_FLEX, PRICE_OUTPUT, 8);
    ans.tier = TIER_FLEX;
    expect("as output of the tier", cost_of_answer(&p, &ans), 0.0028); /* 1000*2 + 100*8 */
    set(&p, 0, TIER_STANDARD, PRICE_REASONING, 40);
    expect("dearer than output", cost_of_answer(&p, &ans), 0.00472); /* 1000*2 + 40*8 + 60*40 */
    set(&p, 0, TIER_FLEX, PRICE_REASONING, 20);
    expect("with its own price", cost_of_answer(&p, &ans), 0.00352); /* 1000*2 + 40*8 + 60*20 */
    ans.tier = TIER_PRIORITY;
    set(&p, 0, TIER_PRIORITY, PRICE_INPUT, 8);
    set(&p, 0, TIER_PRIORITY, PRICE_OUTPUT, 32);
    expect("dearer, by how much in priority?", cost_of_answer(&p, &ans), -1);
}

Test(cost, reasoning_by_length)
{
    struct answer ans = answer(1000, 0, 0, 100, 60);
    struct prices p;

    prices_init(&p);
    p.nsteps = 1;
    p.step[1].above = 1000;
    set(&p, 0, TIER_STANDARD, PRICE_INPUT, 0);
    set(&p, 0, TIER_STANDARD, PRICE_OUTPUT, 10);
    set(&p, 1, TIER_STANDARD, PRICE_REASONING, 15);
    expect("as output", cost_of_answer(&p, &ans), 0.001);
    ans.usage.input_tokens = 1001;
    expect("with a price above 1000", cost_of_answer(&p, &ans), 0.0013); /* 40*10 + 60*15 */
    set(&p, 1, TIER_STANDARD, PRICE_REASONING, 5);
    expect("a lower one", cost_of_answer(&p, &ans), 0.0007); /* 40*10 + 60*5 */
}

Test(cost, requests_and_meters)
{
    struct answer ans = answer(1000, 0, 0, 100, 0);
    struct prices p;

    prices_init(&p);
    p.request = 0.005;
    p.nmeters = 2;
    p.meter[0].usd = 0.01;
    p.meter[1].usd = 3;
    expect("tokens have no price", cost_of_answer(&p, &ans), -1);
    set(&p, 0, TIER_STANDARD, PRICE_INPUT, 2);
    set(&p, 0, TIER_STANDARD, PRICE_OUTPUT, 8);
    expect("a request", cost_of_answer(&p, &ans), 0.0078);
    ans.metered[0] = 3;
    expect("and three searches", cost_of_answer(&p, &ans), 0.0378);
    ans.metered[1] = 0.5;
    expect("and half of something", cost_of_answer(&p, &ans), 1.5378);
    ans.metered[1] = -1;
    expect("and something unknown", cost_of_answer(&p, &ans), -1);
    ans.metered[1] = 1e308;
    expect("more than there is", cost_of_answer(&p, &ans), -1);
}

/* The provider knows best, and may speak of another unit. */
Test(cost, reported)
{
    struct answer ans = answer(1000, 0, 100, 100, 0);
    struct prices p;

    prices_init(&p);
    ans.reported_cost = 0.25;
    expect("without prices", cost_of_answer(&p, &ans), 0.25);
    set(&p, 0, TIER_STANDARD, PRICE_INPUT, 2);
    set(&p, 0, TIER_STANDARD, PRICE_CACHE_WRITE, 2);
    set(&p, 0, TIER_STANDARD, PRICE_OUTPUT, 8);
    p.request = 1;
    expect("before the prices", cost_of_answer(&p, &ans), 0.25);
    ans.tier = TIER_OTHER;
    ans.usage = USAGE_UNKNOWN;
    expect("whatever else is unknown", cost_of_answer(&p, &ans), 0.25);
    ans.reported_cost = 37756000;
    p.cost_unit = 1e-10;
    expect("in ticks", cost_of_answer(&p, &ans), 0.0037756);
    ans.reported_cost = 0;
    expect("free", cost_of_answer(&p, &ans), 0);
    ans.reported_cost = -1;
    expect("not reported", cost_of_answer(&p, &ans), -1);
}
