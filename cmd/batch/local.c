/*
 * local: wires feeder, pool and writer together and watches them. Decides when the run is over: all rows
 * written, a signal, or nothing left that could answer.
 */
#include "cmd/batch/local.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cmd/explain_view.h"
#include "cmd/batch/feeder.h"
#include "cmd/batch/spend.h"
#include "cmd/batch/writer.h"
#include "cmd/signals.h"
#include "pool/pool.h"

#define TICK_MS 100
#define UNREACHABLE_US                                                                             \
    10000000 /* no answer at all for so long, and only failures to connect: stop */

struct run {
    const struct local_job *j;
    struct pool *pool;
    struct feeder *feeder;
    struct writer *writer;
    int notify_fd;
    int signals; /* how many have come */
    int last_signal;
    int64_t started_us;
    int64_t drain_since_us; /* 0: not draining */
    int stop_code;          /* exit code chosen by a stop that is no signal */
    struct err stop;
    struct tally *tally; /* filled at the end */
    struct pool_stats stats;
    struct buf held_up; /* words for the report */
    struct writer_view written;
    struct feeder_view fed;
};

static int64_t pool_room_fn(const void *p)
{
    return pool_room(p);
}

static void pool_submit_fn(void *p, struct list_node *tasks)
{
    pool_submit(p, tasks);
}

static void pool_release_fn(void *p, int64_t n)
{
    pool_release(p, n);
}

static int start(struct run *r, struct err *e)
{
    const struct local_job *j = r->j;
    struct writer_setup ws = {.out = j->out,
                              .errors = j->errors,
                              .store = j->store,
                              .job = j->job,
                              .notify_fd = r->notify_fd};
    struct feeder_setup fs = {.config = j->config,
                              .job = j->job,
                              .input = j->input,
                              .index = j->index,
                              .limit = j->limit};
    struct pool_setup ps = {
        .config = j->config, .store = j->store, .book = j->book, .traces = j->traces};
    struct intake intake = {
        .room = pool_room_fn, .submit = pool_submit_fn, .release = pool_release_fn};

    r->writer = writer_new(&ws, e);
    if (!r->writer)
        return -1;
    fs.writer = r->writer;
    r->feeder = feeder_new(&fs);
    ps.sink = writer_sink(r->writer);
    ps.source = feeder_source(r->feeder);
    r->pool = pool_new(&ps, e);
    if (!r->pool)
        return -1;
    intake.pool = r->pool;
    writer_set_intake(r->writer, &intake);
    return feeder_start(r->feeder, &intake, e);
}

static void begin_drain(struct run *r)
{
    if (r->drain_since_us)
        return;
    r->drain_since_us = clock_mono_us();
    feeder_stop(r->feeder);
    pool_drain(r->pool);
}

static void stop_with(struct run *r, int code, const char *why, const char *advice)
{
    r->stop_code = code;
    err_set(&r->stop, code, "%s (last: %s); %s", why,
            r->stats.last_failure[0] ? r->stats.last_failure : "no call was made", advice);
    begin_drain(r);
}

/* Do all that the pool holds lack money, with no room for a row that does not? */
static bool all_broke(const struct run *r)
{
    const struct pool_stats *s = &r->stats;

    return s->money_waits > 0 && s->money_waits == s->waiting && !s->calling && !s->delayed &&
           !s->storing && (r->fed.ended || pool_room(r->pool) == 0);
}

static void check_budget(struct run *r)
{
    char words[160];

    if (r->drain_since_us || (!r->stats.money_out && !all_broke(r)))
        return;
    spend_words(&r->stats.budget, words, sizeof words);
    r->stop_code = EX_TEMPFAIL;
    if (r->stats.money_out)
        err_set(&r->stop, EX_TEMPFAIL,
                "paused: the budget is used up (%s); nothing is lost: the same command with a "
                "higher --max-cost or --max-requests (or budget: in the configuration) goes on",
                words);
    else
        err_set(&r->stop, EX_TEMPFAIL,
                "paused: the budgets of all tenants that still have rows are used up (%s in all); "
                "nothing is lost: raise them below tenants: and run the same command again",
                words);
    begin_drain(r);
}

/* Does all that the pool holds wait for routes that are off, with no room for a row that does not? */
static bool all_stranded(const struct run *r)
{
    const struct pool_stats *s = &r->stats;

    return s->stranded > 0 && s->stranded == s->waiting && !s->calling && !s->delayed &&
           !s->storing && (r->fed.ended || pool_room(r->pool) == 0);
}

/* Is there still a route that could answer? Waiting for hours for a key that is wrong helps nobody. */
static void check_routes(struct run *r, int64_t now_us)
{
    size_t off = 0;
    size_t i = 0;
    bool none_left = false, without_key = false;
    enum error_class class = CLASS_UNKNOWN;
    const struct pool_stats *s = &r->stats;

    for (i = 0; i < r->j->config->nmodels; i++) {
        off += s->route[i].off;
        if (!s->route[i].off)
            continue;
        class = s->route[i].off_class;
        without_key |= class == CLASS_CREDENTIAL && !*r->j->config->models[i].api_key;
    }
    none_left = off > 0 && (off == r->j->config->nmodels || all_stranded(r));
    if (r->drain_since_us)
        return;
    if (none_left && class == CLASS_QUOTA)
        stop_with(r, EX_TEMPFAIL, "paused: out of credit or quota",
                  "nothing is lost: run the same command again when there is credit");
    else if (none_left)
        stop_with(
            r, EX_NOPERM, "every model refuses to answer",
            without_key
                ? "no key was sent, since a vendor's usual variable is for its own address only: "
                  "name one with --api-key-env or as api_key in model_list, and run it again"
                : "nothing is lost: correct the key or the model and run the same command again");
    else if (s->succeeded == 0 && s->calls > 0 &&
             s->calls == s->failures[CLASS_TRANSPORT] + s->failures[CLASS_BAD_RESPONSE] &&
             now_us - r->started_us > UNREACHABLE_US)
        stop_with(r, EX_UNAVAILABLE,
                  "no provider can be reached or gives an answer that can be read",
                  "nothing is lost: check api_base and the network and run the same command again");
}

static void show(struct run *r, int64_t now_us, bool force)
{
    const struct pool_stats *s = &r->stats;
    const struct tally_sums *t = &r->written.sums;
    struct progress_view v = {.done = index_done(r->j->index) + t->done,
                              .total = index_wanted(r->j->index),
                              .resumed = index_done(r->j->index),
                              .cached = t->hits,
                              .coalesced = t->coalesced,
                              .failed = t->failed,
                              .retrying = s->waiting + s->delayed,
                              .in_flight = s->calling,
                              .calls = s->calls,
                              .input_tokens = t->input_tokens,
                              .output_tokens = t->output_tokens,
                              .cost_usd = t->cost_usd,
                              .cost_unknown = t->cost_unknown};

    explain_now(r->j->config, s, v.limited_by, sizeof v.limited_by);
    snprintf(v.phase, sizeof v.phase, "%s",
             r->written.failing  ? "output full, waiting"
             : r->drain_since_us ? "draining"
                                 : "running");
    progress_show(r->j->progress, &v, now_us, force);
}

static void look(struct run *r)
{
    pool_stats(r->pool, &r->stats);
    feeder_look(r->feeder, &r->fed);
    writer_look(r->writer, &r->written);
}

static bool is_over(struct run *r, int64_t now_us)
{
    bool all_written = r->fed.ended && r->written.written + r->written.given_back >= r->fed.fed;

    if (r->signals > 1 || r->written.closed)
        return true;
    if (all_written)
        return true;
    if (!r->drain_since_us)
        return false;
    return pool_unfinished(r->pool) == 0 ||
           now_us - r->drain_since_us > r->j->config->pool.drain_timeout_ms * 1000;
}

static void watch(struct run *r)
{
    int64_t now_us = 0;

    for (;;) {
        int sig = signals_wait(r->j->signal_fd, r->notify_fd, TICK_MS);

        if (sig) {
            r->signals++;
            r->last_signal = sig;
            begin_drain(r);
        }
        now_us = clock_mono_us();
        look(r);
        if (is_over(r, now_us))
            return;
        check_routes(r, now_us);
        check_budget(r);
        show(r, now_us, false);
    }
}

static int exit_code(const struct run *r, struct err *e)
{
    if (r->signals) {
        err_set(e, 0, "stopped by a signal; nothing is lost: run the same command again to go on");
        return 128 + r->last_signal;
    }
    if (r->stop_code) {
        *e = r->stop;
        return r->stop_code;
    }
    if (r->fed.failed) {
        *e = r->fed.err;
        return r->fed.err.code ? r->fed.err.code : EX_IOERR;
    }
    return r->tally->failed > 0 ? 1 : 0;
}

/* What held the run up, once the pool has stopped. */
static void explain(struct run *r)
{
    const struct config *c = r->j->config;
    struct pool_route *routes CLEANUP_FREE = mem_alloc(c->nmodels * sizeof *routes);
    struct pool_explain *held CLEANUP_FREE = mem_alloc(sizeof *held);
    struct explain_source s = {.config = c, .pool = &r->stats, .routes = routes, .explain = held};

    pool_routes(r->pool, routes);
    pool_explain(r->pool, held);
    explain_report(&s, &r->held_up);
}

/* Ends the threads in the order in which work flows, so that whatever is finished reaches the files. */
static int finish(struct run *r, struct err *e)
{
    int rc = 0;

    if (r->feeder)
        feeder_join(r->feeder);
    if (r->pool) {
        pool_stop(r->pool);
        pool_stats(r->pool, &r->stats);
        explain(r);
    }
    if (r->writer) {
        rc = writer_stop(r->writer, e);
        writer_look(r->writer, &r->written);
        writer_tally(r->writer, r->tally);
    }
    pool_free(r->pool);
    feeder_free(r->feeder);
    writer_free(r->writer);
    return rc;
}

int local_run(const struct local_job *j, struct tally *ret_tally, struct local_end *ret_end,
              struct err *e)
{
    struct run r = {.j = j,
                    .tally = ret_tally,
                    .started_us = clock_mono_us(),
                    .held_up = BUF_INIT(EXPLAIN_TEXT_MAX)};
    int code = EX_OSERR;

    r.notify_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (r.notify_fd < 0)
        err_set(e, EX_OSERR, "cannot make an eventfd: %s", strerror(errno));
    else if (start(&r, e) == 0) {
        watch(&r);
        show(&r, clock_mono_us(), true);
        code = 0;
    }
    if (finish(&r, e) < 0)
        code = EX_IOERR;
    if (code == 0)
        code = exit_code(&r, e);
    *ret_end =
        (struct local_end){.calls = r.stats.calls, .budget = r.stats.budget, .held_up = r.held_up};
    if (r.notify_fd >= 0)
        close(r.notify_fd);
    return code;
}
