/*
 * rank: strategies as functions that give a row a score; see rank.h. It must not look whether a row may go: the
 * caller asks for the next one when the first may not.
 */
#include "policy/rank.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "policy/cost.h"

#define BYTES_PER_TOKEN 4
#define FNV_START       UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME       UINT64_C(0x100000001b3)

typedef double score_fn(const struct select_input *in, const struct task *t, int row);

static uint64_t bit(int row)
{
    return (uint64_t)1 << row;
}

/* FNV-1a, with the NUL that ends the text, so that two texts in a row are not taken for another two. */
static uint64_t hash_text(uint64_t h, const char *text)
{
    const unsigned char *p = (const unsigned char *)(text ? text : "");

    do
        h = (h ^ *p) * FNV_PRIME;
    while (*p++);
    return h;
}

uint64_t rank_seed(const struct model *m)
{
    uint64_t h = hash_text(FNV_START, m->api_base);
    size_t i = 0;

    h = hash_text(hash_text(h, m->upstream_model), m->api_key);
    if (m->aws_access_key_id)
        h = hash_text(h, m->aws_access_key_id);
    for (i = 0; i < m->extra_headers.count; i++)
        h = hash_text(hash_text(h, m->extra_headers.at[i].name), m->extra_headers.at[i].value);
    return h;
}

static const char *session_of(const struct task *t)
{
    const struct task_header *h = NULL;
    const char *key = t->session;

    if (key)
        return key;
    h = task_header_get(t, "sluice-session");
    return h ? h->value : NULL;
}

uint64_t rank_sticky(const struct config *c, const struct task *t)
{
    const char *by = c->router.sticky;
    const char *text = NULL;

    if (by && strcmp(by, "session") == 0)
        text = session_of(t);
    else if (by && strcmp(by, "tenant") == 0)
        text = t->tenant;
    return text && *text ? hash_text(FNV_START, text) | 1 : 0;
}

static double weight_of(const struct select_input *in, int row)
{
    double w = in->config->models[row].weight;

    return w > 0 ? w : 0;
}

static double sum_of_weights(const struct select_input *in, uint64_t set)
{
    double total = 0;
    int i = 0;

    for (i = 0; i < CONFIG_MODELS_MAX; i++)
        total += set & bit(i) ? weight_of(in, i) : 0;
    return total;
}

/* Draws one row of the set by weight; when no row has one, all are equal. */
static int draw(const struct select_input *in, uint64_t set, struct rng *rng)
{
    double total = sum_of_weights(in, set);
    double at = rng_unit(rng) * (total > 0 ? total : (double)__builtin_popcountll(set));
    int last = -1;
    int i = 0;

    for (i = 0; i < CONFIG_MODELS_MAX; i++) {
        double w = total > 0 && set & bit(i) ? weight_of(in, i) : 1;

        if (!(set & bit(i)) || w <= 0)
            continue;
        last = i;
        if (at < w)
            return i;
        at -= w;
    }
    return last; /* rounding left a crumb of `at` over */
}

/* Each row draws a number for the session, and the lowest wins: a row that leaves takes only its own sessions with it
 * (rendezvous hashing). Divided by its weight, an exponential number wins in shares by weight. */
static int drawn_by(const struct rank *r, uint64_t set)
{
    double total = sum_of_weights(r->in, set);
    double least = INFINITY;
    int best = __builtin_ctzll(set);
    int i = 0;

    for (i = 0; i < CONFIG_MODELS_MAX; i++) {
        struct rng rng = {.state = r->sticky ^ (set & bit(i) ? r->in->routes[i].seed : 0)};
        double w = total > 0 && set & bit(i) ? weight_of(r->in, i) : 1;
        double at = 0;

        if (!(set & bit(i)) || w <= 0)
            continue;
        at = -log1p(-rng_unit(&rng)) / w;
        if (at < least) {
            least = at;
            best = i;
        }
    }
    return best;
}

static double by_calls(const struct select_input *in, const struct task *t, int row)
{
    (void)t;
    return (double)in->routes[row].running;
}

static double by_pace(const struct select_input *in, const struct task *t, int row)
{
    const struct route *r = &in->routes[row];

    (void)t;
    return pace_score(&r->pace, r->running, in->now_us);
}

double rank_cost(const struct model *m, const struct task *t, int64_t tokens)
{
    int64_t input = (int64_t)(t->raw_len / BYTES_PER_TOKEN);
    int64_t output = tokens > input ? tokens - input : 0;
    double usd = cost_expected(&m->prices, t->asked_tier, input, output);

    return usd >= 0 ? usd : INFINITY;
}

static double by_cost(const struct select_input *in, const struct task *t, int row)
{
    return rank_cost(&in->config->models[row], t, in->need.tokens);
}

static const struct {
    const char *name;
    score_fn *score;
} strategies[] = {
    {"least-busy", by_calls},
    {"lowest-cost", by_cost},
    {"lowest-latency", by_pace},
};

void rank_init(struct rank *r, const struct select_input *in, const struct task *t)
{
    const char *name = in->config->router.routing_strategy;
    size_t i = 0;

    *r = (struct rank){.in = in, .task = t, .sticky = rank_sticky(in->config, t)};
    for (i = 0; name && i < ARRAY_LEN(strategies); i++) {
        if (strcmp(name, strategies[i].name) == 0)
            r->score = strategies[i].score;
    }
}

int rank_first(const struct rank *r, uint64_t set, struct rng *rng)
{
    uint64_t best = 0;
    double least = INFINITY;
    int i = 0;

    if ((set & (set - 1)) == 0)
        return __builtin_ctzll(set);
    if (r->sticky)
        return drawn_by(r, set);
    for (i = 0; r->score && i < CONFIG_MODELS_MAX; i++) {
        double at = set & bit(i) ? r->score(r->in, r->task, i) : INFINITY;

        if (at < least)
            best = 0;
        if (at < least || (at == least && set & bit(i)))
            best |= bit(i);
        least = at < least ? at : least;
    }
    return draw(r->in, best ? best : set, rng);
}
