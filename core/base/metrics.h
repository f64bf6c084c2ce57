/*
 * metrics: numbers as Prometheus reads them (text format 0.0.4), and histograms with the bounds that they are
 * shown with. A writer, not a registry: whoever counts keeps the numbers, and hands them over when asked.
 *
 * A family is begun once, its samples follow, each with another set of labels. Units are seconds and bytes; the
 * name of a counter ends in _total. The values of a label must come from a bounded set: never an id, a prompt or
 * a path.
 */
#ifndef SLUICE_BASE_METRICS_H
#define SLUICE_BASE_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/hist.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum metrics_type { METRICS_COUNTER, METRICS_GAUGE, METRICS_HISTOGRAM };

struct metrics_label {
    const char *name;
    const char *value; /* any UTF-8; escaped when written */
};

/* Labels of a sample; {NULL, NULL} ends them. */
#define METRICS_LABELS(...) ((const struct metrics_label[]){__VA_ARGS__, {NULL, NULL}})
#define METRICS_NONE        ((const struct metrics_label[]){{NULL, NULL}})

struct metrics {
    struct buf *out; /* its `over` says that something is missing */
    const char *name;
};

/* Begins a family; name and help must live until its last sample. */
void metrics_family(struct metrics *m, const char *name, enum metrics_type type, const char *help);
void metrics_sample(struct metrics *m, const struct metrics_label *labels, double value);
void metrics_count(struct metrics *m, const struct metrics_label *labels, uint64_t value);

#define METRICS_BOUNDS_MAX 18

struct metrics_bounds {
    size_t count;
    double at[METRICS_BOUNDS_MAX]; /* ascending upper bounds, without +Inf */
};

/* One series of a histogram. Not thread-safe. */
struct metrics_buckets {
    uint64_t count;
    double sum;
    uint64_t
        at[METRICS_BOUNDS_MAX]; /* not cumulative; what is above the last bound is only in count */
};

void metrics_record(struct metrics_buckets *b, const struct metrics_bounds *bounds, double value);
void metrics_add(struct metrics_buckets *to, const struct metrics_buckets *from);
void metrics_buckets(struct metrics *m, const struct metrics_label *labels,
                     const struct metrics_buckets *b, const struct metrics_bounds *bounds);

/* The same of a fine histogram in us, shown in seconds with these bounds (exact to its 3 %). */
void metrics_hist(struct metrics *m, const struct metrics_label *labels, const struct hist *h,
                  const struct metrics_bounds *bounds);

#endif
