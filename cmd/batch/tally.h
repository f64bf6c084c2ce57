/*
 * tally: adds up the replies of a job, for progress lines and the final report. Not thread-safe: the owner
 * locks. Tables are bounded; what does not fit is counted under "other".
 */
#ifndef SLUICE_CMD_BATCH_TALLY_H
#define SLUICE_CMD_BATCH_TALLY_H

#include <stdio.h>

#include "base/hist.h"
#include "task/answer.h"
#include "task/reply.h"

#define TALLY_KINDS  32
#define TALLY_MODELS 64

struct tally_kind {
    char code[64];
    char sample_id[96]; /* one of the tasks that ended so */
    uint64_t count;
};

struct tally_model {
    char name[128];
    uint64_t ok, cached;
    int64_t input_tokens, output_tokens;
    double cost_usd;
    struct hist latency; /* of calls that answered, inference time */
};

struct tally {
    uint64_t done, ok, failed, hits, coalesced;
    int64_t input_tokens, cached_input_tokens, output_tokens,
        reasoning_tokens; /* paid in this run */
    double cost_usd;
    uint64_t cost_unknown; /* paid answers whose cost is not known */
    struct tally_kind kinds[TALLY_KINDS + 1];
    int nkinds;
    struct tally_model models[TALLY_MODELS];
    int nmodels;
    struct hist latency; /* queued + inference */
};

/* What progress is shown from. A tally itself is some hundred kilobytes, too much to be copied often. */
struct tally_sums {
    uint64_t done, failed, hits, coalesced;
    int64_t input_tokens, output_tokens;
    double cost_usd;
    uint64_t cost_unknown;
};

struct tally_sums tally_sums(const struct tally *t);

/* One reply. */
void tally_add(struct tally *t, const struct reply_view *v);

/* The view of a finished task, without reading its reply again. Points into the task. */
struct reply_view tally_view(const struct task *t);

struct tally_totals {
    const char *what; /* "batch", "collect" */
    uint64_t total;   /* rows of the job */
    uint64_t resumed; /* done before this run */
    uint64_t calls;   /* calls to providers in this run; UINT64_MAX: unknown */
    int64_t elapsed_ms;
    const char *output;
    const char *error_file; /* or NULL */
};

/* The report a person reads at the end. */
void tally_report(const struct tally *t, const struct tally_totals *n, FILE *to);

#endif
