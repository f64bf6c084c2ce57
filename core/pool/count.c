/*
 * count: what the workers count: each its own, without a lock, shown to others now and then (show_counts in
 * worker.c). Decides nothing. The texts that it keeps are class names, numbers and task ids: never the words of
 * a provider, which may repeat a prompt (P8).
 */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "pool/worker.h"

const struct metrics_bounds pool_call_bounds = {18,
                                                {0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28,
                                                 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84,
                                                 300, 600, 1200}};

const struct metrics_bounds pool_token_bounds = {
    14,
    {1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864}};

const struct metrics_bounds pool_part_bounds = {
    13, {1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 0.1, 1, 10}};

static const char *const part_names[POOL_PARTS] = {
    [POOL_PART_JOURNAL] = "journal", [POOL_PART_PARSE] = "parse",   [POOL_PART_KEY] = "key",
    [POOL_PART_CACHE] = "cache",     [POOL_PART_FORMAT] = "format", [POOL_PART_ANSWER] = "answer",
    [POOL_PART_REPLY] = "reply",     [POOL_PART_STORE] = "store",
};

static const char *const end_names[POOL_ENDS] = {
    [POOL_END_SUCCESS] = "success",          [POOL_END_ERROR] = "error",
    [POOL_END_BAD_RECORD] = "bad_record",    [POOL_END_DEADLINE] = "deadline_exceeded",
    [POOL_END_CANCELLED] = "head_cancelled", [POOL_END_POISON] = "poison",
    [POOL_END_DUPLICATE] = "duplicate",
};

const char *pool_end_name(enum pool_end end)
{
    return end_names[end];
}

const char *pool_part_name(enum pool_part part)
{
    return part_names[part];
}

void count_part(struct worker *w, enum pool_part part, int64_t since_us)
{
    metrics_record(&w->count.part_seconds[part], &pool_part_bounds,
                   (double)(clock_mono_us() - since_us) / 1e6);
    w->counted = true;
}

static enum pool_end end_of(const struct task *t)
{
    static const enum pool_end coded[] = {POOL_END_DEADLINE, POOL_END_CANCELLED, POOL_END_POISON};

    if (t->silent)
        return POOL_END_DUPLICATE;
    if (t->ok)
        return POOL_END_SUCCESS;
    if (t->bad_record)
        return POOL_END_BAD_RECORD;
    for (size_t i = 0; t->error && i < ARRAY_LEN(coded); i++)
        if (strcmp(t->error->code, end_names[coded[i]]) == 0)
            return coded[i];
    return POOL_END_ERROR;
}

/* An id may be cut, but not in the middle of a character. */
static void set_sample(struct pool_sample *s, const struct worker *w, const struct task *t,
                       int status)
{
    size_t n = t->id ? strnlen(t->id, sizeof s->task_id - 1) : 0;

    while (n > 0 && t->id[n] && ((unsigned char)t->id[n] & 0xc0) == 0x80)
        n--;
    s->wall_ms = w->now_wall_ms;
    s->status = status;
    memcpy(s->task_id, t->id ? t->id : "", n);
    s->task_id[n] = '\0';
}

void count_end(struct worker *w, const struct task *t)
{
    enum pool_end end = end_of(t);

    w->counted = true;
    w->count.ends[end]++;
    if (end != POOL_END_SUCCESS && end != POOL_END_DUPLICATE)
        set_sample(&w->count.last_end[end], w, t, t->reply_status);
    if (t->silent) {
        w->count.duplicates++;
        return;
    }
    w->count.finished++;
    hist_record(&w->count.task_latency, w->now_us - t->received_us + t->waited_us);
    if (t->ok)
        w->count.succeeded++;
    else
        w->count.failed++;
    if (t->cache_result == CACHE_HIT)
        w->count.hits++;
    else if (t->cache_result == CACHE_COALESCED)
        w->count.coalesced++;
}

/* Words for a person about a recent failure. */
static void note_failure(struct worker *w, const struct task *t, const struct http_response *rsp,
                         const struct answer *ans)
{
    const struct model *m = &w->pool->config->models[t->route];
    char *out = w->count.last_failure;
    size_t cap = sizeof w->count.last_failure;

    if (rsp->end == HTTP_DONE)
        snprintf(out, cap, "%.60s: %s, HTTP %ld", m->model_name, class_name(ans->class),
                 rsp->status);
    else
        snprintf(out, cap, "%.60s: %.130s", m->model_name, ans->message);
}

void count_begin(struct worker *w, const struct task *t)
{
    if (t->ntrail > 0)
        return;
    w->counted = true;
    hist_record(&w->count.queue_latency, t->queued_us);
}

static enum pool_op op_of(const struct task *t)
{
    return t->op == OP_EMBEDDINGS ? POOL_EMBEDDINGS : POOL_CHAT;
}

void count_call(struct worker *w, const struct task *t, const struct http_response *rsp,
                const struct answer *ans)
{
    struct pool_route *r = &w->routes[t->route];
    bool failed = ans->class != CLASS_OK;

    w->counted = true;
    w->count.calls++;
    w->count.route[t->route].calls++;
    r->calls[ans->class]++;
    hist_record(&w->count.call_latency, rsp->elapsed_us);
    metrics_record(&r->seconds[op_of(t)][failed], &pool_call_bounds, (double)rsp->elapsed_us / 1e6);
    if (!failed) {
        w->count.route[t->route].ok++;
        return;
    }
    w->count.failures[ans->class]++;
    set_sample(&r->last[ans->class], w, t, (int)rsp->status);
    note_failure(w, t, rsp, ans);
    if (ans->class == CLASS_RATE_LIMIT)
        w->count.rate_limited++;
}

static int64_t known(int64_t tokens)
{
    return tokens > 0 ? tokens : 0;
}

static void count_tokens(struct pool_route *r, enum pool_op op, const struct usage *u)
{
    r->tokens[POOL_INPUT] += known(u->input_tokens);
    r->tokens[POOL_CACHED_INPUT] += known(u->cached_input_tokens);
    r->tokens[POOL_CACHE_WRITE] += known(u->cache_write_tokens);
    r->tokens[POOL_OUTPUT] += known(u->output_tokens);
    r->tokens[POOL_REASONING] += known(u->reasoning_tokens);
    if (u->input_tokens >= 0)
        metrics_record(&r->usage[op][0], &pool_token_bounds, (double)u->input_tokens);
    if (u->output_tokens >= 0)
        metrics_record(&r->usage[op][1], &pool_token_bounds, (double)u->output_tokens);
}

void count_usage(struct worker *w, const struct task *t, const struct completion *done)
{
    const struct usage *u = &done->usage;
    struct pool_route *r = &w->routes[t->route];

    w->count.input_tokens += known(u->input_tokens);
    w->count.output_tokens += known(u->output_tokens);
    w->count.cached_tokens += known(u->cached_input_tokens);
    count_tokens(r, op_of(t), u);
    if (done->cost_usd >= 0) {
        w->count.cost_usd += done->cost_usd;
        r->cost_usd += done->cost_usd;
    } else {
        w->count.cost_unknown++;
        r->cost_unknown++;
    }
}

static void newer(struct pool_sample *to, const struct pool_sample *from)
{
    if (from->wall_ms > to->wall_ms)
        *to = *from;
}

void count_add(struct pool_stats *to, const struct pool_stats *from)
{
    int i = 0;

    to->finished += from->finished;
    to->succeeded += from->succeeded;
    to->failed += from->failed;
    to->hits += from->hits;
    to->misses += from->misses;
    to->coalesced += from->coalesced;
    to->journaled += from->journaled;
    to->calls += from->calls;
    to->retries += from->retries;
    to->reselections += from->reselections;
    to->rate_limited += from->rate_limited;
    to->duplicates += from->duplicates;
    to->unkeyed += from->unkeyed;
    to->poisoned += from->poisoned;
    to->cancelled += from->cancelled;
    to->input_tokens += from->input_tokens;
    to->output_tokens += from->output_tokens;
    to->cached_tokens += from->cached_tokens;
    to->cost_usd += from->cost_usd;
    to->cost_unknown += from->cost_unknown;
    for (i = 0; i < CLASS_COUNT; i++)
        to->failures[i] += from->failures[i];
    for (i = 0; i < POOL_ENDS; i++) {
        to->ends[i] += from->ends[i];
        newer(&to->last_end[i], &from->last_end[i]);
    }
    for (i = 0; i < POOL_ROUTES_MAX; i++) {
        to->route[i].calls += from->route[i].calls;
        to->route[i].ok += from->route[i].ok;
    }
    if (from->last_failure[0])
        memcpy(to->last_failure, from->last_failure, sizeof to->last_failure);
    hist_add(&to->call_latency, &from->call_latency);
    hist_add(&to->task_latency, &from->task_latency);
    hist_add(&to->queue_latency, &from->queue_latency);
    for (i = 0; i < POOL_PARTS; i++)
        metrics_add(&to->part_seconds[i], &from->part_seconds[i]);
}

void count_add_route(struct pool_route *to, const struct pool_route *from)
{
    int i = 0;
    int k = 0;

    for (i = 0; i < CLASS_COUNT; i++) {
        to->calls[i] += from->calls[i];
        newer(&to->last[i], &from->last[i]);
    }
    for (i = 0; i < POOL_TOKENS; i++)
        to->tokens[i] += from->tokens[i];
    to->cost_usd += from->cost_usd;
    to->cost_unknown += from->cost_unknown;
    to->maybe_paid += from->maybe_paid;
    for (i = 0; i < POOL_OPS; i++) {
        for (k = 0; k < 2; k++) {
            metrics_add(&to->seconds[i][k], &from->seconds[i][k]);
            metrics_add(&to->usage[i][k], &from->usage[i][k]);
        }
    }
}
