/*
 * admission: several workers at a provider that allows less than its row of model_list says and counts what it
 * refuses: when all of them ask as soon as it says that one may, nothing is left for good answers.
 */
#include "admission_scene.h"

#define WORKERS    4
#define RPM        60
#define STEP_US    10000
#define ANSWERS_US 50000
#define MINUTES    20

struct asking {
    struct task *t;
    bool calls;
    int64_t ends_us;
};

struct side {
    struct admission *a;
    struct asking asking[30];
};

static struct side sides[WORKERS];
static struct rng rng;
static double bucket;
static int served; /* in the second half */

/* Rows: "paced" is 1.5 times what the provider allows. */
static void open_sides(void)
{
    int i = 0;

    scene_open();
    memset(sides, 0, sizeof sides);
    served = 0;
    rows[3].rpm = RPM * 3 / 2;
    config.router.retry_base_ms = 500;
    config.router.retry_max_ms = 60000;
    config.router.cooldown_ms = 30000;
    config.router.learn_limits = true;
    bucket = RPM;
    rng.state = 1;
    for (i = 0; i < WORKERS; i++)
        sides[i].a = admission_new(&config, (uint64_t)i + 1);
}

static void close_sides(void)
{
    struct list_node gone;
    int i = 0;
    int k = 0;

    for (i = 0; i < WORKERS; i++) {
        admission_flush(sides[i].a, &gone);
        for (k = 0; k < 30; k++)
            task_free(sides[i].asking[k].t);
        admission_free(sides[i].a);
    }
    scene_close();
}

TestSuite(admission_refused, .init = open_sides, .fini = close_sides);

static void begin(struct asking *k, int64_t now_us)
{
    k->calls = true;
    k->ends_us = now_us + ANSWERS_US;
}

static void ask(struct side *s, struct asking *k, int64_t now_us)
{
    if (admission_enter(s->a, k->t, now_us) == ADMITTED)
        begin(k, now_us);
}

/* The provider's word: -1, it was good; else how long until it may be. What is refused is counted. */
static int64_t judge(void)
{
    if (bucket >= 1) {
        bucket -= 1;
        return -1;
    }
    bucket = 0;
    return 60000 / RPM;
}

static void end(struct side *s, struct asking *k, int64_t now_us)
{
    struct retry_input in = {.class = CLASS_RATE_LIMIT, .hint_ms = judge(), .now_us = now_us};
    struct admission_end how = {.sent = true, .used_tokens = -1};
    struct retry_verdict v;

    k->calls = false;
    if (in.hint_ms < 0) {
        how.ok = true;
        admission_leave(s->a, k->t, &how, now_us);
        served += now_us >= NOW + MINUTES * 30 * S;
        k->t = task_free(k->t);
        return;
    }
    k->t->last_class = CLASS_RATE_LIMIT;
    v = retry_decide(&config, k->t, &in, &rng);
    how.verdict = &v;
    admission_leave(s->a, k->t, &how, now_us);
    ask(s, k, now_us);
}

static void turn(struct side *s, int64_t now_us)
{
    struct task *t = NULL;
    int i = 0;

    for (i = 0; i < 30; i++) {
        struct asking *k = &s->asking[i];

        if (k->calls && k->ends_us <= now_us)
            end(s, k, now_us);
        if (k->t)
            continue;
        k->t = task_for("paced", NULL);
        k->t->source_data = k;
        ask(s, k, now_us);
    }
    if (admission_next_us(s->a) > now_us)
        return;
    admission_pump(s->a, now_us, &ready);
    while ((t = next_ready()))
        begin(t->source_data, now_us);
}

Test(admission_refused, workers_leave_each_other_room)
{
    int64_t now_us = NOW;
    int i = 0;

    for (; now_us < NOW + MINUTES * 60 * S; now_us += STEP_US) {
        bucket = bucket + RPM * (double)STEP_US / (60.0 * S);
        bucket = bucket < RPM ? bucket : RPM;
        for (i = 0; i < WORKERS; i++)
            turn(&sides[i], now_us);
    }
    cr_expect_geq(served, RPM * MINUTES / 4, "only %d answers of %d", served, RPM * MINUTES / 2);
}
