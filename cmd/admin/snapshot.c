/* snapshot: what both pages make of the numbers: names, sums and states. It asks no clock and no other thread. */
#include "cmd/admin/snapshot.h"

const char *const route_state_names[ROUTE_STATES] = {"ok", "cooling", "probing", "off", "paused"};

const char *const abort_names[KAFKA_ABORT_REASONS] = {
    [KAFKA_ABORT_GROUP] = "group_moved_on", [KAFKA_ABORT_REFUSED] = "record_refused",
    [KAFKA_ABORT_MAP] = "map_too_large",    [KAFKA_ABORT_TOPIC] = "topic_missing",
    [KAFKA_ABORT_OTHER] = "other",
};

const char *const token_names[POOL_TOKENS] = {
    [POOL_INPUT] = "input",
    [POOL_CACHED_INPUT] = "cached_input",
    [POOL_CACHE_WRITE] = "cache_write",
    [POOL_OUTPUT] = "output",
    [POOL_REASONING] = "reasoning",
};

enum route_state snapshot_route_state(const struct snapshot *s, size_t row)
{
    if (s->pool.route[row].stopped)
        return ROUTE_STATE_PAUSED;
    if (s->pool.route[row].off)
        return ROUTE_STATE_OFF;
    if (s->pool.route[row].cooling)
        return ROUTE_STATE_COOLING;
    return s->pool.route[row].probing ? ROUTE_STATE_PROBING : ROUTE_STATE_OK;
}

void snapshot_limits(const struct view *v, size_t row, struct limit_use ret[LIMIT_USES])
{
    static const char *const names[LIMIT_DIMS] = {
        [LIMIT_RPS] = "requests_second",    [LIMIT_RPM] = "requests",
        [LIMIT_RPD] = "requests_day",       [LIMIT_TPM] = "tokens",
        [LIMIT_INPUT_TPM] = "input_tokens", [LIMIT_OUTPUT_TPM] = "output_tokens",
        [LIMIT_TPD] = "tokens_day",
    };
    struct limit_max max = limit_max_of(&v->config->models[row]);

    for (size_t i = 0; i < LIMIT_DIMS; i++)
        ret[i] = (struct limit_use){names[i], max.of[i], v->s->pool.route[row].used[i]};
    ret[LIMIT_DIMS] = (struct limit_use){"calls", max.parallel, v->s->pool.route[row].running};
}

int64_t snapshot_backlog(const struct snapshot *s)
{
    const struct kafka_gauges *g = &s->intake.gauges;

    return g->unread < 0 ? -1 : s->intake.open + g->stock + g->unread;
}

double snapshot_head_age(const struct view *v)
{
    int64_t since_us = v->s->intake.gauges.head_since_us;

    return since_us < v->now_us ? (double)(v->now_us - since_us) / 1e6 : 0;
}
