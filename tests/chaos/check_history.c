/*
 * check_history: judges a chaos run from what the broker, its log files and the simulator hold afterwards.
 *
 *   check_history --broker HOST:PORT --group G --requests T --replies T [--log-dir DIR] [--stats FILE]
 *                 [--delivery exactly_once|at_least_once] [--in-flight N] [--max-per-partition N]
 *                 [--max-in-flight N] [--wait-limit-ms N]
 *   check_history --progress --broker ... --group ... --requests ...
 *
 * One line of JSON on stdout, the findings on stderr. Exit code 0: no violation; 1: one; else: could not
 * check. With --progress it prints "TOTAL DONE" of the request topic.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/buf.h"
#include "tests/chaos/load.h"

#define SETTLE_MS 90000

enum { VIOLATION = 1 };

struct options {
    struct load load;
    bool progress;
    uint64_t in_flight; /* calls in flight, summed over the kills */
    int64_t wait_limit_ms;
};

static const struct option names[] = {{"broker", required_argument, NULL, 'b'},
                                      {"group", required_argument, NULL, 'g'},
                                      {"requests", required_argument, NULL, 'r'},
                                      {"replies", required_argument, NULL, 'p'},
                                      {"log-dir", required_argument, NULL, 'l'},
                                      {"stats", required_argument, NULL, 's'},
                                      {"delivery", required_argument, NULL, 'd'},
                                      {"in-flight", required_argument, NULL, 'f'},
                                      {"max-per-partition", required_argument, NULL, 'm'},
                                      {"max-in-flight", required_argument, NULL, 'w'},
                                      {"wait-limit-ms", required_argument, NULL, 't'},
                                      {"progress", no_argument, NULL, 'P'},
                                      {0}};

static uint64_t number(const char *text)
{
    char *end;
    uint64_t v = strtoull(text, &end, 10);

    if (*end || end == text) {
        fprintf(stderr, "check_history: %s is no number\n", text);
        exit(EX_USAGE);
    }
    return v;
}

/* The text options: where each of them goes. */
static const char **text_of(struct load *l, int c)
{
    switch (c) {
    case 'b':
        return &l->broker;
    case 'g':
        return &l->group;
    case 'r':
        return &l->requests;
    case 'p':
        return &l->replies;
    case 'l':
        return &l->log_dir;
    case 's':
        return &l->stats;
    default:
        return NULL;
    }
}

static bool take_option(struct options *o, int c)
{
    struct load *l = &o->load;
    const char **text = text_of(l, c);

    if (text) {
        *text = optarg;
        return true;
    }
    switch (c) {
    case 'd':
        l->exactly_once = strcmp(optarg, "exactly_once") == 0;
        return l->exactly_once || strcmp(optarg, "at_least_once") == 0;
    case 'f':
        o->in_flight = number(optarg);
        return true;
    case 'm':
        l->moves.max_per_partition = number(optarg);
        return true;
    case 'w':
        l->moves.max_per_owner = number(optarg);
        return true;
    case 't':
        o->wait_limit_ms = (int64_t)number(optarg);
        return true;
    case 'P':
        o->progress = true;
        return true;
    default:
        return false;
    }
}

static void print_findings(const struct history *h)
{
    for (int v = 0; v < VERDICTS; v++) {
        const struct history_finding *f = &h->found[v];

        for (uint64_t i = 0; i < f->count && i < HISTORY_EXAMPLES; i++)
            fprintf(stderr, "%s: %s\n", verdict_names[v], f->example[i]);
        if (f->count > HISTORY_EXAMPLES)
            fprintf(stderr, "%s: %" PRIu64 " in all\n", verdict_names[v], f->count);
    }
}

static void put(struct buf *b, const char *name, uint64_t value)
{
    buf_printf(b, "%s\"%s\":%" PRIu64, b->len > 1 ? "," : "", name, value);
}

static void put_transactions(struct buf *b, const struct load *l)
{
    uint64_t commits = 0, aborts = 0, aborted = 0;

    for (int32_t i = 0; l->segments && i < l->reply_partitions; i++) {
        commits += l->segments[i].commits;
        aborts += l->segments[i].aborts;
        aborted += l->segments[i].aborted;
    }
    if (!l->segments)
        return;
    put(b, "commit_markers", commits);
    put(b, "abort_markers", aborts);
    put(b, "aborted_replies", aborted);
}

static void put_p2(struct buf *b, const struct options *o, const struct history_bound *bound)
{
    const struct history *h = o->load.history;

    if (!bound->counted)
        return;
    put(b, "calls", h->calls);
    put(b, "repeated_calls", h->repeated_calls);
    put(b, "calls_allowed", h->inputs + bound->in_flight + bound->moved);
    put(b, "in_flight_at_kills", bound->in_flight);
    put(b, "open_at_moves", bound->moved);
}

static void print_json(struct options *o, const struct history_bound *bound,
                       const struct waits_result *waits)
{
    const struct load *l = &o->load;
    const struct history *h = l->history;
    struct buf b = BUF_INIT(16384);

    buf_char(&b, '{');
    put(&b, "violations", history_violations(h));
    put(&b, "inputs", h->inputs);
    put(&b, "replies", h->replies);
    put(&b, "replies_uncommitted", l->all_replies);
    put(&b, "done", h->done);
    put(&b, "commits", h->commits);
    for (int v = 0; v < VERDICTS; v++)
        put(&b, verdict_names[v], h->found[v].count);
    put_transactions(&b, l);
    put_p2(&b, o, bound);
    put(&b, "generations", l->moves.generations);
    put(&b, "partitions_moved", l->moves.moved);
    put(&b, "longest_publish_ms", (uint64_t)waits->publish_ms);
    put(&b, "longest_partition_gap_ms", (uint64_t)waits->partition_ms);
    put(&b, "tasks_over_rebalance", waits->over_rebalance);
    put(&b, "rebalance_publish_ms", (uint64_t)waits->rebalance_publish_ms);
    put(&b, "rebalance_standstill_ms", (uint64_t)waits->rebalance_standstill_ms);
    buf_char(&b, '}');
    puts(b.data);
    buf_done(&b);
}

static int check(struct options *o)
{
    struct load *l = &o->load;
    struct history_bound bound = {0};
    struct waits_result waits;
    struct err e = {0};
    int code;

    if (load_all(l, &e) < 0) {
        fprintf(stderr, "check_history: %s\n", e.msg);
        return e.code ? e.code : EX_SOFTWARE;
    }
    if (l->open_offsets && !l->segments)
        history_found(l->history, HANGING, "%" PRIu64 " offsets behind the last stable one",
                      l->open_offsets);
    bound = (struct history_bound){l->stats, o->in_flight, l->moves.exposed};
    history_judge(l->history, &bound);
    waits_judge(&l->waits, &l->moves, o->wait_limit_ms, l->history, &waits);
    print_findings(l->history);
    print_json(o, &bound, &waits);
    code = history_violations(l->history) ? VIOLATION : 0;
    load_done(l);
    return code;
}

static int progress(const struct options *o)
{
    uint64_t total, done;
    struct err e = {0};

    if (load_progress(&o->load, &total, &done, &e) < 0) {
        fprintf(stderr, "check_history: %s\n", e.msg);
        return e.code ? e.code : EX_SOFTWARE;
    }
    printf("%" PRIu64 " %" PRIu64 "\n", total, done);
    return 0;
}

int main(int argc, char **argv)
{
    static struct options o;
    int c;

    o.load.exactly_once = true;
    o.load.settle_ms = SETTLE_MS;
    o.load.moves.max_per_partition = o.load.moves.max_per_owner = UINT32_MAX;
    while ((c = getopt_long(argc, argv, "", names, NULL)) >= 0)
        if (!take_option(&o, c))
            return EX_USAGE;
    if (!o.load.broker || !o.load.group || !o.load.requests || (!o.progress && !o.load.replies)) {
        fprintf(stderr, "check_history: --broker, --group, --requests and --replies are needed\n");
        return EX_USAGE;
    }
    return o.progress ? progress(&o) : check(&o);
}
