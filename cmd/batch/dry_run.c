/* dry_run: see dry_run.h. Sums over the rows for each model, what its limits make of them, and the first request. */
#include "cmd/batch/dry_run.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "cmd/batch/over_kafka.h"
#include "cmd/batch/prepare.h"
#include "policy/cost.h"
#include "policy/estimate.h"
#include "policy/limit.h"
#include "policy/select.h"
#include "policy/worst.h"
#include "task/provider.h"
#include "task/record.h"

#define DAY_MINUTES 1440

/* What a model has to do. */
struct load {
    const struct model *row; /* the first of its rows */
    uint64_t rows;
    uint64_t refused; /* of these, too large for the limits of every row that they accept */
    const char *refused_by;
    int64_t input, output; /* tokens: output, if answers are half as long as they may be */
    double low, middle, high;
    bool no_price;
    struct err no_high; /* why the most that it can cost is not known; empty: it is */
};

struct dry {
    const struct config *config;
    struct load loads[CONFIG_MODELS_MAX];
    size_t nloads;
    bool day_at_once; /* what a day allows may be used at once; else workers are given it evenly */
    uint64_t rows, bad;
    uint32_t passed;     /* rows of the input that were looked at */
    struct index *index; /* of them; those that --retry-failed leaves out are done */
    struct task *first;  /* the first good row */
};

/* The next row of a name from a place on, without those of weight 0, the last resort; NULL: there is none. */
static const struct model *row_of(const struct config *c, const char *model_name, size_t from)
{
    const struct model *m = config_model(c, model_name, from);

    while (m && m->weight <= 0)
        m = config_model(c, model_name, (size_t)m->index + 1);
    return m;
}

/* NULL: no row of model_list serves it. */
static struct load *load_of(struct dry *d, const char *model_name)
{
    const struct model *row = row_of(d->config, model_name, 0);

    for (size_t i = 0; row && i < d->nloads; i++) {
        if (d->loads[i].row == row)
            return &d->loads[i];
    }
    if (!row)
        return NULL;
    d->loads[d->nloads].row = row;
    return &d->loads[d->nloads++];
}

static enum service_tier tier_of(const struct task *t)
{
    return service_tier_of(json_get_str(t->body, "service_tier"));
}

/* What it costs at most, whichever row serves it, the last resort too. */
static void add_high(struct load *l, const struct config *c, const struct task *t)
{
    const char *name = l->row->model_name;
    double high = 0;

    for (const struct model *m = config_model(c, name, 0); m;
         m = config_model(c, name, (size_t)m->index + 1)) {
        double most = 0;

        if (l->no_high.msg[0] || worst_cost(m, t, &most, &l->no_high) < 0)
            return;
        high = fmax(high, most);
    }
    l->high += high;
}

/* The cheapest of its rows, and about what they take by their weights. */
static void add(struct load *l, const struct config *c, const struct task *t)
{
    struct limit_need need = estimate_task(c, t);
    int64_t input = need.tokens - need.output;
    double low = INFINITY;
    double sum = 0;
    double weights = 0;

    for (const struct model *m = l->row; m; m = row_of(c, m->model_name, (size_t)m->index + 1)) {
        double middle = cost_at_most(&m->prices, tier_of(t), input, need.output / 2);

        l->no_price |= middle < 0;
        low = fmin(low, cost_at_most(&m->prices, tier_of(t), input, 0));
        sum += middle * m->weight;
        weights += m->weight;
    }
    l->rows++;
    l->input += input;
    l->output += need.output / 2;
    l->low += low;
    l->middle += sum / weights;
    add_high(l, c, t);
}

/* Would the pool refuse it, since no row of model_list ever takes it? */
static bool is_refused(struct load *l, const struct config *c, const struct task *t)
{
    enum limit_dim dim = LIMIT_DIMS;

    if (select_candidates(c, t) != 0)
        return false;
    l->rows++;
    l->refused++;
    if (!l->refused_by && select_too_large(c, t, &dim) >= 0)
        l->refused_by = limit_name(dim);
    return true;
}

/* Takes over the task. */
static void see_row(struct dry *d, struct task *t)
{
    struct load *l = NULL;

    if (record_parse(t, d->config) != RECORD_BAD)
        l = load_of(d, t->models[0]);
    d->rows++;
    d->bad += l == NULL;
    if (l && !is_refused(l, d->config, t))
        add(l, d->config, t);
    if (l && !d->first)
        d->first = STEAL(t);
    task_free(t);
}

static int see_rows(struct dry *d, struct input *in, uint64_t limit, struct err *e)
{
    struct input_row row;

    while (limit == 0 || d->rows < limit) {
        int rc = input_next(in, &row, e);

        if (rc == INPUT_END)
            return 0;
        if (rc < 0)
            return -1;
        if (index_is_done(d->index, d->passed++))
            continue;
        if (rc == INPUT_GOOD) {
            see_row(d, input_task(&row));
            continue;
        }
        d->rows++;
        d->bad++;
    }
    return 0;
}

/* ---- in words ---- */

/* A name of the configuration or the input. */
static void put(const char *text)
{
    char *plain CLEANUP_FREE = mem_strdup(text);

    fputs(utf8_plain(plain), stdout);
}

static void print_cost(const struct load *l)
{
    if (l->no_price) {
        fputs("    cost     not known: give prices under model_info of ", stdout);
        put(l->row->model_name);
        putchar('\n');
        return;
    }
    printf("    cost     $%.4f without the answers, about $%.4f if they are half as long as they "
           "may be",
           l->low, l->middle);
    if (l->no_high.msg[0])
        printf(";\n             no bound: %s\n", l->no_high.msg);
    else
        printf(", $%.4f at most (one call each)\n", l->high);
}

/* A limit of all rows of a model together, in a minute; 0: none, since one of them has none. */
static double capacity(const struct config *c, const char *model_name,
                       int64_t (*of)(const struct model *m), double minutes)
{
    const struct model *m = row_of(c, model_name, 0);
    double sum = 0;

    for (; m; m = row_of(c, model_name, (size_t)m->index + 1)) {
        if (of(m) <= 0)
            return 0;
        sum += (double)of(m) / minutes;
    }
    return sum;
}

#define LIMIT_OF(field)                                                                            \
    static int64_t field##_of(const struct model *m)                                               \
    {                                                                                              \
        return m->field;                                                                           \
    }
LIMIT_OF(rps)
LIMIT_OF(rpm)
LIMIT_OF(rpd)
LIMIT_OF(tpm)
LIMIT_OF(tpd)
LIMIT_OF(input_tpm)
LIMIT_OF(output_tpm)

/* Minutes in which a limit of `most` a minute lets `need` through. */
static double minutes_of(double need, double most, double span, bool day_at_once)
{
    if (span < DAY_MINUTES || !day_at_once)
        return need / most;
    return fmax(ceil(need / (most * span)) - 1, 0) * span;
}

static void print_minutes(double minutes)
{
    if (minutes < 2)
        printf("%.0f s", minutes * 60);
    else if (minutes < 120)
        printf("%.0f min", minutes);
    else
        printf("%.1f h", minutes / 60);
}

static void print_time(const struct dry *d, const struct load *l)
{
    const double requests = (double)(l->rows - l->refused);
    const double tokens = (double)(l->input + l->output);
    const struct {
        const char *name;
        int64_t (*of)(const struct model *m);
        double span; /* minutes */
        double need;
    } limits[] = {
        {"rps", rps_of, 1.0 / 60, requests},
        {"rpm", rpm_of, 1, requests},
        {"rpd", rpd_of, DAY_MINUTES, requests},
        {"tpm", tpm_of, 1, tokens},
        {"tpd", tpd_of, DAY_MINUTES, tokens},
        {"input_tpm", input_tpm_of, 1, (double)l->input},
        {"output_tpm", output_tpm_of, 1, (double)l->output},
    };
    const char *by = NULL;
    double longest = 0;

    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        double most = capacity(d->config, l->row->model_name, limits[i].of, limits[i].span);

        double minutes =
            most > 0 ? minutes_of(limits[i].need, most, limits[i].span, d->day_at_once) : 0;

        if (minutes > longest) {
            longest = minutes;
            by = limits[i].name;
        }
    }
    if (!by) {
        puts("    time     no limit of requests or tokens holds it up: as fast as the provider "
             "answers");
        return;
    }
    fputs("    time     at least ", stdout);
    print_minutes(longest);
    printf(", by %s\n", by);
}

/* Keys are not shown: the model's own, nor what extra_headers hold. */
static void print_header(const struct model *m, const struct http_header *h)
{
    bool secret = m->api_key && m->api_key[0] && strstr(h->value, m->api_key);

    for (size_t i = 0; i < m->extra_headers.count; i++)
        secret |= strcasecmp(m->extra_headers.at[i].name, h->name) == 0;
    printf("%s: %s\n", h->name, secret ? "***" : h->value);
}

static int print_first(const struct dry *d, struct err *e)
{
    const struct model *m = row_of(d->config, d->first->models[0], 0);
    struct http_request r;
    int rc = 0;

    http_request_init(&r, (size_t)d->config->limits.record_bytes * 4);
    rc = m->provider->format_request(m, d->first, &r, e);
    if (rc == 0) {
        fputs("first request, of \"", stdout);
        put(d->first->id);
        printf("\"\nPOST %s\n", r.url);
        for (int i = 0; i < r.nheaders; i++)
            print_header(m, &r.headers[i]);
        if (r.aws.key_id)
            puts("(signed for AWS when it is sent)");
        if (r.body.data && isatty(STDOUT_FILENO))
            utf8_plain(r.body.data);
        printf("\n%s\n", r.body.data ? r.body.data : "");
    }
    http_request_done(&r);
    return rc < 0 ? err_wrap(e, "the first request cannot be made") : 0;
}

static int print(const struct dry *d, struct err *e)
{
    printf("dry run: nothing was sent, and the cache was not asked\n  rows       %" PRIu64
           " (%" PRIu64 " bad)\n",
           d->rows, d->bad);
    for (size_t i = 0; i < d->nloads; i++) {
        const struct load *l = &d->loads[i];

        fputs("  ", stdout);
        put(l->row->model_name);
        printf(" (%s/", l->row->provider_name);
        put(l->row->upstream_model);
        printf(")\n    rows     %" PRIu64 ", about %" PRId64 " tokens in and %" PRId64 " out\n",
               l->rows, l->input, l->output);
        if (l->refused)
            printf("    refused  %" PRIu64
                   ", since no row of model_list takes them: larger than %s\n",
                   l->refused, l->refused_by ? l->refused_by : "a limit");
        if (l->refused == l->rows)
            continue;
        print_cost(l);
        print_time(d, l);
    }
    if (d->first && print_first(d, e) < 0)
        return EX_DATAERR;
    return fflush(stdout) == 0 ? 0 : err_set(e, EX_IOERR, "cannot write to stdout");
}

int dry_run(const struct batch_options *o, struct err *e)
{
    struct dry *d CLEANUP_FREE = mem_alloc(sizeof *d);
    struct config *c = NULL;
    struct input *in = NULL;
    struct failed failed;
    int rc = EX_USAGE;

    d->index = index_new();
    if (!o->input)
        err_set(e, EX_USAGE, "name the input with -i FILE");
    else
        rc = prepare_config(o, &c, e) < 0 ? (e->code ? e->code : EX_CONFIG) : 0;
    if (rc == 0) {
        d->config = c;
        d->day_at_once = !over_kafka_wanted(o) || strcmp(c->limits_scope, "process") == 0;
        in = input_open(o->input, &o->in, (size_t)c->limits.record_bytes, e);
        rc = !in || prepare_index(in, o->input, c, o->keep_going, d->index, e) < 0 ||
                     prepare_retry(o, &failed, d->index, e) < 0 ||
                     see_rows(d, in, (uint64_t)o->limit, e) < 0
                 ? e->code
                 : print(d, e);
    }
    task_free(d->first);
    index_free(d->index);
    input_close(in);
    config_free(c);
    return rc;
}
