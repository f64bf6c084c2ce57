/*
 * kafka: everything that talks to a Kafka broker: the worker's two threads (intake and publisher), the
 * embedded broker of `sluice dev`, topic administration, and a plain producer and reader for the commands
 * beside the worker. The rest of the program sees this header and no librdkafka.
 *
 * Delivery is exactly_once: replies, offsets and the map of what is done become visible in one transaction;
 * or at_least_once: a reply is published by itself and the offset is committed behind it. Either way the
 * publisher takes immutable batches (struct kafka_batch).
 */
#ifndef SLUICE_IO_KAFKA_KAFKA_H
#define SLUICE_IO_KAFKA_KAFKA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hist.h"
#include "base/list.h"
#include "io/kafka/crash_log.h"
#include "task/config.h"
#include "task/sink.h"
#include "task/source.h"

/* Set once by whichever thread first meets an error that a client cannot live on with. */
struct kafka_fatal {
    atomic_bool set; /* the message is whole when this is true */
    atomic_flag claimed;
    char msg[384];
};

void kafka_fatal_init(struct kafka_fatal *f);
void kafka_fatal_raise(struct kafka_fatal *f,
                       const char *msg); /* any thread; the first one stays */

/* Value of a property as the consumer (or producer) will get it, or NULL when the configuration does not
 * set it. */
const char *kafka_consumer_property(const struct config *c, const char *name);
const char *kafka_producer_property(const struct config *c, const char *name);

/* -1 with a message when what the worker needs is missing: bootstrap.servers, group.id, topics. */
int kafka_config_check(const struct config *c, bool worker, struct err *e);

/* ---- publisher: sole owner of the producer ---- */

struct kafka_batch; /* batch.h */
struct kafka_publisher;

struct kafka_publisher_setup {
    const struct config *config;
    struct kafka_fatal *fatal;
    bool embedded; /* hold replies back when nobody collects them (window.h) */
    void *arg;
    /* Publisher thread; must not block. Takes over the tasks of both lists: acked ones whose records
     * (reply and dead letter) the broker has, and those given back unpublished at the end. */
    void (*settled)(void *arg, struct list_node *acked, struct list_node *returned);
    /* Not NULL: exactly_once. Batches come back whole, to batch_settled, which takes each over; same
     * thread, same rule. The id must live as long as the publisher. Never with `embedded`. */
    const char *transactional_id;
    void (*batch_settled)(void *arg, struct kafka_batch *b);
};

/* Why transactions were abandoned. */
enum kafka_abort {
    KAFKA_ABORT_GROUP,   /* the group has moved on: the next one carries fresh metadata */
    KAFKA_ABORT_REFUSED, /* the broker will never take one of its records */
    KAFKA_ABORT_MAP,     /* the broker takes less commit metadata */
    KAFKA_ABORT_TOPIC,   /* a topic of the configuration is missing or closed to us */
    KAFKA_ABORT_OTHER,
    KAFKA_ABORT_REASONS
};

struct kafka_publisher_stats {
    uint64_t parked; /* records copied to the delay topic */
    uint64_t replies, dead_letters, undeliverable, retries, held;
    int64_t outstanding; /* tasks submitted and not settled */
    /* exactly_once */
    bool ready; /* the transactional.id is ours: what an earlier producer left open is decided */
    uint64_t commits, aborts[KAFKA_ABORT_REASONS];
    uint64_t rebuilds, taints; /* handles replaced; those because an answer was lost on the way */
    uint64_t in_doubt;         /* batches whose end had to be asked for */
    struct hist commit_us;     /* from begin to committed */
};

struct kafka_publisher *kafka_publisher_new(const struct kafka_publisher_setup *setup,
                                            struct err *e);
void kafka_publisher_submit(struct kafka_publisher *p, struct kafka_batch *b); /* any thread */
bool kafka_publisher_flush(struct kafka_publisher *p, int64_t timeout_ms);     /* all settled? */
struct kafka_publisher *kafka_publisher_free(struct kafka_publisher *p);
void kafka_publisher_stats(struct kafka_publisher *p, struct kafka_publisher_stats *ret);

/* ---- intake: sole owner of the consumer and the ledgers ---- */

struct kafka_intake;

struct kafka_intake_setup {
    const struct config *config;
    struct kafka_fatal *fatal;
    const char *instance_id; /* static membership, or NULL */
    bool embedded;           /* all partitions without a group; a gap in the offsets is a loss */
    bool exact;              /* exactly_once; never with `embedded` */
    size_t map_max;          /* longest commit metadata that the broker takes; 0: Kafka's default */
    struct crash_log *crash_log; /* or NULL; outlives the intake */
    void *arg;                   /* for the two below; both run on the intake thread */
    /* The commit of this record is known: its journal entry may go. May be NULL. */
    void (*committed)(void *arg, const uint8_t *key, size_t len);
    /* A partition was assigned: journal entries with this prefix for which keep() says no may go. May be
     * NULL. */
    void (*assigned)(void *arg, const uint8_t *prefix, size_t len,
                     bool (*keep)(void *keep_arg, const uint8_t *key, size_t key_len),
                     void *keep_arg);
};

/* How the partitions stand; at most a second old. */
struct kafka_gauges {
    int64_t
        window; /* records between the oldest open one and the newest, of the widest partition */
    int64_t map_bytes; /* longest map of what is done out of order */
    int64_t
        head_since_us; /* when the oldest open record came, monotonic; INT64_MAX: none is open */
    int64_t stock;     /* records that were read and wait for the pool */
    int64_t unread;    /* records in the broker, as of the last fetch; -1: not known */
    int64_t
        paused; /* partitions; not counted: those of the delay topic, which rest most of the time */
    int64_t parked; /* records in our partitions of the delay topic that the pool does not have */
};

struct kafka_intake_stats {
    uint64_t records, seen; /* received; dropped because they were done already */
    uint64_t lost;          /* records that the broker dropped before they were read */
    uint64_t commits, commit_errors, revoked, dropped;
    uint64_t adopted; /* answered by a call of the partition's earlier assignment */
    uint64_t rounds;  /* of the thread's loop: one that hangs makes none */
    bool member;      /* has its partitions, be they none, and has not lost them */
    int64_t partitions, open;
    struct kafka_gauges gauges;
};

/*
 * Wiring: intake_new, publisher_new (with kafka_intake_settled and the intake as arg), pool_new (with
 * kafka_intake_sink), intake_start. The way down: intake_stop, pool_drain, pool_stop,
 * intake_flush, publisher_free, intake_free, pool_free.
 */
struct kafka_intake *kafka_intake_new(const struct kafka_intake_setup *setup, struct err *e);
struct sink *kafka_intake_sink(struct kafka_intake *in);
void kafka_intake_settled(void *in, struct list_node *acked, struct list_node *returned);
void kafka_intake_batch_settled(void *in, struct kafka_batch *b);
int kafka_intake_start(struct kafka_intake *in, const struct intake *pool,
                       struct kafka_publisher *publisher, struct err *e);
/* No more reading and nothing more to the pool when it returns; releases and commits go on. */
void kafka_intake_stop(struct kafka_intake *in);
/* Waits until everything that the sink took is published and booked: true. Afterwards nothing goes to the
 * publisher any more. */
bool kafka_intake_flush(struct kafka_intake *in, int64_t timeout_ms);
struct kafka_intake *kafka_intake_free(struct kafka_intake *in); /* last commit, leaves the group */
void kafka_intake_stats(struct kafka_intake *in, struct kafka_intake_stats *ret);

/* ---- embedded broker: librdkafka's mock cluster, for development and tests ---- */

struct kafka_broker;

/* Listens on 127.0.0.1:port (0: any free one). */
struct kafka_broker *kafka_broker_new(int port, struct err *e);
const char *kafka_broker_address(const struct kafka_broker *b); /* "127.0.0.1:PORT" */
int kafka_broker_topic(struct kafka_broker *b, const char *name, int partitions, struct err *e);
struct kafka_broker *kafka_broker_free(struct kafka_broker *b);

/* ---- administration ---- */

struct kafka_info {
    char cluster_id[128]; /* "" when the broker does not say */
    bool embedded;        /* a mock cluster: memory only, bounded (window.h) */
    int brokers;
};

/* Asks the configured broker who it is; gives up after timeout_ms with a message that names it. */
int kafka_probe(const struct config *c, int64_t timeout_ms, struct kafka_info *ret, struct err *e);

/* Partition count of a topic: > 0, 0 when it does not exist, -1 on error. An embedded broker makes every
 * topic that is asked for. */
int kafka_topic_partitions(const struct config *c, const char *topic, int64_t timeout_ms,
                           struct err *e);

enum kafka_topic_result { KAFKA_TOPIC_CREATED = 0, KAFKA_TOPIC_EXISTS = 1 };

int kafka_topic_create(const struct config *c, const char *topic, int partitions, int replication,
                       int64_t timeout_ms, struct err *e);

/* ---- plain producer and reader, for enqueue and collect. One thread each ---- */

#define KAFKA_COLLECT_GROUP "sluice-collect" /* under which collect commits how far it has read */

#define KAFKA_FIELDS_MAX 128

struct kafka_field {
    const char *name;
    const void *value;
    size_t len;
};

/* A record to send or one that was read; pointers of a read one are good until the next poll. */
struct kafka_record {
    const char *key; /* NULL: none */
    size_t key_len;
    const char *value; /* NULL: tombstone */
    size_t value_len;
    struct kafka_field fields[KAFKA_FIELDS_MAX];
    size_t nfields;
    bool more_fields; /* it has headers that do not stand here */
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms; /* -1: none */
};

struct kafka_producer_setup {
    const struct config *config;
    const char *topic;
    int64_t max_bytes; /* sent and not acknowledged, > 0 */
    struct kafka_fatal *fatal;
};

struct kafka_producer;

enum kafka_send_result {
    KAFKA_SENT = 0,
    KAFKA_FULL = 1, /* bound reached: kafka_producer_poll() and try again */
};

/* Waits up to timeout_ms for the broker. Against an embedded broker the producer bounds what the
 * worker's group (group.id) has not committed yet, so that nothing drops off. */
struct kafka_producer *kafka_producer_new(const struct kafka_producer_setup *setup,
                                          int64_t timeout_ms, struct err *e);
int kafka_producer_send(struct kafka_producer *p, const struct kafka_record *r, struct err *e);
void kafka_producer_poll(struct kafka_producer *p, int64_t timeout_ms);
/* From now on fn is told of each record that the broker has (why NULL) or will never take, by the partition
 * and offset that stood in the record sent: where it had been read. Runs in poll, flush and free. */
void kafka_producer_watch(struct kafka_producer *p, void *arg,
                          void (*fn)(void *arg, int32_t partition, int64_t offset,
                                     const char *why));
bool kafka_producer_flush(struct kafka_producer *p,
                          int64_t timeout_ms); /* everything acknowledged? */
uint64_t kafka_producer_delivered(const struct kafka_producer *p);
/* How many of the records sent first are acknowledged without a gap: a restart may go on behind them. */
uint64_t kafka_producer_settled(const struct kafka_producer *p);
uint64_t kafka_producer_failed(const struct kafka_producer *p, const char **ret_why);
/* Waiting because the embedded broker is full and the worker does not keep up (or is not running). */
bool kafka_producer_held(const struct kafka_producer *p);
struct kafka_producer *kafka_producer_free(struct kafka_producer *p);

struct kafka_reader;

enum kafka_read_result {
    KAFKA_RECORD = 0,
    KAFKA_NOTHING = 1, /* nothing came within the time */
};

enum kafka_from { KAFKA_FROM_BEGINNING, KAFKA_FROM_COMMITTED, KAFKA_FROM_END };

struct kafka_reader_setup {
    const struct config *config;
    const char *topic;
    const char *group; /* for commits, or NULL: KAFKA_COLLECT_GROUP */
    enum kafka_from from;
    const int64_t *offsets; /* or NULL; one for each partition, negative: as `from` says */
    size_t noffsets;
    struct kafka_fatal *fatal;
};

/* Reads all partitions without joining a group, committed records only. */
struct kafka_reader *kafka_reader_new(const struct kafka_reader_setup *setup, int64_t timeout_ms,
                                      struct err *e);
int kafka_reader_poll(struct kafka_reader *r, int64_t timeout_ms, struct kafka_record *ret,
                      struct err *e);
size_t kafka_reader_partitions(const struct kafka_reader *r);
int64_t kafka_reader_position(const struct kafka_reader *r, size_t partition); /* next to be read */
/* End offset at the time of the call, for each partition. 0 or -1. */
int kafka_reader_ends(struct kafka_reader *r, int64_t *ret_ends, int64_t timeout_ms, struct err *e);
/* Commits the positions up to which the caller has made everything durable (asynchronous unless wait). */
int kafka_reader_commit(struct kafka_reader *r, bool wait, struct err *e);
uint64_t
kafka_reader_lost(const struct kafka_reader *r); /* dropped by the broker before they were read */
struct kafka_reader *kafka_reader_free(struct kafka_reader *r);

#endif
