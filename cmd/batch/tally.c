/* tally: sums over replies and the final report. */
#include "cmd/batch/tally.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

struct tally_sums tally_sums(const struct tally *t)
{
    return (struct tally_sums){.done = t->done,
                               .failed = t->failed,
                               .hits = t->hits,
                               .coalesced = t->coalesced,
                               .input_tokens = t->input_tokens,
                               .output_tokens = t->output_tokens,
                               .cost_usd = t->cost_usd,
                               .cost_unknown = t->cost_unknown};
}

static struct tally_kind *kind_of(struct tally *t, const char *code)
{
    struct tally_kind *k = NULL;
    int i = 0;

    for (i = 0; i < t->nkinds; i++) {
        if (strcmp(t->kinds[i].code, code) == 0)
            return &t->kinds[i];
    }
    if (t->nkinds == TALLY_KINDS) {
        k = &t->kinds[TALLY_KINDS];
        snprintf(k->code, sizeof k->code, "other");
        return k;
    }
    k = &t->kinds[t->nkinds++];
    snprintf(k->code, sizeof k->code, "%s", code);
    return k;
}

static struct tally_model *model_of(struct tally *t, const char *name)
{
    int i = 0;

    for (i = 0; i < t->nmodels; i++) {
        if (strcmp(t->models[i].name, name) == 0)
            return &t->models[i];
    }
    if (t->nmodels == TALLY_MODELS)
        return &t->models[TALLY_MODELS - 1];
    snprintf(t->models[t->nmodels].name, sizeof t->models[0].name, "%s", name);
    return &t->models[t->nmodels++];
}

static void add_failure(struct tally *t, const struct reply_view *v)
{
    struct tally_kind *k = kind_of(t, v->error_code ? v->error_code : "unknown");

    t->failed++;
    t->cost_usd += v->cost_usd > 0 ? v->cost_usd : 0;
    if (k->count++ == 0)
        snprintf(k->sample_id, sizeof k->sample_id, "%s", v->custom_id);
}

static int64_t known(int64_t tokens)
{
    return tokens > 0 ? tokens : 0;
}

/* An answer that was bought for this reply. */
static void add_bought(struct tally *t, struct tally_model *m, const struct reply_view *v)
{
    t->input_tokens += known(v->usage.input_tokens);
    t->cached_input_tokens += known(v->usage.cached_input_tokens);
    t->output_tokens += known(v->usage.output_tokens);
    t->reasoning_tokens += known(v->usage.reasoning_tokens);
    m->input_tokens += known(v->usage.input_tokens);
    m->output_tokens += known(v->usage.output_tokens);
    hist_record(&m->latency, v->inference_ms * 1000);
    if (v->cost_usd < 0) {
        t->cost_unknown++;
        return;
    }
    t->cost_usd += v->cost_usd;
    m->cost_usd += v->cost_usd;
}

void tally_add(struct tally *t, const struct reply_view *v)
{
    struct tally_model *m = NULL;

    t->done++;
    hist_record(&t->latency, (v->queued_ms + v->inference_ms) * 1000);
    if (!v->ok) {
        add_failure(t, v);
        return;
    }
    t->ok++;
    m = model_of(t, v->model ? v->model : "unknown");
    m->ok++;
    if (v->cache && strcmp(v->cache, "hit") == 0)
        t->hits++;
    else if (v->cache && strcmp(v->cache, "coalesced") == 0)
        t->coalesced++;
    else {
        add_bought(t, m, v);
        return;
    }
    m->cached++;
}

struct reply_view tally_view(const struct task *t)
{
    static const char *const cache_names[] = {"miss", "hit", "coalesced"};
    struct reply_view v = {.custom_id = t->id,
                           .ok = t->ok,
                           .status = t->reply_status,
                           .usage = USAGE_UNKNOWN,
                           .cost_usd = reply_cost(t),
                           .cache = cache_names[t->cache_result],
                           .queued_ms = t->queued_us / 1000,
                           .inference_ms = t->inference_us / 1000};

    if (t->from_journal)
        v.cache = "hit"; /* bought in an earlier life of this job */
    if (t->completion) {
        v.model = t->completion->model;
        v.usage = t->completion->usage;
    } else if (t->error) {
        v.error_code = t->error->code;
    }
    return v;
}

static void print_cost(const struct tally *t, FILE *to)
{
    if (t->ok == 0 && t->cost_usd <= 0)
        return;
    if (t->cost_unknown == 0)
        fprintf(to, "  cost           $%.4f\n", t->cost_usd);
    else if (t->cost_usd > 0)
        fprintf(to, "  cost           >= $%.4f (%" PRIu64 " answers of unknown cost)\n",
                t->cost_usd, t->cost_unknown);
    else
        fprintf(to, "  cost           unknown (give prices under model_info)\n");
}

static double seconds(int64_t us)
{
    return (double)us / 1e6;
}

/* A name that others chose, for a terminal. */
static const char *plain(const char *text, char *copy, size_t cap)
{
    snprintf(copy, cap, "%s", text);
    return utf8_plain(copy);
}

static void print_models(const struct tally *t, FILE *to)
{
    int i = 0;

    if (t->nmodels == 0)
        return;
    fprintf(to, "  %-24s %10s %10s %12s %12s %9s %9s %9s\n", "model", "answers", "cached",
            "tokens in", "tokens out", "p50 s", "p95 s", "p99 s");
    for (i = 0; i < t->nmodels; i++) {
        const struct tally_model *m = &t->models[i];
        char name[sizeof m->name];

        fprintf(to,
                "  %-24.24s %10" PRIu64 " %10" PRIu64 " %12" PRId64 " %12" PRId64
                " %9.3f %9.3f %9.3f\n",
                plain(m->name, name, sizeof name), m->ok, m->cached, m->input_tokens,
                m->output_tokens, seconds(hist_quantile(&m->latency, 0.5)),
                seconds(hist_quantile(&m->latency, 0.95)),
                seconds(hist_quantile(&m->latency, 0.99)));
    }
}

static void print_failures(const struct tally *t, const struct tally_totals *n, FILE *to)
{
    int i = 0;

    if (t->failed == 0)
        return;
    fprintf(to, "  failures       %" PRIu64 "%s%s\n", t->failed, n->error_file ? " -> " : "",
            n->error_file ? n->error_file : "");
    for (i = 0; i <= TALLY_KINDS; i++) {
        const struct tally_kind *k = &t->kinds[i];
        char code[sizeof k->code];
        char id[sizeof k->sample_id];

        if (k->count)
            fprintf(to, "    %8" PRIu64 "  %-32s e.g. %s\n", k->count,
                    plain(k->code, code, sizeof code), plain(k->sample_id, id, sizeof id));
    }
}

void tally_report(const struct tally *t, const struct tally_totals *n, FILE *to)
{
    double s = n->elapsed_ms > 0 ? (double)n->elapsed_ms / 1000 : 0.001;

    fprintf(to, "%s: %" PRIu64 " of %" PRIu64 " done -> %s\n", n->what, n->resumed + t->done,
            n->total, n->output);
    if (n->resumed)
        fprintf(to, "  resumed        %" PRIu64 " were done before\n", n->resumed);
    fprintf(to, "  succeeded      %" PRIu64 " (%" PRIu64 " cached, %" PRIu64 " coalesced)\n", t->ok,
            t->hits, t->coalesced);
    print_failures(t, n, to);
    if (n->calls != UINT64_MAX)
        fprintf(to, "  provider calls %" PRIu64 "\n", n->calls);
    fprintf(to, "  tokens         %" PRId64 " in (%" PRId64 " cached), %" PRId64 " out\n",
            t->input_tokens, t->cached_input_tokens, t->output_tokens);
    print_cost(t, to);
    fprintf(to,
            "  time           %.1f s, %.0f tasks/s; latency p50 %.3f s, p95 %.3f s, p99 %.3f s\n",
            s, (double)t->done / s, seconds(hist_quantile(&t->latency, 0.5)),
            seconds(hist_quantile(&t->latency, 0.95)), seconds(hist_quantile(&t->latency, 0.99)));
    print_models(t, to);
}
