/* targets: see targets.h. */
#include "cmd/dlq/targets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/mem.h"

#define TARGETS_MAX 32
#define TIMEOUT_MS  15000
#define FLYING_MAX  ((int64_t)8 << 20) /* bytes sent and not acknowledged, for each */

struct target {
    char *topic;
    struct kafka_producer *producer; /* NULL: nothing was sent yet */
};

struct targets {
    struct targets_setup setup;
    struct target at[TARGETS_MAX];
    size_t count;
    size_t last;
};

struct targets *targets_new(const struct targets_setup *setup)
{
    struct targets *t = mem_alloc(sizeof *t);

    t->setup = *setup;
    return t;
}

struct targets *targets_free(struct targets *t)
{
    size_t i = 0;

    if (!t)
        return NULL;
    for (i = 0; i < t->count; i++) {
        kafka_producer_free(t->at[i].producer);
        free(t->at[i].topic);
    }
    free(t);
    return NULL;
}

static struct target *find(struct targets *t, const char *topic)
{
    size_t i = 0;

    for (i = 0; i < t->count; i++)
        if (strcmp(t->at[i].topic, topic) == 0)
            return &t->at[t->last = i];
    return NULL;
}

int targets_check(struct targets *t, const char *topic, struct err *e)
{
    int partitions = 0;

    if (find(t, topic))
        return 0;
    if (strcmp(topic, t->setup.dead_topic) == 0)
        return err_set(e, EX_USAGE,
                       "dead letters of topic %s would go back to it: name another topic with --to",
                       topic);
    if (t->count == TARGETS_MAX)
        return err_set(e, EX_USAGE,
                       "the dead letters come from more than %d topics: replay some with --topic",
                       TARGETS_MAX);
    partitions = kafka_topic_partitions(t->setup.config, topic, TIMEOUT_MS, e);
    if (partitions < 0)
        return -1;
    if (partitions == 0)
        return err_set(e, EX_UNAVAILABLE,
                       "topic %s does not exist: create it, name another one with --to, or replay "
                       "those of other topics with --topic",
                       topic);
    t->last = t->count++;
    t->at[t->last] = (struct target){.topic = mem_strdup(topic)};
    return 0;
}

static int open_producer(struct targets *t, struct target *at, struct err *e)
{
    struct kafka_producer_setup setup = {.config = t->setup.config,
                                         .topic = at->topic,
                                         .max_bytes = FLYING_MAX,
                                         .fatal = t->setup.fatal};

    at->producer = kafka_producer_new(&setup, TIMEOUT_MS, e);
    if (!at->producer)
        return -1;
    kafka_producer_watch(at->producer, t->setup.arg, t->setup.settled);
    return 0;
}

int targets_send(struct targets *t, const char *topic, const struct kafka_record *r, struct err *e)
{
    struct target *at = NULL;

    if (targets_check(t, topic, e) < 0)
        return -1;
    at = find(t, topic);
    if (!at->producer && open_producer(t, at, e) < 0)
        return -1;
    return kafka_producer_send(at->producer, r, e);
}

void targets_poll(struct targets *t, int64_t timeout_ms)
{
    size_t i = 0;

    for (i = 0; i < t->count; i++)
        if (t->at[i].producer)
            kafka_producer_poll(t->at[i].producer, i == t->last ? timeout_ms : 0);
}

bool targets_flush(struct targets *t, int64_t timeout_ms)
{
    int64_t until_us = clock_mono_us() + timeout_ms * 1000;
    bool all = true;
    size_t i = 0;

    for (i = 0; i < t->count; i++) {
        int64_t left_us = until_us - clock_mono_us();

        if (t->at[i].producer)
            all &= kafka_producer_flush(t->at[i].producer, left_us > 0 ? left_us / 1000 : 0);
    }
    return all;
}

bool targets_held(const struct targets *t)
{
    size_t i = 0;

    for (i = 0; i < t->count; i++)
        if (t->at[i].producer && kafka_producer_held(t->at[i].producer))
            return true;
    return false;
}
