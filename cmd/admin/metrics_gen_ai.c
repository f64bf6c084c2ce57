/*
 * metrics_gen_ai: the two histograms of OpenTelemetry's conventions for clients of generative models, under the
 * names and with the labels that dashboards for them look for, as they are written for Prometheus.
 */
#include "cmd/admin/metrics_write.h"

#include <stdio.h>

#include "task/gen_ai.h"

struct labels {
    char row[24];
    struct metrics_label at[7];
};

/* The last two say which of our routes it is: rows of the same provider and model would collide. */
static void set_labels(struct labels *l, const struct view *v, size_t row, int op)
{
    static const char *const operations[POOL_OPS] = {"chat", "embeddings"};
    const struct model *m = &v->config->models[row];

    *l = (struct labels){.row = ""};
    snprintf(l->row, sizeof l->row, "%zu", row + 1);
    l->at[0] = (struct metrics_label){"gen_ai_operation_name", operations[op]};
    l->at[1] = (struct metrics_label){"gen_ai_provider_name", gen_ai_provider(m)};
    l->at[2] = (struct metrics_label){"gen_ai_request_model", m->upstream_model};
    l->at[3] = (struct metrics_label){"model", m->model_name};
    l->at[4] = (struct metrics_label){"row", l->row};
}

/* One series of a histogram, when there is anything in it. The sixth label is its own, or absent. */
static void series(struct metrics *m, struct labels *l, struct metrics_label own,
                   const struct metrics_buckets *b, const struct metrics_bounds *bounds)
{
    l->at[5] = own;
    if (b->count > 0)
        metrics_buckets(m, l->at, b, bounds);
}

void metrics_gen_ai_duration(struct metrics *m, const struct view *v)
{
    static const struct metrics_label none = {NULL, NULL}, failed = {"error_type", "_OTHER"};
    struct labels l;

    for (size_t i = 0; i < v->config->nmodels * POOL_OPS; i++) {
        const struct pool_route *r = &v->s->routes[i / POOL_OPS];

        set_labels(&l, v, i / POOL_OPS, (int)(i % POOL_OPS));
        series(m, &l, none, &r->seconds[i % POOL_OPS][0], &pool_call_bounds);
        series(m, &l, failed, &r->seconds[i % POOL_OPS][1], &pool_call_bounds);
    }
}

void metrics_gen_ai_tokens(struct metrics *m, const struct view *v)
{
    static const struct metrics_label input = {"gen_ai_token_type", "input"},
                                      output = {"gen_ai_token_type", "output"};
    struct labels l;

    for (size_t i = 0; i < v->config->nmodels * POOL_OPS; i++) {
        const struct pool_route *r = &v->s->routes[i / POOL_OPS];

        set_labels(&l, v, i / POOL_OPS, (int)(i % POOL_OPS));
        series(m, &l, input, &r->usage[i % POOL_OPS][0], &pool_token_bounds);
        series(m, &l, output, &r->usage[i % POOL_OPS][1], &pool_token_bounds);
    }
}
