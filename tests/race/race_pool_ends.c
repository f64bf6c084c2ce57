/*
 * race_pool_ends: the pool under the thread sanitizer while tasks are ended from outside and repeat each
 * other. In each round another thread cancels every fifth task at whatever moment it has reached, and every
 * id comes three times with `dedupe: task_id`: one of the three must be answered, the two others must end
 * without a reply.
 *
 *     race_pool_ends [ROUNDS]
 */
#include <inttypes.h>

#include "../unit/pool/pool_rig.h"
#include "cmd/sim/sim.h"

#define IDS    100
#define COPIES 3
#define ALL    (IDS * COPIES)

/* As in race_pool. */
const char *__tsan_default_suppressions(void);

const char *__tsan_default_suppressions(void)
{
    return "called_from_lib:librocksdb.so\n"
           "race:^unregister$\n";
}

static struct rig *rig;
static struct task *tasks[ALL];

static struct task *make(int round, int i, int64_t offset)
{
    char id[40], record[300];
    struct task *t;

    snprintf(id, sizeof id, "r%d-%d", round, i);
    snprintf(record, sizeof record,
             "{\"custom_id\":\"%s\",\"body\":{\"model\":\"fast\",\"messages\":[{\"role\":\"user\","
             "\"content\":\"question %d of round %d\"}]}}",
             id, i / 2, round);
    t = rig_task(record, offset);
    t->key = mem_strdup(id);
    t->key_len = strlen(id);
    t->has_id_scope = true;
    return t;
}

static void *cancel(void *arg)
{
    (void)arg;
    for (int i = 0; i < ALL; i += 5) {
        rig_pause_ms(i % 4 == 0);
        pool_cancel(rig->pool, tasks[i]);
    }
    return NULL;
}

/* Frees what came out; how many ids were not answered exactly once. */
static int sort(int64_t *cancelled)
{
    int answers[IDS] = {0};
    int wrong = 0;
    struct task *t;

    while ((t = rig_take(rig))) {
        if (t->reply)
            answers[t->source_u64 % IDS]++;
        wrong += t->silent == (t->reply != NULL);
        *cancelled += t->error && strcmp(t->error->code, "head_cancelled") == 0;
        task_free(t);
        pool_release(rig->pool, 1);
    }
    for (int i = 0; i < IDS; i++)
        wrong += answers[i] != 1;
    return wrong;
}

static int play(int round, int64_t *cancelled)
{
    struct list_node all;
    pthread_t thread;

    list_init(&all);
    for (int i = 0; i < ALL; i++) {
        tasks[i] = make(round, i % IDS, (int64_t)round * ALL + i);
        tasks[i]->source_u64 = (uint64_t)i;
        list_push(&all, &tasks[i]->node);
    }
    pool_submit(rig->pool, &all);
    pthread_create(&thread, NULL, cancel, NULL);
    pthread_join(thread, NULL); /* the tasks live until then: nobody takes them out */
    if (!rig_wait(rig, (int64_t)(round + 1) * ALL)) {
        printf("round %d: %" PRId64 " came out\n", round, rig->nout);
        return 1;
    }
    return sort(cancelled);
}

static void start(int port)
{
    char yaml[600];

    snprintf(yaml, sizeof yaml,
             "dedupe: task_id\n"
             "pool: {workers: 3}\n"
             "router_settings: {retry_base: 1ms, retry_max: 5ms, cooldown_time: 5ms}\n"
             "model_list:\n"
             "  - {model_name: fast, params: {model: openai/a, api_key: k,\n"
             "     max_parallel_requests: 20, api_base: 'http://127.0.0.1:%d/v1'}}\n",
             port);
    rig = rig_new(yaml);
}

int main(int argc, char **argv)
{
    static const char *faults[] = {"429:3,wait=5ms", "500:5"};
    struct sim_conf conf = {.latency = "2ms",
                            .parallel = 200,
                            .limit_header = "retry-after-ms",
                            .faults = {faults, ARRAY_LEN(faults)}};
    struct err e = {0};
    struct sim *sim = sim_start(&conf, &e);
    long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 30;
    int64_t cancelled = 0;
    int wrong = 0;

    if (!sim || rounds <= 0)
        return 1;
    start(sim_port(sim));
    for (int round = 0; round < rounds && !wrong; round++)
        wrong = play(round, &cancelled);
    pool_stop(rig->pool);
    printf("rounds %ld cancelled %" PRId64 " wrong %d\n", rounds, cancelled, wrong);
    wrong += cancelled == 0;
    rig_free(rig);
    sim_stop(sim);
    return wrong;
}
