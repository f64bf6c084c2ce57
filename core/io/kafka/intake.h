/*
 * intake: inside of struct kafka_intake, shared by intake.c (thread and reading), rebalance.c (which
 * partitions are ours) and commit.c (what is finished). Private to io/kafka; intake thread only, except
 * where a field says otherwise.
 */
#ifndef SLUICE_IO_KAFKA_INTAKE_H
#define SLUICE_IO_KAFKA_INTAKE_H

#include <pthread.h>

#include "io/kafka/client.h"
#include "io/kafka/deal.h"
#include "io/kafka/part.h"

#define WINDOW_FACTOR                                                                              \
    100 /* of max_per_partition: how far apart open records of a partition may be */

/* What waits in parts for the pool. */
struct intake_stock {
    int64_t tasks, bytes;
    int64_t tasks_max, bytes_max;
    bool full; /* PAUSE_POOL is on for its parts */
};

struct kafka_intake {
    struct sink sink; /* worker threads */
    struct kafka_intake_setup setup;
    struct kafka_client client;
    struct group_watch watch;
    struct intake pool;
    struct kafka_publisher *publisher;
    const char *group;
    struct string_list topics; /* all that is read; the names are the configuration's */
    char cluster_id[128];
    bool has_cluster_id;

    pthread_t thread;
    bool started;
    atomic_bool stop;    /* no more reading */
    atomic_bool stopped; /* the thread knows: pool.room and pool.submit are not called any more */
    atomic_bool end;     /* leave the loop */

    pthread_mutex_t lock; /* guards the lists: worker and publisher threads push */
    struct list_node acked;
    struct list_node returned;
    struct list_node finished;  /* exactly_once: for the next batch */
    rd_kafka_queue_t *waits_on; /* where the intake thread waits; NULL when it is gone */
    size_t nback, wake_at; /* tasks that came into these lists since it looked; so many wake it */
    struct list_node settled; /* exactly_once: batches that came back */
    atomic_llong unsettled;   /* tasks between the sink and their release */
    atomic_bool close;        /* make no more batches: the publisher goes away */
    atomic_bool closed;       /* the thread knows */
    struct deal deal;         /* exactly_once */

    struct kafka_part **parts;
    size_t nparts, cap;
    struct kafka_part **orphans; /* given up, with calls that still run (adopt.h) */
    size_t norphans, orphans_cap;
    struct kafka_part *last; /* of the last message: most come in runs */
    struct list_node got;    /* tasks of this round, not yet submitted */
    int64_t ngot;
    struct intake_stock stock[STOCKS];
    size_t turn;                         /* which part is fed first */
    int64_t passed[TASK_PRIORITIES];     /* feed.c: how many went ahead of those of a level */
    bool assigned_all;                   /* embedded: partitions are known */
    bool unloaded;                       /* some part is not live yet */
    int64_t load_us;                     /* when to ask again */
    struct committed_question *question; /* away, or NULL */
    int64_t heads_us;                    /* when to look for stuck heads again */
    int64_t gauges_us;                   /* when to take the gauges again */

    rd_kafka_queue_t *commit_queue;
    struct kafka_part **committing; /* parts in the commit under way, with references */
    size_t ncommitting;
    int64_t commit_us;        /* time of the next commit */
    int64_t said_commit_us;   /* when "commit failed" was last logged */
    int64_t said_load_us;     /* the same for "committed offsets are not known" */
    int64_t said_read_us;     /* the same for "reading failed" */
    int64_t park_us;          /* nothing is parked before this time */
    int64_t said_park_us;     /* the same for records that cannot be parked */
    int64_t said_suspects_us; /* the same for records that have to wait (guard.h) */
    size_t map_max;           /* metadata that the broker is known to take; METADATA_MAX at first */
    size_t map_sent;          /* longest one in the commit or batch under way */

    /* holding.c */
    atomic_int *partition_counts; /* of each request topic; -1: not known. Any thread */
    atomic_bool learn;            /* they may have changed. Any thread */
    int64_t learn_us;             /* when to ask at the earliest; the learner */
    struct {
        pthread_t thread;
        bool started;
        pthread_mutex_t lock; /* for `end` */
        pthread_cond_t wake;
        bool end;
    } learner;
    struct holding_part *held_parts;
    int64_t told_us;   /* when the pool was told */
    bool had_assigned; /* not the first time that partitions are assigned */

    atomic_ullong records, seen, lost, commits, commit_errors, revoked, dropped, adopted;
    atomic_ullong rounds;
    atomic_bool member;
    atomic_llong partitions, open;
    pthread_mutex_t gauges_lock; /* guards gauges only */
    struct kafka_gauges gauges;
};

struct kafka_part *intake_find(struct kafka_intake *in, const char *topic, int32_t partition);

/* Adds or takes away a reason to pause; tells librdkafka on transitions only: resuming what is not
 * paused can rewind a partition. */
void intake_pause(struct kafka_intake *in, struct kafka_part *p, unsigned reason, bool on);

/* The part was taken out of in->parts: drops its stock and the reference. `same_log`: see adopt.h. */
void intake_retire(struct kafka_intake *in, struct kafka_part *p, bool same_log);

/* The reply to this record is published: with its offset, or with the offset to follow. */
void intake_done(struct kafka_intake *in, struct kafka_part *p, const struct task *t);

/* True once in a while: for a message that would repeat itself. */
bool intake_may_say(int64_t *said_us);

/* pause.c */
/* The map of p takes `len` characters of its commit metadata, or did not fit. */
void pause_map(struct kafka_intake *in, struct kafka_part *p, size_t len, bool too_large);
void pause_shrink_map(
    struct kafka_intake *in); /* the broker refused the longest one that was sent */
void intake_pause_all(struct kafka_intake *in, unsigned reason, bool on);
size_t pause_part_high(const struct kafka_intake *in); /* records of a part that may wait here */
struct intake_stock *pause_stock_of(struct kafka_intake *in, const struct kafka_part *p);
int64_t pause_stocked(const struct kafka_intake *in); /* records in all stocks */
bool pause_is_due(const struct kafka_intake *in);     /* a stock is full, and its parts go on */
void pause_adjust(struct kafka_intake *in);           /* resumes and pauses by what waits now */

/* Tells librdkafka when it is not so yet, whatever the reasons say. */
void intake_tell(struct kafka_intake *in, struct kafka_part *p, bool pause);

/* feed.c */
void feed_pool(struct kafka_intake *in); /* gives the pool what it has room for */

/* gauge.c */
void gauge_tick(struct kafka_intake *in, int64_t now_us);

/* settle.c */
void intake_sink_put(struct sink *sink, struct list_node *tasks); /* worker threads */

/* Takes what publisher and workers gave back: moves ledgers, frees tasks, tells the pool. */
void intake_settle(struct kafka_intake *in);

/* rebalance.c */
void rebalance_event(void *in, rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t *parts);
void rebalance_add_part(struct kafka_intake *in, const char *topic, int32_t partition);
/* Hands parts to the library: all it has (eager), or these in addition. False: it does not take them. */
bool rebalance_assign(struct kafka_intake *in, const rd_kafka_topic_partition_list_t *list);
void rebalance_drop_all(struct kafka_intake *in); /* at the end */

bool rebalance_is_eager(const struct kafka_intake *in);

/* load.c */
void load_tick(struct kafka_intake *in,
               int64_t now_us);                       /* makes assigned parts live; never blocks */
void load_wait(struct kafka_intake *in, int wait_ms); /* for the answer that is under way */
void load_anew(struct kafka_intake *in);              /* the assignment has changed */

/* holding.c */
void holding_init(struct kafka_intake *in);
void holding_done(struct kafka_intake *in);
int holding_start(struct kafka_intake *in, struct err *e);  /* the learner */
void holding_stop(struct kafka_intake *in);                 /* waits for it */
void holding_tell(struct kafka_intake *in, int64_t now_us); /* what is in parts now is ours */
void holding_tick(struct kafka_intake *in, int64_t now_us); /* the same, when it is time */

/* commit.c */
void commit_tick(struct kafka_intake *in, int64_t now_us);
bool commit_pending(const struct kafka_intake *in); /* something is done and not committed */
/* Starts a commit now and waits for it, bounded. */
void commit_wait(struct kafka_intake *in, int64_t timeout_ms);

#endif
