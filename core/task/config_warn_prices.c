/*
 * config_warn_prices: prices of a row that are missing or contradict each other. Only what the configuration
 * alone can tell: it knows no price list.
 */
#include "task/config_prices.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "task/provider.h"

#define DEAR_USD 0.01 /* $10,000 a million tokens: somebody typed the price of a million */

struct warner {
    const struct model *m;
    void (*fn)(void *arg, const char *text);
    void *arg;
};

static void warn(const struct warner *w, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void warn(const struct warner *w, const char *fmt, ...)
{
    char said[280];
    char text[ERR_MSG_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(said, sizeof said, fmt, ap);
    va_end(ap);
    snprintf(text, sizeof text, "model `%.80s` (%.40s/%.80s): %s", w->m->model_name,
             w->m->provider_name, w->m->upstream_model, said);
    w->fn(w->arg, text);
}

static double standard(const struct model *m, enum price_kind kind)
{
    return m->prices.step[0].usd[TIER_STANDARD][kind];
}

static void warn_missing(const struct warner *w)
{
    const struct model *m = w->m;
    const struct vendor *v = m->vendor;
    bool hosted = v && v->api_key_env && v->api_base && strcmp(v->api_base, m->api_base) == 0;
    double input = standard(m, PRICE_INPUT);
    double output = standard(m, PRICE_OUTPUT);

    if (input < 0 && output < 0)
        warn(w, "no prices in model_info, so cost_usd will be null");
    else if (input < 0 || output < 0)
        warn(w, "no %s_cost_per_token in model_info, so cost_usd will be null",
             input < 0 ? "input" : "output");
    if (hosted && input > 0 && standard(m, PRICE_CACHE_READ) < 0)
        warn(w, "no cache_read_input_token_cost in model_info, so tokens that the provider reads "
                "from its prompt cache are counted at the full price of input");
    if (input > 0 && standard(m, PRICE_CACHE_WRITE) < 0 &&
        strcmp(m->provider->name, "anthropic") == 0)
        warn(w, "no cache_creation_input_token_cost in model_info, so cost_usd will be null when "
                "the provider writes to its prompt cache");
}

/* Has the row a price of its own for this tier, whatever the kind and the length? */
static bool has_tier(const struct prices *p, enum service_tier tier)
{
    size_t step = 0;
    int kind = 0;

    for (step = 0; step <= p->nsteps; step++) {
        for (kind = 0; kind < PRICE_KINDS; kind++) {
            if (p->step[step].usd[tier][kind] >= 0)
                return true;
        }
    }
    return false;
}

static void warn_asked_tier(const struct warner *w)
{
    CLEANUP_JSON struct json_object *extra = NULL;
    const char *word = NULL;
    enum service_tier tier = TIER_STANDARD;

    if (!w->m->extra_body ||
        json_parse(w->m->extra_body, strlen(w->m->extra_body), &extra, NULL) < 0)
        return;
    word = json_get_str(extra, "service_tier");
    tier = service_tier_of(word);
    if (tier == TIER_PRIORITY && !has_tier(&w->m->prices, tier))
        warn(w,
             "extra_body asks for service_tier %.20s, and no price has _priority behind its "
             "name, so cost_usd will be null",
             word);
    else if (tier == TIER_FLEX && !has_tier(&w->m->prices, tier))
        warn(w,
             "extra_body asks for service_tier %.20s, and no price has _flex behind its name, "
             "so the standard prices are counted",
             word);
}

/* One price against the one it is a variant of. */
static void warn_variant(const struct warner *w, size_t i, const char *name, double usd,
                         const char *base_name, double base)
{
    enum service_tier tier = (enum service_tier)(i % SERVICE_TIERS);

    if (usd > DEAR_USD)
        warn(w, "%s is %.6g USD for one token; $2.50 for a million is written 2.5e-6", name, usd);
    if (base < 0 || usd < 0)
        return;
    if ((tier == TIER_FLEX || tier == TIER_BATCH) && usd > base)
        warn(w, "%s is higher than %s", name, base_name);
    if (tier == TIER_PRIORITY && usd < base)
        warn(w, "%s is lower than %s", name, base_name);
}

static void warn_variants(const struct warner *w, const struct conf_row *row)
{
    struct conf_row variant;
    char name[128];
    char base_name[128] = "";
    double base = -1;
    size_t i = 0;

    for (i = 0; conf_price_variant(row, w->m, i, &variant, name, sizeof name); i++) {
        double usd = *(const double *)(const void *)((const char *)w->m + variant.offset);

        if (i % SERVICE_TIERS == TIER_STANDARD) {
            base = usd;
            memcpy(base_name, name, sizeof name);
        }
        warn_variant(w, i, name, usd, base_name, base);
    }
}

/* Prices of one length and tier among each other. */
static void warn_step(const struct warner *w, size_t step, size_t tier)
{
    const char *suffix = conf_tier_suffixes[tier];
    const struct price_step *s = &w->m->prices.step[step];
    const double *usd = s->usd[tier];
    char where[64] = "";

    if (step > 0)
        snprintf(where, sizeof where, " above %lld tokens", (long long)s->above);
    if (usd[PRICE_INPUT] >= 0 && usd[PRICE_CACHE_READ] > usd[PRICE_INPUT])
        warn(w, "cache_read_input_token_cost%s is higher than input_cost_per_token%s%s", suffix,
             suffix, where);
    if (step + tier > 0 && (usd[PRICE_INPUT] < 0) != (usd[PRICE_OUTPUT] < 0) &&
        standard(w->m, PRICE_OUTPUT) > 0)
        warn(w, "%s_cost_per_token%s has a price%s and %s_cost_per_token%s has none",
             usd[PRICE_INPUT] < 0 ? "output" : "input", suffix, where,
             usd[PRICE_INPUT] < 0 ? "input" : "output", suffix);
}

void conf_warn_prices(const struct model *m, void (*fn)(void *arg, const char *text), void *arg)
{
    const struct warner w = {m, fn, arg};
    const struct conf_row *row = NULL;
    size_t step = 0;
    size_t tier = 0;

    if (!m->prices.cost_pointer) {
        warn_missing(&w);
        warn_asked_tier(&w);
        if (m->prices.cost_unit != 1)
            warn(&w, "usage_cost_unit has no effect without usage_cost_pointer");
    }
    for (row = conf_model_rows; row->path; row++) {
        if (conf_is_price(row))
            warn_variants(&w, row);
    }
    for (step = 0; step <= m->prices.nsteps; step++) {
        for (tier = 0; tier < SERVICE_TIERS; tier++)
            warn_step(&w, step, tier);
    }
}
