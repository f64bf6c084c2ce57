/*
 * metrics_page: a snapshot as Prometheus reads it: the table of all metrics, and how a row of it is written. What is
 * more than a number of the snapshot is written by the functions of metrics_write.h.
 */
#include "cmd/admin/metrics_write.h"

#define U64(member)         METRICS_COUNTER, METRIC_U64, .offset = offsetof(struct snapshot, member)
#define I64(member)         METRICS_GAUGE, METRIC_I64, .offset = offsetof(struct snapshot, member)
#define FLAG(member)        METRICS_GAUGE, METRIC_FLAG, .offset = offsetof(struct snapshot, member)
#define PROCESS(as, member) METRIC_PROCESS_##as, .offset = offsetof(struct process_stats, member)
#define WRITE(fn)           METRIC_WRITE, .write = fn
#define ROUTES(fn)          METRIC_ROUTES, .route = fn

const struct metric metrics_table[] = {
    {"sluice_build_info", "1; the version is a label.", METRICS_GAUGE, WRITE(metrics_build),
     .labels = "version", .always = true},
    {"process_cpu_seconds_total", "Processor time, user and system.", METRICS_COUNTER,
     PROCESS(NUM, cpu_seconds), .always = true},
    {"process_start_time_seconds", "When the process started, since 1970.", METRICS_GAUGE,
     PROCESS(NUM, start_seconds), .always = true},
    {"process_resident_memory_bytes", "Memory in use.", METRICS_GAUGE, PROCESS(I64, resident_bytes),
     .always = true},
    {"process_virtual_memory_bytes", "Address space.", METRICS_GAUGE, PROCESS(I64, virtual_bytes),
     .always = true},
    {"process_threads", "Threads.", METRICS_GAUGE, PROCESS(I64, threads), .always = true},
    {"process_open_fds", "Open file descriptors.", METRICS_GAUGE, PROCESS(I64, open_fds),
     .always = true},
    {"process_max_fds", "Most file descriptors that may be open.", METRICS_GAUGE,
     PROCESS(I64, max_fds), .always = true},
    {"sluice_ready", "1 while /readyz says so.", METRICS_GAUGE, WRITE(metrics_ready),
     .always = true},
    {"sluice_not_ready", "1 for each reason why the worker is not ready.", METRICS_GAUGE,
     WRITE(metrics_not_ready), .labels = "reason", .always = true},
    {"sluice_tasks_total", "Tasks that ended.", METRICS_COUNTER, WRITE(metrics_tasks),
     .labels = "outcome"},
    {"sluice_tasks_waiting",
     "Tasks that wait: for a limit or a cool-down, for the time of a retry, for the answer to the "
     "same request, for the store.",
     METRICS_GAUGE, WRITE(metrics_waiting), .labels = "reason"},
    {"sluice_cache_results_total",
     "Tasks answered from the cache or with the answer of a twin, and lookups that found nothing.",
     METRICS_COUNTER, WRITE(metrics_cache), .labels = "result"},
    {"sluice_task_seconds", "From the arrival of a task to its outcome.", METRICS_HISTOGRAM,
     WRITE(metrics_task_time)},
    {"sluice_task_queue_seconds",
     "From the arrival of a task to its first call, of those that made one.", METRICS_HISTOGRAM,
     WRITE(metrics_queue_time)},
    {"sluice_call_seconds", "Time that a provider took, call by call, failed ones included.",
     METRICS_HISTOGRAM, WRITE(metrics_call_time)},
    {"sluice_overhead_seconds",
     "Our own part of the work on a task, beside the provider's time: the journal, the record, its "
     "key, the cache, the "
     "request, the answer, the reply, and the wait until the outcome is on disk. Publishing: see "
     "sluice_transaction_commit_seconds.",
     METRICS_HISTOGRAM, WRITE(metrics_overhead), .labels = "component"},
    {"sluice_held_seconds_total",
     "How long each stage held up the pool as a whole; models: see "
     "sluice_route_held_seconds_total; input: there was no more to do.",
     METRICS_COUNTER, WRITE(metrics_held), .labels = "reason"},
    {"sluice_budget_spent_usd", "Of the budget, spent in this run or day.", METRICS_GAUGE,
     WRITE(metrics_budget_spent)},
    {"sluice_budget_reserved_usd", "Of the budget, the most that the running calls may cost.",
     METRICS_GAUGE, WRITE(metrics_budget_reserved)},
    {"sluice_budget_max_usd", "The budget of this run or day: budget.max_cost.", METRICS_GAUGE,
     WRITE(metrics_budget_max)},
    {"sluice_upstream_requests_total",
     "Calls that ended, by what came of them: ok, or the class of the failure.", METRICS_COUNTER,
     ROUTES(metrics_calls), .labels = "class"},
    {"sluice_upstream_maybe_paid_total",
     "Calls that were cut off after they were sent: whether they were billed, nobody knows.",
     METRICS_COUNTER, ROUTES(metrics_maybe_paid)},
    {"sluice_upstream_in_flight", "Calls to the provider that run.", METRICS_GAUGE,
     ROUTES(metrics_running)},
    {"sluice_route_state",
     "1 for the state that the route is in. off: waiting will not help (key, credit, model).",
     METRICS_GAUGE, ROUTES(metrics_state), .labels = "state"},
    {"sluice_route_cooldowns_total", "Times that a row was left alone because of failures.",
     METRICS_COUNTER, ROUTES(metrics_cooldowns)},
    {"sluice_route_cooldown_seconds", "How much longer the row is left alone.", METRICS_GAUGE,
     ROUTES(metrics_cooling)},
    {"sluice_route_held_seconds_total",
     "How long each reason held the row up; idle and answers: no task waited for it.",
     METRICS_COUNTER, ROUTES(metrics_route_held), .labels = "reason"},
    {"sluice_key_state",
     "1 for the state of each key, by the first row that has it. no_credit: the account is empty; "
     "refused: the provider does not take it.",
     METRICS_GAUGE, WRITE(metrics_key_state), .labels = "provider row state"},
    {"sluice_limit",
     "Configured: requests and tokens in a minute, or in a second or day; calls at once.",
     METRICS_GAUGE, ROUTES(metrics_limit), .labels = "limit"},
    {"sluice_limit_used",
     "Of sluice_limit, used in the last such time (by calls that run: reserved).", METRICS_GAUGE,
     ROUTES(metrics_limit_used), .labels = "limit"},
    {"sluice_limit_remaining", "Of sluice_limit, left.", METRICS_GAUGE, ROUTES(metrics_limit_left),
     .labels = "limit"},
    {"sluice_tokens_total",
     "Tokens of answers. input includes cached ones, output includes reasoning.", METRICS_COUNTER,
     ROUTES(metrics_tokens), .labels = "type"},
    {"sluice_cost_usd_total",
     "Cost of calls, as far as it is known; answers that were no good included.", METRICS_COUNTER,
     ROUTES(metrics_cost)},
    {"sluice_cost_unknown_total", "Answers whose price is not known.", METRICS_COUNTER,
     ROUTES(metrics_unpriced)},
    {"gen_ai_client_operation_duration_seconds",
     "Duration of calls to models; their classes are in sluice_upstream_requests_total.",
     METRICS_HISTOGRAM, WRITE(metrics_gen_ai_duration),
     .labels =
         "gen_ai_operation_name gen_ai_provider_name gen_ai_request_model model row error_type"},
    {"gen_ai_client_token_usage", "Tokens of answers.", METRICS_HISTOGRAM,
     WRITE(metrics_gen_ai_tokens),
     .labels = "gen_ai_operation_name gen_ai_provider_name gen_ai_request_model model row "
               "gen_ai_token_type"},
    {"sluice_ledger_head_age_seconds",
     "Age of the oldest open record, from when it was read; 0: none is open.", METRICS_GAUGE,
     WRITE(metrics_head_age)},
    {"sluice_backlog_records",
     "Records without an answer: open, read and waiting, and not read yet (as of the last fetch). "
     "The lag of the group counts answered ones as well.",
     METRICS_GAUGE, WRITE(metrics_backlog)},
    {"sluice_transaction_aborts_total",
     "Transactions abandoned; what was in them is published with a later one.", METRICS_COUNTER,
     WRITE(metrics_aborts), .labels = "reason"},
    {"sluice_transaction_commit_seconds", "From the beginning of a transaction to its commit.",
     METRICS_HISTOGRAM, WRITE(metrics_commit_time)},
    {"sluice_store_entries", "Entries of the store, as the database estimates.", METRICS_GAUGE,
     WRITE(metrics_store_entries), .labels = "family"},
    {"sluice_store_bytes", "Bytes of the entries, on disk and in memory.", METRICS_GAUGE,
     WRITE(metrics_store_bytes), .labels = "family"},
    {"sluice_tasks_received_total", "Tasks that the pool was given.", U64(pool.submitted)},
    {"sluice_tasks_replayed_total", "Tasks answered from the journal of an earlier life.",
     U64(pool.journaled)},
    {"sluice_retries_total", "Calls repeated for a task, by any row of its model.",
     U64(pool.retries)},
    {"sluice_reselections_total", "Tasks that went on to another model or row.",
     U64(pool.reselections)},
    {"sluice_tasks_in_flight", "Tasks between their arrival and their committed reply.",
     I64(pool.in_flight)},
    {"sluice_tasks_stranded", "Tasks that wait and whose models are all off.", I64(pool.stranded)},
    {"sluice_calls_in_flight", "Calls that run, or have ended and are not durable yet.",
     I64(pool.calling)},
    {"sluice_budget_used_up", "1 while calls wait because the budget is used up.",
     FLAG(pool.money_out)},
    {"sluice_budget_calls", "Calls that count in the budget of this run or day.",
     I64(pool.budget.calls)},
    {"sluice_budget_waiting_tasks", "Tasks that wait because their tenant's budget is used up.",
     I64(pool.money_waits)},
    {"sluice_kafka_member", "1 while the worker has its partitions, be they none.",
     FLAG(intake.member)},
    {"sluice_kafka_partitions", "Partitions of the request topics that are this worker's.",
     I64(intake.partitions)},
    {"sluice_kafka_partitions_paused", "Of our partitions, those that are not read at the moment.",
     I64(intake.gauges.paused)},
    {"sluice_kafka_records_total", "Request records received.", U64(intake.records)},
    {"sluice_kafka_records_seen_total", "Records dropped because they were done already.",
     U64(intake.seen)},
    {"sluice_kafka_records_lost_total", "Records that the broker dropped before they were read.",
     U64(intake.lost)},
    {"sluice_kafka_partitions_revoked_total", "Partitions of the request topics given up.",
     U64(intake.revoked)},
    {"sluice_kafka_outcomes_dropped_total",
     "Outcomes of records that belong to another worker by now.", U64(intake.dropped)},
    {"sluice_kafka_calls_adopted_total",
     "Records answered by a call of the partition's earlier assignment.", U64(intake.adopted)},
    {"sluice_kafka_offset_commits_total", "Commits of offsets beside the replies (at_least_once).",
     U64(intake.commits)},
    {"sluice_kafka_offset_commit_errors_total", "Commits of offsets that failed.",
     U64(intake.commit_errors)},
    {"sluice_ledger_open_records", "Records read and not answered yet.", I64(intake.open)},
    {"sluice_ledger_window_records",
     "Records from the oldest open one to the newest, of the widest partition.",
     I64(intake.gauges.window)},
    {"sluice_ledger_map_bytes",
     "Longest map of what is done out of order, of 4096 that brokers take by default.",
     I64(intake.gauges.map_bytes)},
    {"sluice_ledger_stock_records", "Records read that wait for room in the pool.",
     I64(intake.gauges.stock)},
    {"sluice_parked_records_total",
     "Copies of requests put on the delay topic while their models were cooling.",
     U64(publisher.parked)},
    {"sluice_parked_records", "Records of the delay topic, in our partitions, that wait there.",
     I64(intake.gauges.parked)},
    {"sluice_replies_total", "Replies published.", U64(publisher.replies)},
    {"sluice_dead_letters_total", "Records published to the dead-letter topic.",
     U64(publisher.dead_letters)},
    {"sluice_replies_undeliverable_total", "Replies that no broker takes, replaced by an error.",
     U64(publisher.undeliverable)},
    {"sluice_publish_retries_total", "Records that were published again.", U64(publisher.retries)},
    {"sluice_publish_outstanding", "Outcomes handed to the publisher and not acknowledged.",
     I64(publisher.outstanding)},
    {"sluice_transactions_total", "Transactions committed (exactly_once).", U64(publisher.commits)},
    {"sluice_transactions_in_doubt_total", "Batches whose end had to be asked for.",
     U64(publisher.in_doubt)},
    {"sluice_producer_rebuilds_total", "Transactional producers replaced.",
     U64(publisher.rebuilds)},
    {"sluice_producer_taints_total",
     "Transactional producers replaced because an answer was lost on the way.",
     U64(publisher.taints)},
    {"sluice_store_failing", "1 while the store takes no writes.", FLAG(store_failing)},
    {"sluice_store_writes_total", "Outcomes, completions and claims written.", U64(store.writes)},
    {"sluice_store_batches_total",
     "Batches in which outcomes, completions and claims were written.", U64(store.batches)},
    {"sluice_store_write_errors_total", "Batches of the store that could not be written at first.",
     U64(store.write_errors)},
    {"sluice_store_reads_total", "Lookups in the store.", U64(store.reads)},
    {"sluice_store_hits_total", "Lookups in the store that found something.", U64(store.hits)},
    {"sluice_store_undecodable_total", "Values of the store that could not be read back.",
     U64(store.undecodable)},
    {"sluice_trace_spans_exported_total", "Spans that the collector took.", U64(traces.exported)},
    {"sluice_trace_spans_dropped_total", "Spans that the collector will never get, by why.",
     METRICS_COUNTER, WRITE(metrics_spans_dropped), .labels = "reason"},
    {"sluice_trace_export_failures_total",
     "Deliveries of spans that failed, those that were tried again included.",
     U64(traces.failures)},
    {"sluice_trace_buffer_bytes",
     "Memory of spans that were not delivered yet, of traces.max_buffered.",
     I64(traces.buffered_bytes)},
    {.name = NULL},
};

static void write_routes(struct metrics *m, const struct view *v, const struct metric *row)
{
    struct metric_route r;

    for (size_t i = 0; i < v->config->nmodels; i++) {
        metrics_route_set(&r, v, i);
        row->route(m, &r);
    }
}

static void write_samples(struct metrics *m, const struct view *v, const struct metric *row)
{
    const void *of_snapshot = (const char *)v->s + row->offset;
    const void *of_process = (const char *)v->process + row->offset;

    switch (row->form) {
    case METRIC_U64:
        metrics_count(m, METRICS_NONE, *(const uint64_t *)of_snapshot);
        break;
    case METRIC_I64:
        metrics_sample(m, METRICS_NONE, (double)*(const int64_t *)of_snapshot);
        break;
    case METRIC_FLAG:
        metrics_sample(m, METRICS_NONE, *(const bool *)of_snapshot);
        break;
    case METRIC_PROCESS_I64:
        metrics_sample(m, METRICS_NONE, (double)*(const int64_t *)of_process);
        break;
    case METRIC_PROCESS_NUM:
        metrics_sample(m, METRICS_NONE, *(const double *)of_process);
        break;
    case METRIC_WRITE:
        row->write(m, v);
        break;
    case METRIC_ROUTES:
        write_routes(m, v, row);
        break;
    }
}

void metrics_page(const struct view *v, struct buf *out)
{
    struct metrics m = {.out = out};

    for (const struct metric *row = metrics_table; row->name; row++) {
        if (!row->always && !snapshot_is_taken(v->s))
            continue;
        metrics_family(&m, row->name, row->type, row->help);
        write_samples(&m, v, row);
    }
}
