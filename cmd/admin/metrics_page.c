/*
 * metrics_page: a snapshot as Prometheus reads it. Numbers without labels stand in one table; the rest has a
 * function a group. Values of labels come from the configuration and from enums: nothing that a client or a
 * provider sends becomes one.
 */
#include "cmd/admin/snapshot.h"

#include <string.h>

#include "base/mem.h"
#include "base/metrics.h"
#include "cmd/admin/metrics_gen_ai.h"

enum form { U64, I64, BOOLEAN };

struct row {
    const char *name;
    const char *help;
    enum metrics_type type;
    enum form form;
    size_t offset; /* into struct snapshot */
};

#define COUNTER(field) METRICS_COUNTER, U64, offsetof(struct snapshot, field)
#define GAUGE(field)   METRICS_GAUGE, I64, offsetof(struct snapshot, field)
#define FLAG(field)    METRICS_GAUGE, BOOLEAN, offsetof(struct snapshot, field)

static const struct row rows[] = {
    {"sluice_tasks_received_total", "Tasks that the pool was given.", COUNTER(pool.submitted)},
    {"sluice_tasks_replayed_total", "Tasks answered from the journal of an earlier life.",
     COUNTER(pool.journaled)},
    {"sluice_retries_total", "Calls repeated for a task, by any row of its model.",
     COUNTER(pool.retries)},
    {"sluice_reselections_total", "Tasks that went on to another model or row.",
     COUNTER(pool.reselections)},
    {"sluice_tasks_in_flight", "Tasks between their arrival and their committed reply.",
     GAUGE(pool.in_flight)},
    {"sluice_tasks_stranded", "Tasks that wait and whose models are all off.",
     GAUGE(pool.stranded)},
    {"sluice_calls_in_flight", "Calls that run, or have ended and are not durable yet.",
     GAUGE(pool.calling)},
    {"sluice_budget_used_up", "1 while calls wait because the budget is used up.",
     FLAG(pool.money_out)},
    {"sluice_budget_calls", "Calls that count in the budget of this run or day.",
     GAUGE(pool.budget.calls)},
    {"sluice_budget_waiting_tasks", "Tasks that wait because their tenant's budget is used up.",
     GAUGE(pool.money_waits)},
    {"sluice_kafka_member", "1 while the worker has its partitions, be they none.",
     FLAG(intake.member)},
    {"sluice_kafka_partitions", "Partitions of the request topics that are this worker's.",
     GAUGE(intake.partitions)},
    {"sluice_kafka_partitions_paused", "Of these, those that are not read at the moment.",
     GAUGE(intake.gauges.paused)},
    {"sluice_kafka_records_total", "Request records received.", COUNTER(intake.records)},
    {"sluice_kafka_records_seen_total", "Records dropped because they were done already.",
     COUNTER(intake.seen)},
    {"sluice_kafka_records_lost_total", "Records that the broker dropped before they were read.",
     COUNTER(intake.lost)},
    {"sluice_kafka_partitions_revoked_total", "Partitions given up.", COUNTER(intake.revoked)},
    {"sluice_kafka_outcomes_dropped_total",
     "Outcomes of records that belong to another worker by now.", COUNTER(intake.dropped)},
    {"sluice_kafka_calls_adopted_total",
     "Records answered by a call of the partition's earlier assignment.", COUNTER(intake.adopted)},
    {"sluice_kafka_offset_commits_total", "Commits of offsets beside the replies (at_least_once).",
     COUNTER(intake.commits)},
    {"sluice_kafka_offset_commit_errors_total", "Those that failed.",
     COUNTER(intake.commit_errors)},
    {"sluice_ledger_open_records", "Records read and not answered yet.", GAUGE(intake.open)},
    {"sluice_ledger_window_records",
     "Records from the oldest open one to the newest, of the widest partition.",
     GAUGE(intake.gauges.window)},
    {"sluice_ledger_map_bytes",
     "Longest map of what is done out of order, of 4096 that brokers take by default.",
     GAUGE(intake.gauges.map_bytes)},
    {"sluice_ledger_stock_records", "Records read that wait for room in the pool.",
     GAUGE(intake.gauges.stock)},
    {"sluice_parked_records_total",
     "Copies of requests put on the delay topic while their models were cooling.",
     COUNTER(publisher.parked)},
    {"sluice_parked_records", "Records of the delay topic, in our partitions, that wait there.",
     GAUGE(intake.gauges.parked)},
    {"sluice_replies_total", "Replies published.", COUNTER(publisher.replies)},
    {"sluice_dead_letters_total", "Records published to the dead-letter topic.",
     COUNTER(publisher.dead_letters)},
    {"sluice_replies_undeliverable_total", "Replies that no broker takes, replaced by an error.",
     COUNTER(publisher.undeliverable)},
    {"sluice_publish_retries_total", "Records that were published again.",
     COUNTER(publisher.retries)},
    {"sluice_publish_outstanding", "Outcomes handed to the publisher and not acknowledged.",
     GAUGE(publisher.outstanding)},
    {"sluice_transactions_total", "Transactions committed (exactly_once).",
     COUNTER(publisher.commits)},
    {"sluice_transactions_in_doubt_total", "Batches whose end had to be asked for.",
     COUNTER(publisher.in_doubt)},
    {"sluice_producer_rebuilds_total", "Transactional producers replaced.",
     COUNTER(publisher.rebuilds)},
    {"sluice_producer_taints_total", "Of these, those because an answer was lost on the way.",
     COUNTER(publisher.taints)},
    {"sluice_store_failing", "1 while the store takes no writes.", FLAG(store_failing)},
    {"sluice_store_writes_total", "Outcomes, completions and claims written.",
     COUNTER(store.writes)},
    {"sluice_store_batches_total", "Batches that they were written in.", COUNTER(store.batches)},
    {"sluice_store_write_errors_total", "Batches that could not be written at first.",
     COUNTER(store.write_errors)},
    {"sluice_store_reads_total", "Lookups.", COUNTER(store.reads)},
    {"sluice_store_hits_total", "Lookups that found something.", COUNTER(store.hits)},
    {"sluice_store_undecodable_total", "Values that could not be read back.",
     COUNTER(store.undecodable)},
};

static void write_rows(struct metrics *m, const struct snapshot *s)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const void *field = (const char *)s + rows[i].offset;

        metrics_family(m, rows[i].name, rows[i].type, rows[i].help);
        if (rows[i].form == U64)
            metrics_count(m, METRICS_NONE, *(const uint64_t *)field);
        else if (rows[i].form == I64)
            metrics_sample(m, METRICS_NONE, (double)*(const int64_t *)field);
        else
            metrics_sample(m, METRICS_NONE, *(const bool *)field);
    }
}

static void one(struct metrics *m, const char *name, enum metrics_type type, const char *help,
                double value)
{
    metrics_family(m, name, type, help);
    metrics_sample(m, METRICS_NONE, value);
}

/* ---- the worker as a whole ---- */

static void write_health(struct metrics *m, const struct view *v)
{
    const char *holds[HEALTH_REASONS_MAX];
    size_t n = health_reasons(&v->s->signs, holds);

    one(m, "sluice_ready", METRICS_GAUGE, "1 while /readyz says so.", n == 0);
    metrics_family(m, "sluice_not_ready", METRICS_GAUGE, "1 for each reason why it is not ready.");
    for (size_t i = 0; i < HEALTH_REASONS_MAX; i++) {
        bool on = false;

        for (size_t k = 0; k < n; k++)
            on = on || holds[k] == health_reason_names[i];
        metrics_count(m, METRICS_LABELS({"reason", health_reason_names[i]}), on);
    }
}

static void write_budget(struct metrics *m, const struct budget_view *b)
{
    if (!b->on)
        return;
    one(m, "sluice_budget_spent_usd", METRICS_GAUGE, "Spent in this run or day.", b->spent_usd);
    one(m, "sluice_budget_reserved_usd", METRICS_GAUGE, "Most that the running calls may cost.",
        b->reserved_usd);
    if (b->max_cost >= 0)
        one(m, "sluice_budget_max_usd", METRICS_GAUGE, "budget.max_cost.", b->max_cost);
}

static void write_process(struct metrics *m, const struct process_stats *p)
{
    metrics_family(m, "sluice_build_info", METRICS_GAUGE, "1; the version is a label.");
    metrics_count(m, METRICS_LABELS({"version", SLUICE_VERSION}), 1);
    one(m, "process_cpu_seconds_total", METRICS_COUNTER, "Processor time, user and system.",
        p->cpu_seconds);
    one(m, "process_start_time_seconds", METRICS_GAUGE, "When the process started, since 1970.",
        p->start_seconds);
    one(m, "process_resident_memory_bytes", METRICS_GAUGE, "Memory in use.",
        (double)p->resident_bytes);
    one(m, "process_virtual_memory_bytes", METRICS_GAUGE, "Address space.",
        (double)p->virtual_bytes);
    one(m, "process_threads", METRICS_GAUGE, "Threads.", (double)p->threads);
    one(m, "process_open_fds", METRICS_GAUGE, "Open file descriptors.", (double)p->open_fds);
    one(m, "process_max_fds", METRICS_GAUGE, "Most file descriptors that may be open.",
        (double)p->max_fds);
}

static void write_tasks(struct metrics *m, const struct pool_stats *p)
{
    static const struct metrics_bounds bounds = {
        16, {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180, 600, 1800, 3600}};
    const struct {
        const char *name;
        uint64_t value;
    } results[] = {{"hit", p->hits}, {"miss", p->misses}, {"coalesced", p->coalesced}},
      waits[] = {{"limit", (uint64_t)p->waiting},
                 {"retry", (uint64_t)p->delayed},
                 {"twin", (uint64_t)p->twins},
                 {"store", (uint64_t)p->storing}};

    metrics_family(m, "sluice_tasks_total", METRICS_COUNTER, "Tasks that ended.");
    for (int i = 0; i < POOL_ENDS; i++)
        metrics_count(m, METRICS_LABELS({"outcome", pool_end_name((enum pool_end)i)}), p->ends[i]);
    metrics_family(m, "sluice_tasks_waiting", METRICS_GAUGE,
                   "Tasks that wait: for a limit or a cool-down, for the time of a retry, for the "
                   "answer to the same request, for the store.");
    for (size_t i = 0; i < ARRAY_LEN(waits); i++)
        metrics_count(m, METRICS_LABELS({"reason", waits[i].name}), waits[i].value);
    metrics_family(m, "sluice_cache_results_total", METRICS_COUNTER,
                   "Tasks answered from the cache or with the answer of a twin, and lookups that "
                   "found nothing.");
    for (size_t i = 0; i < ARRAY_LEN(results); i++)
        metrics_count(m, METRICS_LABELS({"result", results[i].name}), results[i].value);
    metrics_family(m, "sluice_task_seconds", METRICS_HISTOGRAM,
                   "From the arrival of a task to its outcome.");
    metrics_hist(m, METRICS_NONE, &p->task_latency, &bounds);
    metrics_family(m, "sluice_task_queue_seconds", METRICS_HISTOGRAM,
                   "From the arrival of a task to its first call, of those that made one.");
    metrics_hist(m, METRICS_NONE, &p->queue_latency, &bounds);
    metrics_family(m, "sluice_call_seconds", METRICS_HISTOGRAM,
                   "Time that a provider took, call by call, failed ones included.");
    metrics_hist(m, METRICS_NONE, &p->call_latency, &bounds);
}

static void write_held(struct metrics *m, const struct pool_explain *x)
{
    metrics_family(m, "sluice_held_seconds_total", METRICS_COUNTER,
                   "How long each stage held up the pool as a whole; models: see "
                   "sluice_route_held_seconds_total; input: there was no more to do.");
    for (int w = 0; w < WHY_COUNT; w++)
        if (x->pool.run_us[w] > 0)
            metrics_sample(m, METRICS_LABELS({"reason", why_name((enum why)w)}),
                           (double)x->pool.run_us[w] / 1e6);
}

static void write_kafka(struct metrics *m, const struct view *v)
{
    static const struct metrics_bounds bounds = {
        13, {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60}};
    const struct snapshot *s = v->s;

    one(m, "sluice_ledger_head_age_seconds", METRICS_GAUGE,
        "Age of the oldest open record, from when it was read; 0: none is open.",
        snapshot_head_age(v));
    metrics_family(m, "sluice_backlog_records", METRICS_GAUGE,
                   "Records without an answer: open, read and waiting, and not read yet (as of the "
                   "last fetch). The lag of the group counts answered ones as well.");
    if (snapshot_backlog(s) >= 0)
        metrics_count(m, METRICS_NONE, (uint64_t)snapshot_backlog(s));
    metrics_family(m, "sluice_transaction_aborts_total", METRICS_COUNTER,
                   "Transactions abandoned; what was in them is published with a later one.");
    for (int i = 0; i < KAFKA_ABORT_REASONS; i++)
        metrics_count(m, METRICS_LABELS({"reason", abort_names[i]}), s->publisher.aborts[i]);
    metrics_family(m, "sluice_transaction_commit_seconds", METRICS_HISTOGRAM,
                   "From the beginning of a transaction to its commit.");
    metrics_hist(m, METRICS_NONE, &s->publisher.commit_us, &bounds);
}

static void write_store(struct metrics *m, const struct store_stats *s)
{
    metrics_family(m, "sluice_store_entries", METRICS_GAUGE, "Entries, as the database estimates.");
    metrics_count(m, METRICS_LABELS({"family", "completions"}), s->completions);
    metrics_count(m, METRICS_LABELS({"family", "outcomes"}), s->outcomes);
    metrics_family(m, "sluice_store_bytes", METRICS_GAUGE, "Bytes of them, on disk and in memory.");
    metrics_count(m, METRICS_LABELS({"family", "completions"}), s->completion_bytes);
    metrics_count(m, METRICS_LABELS({"family", "outcomes"}), s->outcome_bytes);
}

/* ---- routes ---- */

#define ROUTE_LABELS 4 /* of every sample of a route */

struct route_labels {
    char row[24];
    struct metrics_label at[ROUTE_LABELS + 4]; /* with room for those of a sample, and the end */
};

/* Several rows may share the first three: their number tells them apart. */
static void label_route(const struct view *v, size_t row, struct route_labels *l)
{
    const struct model *m = &v->config->models[row];

    *l = (struct route_labels){.row = ""};
    snprintf(l->row, sizeof l->row, "%zu", row + 1);
    l->at[0] = (struct metrics_label){"model", m->model_name};
    l->at[1] = (struct metrics_label){"provider", m->provider_name};
    l->at[2] = (struct metrics_label){"upstream_model", m->upstream_model};
    l->at[3] = (struct metrics_label){"row", l->row};
}

/* A family with samples of each route; fn writes those of one, and may add to its labels. */
static void each_route(struct metrics *m, const struct view *v,
                       void (*fn)(struct metrics *m, const struct view *v, size_t row,
                                  struct route_labels *l))
{
    struct route_labels l;

    for (size_t row = 0; row < v->config->nmodels; row++) {
        label_route(v, row, &l);
        fn(m, v, row, &l);
    }
}

static const struct metrics_label *with(struct route_labels *l, const char *name, const char *value)
{
    l->at[ROUTE_LABELS] = (struct metrics_label){name, value};
    return l->at;
}

static void calls_of(struct metrics *m, const struct view *v, size_t row, struct route_labels *l)
{
    for (int i = 0; i < CLASS_COUNT; i++)
        metrics_count(m, with(l, "class", class_name((enum error_class)i)),
                      v->s->routes[row].calls[i]);
}

static void maybe_paid_of(struct metrics *m, const struct view *v, size_t row,
                          struct route_labels *l)
{
    metrics_count(m, l->at, v->s->routes[row].maybe_paid);
}

/* Only those that ever held: most never do. */
static void held_of(struct metrics *m, const struct view *v, size_t row, struct route_labels *l)
{
    const struct explain_view *x = &v->s->explain.route[row];

    for (int w = 0; w < WHY_COUNT; w++)
        if (x->run_us[w] > 0)
            metrics_sample(m, with(l, "reason", why_name((enum why)w)), (double)x->run_us[w] / 1e6);
}

static void running_of(struct metrics *m, const struct view *v, size_t row, struct route_labels *l)
{
    metrics_sample(m, l->at, (double)v->s->pool.route[row].running);
}

static void state_of(struct metrics *m, const struct view *v, size_t row, struct route_labels *l)
{
    for (int i = 0; i < ROUTE_STATES; i++)
        metrics_count(m, with(l, "state", route_state_names[i]),
                      snapshot_route_state(v->s, row) == (enum route_state)i);
}

static void cooldowns_of(struct metrics *m, const struct view *v, size_t row,
                         struct route_labels *l)
{
    metrics_count(m, l->at, v->s->pool.route[row].cooldowns);
}

static void cooling_of(struct metrics *m, const struct view *v, size_t row, struct route_labels *l)
{
    metrics_sample(m, l->at, (double)v->s->pool.route[row].cooling_ms / 1000);
}

static void tokens_of(struct metrics *m, const struct view *v, size_t row, struct route_labels *l)
{
    for (int i = 0; i < POOL_TOKENS; i++)
        metrics_count(m, with(l, "type", token_names[i]), (uint64_t)v->s->routes[row].tokens[i]);
}

static void cost_of(struct metrics *m, const struct view *v, size_t row, struct route_labels *l)
{
    metrics_sample(m, l->at, v->s->routes[row].cost_usd);
}

static void unpriced_of(struct metrics *m, const struct view *v, size_t row, struct route_labels *l)
{
    metrics_count(m, l->at, v->s->routes[row].cost_unknown);
}

static void limits_of(struct metrics *m, const struct view *v, size_t row, struct route_labels *l,
                      int64_t (*value)(const struct limit_use *u))
{
    struct limit_use uses[LIMIT_USES];

    snapshot_limits(v, row, uses);
    for (size_t i = 0; i < LIMIT_USES; i++)
        if (uses[i].limit > 0)
            metrics_sample(m, with(l, "limit", uses[i].name), (double)value(&uses[i]));
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

static void limit_of(struct metrics *m, const struct view *v, size_t row, struct route_labels *l)
{
    limits_of(m, v, row, l, whole);
}

static void limit_used_of(struct metrics *m, const struct view *v, size_t row,
                          struct route_labels *l)
{
    limits_of(m, v, row, l, used);
}

static void limit_left_of(struct metrics *m, const struct view *v, size_t row,
                          struct route_labels *l)
{
    limits_of(m, v, row, l, left);
}

static void write_routes(struct metrics *m, const struct view *v)
{
    static const struct {
        const char *name;
        const char *help;
        enum metrics_type type;
        void (*fn)(struct metrics *m, const struct view *v, size_t row, struct route_labels *l);
    } families[] = {
        {"sluice_upstream_requests_total",
         "Calls that ended, by what came of them: ok, or the class of the failure.",
         METRICS_COUNTER, calls_of},
        {"sluice_upstream_maybe_paid_total",
         "Calls that were cut off after they were sent: whether they were billed, nobody knows.",
         METRICS_COUNTER, maybe_paid_of},
        {"sluice_upstream_in_flight", "Calls that run.", METRICS_GAUGE, running_of},
        {"sluice_route_state",
         "1 for the state that the route is in. off: waiting will not help (key, credit, model).",
         METRICS_GAUGE, state_of},
        {"sluice_route_cooldowns_total", "Times that a row was left alone because of failures.",
         METRICS_COUNTER, cooldowns_of},
        {"sluice_route_cooldown_seconds", "How much longer it is left alone.", METRICS_GAUGE,
         cooling_of},
        {"sluice_route_held_seconds_total",
         "How long each reason held the row up; idle and answers: no task waited for it.",
         METRICS_COUNTER, held_of},
        {"sluice_limit",
         "Configured: requests and tokens in a minute, or in a second or day; calls at once.",
         METRICS_GAUGE, limit_of},
        {"sluice_limit_used", "Of these, used in the last such time (by calls that run: reserved).",
         METRICS_GAUGE, limit_used_of},
        {"sluice_limit_remaining", "Of these, left.", METRICS_GAUGE, limit_left_of},
        {"sluice_tokens_total",
         "Tokens of answers. input includes cached ones, output includes reasoning.",
         METRICS_COUNTER, tokens_of},
        {"sluice_cost_usd_total",
         "Cost of calls, as far as it is known; answers that were no good included.",
         METRICS_COUNTER, cost_of},
        {"sluice_cost_unknown_total", "Answers whose price is not known.", METRICS_COUNTER,
         unpriced_of},
    };

    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        metrics_family(m, families[i].name, families[i].type, families[i].help);
        each_route(m, v, families[i].fn);
    }
}

void metrics_page(const struct view *v, struct buf *out)
{
    struct metrics m = {.out = out};

    write_process(&m, v->process);
    write_health(&m, v);
    if (!snapshot_is_taken(v->s))
        return;
    write_tasks(&m, &v->s->pool);
    write_held(&m, &v->s->explain);
    write_budget(&m, &v->s->pool.budget);
    write_routes(&m, v);
    metrics_gen_ai(&m, v);
    write_kafka(&m, v);
    write_store(&m, &v->s->store);
    write_rows(&m, v->s);
}
