/*
 * The admission in a world with a moved clock: thousands of seeded runs with the rules of several providers, in
 * which no limit may be exceeded, none may be left unused while work waits, nobody starves, nobody fails who could
 * have been served, nobody pays more than its budget, and everybody ends once. SEEDS=n runs n of them, SEED=n only that one.
 */
#include <criterion/criterion.h>

#include "tests/unit/pool/world_draw.h"
#include "tests/unit/pool/world_group.h"

#if defined(__SANITIZE_ADDRESS__)
#define SEEDS 200
#else
#define SEEDS 2000
#endif

static struct world world;

static void tell_limits(struct model *m, const struct row_plan *p, double says)
{
    int64_t *const to[LIMIT_DIMS] = {
        [LIMIT_RPS] = &m->rps,
        [LIMIT_RPM] = &m->rpm,
        [LIMIT_RPD] = &m->rpd,
        [LIMIT_TPM] = &m->tpm,
        [LIMIT_INPUT_TPM] = &m->input_tpm,
        [LIMIT_OUTPUT_TPM] = &m->output_tpm,
        [LIMIT_TPD] = &m->tpd,
    };
    enum limit_dim d;

    for (d = 0; d < LIMIT_DIMS; d++)
        if (p->day_told || dims[d].span_us < DAY_US)
            *to[d] = (int64_t)((double)p->max[d] * says);
}

static void open_rows(struct world *w)
{
    static const char *const names[] = {"a", "b"};
    int i;

    for (i = 0; i < w->plan.nrows; i++) {
        const struct row_plan *p = &w->plan.rows[i];
        double says = p->told == TOLD_TRUE ? 1 : p->told == TOLD_TOO_MUCH ? 1.5 : 0;

        w->models[i] =
            (struct model){.index = i,
                           .model_name = (char *)names[p->name],
                           .provider_name = (char *)rule_names[p->rule],
                           .weight = 1,
                           .max_parallel_requests = (int64_t)((double)p->parallel * says),
                           .timeout_ms = p->stuck_us / 1000};
        tell_limits(&w->models[i], p, says);
        w->told[i] = limit_max_of(&w->models[i]);
        account_open(&w->accounts[i], p);
        w->rows[i].stretch =
            (struct stretch){.from_us = NEVER, .since_us = NEVER, .day_least = 100};
    }
}

static void open_config(struct world *w)
{
    static char *to_b[] = {(char *)"b"};
    static struct fallback fallback = {.from = (char *)"a", .to = {.at = to_b, .count = 1}};

    w->config = config_new();
    w->config->models = w->models;
    w->config->nmodels = (size_t)w->plan.nrows;
    w->config->pool.max_calls = 1000000;
    config_say(&w->config->router.routing_strategy, w->plan.strategy);
    config_say(&w->config->router.sticky, w->plan.sticky);
    w->config->pool.park_for_ms = w->plan.park_for_us / 1000;
    if (w->plan.rows[w->plan.nrows - 1].name == 1 && !w->plan.parks)
        w->config->router.fallbacks = (struct fallback_list){.at = &fallback, .count = 1};
}

static int64_t come_at(struct world *w, int64_t before_us)
{
    double gap = -log(1 - rng_unit(&w->rng)) / (w->plan.rate * w->plan.load);

    if (w->plan.arriving == ARRIVE_AT_ONCE)
        return 0;
    if (w->plan.arriving == ARRIVE_TAIL)
        gap = plan_chance(&w->rng, 95) ? 0 : gap * 6 * pow(1 - rng_unit(&w->rng), -0.7);
    return before_us + (int64_t)(fmin(gap, 600) * S);
}

static void open_items(struct world *w)
{
    const struct plan *p = &w->plan;
    bool both = p->rows[p->nrows - 1].name == 1;
    int64_t at_us = 0;
    int i;

    for (i = 0; i < p->ntasks; i++) {
        struct item *it = &w->items[i];
        double size = exp(0.6 * plan_normal(&w->rng));

        at_us = come_at(w, at_us);
        it->number = i;
        it->part = (int)draw(w, 0, p->parts - 1);
        it->comes_us = at_us;
        it->prompt = 1 + (int64_t)((double)p->prompt * fmin(size, 4));
        it->answer = p->answers[draw(w, 0, ANSWERS - 1)];
        it->use = p->least_use + (p->most_use - p->least_use) * rng_unit(&w->rng);
        it->slow = exp(0.5 * plan_normal(&w->rng)) * (plan_chance(&w->rng, 1) ? 10 : 1);
        it->deadline_us =
            p->deadline_us ? at_us + (int64_t)((double)p->deadline_us * (0.5 + rng_unit(&w->rng)))
                           : NEVER;
        it->wants = both && plan_chance(&w->rng, 30) ? (int)draw(w, 2, 3) : 1;
        item_later(w, it, ITEM_COMES, at_us);
    }
    w->open = p->ntasks;
}

static void world_open(struct world *w, uint64_t seed)
{
    int i;

    memset(w, 0, sizeof *w);
    plan_draw(&w->plan, seed);
    w->rng.state = seed * 31 + 7;
    for (i = 0; i < USES; i++)
        w->result.use[i].least = 100;
    list_init(&w->visits);
    for (i = 0; i < ANSWERS; i++) {
        w->bodies[i] = json_object_new_object();
        json_object_object_add(w->bodies[i], "max_completion_tokens",
                               json_object_new_int64(w->plan.answers[i]));
    }
    for (i = 0; i < PARTS_MAX; i++)
        list_init(&w->parts[i].behind);
    open_rows(w);
    open_config(w);
    open_items(w);
    clients_open(w);
    money_open(w);
    for (i = 0; i < w->plan.parts; i++)
        w->owner[i] = i % w->plan.workers;
    for (i = 0; i < w->plan.workers; i++)
        worker_start(w, &w->workers[i]);
    for (i = 0; i < w->plan.ncrashes; i++)
        heap_push(&w->events, &w->crash_timers[i], w->plan.crashes[i].at_us);
}

static void world_close(struct world *w)
{
    struct list_node gone;
    struct list_node *n;
    int i;

    for (i = 0; i < w->plan.workers; i++)
        if (w->workers[i].admission)
            admission_flush(w->workers[i].admission, &gone);
    while ((n = w->visits.next) != &w->visits)
        visit_over(w, CONTAINER_OF(n, struct visit, all));
    for (i = 0; i < w->plan.ntasks; i++)
        task_free(w->items[i].t);
    for (i = 0; i < w->plan.workers; i++) {
        admission_free(w->workers[i].admission);
        budget_free(w->workers[i].budget);
    }
    for (i = 0; i < w->plan.nrows; i++) {
        account_close(&w->accounts[i]);
        free(w->rows[i].calls);
    }
    for (i = 0; i < ANSWERS; i++)
        json_object_put(w->bodies[i]);
    clients_close(w);
    w->config->models = NULL;
    w->config->nmodels = 0;
    w->config->router.fallbacks = (struct fallback_list){0};
    config_free(w->config);
    heap_done(&w->events);
}

static bool is_in(const void *p, const void *array, size_t len)
{
    return (const char *)p >= (const char *)array && (const char *)p < (const char *)array + len;
}

static void run_event(struct world *w, struct heap_node *n)
{
    heap_remove(&w->events, n);
    w->idle_pumps = 0;
    if (is_in(n, w->items, sizeof w->items))
        item_timer(w, CONTAINER_OF(n, struct item, timer));
    else if (is_in(n, w->workers, sizeof w->workers))
        worker_timer(w, CONTAINER_OF(n, struct worker, timer));
    else if (is_in(n, w->crash_timers, sizeof w->crash_timers))
        crash(w, &w->plan.crashes[n - w->crash_timers]);
    else if (CONTAINER_OF(n, struct visit, timer)->there)
        visit_end(w, CONTAINER_OF(n, struct visit, timer));
    else
        visit_arrive(w, CONTAINER_OF(n, struct visit, timer));
}

static void world_step(struct world *w)
{
    struct heap_node *n = heap_top(&w->events);
    int64_t at_us = n ? n->key : NEVER;
    int i;

    for (i = 0; i < w->plan.workers; i++) {
        int64_t pump_us = pump_at(w, &w->workers[i]);

        at_us = pump_us < at_us ? pump_us : at_us;
    }
    if (at_us > END_US) {
        broken(w, "the world stands still, with %d tasks open", w->open);
        return;
    }
    if (at_us > w->now_us) {
        check_time(w, at_us);
        w->now_us = at_us;
    }
    if (n && n->key <= at_us)
        run_event(w, n);
    for (i = 0; i < w->plan.workers; i++)
        if (pump_at(w, &w->workers[i]) <= w->now_us)
            pump_due(w, &w->workers[i]);
    for (i = 0; w->plan.parks && i < w->plan.workers; i++)
        if (w->workers[i].admission)
            park(w, &w->workers[i]);
    money_look(w);
}

static struct result world_run(uint64_t seed)
{
    struct result result;
    int i;

    world_open(&world, seed);
    while (world.open > 0 && !world.broken)
        world_step(&world);
    for (i = 0; i < world.plan.nrows; i++)
        stretch_end(&world, i);
    result = world.result;
    world_close(&world);
    return result;
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

/* Adds what a run had; the least use of all, and the sums. */
static void add(struct result *sum, const struct result *r)
{
    int i;

    for (i = 0; i < USES; i++) {
        sum->use[i].stretches += r->use[i].stretches;
        sum->use[i].sum += r->use[i].sum;
        sum->use[i].of_best += r->use[i].of_best;
        sum->use[i].least = fmin(sum->use[i].least, r->use[i].least);
    }
    sum->calls += r->calls;
    sum->refused += r->refused;
    sum->ok += r->ok;
    sum->failed += r->failed;
    sum->wanted_us += r->wanted_us;
    sum->learned_us += r->learned_us;
    sum->turns += r->turns;
    sum->parked += r->parked;
    sum->early += r->early;
    sum->right += r->right;
    sum->most_apart = fmax(sum->most_apart, r->most_apart);
    if (r->in_a_row > sum->in_a_row)
        sum->in_a_row = r->in_a_row;
    if (r->most_overtaken > sum->most_overtaken)
        sum->most_overtaken = r->most_overtaken;
}

#define ENOUGH 40 /* stretches: with fewer, one of them decides what the average is */

/* How much of the limits must be used, in percent; and on the average of what could be used at all: see world_best.h,
 * which is the same where slots, days and money are what is used. */
static const struct {
    const char *name;
    double least, mean, of_best;
} uses[USES] = {
    [USE_ALONE] = {"alone", 87, 99, 98},
    [USE_REQUESTS] = {"shared, requests", 95, 98, 97},
    [USE_TOKENS] = {"shared, tokens", 80, 97.5, 96},
    [USE_LARGE] = {"shared, tokens, by large calls", 65, 96.5, 94},
    [USE_SECONDS] = {"by the second", 86, 95, 97},
    [USE_DAYS] = {"by the day", 92, 97.5, 97.5},
    [USE_MONEY] = {"budgets", USED_LEAST, 95, 95},
};

static void judge_use(const struct result *sum)
{
    int i;

    for (i = 0; i < USES; i++) {
        const struct use *u = &sum->use[i];
        double n = fmax(u->stretches, 1);

        printf("%s: %d stretches, %.1f %% at least, %.1f %% on the average, %.1f %% of what can be "
               "used at all\n",
               uses[i].name, u->stretches, u->least, u->sum / n, u->of_best / n);
        cr_expect_geq(u->least, uses[i].least, "%s", uses[i].name);
        if (u->stretches <= ENOUGH)
            continue;
        cr_expect_geq(u->sum / n, uses[i].mean, "%s", uses[i].name);
        cr_expect_geq(u->of_best / n, uses[i].of_best, "%s, of what can be used", uses[i].name);
    }
}

Test(world, holds)
{
    uint64_t seed = number_of("SEED", 1);
    uint64_t last = getenv("SEED") ? seed : number_of("SEEDS", SEEDS);
    struct result sum = {.most_overtaken = 0};
    int nbroken = 0;
    int i;

    for (i = 0; i < USES; i++)
        sum.use[i].least = 100;
    for (; seed <= last; seed++) {
        struct result r = world_run(seed);

        nbroken += world.broken;
        for (i = 0; i < USES; i++)
            if (r.use[i].least < uses[i].least) {
                plan_print(&world.plan, stderr);
                fprintf(stderr, "  only %.1f %% used\n", r.use[i].least);
            }
        add(&sum, &r);
    }
    printf("%lld calls, %lld refused, %lld served, %lld failed; passed over %d times at most\n",
           (long long)sum.calls, (long long)sum.refused, (long long)sum.ok, (long long)sum.failed,
           sum.most_overtaken);
    printf("%lld of a higher priority went first, %lld of a lower one\n", (long long)sum.right,
           (long long)sum.early);
    printf("%lld times a task was parked\n", (long long)sum.parked);
    printf("%lld turns while two tenants waited, at most %.2f turns apart\n", (long long)sum.turns,
           sum.most_apart);
    printf("%.1f %% of the time that rows had work they were held back by what was learned\n",
           100 * sum.learned_us / fmax(sum.wanted_us, 1));
    judge_use(&sum);
    cr_expect_eq(nbroken, 0, "%d runs are broken", nbroken);
}
