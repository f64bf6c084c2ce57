/*
 * exact_world: the state of the model in test_exact_model.c: one topic, one group, the broker's side of
 * transactions, and workers with a disk each. Records are numbered over all partitions, at most 64, so
 * that every set of records is one word.
 */
#ifndef SLUICE_TESTS_EXACT_WORLD_H
#define SLUICE_TESTS_EXACT_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "policy/batch.h"

enum {
    PARTS_MAX = 4,
    WORKERS_MAX = 3,
    RECORDS_MAX = 64,
    IDS_MAX = 12, /* transactional.ids: a disk that is lost takes its own with it */
    MAP_ROOM = 192,
    LATE_MAX = 4,
};

/* Faults in the worker or the broker that the model has to find. Parameters of the model: the code of
 * core/policy is the same in every run. */
enum mutant {
    MUTANT_NONE,
    MUTANT_BASE_WITHOUT_BATCH,  /* base and map of the ledger as it is */
    MUTANT_BASE_WITH_ALL_READY, /* base and map of all that is finished, not only of the batch */
    MUTANT_FIT_IGNORED,         /* all are produced, though only some fitted into the map */
    MUTANT_MAP_LEFT_OUT,        /* the base alone is committed */
    MUTANT_PART_LEFT_OUT,       /* replies go out, the offsets of one partition do not */
    MUTANT_FORGET_EARLY,        /* the journal entry goes before the commit is known */
    MUTANT_UNJOURNALED,         /* an outcome is published before it is durable */
    MUTANT_PRUNE_ALL,           /* an assignment prunes all entries of the partition */
    MUTANT_ORPHAN_PAID_AGAIN,   /* a call of an earlier assignment is not waited for */
    MUTANT_BROKEN_MAP_SKIPS,    /* a map that cannot be read marks the base itself as done */
    MUTANT_UNSTABLE_READ,       /* commits are read while a transaction on them is pending */
    MUTANT_DOUBT_IS_COMMITTED,
    MUTANT_DOUBT_IS_ABORTED,
    MUTANT_TAINT_KEPT,         /* the producer goes on after a transport error */
    MUTANT_GENERATION_AT_SEND, /* group metadata is taken when the offsets are sent */
    MUTANT_REVOKED_LATE,       /* the partition is given back first, and dropped later */
    MUTANT_ZOMBIE_NOT_FENCED,  /* the broker does not look at generation and member */
    MUTANTS
};

struct record {
    int part;
    int64_t offset;
    bool costs_nothing; /* a bad record, a cache hit: no call, no journal */
    uint8_t visible;    /* replies that read_committed shows */
    uint8_t calls;
    uint8_t excused; /* calls that a crash or a move allows to be paid again */
    uint8_t hurt;    /* how often a damaged map made the broker forget that it is done */
};

struct commit {
    int64_t offset; /* -1: none */
    size_t len;
    char map[MAP_ROOM];
};

enum txn_state { TXN_NONE, TXN_OPEN, TXN_PREPARED /* committed, markers not written yet */ };

struct txn {
    enum txn_state state;
    uint32_t epoch;
    uint64_t records;
    uint64_t twice; /* of these, produced once more */
    unsigned parts; /* a bit for each partition with offsets in it */
    struct commit commit[PARTS_MAX];
};

/* A request of which the client had no answer, still somewhere in the network. */
struct late {
    enum { LATE_FREE, LATE_COMMIT, LATE_ABORT, LATE_PRODUCE } what;
    int id;
    uint32_t epoch;
    int record;
};

struct broker {
    struct commit committed[PARTS_MAX];
    struct txn txn[IDS_MAX];
    int ids; /* transactional.ids in use */
    struct late late[LATE_MAX];
    size_t max_chars; /* of a map */
    uint32_t generation;
    uint32_t tokens;              /* member ids given out */
    uint32_t member[WORKERS_MAX]; /* the current one; 0: not in the group */
    int owner[PARTS_MAX];         /* -1: nobody */
    bool asked[PARTS_MAX];        /* the owner shall give it up */
    uint64_t known;               /* records that the commits say are done */
    uint64_t shown;               /* records with a reply */
};

enum phase {
    IDLE,
    BATCH,   /* made, not begun */
    PRODUCE, /* between begin and the last reply */
    OFFSETS,
    END,
    ABORT,
    DOUBT, /* what became of it is to be read from the commits */
};

struct part {
    bool held;             /* assigned, as far as the worker knows */
    bool leaving;          /* a revoke is being served: nothing new is taken */
    struct ledger *ledger; /* NULL: not loaded */
    int next;              /* record to be read next */
};

/* Records by where they are. Those of an earlier assignment stand in `orphan`, of the current one in own. */
struct places {
    uint64_t waiting; /* for an orphan of the same record */
    uint64_t queued, calling;
    uint64_t finished; /* paid, not durable yet */
    uint64_t ready;
    uint64_t away; /* in the batch */
};

struct worker {
    int index;
    bool alive;
    uint64_t journal; /* the disk */
    uint64_t excused; /* the call of this disk for this record was counted in record.excused */
    int id;           /* transactional.id, lives with the disk */
    uint32_t generation, token;
    struct part part[PARTS_MAX];
    struct places own, orphan;
    uint64_t forget; /* commit known, journal entry not deleted yet */
    /* publisher */
    enum phase phase;
    bool usable; /* the producer was initialised */
    bool tainted;
    uint32_t epoch;
    uint64_t batch, produced;
    unsigned batch_parts;
    struct commit offsets[PARTS_MAX];
    uint32_t batch_generation, batch_token;
    size_t max_chars; /* what it thinks the broker takes */
};

/* Percent, for the random steps that have a choice. */
struct chaos {
    unsigned lost_answer;
    unsigned lost_disk;
    unsigned tiny_map; /* of the runs */
    unsigned costs_nothing;
};

struct stats {
    uint64_t steps, batches, partial, none_fits, commits, aborts, doubts, doubt_done, doubt_open;
    uint64_t taints, fenced_generation, fenced_epoch, late, crashes, disks, kicks, revokes, grants;
    uint64_t loads, broken_maps, damaged, skipped, adopted, journal_hits, pruned, paid_again, full;
    uint64_t refused_maps;
};

struct model {
    uint64_t seed;
    struct rng rng;
    enum mutant mutant;
    struct chaos chaos;
    bool mild; /* few accidents, so that much is committed in between */
    bool calm; /* no more accidents: everything is to come to its end */
    int nparts, nworkers, n;
    int first[PARTS_MAX + 1];
    uint64_t of_part[PARTS_MAX];
    struct record record[RECORDS_MAX];
    size_t max_chars; /* of a map, by configuration */
    size_t max_open;
    struct broker broker;
    struct worker worker[WORKERS_MAX];
    bool moved; /* a crash or a change of the assignment has happened */
    struct buf text;
    struct stats *stats;
    const char *flaw; /* the first promise that was broken */
    int flaw_record;
};

static inline uint64_t bit(int r)
{
    return (uint64_t)1 << r;
}

static inline bool chance(struct model *m, unsigned percent)
{
    return rng_below(&m->rng, 100) < percent;
}

static inline bool mischance(struct model *m, unsigned percent)
{
    return !m->calm && percent > 0 && chance(m, percent);
}

static inline void flaw(struct model *m, const char *what, int record)
{
    if (m->flaw)
        return;
    m->flaw = what;
    m->flaw_record = record;
}

/* Takes the lowest one out of the set. */
static inline int take_lowest(uint64_t *set)
{
    int r = __builtin_ctzll(*set);

    *set &= *set - 1;
    return r;
}

/* One of a set that is not empty. */
static inline int pick(struct model *m, uint64_t set)
{
    uint64_t skip = rng_below(&m->rng, (uint64_t)__builtin_popcountll(set));

    for (; skip > 0; skip--)
        set &= set - 1;
    return __builtin_ctzll(set);
}

static inline struct map_scope scope_of(int part)
{
    return (struct map_scope){"g", "t", part};
}

/* What a commit says is done, as records of its partition. */
static inline uint64_t done_in(const struct model *m, int part, const struct commit *c)
{
    struct map_scope s = scope_of(part);
    struct ledger *l = batch_ledger(&s, c->offset, c->map, c->len, NULL);
    uint64_t done = 0;
    int r = 0;

    for (r = m->first[part]; r < m->first[part + 1]; r++)
        if (batch_is_done(l, m->record[r].offset))
            done |= bit(r);
    ledger_free(l);
    return done;
}

/* The call that this worker has paid for, or is paying for, may be paid once more by another. */
static inline void excuse(struct model *m, struct worker *w, uint64_t records)
{
    records &= ~w->excused;
    w->excused |= records;
    while (records)
        m->record[take_lowest(&records)].excused++;
}

static inline uint64_t in_flight(const struct worker *w)
{
    return w->own.calling | w->own.finished | w->orphan.calling | w->orphan.finished;
}

#endif
