/*
 * Model of exactly once: 1 to 3 workers on 1 to 4 partitions, with the production ledger, map and batch,
 * against a model of a broker (transactions, epochs, a group that fences) and of disks that survive a
 * crash, or do not. Deterministic by seed; no Kafka, no threads.
 *
 * An interleaving is one run: 60 to 360 random steps over a small topic, in which anything may happen at
 * any moment (kill -9, a lost disk, a zombie, a lost or delayed answer, a rebalance, a damaged map), and
 * then as many steps as it takes to come to the end without accidents. Promises are checked at each step
 * (P1 when a transaction becomes visible, P2 when a call begins) and at the end. There are a million of
 * them. Then the model itself is tested: each mutant, a fault that a worker or a broker might have, must
 * be found.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/unit/policy/exact_publisher.h"

/* Sanitizers make it ten times slower; the steps are the same. */
#if defined(__SANITIZE_ADDRESS__)
#define RUNS 25000
#else
#define RUNS 250000
#endif

#define MUTANT_RUNS 60000 /* within these each mutant must be found; most need a few dozen */

struct action {
    unsigned weight;
    bool (*step)(struct model *m, int i);
};

/* What a worker does by itself; also the steps of the end. */
static const struct action work[] = {
    {60, step_deliver}, {60, step_start},    {50, step_finish}, {50, step_journal},
    {50, step_batch},   {240, step_publish}, {20, step_forget}, {30, step_serve},
    {12, step_leave},   {20, step_learn},    {40, step_load},   {12, step_restart},
    {30, step_grant},   {40, step_complete},
};

/* What the world does to it: for each kind of run other weights. */
struct kind {
    const char *name;
    struct chaos chaos;
    struct action world[7];
};

#define WORLD(crash, kick, ask, timeout, late, damage)                                             \
    {                                                                                              \
        {crash, step_crash}, {kick, step_kick}, {ask, step_ask}, {timeout, step_timeout},          \
            {late, step_late}, {damage, step_damage}, {2, step_shrink},                            \
    }

static const struct kind kinds[] = {
    {"crashes", {10, 15, 30, 10}, WORLD(8, 3, 0, 4, 20, 0)},
    {"rebalances", {8, 0, 30, 10}, WORLD(2, 5, 10, 4, 20, 0)},
    {"everything", {12, 20, 30, 5}, WORLD(5, 4, 5, 4, 20, 6)},
    {"quiet", {4, 0, 60, 20}, WORLD(0, 0, 0, 0, 10, 0)},
};

/* ---- one run ---- */

static void make_records(struct model *m, bool large)
{
    unsigned gaps = chance(m, 50) ? 30 : 0;
    int p = 0;

    for (p = 0; p < m->nparts; p++) {
        int most = RECORDS_MAX / m->nparts;
        int n = 1 + (int)rng_below(&m->rng, large ? (uint64_t)most : 6);
        int64_t at = (int64_t)rng_below(&m->rng, 300);

        m->first[p] = m->n;
        for (; n > 0; n--) {
            if (chance(m, gaps))
                at += 1 + (int64_t)rng_below(&m->rng, 9);
            m->of_part[p] |= bit(m->n);
            m->record[m->n].part = p;
            m->record[m->n].costs_nothing = chance(m, m->chaos.costs_nothing);
            m->record[m->n++].offset = at++;
        }
    }
    m->first[p] = m->n;
}

static void model_init(struct model *m, const struct kind *k, uint64_t seed, struct stats *stats)
{
    struct buf text = m->text;
    int i = 0;

    memset(m, 0, sizeof *m);
    m->text = text;
    m->stats = stats;
    m->seed = seed;
    m->rng.state = seed;
    m->chaos = k->chaos;
    m->nworkers = 1 + (int)rng_below(&m->rng, WORKERS_MAX);
    m->nparts = 1 + (int)rng_below(&m->rng, PARTS_MAX);
    m->broker.max_chars = MAP_ROOM - 1;
    m->max_chars = m->broker.max_chars;
    if (chance(m, m->chaos.tiny_map))
        m->max_chars = (size_t)rng_below(&m->rng, 24);
    m->max_open = 1 + (size_t)rng_below(&m->rng, chance(m, 15) ? 3 : 40);
    m->mild = chance(m, 60);
    make_records(m, chance(m, 10));
    m->broker.ids = m->nworkers;
    for (i = 0; i < m->nparts; i++) {
        m->broker.owner[i] = -1;
        m->broker.committed[i].offset = -1;
    }
    for (i = 0; i < m->nworkers; i++) {
        m->worker[i].index = i;
        m->worker[i].id = i;
        step_restart(m, i);
    }
    step_grant(m, 0);
}

static void model_done(struct model *m)
{
    int w = 0;
    int p = 0;

    for (w = 0; w < m->nworkers; w++)
        for (p = 0; p < m->nparts; p++)
            ledger_free(m->worker[w].part[p].ledger);
}

static unsigned weight_of(const struct action *a, size_t n)
{
    unsigned sum = 0;

    while (n > 0)
        sum += a[--n].weight;
    return sum;
}

static bool random_step(struct model *m, const struct kind *k, unsigned sum)
{
    uint64_t at = rng_below(&m->rng, sum);
    int i = (int)rng_below(&m->rng, 12);
    const struct action *a = work;

    while (at >= a->weight) {
        at -= a->weight;
        a = a + 1 == work + ARRAY_LEN(work) ? k->world : a + 1;
    }
    if (m->mild && a >= k->world && a < k->world + ARRAY_LEN(k->world) && chance(m, 80))
        return false;
    return a->step(m, i);
}

/* Offsets of nobody: the producers whose disk is gone never come back. */
static void settle_the_lost(struct model *m)
{
    int id = 0;
    int w = 0;

    for (id = 0; id < m->broker.ids; id++) {
        bool used = false;

        for (w = 0; w < m->nworkers; w++)
            used |= m->worker[w].id == id;
        if (!used)
            step_timeout(m, id);
        step_complete(m, id);
    }
}

static bool at_the_end(const struct model *m)
{
    int i = 0;

    for (i = 0; i < m->nparts; i++)
        if (m->broker.committed[i].offset <= m->record[m->first[i + 1] - 1].offset)
            return false;
    for (i = 0; i < m->nworkers; i++) {
        const struct worker *w = &m->worker[i];

        if (!w->alive || w->phase != IDLE || w->forget || in_flight(w))
            return false;
    }
    for (i = 0; i < m->broker.ids; i++)
        if (m->broker.txn[i].state != TXN_NONE)
            return false;
    return true;
}

/* No more accidents: what was delayed arrives, who is dead comes back, and all do what they can. */
static void come_to_the_end(struct model *m)
{
    int rounds = 0;
    int w = 0;
    size_t a = 0;

    m->calm = true;
    for (rounds = 0; !m->flaw && !at_the_end(m); rounds++) {
        for (w = 0; w < LATE_MAX; w++)
            step_late(m, w);
        settle_the_lost(m);
        for (w = 0; w < m->nworkers; w++)
            for (a = 0; a < ARRAY_LEN(work); a++)
                while (!m->flaw && work[a].step(m, w))
                    m->stats->steps++;
        if (rounds == 500)
            flaw(m, "it does not come to its end", 0);
    }
}

static void check_the_end(struct model *m)
{
    uint64_t left = 0;
    int i = 0;
    int p = 0;

    for (i = 0; i < m->n; i++) {
        const struct record *r = &m->record[i];

        if (r->visible < 1 || r->visible > 1 + r->hurt)
            flaw(m, "not exactly one reply", i);
        if (r->costs_nothing ? r->calls > 0 : r->calls < 1)
            flaw(m, "calls and replies do not fit", i);
        if (r->calls > 1 + r->excused + r->hurt)
            flaw(m, "too many calls", i);
    }
    for (i = 0; i < m->nworkers; i++) {
        left |= m->moved ? 0 : m->worker[i].journal;
        for (p = 0; p < m->nparts; p++)
            prune(m, &m->worker[i], p, &m->broker.committed[p]);
        left |= m->worker[i].journal;
    }
    if (left)
        flaw(m, "the journal is not empty", __builtin_ctzll(left));
    for (p = 0; p < m->nparts; p++)
        if (m->broker.committed[p].offset != m->record[m->first[p + 1] - 1].offset + 1)
            flaw(m, "the last offset is wrong", m->first[p]);
}

/* NULL, or the promise that was broken. */
static const char *run(struct model *m, const struct kind *k, enum mutant mutant, uint64_t seed,
                       struct stats *stats)
{
    unsigned sum = weight_of(work, ARRAY_LEN(work)) + weight_of(k->world, ARRAY_LEN(k->world));
    int steps = 0;

    model_init(m, k, seed, stats);
    m->mutant = mutant;
    steps = 60 + (int)rng_below(&m->rng, 300);
    for (; steps > 0 && !m->flaw; steps--)
        stats->steps += random_step(m, k, sum);
    come_to_the_end(m);
    if (!m->flaw)
        check_the_end(m);
    model_done(m);
    return m->flaw;
}

/* ---- a million of them ---- */

static void say(const struct kind *k, const struct stats *s, int64_t us)
{
    fprintf(
        stderr,
        "%s: %d interleavings, %llu steps in %.1f s; batches %llu cut %llu, commits %llu, aborts "
        "%llu, in doubt %llu (done %llu, open %llu), tainted %llu, fenced by generation %llu, "
        "by epoch %llu, late %llu; crashes %llu, disks %llu, kicks %llu, revokes %llu, loads "
        "%llu (broken %llu), skipped %llu, adopted %llu, from the journal %llu, pruned %llu, "
        "paid again %llu, maps refused %llu, none fits %llu\n",
        k->name, RUNS, (unsigned long long)s->steps, (double)us / 1e6,
        (unsigned long long)s->batches, (unsigned long long)s->partial,
        (unsigned long long)s->commits, (unsigned long long)s->aborts,
        (unsigned long long)s->doubts, (unsigned long long)s->doubt_done,
        (unsigned long long)s->doubt_open, (unsigned long long)s->taints,
        (unsigned long long)s->fenced_generation, (unsigned long long)s->fenced_epoch,
        (unsigned long long)s->late, (unsigned long long)s->crashes, (unsigned long long)s->disks,
        (unsigned long long)s->kicks, (unsigned long long)s->revokes, (unsigned long long)s->loads,
        (unsigned long long)s->broken_maps, (unsigned long long)s->skipped,
        (unsigned long long)s->adopted, (unsigned long long)s->journal_hits,
        (unsigned long long)s->pruned, (unsigned long long)s->paid_again,
        (unsigned long long)s->refused_maps, (unsigned long long)s->none_fits);
}

static void run_all(const struct kind *k, struct stats *stats)
{
    struct model m = {.text = BUF_INIT(1 << 12)};
    int64_t from_us = clock_mono_us();
    uint64_t seed = 0;

    for (seed = 1; seed <= RUNS; seed++)
        cr_assert_null(run(&m, k, MUTANT_NONE, seed, stats), "%s, seed %llu: %s (record %d)",
                       k->name, (unsigned long long)seed, m.flaw, m.flaw_record);
    say(k, stats, clock_mono_us() - from_us);
    buf_done(&m.text);
}

Test(exact_model, crashes)
{
    struct stats s = {0};

    run_all(&kinds[0], &s);
    cr_expect(s.crashes && s.disks && s.doubt_done && s.doubt_open && s.fenced_epoch && s.late);
    cr_expect(s.journal_hits && s.pruned && s.skipped && s.paid_again && s.partial);
}

Test(exact_model, rebalances)
{
    struct stats s = {0};

    run_all(&kinds[1], &s);
    cr_expect(s.revokes && s.kicks && s.fenced_generation && s.adopted && s.aborts && s.full);
    cr_expect(s.journal_hits && s.pruned && s.skipped && s.paid_again);
}

Test(exact_model, everything)
{
    struct stats s = {0};

    run_all(&kinds[2], &s);
    cr_expect(s.damaged && s.broken_maps && s.disks && s.adopted && s.refused_maps);
}

Test(exact_model, quiet)
{
    struct stats s = {0};

    run_all(&kinds[3], &s);
    cr_expect_eq(s.paid_again, 0, "nothing moved and nothing died: no call is paid twice");
    cr_expect(s.partial && s.none_fits && s.refused_maps && s.taints && s.doubts);
}

/* ---- does it see anything? ---- */

static const char *const mutants[MUTANTS] = {
    [MUTANT_BASE_WITHOUT_BATCH] = "base and map without the batch",
    [MUTANT_BASE_WITH_ALL_READY] = "base and map with more than the batch",
    [MUTANT_FIT_IGNORED] = "more published than fitted into the map",
    [MUTANT_MAP_LEFT_OUT] = "no map beside the base",
    [MUTANT_PART_LEFT_OUT] = "replies without the offsets of their partition",
    [MUTANT_FORGET_EARLY] = "journal forgotten before the commit",
    [MUTANT_UNJOURNALED] = "published before it is durable",
    [MUTANT_PRUNE_ALL] = "all entries pruned on assignment",
    [MUTANT_ORPHAN_PAID_AGAIN] = "running calls not adopted",
    [MUTANT_BROKEN_MAP_SKIPS] = "a broken map marks the base as done",
    [MUTANT_UNSTABLE_READ] = "commits read while a transaction is pending",
    [MUTANT_DOUBT_IS_COMMITTED] = "in doubt taken for committed",
    [MUTANT_DOUBT_IS_ABORTED] = "in doubt taken for aborted",
    [MUTANT_TAINT_KEPT] = "producer kept after a transport error",
    [MUTANT_GENERATION_AT_SEND] = "group metadata taken at the send",
    [MUTANT_REVOKED_LATE] = "partition given back before it is dropped",
    [MUTANT_ZOMBIE_NOT_FENCED] = "zombie not fenced",
};

static bool find_mutant(enum mutant mutant)
{
    struct model m = {.text = BUF_INIT(1 << 12)};
    struct stats s = {0};
    uint64_t seed = 0;
    bool found = false;

    for (seed = 1; seed <= MUTANT_RUNS && !found; seed++)
        found = run(&m, &kinds[seed % ARRAY_LEN(kinds)], mutant, seed, &s) != NULL;
    if (found)
        fprintf(stderr, "mutant \"%s\": found in run %llu: %s\n", mutants[mutant],
                (unsigned long long)seed - 1, m.flaw);
    buf_done(&m.text);
    return found;
}

Test(exact_model, every_mutant_is_found)
{
    int mutant = 0;

    for (mutant = MUTANT_NONE + 1; mutant < MUTANTS; mutant++)
        cr_expect(find_mutant((enum mutant)mutant), "not found in %d runs: %s", MUTANT_RUNS,
                  mutants[mutant]);
}
