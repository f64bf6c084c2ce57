/*
 * group_log: records of the topic __consumer_offsets as plain data: commits, and which member of the group
 * had which partitions of a topic when. Read with read_committed they are the whole history of the group.
 */
#ifndef SLUICE_TESTS_CHAOS_GROUP_LOG_H
#define SLUICE_TESTS_CHAOS_GROUP_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum group_entry_kind { GROUP_OTHER, GROUP_COMMIT, GROUP_MEMBERS };

#define GROUP_NAME_MAX  256
#define GROUP_PARTS_MAX 1024

struct group_entry {
    enum group_entry_kind kind;
    char group[GROUP_NAME_MAX];
    /* GROUP_COMMIT */
    char topic[GROUP_NAME_MAX];
    int32_t partition;
    int64_t offset;
    const char *metadata; /* in the record; not terminated */
    size_t metadata_len;
    /* GROUP_MEMBERS: who has each partition of `wanted`; hash of instance id (or client id), 0: nobody */
    int32_t generation;
    int64_t time_ms;
    int members;
    uint64_t owner[GROUP_PARTS_MAX];
};

/* wanted: the topic whose owners are asked for. A tombstone (value NULL) and what is not understood are
 * GROUP_OTHER. */
void group_entry_read(const void *key, size_t key_len, const void *value, size_t value_len,
                      const char *wanted, struct group_entry *ret);

/* ---- moves ---- */

struct group_change {
    int32_t partition;
    int64_t at_ms;
    uint64_t owner; /* who was given it; 0: it was taken away */
};

/* Follows the owners of partitions through the generations of a group. */
struct group_moves {
    uint64_t now[GROUP_PARTS_MAX];   /* in the last generation; 0: nobody */
    uint64_t owner[GROUP_PARTS_MAX]; /* the last one that was somebody */
    uint64_t moved;                  /* how often a partition came to another owner */
    /* What the owners that lost them may have had open there, by these two bounds; set by the caller. */
    uint64_t exposed, max_per_partition, max_per_owner;
    int64_t *at_ms; /* of each generation */
    size_t generations, cap;
    struct group_change *changes;
    size_t nchanges, changes_cap;
};

void group_moves_add(struct group_moves *m, const struct group_entry *e);
void group_moves_done(struct group_moves *m);

/* Was there a generation, did this partition change hands, between the two times? */
bool group_moves_generation(const struct group_moves *m, int64_t from_ms, int64_t to_ms);
/* Who had the partition at that time; 0: nobody. */
uint64_t group_moves_owner(const struct group_moves *m, int32_t partition, int64_t at_ms);
bool group_moves_changed(const struct group_moves *m, int32_t partition, int64_t from_ms,
                         int64_t to_ms);

#endif
