/*
 * explain: adds up how long each reason held; see explain.h. It knows no configuration and no words for people.
 */
#include "policy/explain.h"

#include <string.h>

#define SLOT_US ((int64_t)5000000)

static const char *const names[WHY_COUNT] = {
    [WHY_IDLE] = "idle",
    [WHY_ANSWERS] = "answers",
    [WHY_RPS] = "rps",
    [WHY_RPM] = "rpm",
    [WHY_RPD] = "rpd",
    [WHY_TPM] = "tpm",
    [WHY_INPUT_TPM] = "input_tpm",
    [WHY_OUTPUT_TPM] = "output_tpm",
    [WHY_TPD] = "tpd",
    [WHY_PARALLEL] = "max_parallel_requests",
    [WHY_SHARE] = "share",
    [WHY_LARGE] = "large_task",
    [WHY_HEADERS] = "headers",
    [WHY_LEARNED] = "learned_limit",
    [WHY_MAX_CALLS] = "max_calls",
    [WHY_RETRY_BUDGET] = "retry_budget",
    [WHY_BUDGET_RESERVED] = "budget_reserved",
    [WHY_BUDGET] = "budget",
    [WHY_TENANT_BUDGET] = "tenant_budget",
    [WHY_COOL_RATE_LIMIT] = "cooling_rate_limit",
    [WHY_COOL_OVERLOAD] = "cooling_overload",
    [WHY_COOL_FAILING] = "cooling_failures",
    [WHY_COOL_TRANSPORT] = "cooling_unreachable",
    [WHY_OFF_QUOTA] = "off_quota",
    [WHY_OFF_CREDENTIAL] = "off_credential",
    [WHY_OFF_MODEL] = "off_model",
    [WHY_PROBE] = "probing",
    [WHY_STOPPED] = "model_paused",
    [WHY_INPUT] = "input",
    [WHY_MODELS] = "models",
    [WHY_IN_FLIGHT] = "max_in_flight",
    [WHY_RETRY] = "retry",
    [WHY_STORE] = "store",
    [WHY_STORE_FAILING] = "store_failing",
    [WHY_PUBLISH] = "publish",
    [WHY_KAFKA] = "kafka",
    [WHY_PAUSED] = "paused",
};

const char *why_name(enum why w)
{
    return names[w];
}

bool why_holds(enum why w)
{
    return w >= WHY_RPS && w <= WHY_STOPPED;
}

bool why_limits(enum why w)
{
    return w >= WHY_RPS && w <= WHY_SHARE;
}

enum why why_resting(enum error_class class)
{
    switch (class) {
    case CLASS_RATE_LIMIT:
    case CLASS_TOO_LARGE_FOR_TPM:
        return WHY_COOL_RATE_LIMIT;
    case CLASS_OVERLOAD:
        return WHY_COOL_OVERLOAD;
    case CLASS_TRANSPORT:
        return WHY_COOL_TRANSPORT;
    case CLASS_QUOTA:
        return WHY_OFF_QUOTA;
    case CLASS_CREDENTIAL:
    case CLASS_REGION:
        return WHY_OFF_CREDENTIAL;
    case CLASS_MODEL_ACCESS:
    case CLASS_MODEL_GONE:
        return WHY_OFF_MODEL;
    default:
        return WHY_COOL_FAILING;
    }
}

enum why explain_behind(const struct explain_load *l, enum why stage)
{
    if (l->full)
        return stage == WHY_MODELS ? WHY_IN_FLIGHT : stage;
    return stage == WHY_STORE_FAILING || stage == WHY_KAFKA || stage == WHY_PAUSED ? stage
                                                                                   : WHY_IDLE;
}

enum why explain_stage(const struct explain_load *l)
{
    const struct {
        enum why why;
        int64_t tasks;
    } parts[] = {{WHY_IN_FLIGHT, l->unfinished - l->storing - l->delayed - l->waiting},
                 {WHY_MODELS, l->waiting},
                 {WHY_RETRY, l->delayed},
                 {WHY_STORE, l->storing},
                 {WHY_PUBLISH, l->unpublished}};
    size_t most = 0;

    if (l->store_failing)
        return WHY_STORE_FAILING;
    if (!l->full && l->waiting > 0)
        return WHY_MODELS;
    if (!l->full && l->unfinished > 0)
        return l->storing == l->unfinished ? WHY_STORE : l->source;
    if (!l->full)
        return l->unpublished > 0 ? WHY_PUBLISH : l->source;
    for (size_t i = 1; i < sizeof parts / sizeof *parts; i++)
        if (parts[i].tasks > parts[most].tasks)
            most = i;
    return parts[most].why;
}

/* Counts the time until then, slot by slot. */
static void advance(struct explain *x, int64_t now_us)
{
    if (!x->begun || now_us <= x->since_us)
        return;
    x->total_us[x->now] += now_us - x->since_us;
    if (now_us / SLOT_US - x->slot > EXPLAIN_SLOTS) {
        x->slot = now_us / SLOT_US - EXPLAIN_SLOTS;
        x->since_us = x->slot * SLOT_US;
    }
    while (x->since_us < now_us) {
        int64_t ends_us = (x->slot + 1) * SLOT_US;
        int64_t until_us = now_us < ends_us ? now_us : ends_us;

        x->slot_us[x->slot % EXPLAIN_SLOTS][x->now] += (uint32_t)(until_us - x->since_us);
        x->since_us = until_us;
        if (until_us < ends_us)
            break;
        x->slot++;
        memset(x->slot_us[x->slot % EXPLAIN_SLOTS], 0, sizeof x->slot_us[0]);
    }
}

void explain_set(struct explain *x, enum why w, int64_t now_us)
{
    if (x->begun && w == x->now)
        return;
    advance(x, now_us);
    if (!x->begun)
        *x = (struct explain){.begun = true, .since_us = now_us, .slot = now_us / SLOT_US};
    x->now = w;
}

void explain_look(struct explain *x, int64_t now_us, struct explain_view *ret)
{
    advance(x, now_us);
    *ret = (struct explain_view){.now = x->now};
    memcpy(ret->run_us, x->total_us, sizeof ret->run_us);
    for (int i = 0; i < EXPLAIN_SLOTS; i++)
        for (int w = 0; w < WHY_COUNT; w++)
            ret->minute_us[w] += x->slot_us[i][w];
}

enum why explain_main(const int64_t us[WHY_COUNT])
{
    enum why best = WHY_IDLE;

    for (int w = WHY_IDLE + 1; w < WHY_COUNT; w++)
        if (us[w] > (best == WHY_IDLE ? 0 : us[best]))
            best = (enum why)w;
    return best;
}

double explain_share(const int64_t us[WHY_COUNT], enum why w)
{
    double sum = 0;

    for (int i = 0; i < WHY_COUNT; i++)
        sum += (double)us[i];
    return sum > 0 ? (double)us[w] / sum : 0;
}
