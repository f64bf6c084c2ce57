/* prices: empty prices, and the words that providers have for their service tiers. */
#include "task/prices.h"

#include <strings.h>

#include "base/mem.h"

static const struct {
    const char *word;
    enum service_tier tier;
} words[] = {
    {"", TIER_STANDARD},           {"default", TIER_STANDARD},
    {"standard", TIER_STANDARD},   {"auto", TIER_STANDARD},
    {"on_demand", TIER_STANDARD},  {"flex", TIER_FLEX},
    {"on_demand_flex", TIER_FLEX}, {"priority", TIER_PRIORITY},
    {"fast", TIER_PRIORITY},       {"on_demand_priority", TIER_PRIORITY},
    {"batch", TIER_BATCH},
};

enum service_tier service_tier_of(const char *word)
{
    size_t i = 0;

    for (i = 0; word && i < ARRAY_LEN(words); i++) {
        if (strcasecmp(word, words[i].word) == 0)
            return words[i].tier;
    }
    return word ? TIER_OTHER : TIER_STANDARD;
}

static void step_init(struct price_step *s)
{
    size_t tier = 0;
    size_t kind = 0;

    s->above = 0;
    for (tier = 0; tier < SERVICE_TIERS; tier++) {
        for (kind = 0; kind < PRICE_KINDS; kind++)
            s->usd[tier][kind] = -1;
    }
}

void prices_init(struct prices *p)
{
    size_t i = 0;

    *p = (struct prices){.request = -1, .cost_unit = 1};
    for (i = 0; i < PRICE_STEPS_MAX; i++)
        step_init(&p->step[i]);
}
