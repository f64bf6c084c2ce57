/*
 * limit: goes through the dimensions of a route's limits. How one of them is kept is meter's to know.
 */
#include "policy/limit.h"

#include <stddef.h>

enum counted { CALLS, TOKENS, INPUT, OUTPUT };

static const struct {
    const char *name;
    enum meter_unit unit;
    enum counted what;
    enum why why;
} dims[LIMIT_DIMS] = {
    [LIMIT_RPS] = {"rps", METER_SECOND, CALLS, WHY_RPS},
    [LIMIT_RPM] = {"rpm", METER_MINUTE, CALLS, WHY_RPM},
    [LIMIT_RPD] = {"rpd", METER_DAY, CALLS, WHY_RPD},
    [LIMIT_TPM] = {"tpm", METER_MINUTE, TOKENS, WHY_TPM},
    [LIMIT_INPUT_TPM] = {"input_tpm", METER_MINUTE, INPUT, WHY_INPUT_TPM},
    [LIMIT_OUTPUT_TPM] = {"output_tpm", METER_MINUTE, OUTPUT, WHY_OUTPUT_TPM},
    [LIMIT_TPD] = {"tpd", METER_DAY, TOKENS, WHY_TPD},
};

const char *limit_name(enum limit_dim d)
{
    return dims[d].name;
}

struct limit_max limit_max_of(const struct model *m)
{
    return (struct limit_max){.of = {[LIMIT_RPS] = m->rps,
                                     [LIMIT_RPM] = m->rpm,
                                     [LIMIT_RPD] = m->rpd,
                                     [LIMIT_TPM] = m->tpm,
                                     [LIMIT_INPUT_TPM] = m->input_tpm,
                                     [LIMIT_OUTPUT_TPM] = m->output_tpm,
                                     [LIMIT_TPD] = m->tpd},
                              .parallel = m->max_parallel_requests};
}

static int64_t amount_of(enum limit_dim d, struct limit_need n)
{
    int64_t amount = 1;

    if (dims[d].what == TOKENS)
        amount = n.tokens;
    else if (dims[d].what == INPUT)
        amount = n.tokens - n.output;
    else if (dims[d].what == OUTPUT)
        amount = n.output;
    return amount > 0 ? amount : 0;
}

enum limit_dim limit_exceeded(const struct limit_max *max, struct limit_need n)
{
    enum limit_dim d = 0;

    while (d < LIMIT_DIMS && !(max->of[d] > 0 && amount_of(d, n) > max->of[d]))
        d++;
    return d;
}

/* Requests of a minute are counted whether they are limited or not, as they tell what a limit might be. */
static bool is_kept(const struct limit *l, enum limit_dim d)
{
    return l->max.of[d] > 0 || d == LIMIT_RPM;
}

void limit_init(struct limit *l, const struct limit_max *max)
{
    enum limit_dim d = 0;

    *l = (struct limit){.max = *max};
    for (d = 0; d < LIMIT_DIMS; d++)
        meter_init(&l->meter[d], dims[d].unit, max->of[d], dims[d].what == CALLS);
}

static bool is_limited(const struct limit *l)
{
    enum limit_dim d = 0;

    while (d < LIMIT_DIMS && l->max.of[d] == 0)
        d++;
    return d < LIMIT_DIMS || l->max.parallel > 0;
}

/* Is it more than the share carries of some limit of tokens? */
static bool is_large(const struct limit *l, struct limit_need n)
{
    enum limit_dim d = 0;

    for (d = 0; d < LIMIT_DIMS; d++) {
        const struct meter *m = &l->meter[d];

        if (m->max > 0 && dims[d].what != CALLS && amount_of(d, n) > m->quota)
            return true;
    }
    return false;
}

/* What the share says before any pace: LIMIT_GO, or why nothing can go. */
static int look_at_share(struct limit *l, struct limit_need n, int64_t now_us)
{
    if (!l->share)
        return LIMIT_GO;
    l->why = WHY_SHARE;
    if ((l->share->active == 0 || now_us > share_ends_us(l->share)) && is_limited(l))
        return LIMIT_FULL;
    l->why = WHY_LARGE;
    return is_large(l, n) ? LIMIT_LARGE : LIMIT_GO;
}

static int look_at_slots(struct limit *l, int64_t now_us, int64_t *ret_at_us)
{
    int64_t slots = l->max.parallel;

    if (slots <= 0)
        return LIMIT_GO;
    l->why = WHY_PARALLEL;
    if (l->share && now_us >= l->slots_until_us)
        l->slots = share_slots(l->share, slots, l->call_us, now_us, &l->slots_until_us);
    if (l->share)
        slots = l->slots;
    if (l->running < slots)
        return LIMIT_GO;
    if (!l->share || l->slots_until_us == INT64_MAX)
        return LIMIT_FULL;
    *ret_at_us = l->slots_until_us;
    return LIMIT_WAIT;
}

/* When all meters let it go. */
static int64_t meters_at(struct limit *l, struct limit_need n, int64_t now_us)
{
    int64_t at_us = now_us;
    enum limit_dim d = 0;

    for (d = 0; d < LIMIT_DIMS; d++) {
        int64_t d_us = is_kept(l, d) ? meter_at(&l->meter[d], amount_of(d, n), now_us) : now_us;

        if (d_us <= at_us)
            continue;
        at_us = d_us;
        l->why = dims[d].why;
    }
    return at_us;
}

int limit_try(struct limit *l, struct limit_need n, int64_t now_us, int64_t *ret_at_us)
{
    enum limit_dim d = limit_exceeded(&l->max, n);
    int64_t at_us = now_us;
    int r = LIMIT_GO;

    if (d < LIMIT_DIMS) {
        l->why = dims[d].why;
        return LIMIT_NEVER;
    }
    r = look_at_share(l, n, now_us);
    if (r == LIMIT_GO)
        r = look_at_slots(l, now_us, ret_at_us);
    if (r != LIMIT_GO)
        return r;
    at_us = meters_at(l, n, now_us);
    if (at_us == INT64_MAX)
        return LIMIT_FULL;
    if (at_us > now_us) {
        *ret_at_us = at_us;
        return LIMIT_WAIT;
    }
    l->running++;
    for (d = 0; d < LIMIT_DIMS; d++) {
        if (is_kept(l, d))
            meter_reserve(&l->meter[d], amount_of(d, n), now_us);
    }
    return LIMIT_GO;
}

/* A call has ended. */
static void settle(struct limit *l, struct limit_need reserved, const struct limit_need *used,
                   int64_t reserved_us, int64_t now_us)
{
    enum limit_dim d = 0;

    if (l->running > 0)
        l->running--;
    for (d = 0; d < LIMIT_DIMS; d++) {
        if (is_kept(l, d))
            meter_settle(&l->meter[d], amount_of(d, reserved), used ? amount_of(d, *used) : 0,
                         reserved_us, now_us);
    }
}

void limit_settle(struct limit *l, struct limit_need reserved, struct limit_need used,
                  int64_t reserved_us, int64_t now_us)
{
    settle(l, reserved, &used, reserved_us, now_us);
}

void limit_refund(struct limit *l, struct limit_need reserved, int64_t reserved_us)
{
    settle(l, reserved, NULL, reserved_us, reserved_us);
}

void limit_used(struct limit *l, int64_t now_us, int64_t ret[LIMIT_DIMS])
{
    enum limit_dim d = 0;

    for (d = 0; d < LIMIT_DIMS; d++)
        ret[d] = is_kept(l, d) ? meter_used(&l->meter[d], now_us) : 0;
}

static bool has_tokens(const struct limit *l)
{
    enum limit_dim d = 0;

    while (d < LIMIT_DIMS && (dims[d].what == CALLS || l->max.of[d] == 0))
        d++;
    return d < LIMIT_DIMS;
}

void limit_share(struct limit *l, const struct share *s, int64_t call_us)
{
    enum limit_dim d = 0;

    l->share = s;
    l->call_us = call_us;
    for (d = 0; d < LIMIT_DIMS; d++)
        meter_share(&l->meter[d], s, has_tokens(l));
}

void limit_before_share(struct limit *l, int64_t now_us)
{
    enum limit_dim d = 0;

    for (d = 0; d < LIMIT_DIMS; d++) {
        if (is_kept(l, d))
            meter_before_share(&l->meter[d], now_us);
    }
}

/* Is it a limit of calls that waits for each of them? A large one of a day may run far ahead of its pace. */
static bool is_tight(const struct meter *m)
{
    return m->counts && m->max > 0 && (m->unit != METER_DAY || meter_is_small(m));
}

/* A limit that goes by instants, and another one with a pace of its own, would seldom let a call go at the same time:
 * so the slowest has the instants, for all of them. */
static void follow_slowest(struct limit *l)
{
    struct meter *slowest = NULL;
    bool small = false;
    enum limit_dim d = 0;

    for (d = 0; d < LIMIT_DIMS; d++) {
        struct meter *m = &l->meter[d];

        if (!is_tight(m))
            continue;
        small = small || meter_is_small(m);
        if (!slowest || meter_instant_us(m) > meter_instant_us(slowest))
            slowest = m;
    }
    for (d = 0; small && d < LIMIT_DIMS; d++) {
        if (is_tight(&l->meter[d]) && &l->meter[d] != slowest)
            meter_follow(&l->meter[d], slowest);
    }
}

void limit_after_share(struct limit *l, int64_t now_us)
{
    enum limit_dim d = 0;

    for (d = 0; d < LIMIT_DIMS; d++) {
        if (is_kept(l, d))
            meter_after_share(&l->meter[d], now_us);
    }
    follow_slowest(l);
    l->slots_until_us = INT64_MIN;
}
