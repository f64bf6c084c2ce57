/*
 * config_prices: the keys of model_info that are no rows of the table because there is no end to them: the
 * price of a kind of token with "_above_200k_tokens" (any length) and "_flex", "_priority" or "_batches" behind
 * its name, as in LiteLLM's list of prices. It also checks what the prices point at in an answer. It reads and
 * prints; what an answer cost is worked out elsewhere.
 */
#include "task/config_prices.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/json.h"
#include "base/mem.h"
#include "task/config_resolve.h"

#define ABOVE     "_above_"
#define ABOVE_MAX INT64_C(1000000000)

const char *const conf_tier_suffixes[SERVICE_TIERS] = {
    [TIER_STANDARD] = "",
    [TIER_FLEX] = "_flex",
    [TIER_PRIORITY] = "_priority",
    [TIER_BATCH] = "_batches",
};

bool conf_is_price(const struct conf_row *row)
{
    size_t base = offsetof(struct model, prices.step[0].usd[TIER_STANDARD]);

    return row->type == CONF_NUM && row->offset >= base &&
           row->offset < base + PRICE_KINDS * sizeof(double);
}

/* "200k_tokens" or "200000_tokens" at text, which is moved behind it. 0: it is none. */
static int64_t take_length(const char **text)
{
    const char *s = *text;
    int64_t n = 0;

    for (; isdigit((unsigned char)*s) && n <= ABOVE_MAX; s++)
        n = n * 10 + (*s - '0');
    if (*s == 'k') {
        n *= 1000;
        s++;
    }
    if (n == 0 || n > ABOVE_MAX || strncmp(s, "_tokens", 7) != 0)
        return 0;
    *text = s + 7;
    return n;
}

/* The longest price that key begins with: one price's name is the beginning of another's. */
static const struct conf_row *price_of(const struct conf_row *rows, const char *path)
{
    const struct conf_row *best = NULL;

    for (; rows->path; rows++) {
        size_t n = strlen(rows->path);

        if (conf_is_price(rows) && strncmp(rows->path, path, n) == 0 && path[n] == '_' &&
            (!best || n > strlen(best->path)))
            best = rows;
    }
    return best;
}

/* The step for this length, which is put in its place; -1: there are too many. */
static int step_for(struct prices *p, int64_t above)
{
    struct price_step empty = p->step[PRICE_STEPS_MAX - 1];
    size_t at = 0;
    size_t i = 0;

    while (at <= p->nsteps && p->step[at].above < above)
        at++;
    if (at <= p->nsteps && p->step[at].above == above)
        return (int)at;
    if (p->nsteps == PRICE_STEPS_MAX - 1)
        return -1;
    p->nsteps++;
    for (i = p->nsteps; i > at; i--)
        p->step[i] = p->step[i - 1];
    p->step[at] = empty;
    p->step[at].above = above;
    return (int)at;
}

static size_t offset_of(const struct conf_row *row, size_t step, size_t tier)
{
    return row->offset + step * sizeof(struct price_step) + tier * PRICE_KINDS * sizeof(double);
}

int conf_price_row(const struct conf_row *rows, struct model *m, const char *path,
                   struct conf_row *ret, struct err *e)
{
    const struct conf_row *row = price_of(rows, path);
    const char *rest = row ? path + strlen(row->path) : NULL;
    int64_t above = 0;
    size_t tier = 0;
    int step = 0;

    if (!row)
        return 1;
    if (strncmp(rest, ABOVE, strlen(ABOVE)) == 0) {
        rest += strlen(ABOVE);
        above = take_length(&rest);
    }
    while (tier < SERVICE_TIERS && strcmp(rest, conf_tier_suffixes[tier]) != 0)
        tier++;
    if (tier == SERVICE_TIERS)
        return err_set(e, EX_CONFIG,
                       "unknown key `%.100s`; behind `%s` may stand _above_<number>k_tokens, then "
                       "_flex, _priority or _batches",
                       path, row->path);
    step = above ? step_for(&m->prices, above) : 0;
    if (step < 0)
        return err_set(e, EX_CONFIG, "`%.100s`: a model has at most %d lengths with prices", path,
                       PRICE_STEPS_MAX - 1);
    *ret = *row;
    ret->offset = offset_of(row, (size_t)step, tier);
    if (*(const double *)(const void *)((const char *)m + ret->offset) >= 0)
        return err_set(e, EX_CONFIG, "`%.100s`: this length is there already, written otherwise",
                       path);
    return 0;
}

bool conf_price_variant(const struct conf_row *row, const struct model *m, size_t i,
                        struct conf_row *ret, char *name, size_t cap)
{
    size_t step = i / SERVICE_TIERS;
    size_t tier = i % SERVICE_TIERS;
    long long above = 0;

    if (step > m->prices.nsteps)
        return false;
    above = (long long)m->prices.step[step].above;
    *ret = *row;
    ret->offset = offset_of(row, step, tier);
    if (step == 0)
        snprintf(name, cap, "%s%s", conf_leaf(row->path), conf_tier_suffixes[tier]);
    else
        snprintf(name, cap, "%s" ABOVE "%lld%s_tokens%s", conf_leaf(row->path),
                 above % 1000 ? above : above / 1000, above % 1000 ? "" : "k",
                 conf_tier_suffixes[tier]);
    return true;
}

/* ---- what the prices point at -------------------------------------------------------------- */

static bool good_pointer(const char *p)
{
    if (*p != '/' || strlen(p) >= PRICE_POINTER_BYTES)
        return false;
    for (; *p; p++) {
        if (*p == '~' && p[1] != '0' && p[1] != '1')
            return false;
    }
    return true;
}

static int bad_pointer(const struct config *c, const struct model *m, const char *key,
                       const char *pointer, struct err *e)
{
    return conf_place_err(c, m->line, e,
                          "model_info.%s: `%.60s` is no JSON pointer into the answer, such as "
                          "/usage/cost (at most %d bytes; ~0 stands for ~, ~1 for /)",
                          key, pointer, PRICE_POINTER_BYTES - 1);
}

static int add_meter(const struct config *c, struct model *m, const char *pointer,
                     struct json_object *usd, struct err *e)
{
    struct prices *p = &m->prices;
    struct price_meter *to = &p->meter[p->nmeters];

    if (p->nmeters == PRICE_METERS_MAX)
        return conf_place_err(c, m->line, e, "model_info.usage_costs: more than %d entries",
                              PRICE_METERS_MAX);
    if (!good_pointer(pointer))
        return bad_pointer(c, m, "usage_costs", pointer, e);
    if (!json_object_is_type(usd, json_type_int) && !json_object_is_type(usd, json_type_double))
        return conf_place_err(c, m->line, e, "model_info.usage_costs: %.60s has no number of USD",
                              pointer);
    to->usd = json_object_get_double(usd);
    if (!isfinite(to->usd) || to->usd < 0)
        return conf_place_err(c, m->line, e, "model_info.usage_costs: %.60s must not be negative",
                              pointer);
    snprintf(to->pointer, sizeof to->pointer, "%s", pointer);
    p->nmeters++;
    return 0;
}

int conf_resolve_prices(const struct config *c, struct model *m, struct err *e)
{
    struct prices *p = &m->prices;
    CLEANUP_JSON struct json_object *meters = NULL;

    p->nmeters = 0;
    if (p->cost_pointer && !good_pointer(p->cost_pointer))
        return bad_pointer(c, m, "usage_cost_pointer", p->cost_pointer, e);
    if (!p->meters_json)
        return 0;
    if (json_parse(p->meters_json, strlen(p->meters_json), &meters, NULL) < 0 ||
        !json_object_is_type(meters, json_type_object))
        return conf_place_err(c, m->line, e,
                              "model_info.usage_costs: write one `/pointer: USD` a line");
    json_object_object_foreach(meters, pointer, usd)
    {
        if (add_meter(c, m, pointer, usd, e) < 0)
            return -1;
    }
    return 0;
}
