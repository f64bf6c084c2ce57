/* metrics: the text is what Prometheus reads, to the byte, and histograms add up. */
#include "base/metrics.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static struct buf out;
static struct metrics m = {.out = &out};

static void set_up(void)
{
    buf_init(&out, 100000);
}

static void tear_down(void)
{
    buf_done(&out);
}

TestSuite(metrics, .init = set_up, .fini = tear_down);

static void expect(const char *want)
{
    cr_expect_str_eq(out.data ? out.data : "", want);
    buf_clear(&out);
}

Test(metrics, family)
{
    static const struct {
        enum metrics_type type;
        const char *want;
    } types[] = {
        {METRICS_COUNTER, "counter"}, {METRICS_GAUGE, "gauge"}, {METRICS_HISTOGRAM, "histogram"}};
    char want[100];

    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        metrics_family(&m, "a_total", types[i].type, "Some \"a\".");
        snprintf(want, sizeof want, "# HELP a_total Some \"a\".\n# TYPE a_total %s\n",
                 types[i].want);
        expect(want);
    }
    metrics_family(&m, "a", METRICS_GAUGE, "back\\slash, line\nfeed");
    expect("# HELP a back\\\\slash, line\\nfeed\n# TYPE a gauge\n");
}

Test(metrics, numbers)
{
    static const struct {
        double value;
        const char *want;
    } rows[] = {{0, "0"},
                {1, "1"},
                {-3, "-3"},
                {0.1, "0.1"},
                {1.5e-7, "1.5e-07"},
                {0.1 + 0.2, "0.30000000000000004"},
                {4503599627370497, "4503599627370497"},
                {NAN, "NaN"},
                {INFINITY, "+Inf"},
                {-INFINITY, "-Inf"}};
    char want[80];

    m.name = "a";
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        metrics_sample(&m, METRICS_NONE, rows[i].value);
        snprintf(want, sizeof want, "a %s\n", rows[i].want);
        expect(want);
    }
    metrics_count(&m, METRICS_NONE, UINT64_MAX);
    expect("a 18446744073709551615\n");
}

Test(metrics, labels)
{
    m.name = "a";
    metrics_sample(&m, METRICS_LABELS({"model", "fast"}), 1);
    expect("a{model=\"fast\"} 1\n");
    metrics_count(&m, METRICS_LABELS({"model", "say \"hi\""}, {"path", "a\\b\nc"}), 2);
    expect("a{model=\"say \\\"hi\\\"\",path=\"a\\\\b\\nc\"} 2\n");
    metrics_count(&m,
                  METRICS_LABELS({"model", "gr\xc3\xb6\xc3\x9f"
                                           "er"}),
                  2);
    expect("a{model=\"gr\xc3\xb6\xc3\x9f"
           "er\"} 2\n");
}

Test(metrics, buckets)
{
    static const struct metrics_bounds bounds = {3, {0.5, 1, 2.5}};
    static const double values[] = {0.1, 0.5, 0.50001, 1, 2.4, 99};
    struct metrics_buckets b = {0}, sum = {0};

    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        metrics_record(&b, &bounds, values[i]);
    m.name = "t_seconds";
    metrics_buckets(&m, METRICS_LABELS({"x", "y"}), &b, &bounds);
    expect("t_seconds_bucket{x=\"y\",le=\"0.5\"} 2\n"
           "t_seconds_bucket{x=\"y\",le=\"1\"} 4\n"
           "t_seconds_bucket{x=\"y\",le=\"2.5\"} 5\n"
           "t_seconds_bucket{x=\"y\",le=\"+Inf\"} 6\n"
           "t_seconds_sum{x=\"y\"} 103.50001\n"
           "t_seconds_count{x=\"y\"} 6\n");
    metrics_add(&sum, &b);
    metrics_add(&sum, &b);
    metrics_buckets(&m, METRICS_NONE, &sum, &bounds);
    expect("t_seconds_bucket{le=\"0.5\"} 4\n"
           "t_seconds_bucket{le=\"1\"} 8\n"
           "t_seconds_bucket{le=\"2.5\"} 10\n"
           "t_seconds_bucket{le=\"+Inf\"} 12\n"
           "t_seconds_sum 207.00002\n"
           "t_seconds_count 12\n");
}

Test(metrics, fine_histogram)
{
    static const struct metrics_bounds bounds = {2, {0.1, 10}};
    struct hist h = {0};

    hist_record(&h, 50000);
    hist_record(&h, 60000);
    hist_record(&h, 2000000);
    hist_record(&h, 3000000000);
    m.name = "t";
    metrics_hist(&m, METRICS_NONE, &h, &bounds);
    expect("t_bucket{le=\"0.1\"} 2\n"
           "t_bucket{le=\"10\"} 3\n"
           "t_bucket{le=\"+Inf\"} 4\n"
           "t_sum 3002.11\n"
           "t_count 4\n");
}

Test(metrics, a_page_that_is_too_large_says_so)
{
    buf_init(&out, 20);
    metrics_family(&m, "a_long_name_total", METRICS_COUNTER, "Help.");
    cr_expect(out.over);
}
