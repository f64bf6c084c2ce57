/*
 * publisher: what the two ways of delivery share. Private to io/kafka.
 *
 * A way owns its producer and has the publisher's thread: loose.c (at_least_once) publishes outcomes
 * as they come and reports each as soon as the broker has it; exact.c (exactly_once) carries one batch at a
 * time through a transaction. Around it, in publisher.c: the inbox, the thread, its wake-up, the counters.
 */
#ifndef SLUICE_IO_KAFKA_PUBLISHER_H
#define SLUICE_IO_KAFKA_PUBLISHER_H

#include <pthread.h>
#include <stdatomic.h>

#include "io/kafka/batch.h"
#include "io/kafka/client.h"

#define PUBLISHER_PURGE_MS   2000 /* how long the end waits for a broker that may be away */
#define PUBLISHER_SAY_US     (10 * 1000000LL)
#define PUBLISHER_IDLE_MS    500
#define PUBLISHER_MAX_DIGITS 24

struct publisher_way {
    void *(*open)(struct kafka_publisher *p, struct err *e); /* NULL: a message in e */
    void (*run)(void *way);                                  /* the thread, until p->stop */
    /* After run() has returned, or in its place: closes the producer, then hands back what is left. */
    void (*close)(void *way);
};

extern const struct publisher_way publisher_loose, publisher_exact;

struct kafka_publisher {
    struct kafka_publisher_setup setup;
    const char *group;
    const struct publisher_way *way;
    void *own; /* of the way */
    int wake_fd;
    pthread_t thread;
    bool started;

    pthread_mutex_t lock;   /* guards inbox and commit_us only */
    struct list_node inbox; /* of struct kafka_batch */
    struct hist commit_us;
    atomic_bool stop, ready;
    atomic_llong outstanding; /* tasks */
    atomic_llong batches;     /* those of exactly_once: even an empty one has to be waited for */

    atomic_ullong parked, replies, dead_letters, undeliverable, retries, held;
    atomic_ullong commits, aborts[KAFKA_ABORT_REASONS], rebuilds, taints, in_doubt;
};

/* All on the publisher's thread. */
void publisher_take(struct kafka_publisher *p, struct list_node *ret_batches); /* the whole inbox */
struct kafka_batch *publisher_take_one(struct kafka_publisher *p);             /* NULL: none */
void publisher_clear_wake(struct kafka_publisher *p);
void publisher_wait(struct kafka_publisher *p, int ms); /* until woken, at the latest after ms */
bool publisher_may_say(int64_t *said_us);               /* bounds a warning to one in ten seconds */

/* What both producers are made with. The second writes message.max.bytes to out and returns it, or
 * returns NULL when it is to be as configured. */
extern const struct kafka_pair publisher_defaults[];
const char *publisher_max_bytes(const struct kafka_publisher *p, char out[PUBLISHER_MAX_DIGITS]);

#endif
