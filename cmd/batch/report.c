/* report: the numbers of a job as one object, and the page that shows it (cmd/web). */
#include "cmd/batch/report.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "cmd/jobs/whole_file.h"
#include "cmd/web/web.h"

#define BARS       40
#define FASTEST_US 1000
#define REPORT_MAX ((size_t)16 << 20)

static void put_quantiles(struct json_object *o, const struct hist *h)
{
    json_add_num(o, "p50_ms", (double)hist_quantile(h, 0.5) / 1000);
    json_add_num(o, "p95_ms", (double)hist_quantile(h, 0.95) / 1000);
    json_add_num(o, "p99_ms", (double)hist_quantile(h, 0.99) / 1000);
}

/* Bars whose edges grow by the same factor, from the fastest task to the slowest. */
static void put_bars(struct json_object *o, const struct hist *h)
{
    struct json_object *edges = json_add_list(o, "bar_ms");
    struct json_object *counts = json_add_list(o, "bar_tasks");
    double low = (double)hist_quantile(h, 0) / 1.05;
    double high = (double)hist_quantile(h, 1);
    uint64_t below = 0;

    if (h->count == 0)
        return;
    if (low < FASTEST_US)
        low = FASTEST_US; /* what shared a call or was cached stands in the first bar */
    if (high < 2 * low)
        high = 2 * low;
    for (int i = 1; i <= BARS; i++) {
        double edge = low * pow(high / low, (double)i / BARS);
        uint64_t to = i == BARS ? h->count : hist_count_to(h, (int64_t)edge);

        json_object_array_add(edges, json_object_new_double(edge / 1000));
        json_object_array_add(counts, json_object_new_int64((int64_t)(to - below)));
        below = to;
    }
}

static void put_totals(struct json_object *o, const struct tally *t, const struct tally_totals *n,
                       int64_t now_wall_ms)
{
    char ended[32];

    clock_format_rfc3339(now_wall_ms, ended, sizeof ended);
    json_add_str(o, "version", SLUICE_VERSION);
    json_add_str(o, "what", n->what);
    json_add_str(o, "output", n->output);
    json_add_str(o, "error_file", n->error_file);
    json_add_str(o, "ended_at", ended);
    json_add_int(o, "elapsed_ms", n->elapsed_ms);
    json_add_int(o, "total", (int64_t)n->total);
    json_add_int(o, "resumed", (int64_t)n->resumed);
    json_add_int(o, "done", (int64_t)t->done);
    json_add_int(o, "succeeded", (int64_t)t->ok);
    json_add_int(o, "failed", (int64_t)t->failed);
    json_add_int(o, "hits", (int64_t)t->hits);
    json_add_int(o, "coalesced", (int64_t)t->coalesced);
    if (n->calls != UINT64_MAX)
        json_add_int(o, "calls", (int64_t)n->calls);
    json_add_int(o, "input_tokens", t->input_tokens);
    json_add_int(o, "output_tokens", t->output_tokens);
    json_add_num(o, "cost_usd", t->cost_usd);
    json_add_int(o, "cost_unknown", (int64_t)t->cost_unknown);
    put_quantiles(o, &t->latency);
    put_bars(o, &t->latency);
}

static void put_models(struct json_object *root, const struct tally *t)
{
    struct json_object *list = json_add_list(root, "models");

    for (int i = 0; i < t->nmodels; i++) {
        const struct tally_model *m = &t->models[i];
        struct json_object *o = json_object_new_object();

        json_object_array_add(list, o);
        json_add_str(o, "model", m->name);
        json_add_int(o, "answers", (int64_t)m->ok);
        json_add_int(o, "cached", (int64_t)m->cached);
        json_add_int(o, "input_tokens", m->input_tokens);
        json_add_int(o, "output_tokens", m->output_tokens);
        json_add_num(o, "cost_usd", m->cost_usd);
        put_quantiles(o, &m->latency);
    }
}

static void put_failures(struct json_object *root, const struct tally *t)
{
    struct json_object *list = json_add_list(root, "failures");

    for (int i = 0; i <= TALLY_KINDS; i++) {
        const struct tally_kind *k = &t->kinds[i];
        struct json_object *o = NULL;

        if (!k->count)
            continue;
        o = json_object_new_object();
        json_object_array_add(list, o);
        json_add_str(o, "code", k->code);
        json_add_int(o, "count", (int64_t)k->count);
        json_add_str(o, "sample", k->sample_id);
    }
}

static void put_points(struct json_object *root, const struct timeline *line)
{
    struct json_object *o = json_object_new_object();
    struct json_object *at = json_add_list(o, "at_ms");
    struct json_object *done = json_add_list(o, "done");
    struct json_object *failed = json_add_list(o, "failed");
    struct json_object *cached = json_add_list(o, "cached");
    struct json_object *running = json_add_list(o, "in_flight");
    struct json_object *waiting = json_add_list(o, "waiting");
    struct json_object *cost = json_add_list(o, "cost_usd");
    struct json_object *limit = json_add_list(o, "limit");

    json_object_object_add(root, "timeline", o);
    for (size_t i = 0; i < line->count; i++) {
        const struct timeline_point *p = &line->at[i];

        json_object_array_add(at, json_object_new_int64(p->at_us / 1000));
        json_object_array_add(done, json_object_new_int64((int64_t)p->done));
        json_object_array_add(failed, json_object_new_int64((int64_t)p->failed));
        json_object_array_add(cached, json_object_new_int64((int64_t)p->cached));
        json_object_array_add(running, json_object_new_int64(p->in_flight));
        json_object_array_add(waiting, json_object_new_int64(p->waiting));
        json_object_array_add(cost, json_object_new_double(p->cost_usd));
        json_object_array_add(limit, json_object_new_int(p->limit));
    }
}

static void put_limits(struct json_object *root, const struct timeline *line)
{
    struct json_object *list = json_add_list(root, "limits");

    for (size_t i = 0; i < line->nlimits; i++) {
        struct json_object *o = json_object_new_object();

        json_object_array_add(list, o);
        json_add_str(o, "name", line->limits[i].name);
        json_add_num(o, "ms", (double)line->limits[i].us / 1000);
    }
}

/* What is there already is replaced only where it is empty or a page, such as an older report: never the input, or
 * answers that were paid for. */
static int check_place(const char *path, struct err *e)
{
    static const char begin[] = "<!doctype html>";
    char text[sizeof begin] = "";
    struct stat st;
    ssize_t n = 0;
    int fd = -1;

    if (stat(path, &st) < 0)
        return 0;
    if (!S_ISREG(st.st_mode))
        return err_set(e, EX_CANTCREAT, "--report %s is no file; name one", path);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = fd < 0 ? -1 : read(fd, text, sizeof begin - 1);
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return err_set(e, EX_CANTCREAT, "--report %s cannot be read: %s", path, strerror(errno));
    if (n > 0 && strcmp(text, begin) != 0)
        return err_set(e, EX_CANTCREAT,
                       "--report %s holds something that is no report; name another file", path);
    return 0;
}

int report_check(const char *path, const char *output, struct err *e)
{
    char folder[4096];
    const char *slash = path ? strrchr(path, '/') : NULL;

    if (!path)
        return 0;
    if (!*path || (output && strcmp(path, output) == 0))
        return err_set(e, EX_USAGE, "--report wants a file of its own, such as --report run.html");
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1,
             slash ? path : ".");
    if (access(folder, W_OK | X_OK) < 0 || (access(path, F_OK) == 0 && access(path, W_OK) < 0))
        return err_set(e, EX_CANTCREAT, "--report %s cannot be written: %s", path, strerror(errno));
    return check_place(path, e);
}

int report_write(const char *path, const struct tally *t, const struct tally_totals *n,
                 const struct timeline *line, int64_t now_wall_ms, struct err *e)
{
    CLEANUP_JSON struct json_object *root = json_object_new_object();
    struct buf page = BUF_INIT(REPORT_MAX);
    int rc = 0;

    if (!path)
        return 0;
    if (check_place(path, e) < 0) /* it may be there since the start, as the output is */
        return -1;
    put_totals(root, t, n, now_wall_ms);
    put_models(root, t);
    put_failures(root, t);
    put_limits(root, line);
    put_points(root, line);
    web_report(root, &page);
    rc = page.over ? err_set(e, EX_SOFTWARE, "the report is larger than %zu bytes", REPORT_MAX)
                   : whole_file_replace(path, &page, false, e);
    buf_done(&page);
    return rc;
}

int report_failed(int rc, const struct err *why, struct err *e)
{
    if (rc) {
        fprintf(stderr, "%s\n", why->msg);
        return rc;
    }
    *e = *why;
    return EX_CANTCREAT;
}
