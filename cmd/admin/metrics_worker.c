/* metrics_worker: samples of the worker as a whole, for metrics_table. */
#include "cmd/admin/metrics_write.h"

#include "base/mem.h"

void metrics_build(struct metrics *m, const struct view *v)
{
    (void)v;
    metrics_count(m, METRICS_LABELS({"version", SLUICE_VERSION}), 1);
}

void metrics_ready(struct metrics *m, const struct view *v)
{
    const char *holds[HEALTH_REASONS_MAX];

    metrics_count(m, METRICS_NONE, health_reasons(&v->s->signs, holds) == 0);
}

void metrics_not_ready(struct metrics *m, const struct view *v)
{
    const char *holds[HEALTH_REASONS_MAX];
    size_t n = health_reasons(&v->s->signs, holds);

    for (size_t i = 0; i < HEALTH_REASONS_MAX; i++) {
        bool on = false;

        for (size_t k = 0; k < n; k++)
            on = on || holds[k] == health_reason_names[i];
        metrics_count(m, METRICS_LABELS({"reason", health_reason_names[i]}), on);
    }
}

/* ---- tasks ---- */

static const struct metrics_bounds task_bounds = {
    16, {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180, 600, 1800, 3600}};

void metrics_tasks(struct metrics *m, const struct view *v)
{
    for (int i = 0; i < POOL_ENDS; i++)
        metrics_count(m, METRICS_LABELS({"outcome", pool_end_name((enum pool_end)i)}),
                      v->s->pool.ends[i]);
}

void metrics_waiting(struct metrics *m, const struct view *v)
{
    const struct pool_stats *p = &v->s->pool;

    metrics_sample(m, METRICS_LABELS({"reason", "limit"}), (double)p->waiting);
    metrics_sample(m, METRICS_LABELS({"reason", "retry"}), (double)p->delayed);
    metrics_sample(m, METRICS_LABELS({"reason", "twin"}), (double)p->twins);
    metrics_sample(m, METRICS_LABELS({"reason", "store"}), (double)p->storing);
}

void metrics_cache(struct metrics *m, const struct view *v)
{
    metrics_count(m, METRICS_LABELS({"result", "hit"}), v->s->pool.hits);
    metrics_count(m, METRICS_LABELS({"result", "miss"}), v->s->pool.misses);
    metrics_count(m, METRICS_LABELS({"result", "coalesced"}), v->s->pool.coalesced);
}

void metrics_task_time(struct metrics *m, const struct view *v)
{
    metrics_hist(m, METRICS_NONE, &v->s->pool.task_latency, &task_bounds);
}

void metrics_queue_time(struct metrics *m, const struct view *v)
{
    metrics_hist(m, METRICS_NONE, &v->s->pool.queue_latency, &task_bounds);
}

void metrics_call_time(struct metrics *m, const struct view *v)
{
    metrics_hist(m, METRICS_NONE, &v->s->pool.call_latency, &task_bounds);
}

void metrics_overhead(struct metrics *m, const struct view *v)
{
    for (int i = 0; i < POOL_PARTS; i++)
        metrics_buckets(m, METRICS_LABELS({"component", pool_part_name((enum pool_part)i)}),
                        &v->s->pool.part_seconds[i], &pool_part_bounds);
}

void metrics_held(struct metrics *m, const struct view *v)
{
    const struct explain_view *x = &v->s->explain.pool;

    for (int w = 0; w < WHY_COUNT; w++)
        if (x->run_us[w] > 0)
            metrics_sample(m, METRICS_LABELS({"reason", why_name((enum why)w)}),
                           (double)x->run_us[w] / 1e6);
}

/* ---- the budget; no samples when there is none ---- */

void metrics_budget_spent(struct metrics *m, const struct view *v)
{
    if (v->s->pool.budget.on)
        metrics_sample(m, METRICS_NONE, v->s->pool.budget.spent_usd);
}

void metrics_budget_reserved(struct metrics *m, const struct view *v)
{
    if (v->s->pool.budget.on)
        metrics_sample(m, METRICS_NONE, v->s->pool.budget.reserved_usd);
}

void metrics_budget_max(struct metrics *m, const struct view *v)
{
    if (v->s->pool.budget.on && v->s->pool.budget.max_cost >= 0)
        metrics_sample(m, METRICS_NONE, v->s->pool.budget.max_cost);
}

/* ---- Kafka and the store ---- */

void metrics_head_age(struct metrics *m, const struct view *v)
{
    metrics_sample(m, METRICS_NONE, snapshot_head_age(v));
}

void metrics_backlog(struct metrics *m, const struct view *v)
{
    if (snapshot_backlog(v->s) >= 0)
        metrics_sample(m, METRICS_NONE, (double)snapshot_backlog(v->s));
}

void metrics_aborts(struct metrics *m, const struct view *v)
{
    for (int i = 0; i < KAFKA_ABORT_REASONS; i++)
        metrics_count(m, METRICS_LABELS({"reason", abort_names[i]}), v->s->publisher.aborts[i]);
}

void metrics_commit_time(struct metrics *m, const struct view *v)
{
    static const struct metrics_bounds bounds = {
        13, {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60}};

    metrics_hist(m, METRICS_NONE, &v->s->publisher.commit_us, &bounds);
}

static void of_families(struct metrics *m, uint64_t completions, uint64_t outcomes)
{
    metrics_count(m, METRICS_LABELS({"family", "completions"}), completions);
    metrics_count(m, METRICS_LABELS({"family", "outcomes"}), outcomes);
}

void metrics_store_entries(struct metrics *m, const struct view *v)
{
    of_families(m, v->s->store.completions, v->s->store.outcomes);
}

void metrics_store_bytes(struct metrics *m, const struct view *v)
{
    of_families(m, v->s->store.completion_bytes, v->s->store.outcome_bytes);
}

void metrics_spans_dropped(struct metrics *m, const struct view *v)
{
    for (int i = 0; i < OTLP_DROPS; i++)
        metrics_count(m, METRICS_LABELS({"reason", otlp_drop_names[i]}), v->s->traces.dropped[i]);
}
