/*
 * cost: usage times prices. It decides which price a token has and nothing else: it does not add up over
 * calls, and what an answer out of the cache costs its task is not asked here.
 */
#include "policy/cost.h"

#include <math.h>

#include "base/mem.h"

#define UNKNOWN (-1.0)

/* Input and output of one answer, divided into kinds that do not overlap. */
struct tokens {
    int64_t of[PRICE_KINDS];
    int64_t input; /* all of it: what the length of a step is compared with */
};

/* At most `most` of n, which may be unknown: a provider that says nothing of a kind had none. */
static int64_t within(int64_t n, int64_t most)
{
    if (n < 0)
        return 0;
    return n < most ? n : most;
}

/* False: the counts are not known. */
static bool divide(const struct answer *ans, struct tokens *ret)
{
    const struct usage *u = &ans->usage;
    struct tokens t = {.input = u->input_tokens};
    int64_t written = 0;

    if (u->input_tokens < 0 || u->output_tokens < 0)
        return false;
    t.of[PRICE_CACHE_READ] = within(u->cached_input_tokens, u->input_tokens);
    t.of[PRICE_INPUT] = u->input_tokens - t.of[PRICE_CACHE_READ];
    written = within(u->cache_write_tokens, t.of[PRICE_INPUT]);
    t.of[PRICE_INPUT] -= written;
    t.of[PRICE_CACHE_WRITE_1H] = within(ans->cache_write_1h_tokens, written);
    t.of[PRICE_CACHE_WRITE] = written - t.of[PRICE_CACHE_WRITE_1H];
    t.of[PRICE_REASONING] = within(u->reasoning_tokens, u->output_tokens);
    t.of[PRICE_OUTPUT] = u->output_tokens - t.of[PRICE_REASONING];
    *ret = t;
    return true;
}

/* Flex and batch are never dearer than the standard tier. */
static bool discounted(enum service_tier tier)
{
    return tier == TIER_FLEX || tier == TIER_BATCH;
}

struct price {
    double usd; /* of one token; negative: unknown */
    bool own;   /* it is the price of this tier, not the standard one in its place */
};

/* The price in the highest step that the input is longer than and that names one for this kind. */
static struct price price_of(const struct prices *p, enum price_kind kind, enum service_tier tier,
                             int64_t input)
{
    size_t i = p->nsteps;

    while (i > 0 && input <= p->step[i].above)
        i--;
    for (;; i--) {
        const struct price_step *s = &p->step[i];

        if (s->usd[tier][kind] >= 0)
            return (struct price){s->usd[tier][kind], true};
        if (s->usd[TIER_STANDARD][kind] >= 0 && discounted(tier))
            return (struct price){s->usd[TIER_STANDARD][kind], false};
        if (s->usd[TIER_STANDARD][kind] >= 0 || i == 0)
            return (struct price){UNKNOWN, false};
    }
}

/* As output, unless it has a price of its own or is known to be dearer. */
static double reasoning_price(const struct prices *p, enum service_tier tier, int64_t input)
{
    struct price own = price_of(p, PRICE_REASONING, tier, input);
    struct price output = price_of(p, PRICE_OUTPUT, tier, input);

    if (own.own)
        return own.usd;
    if (price_of(p, PRICE_REASONING, TIER_STANDARD, input).usd >
        price_of(p, PRICE_OUTPUT, TIER_STANDARD, input).usd)
        return own.usd;
    return own.usd < 0 || output.own ? output.usd : own.usd;
}

static double price_or_stand_in(const struct prices *p, enum price_kind kind,
                                enum service_tier tier, int64_t input)
{
    double usd = UNKNOWN;

    if (kind == PRICE_REASONING)
        return reasoning_price(p, tier, input);
    usd = price_of(p, kind, tier, input).usd;
    if (kind == PRICE_CACHE_READ && usd < 0)
        usd = price_of(p, PRICE_INPUT, tier, input).usd;
    return usd;
}

static double cost_of_tokens(const struct prices *p, const struct answer *ans)
{
    struct tokens t;
    double sum = 0;
    int kind = 0;

    if (ans->tier >= SERVICE_TIERS || !divide(ans, &t))
        return UNKNOWN;
    for (kind = 0; kind < PRICE_KINDS; kind++) {
        double usd = 0;

        if (t.of[kind] == 0 &&
            kind != PRICE_INPUT) /* 0 tokens of a model without prices: not free */
            continue;
        usd = price_or_stand_in(p, (enum price_kind)kind, ans->tier, t.input);
        if (usd < 0)
            return UNKNOWN;
        sum += usd * (double)t.of[kind];
    }
    return sum;
}

static double cost_of_meters(const struct prices *p, const struct answer *ans)
{
    double sum = 0;
    size_t i = 0;

    for (i = 0; i < p->nmeters; i++) {
        if (ans->metered[i] < 0)
            return UNKNOWN;
        sum += ans->metered[i] * p->meter[i].usd;
    }
    return sum;
}

double cost_of_answer(const struct prices *p, const struct answer *ans)
{
    double tokens = cost_of_tokens(p, ans);
    double meters = cost_of_meters(p, ans);
    double sum = tokens + meters + (p->request > 0 ? p->request : 0);

    if (ans->reported_cost >= 0)
        return ans->reported_cost * p->cost_unit;
    return tokens < 0 || meters < 0 || !isfinite(sum) ? UNKNOWN : sum;
}

/* The dearest price of any token of these kinds, in any tier and any step that such an input may reach. */
static double dearest(const struct prices *p, const enum price_kind *kinds, size_t n, int64_t input)
{
    double most = UNKNOWN;
    size_t step = 0;
    size_t k = 0;
    int tier = 0;

    for (step = 0; step <= p->nsteps; step++) {
        if (step > 0 && p->step[step].above >= input)
            break;
        for (k = 0; k < n; k++) {
            for (tier = 0; tier < SERVICE_TIERS; tier++)
                most = fmax(most, p->step[step].usd[tier][kinds[k]]);
        }
    }
    return most;
}

double cost_at_most(const struct prices *p, enum service_tier asked, int64_t input, int64_t output)
{
    static const enum price_kind inputs[] = {PRICE_INPUT, PRICE_CACHE_READ, PRICE_CACHE_WRITE,
                                             PRICE_CACHE_WRITE_1H};
    static const enum price_kind outputs[] = {PRICE_OUTPUT, PRICE_REASONING};
    double sum = p->request > 0 ? p->request : 0;

    if (p->nmeters > 0 || asked >= SERVICE_TIERS)
        return UNKNOWN;
    if (price_of(p, PRICE_INPUT, asked, input).usd < 0 ||
        (output > 0 && price_of(p, PRICE_OUTPUT, asked, input).usd < 0))
        return UNKNOWN;
    sum += dearest(p, inputs, ARRAY_LEN(inputs), input) * (double)input;
    if (output > 0)
        sum += dearest(p, outputs, ARRAY_LEN(outputs), input) * (double)output;
    return isfinite(sum) ? sum : UNKNOWN;
}

double cost_expected(const struct prices *p, enum service_tier asked, int64_t input, int64_t output)
{
    double in = UNKNOWN;
    double out = 0;

    if (asked >= SERVICE_TIERS)
        return UNKNOWN;
    in = price_of(p, PRICE_INPUT, asked, input).usd;
    if (output > 0)
        out = price_of(p, PRICE_OUTPUT, asked, input).usd;
    if (in < 0 || out < 0)
        return UNKNOWN;
    return in * (double)input + out * (double)output + (p->request > 0 ? p->request : 0);
}
