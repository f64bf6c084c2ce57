/*
 * exact_broker: the broker of the model in test_exact_model.c, as far as exactly once leans on it:
 * transactions with epochs, offsets that are staged until their transaction is decided and are fenced by
 * the group's generation and member ids, and a group that moves partitions at any moment. What a
 * transaction shows is checked at the moment at which it is shown.
 */
#ifndef SLUICE_TESTS_EXACT_BROKER_H
#define SLUICE_TESTS_EXACT_BROKER_H

#include <stdio.h>

#include "tests/unit/policy/exact_world.h"

enum answer { OK, WAIT, FENCED_EPOCH, FENCED_GENERATION, MAP_REFUSED };

/* ---- transactions ---- */

static inline void txn_reset(struct txn *t)
{
    t->state = TXN_NONE;
    t->records = 0;
    t->twice = 0;
    t->parts = 0;
}

static inline void show(struct model *m, uint64_t records)
{
    m->broker.shown |= records;
    while (records) {
        int r = take_lowest(&records);

        if (++m->record[r].visible > 1 + m->record[r].hurt)
            flaw(m, "a second reply is visible", r);
    }
}

static inline uint64_t hurt_ones(const struct model *m, uint64_t records)
{
    uint64_t hurt = 0;

    while (records) {
        int r = take_lowest(&records);

        if (m->record[r].hurt)
            hurt |= bit(r);
    }
    return hurt;
}

/* The commit is in force: it and the replies must say the same. */
static inline void commit_apply(struct model *m, int part, const struct commit *c)
{
    struct broker *b = &m->broker;
    uint64_t known = done_in(m, part, c);
    uint64_t shown = b->shown & m->of_part[part];
    uint64_t open = shown & ~known;

    if (c->offset < b->committed[part].offset)
        flaw(m, "the committed offset goes back", m->first[part]);
    if (known & ~shown)
        flaw(m, "done without a reply: lost", __builtin_ctzll(known & ~shown));
    open &= ~hurt_ones(m, open);
    if (open)
        flaw(m, "a reply is visible and its record open", __builtin_ctzll(open));
    b->committed[part] = *c;
    b->known = (b->known & ~m->of_part[part]) | known;
}

/* Markers are written: replies and offsets become visible together. */
static inline void txn_complete(struct model *m, struct txn *t)
{
    uint64_t torn = 0;
    int p = 0;

    show(m, t->records);
    show(m, t->twice);
    for (p = 0; p < m->nparts; p++)
        if (t->parts >> p & 1)
            commit_apply(m, p, &t->commit[p]);
    torn = t->records & ~m->broker.known;
    if (torn)
        flaw(m, "torn: a reply without its offset", __builtin_ctzll(torn));
    txn_reset(t);
}

/* Fences every earlier producer of this id; its transaction is decided when this returns. */
static inline uint32_t txn_init(struct model *m, int id)
{
    struct txn *t = &m->broker.txn[id];

    if (t->state == TXN_PREPARED)
        txn_complete(m, t);
    txn_reset(t);
    return ++t->epoch;
}

static inline enum answer txn_produce(struct model *m, int id, uint32_t epoch, int record)
{
    struct txn *t = &m->broker.txn[id];

    if (epoch != t->epoch)
        return FENCED_EPOCH;
    if (t->state == TXN_PREPARED)
        return WAIT;
    t->state = TXN_OPEN;
    t->twice |= t->records & bit(record);
    t->records |= bit(record);
    return OK;
}

static inline enum answer txn_offsets(struct model *m, const struct worker *w)
{
    struct broker *b = &m->broker;
    struct txn *t = &b->txn[w->id];
    int p = 0;

    if (w->epoch != t->epoch)
        return FENCED_EPOCH;
    if (m->mutant != MUTANT_ZOMBIE_NOT_FENCED &&
        (w->batch_token != b->member[w->index] || w->batch_generation != b->generation))
        return FENCED_GENERATION;
    if (t->state == TXN_PREPARED)
        return WAIT;
    for (p = 0; p < m->nparts; p++)
        if (w->batch_parts >> p & 1 && w->offsets[p].len > b->max_chars)
            return MAP_REFUSED;
    for (p = 0; p < m->nparts; p++)
        if (w->batch_parts >> p & 1)
            t->commit[p] = w->offsets[p];
    t->parts |= w->batch_parts;
    t->state = TXN_OPEN;
    return OK;
}

static inline enum answer txn_end(struct model *m, int id, uint32_t epoch, bool commit)
{
    struct txn *t = &m->broker.txn[id];

    if (epoch != t->epoch)
        return FENCED_EPOCH;
    if (t->state == TXN_OPEN && commit)
        t->state = TXN_PREPARED;
    else if (t->state == TXN_OPEN)
        txn_reset(t);
    return OK;
}

/* A pending transaction holds offsets of this partition: its commits cannot be read yet. */
static inline bool unstable(const struct model *m, int part)
{
    int i = 0;

    for (i = 0; i < m->broker.ids; i++)
        if (m->broker.txn[i].state != TXN_NONE && m->broker.txn[i].parts >> part & 1)
            return true;
    return false;
}

/* ---- the network ---- */

static inline void send_late(struct model *m, struct late request)
{
    struct late *l = &m->broker.late[rng_below(&m->rng, LATE_MAX)];

    if (l->what == LATE_FREE)
        *l = request;
}

static inline bool step_late(struct model *m, int i)
{
    struct late *l = &m->broker.late[(i + (int)rng_below(&m->rng, LATE_MAX)) % LATE_MAX];
    struct late request = *l;

    if (request.what == LATE_FREE)
        return false;
    l->what = LATE_FREE;
    m->stats->late++;
    if (request.what != LATE_PRODUCE)
        txn_end(m, request.id, request.epoch, request.what == LATE_COMMIT);
    else if (m->broker.txn[request.id].state == TXN_OPEN)
        txn_produce(m, request.id, request.epoch, request.record);
    return true;
}

static inline bool step_complete(struct model *m, int i)
{
    struct txn *t = &m->broker.txn[i % m->broker.ids];

    if (t->state != TXN_PREPARED)
        return false;
    txn_complete(m, t);
    return true;
}

/* The broker gives up a transaction that takes too long, and fences its producer. */
static inline bool step_timeout(struct model *m, int i)
{
    struct txn *t = &m->broker.txn[i % m->broker.ids];

    if (t->state != TXN_OPEN)
        return false;
    txn_reset(t);
    t->epoch++;
    return true;
}

/* What others leave there: Kafka Streams, a text of nobody, a map of ours that was cut to its head. */
static const char *const foreign[] = {"AgAAAZD4kQ==", "x", "sl1."};

/* Someone writes nonsense over the map, or damages it. */
static inline bool step_damage(struct model *m, int i)
{
    struct broker *b = &m->broker;
    int part = i % m->nparts;
    struct commit *c = &b->committed[part];
    uint64_t above = b->known & m->of_part[part];
    struct commit bare = {.offset = c->offset};

    if (c->offset < 0)
        return false;
    if (c->len > 0 && chance(m, 40))
        c->map[rng_below(&m->rng, c->len)] ^= (char)(1 + rng_below(&m->rng, 127));
    else if (c->len > 1 && chance(m, 50))
        c->len = 1 + (size_t)rng_below(&m->rng, c->len - 1);
    else
        c->len = (size_t)snprintf(c->map, sizeof c->map, "%s", foreign[rng_below(&m->rng, 3)]);
    above &= ~done_in(m, part, &bare);
    b->known &= ~above;
    m->stats->damaged++;
    while (above)
        m->record[take_lowest(&above)].hurt++;
    return true;
}

/* From now on the broker takes less metadata, of which workers hear when they are refused. */
static inline bool step_shrink(struct model *m, int i)
{
    (void)i;
    if (m->broker.max_chars < 24)
        return false;
    m->broker.max_chars = (size_t)rng_below(&m->rng, 24);
    return true;
}

/* ---- the group ---- */

static inline void group_join(struct model *m, struct worker *w)
{
    struct broker *b = &m->broker;

    /* A static member that comes back keeps what it had, without a new generation. */
    if (!b->member[w->index])
        b->generation++;
    b->member[w->index] = ++b->tokens;
    w->token = b->tokens;
    w->generation = b->generation;
}

static inline void group_kick(struct model *m, int w)
{
    struct broker *b = &m->broker;
    int p = 0;

    b->member[w] = 0;
    b->generation++;
    for (p = 0; p < m->nparts; p++)
        if (b->owner[p] == w) {
            b->owner[p] = -1;
            b->asked[p] = false;
        }
}

static inline void group_give_back(struct model *m, int part)
{
    m->broker.owner[part] = -1;
    m->broker.asked[part] = false;
}

/* Session timeout: of a process that is dead, or of one that only was slow and becomes a zombie. */
static inline bool step_kick(struct model *m, int i)
{
    int w = i % m->nworkers;

    if (!m->broker.member[w])
        return false;
    group_kick(m, w);
    m->stats->kicks++;
    m->moved = true;
    return true;
}

/* The assignor wants the partition elsewhere: the next generation asks its owner for it. */
static inline bool step_ask(struct model *m, int i)
{
    struct broker *b = &m->broker;
    int part = i % m->nparts;

    if (b->owner[part] < 0 || b->asked[part])
        return false;
    b->asked[part] = true;
    b->generation++;
    m->stats->revokes++;
    m->moved = true;
    return true;
}

/* What the old owners have paid for and not committed may be paid again: it is on another disk. */
static inline void excuse_others(struct model *m, int part, int owner)
{
    uint64_t open = m->of_part[part] & ~m->broker.known;
    int w = 0;

    for (w = 0; w < m->nworkers; w++)
        if (w != owner)
            excuse(m, &m->worker[w], open & (m->worker[w].journal | in_flight(&m->worker[w])));
}

static inline bool step_grant(struct model *m, int i)
{
    struct broker *b = &m->broker;
    bool granted = false;
    int p = 0;

    for (p = 0; p < m->nparts; p++) {
        int w = (i + (int)rng_below(&m->rng, (uint64_t)m->nworkers)) % m->nworkers;

        if (b->owner[p] >= 0 || !b->member[w])
            continue;
        b->owner[p] = w;
        excuse_others(m, p, w);
        granted = true;
    }
    if (granted) {
        b->generation++;
        m->stats->grants++;
    }
    return granted;
}

#endif
