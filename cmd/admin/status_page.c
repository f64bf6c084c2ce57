/*
 * status_page: a snapshot as JSON, for a person and for `sluice top`. Task ids of failures are shown so that they
 * can be looked up; prompts, answers and the words of providers are not (P8).
 */
#include "cmd/admin/snapshot.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "cmd/explain_view.h"

static void put_time(struct json_object *o, const char *name, int64_t wall_ms)
{
    char text[32];

    clock_format_rfc3339(wall_ms, text, sizeof text);
    json_add_str(o, name, text);
}

static void put_quantiles(struct json_object *o, const char *name, const struct hist *h)
{
    struct json_object *q = json_add_object(o, name);

    json_add_int(q, "count", (int64_t)h->count);
    json_add_num(q, "p50", (double)hist_quantile(h, 0.5) / 1000);
    json_add_num(q, "p95", (double)hist_quantile(h, 0.95) / 1000);
    json_add_num(q, "p99", (double)hist_quantile(h, 0.99) / 1000);
}

/* ---- the pool ---- */

/* row < 0: of the pool as a whole. */
static void put_held_up(struct json_object *o, const struct view *v, int row)
{
    struct explain_source x = {.config = v->config,
                               .pool = &v->s->pool,
                               .routes = v->s->routes,
                               .explain = &v->s->explain};

    json_object_object_add(o, "held_up", explain_json(&x, row));
}

static void put_pool(struct json_object *root, const struct view *v)
{
    const struct pool_stats *p = &v->s->pool;
    struct json_object *o = json_add_object(root, "pool");
    struct json_object *ends;

    json_add_int(o, "received", (int64_t)p->submitted);
    json_add_int(o, "finished", (int64_t)p->finished);
    ends = json_add_object(o, "outcomes");
    for (int i = 0; i < POOL_ENDS; i++)
        json_add_int(ends, pool_end_name((enum pool_end)i), (int64_t)p->ends[i]);
    json_add_int(o, "in_flight", p->in_flight);
    json_add_int(o, "calling", p->calling);
    json_add_int(o, "waiting_for_limits", p->waiting);
    json_add_int(o, "waiting_for_retry", p->delayed);
    json_add_int(o, "waiting_for_twin", p->twins);
    json_add_int(o, "waiting_for_store", p->storing);
    json_add_int(o, "stranded", p->stranded);
    put_held_up(o, v, -1);
    json_add_int(o, "cache_hits", (int64_t)p->hits);
    json_add_int(o, "cache_misses", (int64_t)p->misses);
    json_add_int(o, "coalesced", (int64_t)p->coalesced);
    json_add_int(o, "replayed", (int64_t)p->journaled);
    json_add_int(o, "calls", (int64_t)p->calls);
    json_add_int(o, "retries", (int64_t)p->retries);
    json_add_int(o, "reselections", (int64_t)p->reselections);
    json_add_num(o, "cost_usd", p->cost_usd);
    json_add_int(o, "cost_unknown", (int64_t)p->cost_unknown);
    put_quantiles(o, "task_ms", &p->task_latency);
    put_quantiles(o, "queue_ms", &p->queue_latency);
    put_quantiles(o, "call_ms", &p->call_latency);
}

static void put_budget(struct json_object *root, const struct view *v)
{
    const struct pool_stats *p = &v->s->pool;
    const struct budget_view *b = &p->budget;
    struct json_object *o;

    if (!b->on)
        return;
    o = json_add_object(root, "budget");
    json_add_num(o, "spent_usd", b->spent_usd);
    json_add_num(o, "reserved_usd", b->reserved_usd);
    if (b->max_cost >= 0)
        json_add_num(o, "max_cost", b->max_cost);
    json_add_int(o, "calls", b->calls);
    if (b->max_requests > 0)
        json_add_int(o, "max_requests", b->max_requests);
    json_add_bool(o, "used_up", p->money_out);
    json_add_int(o, "waiting_for_tenants", p->money_waits);
    json_add_int(o, "dearer_than_possible", (int64_t)b->overruns);
}

/* ---- models ---- */

static void put_limits(struct json_object *model, const struct view *v, size_t row)
{
    struct limit_use uses[LIMIT_USES];
    struct json_object *o = json_add_object(model, "limits");

    snapshot_limits(v, row, uses);
    for (size_t i = 0; i < LIMIT_USES; i++) {
        struct json_object *one;

        if (uses[i].limit <= 0)
            continue;
        one = json_add_object(o, uses[i].name);
        json_add_int(one, "limit", uses[i].limit);
        json_add_int(one, "used", uses[i].used);
        json_add_int(one, "left", uses[i].used < uses[i].limit ? uses[i].limit - uses[i].used : 0);
    }
}

/* Why it cools or is off, and until when; null while calls go. */
static void put_cooling(struct json_object *model, const struct view *v, size_t row)
{
    int64_t left_ms = v->s->pool.route[row].cooling_ms;
    struct json_object *o;

    if (!v->s->pool.route[row].cooling) {
        json_object_object_add(model, "cooling", NULL);
        return;
    }
    o = json_add_object(model, "cooling");
    json_add_str(o, "why", class_name(v->s->pool.route[row].cool_class));
    json_add_num(o, "for_s", (double)left_ms / 1000);
    put_time(o, "until", v->now_wall_ms + left_ms);
}

static void put_model(struct json_object *list, const struct view *v, size_t row)
{
    const struct model *m = &v->config->models[row];
    const struct pool_route *r = &v->s->routes[row];
    struct json_object *o = json_object_new_object();
    struct json_object *inner;

    json_object_array_add(list, o);
    json_add_int(o, "row", (int64_t)row + 1);
    json_add_str(o, "model", m->model_name);
    json_add_str(o, "provider", m->provider_name);
    json_add_str(o, "upstream_model", m->upstream_model);
    json_add_str(o, "state", route_state_names[snapshot_route_state(v->s, row)]);
    put_cooling(o, v, row);
    json_add_int(o, "cooldowns", (int64_t)v->s->pool.route[row].cooldowns);
    json_add_int(o, "in_flight", v->s->pool.route[row].running);
    json_add_int(o, "calls", (int64_t)v->s->pool.route[row].calls);
    inner = json_add_object(o, "classes");
    for (int i = 0; i < CLASS_COUNT; i++)
        if (r->calls[i])
            json_add_int(inner, class_name((enum error_class)i), (int64_t)r->calls[i]);
    put_limits(o, v, row);
    put_held_up(o, v, (int)row);
    inner = json_add_object(o, "tokens");
    for (int i = 0; i < POOL_TOKENS; i++)
        json_add_int(inner, token_names[i], r->tokens[i]);
    json_add_num(o, "cost_usd", r->cost_usd);
    json_add_int(o, "cost_unknown", (int64_t)r->cost_unknown);
    json_add_int(o, "maybe_paid", (int64_t)r->maybe_paid);
}

/* ---- Kafka and the store ---- */

static void put_publisher(struct json_object *o, const struct view *v)
{
    const struct kafka_publisher_stats *p = &v->s->publisher;
    struct json_object *aborts;

    json_add_int(o, "replies", (int64_t)p->replies);
    json_add_int(o, "parked", (int64_t)p->parked);
    json_add_int(o, "dead_letters", (int64_t)p->dead_letters);
    json_add_int(o, "undeliverable", (int64_t)p->undeliverable);
    json_add_int(o, "outstanding", p->outstanding);
    json_add_int(o, "commits", (int64_t)(v->s->exact ? p->commits : v->s->intake.commits));
    json_add_int(o, "commit_errors", (int64_t)v->s->intake.commit_errors);
    put_quantiles(o, "commit_ms", &p->commit_us);
    aborts = json_add_object(o, "aborts");
    for (int i = 0; i < KAFKA_ABORT_REASONS; i++)
        json_add_int(aborts, abort_names[i], (int64_t)p->aborts[i]);
    json_add_int(o, "producer_rebuilds", (int64_t)p->rebuilds);
    json_add_int(o, "producer_taints", (int64_t)p->taints);
    json_add_int(o, "in_doubt", (int64_t)p->in_doubt);
}

static void put_kafka(struct json_object *root, const struct view *v)
{
    const struct kafka_intake_stats *k = &v->s->intake;
    struct json_object *o = json_add_object(root, "kafka");

    json_add_str(o, "delivery", v->s->exact ? "exactly_once" : "at_least_once");
    json_add_bool(o, "member", k->member);
    json_add_int(o, "partitions", k->partitions);
    json_add_int(o, "partitions_paused", k->gauges.paused);
    json_add_int(o, "records", (int64_t)k->records);
    json_add_int(o, "seen", (int64_t)k->seen);
    json_add_int(o, "lost", (int64_t)k->lost);
    json_add_int(o, "open", k->open);
    json_add_int(o, "stock", k->gauges.stock);
    if (k->gauges.unread >= 0)
        json_add_int(o, "unread", k->gauges.unread);
    else
        json_object_object_add(o, "unread", NULL);
    json_add_int(o, "window", k->gauges.window);
    json_add_int(o, "map_bytes", k->gauges.map_bytes);
    json_add_num(o, "head_age_s", snapshot_head_age(v));
    put_publisher(o, v);
}

static void put_store(struct json_object *root, const struct view *v)
{
    const struct store_stats *s = &v->s->store;
    struct json_object *o = json_add_object(root, "store");

    json_add_bool(o, "failing", v->s->store_failing);
    json_add_int(o, "completions", (int64_t)s->completions);
    json_add_int(o, "completion_bytes", (int64_t)s->completion_bytes);
    json_add_int(o, "outcomes", (int64_t)s->outcomes);
    json_add_int(o, "outcome_bytes", (int64_t)s->outcome_bytes);
    json_add_int(o, "writes", (int64_t)s->writes);
    json_add_int(o, "write_errors", (int64_t)s->write_errors);
    json_add_int(o, "undecodable", (int64_t)s->undecodable);
}

/* ---- errors ---- */

static struct json_object *add_error(struct json_object *list, const char *what, uint64_t count,
                                     const struct pool_sample *last)
{
    struct json_object *o = json_object_new_object();

    json_object_array_add(list, o);
    json_add_str(o, "class", what);
    json_add_int(o, "count", (int64_t)count);
    put_time(o, "last_at", last->wall_ms);
    json_add_int(o, "last_status", last->status);
    json_add_str(o, "last_task_id", last->task_id);
    return o;
}

/* Of calls, by row and class; and of tasks, by how they ended. */
static void put_errors(struct json_object *root, const struct view *v)
{
    const struct pool_stats *p = &v->s->pool;
    struct json_object *calls = json_object_new_array();
    struct json_object *tasks = json_object_new_array();

    json_object_object_add(root, "failed_calls", calls);
    json_object_object_add(root, "failed_tasks", tasks);
    for (size_t row = 0; row < v->config->nmodels; row++) {
        const struct pool_route *r = &v->s->routes[row];

        for (int i = 0; i < CLASS_COUNT; i++) {
            if (!r->last[i].wall_ms)
                continue;
            struct json_object *o =
                add_error(calls, class_name((enum error_class)i), r->calls[i], &r->last[i]);

            json_add_str(o, "model", v->config->models[row].model_name);
            json_add_int(o, "row", (int64_t)row + 1);
        }
    }
    for (int i = 0; i < POOL_ENDS; i++)
        if (p->last_end[i].wall_ms)
            add_error(tasks, pool_end_name((enum pool_end)i), p->ends[i], &p->last_end[i]);
}

static void put_head(struct json_object *root, const struct view *v)
{
    const char *reasons[HEALTH_REASONS_MAX];
    size_t n = health_reasons(&v->s->signs, reasons);
    struct json_object *list = json_object_new_array();

    json_add_str(root, "version", SLUICE_VERSION);
    put_time(root, "started_at", v->s->started_wall_ms);
    json_add_num(root, "uptime_s", (double)(v->now_us - v->s->started_us) / 1e6);
    json_add_bool(root, "ready", n == 0);
    for (size_t i = 0; i < n; i++)
        json_object_array_add(list, json_object_new_string(reasons[i]));
    json_object_object_add(root, "not_ready", list);
    json_add_bool(root, "paused", v->s->signs.paused);
    json_add_bool(root, "draining", v->s->signs.draining);
    json_add_int(root, "resident_bytes", v->process->resident_bytes);
    json_add_num(root, "cpu_s", v->process->cpu_seconds);
}

void status_page(const struct view *v, struct buf *out)
{
    CLEANUP_JSON struct json_object *root = json_object_new_object();
    struct json_object *models = json_object_new_array();

    put_head(root, v);
    json_object_object_add(root, "models", models);
    if (snapshot_is_taken(v->s)) {
        json_add_int(root, "slot", v->s->slot);
        put_pool(root, v);
        put_budget(root, v);
        for (size_t row = 0; row < v->config->nmodels; row++)
            put_model(models, v, row);
        put_kafka(root, v);
        put_store(root, v);
        put_errors(root, v);
    }
    json_write(root, out);
    buf_char(out, '\n');
}
