/* metrics: writes the text; see metrics.h. It keeps no numbers of its own and knows no name. */
#include "base/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const type_names[] = {"counter", "gauge", "histogram"};

/* Backslash and line feed are escaped everywhere, quotes in label values only. */
static void escaped(struct buf *out, const char *text, bool quotes)
{
    for (; *text; text++) {
        if (*text == '\\' || (quotes && *text == '"'))
            buf_printf(out, "\\%c", *text);
        else if (*text == '\n')
            buf_str(out, "\\n");
        else
            buf_char(out, *text);
    }
}

/* The shortest decimal that reads back as the same number. */
static void number(struct buf *out, double value)
{
    char text[40];

    if (isnan(value)) {
        buf_str(out, "NaN");
        return;
    }
    if (isinf(value)) {
        buf_str(out, value > 0 ? "+Inf" : "-Inf");
        return;
    }
    snprintf(text, sizeof text, "%.15g", value);
    if (strtod(text, NULL) != value)
        snprintf(text, sizeof text, "%.17g", value);
    buf_str(out, text);
}

/* name_suffix{labels,le="bound"} and a space. bound NULL: without le. */
static void head(struct metrics *m, const char *suffix, const struct metrics_label *labels,
                 const double *bound)
{
    const char *before = "{";

    buf_printf(m->out, "%s%s", m->name, suffix);
    for (; labels->name; labels++, before = ",") {
        buf_printf(m->out, "%s%s=\"", before, labels->name);
        escaped(m->out, labels->value, true);
        buf_char(m->out, '"');
    }
    if (bound) {
        buf_printf(m->out, "%sle=\"", before);
        number(m->out, *bound);
        buf_char(m->out, '"');
        before = ",";
    }
    buf_str(m->out, *before == ',' ? "} " : " ");
}

void metrics_family(struct metrics *m, const char *name, enum metrics_type type, const char *help)
{
    m->name = name;
    buf_printf(m->out, "# HELP %s ", name);
    escaped(m->out, help, false);
    buf_printf(m->out, "\n# TYPE %s %s\n", name, type_names[type]);
}

void metrics_sample(struct metrics *m, const struct metrics_label *labels, double value)
{
    head(m, "", labels, NULL);
    number(m->out, value);
    buf_char(m->out, '\n');
}

static void count_line(struct metrics *m, const char *suffix, const struct metrics_label *labels,
                       const double *bound, uint64_t value)
{
    head(m, suffix, labels, bound);
    buf_printf(m->out, "%llu\n", (unsigned long long)value);
}

void metrics_count(struct metrics *m, const struct metrics_label *labels, uint64_t value)
{
    count_line(m, "", labels, NULL, value);
}

/* What every histogram ends with. */
static void series_end(struct metrics *m, const struct metrics_label *labels, uint64_t count,
                       double sum)
{
    const double infinite = INFINITY;

    count_line(m, "_bucket", labels, &infinite, count);
    head(m, "_sum", labels, NULL);
    number(m->out, sum);
    buf_char(m->out, '\n');
    count_line(m, "_count", labels, NULL, count);
}

void metrics_record(struct metrics_buckets *b, const struct metrics_bounds *bounds, double value)
{
    size_t i = 0;

    b->count++;
    b->sum += value;
    while (i < bounds->count && value > bounds->at[i])
        i++;
    if (i < bounds->count)
        b->at[i]++;
}

void metrics_add(struct metrics_buckets *to, const struct metrics_buckets *from)
{
    to->count += from->count;
    to->sum += from->sum;
    for (size_t i = 0; i < METRICS_BOUNDS_MAX; i++)
        to->at[i] += from->at[i];
}

void metrics_buckets(struct metrics *m, const struct metrics_label *labels,
                     const struct metrics_buckets *b, const struct metrics_bounds *bounds)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < bounds->count; i++) {
        sum += b->at[i];
        count_line(m, "_bucket", labels, &bounds->at[i], sum);
    }
    series_end(m, labels, b->count, b->sum);
}

void metrics_hist(struct metrics *m, const struct metrics_label *labels, const struct hist *h,
                  const struct metrics_bounds *bounds)
{
    for (size_t i = 0; i < bounds->count; i++)
        count_line(m, "_bucket", labels, &bounds->at[i],
                   hist_count_to(h, (int64_t)(bounds->at[i] * 1e6)));
    series_end(m, labels, h->count, (double)h->sum_us / 1e6);
}
