/*
 * prices: what a model costs, as it stands in the configuration below model_info. All amounts are USD; a
 * negative one is not known. Plain data: what an answer cost is worked out in policy/cost.
 */
#ifndef SLUICE_TASK_PRICES_H
#define SLUICE_TASK_PRICES_H

#include <stddef.h>
#include <stdint.h>

/* How a provider says that it served a request. The first SERVICE_TIERS have prices of their own. */
enum service_tier {
    TIER_STANDARD, /* also when the provider names none */
    TIER_FLEX,
    TIER_PRIORITY,
    TIER_BATCH,
    SERVICE_TIERS,
    TIER_OTHER = SERVICE_TIERS, /* a name we do not know, so no price is known either */
};

/* The tier behind a provider's word, whatever its case; NULL or "": TIER_STANDARD. */
enum service_tier service_tier_of(const char *word);

/* What a token was. Each token of an answer is of exactly one kind. */
enum price_kind {
    PRICE_INPUT,
    PRICE_CACHE_READ,     /* input that the provider found in its prompt cache */
    PRICE_CACHE_WRITE,    /* input that it put there */
    PRICE_CACHE_WRITE_1H, /* the same, to be kept for an hour */
    PRICE_OUTPUT,
    PRICE_REASONING,
    PRICE_KINDS,
};

/* Prices of one token for requests whose input is longer than `above` tokens. */
struct price_step {
    int64_t above;
    double usd[SERVICE_TIERS][PRICE_KINDS];
};

#define PRICE_STEPS_MAX     5 /* the base and four lengths above it */
#define PRICE_METERS_MAX    8
#define PRICE_POINTER_BYTES 128

/* A price of something else that is counted in the answer, such as searches. */
struct price_meter {
    char pointer[PRICE_POINTER_BYTES]; /* JSON pointer (RFC 6901) to the count */
    double usd;                        /* of one */
};

struct prices {
    struct price_step step[PRICE_STEPS_MAX]; /* step[0] is the base; by rising `above` */
    size_t nsteps;                           /* beside the base */
    double request;                          /* of each request, beside its tokens */
    char *cost_pointer;                      /* JSON pointer to the cost in the answer, or NULL */
    double cost_unit;                        /* USD of 1 at cost_pointer */
    char *meters_json;                       /* usage_costs as it was typed, or NULL */
    struct price_meter meter[PRICE_METERS_MAX];
    size_t nmeters;
};

/* Nothing is known. */
void prices_init(struct prices *p);

#endif
