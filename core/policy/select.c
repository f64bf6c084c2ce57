/*
 * select: draws the route that a task takes now, or says what it waits for.
 *
 * It reserves on the route it chooses (limit and breaker), so that a decision and its reservation are
 * one step under the caller's lock. It knows no queue: which tasks stand in front is an argument.
 */
#include "policy/select.h"

#include <string.h>

#include "base/mem.h"
#include "policy/rank.h"

static uint64_t bit(int row)
{
    return (uint64_t)1 << row;
}

static uint64_t rows_of(const struct config *c, const char *model_name)
{
    uint64_t set = 0;
    size_t i = 0;

    for (i = 0; i < c->nmodels && i < CONFIG_MODELS_MAX; i++) {
        if (strcmp(c->models[i].model_name, model_name) == 0)
            set |= bit((int)i);
    }
    return set;
}

static const struct string_list *fallbacks_of(const struct fallback_list *list, const char *from)
{
    size_t i = 0;

    for (i = 0; i < list->count; i++) {
        if (strcmp(list->at[i].from, from) == 0)
            return &list->at[i].to;
    }
    return NULL;
}

const char *select_model_name(const struct config *c, const struct task *t, size_t i)
{
    const struct string_list *to = NULL;

    if (i < (size_t)t->nmodels)
        return t->models[i];
    if (t->nmodels != 1)
        return NULL;
    to = fallbacks_of(&c->router.fallbacks, t->models[0]);
    i -= (size_t)t->nmodels;
    return to && i < to->count ? to->at[i] : NULL;
}

/* Rows with a limit that is too small for that many tokens. */
static uint64_t too_narrow(const struct config *c, struct limit_need n)
{
    uint64_t set = 0;
    size_t i = 0;

    for (i = 0; i < c->nmodels && i < CONFIG_MODELS_MAX; i++) {
        struct limit_max max = limit_max_of(&c->models[i]);

        if (limit_exceeded(&max, n) < LIMIT_DIMS)
            set |= bit((int)i);
    }
    return set;
}

uint64_t select_candidates(const struct config *c, const struct task *t)
{
    const char *name = NULL;
    uint64_t set = 0;
    size_t i = 0;

    for (i = 0; (name = select_model_name(c, t, i)); i++)
        set |= rows_of(c, name);
    return set & ~t->refused_routes & ~too_narrow(c, estimate_task(c, t));
}

int select_too_large(const struct config *c, const struct task *t, enum limit_dim *ret_dim)
{
    struct limit_need n = estimate_task(c, t);
    const char *name = NULL;
    uint64_t set = 0;
    size_t i = 0;

    for (i = 0; (name = select_model_name(c, t, i)); i++)
        set |= rows_of(c, name);
    set &= too_narrow(c, n);
    if (set) {
        struct limit_max max = limit_max_of(&c->models[__builtin_ctzll(set)]);

        *ret_dim = limit_exceeded(&max, n);
    }
    return set ? __builtin_ctzll(set) : -1;
}

/* What came out of trying rows that did not go. */
struct outlook {
    int64_t at_us;   /* earliest time that one of them may go */
    uint64_t wanted; /* those that may go some time */
    bool later;      /* one may when the share of this worker has grown */
};

static void expect(struct outlook *o, int row, int64_t at_us)
{
    o->wanted |= bit(row);
    if (at_us < o->at_us)
        o->at_us = at_us;
}

/* Its limit lacks, which is as much a word of the other rows that have it: what one task waits for is not to be taken
 * by another through them. */
static void lacks(const struct select_input *in, int row, struct outlook *o, int64_t at_us)
{
    size_t i = 0;

    expect(o, row, at_us);
    o->wanted |= in->routes[row].limit_rows;
    for (i = 0; i < in->config->nmodels; i++) {
        if (in->routes[row].limit_rows & bit((int)i))
            in->routes[i].said = in->routes[row].said;
    }
}

/* Reserves on one row. False: not now, and o knows why. */
static bool take(const struct select_input *in, int row, struct outlook *o)
{
    struct route *r = &in->routes[row];
    struct limit_need need = estimate_learned(&r->estimate, in->need);
    int64_t at_us = INT64_MAX;
    int tried = LIMIT_GO;

    if (in->blocked_routes & bit(row)) {
        expect(o, row, INT64_MAX);
        return false;
    }
    if (r->stopped) {
        r->said = WHY_STOPPED;
        expect(o, row, INT64_MAX);
        return false;
    }
    if (!breaker_allows(&r->breaker, in->now_us, &at_us)) {
        r->said = in->now_us < r->breaker.open_until_us ? r->breaker.why : WHY_PROBE;
        expect(o, row, at_us);
        return false;
    }
    if (learn_try(&r->learn, need.tokens, in->now_us, &at_us, &r->said) != LEARN_GO) {
        expect(o, row, at_us);
        return false;
    }
    tried = limit_try(r->limit, need, in->now_us, &at_us);
    if (tried != LIMIT_GO)
        r->said = r->limit->why;
    switch (tried) {
    case LIMIT_GO:
        breaker_start(&r->breaker, in->now_us);
        return true;
    case LIMIT_WAIT:
        lacks(in, row, o, at_us);
        return false;
    case LIMIT_FULL:
        lacks(in, row, o, INT64_MAX);
        return false;
    case LIMIT_LARGE:
        o->later = true;
        return false;
    default:
        return false;
    }
}

static double weight_of(const struct config *c, int row)
{
    return c->models[row].weight > 0 ? c->models[row].weight : 0;
}

/* Rows of weight 0 are a last resort: they count only when no other row of the name is left. */
static uint64_t drop_last_resort(const struct select_input *in, uint64_t set)
{
    uint64_t weighted = 0;
    int i = 0;

    for (i = 0; i < CONFIG_MODELS_MAX; i++) {
        if ((set & bit(i)) && weight_of(in->config, i) > 0 && !in->routes[i].breaker.off &&
            !in->routes[i].stopped)
            weighted |= bit(i);
    }
    if (!weighted)
        return set;
    for (i = 0; i < CONFIG_MODELS_MAX; i++) {
        if ((set & bit(i)) && weight_of(in->config, i) <= 0)
            set &= ~bit(i);
    }
    return set;
}

/* Tries the rows of a set in the order of their rank. The row that goes, or -1. */
static int take_any(const struct rank *rank, uint64_t set, struct rng *rng, struct outlook *o)
{
    while (set) {
        int row = rank_first(rank, set, rng);

        if (take(rank->in, row, o))
            return row;
        set &= ~bit(row);
    }
    return -1;
}

int select_route(const struct select_input *in, const struct task *t, struct rng *rng,
                 int *ret_route, int64_t *ret_at_us, uint64_t *ret_wanted)
{
    uint64_t last = t->route >= 0 ? bit(t->route) : 0;
    uint64_t never = t->refused_routes | too_narrow(in->config, in->need);
    uint64_t seen = never;
    struct outlook o = {.at_us = INT64_MAX};
    const char *name = NULL;
    struct rank rank;
    int row = -1;
    size_t i = 0;

    rank_init(&rank, in, t);
    for (i = 0; row < 0 && (name = select_model_name(in->config, t, i)); i++) {
        uint64_t set = rows_of(in->config, name) & ~seen;

        seen |= set;
        set = drop_last_resort(in, set);
        row = take_any(&rank, set & ~last, rng, &o);
    }
    if (row < 0 && (seen & ~never & last))
        row = take_any(&rank, last, rng, &o);
    if (row >= 0) {
        *ret_route = row;
        return SELECT_GO;
    }
    if (!o.wanted)
        return o.later ? SELECT_LATER : SELECT_NONE;
    *ret_at_us = o.at_us;
    *ret_wanted = o.wanted;
    return SELECT_WAIT;
}

/* Names that a fallback may put in the place of a task's models. */
struct names {
    const char *at[TASK_MODELS_MAX];
    int count;
};

static void names_add(struct names *n, const char *name)
{
    int i = 0;

    for (i = 0; i < n->count; i++) {
        if (strcmp(n->at[i], name) == 0)
            return;
    }
    if (n->count < TASK_MODELS_MAX)
        n->at[n->count++] = name;
}

static void names_add_list(struct names *n, const struct config *c, const struct string_list *list,
                           uint64_t refused)
{
    size_t i = 0;

    for (i = 0; list && i < list->count; i++) {
        if (rows_of(c, list->at[i]) & ~refused)
            names_add(n, list->at[i]);
    }
}

/* Rows that cannot take a request of this size, which was too large for a window of `window` tokens. An unknown
 * window is 0, which is no larger than any. */
static uint64_t too_small(const struct config *c, const struct route *routes, int64_t window,
                          int64_t size)
{
    uint64_t set = 0;
    size_t i = 0;

    for (i = 0; i < c->nmodels && i < CONFIG_MODELS_MAX; i++) {
        const struct window *learned = &routes[i].window;
        bool larger = c->models[i].max_input_tokens > window || learned->served >= size;

        if (!larger || window_is_small(learned, size))
            set |= bit((int)i);
    }
    return set;
}

static void replace_models(struct task *t, const struct names *n)
{
    char *copies[TASK_MODELS_MAX];
    int i = 0;

    for (i = 0; i < n->count; i++)
        copies[i] = mem_strdup(n->at[i]); /* may be one of the task's own names */
    for (i = 0; i < t->nmodels; i++)
        free(STEAL(t->models[i]));
    memcpy(t->models, copies, sizeof copies[0] * (size_t)n->count);
    t->nmodels = n->count;
}

static int64_t window_of(const struct config *c, const struct route *routes, int row)
{
    int64_t known = c->models[row].max_input_tokens;

    return known > 0 ? known : routes[row].window.refused;
}

/* A longer window may be found in other rows of the names that the task accepts, too. */
static uint64_t collect_context(const struct config *c, const struct route *routes,
                                const struct task *t, const char *from, struct names *n)
{
    int64_t window = t->route >= 0 ? window_of(c, routes, t->route) : 0;
    uint64_t refused = t->refused_routes | too_small(c, routes, window, estimate_task(c, t).tokens);
    int i = 0;

    for (i = 0; i < t->nmodels; i++) {
        if (rows_of(c, t->models[i]) & ~refused)
            names_add(n, t->models[i]);
    }
    names_add_list(n, c, fallbacks_of(&c->router.context_window_fallbacks, from), refused);
    return refused;
}

bool select_fallback(const struct config *c, const struct route *routes, struct task *t,
                     enum fallback_kind kind)
{
    const char *from = t->route >= 0 ? c->models[t->route].model_name : t->models[0];
    uint64_t refused = t->refused_routes;
    struct names n = {.count = 0};

    if (kind == FALLBACK_CONTEXT)
        refused = collect_context(c, routes, t, from, &n);
    else if (kind == FALLBACK_POLICY)
        names_add_list(&n, c, fallbacks_of(&c->router.content_policy_fallbacks, from), refused);
    if (n.count == 0)
        return false;
    t->refused_routes = refused;
    replace_models(t, &n);
    return true;
}

void select_leave_small(const struct config *c, const struct route *routes, struct task *t)
{
    int64_t size = estimate_task(c, t).tokens;
    uint64_t may = select_candidates(c, t);
    uint64_t small = 0;
    uint64_t fitting = 0;
    uint64_t own = 0;
    int last = t->route;
    int i = 0;

    for (i = 0; i < t->nmodels; i++)
        own |= rows_of(c, t->models[i]);
    for (i = 0; i < CONFIG_MODELS_MAX; i++) {
        if (!(may & bit(i)))
            continue;
        if (window_is_small(&routes[i].window, size))
            small |= bit(i);
        else if (routes[i].window.served >= size || c->models[i].max_input_tokens >= size)
            fitting |= bit(i);
    }
    if (!small)
        return;
    if (fitting) {
        t->refused_routes |= small | (may & ~own & ~fitting);
        return;
    }
    t->route = __builtin_ctzll(small);
    select_fallback(c, routes, t, FALLBACK_CONTEXT);
    t->route = last;
}
