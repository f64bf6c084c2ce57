/*
 * metrics_routes: samples of one row of model_list, for metrics_table.
 */
#include "cmd/admin/metrics_write.h"

#include <stdio.h>

#include "policy/scope.h"
#include "task/account.h"

/* Several rows may share the first three: their number tells them apart. */
void metrics_route_set(struct metric_route *r, const struct view *v, size_t row)
{
    const struct model *m = &v->config->models[row];

    *r = (struct metric_route){.v = v, .row = row};
    snprintf(r->number, sizeof r->number, "%zu", row + 1);
    r->at[0] = (struct metrics_label){"model", m->model_name};
    r->at[1] = (struct metrics_label){"provider", m->provider_name};
    r->at[2] = (struct metrics_label){"upstream_model", m->upstream_model};
    r->at[3] = (struct metrics_label){"row", r->number};
}

static const struct metrics_label *with(struct metric_route *r, const char *name, const char *value)
{
    r->at[4] = (struct metrics_label){name, value};
    return r->at;
}

void metrics_calls(struct metrics *m, struct metric_route *r)
{
    for (int i = 0; i < CLASS_COUNT; i++)
        metrics_count(m, with(r, "class", class_name((enum error_class)i)),
                      r->v->s->routes[r->row].calls[i]);
}

void metrics_maybe_paid(struct metrics *m, struct metric_route *r)
{
    metrics_count(m, r->at, r->v->s->routes[r->row].maybe_paid);
}

/* Only those that ever held: most never do. */
void metrics_route_held(struct metrics *m, struct metric_route *r)
{
    const struct explain_view *x = &r->v->s->explain.route[r->row];

    for (int w = 0; w < WHY_COUNT; w++)
        if (x->run_us[w] > 0)
            metrics_sample(m, with(r, "reason", why_name((enum why)w)), (double)x->run_us[w] / 1e6);
}

void metrics_running(struct metrics *m, struct metric_route *r)
{
    metrics_sample(m, r->at, (double)r->v->s->pool.route[r->row].running);
}

void metrics_state(struct metrics *m, struct metric_route *r)
{
    for (int i = 0; i < ROUTE_STATES; i++)
        metrics_count(m, with(r, "state", route_state_names[i]),
                      snapshot_route_state(r->v->s, r->row) == (enum route_state)i);
}

void metrics_cooldowns(struct metrics *m, struct metric_route *r)
{
    metrics_count(m, r->at, r->v->s->pool.route[r->row].cooldowns);
}

void metrics_cooling(struct metrics *m, struct metric_route *r)
{
    metrics_sample(m, r->at, (double)r->v->s->pool.route[r->row].cooling_ms / 1000);
}

void metrics_tokens(struct metrics *m, struct metric_route *r)
{
    for (int i = 0; i < POOL_TOKENS; i++)
        metrics_count(m, with(r, "type", token_names[i]),
                      (uint64_t)r->v->s->routes[r->row].tokens[i]);
}

void metrics_cost(struct metrics *m, struct metric_route *r)
{
    metrics_sample(m, r->at, r->v->s->routes[r->row].cost_usd);
}

void metrics_unpriced(struct metrics *m, struct metric_route *r)
{
    metrics_count(m, r->at, r->v->s->routes[r->row].cost_unknown);
}

static void write_limits(struct metrics *m, struct metric_route *r,
                         int64_t (*value)(const struct limit_use *u))
{
    struct limit_use uses[LIMIT_USES];

    snapshot_limits(r->v, r->row, uses);
    for (size_t i = 0; i < LIMIT_USES; i++)
        if (uses[i].limit > 0)
            metrics_sample(m, with(r, "limit", uses[i].name), (double)value(&uses[i]));
}

static int64_t whole(const struct limit_use *u)
{
    return u->limit;
}

static int64_t used(const struct limit_use *u)
{
    return u->used;
}

static int64_t left(const struct limit_use *u)
{
    return u->used < u->limit ? u->limit - u->used : 0;
}

void metrics_limit(struct metrics *m, struct metric_route *r)
{
    write_limits(m, r, whole);
}

void metrics_limit_used(struct metrics *m, struct metric_route *r)
{
    write_limits(m, r, used);
}

void metrics_limit_left(struct metrics *m, struct metric_route *r)
{
    write_limits(m, r, left);
}

/* ---- keys ---- */

enum key_state { KEY_OK, KEY_NO_CREDIT, KEY_REFUSED, KEY_STATES };

/* What the provider said of the key the last time, as long as it counts. */
static enum key_state key_state_of(const struct view *v, uint64_t rows)
{
    enum key_state state = KEY_OK;

    for (size_t i = 0; i < v->config->nmodels; i++) {
        if (!(rows >> i & 1) || !v->s->pool.route[i].off)
            continue;
        if (v->s->pool.route[i].off_class == CLASS_CREDENTIAL)
            return KEY_REFUSED;
        if (v->s->pool.route[i].off_class == CLASS_QUOTA)
            state = KEY_NO_CREDIT;
    }
    return state;
}

void metrics_key_state(struct metrics *m, const struct view *v)
{
    static const char *const names[KEY_STATES] = {"ok", "no_credit", "refused"};
    char number[24];

    for (size_t i = 0; i < v->config->nmodels; i++) {
        const struct model *row = &v->config->models[i];
        uint64_t rows = scope_rows(v->config, (int)i, CLASS_CREDENTIAL);

        if (!account_has_key(row) || (rows & (((uint64_t)1 << i) - 1)))
            continue; /* its first row stands for it */
        snprintf(number, sizeof number, "%zu", i + 1);
        for (int k = 0; k < KEY_STATES; k++)
            metrics_count(m,
                          METRICS_LABELS({"provider", row->provider_name}, {"row", number},
                                         {"state", names[k]}),
                          key_state_of(v, rows) == (enum key_state)k);
    }
}
