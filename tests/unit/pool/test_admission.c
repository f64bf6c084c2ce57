/* admission: who goes, who waits, for how long; time is a number here. */
#include "pool/admission.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define S   1000000LL
#define NOW (1000 * S)

/* Rows: 0 "slow" (one call at once), 1 "fast" (unlimited), 2 "small" (100 tokens a minute), 3 "paced". */
static struct model rows[4];
static struct config config;
static struct admission *admission;
static struct list_node ready;

static void setup(void)
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

static void teardown(void)
{
    admission_free(admission);
}

TestSuite(admission, .init = setup, .fini = teardown);

static struct task *task_for(const char *model, const char *other)
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

static int enter(struct task *t, int64_t now_us)
{
    return admission_enter(admission, t, now_us);
}

static void leave_ok(struct task *t, int64_t now_us)
{
    struct admission_end end = {.sent = true, .ok = true, .used_tokens = -1};

    admission_leave(admission, t, &end, now_us);
}

static void leave_failed(struct task *t, enum route_effect effect, int64_t until_us, int64_t now_us)
{
    struct retry_verdict v = {.effect = effect, .cool_until_us = until_us};
    struct admission_end end = {.sent = true, .used_tokens = -1, .verdict = &v};

    t->last_class = CLASS_TRANSIENT;
    admission_leave(admission, t, &end, now_us);
}

/* The tasks that may go now; how many. They stay in `ready`. */
static int pump(int64_t now_us)
{
    struct list_node *n;
    int count = 0;

    admission_pump(admission, now_us, &ready);
    for (n = ready.next; n != &ready; n = n->next)
        count++;
    return count;
}

static struct task *next_ready(void)
{
    struct list_node *n = list_pop(&ready);
    struct task *t = n ? CONTAINER_OF(n, struct task, node) : NULL;

    if (t)
        task_set_state(t, TASK_RUNNING);
    return t;
}

static struct admission_view view(int64_t now_us)
{
    struct admission_view v;

    admission_view(admission, now_us, &v);
    return v;
}

Test(admission, first_come_first_served)
{
    struct task *t[10];
    int i;

    for (i = 0; i < 10; i++) {
        t[i] = task_for("slow", NULL);
        cr_expect_eq(enter(t[i], NOW), i ? ADMISSION_WAITS : ADMITTED);
    }
    cr_expect_eq(view(NOW).waiting, 9);
    cr_expect_eq(admission_next_us(admission), INT64_MAX, "nothing but a call's end helps");
    for (i = 1; i < 10; i++) {
        leave_ok(t[i - 1], NOW);
        cr_expect_leq(admission_next_us(admission), NOW);
        cr_assert_eq(pump(NOW), 1);
        cr_expect_eq(next_ready(), t[i]);
        cr_expect_eq(t[i]->route, 0);
        cr_expect_eq(view(NOW).route[0].running, 1);
    }
    leave_ok(t[9], NOW);
    cr_expect_eq(view(NOW).calls, 0);
    cr_expect_eq(view(NOW).waiting, 0);
    cr_expect_eq(admission_next_us(admission), INT64_MAX, "nobody waits: no pump is needed");
    for (i = 0; i < 10; i++)
        task_free(t[i]);
}

Test(admission, a_newcomer_does_not_overtake)
{
    struct task *running = task_for("slow", NULL);
    struct task *waits = task_for("slow", NULL);
    struct task *both = task_for("slow", "fast");

    enter(running, NOW);
    enter(waits, NOW);
    leave_ok(running, NOW); /* slow is free, and claimed */
    cr_expect_eq(enter(both, NOW), ADMITTED);
    cr_expect_eq(both->route, 1, "its first choice is for the one in front of it");
    cr_expect_eq(pump(NOW), 1);
    cr_expect_eq(next_ready(), waits);
    task_free(running);
    task_free(waits);
    task_free(both);
}

Test(admission, a_cooling_model_does_not_block_others)
{
    enum { N = 1000 };
    struct task *cold = task_for("slow", NULL);
    struct task *t[N];
    struct task *both = task_for("slow", "fast");
    struct task *fast = task_for("fast", NULL);
    int i;

    enter(cold, NOW);
    leave_failed(cold, ROUTE_COOL, NOW + 100 * S, NOW);
    for (i = 0; i < N; i++) {
        t[i] = task_for("slow", NULL);
        cr_assert_eq(enter(t[i], NOW), ADMISSION_WAITS);
    }
    cr_expect_eq(enter(fast, NOW), ADMITTED);
    cr_expect_eq(enter(both, NOW), ADMITTED, "behind a thousand that only slow can serve");
    cr_expect_eq(both->route, 1);
    cr_expect_eq(pump(NOW + S), 0);
    cr_expect_eq(admission_next_us(admission), NOW + 100 * S);
    cr_expect(view(NOW).route[0].cooling);
    cr_expect_eq(pump(NOW + 100 * S), 1);
    cr_expect_eq(next_ready(), t[0]);
    cr_expect(t[0]->probe, "one tries whether it is well");
    admission_flush(admission, &ready);
    for (i = 1; i < N; i++) {
        cr_assert_eq(next_ready(), t[i]);
        cr_assert_eq(t[i]->route, -1);
    }
    for (i = 0; i < N; i++)
        task_free(t[i]);
    task_free(cold);
    task_free(both);
    task_free(fast);
}

Test(admission, waiting_costs_nothing)
{
    enum { N = 100000 };
    struct task **t = mem_array(N, sizeof *t);
    struct task *cold = task_for("slow", NULL);
    int64_t start_us;
    int i;

    enter(cold, NOW);
    leave_failed(cold, ROUTE_COOL, NOW + 3600 * S, NOW);
    for (i = 0; i < N; i++) {
        t[i] = task_for("slow", NULL);
        cr_assert_eq(enter(t[i], NOW), ADMISSION_WAITS);
        cr_assert_eq(admission_next_us(admission), NOW + 3600 * S, "entering wakes nobody");
    }
    start_us = clock_mono_us();
    for (i = 0; i < 10000; i++)
        pump(NOW + i);
    cr_expect_lt(clock_mono_us() - start_us, 1000000, "a look does not depend on the queue");
    admission_flush(admission, &ready);
    for (i = 0; i < N; i++)
        task_free(t[i]);
    free(t);
    task_free(cold);
}

Test(admission, a_claim_wider_than_needed_is_looked_at)
{
    struct task *big = task_for("small", "slow");
    struct task *runs = task_for("slow", NULL);
    struct task *little = task_for("small", NULL);

    enter(runs, NOW);
    big->raw_len = 4000; /* too large for small, so it waits for slow only */
    cr_expect_eq(enter(big, NOW), ADMISSION_WAITS);
    cr_expect_eq(enter(little, NOW), ADMISSION_WAITS, "it looks as if big wants small");
    cr_expect_leq(admission_next_us(admission), NOW);
    cr_expect_eq(pump(NOW), 1);
    cr_expect_eq(next_ready(), little);
    admission_flush(admission, &ready);
    task_free(big);
    task_free(runs);
    task_free(little);
}

Test(admission, whoever_leaves_the_front_lets_the_others_go)
{
    struct task *first = task_for("small", NULL);
    struct task *big = task_for("small", NULL);
    struct task *little = task_for("small", NULL);

    first->raw_len = 4 * 60;
    big->raw_len = 4 * 90;
    little->raw_len = 4;
    cr_expect_eq(enter(first, NOW), ADMITTED);
    leave_ok(first, NOW);
    cr_expect_eq(enter(big, NOW + 50 * S), ADMISSION_WAITS);
    cr_expect_eq(enter(little, NOW + 50 * S), ADMISSION_WAITS);
    cr_expect_eq(pump(NOW + 51 * S), 0);
    cr_expect_gt(admission_next_us(admission), NOW + 51 * S);
    cr_expect(admission_remove(admission, big));
    cr_expect_eq(big->state, TASK_RUNNING);
    cr_expect_not(admission_remove(admission, big));
    cr_expect_leq(admission_next_us(admission), NOW + 51 * S);
    cr_expect_eq(pump(NOW + 51 * S), 1);
    cr_expect_eq(next_ready(), little);
    task_free(first);
    task_free(big);
    task_free(little);
}

Test(admission, never)
{
    struct task *big = task_for("small", NULL);
    struct task *refused = task_for("fast", NULL);
    struct task *unknown = task_for("nobody", NULL);

    big->raw_len = 4000;
    refused->refused_routes = 2;
    cr_expect_eq(enter(big, NOW), ADMISSION_NEVER);
    cr_expect_eq(enter(refused, NOW), ADMISSION_NEVER);
    cr_expect_eq(enter(unknown, NOW), ADMISSION_NEVER);
    cr_expect_eq(view(NOW).calls, 0);
    task_free(big);
    task_free(refused);
    task_free(unknown);
}

Test(admission, what_was_not_sent_is_refunded)
{
    struct admission_end not_sent = {.sent = false};
    struct task *t = task_for("small", NULL);
    int i;

    t->raw_len = 4 * 90;
    for (i = 0; i < 20; i++) {
        cr_assert_eq(enter(t, NOW), ADMITTED, "%d", i);
        cr_expect_eq(t->reserved_tokens, 90);
        admission_leave(admission, t, &not_sent, NOW);
        cr_expect_eq(t->reserved_tokens, 0);
    }
    cr_expect_eq(view(NOW).route[2].running, 0);
    cr_expect_eq(view(NOW).calls, 0);
    task_free(t);
}

Test(admission, pace_over_a_minute)
{
    enum { N = 200 };
    struct task *t[N];
    int64_t at[N];
    int64_t now_us = NOW;
    int gone = 0, i;

    for (i = 0; i < N; i++) {
        t[i] = task_for("paced", NULL);
        if (enter(t[i], NOW) == ADMITTED)
            at[gone++] = NOW;
    }
    while (gone < N) {
        struct task *one;

        now_us = admission_next_us(admission);
        cr_assert_lt(now_us, INT64_MAX);
        pump(now_us);
        while ((one = next_ready())) {
            at[gone++] = now_us;
            leave_ok(one, now_us);
        }
    }
    for (i = 60; i < N; i++)
        cr_assert_geq(at[i] - at[i - 60], 60 * S, "call %d", i);
    cr_expect_leq(now_us - NOW, 210 * S, "and not much slower than allowed");
    for (i = 0; i < N; i++)
        task_free(t[i]);
}

Test(admission, calls_of_the_whole_pool_are_bounded)
{
    struct task *t[20];
    int i, going = 0;

    config.pool.max_calls = 7;
    for (i = 0; i < 20; i++) {
        t[i] = task_for("fast", NULL);
        going += enter(t[i], NOW) == ADMITTED;
    }
    cr_expect_eq(going, 7);
    cr_expect_eq(pump(NOW), 0);
    leave_ok(t[0], NOW);
    leave_ok(t[1], NOW);
    cr_expect_eq(pump(NOW), 2);
    cr_expect_eq(view(NOW).calls, 7);
    admission_flush(admission, &ready);
    for (i = 0; i < 20; i++)
        task_free(t[i]);
}

/* Bought and not yet durable counts as running: a kill can cost no more than pool.max_calls. */
Test(admission, a_slot_is_kept_until_the_outcome_is_stored)
{
    struct admission_end ok = {.sent = true, .ok = true, .keeps_slot = true, .used_tokens = -1};
    struct task *first = task_for("fast", NULL);
    struct task *second = task_for("fast", NULL);

    config.pool.max_calls = 1;
    cr_expect_eq(enter(first, NOW), ADMITTED);
    cr_expect_eq(enter(second, NOW), ADMISSION_WAITS);
    admission_leave(admission, first, &ok, NOW);
    cr_expect(first->holds_slot);
    cr_expect_eq(pump(NOW), 0, "the outcome of the first is not durable yet");
    admission_stored(admission, first, NOW);
    cr_expect_not(first->holds_slot);
    cr_expect_eq(pump(NOW), 1);
    cr_expect_eq(view(NOW).calls, 1);
    admission_flush(admission, &ready);
    task_free(first);
    task_free(second);
}

/* A call that was on its way when the route opened comes back while another one probes. */
Test(admission, late_ends_do_not_disturb_the_probe)
{
    struct task *late[2] = {task_for("fast", NULL), task_for("fast", NULL)};
    struct task *fails = task_for("fast", NULL);
    struct task *probe = task_for("fast", NULL);
    struct task *next = task_for("fast", NULL);
    struct admission_end not_sent = {.sent = false};

    enter(late[0], NOW);
    enter(late[1], NOW);
    enter(fails, NOW);
    leave_failed(fails, ROUTE_COOL, NOW + S, NOW);
    cr_expect_eq(enter(probe, NOW + S), ADMITTED);
    cr_expect(probe->probe);
    leave_ok(late[0], NOW + S);
    cr_expect_eq(enter(next, NOW + S), ADMISSION_WAITS, "the probe is still out");
    admission_leave(admission, late[1], &not_sent, NOW + S);
    cr_expect_eq(pump(NOW + S), 0, "the probe is still out");
    leave_ok(probe, NOW + S);
    cr_expect_eq(pump(NOW + S), 1);
    cr_expect_eq(next_ready(), next);
    cr_expect_not(next->probe);
    task_free(late[0]);
    task_free(late[1]);
    task_free(fails);
    task_free(probe);
    task_free(next);
}

Test(admission, stranded_when_all_routes_are_off)
{
    struct task *a = task_for("slow", NULL);
    struct task *b = task_for("slow", NULL);
    struct task *c = task_for("slow", "paced");
    struct task *d = task_for("paced", NULL);

    enter(a, NOW);
    enter(d, NOW);
    a->last_class = CLASS_CREDENTIAL;
    leave_failed(a, ROUTE_OFF, NOW + 3600 * S, NOW);
    cr_expect_eq(enter(b, NOW), ADMISSION_WAITS);
    cr_expect_eq(enter(c, NOW), ADMISSION_WAITS);
    cr_expect(view(NOW).route[0].off);
    cr_expect_eq(view(NOW).waiting, 2);
    cr_expect_eq(view(NOW).stranded, 1, "paced is busy, but will come back");
    cr_expect_eq(view(NOW + 3600 * S).stranded, 0);
    admission_flush(admission, &ready);
    task_free(a);
    task_free(b);
    task_free(c);
    task_free(d);
}

Test(admission, more_sets_of_routes_than_queues)
{
    enum { N = 2000 };
    static struct model many[12];
    struct task *t[N];
    int i, came = 0;

    admission_free(admission);
    for (i = 0; i < 12; i++) {
        many[i] = rows[1];
        many[i].index = i;
        many[i].max_parallel_requests = 1;
    }
    config.models = many;
    config.nmodels = 12;
    admission = admission_new(&config, 1);
    for (i = 0; i < N; i++) {
        t[i] = task_for("fast", NULL);
        t[i]->refused_routes = (uint64_t)i % 4095;
        if (enter(t[i], NOW) == ADMITTED) {
            came++;
            leave_ok(t[i], NOW);
        }
    }
    while (pump(NOW) > 0) {
        struct task *one;

        while ((one = next_ready())) {
            came++;
            leave_ok(one, NOW);
        }
    }
    cr_expect_eq(came, N, "%d", came);
    cr_expect_eq(view(NOW).waiting, 0);
    for (i = 0; i < N; i++)
        task_free(t[i]);
}
