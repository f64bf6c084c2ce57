/*
 * limit_world: several workers that share the limits of one route, in a world with a moved clock: a group that
 * hands partitions about, workers that join, leave, crash and freeze, clocks that differ, calls that take their
 * time, and a provider that writes down what it got when.
 */
#ifndef SLUICE_TESTS_LIMIT_WORLD_H
#define SLUICE_TESTS_LIMIT_WORLD_H

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "tests/unit/policy/limit_minute.h"

#define S           1000000LL
#define MINUTE      (60 * S)
#define EPOCH       (1790000000LL * S) /* wall clock at time 0 of the world */
#define WORKERS_MAX 8
#define PARTS_MAX   48
#define CALLS_MAX   4096
#define SEEN_MAX    400000
#define NEVER       INT64_MAX

enum { NOBODY = -1 };

/* What is drawn for one run. */
struct plan {
    int64_t rpm, tpm, parallel;
    int64_t call_us; /* longest call; a call takes a random part of it */
    int64_t tokens;  /* largest estimate */
    int parts, workers;
    int64_t move_us;    /* between two changes of the group; 0: none */
    int64_t session_us; /* after which a worker that is not heard of loses its partitions */
    int64_t idle_us;    /* longest pause between a worker's requests; 0: there is always work */
    int kinds;          /* of changes: 2 join and leave, 3 crash, 4 freeze */
    bool exact;         /* estimates are right */
};

struct member {
    bool in, frozen;
    bool fresh;              /* has had no assignment yet: nothing comes from a live owner */
    int64_t ahead_us;        /* its wall clock, of the world's */
    int64_t begun_us;        /* its monotonic clock is the world's time since then */
    int64_t wake_us;         /* when it thaws */
    int64_t found_us;        /* when the group finds that it is gone; NEVER */
    int64_t learns_us;       /* when it hears that it has lost everything; NEVER */
    int64_t next_us;         /* when it tries again */
    int64_t says_us;         /* next word to the share */
    int64_t ready_us;        /* its next request is there */
    int64_t last_us, gap_us; /* its last call, or when it got partitions; the longest wait since */
    bool holds[PARTS_MAX], moved[PARTS_MAX];
    struct share share;
    struct limit limit;
};

struct running {
    int64_t end_us, tokens, used;
    int64_t reserved_us; /* by its worker's clock */
    int worker, life;
    int seen; /* what the provider wrote down of it */
};

struct arrival {
    int64_t at_us, tokens, end_us;
};

struct world {
    struct plan plan;
    struct rng rng;
    int64_t now_us;
    struct member member[WORKERS_MAX];
    int life[WORKERS_MAX]; /* process; a call of an earlier one ends without its knowing */
    int owner[PARTS_MAX];
    int next_owner[PARTS_MAX]; /* NOBODY: it stays */
    bool live_owner[PARTS_MAX];
    int64_t hand_us[PARTS_MAX]; /* when it gets there */
    int64_t change_us;
    int64_t owned_us; /* of each partition, the time that a worker was there for it, in sum */
    struct running calls[CALLS_MAX];
    int ncalls;
    struct arrival seen[SEEN_MAX];
    int nseen;
};

static inline int64_t draw(struct world *w, int64_t from, int64_t to)
{
    return from + (int64_t)rng_below(&w->rng, (uint64_t)(to - from + 1));
}

static inline int64_t mono(const struct world *w, const struct member *m)
{
    return w->now_us - m->begun_us + S;
}

/* The worker's intake says what it holds. */
static inline void say(struct world *w, struct member *m)
{
    struct holding_part parts[PARTS_MAX];
    struct holding h = {.parts = parts, .total = w->plan.parts, .lease_us = w->plan.session_us / 2};
    int64_t wall_us = EPOCH + w->now_us + m->ahead_us;
    int i;

    for (i = 0; i < w->plan.parts; i++)
        if (m->holds[i])
            parts[h.count++] = (struct holding_part){.index = i, .moved = m->moved[i]};
    limit_before_share(&m->limit, mono(w, m));
    if (share_set(&m->share, &h, mono(w, m), wall_us)) {
        limit_after_share(&m->limit, mono(w, m));
        m->next_us = w->now_us;
    }
    m->says_us = w->now_us + S / 2;
}

static inline void start(struct world *w, int i)
{
    struct member *m = &w->member[i];
    int p;

    share_done(&m->share);
    *m = (struct member){.in = true,
                         .fresh = true,
                         .begun_us = w->now_us - draw(w, 0, 100 * S),
                         .ahead_us = draw(w, -S / 4, S / 4),
                         .learns_us = NEVER,
                         .found_us = NEVER,
                         .last_us = w->now_us};
    w->life[i]++;
    minute_init(&m->limit, w->plan.rpm, w->plan.tpm, w->plan.parallel);
    limit_share(&m->limit, &m->share, w->plan.call_us);
    say(w, m);
    for (p = 0; p < w->plan.parts;
         p++) { /* it is back before it was missed: what it had is its own */
        if (w->owner[p] != i && w->next_owner[p] != i)
            continue;
        w->owner[p] = NOBODY;
        w->next_owner[p] = i;
        w->hand_us[p] = w->now_us + S;
    }
}

static inline int members(const struct world *w)
{
    int n = 0, i;

    for (i = 0; i < WORKERS_MAX; i++)
        n += w->member[i].in && !w->member[i].frozen;
    return n;
}

/* Who has how many, counting what is under way. */
static inline int load_of(const struct world *w, int i)
{
    int n = 0, p;

    for (p = 0; p < w->plan.parts; p++)
        n += w->next_owner[p] == i || (w->owner[p] == i && w->next_owner[p] == NOBODY);
    return n;
}

static inline int least_loaded(const struct world *w)
{
    int best = NOBODY, i;

    for (i = 0; i < WORKERS_MAX; i++)
        if (w->member[i].in && !w->member[i].frozen &&
            (best == NOBODY || load_of(w, i) < load_of(w, best)))
            best = i;
    return best;
}

/* A partition is taken from a worker, which knows it at once unless it is dead or frozen. */
static inline void take_away(struct world *w, int p)
{
    int from = w->owner[p];

    w->owner[p] = NOBODY;
    if (from == NOBODY || !w->member[from].in || w->member[from].frozen)
        return;
    w->live_owner[p] = true;
    w->member[from].holds[p] = false;
}

/* Gives away what nobody has, and evens out the rest. */
static inline void rebalance(struct world *w)
{
    int n = members(w), i, p;
    int64_t at_us = w->now_us + draw(w, S / 10, 2 * S);

    for (p = 0; p < w->plan.parts; p++) {
        int o = w->owner[p] != NOBODY ? w->owner[p] : w->next_owner[p];
        bool gone = o == NOBODY || w->member[o].found_us <= w->now_us;

        if (!gone && (!w->member[o].in || w->member[o].frozen))
            continue; /* the group does not know yet */
        if (!gone && load_of(w, o) <= (w->plan.parts + n - 1) / n)
            continue;
        if (!gone && load_of(w, o) <= load_of(w, least_loaded(w)) + 1)
            continue;
        take_away(w, p);
        w->next_owner[p] = NOBODY;
        w->next_owner[p] = least_loaded(w);
        w->hand_us[p] = at_us;
    }
    for (i = 0; i < WORKERS_MAX; i++)
        if (w->member[i].in && !w->member[i].frozen)
            say(w, &w->member[i]);
}

static inline bool holds_any(const struct member *m)
{
    int p;

    for (p = 0; p < PARTS_MAX; p++)
        if (m->holds[p])
            return true;
    return false;
}

static inline void hand_over(struct world *w)
{
    int p, i;
    bool got[WORKERS_MAX] = {false};

    for (p = 0; p < w->plan.parts; p++) {
        i = w->next_owner[p];
        if (i == NOBODY || w->hand_us[p] > w->now_us || w->member[i].frozen)
            continue;
        w->owner[p] = i;
        w->next_owner[p] = NOBODY;
        if (!holds_any(&w->member[i]))
            w->member[i].last_us = w->now_us;
        w->member[i].holds[p] = true;
        w->member[i].moved[p] = w->live_owner[p] || !w->member[i].fresh;
        w->live_owner[p] = false;
        got[i] = true;
    }
    for (i = 0; i < WORKERS_MAX; i++)
        if (got[i]) {
            say(w, &w->member[i]);
            w->member[i].fresh = false;
        }
}

static inline int any_member(struct world *w, bool in)
{
    int i = (int)rng_below(&w->rng, WORKERS_MAX), n;

    for (n = 0; n < WORKERS_MAX; n++, i = (i + 1) % WORKERS_MAX)
        if (w->member[i].in == in && !w->member[i].frozen && i < w->plan.workers)
            return i;
    return NOBODY;
}

/* Its connections close, and so do its calls. */
static inline void leave(struct world *w, int i, int64_t found_us)
{
    int k;

    w->member[i].in = false;
    w->member[i].found_us = found_us;
    for (k = 0; k < w->ncalls; k++)
        if (w->calls[k].worker == i && w->calls[k].life == w->life[i])
            w->seen[w->calls[k].seen].end_us = w->now_us;
}

static inline void freeze(struct world *w, struct member *m)
{
    m->frozen = true;
    m->wake_us = w->now_us + draw(w, S, 2 * w->plan.session_us);
    m->found_us = w->now_us + w->plan.session_us - draw(w, 0, 3 * S); /* since its last heartbeat */
}

static inline void change_group(struct world *w)
{
    int kind = (int)rng_below(&w->rng, (uint64_t)w->plan.kinds);
    int i = any_member(w, kind != 0);

    w->change_us = w->now_us + w->plan.move_us;
    if (i == NOBODY || (kind != 0 && members(w) < 2)) {
        i = any_member(w, false);
        kind = 0;
    }
    if (i == NOBODY)
        return;
    if (kind == 0)
        start(w, i);
    else if (kind < 3)
        leave(w, i, kind == 1 ? w->now_us : w->now_us + w->plan.session_us - draw(w, 0, 3 * S));
    else
        freeze(w, &w->member[i]);
    if (kind < 2)
        rebalance(w);
}

/* Sessions that end: the group hands on what those members had. */
static inline void find_gone(struct world *w)
{
    bool any = false;
    int i;

    for (i = 0; i < WORKERS_MAX; i++) {
        struct member *m = &w->member[i];

        if (m->found_us <= w->now_us && (m->frozen || !m->in) && load_of(w, i))
            any = true;
    }
    if (any && members(w))
        rebalance(w);
}

static inline void thaw(struct world *w, struct member *m)
{
    int i = (int)(m - w->member), p;
    bool lost = false;

    m->frozen = false;
    m->found_us = NEVER;
    m->last_us = w->now_us;
    for (p = 0; p < w->plan.parts; p++)
        lost = lost || (m->holds[p] && w->owner[p] != i);
    m->learns_us = lost ? w->now_us + draw(w, 0, 2900000) : NEVER;
    m->next_us = w->now_us; /* its threads run before it hears anything */
    m->says_us = w->now_us + draw(w, 0, S / 10);
}

static inline void learn(struct world *w, struct member *m)
{
    memset(m->holds, 0, sizeof m->holds);
    m->learns_us = NEVER;
    say(w, m);
    rebalance(w);
}

static inline void note(struct world *w, int64_t tokens, int64_t took_us)
{
    cr_assert_lt(w->nseen, SEEN_MAX);
    w->seen[w->nseen++] = (struct arrival){
        .at_us = w->now_us + draw(w, 0, 200000), .tokens = tokens, .end_us = w->now_us + took_us};
}

static inline void try_call(struct world *w, int i)
{
    struct member *m = &w->member[i];
    struct running *c = &w->calls[w->ncalls];
    int64_t tokens = draw(w, w->plan.tokens / 2, w->plan.tokens);
    int64_t at = NEVER;
    int r = minute_try(&m->limit, tokens, mono(w, m), &at);

    if (r == LIMIT_WAIT) {
        cr_assert_gt(at, mono(w, m));
        m->next_us = at == NEVER ? NEVER : w->now_us + (at - mono(w, m)) + draw(w, 0, 3000);
        return;
    }
    m->next_us = r == LIMIT_GO ? w->now_us : NEVER;
    if (r != LIMIT_GO)
        return;
    cr_assert_lt(w->ncalls, CALLS_MAX);
    *c = (struct running){.end_us = w->now_us + draw(w, w->plan.call_us / 20, w->plan.call_us),
                          .tokens = tokens,
                          .reserved_us = mono(w, m),
                          .used = w->plan.exact ? tokens : draw(w, tokens / 10, tokens),
                          .worker = i,
                          .life = w->life[i]};
    c->seen = w->nseen;
    note(w, c->used, c->end_us - w->now_us);
    w->ncalls++;
    m->gap_us = w->now_us - m->last_us > m->gap_us ? w->now_us - m->last_us : m->gap_us;
    m->last_us = w->now_us;
    m->ready_us = w->now_us + (w->plan.idle_us ? draw(w, 0, w->plan.idle_us) : 0);
}

static inline void end_calls(struct world *w)
{
    int i = 0;

    while (i < w->ncalls) {
        struct running *c = &w->calls[i];
        struct member *m = &w->member[c->worker];

        if (c->end_us > w->now_us || (m->frozen && w->life[c->worker] == c->life)) {
            i++;
            continue;
        }
        if (m->in && w->life[c->worker] == c->life) {
            minute_settle(&m->limit, c->tokens, c->used, c->reserved_us, mono(w, m));
            m->next_us = w->now_us; /* there may be room */
        }
        *c = w->calls[--w->ncalls];
    }
}

static inline void sooner(int64_t *at, int64_t than)
{
    *at = than < *at ? than : *at;
}

static inline int64_t next_event(const struct world *w)
{
    int64_t at = w->change_us;
    int i;

    for (i = 0; i < WORKERS_MAX; i++) {
        const struct member *m = &w->member[i];

        if ((m->frozen || !m->in) && m->found_us > w->now_us)
            sooner(&at, m->found_us);
        if (!m->in)
            continue;
        sooner(&at, m->frozen ? m->wake_us : m->says_us);
        if (!m->frozen && m->next_us != NEVER)
            sooner(&at, m->next_us > m->ready_us ? m->next_us : m->ready_us);
        if (!m->frozen)
            sooner(&at, m->learns_us);
    }
    for (i = 0; i < w->plan.parts; i++)
        if (w->next_owner[i] != NOBODY && !w->member[w->next_owner[i]].frozen)
            sooner(&at, w->hand_us[i]);
    for (i = 0; i < w->ncalls; i++)
        if (!w->member[w->calls[i].worker].frozen)
            sooner(&at, w->calls[i].end_us);
    return at > w->now_us ? at : w->now_us;
}

static inline bool is_served(const struct world *w, int p)
{
    int i = w->owner[p];

    return i != NOBODY && w->member[i].in && !w->member[i].frozen && w->member[i].holds[p];
}

static inline void step(struct world *w)
{
    int64_t at_us = next_event(w);
    int i;

    for (i = 0; i < w->plan.parts; i++)
        w->owned_us += is_served(w, i) ? at_us - w->now_us : 0;
    w->now_us = at_us;
    for (i = 0; i < WORKERS_MAX; i++)
        if (w->member[i].in && w->member[i].frozen && w->member[i].wake_us <= w->now_us)
            thaw(w, &w->member[i]);
    for (i = 0; i < WORKERS_MAX; i++) {
        struct member *m = &w->member[i];

        if (!m->in || m->frozen)
            continue;
        if (m->next_us <= w->now_us && m->ready_us <= w->now_us)
            try_call(w, i);
        if (m->learns_us <= w->now_us)
            learn(w, m);
        if (m->says_us <= w->now_us)
            say(w, m);
    }
    end_calls(w);
    hand_over(w);
    find_gone(w);
    if (w->change_us <= w->now_us)
        change_group(w);
}

static inline void world_open(struct world *w, const struct plan *plan, uint64_t seed)
{
    int i;

    memset(w, 0, sizeof *w);
    w->plan = *plan;
    w->rng.state = seed;
    w->change_us = plan->move_us ? 90 * S : NEVER;
    for (i = 0; i < PARTS_MAX; i++)
        w->owner[i] = w->next_owner[i] = NOBODY;
    for (i = 0; i < plan->workers; i++)
        start(w, i);
    rebalance(w);
}

static inline void world_run(struct world *w, int64_t until_us)
{
    while (w->now_us < until_us)
        step(w);
}

static inline void world_close(struct world *w)
{
    int i;

    for (i = 0; i < WORKERS_MAX; i++)
        share_done(&w->member[i].share);
}

#endif
