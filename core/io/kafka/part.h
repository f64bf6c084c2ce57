/*
 * part: one assignment of one partition: its ledger, why its reading is paused, and what was published
 * and not committed yet. A partition that comes back later is a new part, so that a task which outlived a
 * revoke is told apart by the part it points to. Private to io/kafka.
 *
 * Reference-counted: the intake holds one while the partition is ours, each task holds one. All fields
 * belong to the intake thread except the atomic ones.
 */
#ifndef SLUICE_IO_KAFKA_PART_H
#define SLUICE_IO_KAFKA_PART_H

#include <stdatomic.h>

#include <librdkafka/rdkafka.h>

#include "io/kafka/crash_log.h"
#include "policy/ledger.h"
#include "task/task.h"

#define STOCK_DELAY TASK_PRIORITIES /* `stock` of a part of the delay topic, else it is `above` */
#define STOCKS      (STOCK_DELAY + 1)

#define METADATA_MAX 4096 /* longest commit metadata that brokers accept by default */

enum pause_reason {
    PAUSE_POOL = 1, /* too many records of all partitions wait for the pool */
    PAUSE_LEDGER =
        2,          /* too many of this one wait: for the pool, or for its ledger, which is full */
    PAUSE_MAP = 4,  /* what is done out of order hardly fits the commit metadata */
    PAUSE_STOP = 8, /* draining */
    PAUSE_DUE = 16, /* delay topic: what comes next is not due for a while (delay.h) */
};

/* Offsets whose replies are acknowledged and whose commit is not known. */
struct offsets {
    int64_t *at;
    size_t count, cap;
};

struct kafka_part {
    atomic_int refs;
    atomic_bool owned;   /* replies are published; false from the revoke on */
    atomic_llong outbox; /* tasks between the sink and settling */
    char *topic;
    int32_t partition;

    bool parks;            /* its tasks may be parked */
    atomic_llong excess;   /* so many of them should be, see struct task */
    bool delay;            /* it is of the delay topic */
    int64_t due_us;        /* then: when the record read last is due, monotonic */
    int priority;          /* topics.priority of its topic */
    int above;             /* how many different priorities above that one there are */
    int stock;             /* where its records wait: with those of the same priority, or parked */
    bool moved;            /* its last owner may live, see struct holding_part */
    bool live;             /* handed to librdkafka with its position; false: still being loaded */
    int64_t start;         /* committed offset, or RD_KAFKA_OFFSET_BEGINNING / _END */
    struct ledger *ledger; /* NULL until the first offset is known */
    int64_t next;          /* offset expected next, -1: any */
    bool gap;              /* the position was out of range: what is missing is lost */
    unsigned paused;       /* enum pause_reason */
    bool told;             /* librdkafka was told to pause */
    struct list_node held; /* the stock: tasks received and not given to the pool, in order */
    size_t nheld;
    struct list_node begun;      /* tasks given to the pool, by source_node, in order */
    struct crash_log *crash_log; /* where their marks are; or NULL */
    size_t map_len;              /* of the map at the last commit */
    bool gone;                   /* not in intake.parts any more (adopt.h) */
    struct list_node waiting;    /* begun records that run for an earlier assignment (adopt.h) */
    struct offsets dropped;      /* begun, and given back unpublished: open, but without a task */

    bool dirty;            /* something to commit */
    struct offsets acked;  /* since the last commit was made, of what may be in the journal */
    struct offsets flying; /* in the commit under way */
    int64_t flying_base;
    bool flying_map; /* the commit under way carries the whole map */

    uint8_t id_scope[ID_SCOPE_LEN];  /* digest of cluster, group and topic */
    uint8_t owner[PARKED_OWNER_LEN]; /* digest of cluster and group */
    uint8_t prefix[JOURNAL_KEY_MAX]; /* of journal keys: all but the offset */
    size_t prefix_len;
    size_t owner_len; /* of prefix: cluster and group */
};

struct kafka_part *part_new(const char *topic, int32_t partition);
struct kafka_part *part_ref(struct kafka_part *p);
struct kafka_part *part_unref(struct kafka_part *p);

/* cluster, group and topic, each with its length before it, and the partition. -1: too long. */
int part_set_prefix(struct kafka_part *p, const char *cluster_id, const char *group);
void part_journal_key(const struct kafka_part *p, int64_t offset, uint8_t key[JOURNAL_KEY_MAX],
                      size_t *ret_len);
int64_t part_key_offset(const uint8_t *key, size_t len); /* -1: not such a key */

void offsets_push(struct offsets *o, int64_t offset);
void offsets_move(struct offsets *to, struct offsets *from);

/* The broker has the reply to the record of this task, which may be one of an earlier part of the partition. */
void part_acked(struct kafka_part *p, const struct task *t);

/* The digest of cluster, group and this topic, for struct task.id_scope. */
void part_scope_of(const struct kafka_part *p, const char *topic, uint8_t scope[ID_SCOPE_LEN]);

/* Copies a message into a task that holds a reference to the part. */
struct task *part_task(struct kafka_part *p, const rd_kafka_message_t *m);
/* A new task of the same record, which takes over its bytes: t is only to be freed. It will not be parked. */
struct task *part_task_again(struct task *t);
void part_task_free(struct task *t);                   /* with its reference */
void part_ended(struct kafka_part *p, struct task *t); /* t is not in flight for p any more */

void part_hold(struct kafka_part *p, struct task *t); /* to the end of the stock */
void part_hold_front(struct kafka_part *p, struct task *t);
struct task *part_unhold(struct kafka_part *p); /* the oldest; NULL: none */

#endif
