/*
 * limit, shared: each dimension is held by all workers together in any span of its own, and used, while one of them
 * leaves and comes back. What else may happen to a minute is test_limit_shared's.
 */
#include "policy/limit.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"

#define S       1000000LL
#define MINUTE  (60 * S)
#define DAY     (86400 * S)
#define EPOCH   (1790000000LL * S)
#define WORKERS 3
#define PARTS   12

struct dim_case {
    enum limit_dim dim;
    int64_t max;
    int64_t span_us, way_us,
        clock_us; /* the longest way, and by how much the workers' clocks differ */
    int percent;  /* of it that is used at least, while nothing moves */
};

/* A limit of calls beside it, which is not the one that holds them up. */
struct faster {
    enum limit_dim dim;
    int64_t max, span_us;
};

struct member {
    struct share share;
    struct limit limit;
    int64_t ahead_us; /* its wall clock */
    int64_t next_us;
    bool in;
};

struct arrival {
    int64_t at_us, amount;
};

struct pool {
    const struct dim_case *c;
    struct rng rng;
    struct member members[WORKERS];
    struct arrival seen[200000];
    int nseen;
};

static const struct limit_need need = {.tokens = 150, .output = 50};

static int64_t draw(struct pool *p, int64_t from, int64_t to)
{
    return from + (int64_t)rng_below(&p->rng, (uint64_t)(to - from + 1));
}

/* Worker i has the parts i, i + in, ... of those that are in. */
static void say(struct pool *p, int64_t now_us)
{
    struct holding_part parts[PARTS];
    int in = 0;
    int rank = 0;
    int i = 0;
    int k = 0;

    for (i = 0; i < WORKERS; i++)
        in += p->members[i].in;
    for (i = 0; i < WORKERS; i++) {
        struct member *m = &p->members[i];
        struct holding h = {.parts = parts, .total = PARTS, .lease_us = 1000 * DAY};

        for (k = rank; m->in && k < PARTS; k += in)
            parts[h.count++] = (struct holding_part){.index = k, .moved = true};
        rank += m->in;
        limit_before_share(&m->limit, now_us);
        if (share_set(&m->share, &h, now_us, EPOCH + now_us + m->ahead_us))
            limit_after_share(&m->limit, now_us);
        m->next_us = now_us;
    }
}

static void pool_open(struct pool *p, const struct dim_case *c, const struct faster *faster,
                      uint64_t seed)
{
    struct limit_max max = {0};
    int i = 0;

    *p = (struct pool){.c = c, .rng = {seed}};
    max.of[c->dim] = c->max;
    if (faster)
        max.of[faster->dim] = faster->max;
    for (i = 0; i < WORKERS; i++) {
        struct member *m = &p->members[i];

        m->in = true;
        m->ahead_us = draw(p, 0, c->clock_us);
        limit_init(&m->limit, &max);
        limit_share(&m->limit, &m->share, S);
    }
    say(p, S);
}

static void pool_close(struct pool *p)
{
    int i = 0;

    for (i = 0; i < WORKERS; i++)
        share_done(&p->members[i].share);
}

static void try_call(struct pool *p, struct member *m, int64_t now_us)
{
    bool tokens = p->c->dim == LIMIT_TPD;
    int64_t at_us = INT64_MAX;
    int r = limit_try(&m->limit, need, now_us, &at_us);

    if (r != LIMIT_GO) {
        m->next_us = r == LIMIT_WAIT ? at_us : INT64_MAX;
        return;
    }
    cr_assert_lt((size_t)p->nseen, ARRAY_LEN(p->seen));
    p->seen[p->nseen++] =
        (struct arrival){now_us + draw(p, 0, p->c->way_us), tokens ? need.tokens : 1};
    limit_settle(&m->limit, need, need, now_us, now_us);
}

/* There is work for all of them all the time. */
static void run(struct pool *p, int64_t until_us)
{
    for (;;) {
        struct member *first = &p->members[0];
        int i = 0;

        for (i = 1; i < WORKERS; i++)
            first = p->members[i].next_us < first->next_us ? &p->members[i] : first;
        if (first->next_us >= until_us)
            return;
        try_call(p, first, first->next_us);
    }
}

static int by_time(const void *a, const void *b)
{
    const struct arrival *x = a;
    const struct arrival *y = b;

    return (x->at_us > y->at_us) - (x->at_us < y->at_us);
}

/* The most that a span holds. */
static int64_t fullest(struct pool *p, int64_t span_us)
{
    int64_t most = 0;
    int64_t sum = 0;
    int from = 0;
    int i = 0;

    qsort(p->seen, (size_t)p->nseen, sizeof p->seen[0], by_time);
    for (i = 0; i < p->nseen; i++) {
        sum += p->seen[i].amount;
        for (; p->seen[from].at_us <= p->seen[i].at_us - span_us; from++)
            sum -= p->seen[from].amount;
        most = sum > most ? sum : most;
    }
    return most;
}

/* In percent of the limit. */
static double used(const struct pool *p, int64_t from_us, int64_t to_us)
{
    double spans = (double)(to_us - from_us) / (double)p->c->span_us;
    int64_t sum = 0;
    int i = 0;

    for (i = 0; i < p->nseen; i++)
        sum += p->seen[i].at_us >= from_us && p->seen[i].at_us < to_us ? p->seen[i].amount : 0;
    return 100 * (double)sum / spans / (double)p->c->max;
}

static void expect_within(struct pool *p, enum limit_dim dim, int64_t max, int64_t span_us,
                          uint64_t seed)
{
    int64_t most = fullest(p, span_us);

    cr_expect_leq(most, max, "%s %lld, seed %llu: %lld", limit_name(dim), (long long)max,
                  (unsigned long long)seed, (long long)most);
}

/* Ten spans at rest, then a worker leaves and comes back, some times. */
static void run_case(const struct dim_case *c, const struct faster *faster, uint64_t seed)
{
    static struct pool pool;
    struct pool *p = &pool;
    int64_t at_us = S + 12 * c->span_us;
    double calm = 0;
    int i = 0;

    pool_open(p, c, faster, seed);
    run(p, at_us);
    calm = used(p, S + 2 * c->span_us, at_us);
    for (i = 0; i < 6; i++) {
        struct member *m = &p->members[draw(p, 0, WORKERS - 1)];

        m->in = false;
        say(p, at_us);
        at_us += draw(p, c->span_us / 10, c->span_us * 2);
        run(p, at_us);
        m->in = true;
        say(p, at_us);
        at_us += draw(p, c->span_us / 10, c->span_us * 2);
        run(p, at_us);
    }
    expect_within(p, c->dim, c->max, c->span_us, seed);
    if (faster)
        expect_within(p, faster->dim, faster->max, faster->span_us, seed);
    cr_expect_geq(calm, c->percent, "%s %lld, seed %llu: %.1f %% used", limit_name(c->dim),
                  (long long)c->max, (unsigned long long)seed, calm);
    pool_close(p);
}

Test(share_dims, each_is_held_and_used_together)
{
    static const struct dim_case cases[] = {
        {LIMIT_RPS, 1, S, 50000, 20000, 89},           {LIMIT_RPS, 7, S, 50000, 20000, 88},
        {LIMIT_RPS, 12, S, 50000, 20000, 88},          {LIMIT_RPS, 100, S, 50000, 20000, 88},
        {LIMIT_RPS, 500, S, 50000, 20000, 88},         {LIMIT_RPM, 30, MINUTE, 200000, 250000, 97},
        {LIMIT_RPM, 3000, MINUTE, 200000, 250000, 97}, {LIMIT_RPD, 1, DAY, 200000, 250000, 89},
        {LIMIT_RPD, 50, DAY, 200000, 250000, 97},      {LIMIT_RPD, 1000, DAY, 200000, 250000, 97},
        {LIMIT_TPD, 60000, DAY, 200000, 250000, 97},
    };
    uint64_t seed = 0;
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++)
        for (seed = 1; seed <= 20; seed++)
            run_case(&cases[i], NULL, seed);
}

/* Each would go by instants of its own, which seldom are there at the same time. */
Test(share_dims, two_limits_of_calls_do_not_wait_for_each_other)
{
    static const struct {
        struct dim_case slower;
        struct faster faster;
    } cases[] = {
        {{LIMIT_RPS, 1, S, 50000, 20000, 86}, {LIMIT_RPM, 66, MINUTE}},
        {{LIMIT_RPM, 20, MINUTE, 50000, 20000, 95}, {LIMIT_RPS, 1, S}},
        {{LIMIT_RPM, 54, MINUTE, 50000, 20000, 95}, {LIMIT_RPS, 1, S}},
        {{LIMIT_RPM, 150, MINUTE, 50000, 20000, 95}, {LIMIT_RPS, 3, S}},
        {{LIMIT_RPM, 234, MINUTE, 50000, 20000, 95}, {LIMIT_RPS, 5, S}},
        {{LIMIT_RPS, 3, S, 50000, 20000, 86}, {LIMIT_RPM, 185, MINUTE}},
        {{LIMIT_RPD, 100, DAY, 50000, 20000, 95}, {LIMIT_RPM, 1, MINUTE}},
    };
    uint64_t seed = 0;
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++)
        for (seed = 1; seed <= 20; seed++)
            run_case(&cases[i].slower, &cases[i].faster, seed);
}
