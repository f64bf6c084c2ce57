/*
 * history: everything that happened in one chaos run, and the verdicts on it, in the words of Jepsen.
 *
 * Filled in any order but for the commits, which come in the order of the log: inputs, the replies that a
 * read_committed reader sees, what the provider counted, what was committed. history_judge() then compares.
 * Pure: no broker, no files. An input is (partition, offset) of the one request topic.
 */
#ifndef SLUICE_TESTS_CHAOS_HISTORY_H
#define SLUICE_TESTS_CHAOS_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum verdict {
    LOST,         /* an input without a visible reply */
    DUPLICATE,    /* a second visible reply to one input */
    PHANTOM,      /* a visible reply to no input */
    ABORTED_READ, /* a visible reply of a transaction that was aborted, or never ended (G1a) */
    HIDDEN,       /* a reply of a committed transaction that a read_committed reader does not see */
    TORN_DONE,    /* committed as done, but no reply is visible */
    TORN_OPEN,    /* a reply is visible, but its record is still open */
    WRONG,        /* a reply that does not answer the prompt of its input */
    FAILED,       /* an error reply, where the provider makes no errors */
    BACKWARDS,    /* a committed offset that went back */
    FORGOTTEN,    /* a record that was committed as done and is not any more */
    BAD_MAP,      /* commit metadata that does not decode */
    HANGING,      /* a transaction that was still open at the end */
    UNPAID,       /* an answer that no call was made for */
    STRANGE_CALL, /* a call whose request is no input */
    OVERPAID,     /* more calls than P2 allows */
    WAITED,       /* a task of a partition that did not move waited too long for a rebalance */
    VERDICTS
};

extern const char *const verdict_names[VERDICTS];

#define HISTORY_EXAMPLES 10

struct history_finding {
    uint64_t count;
    char example[HISTORY_EXAMPLES][200]; /* the first ones */
};

struct history_record {
    uint64_t id, prompt; /* hashes */
    uint64_t digest;     /* first 64 bits of the request digest: what the provider counts by */
    int64_t reply;       /* offset of the first visible reply */
    int32_t reply_partition;
    uint32_t replies, calls;
    bool there, done;
};

struct history_part {
    struct history_record *at; /* by offset */
    int64_t end;               /* one past the last input */
    int64_t cap;
    int64_t base; /* last committed offset, -1: none */
    int64_t top;  /* one past the highest offset that the last commit has as done */
    uint64_t commits;
};

/* What the broker's log says of the transaction that a reply belongs to. */
enum fate { FATE_UNKNOWN, FATE_COMMITTED, FATE_ABORTED, FATE_OPEN };

struct history_reply {
    int32_t partition; /* where it stands */
    int64_t offset;
    int32_t source_partition; /* of the input it names, -1: none */
    int64_t source_offset;
    uint64_t id, prompt; /* hashes of the id and of what the echo repeats */
    bool failed;
    enum fate fate;
};

struct history {
    const char *group, *topic; /* of the inputs; not owned */
    bool exactly_once;         /* else a worker may forget what is done and repeat it */
    struct history_part *parts;
    int32_t nparts;
    struct history_index *index; /* of the inputs by digest */
    size_t nindex;
    uint64_t inputs, replies, done, commits;
    uint64_t calls;          /* as the provider counted them, of whatever request */
    uint64_t repeated_calls; /* calls beyond the first of an input */
    struct history_finding found[VERDICTS];
};

struct history *history_new(const char *group, const char *topic, int32_t nparts);
struct history *history_free(struct history *h);

uint64_t history_hash(const void *p, size_t n);

void history_found(struct history *h, enum verdict v, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

void history_input(struct history *h, int32_t partition, int64_t offset,
                   const struct history_record *r);
void history_reply(struct history *h, const struct history_reply *r);

/* One commit, in the order of the log; map: the metadata, NULL or empty: none. */
void history_commit(struct history *h, int32_t partition, int64_t base, const char *map,
                    size_t len);

/* calls of the request with this digest; after all inputs. */
void history_call(struct history *h, uint64_t digest, uint32_t calls);

/* What one partition of the reply topic holds according to the log, and how many of it were seen. */
void history_log(struct history *h, int32_t partition, uint64_t committed, uint64_t open,
                 uint64_t seen);

/* What P2 allows beyond one call an input. */
struct history_bound {
    bool counted;       /* calls were counted at all */
    uint64_t in_flight; /* sum over the kills */
    uint64_t moved;     /* sum over partitions moved to another disk, and disks lost */
};

/* The verdicts that need everything: lost, torn, unpaid, overpaid. Once, at the end. */
void history_judge(struct history *h, const struct history_bound *b);

/* Number of findings that break the promise of the delivery: at_least_once may repeat replies. */
uint64_t history_violations(const struct history *h);

#endif
