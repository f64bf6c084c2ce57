/*
 * publisher: one thread, sole owner of the producer. It takes batches of outcomes, publishes each one's
 * reply (and dead letter), and reports what became of them. It knows nothing of ledgers: which offsets go
 * with which outcomes is the intake's business. How it is delivered is in loose.c and exact.c; here is
 * what is around it.
 *
 * The thread sleeps on one eventfd, which submit() writes to.
 */
#include "io/kafka/publisher.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

const struct kafka_pair publisher_defaults[] = {
    {"linger.ms", "5"},
    {"compression.type", "lz4"},
    {"partitioner", "murmur2_random"},
    {"queue.buffering.max.kbytes", "65536"},
    {NULL, NULL},
};

/* The largest reply must pass the client with its headers, and so must the largest request, which may be parked;
 * the broker may still refuse them. An embedded broker loses messages over 2.5 MB: it gets the library's 1 MB. */
const char *publisher_max_bytes(const struct kafka_publisher *p, char out[PUBLISHER_MAX_DIGITS])
{
    const struct config *c = p->setup.config;
    bool copies = *c->topics.delay && c->limits.record_bytes > c->limits.reply_bytes;
    int64_t most = copies ? c->limits.record_bytes : c->limits.reply_bytes;
    int64_t want = most + 64 * 1024;

    if (p->setup.embedded || most <= 900 * 1000 ||
        kafka_producer_property(p->setup.config, "message.max.bytes"))
        return NULL;
    snprintf(out, PUBLISHER_MAX_DIGITS, "%lld", (long long)(want < 1000000000 ? want : 1000000000));
    return out;
}

void publisher_take(struct kafka_publisher *p, struct list_node *ret_batches)
{
    pthread_mutex_lock(&p->lock);
    list_detach(&p->inbox, ret_batches);
    pthread_mutex_unlock(&p->lock);
}

struct kafka_batch *publisher_take_one(struct kafka_publisher *p)
{
    struct list_node *n;

    pthread_mutex_lock(&p->lock);
    n = list_pop(&p->inbox);
    pthread_mutex_unlock(&p->lock);
    return n ? CONTAINER_OF(n, struct kafka_batch, node) : NULL;
}

void publisher_clear_wake(struct kafka_publisher *p)
{
    uint64_t count;

    if (read(p->wake_fd, &count, sizeof count) < 0 && errno != EAGAIN)
        log_error("publisher wake-up failed", "errno=%d", errno);
}

void publisher_wait(struct kafka_publisher *p, int ms)
{
    struct pollfd fd = {.fd = p->wake_fd, .events = POLLIN};

    poll(&fd, 1, ms);
}

bool publisher_may_say(int64_t *said_us)
{
    int64_t now_us = clock_mono_us();

    if (*said_us && now_us - *said_us < PUBLISHER_SAY_US)
        return false;
    *said_us = now_us;
    return true;
}

static void wake(struct kafka_publisher *p)
{
    uint64_t one = 1;

    if (write(p->wake_fd, &one, sizeof one) < 0 && errno != EAGAIN)
        log_error("publisher wake-up failed", "errno=%d", errno);
}

static void *run(void *arg)
{
    struct kafka_publisher *p = arg;

    pthread_setname_np(pthread_self(), "publisher");
    p->way->run(p->own);
    return NULL;
}

struct kafka_publisher *kafka_publisher_new(const struct kafka_publisher_setup *setup,
                                            struct err *e)
{
    struct kafka_publisher *p = mem_alloc(sizeof *p);
    const char *group = kafka_consumer_property(setup->config, "group.id");

    p->setup = *setup;
    p->group = group ? group : "";
    p->way = setup->transactional_id ? &publisher_exact : &publisher_loose;
    pthread_mutex_init(&p->lock, NULL);
    list_init(&p->inbox);
    p->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (p->wake_fd < 0) {
        err_set(e, EX_OSERR, "publisher: eventfd: %m");
        return kafka_publisher_free(p);
    }
    if (!(p->own = p->way->open(p, e)))
        return kafka_publisher_free(p);
    if (pthread_create(&p->thread, NULL, run, p)) {
        err_set(e, EX_OSERR, "publisher: cannot start a thread");
        return kafka_publisher_free(p);
    }
    p->started = true;
    return p;
}

void kafka_publisher_submit(struct kafka_publisher *p, struct kafka_batch *b)
{
    atomic_fetch_add(&p->outstanding, (long long)b->count);
    if (p->setup.transactional_id)
        atomic_fetch_add(&p->batches, 1);
    pthread_mutex_lock(&p->lock);
    list_push(&p->inbox, &b->node);
    pthread_mutex_unlock(&p->lock);
    wake(p);
}

static bool is_idle(struct kafka_publisher *p)
{
    return atomic_load(&p->outstanding) == 0 && atomic_load(&p->batches) == 0;
}

bool kafka_publisher_flush(struct kafka_publisher *p, int64_t timeout_ms)
{
    int64_t until_us = clock_mono_us() + timeout_ms * 1000;

    while (!is_idle(p) && clock_mono_us() < until_us)
        poll(NULL, 0, 5);
    return is_idle(p);
}

struct kafka_publisher *kafka_publisher_free(struct kafka_publisher *p)
{
    if (!p)
        return NULL;
    if (p->started) {
        atomic_store(&p->stop, true);
        wake(p);
        pthread_join(p->thread, NULL);
    }
    if (p->own)
        p->way->close(p->own);
    if (p->wake_fd >= 0)
        close(p->wake_fd);
    pthread_mutex_destroy(&p->lock);
    free(p);
    return NULL;
}

void kafka_publisher_stats(struct kafka_publisher *p, struct kafka_publisher_stats *ret)
{
    *ret = (struct kafka_publisher_stats){
        .parked = atomic_load(&p->parked),
        .replies = atomic_load(&p->replies),
        .dead_letters = atomic_load(&p->dead_letters),
        .undeliverable = atomic_load(&p->undeliverable),
        .retries = atomic_load(&p->retries),
        .held = atomic_load(&p->held),
        .outstanding = atomic_load(&p->outstanding),
        .ready = atomic_load(&p->ready),
        .commits = atomic_load(&p->commits),
        .rebuilds = atomic_load(&p->rebuilds),
        .taints = atomic_load(&p->taints),
        .in_doubt = atomic_load(&p->in_doubt),
    };
    for (size_t i = 0; i < KAFKA_ABORT_REASONS; i++)
        ret->aborts[i] = atomic_load(&p->aborts[i]);
    pthread_mutex_lock(&p->lock);
    ret->commit_us = p->commit_us;
    pthread_mutex_unlock(&p->lock);
}
