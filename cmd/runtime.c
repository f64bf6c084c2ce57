/*
 * runtime: wires pool, store and the Kafka side together and takes them apart in the order in which
 * nothing is lost. It decides nothing about tasks. Runs on the main thread.
 */
#include "cmd/runtime.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hist.h"
#include "base/log.h"
#include "base/mem.h"
#include "cmd/signals.h"

#define TICK_MS       200
#define DRAIN_TICK_MS 20
#define HANG_TICKS    300 /* a minute; the longest wait of the intake is a few seconds */
#define BOUNCE_MS     50
#define SAY_US        (10 * 1000000LL)
#define FLUSH_MS      15000 /* for replies on their way when the worker ends */
#define DEV_FLUSH_MS  1000  /* an embedded broker may be full, and it ends with us */
#define SETTLE_MS     5000
#define GIVE_UP_S     60 /* a shutdown that hangs is cut off: everything needed is durable by then */

void runtime_property(struct config *c, const char *name, const char *value)
{
    struct property_list *l = &c->kafka;

    for (size_t i = 0; i < l->count; i++)
        if (strcmp(l->at[i].name, name) == 0) {
            free(l->at[i].value);
            l->at[i].value = mem_strdup(value);
            return;
        }
    l->at = mem_grow(l->at, l->count + 1, sizeof *l->at);
    l->at[l->count++] = (struct property){mem_strdup(name), mem_strdup(value), 0};
}

/* A worker that is paused has no room: records wait where they wait when it is full. */
static int64_t room(const void *arg)
{
    const struct runtime *r = arg;

    return watch_is_paused(r->watch) ? 0 : pool_room(r->pool);
}

static void submit(void *arg, struct list_node *tasks)
{
    pool_submit(((struct runtime *)arg)->pool, tasks);
}

static void release(void *arg, int64_t n)
{
    pool_release(((struct runtime *)arg)->pool, n);
}

static void cancel(void *arg, struct task *t)
{
    pool_cancel(((struct runtime *)arg)->pool, t);
}

static void hold(void *arg, const struct holding *h)
{
    struct runtime *r = arg;

    pool_hold(r->pool, h);
}

static void committed(void *arg, const uint8_t *key, size_t len)
{
    struct runtime *r = arg;

    store_forget(r->store, key, len);
}

static void assigned(void *arg, const uint8_t *prefix, size_t len,
                     bool (*keep)(void *keep_arg, const uint8_t *key, size_t key_len),
                     void *keep_arg)
{
    struct runtime *r = arg;
    struct err e = {0};
    char text[600];

    if (store_prune(r->store, prefix, len, keep, keep_arg, &e) < 0)
        log_warn("journal cannot be pruned", "text=%s", log_quote(e.msg, text, sizeof text));
}

/* Which records were in flight when the last life of this slot ended, if that was a crash. */
static int open_crash_log(struct runtime *r, struct err *e)
{
    char path[sizeof r->slot.path + 16];
    struct crash_log_setup s = {.path = path,
                                .max_marks = (size_t)r->config->pool.max_in_flight,
                                .limit = (unsigned)r->config->pool.poison_crashes,
                                .now_wall_ms = clock_wall_ms()};

    if (s.limit == 0)
        return 0;
    snprintf(path, sizeof path, "%s/in-flight", r->slot.path);
    r->crash_log = crash_log_open(&s, e);
    if (!r->crash_log)
        return -1;
    if (crash_log_suspects(r->crash_log))
        log_warn("records were in flight when a worker of this slot died", "count=%zu path=%s",
                 crash_log_suspects(r->crash_log), path);
    return 0;
}

/* A day's budget lives with the slot; that of a run ends with the process. */
static int open_budget(struct runtime *r, struct err *e)
{
    char path[sizeof r->slot.path + 16];

    if (budget_check(r->config, e) < 0)
        return -1;
    if (!budget_wanted(r->config) || strcmp(r->config->budget.per, "day") != 0)
        return 0;
    snprintf(path, sizeof path, "%s/budget", r->slot.path);
    return budget_file_open(&r->spent, path, "worker", e);
}

static int open_store(struct runtime *r, const struct runtime_setup *setup, struct err *e)
{
    int got = slot_take(&r->slot, setup->store_root, -1, e);

    if (got == STORE_ALL_SLOTS_TAKEN || got == STORE_SLOT_BUSY)
        return err_set(e, EX_TEMPFAIL, "all slots below %s are taken: set another cache.path",
                       setup->store_root);
    if (got)
        return -1;
    r->has_slot = true;
    r->store = store_open(r->slot.path, r->config, e);
    return r->store && open_budget(r, e) == 0 ? open_crash_log(r, e) : -1;
}

/* An embedded broker has no transactions. */
static bool is_exact(const struct runtime_setup *setup)
{
    return !setup->embedded && strcmp(setup->config->delivery, "exactly_once") == 0;
}

static bool shares_limits(const struct config *c)
{
    return strcmp(c->limits_scope, "pool") == 0;
}

static int start_threads(struct runtime *r, const struct runtime_setup *setup, struct err *e)
{
    struct kafka_intake_setup is = {.config = r->config,
                                    .fatal = &r->fatal,
                                    .embedded = setup->embedded,
                                    .exact = r->exact,
                                    .map_max = setup->map_max,
                                    .crash_log = r->crash_log,
                                    .arg = r,
                                    .committed = committed,
                                    .assigned = assigned};
    struct kafka_publisher_setup ps = {.config = r->config,
                                       .fatal = &r->fatal,
                                       .embedded = setup->embedded,
                                       .settled = kafka_intake_settled};
    struct pool_setup pools = {.config = r->config,
                               .store = r->store,
                               .book = r->spent.book,
                               .traces = traces_sink(r->traces),
                               .shared = !setup->embedded && shares_limits(r->config)};
    struct intake entry = {.room = room,
                           .submit = submit,
                           .release = release,
                           .cancel = cancel,
                           .hold = pools.shared ? hold : NULL};

    if (r->config->pool.static_membership && !setup->embedded)
        is.instance_id = r->instance;
    if (is.exact) {
        ps.transactional_id = r->transactional_id;
        ps.batch_settled = kafka_intake_batch_settled;
    }
    if (!(r->intake = kafka_intake_new(&is, e)))
        return -1;
    ps.arg = r->intake;
    if (!(r->publisher = kafka_publisher_new(&ps, e)))
        return -1;
    pools.sink = kafka_intake_sink(r->intake);
    if (!(r->pool = pool_new(&pools, e)))
        return -1;
    entry.pool = r;
    return kafka_intake_start(r->intake, &entry, r->publisher, e);
}

/* From the outside in: first what still gives, last what still takes. */
static void stop(struct runtime *r, int64_t flush_ms)
{
    if (r->intake)
        kafka_intake_stop(r->intake);
    if (r->pool)
        pool_stop(r->pool);
    if (r->intake && r->publisher)
        kafka_intake_flush(r->intake, flush_ms);
    r->publisher = kafka_publisher_free(r->publisher);
    r->intake = kafka_intake_free(r->intake);
    r->crash_log = crash_log_close(r->crash_log);
    if (r->pool)
        r->pool = pool_free(r->pool);
    r->store = store_free(r->store);
    budget_file_close(&r->spent);
    if (r->has_slot)
        slot_release(&r->slot);
    r->has_slot = false;
}

int runtime_start(struct runtime *r, const struct runtime_setup *setup, struct err *e)
{
    *r = (struct runtime){.config = setup->config,
                          .health = setup->health,
                          .watch = setup->watch,
                          .notify = setup->notify,
                          .traces = setup->traces,
                          .signal_fd = setup->signal_fd,
                          .flush_ms = setup->embedded ? DEV_FLUSH_MS : FLUSH_MS};
    kafka_fatal_init(&r->fatal);
    r->exact = is_exact(setup);
    if (open_store(r, setup, e) < 0) {
        stop(r, 0);
        return -1;
    }
    /* Both live with the disk: a worker that comes back is the same member and the same producer. */
    snprintf(r->instance, sizeof r->instance, "sluice-%s", r->slot.id);
    snprintf(r->transactional_id, sizeof r->transactional_id, "sluice.%s.%s",
             kafka_consumer_property(setup->config, "group.id"), r->slot.id);
    if (start_threads(r, setup, e) < 0) {
        stop(r, 0);
        return -1;
    }
    log_info("worker started", "slot=%d path=%s", r->slot.number, r->slot.path);
    return 0;
}

static double ms(const struct hist *h, double q)
{
    return (double)hist_quantile(h, q) / 1000;
}

/* A line, when there is something to say. */
static void say(struct runtime *r)
{
    struct pool_stats *s = mem_alloc(sizeof *s);
    struct kafka_publisher_stats p;
    struct kafka_intake_stats k;
    uint64_t aborts = 0;

    pool_stats(r->pool, s);
    kafka_intake_stats(r->intake, &k);
    kafka_publisher_stats(r->publisher, &p);
    for (size_t i = 0; i < KAFKA_ABORT_REASONS; i++)
        aborts += p.aborts[i];
    if (s->finished != r->said_finished || s->in_flight)
        log_info("progress",
                 "finished=%" PRIu64 " failed=%" PRIu64 " hits=%" PRIu64 " calls=%" PRIu64
                 " calling=%" PRId64 " waiting=%" PRId64 " partitions=%" PRId64 " open=%" PRId64
                 " lost=%" PRIu64 " commits=%" PRIu64 " aborts=%" PRIu64 " rebuilds=%" PRIu64
                 " commit_p50_ms=%.1f commit_p99_ms=%.1f spent_usd=%.6f budget_calls=%" PRId64,
                 s->finished, s->failed, s->hits, s->calls, s->calling, s->waiting + s->delayed,
                 k.partitions, k.open, k.lost, k.commits, aborts, p.rebuilds, ms(&p.commit_us, 0.5),
                 ms(&p.commit_us, 0.99), s->budget.spent_usd, s->budget.calls);
    if (s->large)
        log_warn("requests wait that are larger than this worker's share of a limit",
                 "count=%" PRId64 " hint=\"fewer workers than partitions, or a larger tpm\"",
                 s->large);
    r->said_finished = s->finished;
    free(s);
}

static void say_at_times(struct runtime *r, int64_t now_us)
{
    if (now_us - r->said_us < SAY_US)
        return;
    r->said_us = now_us;
    say(r);
}

/* A snapshot for the admin port, when one is due. */
static void show(struct runtime *r, const struct health_signs *signs, bool at_once)
{
    struct snapshot *s = watch_begin(r->watch, clock_mono_us(), at_once);

    if (!s)
        return;
    s->signs = *signs;
    s->hangs = r->hangs;
    s->slot = r->slot.number;
    s->exact = r->exact;
    s->store_failing = store_failing(r->store);
    pool_stats(r->pool, &s->pool);
    pool_routes(r->pool, s->routes);
    pool_explain(r->pool, &s->explain);
    kafka_intake_stats(r->intake, &s->intake);
    kafka_publisher_stats(r->publisher, &s->publisher);
    store_stats(r->store, &s->store);
    traces_stats(r->traces, &s->traces);
    watch_show(r->watch);
}

static void show_drain(struct runtime *r, bool at_once)
{
    struct kafka_intake_stats k;
    struct notify_view v = {.signs = {.draining = true},
                            .alive = true,
                            .stop_s = r->config->pool.drain_timeout_ms / 1000 + 2 * GIVE_UP_S};

    show(r, &v.signs, at_once);
    kafka_intake_stats(r->intake, &k);
    v.partitions = k.partitions, v.open = k.open;
    notify_show(r->notify, &v, clock_mono_us());
}

/* Says when the budget is used up and when there is one again. */
static void look_at_budget(struct runtime *r)
{
    struct budget_view v = {0};
    bool broke = pool_budget(r->pool, &v);

    if (broke == r->broke)
        return;
    r->broke = broke;
    if (broke)
        log_warn("the budget is used up, requests wait",
                 "spent_usd=%.6f max_cost=%.6f calls=%" PRId64 " max_requests=%" PRId64
                 " until=\"%s\"",
                 v.spent_usd, v.max_cost, v.calls, v.max_requests,
                 r->spent.book ? "the next day (UTC), or a start with a higher budget"
                               : "a start with a higher budget");
    else
        log_info("there is a budget again", "spent_usd=%.6f max_cost=%.6f", v.spent_usd,
                 v.max_cost);
}

/* Says when every model refuses to answer, and when one may be asked again. */
static void look_at_models(struct runtime *r)
{
    enum error_class class = CLASS_OK;
    bool refused = pool_refused(r->pool, &class);

    if (refused == r->refused)
        return;
    r->refused = refused;
    if (refused)
        log_error("every model refuses to answer, requests wait", "class=%s what_to_do=\"%s\"",
                  class_name(class),
                  class == CLASS_QUOTA ? "give the account credit; it is tried again by itself"
                                       : "correct the key or the model and start the worker again");
    else
        log_info("a model may be asked again", "models=%zu", r->config->nmodels);
}

/* A look at its own health, once a tick. */
static void look(struct runtime *r)
{
    struct kafka_publisher_stats p;
    struct kafka_intake_stats k;
    struct health_signs signs;

    pool_stop_rows(r->pool, watch_stopped(r->watch));
    kafka_intake_stats(r->intake, &k);
    kafka_publisher_stats(r->publisher, &p);
    signs = (struct health_signs){.member = k.member,
                                  .producer = p.ready || !r->exact,
                                  .store = !store_failing(r->store),
                                  .paused = watch_is_paused(r->watch),
                                  .broke = r->broke,
                                  .refused = r->refused};
    health_show(&r->health, &signs);
    pool_source_is(r->pool, signs.paused                       ? WHY_PAUSED
                            : !signs.member || !signs.producer ? WHY_KAFKA
                                                               : WHY_INPUT);
    r->hangs = health_hangs(&r->health, k.rounds, HANG_TICKS);
    show(r, &signs, r->hangs);
    notify_show(r->notify,
                &(struct notify_view){
                    .signs = signs, .alive = !r->hangs, .partitions = k.partitions, .open = k.open},
                clock_mono_us());
    if (r->hangs) {
        /* Said here, because the way down will hang as well and be cut off. */
        log_error("the intake thread hangs, the worker ends", "rounds=%" PRIu64, k.rounds);
        kafka_fatal_raise(&r->fatal, "the intake thread hangs; the worker ends so that it can be "
                                     "started again");
    }
}

/* With what a shutdown that hangs is cut off. */
static volatile sig_atomic_t give_up_code = EX_TEMPFAIL;

static void on_end(int sig)
{
    static const char second[] = "sluice: second signal, stopped at once; nothing is lost\n";
    static const char hangs[] = "sluice: the shutdown hangs, stopped; safe to start again\n";

    if (sig == SIGALRM) {
        if (write(STDERR_FILENO, hangs, sizeof hangs - 1) < 0)
            _exit(EX_IOERR);
        _exit(give_up_code);
    }
    if (write(STDERR_FILENO, second, sizeof second - 1) < 0)
        _exit(EX_IOERR);
    _exit(128 + sig);
}

/* From now on a signal ends the process, wherever it stands: like kill -9, for which everything is made.
 * What was finished and not published is in the journal. */
static void end_at_next_signal(int signal_fd)
{
    struct sigaction sa = {.sa_handler = on_end};
    sigset_t set;

    /* timeout(1) and some shells send the same signal to the process and to its group: that is one. */
    poll(NULL, 0, BOUNCE_MS);
    while (signals_read(signal_fd))
        ;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGALRM, &sa, NULL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* Waits for the calls that are running. */
static void drain(struct runtime *r)
{
    int64_t until_us = clock_mono_us() + r->config->pool.drain_timeout_ms * 1000;

    alarm((unsigned)(r->config->pool.drain_timeout_ms / 1000) + GIVE_UP_S);
    kafka_intake_stop(r->intake);
    pool_drain(r->pool);
    while (pool_calls(r->pool) > 0 && clock_mono_us() < until_us && !atomic_load(&r->fatal.set)) {
        poll(NULL, 0, DRAIN_TICK_MS);
        show_drain(r, false);
    }
    store_settle(r->store, SETTLE_MS);
}

int runtime_run(struct runtime *r, struct err *e)
{
    int sig = 0;

    while (!sig && !atomic_load(&r->fatal.set)) {
        sig = signals_wait(r->signal_fd, watch_fd(r->watch), TICK_MS);
        if (!sig && watch_wants_drain(r->watch))
            sig = SIGTERM;
        say_at_times(r, clock_mono_us());
        if (budget_wanted(r->config))
            look_at_budget(r);
        look_at_models(r);
        look(r);
    }
    health_close(&r->health);
    show_drain(r, true);
    crash_log_forgive(r->crash_log); /* whatever ends the process from here on: it was wanted */
    end_at_next_signal(r->signal_fd);
    if (sig) {
        log_info("draining", "signal=%d timeout_ms=%" PRId64 " running=%" PRId64, sig,
                 r->config->pool.drain_timeout_ms, pool_calls(r->pool));
        drain(r);
        say(r);
    }
    show_drain(r, true); /* the last one: what it is made of goes now */
    /* librdkafka may hang in a close; whatever matters is in the store or in the topic. */
    if (atomic_load(&r->fatal.set))
        give_up_code = EX_UNAVAILABLE;
    alarm(GIVE_UP_S);
    stop(r, atomic_load(&r->fatal.set) ? 0 : r->flush_ms);
    alarm(0);
    if (atomic_load(&r->fatal.set)) {
        err_set(e, EX_UNAVAILABLE, "%s", r->fatal.msg);
        return EX_UNAVAILABLE;
    }
    log_info("stopped", "signal=%d", sig);
    return 0;
}
