/* metrics_write: functions that write the samples of one row of metrics_table. Private to cmd/admin/metrics_*.c. */
#ifndef SLUICE_CMD_ADMIN_METRICS_WRITE_H
#define SLUICE_CMD_ADMIN_METRICS_WRITE_H

#include "cmd/admin/metrics_table.h"

/* metrics_worker.c: of the worker as a whole */
void metrics_build(struct metrics *m, const struct view *v);
void metrics_ready(struct metrics *m, const struct view *v);
void metrics_not_ready(struct metrics *m, const struct view *v);
void metrics_tasks(struct metrics *m, const struct view *v);
void metrics_waiting(struct metrics *m, const struct view *v);
void metrics_cache(struct metrics *m, const struct view *v);
void metrics_task_time(struct metrics *m, const struct view *v);
void metrics_queue_time(struct metrics *m, const struct view *v);
void metrics_call_time(struct metrics *m, const struct view *v);
void metrics_overhead(struct metrics *m, const struct view *v);
void metrics_held(struct metrics *m, const struct view *v);
void metrics_budget_spent(struct metrics *m, const struct view *v);
void metrics_budget_reserved(struct metrics *m, const struct view *v);
void metrics_budget_max(struct metrics *m, const struct view *v);
void metrics_head_age(struct metrics *m, const struct view *v);
void metrics_backlog(struct metrics *m, const struct view *v);
void metrics_aborts(struct metrics *m, const struct view *v);
void metrics_commit_time(struct metrics *m, const struct view *v);
void metrics_store_entries(struct metrics *m, const struct view *v);
void metrics_store_bytes(struct metrics *m, const struct view *v);
void metrics_spans_dropped(struct metrics *m, const struct view *v);

/* metrics_routes.c: of a row of model_list */
void metrics_calls(struct metrics *m, struct metric_route *r);
void metrics_maybe_paid(struct metrics *m, struct metric_route *r);
void metrics_running(struct metrics *m, struct metric_route *r);
void metrics_state(struct metrics *m, struct metric_route *r);
void metrics_cooldowns(struct metrics *m, struct metric_route *r);
void metrics_cooling(struct metrics *m, struct metric_route *r);
void metrics_route_held(struct metrics *m, struct metric_route *r);
void metrics_limit(struct metrics *m, struct metric_route *r);
void metrics_limit_used(struct metrics *m, struct metric_route *r);
void metrics_limit_left(struct metrics *m, struct metric_route *r);
void metrics_tokens(struct metrics *m, struct metric_route *r);
void metrics_cost(struct metrics *m, struct metric_route *r);
void metrics_unpriced(struct metrics *m, struct metric_route *r);
void metrics_key_state(struct metrics *m, const struct view *v);
void metrics_route_set(struct metric_route *r, const struct view *v, size_t row);

/* metrics_gen_ai.c */
void metrics_gen_ai_duration(struct metrics *m, const struct view *v);
void metrics_gen_ai_tokens(struct metrics *m, const struct view *v);

#endif
