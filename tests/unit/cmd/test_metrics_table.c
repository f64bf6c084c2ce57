/*
 * metrics_table: each row is well named, is written, and has the labels that it says and no others; and what is
 * written does not grow with what goes through the worker.
 */
#include "cmd/admin/metrics_table.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <string.h>

#include "base/mem.h"

#define NOW_US  (5000 * 1000000LL)
#define TASK_ID "a-task-id"
#define KEY     "sk-a-key"

static struct model model = {.model_name = (char *)"fast",
                             .provider_name = (char *)"openai",
                             .upstream_model = (char *)"up",
                             .api_key = (char *)KEY,
                             .rps = 1,
                             .rpm = 1,
                             .rpd = 1,
                             .tpm = 1,
                             .input_tpm = 1,
                             .output_tpm = 1,
                             .tpd = 1,
                             .max_parallel_requests = 1};
static struct config config = {.models = &model, .nmodels = 1};
static struct process_stats process = {1, 1, 1, 1, 1, 1, 1};

/* A worker of which every number is at least `byte`, so that nothing is left out. */
static char *page_of_all(int byte)
{
    size_t size = sizeof(struct snapshot) + sizeof(struct pool_route);
    struct snapshot *s = mem_alloc(size);
    struct view v = {&config, s, &process, NOW_US, 0};
    struct buf page = BUF_INIT(4 << 20);

    memset(s, byte, size);
    s->taken_us = NOW_US;
    s->signs = (struct health_signs){.member = true};
    s->store_failing = s->pool.money_out = s->pool.budget.on = s->intake.member = true;
    s->pool.budget.max_cost = 1;
    s->pool.route[0].off = s->pool.route[0].cooling = s->pool.route[0].probing = true;
    s->pool.route[0].stopped = s->hangs = s->exact = true;
    snprintf(s->pool.last_failure, sizeof s->pool.last_failure, TASK_ID);
    for (int i = 0; i < CLASS_COUNT; i++)
        s->routes[0].last[i] = (struct pool_sample){1, 500, TASK_ID};
    for (int i = 0; i < POOL_ENDS; i++)
        s->pool.last_end[i] = (struct pool_sample){1, 500, TASK_ID};
    metrics_page(&v, &page);
    cr_assert_not(page.over);
    free(s);
    return buf_steal(&page, &size);
}

static const struct metric *find(const char *name)
{
    const struct metric *row = metrics_table;

    while (row->name && strcmp(row->name, name) != 0)
        row++;
    return row->name ? row : NULL;
}

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), k = strlen(end);

    return n > k && strcmp(name + n - k, end) == 0;
}

Test(metrics_table, names_and_helps)
{
    for (const struct metric *row = metrics_table; row->name; row++) {
        cr_expect(strncmp(row->name, "sluice_", 7) == 0 || strncmp(row->name, "process_", 8) == 0 ||
                      strncmp(row->name, "gen_ai_client_", 14) == 0,
                  "%s", row->name);
        cr_expect_eq(ends_with(row->name, "_total"), row->type == METRICS_COUNTER, "%s", row->name);
        cr_expect_not(ends_with(row->name, "_ms") || ends_with(row->name, "_us"), "%s", row->name);
        cr_expect(isupper((unsigned char)*row->help) || isdigit((unsigned char)*row->help),
                  "%s: %s", row->name, row->help);
        cr_expect(ends_with(row->help, "."), "%s: %s", row->name, row->help);
        cr_expect_eq(find(row->name), row, "%s stands twice", row->name);
    }
}

/* Is this one of the row's labels? */
static bool has_label(const struct metric *row, const char *label, size_t n)
{
    char list[300], *word, *rest;

    snprintf(list, sizeof list, "%s %s %s", row->form == METRIC_ROUTES ? METRICS_ROUTE_LABELS : "",
             row->labels ? row->labels : "", row->type == METRICS_HISTOGRAM ? "le" : "");
    for (word = strtok_r(list, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        if (strlen(word) == n && strncmp(word, label, n) == 0)
            return true;
    return false;
}

/* {a="x",b="y"} of a line; values have no quotes here. How many there were. */
static int check_labels(const struct metric *row, const char *line)
{
    const char *at = strchr(line, '{');
    int count = 0;

    for (; at && *at != '}'; count++) {
        size_t n = strcspn(++at, "=");

        cr_expect(has_label(row, at, n), "%s has no label %.*s", row->name, (int)n, at);
        at += n + 2;
        at += strcspn(at, "\"") + 1;
    }
    return count;
}

static int words(const char *text)
{
    int n = text && *text;

    for (; text && *text; text++)
        n += *text == ' ';
    return n;
}

Test(metrics_table, each_row_is_written_with_its_labels)
{
    CLEANUP_FREE char *page = page_of_all(1);
    const struct metric *row = metrics_table;
    char *line, *rest;
    int samples = 0;

    for (line = strtok_r(page, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "# TYPE ", 7) == 0)
            continue;
        if (strncmp(line, "# HELP ", 7) != 0) {
            int want = words(row->labels) +
                       (row->form == METRIC_ROUTES ? words(METRICS_ROUTE_LABELS) : 0) +
                       (strstr(line, "_bucket{") ? 1 : 0);
            int got = check_labels(row, line);

            cr_expect(got == want || (got == want - 1 && strstr(row->labels, "error_type")), "%s",
                      line);
            samples++;
            continue;
        }
        if (row != metrics_table || samples > 0) {
            cr_expect_gt(samples, 0, "%s has no sample", row->name);
            row++;
        }
        samples = 0;
        cr_assert(row->name && strncmp(line + 7, row->name, strlen(row->name)) == 0,
                  "not in the table, or not in its order: %s", line);
    }
    cr_expect_null(row[1].name, "%s is not on the page", row[1].name);
}

static size_t lines_of(const char *page)
{
    size_t n = 0;

    for (; *page; page++)
        n += *page == '\n';
    return n;
}

Test(metrics_table, series_do_not_grow_with_the_work)
{
    CLEANUP_FREE char *some = page_of_all(1);
    CLEANUP_FREE char *much = page_of_all(0x1f);

    cr_expect_eq(lines_of(some), lines_of(much));
    cr_expect_null(strstr(some, TASK_ID), "what a client sent became a label");
    cr_expect_null(strstr(some, KEY));
}
