/*
 * exact_publisher: the batch and the transaction of a worker of the model in test_exact_model.c. What goes
 * in, and what became of it, is decided by core/policy/batch.c.
 */
#ifndef SLUICE_TESTS_EXACT_PUBLISHER_H
#define SLUICE_TESTS_EXACT_PUBLISHER_H

#include <string.h>

#include "tests/unit/policy/exact_worker.h"

/* ---- the batch ---- */

/* Some of a set, often all. */
static inline uint64_t some(struct model *m, uint64_t set)
{
    return m->calm || chance(m, 60) ? set : set & rng_u64(&m->rng);
}

static inline size_t list_offsets(const struct model *m, uint64_t set, int64_t *offsets)
{
    size_t n = 0;

    while (set)
        offsets[n++] = m->record[take_lowest(&set)].offset;
    return n;
}

static inline uint64_t lowest(uint64_t set, size_t n)
{
    uint64_t low = 0;

    for (; n > 0; n--)
        low |= bit(take_lowest(&set));
    return low;
}

/* What a wrong worker commits and publishes instead. */
static inline size_t mutate(struct model *m, struct worker *w, int p, uint64_t set, size_t fit)
{
    struct map_scope s = scope_of(p);
    const struct ledger *l = w->part[p].ledger;
    int64_t *base = &w->offsets[p].offset;
    int64_t all[RECORDS_MAX];
    size_t n = list_offsets(m, w->own.ready & m->of_part[p], all);

    if (m->mutant == MUTANT_FIT_IGNORED && *base >= 0)
        return (size_t)__builtin_popcountll(set);
    if (m->mutant == MUTANT_BASE_WITHOUT_BATCH)
        batch_fit(&s, l, all, 0, w->max_chars, &m->text, base);
    if (m->mutant == MUTANT_BASE_WITH_ALL_READY)
        batch_fit(&s, l, all, n, w->max_chars, &m->text, base);
    if (m->mutant == MUTANT_MAP_LEFT_OUT)
        buf_clear(&m->text);
    return fit;
}

/* Adds what can go of one partition; now and then, when nothing can, its base and map as they are. */
static inline void add_part(struct model *m, struct worker *w, int p)
{
    struct map_scope s = scope_of(p);
    const struct ledger *l = w->part[p].ledger;
    uint64_t set = some(m, w->own.ready & m->of_part[p]);
    int64_t offsets[RECORDS_MAX];
    size_t n = list_offsets(m, set, offsets);
    struct commit *c = &w->offsets[p];
    bool bare = mischance(m, 5);
    size_t fit = 0;

    if (!l || (n == 0 && !bare))
        return;
    fit = batch_fit(&s, l, offsets, n, w->max_chars, &m->text, &c->offset);
    m->stats->partial += fit > 0 && fit < n;
    m->stats->none_fits += c->offset < 0;
    if (m->mutant != MUTANT_NONE)
        fit = mutate(m, w, p, set, fit);
    if (c->offset < 0 || (fit == 0 && !bare))
        return;
    if (m->text.len > w->max_chars || m->text.len >= sizeof c->map)
        flaw(m, "the map is longer than allowed", m->first[p]);
    else
        memcpy(c->map, m->text.data ? m->text.data : "", m->text.len);
    c->len = m->text.len;
    w->batch |= lowest(set, fit);
    w->batch_parts |= 1u << p;
}

static inline bool step_batch(struct model *m, int i)
{
    struct worker *w = &m->worker[i % m->nworkers];
    int p = 0;

    if (!w->alive || w->phase != IDLE)
        return false;
    w->batch_parts = 0;
    for (p = 0; p < m->nparts; p++)
        add_part(m, w, p);
    if (!w->batch_parts)
        return false;
    if (m->mutant == MUTANT_PART_LEFT_OUT && w->batch_parts & (w->batch_parts - 1))
        w->batch_parts &= w->batch_parts - 1;
    if (m->mutant == MUTANT_FORGET_EARLY)
        w->forget |= w->batch;
    w->own.ready &= ~w->batch;
    w->own.away |= w->batch;
    w->batch_generation = w->generation;
    w->batch_token = w->token;
    w->produced = 0;
    w->phase = BATCH;
    m->stats->batches++;
    return true;
}

/* ---- its end ---- */

static inline void acked_one(struct model *m, struct worker *w, int r)
{
    struct part *part = &w->part[m->record[r].part];

    if (part->ledger && (w->own.away | w->own.waiting) & bit(r))
        ledger_done(part->ledger, m->record[r].offset);
    w->own.away &= ~bit(r);
    w->own.waiting &= ~bit(r);
    w->orphan.away &= ~bit(r);
    w->forget |= bit(r);
}

static inline void again_one(struct model *m, struct worker *w, int r)
{
    if (w->orphan.away & bit(r)) {
        w->orphan.away &= ~bit(r);
        adopt(m, w, r);
    } else {
        w->own.away &= ~bit(r);
        w->own.ready |= bit(r);
    }
}

static inline void settle(struct model *m, struct worker *w, uint64_t acked)
{
    uint64_t again = w->batch & ~acked;

    acked &= w->batch;
    w->batch = 0;
    while (acked)
        acked_one(m, w, take_lowest(&acked));
    while (again)
        again_one(m, w, take_lowest(&again));
    w->phase = IDLE;
}

/* ---- the transaction ---- */

static inline bool taint(struct model *m, struct worker *w)
{
    w->tainted = true;
    m->stats->taints++;
    return true;
}

/* After a start, a fatal error or a transport error, before anything else: nothing old can act any more. */
static inline bool initialise(struct model *m, struct worker *w)
{
    w->epoch = txn_init(m, w->id);
    w->usable = true;
    w->tainted = false;
    return true;
}

static inline void fenced(struct model *m, struct worker *w)
{
    w->usable = false;
    w->phase = DOUBT;
    m->stats->fenced_epoch++;
}

static inline bool produce(struct model *m, struct worker *w)
{
    uint64_t left = w->batch & ~w->produced;
    int r = 0;

    if (!left) {
        w->phase = OFFSETS;
        return true;
    }
    r = pick(m, left);
    if (mischance(m, m->chaos.lost_answer)) {
        send_late(m, (struct late){LATE_PRODUCE, w->id, w->epoch, r});
        w->phase = ABORT;
        return taint(m, w);
    }
    switch (txn_produce(m, w->id, w->epoch, r)) {
    case OK:
        w->produced |= bit(r);
        return true;
    case WAIT:
        return false;
    default:
        fenced(m, w);
        return true;
    }
}

static inline size_t longest_map(const struct model *m, const struct worker *w)
{
    size_t most = 0;
    int p = 0;

    for (p = 0; p < m->nparts; p++)
        if (w->batch_parts >> p & 1 && w->offsets[p].len > most)
            most = w->offsets[p].len;
    return most;
}

static inline bool send_offsets(struct model *m, struct worker *w)
{
    if (m->mutant == MUTANT_GENERATION_AT_SEND) {
        w->batch_generation = w->generation;
        w->batch_token = w->token;
    }
    if (mischance(m, m->chaos.lost_answer)) {
        if (chance(m, 50))
            txn_offsets(m, w);
        w->phase = ABORT;
        return taint(m, w);
    }
    switch (txn_offsets(m, w)) {
    case OK:
        w->phase = END;
        break;
    case WAIT:
        return false;
    case FENCED_GENERATION:
        m->stats->fenced_generation++;
        w->phase = ABORT;
        break;
    case MAP_REFUSED:
        m->stats->refused_maps++;
        w->max_chars = longest_map(m, w) / 2;
        w->phase = ABORT;
        break;
    default:
        fenced(m, w);
        break;
    }
    return true;
}

/* The transport failed while EndTxn was on its way. True: the client's own retry found out. */
static inline bool end_badly(struct model *m, struct worker *w, bool commit)
{
    uint64_t how = rng_below(&m->rng, 3);

    taint(m, w);
    if (how != 0)
        send_late(m, (struct late){commit ? LATE_COMMIT : LATE_ABORT, w->id, w->epoch, 0});
    return (how == 2 || chance(m, 50)) && txn_end(m, w->id, w->epoch, commit) == OK &&
           chance(m, 50);
}

static inline bool end(struct model *m, struct worker *w, bool commit)
{
    bool answered = true;

    if (mischance(m, m->chaos.lost_answer * 2)) {
        answered = end_badly(m, w, commit);
    } else if (txn_end(m, w->id, w->epoch, commit) != OK) {
        fenced(m, w);
        return true;
    }
    if (!answered) {
        w->usable = false;
        w->phase = DOUBT;
        return true;
    }
    if (commit)
        m->stats->commits++;
    else
        m->stats->aborts++;
    settle(m, w, commit ? w->batch : 0);
    return true;
}

/* The transaction is decided since the producer was made anew. The commits say how. */
static inline bool resolve(struct model *m, struct worker *w)
{
    uint64_t done = 0;
    int p = 0;

    for (p = 0; p < m->nparts; p++) {
        if (!(w->batch & m->of_part[p]))
            continue;
        if (unstable(m, p) && m->mutant != MUTANT_UNSTABLE_READ)
            return false;
        done |= done_in(m, p, &m->broker.committed[p]);
    }
    done &= w->batch;
    if (m->mutant == MUTANT_DOUBT_IS_COMMITTED)
        done = w->batch;
    if (m->mutant == MUTANT_DOUBT_IS_ABORTED)
        done = 0;
    m->stats->doubts++;
    m->stats->doubt_done += done != 0;
    m->stats->doubt_open += done != w->batch;
    settle(m, w, done);
    return true;
}

static inline bool step_publish(struct model *m, int i)
{
    struct worker *w = &m->worker[i % m->nworkers];
    bool rest = w->phase == IDLE || w->phase == BATCH || w->phase == DOUBT;

    if (!w->alive)
        return false;
    if (rest && (!w->usable || (w->tainted && m->mutant != MUTANT_TAINT_KEPT)))
        return initialise(m, w);
    switch (w->phase) {
    case IDLE:
        return false;
    case BATCH:
        w->phase = PRODUCE;
        return true;
    case PRODUCE:
        return produce(m, w);
    case OFFSETS:
        return send_offsets(m, w);
    case END:
        return end(m, w, true);
    case ABORT:
        return end(m, w, false);
    default:
        return resolve(m, w);
    }
}

#endif
