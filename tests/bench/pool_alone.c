/*
 * pool_alone: what the pool adds to a call, without Kafka: one task at a time, from handed to the pool to handed
 * to the sink, the journal entry durable in between. For each of COUNT tasks the time of the whole in
 * microseconds; raw_calls with one in flight is what the provider's part of it was.
 *
 *     pool_alone API-BASE COUNT
 */
#include <inttypes.h>
#include <sysexits.h>

#include "../unit/pool/pool_rig.h"
#include "base/hist.h"

#define WARM 200 /* tasks that are not counted: connections, caches */

static int64_t one(struct rig *rig, int64_t i)
{
    char record[200];
    int64_t from_us;

    snprintf(
        record, sizeof record,
        "{\"body\":{\"model\":\"fast\",\"messages\":[{\"role\":\"user\",\"content\":\"alone %d "
        "%" PRId64 "\"}]}}",
        (int)getpid(), i);
    from_us = clock_mono_us();
    rig_submit(rig, rig_task(record, i + 1));
    if (!rig_wait(rig, i + 1)) {
        fprintf(stderr, "pool_alone: task %" PRId64 " does not end\n", i);
        exit(EX_SOFTWARE);
    }
    return clock_mono_us() - from_us;
}

static bool clear(struct rig *rig)
{
    struct task *t = rig_take(rig);
    bool ok = t && t->ok && t->cache_result == CACHE_MISS;

    task_free(t);
    pool_release(rig->pool, 1);
    return ok;
}

int main(int argc, char **argv)
{
    struct hist *h = mem_alloc(sizeof *h);
    int64_t count, bad = 0;
    char yaml[400];
    struct rig *rig;

    if (argc != 3) {
        fprintf(stderr, "usage: pool_alone API-BASE COUNT\n");
        return EX_USAGE;
    }
    count = strtol(argv[2], NULL, 10);
    snprintf(yaml, sizeof yaml,
             "pool: {workers: 1}\nmodel_list:\n  - {model_name: fast, params: {model: openai/sim, "
             "api_key: none, api_base: '%s'}}\n",
             argv[1]);
    rig = rig_new(yaml);
    for (int64_t i = 0; i < WARM + count; i++) {
        int64_t us = one(rig, i);

        if (i >= WARM)
            hist_record(h, us);
        bad += !clear(rig);
    }
    rig_free(rig);
    printf("tasks=%" PRId64 " p50_us=%" PRId64 " p99_us=%" PRId64 " bad=%" PRId64 "\n", count,
           hist_quantile(h, 0.5), hist_quantile(h, 0.99), bad);
    free(h);
    return bad ? 1 : 0;
}
