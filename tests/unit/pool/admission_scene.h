/* admission_scene: an admission with four routes, and tasks that want them; time is a number here. */
#ifndef SLUICE_TESTS_ADMISSION_SCENE_H
#define SLUICE_TESTS_ADMISSION_SCENE_H

#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"
#include "pool/admission.h"

#define S   1000000LL
#define NOW (1000 * S)

/* Rows: 0 "slow" (one call at once), 1 "fast" (unlimited), 2 "small" (100 tokens a minute), 3 "paced". */
static struct model rows[4];
static struct config config;
static struct admission *admission;
static struct list_node ready;

static inline void scene_open(void)
{
    static const char *const names[] = {"slow", "fast", "small", "paced"};
    int i;

    memset(rows, 0, sizeof rows);
    memset(&config, 0, sizeof config);
    for (i = 0; i < 4; i++) {
        rows[i].index = i;
        rows[i].model_name = (char *)names[i];
        rows[i].provider_name = (char *)"openai";
        rows[i].weight = 1;
    }
    rows[0].max_parallel_requests = 1;
    rows[2].tpm = 100;
    rows[3].rpm = 60;
    config.models = rows;
    config.nmodels = 4;
    config.pool.max_calls = 1000000;
    config.router.allowed_fails = 3;
    config.router.cooldown_ms = 5000;
    admission = admission_new(&config, 1);
}

static inline void scene_close(void)
{
    admission_free(admission);
}

static inline struct task *task_for(const char *model, const char *other)
{
    struct task *t = task_new();

    task_set_state(t, TASK_INBOX);
    task_set_state(t, TASK_RUNNING);
    t->op = OP_EMBEDDINGS; /* its tokens are its bytes, a quarter of them */
    t->raw_len = 40;
    t->models[t->nmodels++] = mem_strdup(model);
    if (other)
        t->models[t->nmodels++] = mem_strdup(other);
    return t;
}

static inline int enter(struct task *t, int64_t now_us)
{
    return admission_enter(admission, t, now_us);
}

static inline void leave_ok(struct task *t, int64_t now_us)
{
    struct admission_end end = {.sent = true, .ok = true, .used_tokens = -1};

    admission_leave(admission, t, &end, now_us);
}

static inline void leave_failed(struct task *t, enum route_effect effect, int64_t until_us,
                                int64_t now_us)
{
    struct retry_verdict v = {.effect = effect, .cool_until_us = until_us};
    struct admission_end end = {.sent = true, .used_tokens = -1, .verdict = &v};

    admission_leave(admission, t, &end, now_us);
}

/* The tasks that may go now; how many. They stay in `ready`. */
static inline int pump(int64_t now_us)
{
    struct list_node *n;
    int count = 0;

    admission_pump(admission, now_us, &ready);
    for (n = ready.next; n != &ready; n = n->next)
        count++;
    return count;
}

static inline struct task *next_ready(void)
{
    struct list_node *n = list_pop(&ready);
    struct task *t = n ? CONTAINER_OF(n, struct task, node) : NULL;

    if (t)
        task_set_state(t, TASK_RUNNING);
    return t;
}

static inline struct admission_view view(int64_t now_us)
{
    struct admission_view v;

    admission_view(admission, now_us, &v);
    return v;
}

#endif
