/*
 * exact_worker: a worker of the model in test_exact_model.c without its publisher: intake, calls, journal,
 * assignment, death. Its ledgers, maps and the reading of commits are the production code.
 */
#ifndef SLUICE_TESTS_EXACT_WORKER_H
#define SLUICE_TESTS_EXACT_WORKER_H

#include "tests/unit/policy/exact_broker.h"

static inline uint64_t orphans_of(const struct worker *w)
{
    return w->orphan.calling | w->orphan.finished | w->orphan.away;
}

/* ---- records ---- */

/* The ledger was asked and the record is new: where does it go? */
static inline void take_in(struct model *m, struct worker *w, int r)
{
    if (orphans_of(w) & bit(r) && m->mutant != MUTANT_ORPHAN_PAID_AGAIN)
        w->own.waiting |= bit(r);
    else
        w->own.queued |= bit(r);
}

static inline bool deliver(struct model *m, struct worker *w, int p)
{
    struct part *part = &w->part[p];
    int r = part->next;

    if (!part->ledger || part->leaving || r >= m->first[p + 1])
        return false;
    switch (ledger_begin(part->ledger, m->record[r].offset)) {
    case LEDGER_FULL:
        m->stats->full++;
        if (ledger_open(part->ledger) == 0)
            flaw(m, "full of nothing", r);
        return false;
    case LEDGER_SEEN:
        m->stats->skipped++;
        if (!(m->broker.shown & bit(r)))
            flaw(m, "skipped without a reply: lost", r);
        break;
    default:
        take_in(m, w, r);
        break;
    }
    part->next++;
    return true;
}

static inline bool step_deliver(struct model *m, int i)
{
    struct worker *w = &m->worker[i % m->nworkers];
    int p = (int)rng_below(&m->rng, (uint64_t)m->nparts);
    int tries = m->calm ? m->nparts : 1;

    for (; tries > 0; tries--) {
        if (deliver(m, w, p)) {
            while (chance(m, 50) && deliver(m, w, p))
                m->stats->steps++;
            return true;
        }
        p = (p + 1) % m->nparts;
    }
    return false;
}

/* P2: a call may be paid again only for what a crash or a move took away from where it was paid first. */
static inline void pay(struct model *m, struct worker *w, int r)
{
    struct record *record = &m->record[r];

    w->excused &= ~bit(r);
    /* A zombie does not know of the move yet; that its call is in vain is part of the move. */
    if (m->broker.owner[record->part] != w->index)
        excuse(m, w, bit(r));
    m->stats->paid_again += record->calls > 0;
    if (++record->calls > 1 + record->excused + record->hurt)
        flaw(m, "paid again without a reason", r);
}

static inline bool step_start(struct model *m, int i)
{
    struct worker *w = &m->worker[i % m->nworkers];
    int r = 0;

    if (!w->own.queued)
        return false;
    r = pick(m, w->own.queued);
    w->own.queued &= ~bit(r);
    if (m->record[r].costs_nothing) {
        w->own.ready |= bit(r);
    } else if (w->journal & bit(r)) {
        w->own.ready |= bit(r);
        m->stats->journal_hits++;
    } else {
        w->own.calling |= bit(r);
        pay(m, w, r);
    }
    return true;
}

static inline bool step_finish(struct model *m, int i)
{
    struct worker *w = &m->worker[i % m->nworkers];
    int r = 0;

    if (!(w->own.calling | w->orphan.calling))
        return false;
    r = pick(m, w->own.calling | w->orphan.calling);
    if (w->orphan.calling & bit(r)) {
        w->orphan.calling &= ~bit(r);
        w->orphan.finished |= bit(r);
    } else {
        w->own.calling &= ~bit(r);
        if (m->mutant == MUTANT_UNJOURNALED)
            w->own.ready |= bit(r);
        else
            w->own.finished |= bit(r);
    }
    return true;
}

/* An orphan came to its end: the record that waits for it has its outcome. */
static inline void adopt(struct model *m, struct worker *w, int r)
{
    if (!(w->own.waiting & bit(r)))
        return;
    w->own.waiting &= ~bit(r);
    w->own.ready |= bit(r);
    m->stats->adopted++;
}

static inline bool step_journal(struct model *m, int i)
{
    struct worker *w = &m->worker[i % m->nworkers];
    int r = 0;

    if (!(w->own.finished | w->orphan.finished))
        return false;
    r = pick(m, w->own.finished | w->orphan.finished);
    w->journal |= bit(r);
    w->forget &= ~bit(r); /* one queue: an older deletion was done before */
    if (w->orphan.finished & bit(r)) {
        w->orphan.finished &= ~bit(r);
        adopt(m, w, r);
    } else {
        w->own.finished &= ~bit(r);
        w->own.ready |= bit(r);
    }
    return true;
}

static inline bool step_forget(struct model *m, int i)
{
    struct worker *w = &m->worker[i % m->nworkers];
    int r = 0;

    if (!w->forget)
        return false;
    r = pick(m, w->forget);
    w->forget &= ~bit(r);
    w->journal &= ~bit(r);
    return true;
}

/* ---- assignment ---- */

/* The partition is not ours any more: running calls go on as orphans, the rest is dropped. */
static inline void give_up(struct model *m, struct worker *w, int p)
{
    uint64_t set = m->of_part[p];
    struct part *part = &w->part[p];

    w->orphan.calling |= w->own.calling & set;
    w->orphan.finished |= w->own.finished & set;
    w->orphan.away |= w->own.away & set;
    w->own.waiting &= ~set;
    w->own.queued &= ~set;
    w->own.calling &= ~set;
    w->own.finished &= ~set;
    w->own.ready &= ~set;
    w->own.away &= ~set;
    ledger_free(part->ledger);
    *part = (struct part){0};
}

/* The callbacks of a rebalance, in the order in which the client gives them. */
static inline bool step_serve(struct model *m, int i)
{
    struct worker *w = &m->worker[i % m->nworkers];
    struct broker *b = &m->broker;
    bool lost = w->token != b->member[w->index];
    bool did = lost;
    int p = 0;

    if (!w->alive)
        return false;
    for (p = 0; lost && p < m->nparts; p++)
        give_up(m, w, p);
    if (lost)
        group_join(m, w);
    for (p = 0; p < m->nparts; p++) {
        struct part *part = &w->part[p];
        bool mine = b->owner[p] == w->index;

        if (mine && !part->held) {
            *part = (struct part){.held = true};
            did = true;
        } else if (mine && b->asked[p] && !part->leaving) {
            part->leaving = true;
            did = true;
        }
    }
    return did;
}

static inline bool leave(struct model *m, struct worker *w, int p)
{
    bool back = m->broker.owner[p] == w->index && w->token == m->broker.member[w->index];

    if (!w->part[p].leaving)
        return false;
    if (back)
        group_give_back(m, p);
    /* This one tells the group first, and drops its records at some later moment. */
    if (m->mutant == MUTANT_REVOKED_LATE && !m->calm && chance(m, 90))
        return back;
    give_up(m, w, p);
    return true;
}

/* The end of a revoke: its bounded time for a last flush is over, however far that came. */
static inline bool step_leave(struct model *m, int i)
{
    struct worker *w = &m->worker[i % m->nworkers];
    int p = (int)rng_below(&m->rng, (uint64_t)m->nparts);
    int tries = m->calm ? m->nparts : 1;

    for (; w->alive && tries > 0; tries--) {
        if (leave(m, w, p))
            return true;
        p = (p + 1) % m->nparts;
    }
    return false;
}

/* The client knows a new generation before the worker is told what changed. */
static inline bool step_learn(struct model *m, int i)
{
    struct worker *w = &m->worker[i % m->nworkers];

    if (!w->alive || w->token != m->broker.member[w->index] ||
        w->generation == m->broker.generation)
        return false;
    w->generation = m->broker.generation;
    return true;
}

/* Journal entries of this partition whose commit is known go; asked record by record, as the store does. */
static inline void prune(struct model *m, struct worker *w, int p, const struct commit *c)
{
    struct map_scope s = scope_of(p);
    struct ledger *l = batch_ledger(&s, c->offset, c->map, c->len, NULL);
    uint64_t entries = w->journal & m->of_part[p];

    while (entries) {
        int r = take_lowest(&entries);

        if (!batch_is_done(l, m->record[r].offset) && m->mutant != MUTANT_PRUNE_ALL)
            continue;
        w->journal &= ~bit(r);
        m->stats->pruned++;
    }
    ledger_free(l);
}

/* The ledger of an assignment: bounded, and fresh when the map is none of ours. */
static inline struct ledger *load(struct model *m, int p, const struct commit *c)
{
    struct map_scope s = scope_of(p);
    int64_t base = c->offset < 0 ? m->record[m->first[p]].offset : c->offset;
    struct ledger *l = ledger_new(base, m->max_open, 1000);

    m->stats->loads++;
    if (c->len == 0 || map_decode(&s, c->map, c->len, l) == MAP_GOOD)
        return l;
    m->stats->broken_maps++;
    if (m->mutant == MUTANT_BROKEN_MAP_SKIPS)
        base++;
    ledger_free(l);
    return ledger_new(base, m->max_open, 1000);
}

static inline bool step_load(struct model *m, int i)
{
    struct worker *w = &m->worker[i % m->nworkers];
    bool did = false;
    int p = 0;

    for (p = 0; w->alive && p < m->nparts; p++) {
        struct part *part = &w->part[p];
        const struct commit *c = &m->broker.committed[p];

        if (!part->held || part->ledger)
            continue;
        if (unstable(m, p) && m->mutant != MUTANT_UNSTABLE_READ)
            continue;
        part->ledger = load(m, p, c);
        part->next = m->first[p];
        while (part->next < m->first[p + 1] && m->record[part->next].offset < c->offset)
            part->next++;
        prune(m, w, p, c);
        did = true;
    }
    return did;
}

/* ---- life ---- */

/* kill -9: only the disk is left, and sometimes not even that. */
static inline bool step_crash(struct model *m, int i)
{
    struct worker *w = &m->worker[i % m->nworkers];
    struct worker next = {.index = w->index, .journal = w->journal, .id = w->id};
    int p = 0;

    if (!w->alive)
        return false;
    m->stats->crashes++;
    m->moved = true;
    excuse(m, w, in_flight(w));
    if (w->phase == END && chance(m, 50))
        send_late(m, (struct late){LATE_COMMIT, w->id, w->epoch, 0});
    for (p = 0; p < m->nparts; p++)
        ledger_free(w->part[p].ledger);
    if (m->broker.ids < IDS_MAX && mischance(m, m->chaos.lost_disk)) {
        m->stats->disks++;
        excuse(m, w, w->journal & ~m->broker.known);
        next.journal = 0;
        next.id = m->broker.ids++;
        group_kick(m, w->index); /* a new slot is a new member */
    }
    next.excused = w->excused & next.journal;
    *w = next;
    return true;
}

static inline bool step_restart(struct model *m, int i)
{
    struct worker *w = &m->worker[i % m->nworkers];

    if (w->alive)
        return false;
    w->alive = true;
    w->max_chars = m->max_chars;
    group_join(m, w);
    return true;
}

#endif
