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

static void put_int(struct json_object *o, const char *name, int64_t value)
{
    json_object_object_add(o, name, json_object_new_int64(value));
}

static void put_bool(struct json_object *o, const char *name, bool value)
{
    json_object_object_add(o, name, json_object_new_boolean(value));
}

static void put_num(struct json_object *o, const char *name, double value)
{
    json_object_object_add(o, name, json_object_new_double(value));
}

static void put_str(struct json_object *o, const char *name, const char *value)
{
    json_object_object_add(o, name, value ? json_object_new_string(value) : NULL);
}

static void put_time(struct json_object *o, const char *name, int64_t wall_ms)
{
    char text[32];

    clock_format_rfc3339(wall_ms, text, sizeof text);
    put_str(o, name, text);
}

static struct json_object *open_object(struct json_object *o, const char *name)
{
    struct json_object *inner = json_object_new_object();

    json_object_object_add(o, name, inner);
    return inner;
}

static void put_quantiles(struct json_object *o, const char *name, const struct hist *h)
{
    struct json_object *q = open_object(o, name);

    put_int(q, "count", (int64_t)h->count);
    put_num(q, "p50", (double)hist_quantile(h, 0.5) / 1000);
    put_num(q, "p95", (double)hist_quantile(h, 0.95) / 1000);
    put_num(q, "p99", (double)hist_quantile(h, 0.99) / 1000);
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
    struct json_object *o = open_object(root, "pool");
    struct json_object *ends;

    put_int(o, "received", (int64_t)p->submitted);
    put_int(o, "finished", (int64_t)p->finished);
    ends = open_object(o, "outcomes");
    for (int i = 0; i < POOL_ENDS; i++)
        put_int(ends, pool_end_name((enum pool_end)i), (int64_t)p->ends[i]);
    put_int(o, "in_flight", p->in_flight);
    put_int(o, "calling", p->calling);
    put_int(o, "waiting_for_limits", p->waiting);
    put_int(o, "waiting_for_retry", p->delayed);
    put_int(o, "waiting_for_twin", p->twins);
    put_int(o, "waiting_for_store", p->storing);
    put_int(o, "stranded", p->stranded);
    put_held_up(o, v, -1);
    put_int(o, "cache_hits", (int64_t)p->hits);
    put_int(o, "cache_misses", (int64_t)p->misses);
    put_int(o, "coalesced", (int64_t)p->coalesced);
    put_int(o, "replayed", (int64_t)p->journaled);
    put_int(o, "calls", (int64_t)p->calls);
    put_int(o, "retries", (int64_t)p->retries);
    put_int(o, "reselections", (int64_t)p->reselections);
    put_num(o, "cost_usd", p->cost_usd);
    put_int(o, "cost_unknown", (int64_t)p->cost_unknown);
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
    o = open_object(root, "budget");
    put_num(o, "spent_usd", b->spent_usd);
    put_num(o, "reserved_usd", b->reserved_usd);
    if (b->max_cost >= 0)
        put_num(o, "max_cost", b->max_cost);
    put_int(o, "calls", b->calls);
    if (b->max_requests > 0)
        put_int(o, "max_requests", b->max_requests);
    put_bool(o, "used_up", p->money_out);
    put_int(o, "waiting_for_tenants", p->money_waits);
    put_int(o, "dearer_than_possible", (int64_t)b->overruns);
}

/* ---- models ---- */

static void put_limits(struct json_object *model, const struct view *v, size_t row)
{
    struct limit_use uses[LIMIT_USES];
    struct json_object *o = open_object(model, "limits");

    snapshot_limits(v, row, uses);
    for (size_t i = 0; i < LIMIT_USES; i++) {
        struct json_object *one;

        if (uses[i].limit <= 0)
            continue;
        one = open_object(o, uses[i].name);
        put_int(one, "limit", uses[i].limit);
        put_int(one, "used", uses[i].used);
        put_int(one, "left", uses[i].used < uses[i].limit ? uses[i].limit - uses[i].used : 0);
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
    o = open_object(model, "cooling");
    put_str(o, "why", class_name(v->s->pool.route[row].cool_class));
    put_num(o, "for_s", (double)left_ms / 1000);
    put_time(o, "until", v->now_wall_ms + left_ms);
}

static void put_model(struct json_object *list, const struct view *v, size_t row)
{
    const struct model *m = &v->config->models[row];
    const struct pool_route *r = &v->s->routes[row];
    struct json_object *o = json_object_new_object();
    struct json_object *inner;

    json_object_array_add(list, o);
    put_int(o, "row", (int64_t)row + 1);
    put_str(o, "model", m->model_name);
    put_str(o, "provider", m->provider_name);
    put_str(o, "upstream_model", m->upstream_model);
    put_str(o, "state", route_state_names[snapshot_route_state(v->s, row)]);
    put_cooling(o, v, row);
    put_int(o, "cooldowns", (int64_t)v->s->pool.route[row].cooldowns);
    put_int(o, "in_flight", v->s->pool.route[row].running);
    put_int(o, "calls", (int64_t)v->s->pool.route[row].calls);
    inner = open_object(o, "classes");
    for (int i = 0; i < CLASS_COUNT; i++)
        if (r->calls[i])
            put_int(inner, class_name((enum error_class)i), (int64_t)r->calls[i]);
    put_limits(o, v, row);
    put_held_up(o, v, (int)row);
    inner = open_object(o, "tokens");
    for (int i = 0; i < POOL_TOKENS; i++)
        put_int(inner, token_names[i], r->tokens[i]);
    put_num(o, "cost_usd", r->cost_usd);
    put_int(o, "cost_unknown", (int64_t)r->cost_unknown);
}

/* ---- Kafka and the store ---- */

static void put_publisher(struct json_object *o, const struct view *v)
{
    const struct kafka_publisher_stats *p = &v->s->publisher;
    struct json_object *aborts;

    put_int(o, "replies", (int64_t)p->replies);
    put_int(o, "parked", (int64_t)p->parked);
    put_int(o, "dead_letters", (int64_t)p->dead_letters);
    put_int(o, "undeliverable", (int64_t)p->undeliverable);
    put_int(o, "outstanding", p->outstanding);
    put_int(o, "commits", (int64_t)(v->s->exact ? p->commits : v->s->intake.commits));
    put_int(o, "commit_errors", (int64_t)v->s->intake.commit_errors);
    put_quantiles(o, "commit_ms", &p->commit_us);
    aborts = open_object(o, "aborts");
    for (int i = 0; i < KAFKA_ABORT_REASONS; i++)
        put_int(aborts, abort_names[i], (int64_t)p->aborts[i]);
    put_int(o, "producer_rebuilds", (int64_t)p->rebuilds);
    put_int(o, "producer_taints", (int64_t)p->taints);
    put_int(o, "in_doubt", (int64_t)p->in_doubt);
}

static void put_kafka(struct json_object *root, const struct view *v)
{
    const struct kafka_intake_stats *k = &v->s->intake;
    struct json_object *o = open_object(root, "kafka");

    put_str(o, "delivery", v->s->exact ? "exactly_once" : "at_least_once");
    put_bool(o, "member", k->member);
    put_int(o, "partitions", k->partitions);
    put_int(o, "partitions_paused", k->gauges.paused);
    put_int(o, "records", (int64_t)k->records);
    put_int(o, "seen", (int64_t)k->seen);
    put_int(o, "lost", (int64_t)k->lost);
    put_int(o, "open", k->open);
    put_int(o, "stock", k->gauges.stock);
    if (k->gauges.unread >= 0)
        put_int(o, "unread", k->gauges.unread);
    else
        json_object_object_add(o, "unread", NULL);
    put_int(o, "window", k->gauges.window);
    put_int(o, "map_bytes", k->gauges.map_bytes);
    put_num(o, "head_age_s", snapshot_head_age(v));
    put_publisher(o, v);
}

static void put_store(struct json_object *root, const struct view *v)
{
    const struct store_stats *s = &v->s->store;
    struct json_object *o = open_object(root, "store");

    put_bool(o, "failing", v->s->store_failing);
    put_int(o, "completions", (int64_t)s->completions);
    put_int(o, "completion_bytes", (int64_t)s->completion_bytes);
    put_int(o, "outcomes", (int64_t)s->outcomes);
    put_int(o, "outcome_bytes", (int64_t)s->outcome_bytes);
    put_int(o, "writes", (int64_t)s->writes);
    put_int(o, "write_errors", (int64_t)s->write_errors);
    put_int(o, "undecodable", (int64_t)s->undecodable);
}

/* ---- errors ---- */

static struct json_object *add_error(struct json_object *list, const char *what, uint64_t count,
                                     const struct pool_sample *last)
{
    struct json_object *o = json_object_new_object();

    json_object_array_add(list, o);
    put_str(o, "class", what);
    put_int(o, "count", (int64_t)count);
    put_time(o, "last_at", last->wall_ms);
    put_int(o, "last_status", last->status);
    put_str(o, "last_task_id", last->task_id);
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

            put_str(o, "model", v->config->models[row].model_name);
            put_int(o, "row", (int64_t)row + 1);
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

    put_str(root, "version", SLUICE_VERSION);
    put_time(root, "started_at", v->s->started_wall_ms);
    put_num(root, "uptime_s", (double)(v->now_us - v->s->started_us) / 1e6);
    put_bool(root, "ready", n == 0);
    for (size_t i = 0; i < n; i++)
        json_object_array_add(list, json_object_new_string(reasons[i]));
    json_object_object_add(root, "not_ready", list);
    put_bool(root, "paused", v->s->signs.paused);
    put_bool(root, "draining", v->s->signs.draining);
    put_int(root, "resident_bytes", v->process->resident_bytes);
    put_num(root, "cpu_s", v->process->cpu_seconds);
}

void status_page(const struct view *v, struct buf *out)
{
    CLEANUP_JSON struct json_object *root = json_object_new_object();
    struct json_object *models = json_object_new_array();

    put_head(root, v);
    json_object_object_add(root, "models", models);
    if (snapshot_is_taken(v->s)) {
        put_int(root, "slot", v->s->slot);
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
