/*
 * race_pool: the whole pool under the thread sanitizer, with a real store and the real simulator: several
 * threads submit prompts of which many are alike, the simulator fails in its ordinary ways and limits the
 * rate, some tasks have deadlines, another thread reads statistics all the time; a second round is drained
 * and stopped in the middle. Every task must come out once, with a reply, or without one after the drain.
 *
 *     race_pool [TASKS]
 */
#include <inttypes.h>
#include <stdatomic.h>

#include "../unit/pool/pool_rig.h"
#include "cmd/sim/sim.h"

#define SUBMITTERS 4
#define BURST      50

/*
 * RocksDB is not built for the sanitizer, which therefore sees its copies but not its atomics.
 *
 * libcurl closes a socket that never got connected without a word to the engine. When an event for it was
 * fetched already, the engine takes a number out of its epoll that may be another thread's file by then;
 * the kernel finds nothing there to take out.
 *
 * Reports of what else our own code does stay.
 */
const char *__tsan_default_suppressions(void);

const char *__tsan_default_suppressions(void)
{
    return "called_from_lib:librocksdb.so\n"
           "race:^unregister$\n";
}

static struct rig *rig;
static int64_t tasks = 20000;
static int64_t first_row; /* of the round */
static atomic_bool over;
static atomic_uchar *seen; /* by row: how often it came out */

/* Every 40th has a deadline so short that some of them pass it. */
static struct task *make(int64_t row)
{
    char record[300];
    char extra[80] = "";
    char deadline[40];
    int64_t prompt = row % 3 == 0 ? row % 97 : row; /* a third shares 97 prompts */

    if (row % 50 == 7)
        snprintf(extra, sizeof extra, ",\"sluice\":{\"cache\":\"refresh\"}");
    else if (row % 50 == 8)
        snprintf(extra, sizeof extra, ",\"sluice\":{\"cache\":\"off\"}");
    clock_format_rfc3339(clock_wall_ms() + 30, deadline, sizeof deadline);
    if (row % 40 == 3)
        snprintf(extra, sizeof extra, ",\"sluice\":{\"deadline\":\"%s\"}", deadline);
    snprintf(record, sizeof record,
             "{\"custom_id\":\"r%" PRId64 "\",\"body\":{\"model\":\"%s\",\"messages\":"
             "[{\"role\":\"user\",\"content\":\"question %" PRId64 "\"}]}%s}",
             row, row % 5 ? "fast" : "smart", prompt, extra);
    return rig_task(row % 100 == 99 ? "{not json" : record, row + 1);
}

static void *submit(void *arg)
{
    int64_t from = first_row + *(int *)arg;
    int64_t row = from;
    int64_t end = first_row + tasks;

    while (row < end && !atomic_load(&over)) {
        struct list_node list;
        int64_t n = pool_room(rig->pool);

        list_init(&list);
        for (n = n < BURST ? n : BURST; n > 0 && row < end; n--, row += SUBMITTERS)
            list_push(&list, &make(row)->node);
        if (list_empty(&list))
            rig_pause_ms(1);
        else
            pool_submit(rig->pool, &list);
    }
    return (void *)(intptr_t)((row - from) / SUBMITTERS);
}

static void *watch(void *arg)
{
    struct pool_stats *s = mem_alloc(sizeof *s);
    struct pool_route *routes = mem_array(rig->config->nmodels, sizeof *routes);

    (void)arg;
    while (!atomic_load(&over)) {
        pool_stats(rig->pool, s);
        pool_routes(rig->pool, routes);
        pool_calls(rig->pool);
        pool_unfinished(rig->pool);
        rig_pause_ms(1);
    }
    free(routes);
    free(s);
    return NULL;
}

struct ends {
    int64_t ok, failed, given_back;
};

static void sort(struct ends *ends)
{
    struct task *t;

    while ((t = rig_take(rig))) {
        if (!t->reply)
            ends->given_back++;
        else if (t->ok)
            ends->ok++;
        else
            ends->failed++;
        atomic_fetch_add(&seen[t->source_u64 - 1], 1);
        task_free(t);
        pool_release(rig->pool, 1);
    }
}

/* Submits a round. share: of the tasks, after which it is drained; 1: none of that. */
static int64_t play(double share, struct ends *ends)
{
    pthread_t thread[SUBMITTERS], watcher;
    int number[SUBMITTERS];
    int64_t submitted = 0, came = 0;
    int64_t until = (int64_t)((double)tasks * share);
    int i;

    atomic_store(&over, false);
    pthread_create(&watcher, NULL, watch, NULL);
    for (i = 0; i < SUBMITTERS; i++) {
        number[i] = i;
        pthread_create(&thread[i], NULL, submit, &number[i]);
    }
    while (came < until) {
        sort(ends);
        came = ends->ok + ends->failed + ends->given_back;
        rig_pause_ms(1);
    }
    if (share < 1)
        pool_drain(rig->pool);
    atomic_store(&over, true);
    for (i = 0; i < SUBMITTERS; i++) {
        void *n;

        pthread_join(thread[i], &n);
        submitted += (intptr_t)n;
    }
    pthread_join(watcher, NULL);
    pool_stop(rig->pool);
    sort(ends);
    return submitted;
}

/* What the counters say must be what was seen. */
static int check(const char *name, int64_t submitted, const struct ends *ends)
{
    struct pool_stats *s = mem_alloc(sizeof *s);
    int64_t doubled = 0, row;
    int wrong;

    for (row = first_row; row < first_row + tasks; row++)
        doubled += seen[row] > 1;
    pool_stats(rig->pool, s);
    wrong = doubled || submitted != ends->ok + ends->failed + ends->given_back ||
            s->submitted != (uint64_t)submitted || s->succeeded != (uint64_t)ends->ok ||
            s->failed != (uint64_t)ends->failed || s->in_flight || s->calling || s->waiting ||
            s->delayed || s->twins || s->storing || pool_unfinished(rig->pool);
    printf("%s: submitted %" PRId64 " ok %" PRId64 " failed %" PRId64 " given back %" PRId64
           " doubled %" PRId64 " calls %" PRIu64 " hits %" PRIu64 " coalesced %" PRIu64
           " 429 %" PRIu64 "%s\n",
           name, submitted, ends->ok, ends->failed, ends->given_back, doubled, s->calls, s->hits,
           s->coalesced, s->rate_limited, wrong ? " WRONG" : "");
    free(s);
    return wrong;
}

static struct sim *simulate(void)
{
    static const char *faults[] = {"429:3,wait=20ms", "500:2", "reset:1", "cut:1", "error200:1"};
    struct sim_conf conf = {.latency = "2ms",
                            .parallel = 200,
                            .limit_header = "retry-after-ms",
                            .faults = {faults, ARRAY_LEN(faults)}};
    struct err e = {0};
    struct sim *s = sim_start(&conf, &e);

    if (!s)
        fprintf(stderr, "%s\n", e.msg);
    return s;
}

static void start(int port)
{
    char yaml[1500];

    snprintf(
        yaml, sizeof yaml,
        "pool: {workers: 3, max_in_flight: 2000, max_calls: 300}\n"
        "router_settings: {retry_base: 5ms, retry_max: 50ms, cooldown_time: 50ms,\n"
        "  num_retries: 5, fallbacks: [{smart: [fast]}]}\n"
        "model_list:\n"
        "  - {model_name: fast, params: {model: openai/a, api_key: k, max_parallel_requests: 90,\n"
        "     api_base: 'http://127.0.0.1:%d/v1'}}\n"
        "  - {model_name: fast, params: {model: openai/b, api_key: k, rpm: 60000,\n"
        "     api_base: 'http://127.0.0.1:%d/v1'}}\n"
        "  - {model_name: smart, params: {model: openai/c, api_key: k,\n"
        "     api_base: 'http://127.0.0.1:%d/v1'}}\n",
        port, port, port);
    rig = rig_new(yaml);
}

int main(int argc, char **argv)
{
    struct sim *sim = simulate();
    struct ends whole = {0}, part = {0};
    int64_t submitted;
    int wrong = 0;

    if (argc > 1)
        tasks = strtoll(argv[1], NULL, 10);
    if (!sim || tasks <= 0)
        return 1;
    seen = mem_array((size_t)tasks * 2, sizeof *seen);
    start(sim_port(sim));
    submitted = play(1, &whole);
    wrong |= check("whole", submitted, &whole) || whole.given_back || submitted != tasks;
    rig->pool = pool_free(rig->pool);
    first_row = tasks;
    rig_start(rig);
    submitted = play(0.4, &part);
    wrong |= check("drained", submitted, &part);
    rig_free(rig);
    sim_stop(sim);
    free(seen);
    return wrong;
}
