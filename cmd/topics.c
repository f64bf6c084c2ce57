/*
 * topics: creates the topics of the configuration, or says what is there. One line a topic on stdout.
 */
#include <poll.h>
#include <stdio.h>
#include <sysexits.h>

#include "base/clock.h"
#include "cmd/command.h"
#include "io/kafka/kafka.h"

#define TIMEOUT_MS 15000
#define LOOK_MS    50

struct topics_options {
    struct config_options config;
};

static const struct option_row rows[] = {
    CONFIG_OPTION_ROWS(struct topics_options, config),
    {.name = NULL},
};

/* The controller has a new topic before the brokers know of it; what is said to be there can be used. */
static int wait_known(const struct config *c, const char *topic, struct err *e)
{
    int64_t until_us = clock_mono_us() + TIMEOUT_MS * 1000LL;
    int n;

    while ((n = kafka_topic_partitions(c, topic, TIMEOUT_MS, e)) == 0) {
        if (clock_mono_us() > until_us)
            return err_set(e, EX_UNAVAILABLE,
                           "topic %s was created, but the broker does not know of it after %d s",
                           topic, TIMEOUT_MS / 1000);
        poll(NULL, 0, LOOK_MS);
    }
    return n < 0 ? -1 : 0;
}

static int create_one(const struct config *c, const char *topic, struct err *e)
{
    int r;

    if (!topic || !*topic || *topic == '^')
        return 0;
    r = kafka_topic_create(c, topic, (int)c->topics.partitions, (int)c->topics.replication,
                           TIMEOUT_MS, e);
    if (r < 0 || wait_known(c, topic, e) < 0)
        return -1;
    printf("%s %s\n", topic, r == KAFKA_TOPIC_EXISTS ? "exists" : "created");
    return 0;
}

static int describe_one(const struct config *c, const char *topic, struct err *e)
{
    int n;

    if (!topic || !*topic)
        return 0;
    n = kafka_topic_partitions(c, topic, TIMEOUT_MS, e);
    if (n < 0)
        return -1;
    if (n)
        printf("%s partitions=%d\n", topic, n);
    else
        printf("%s missing\n", topic);
    return 0;
}

static int for_each(const struct config *c,
                    int (*fn)(const struct config *, const char *, struct err *), struct err *e)
{
    for (size_t i = 0; i < c->topics.requests.count; i++)
        if (fn(c, c->topics.requests.at[i], e) < 0)
            return -1;
    if (fn(c, c->topics.replies, e) < 0 || fn(c, c->topics.dead_letter, e) < 0 ||
        fn(c, c->topics.delay, e) < 0)
        return -1;
    for (size_t i = 0; i < c->topics.reply_allow.count; i++)
        if (fn(c, c->topics.reply_allow.at[i], e) < 0)
            return -1;
    return 0;
}

static int run(const struct topics_options *o, bool create, struct err *e)
{
    struct config *c = NULL;
    struct kafka_info info;
    int rc = command_config(&o->config, &c, e);

    if (rc)
        return rc;
    if (kafka_config_check(c, false, e) < 0 || kafka_probe(c, TIMEOUT_MS, &info, e) < 0)
        rc = e->code;
    else if (create && info.embedded)
        rc = EX_UNAVAILABLE, err_set(e, rc,
                                     "the embedded broker of `sluice dev` makes topics by itself "
                                     "and cannot be asked to: give `sluice dev` --requests, "
                                     "--replies and --partitions");
    else if (for_each(c, create ? create_one : describe_one, e) < 0)
        rc = e->code;
    config_free(c);
    return rc;
}

static int run_create(const void *opts, int nargs, char *const *args, struct err *e)
{
    (void)nargs;
    (void)args;
    return run(opts, true, e);
}

static int run_describe(const void *opts, int nargs, char *const *args, struct err *e)
{
    (void)nargs;
    (void)args;
    return run(opts, false, e);
}

static const struct command topics_create = {
    .name = "create",
    .summary = "create the topics that are missing",
    .description =
        "Creates topics.requests, topics.replies, topics.dead_letter, topics.delay and "
        "those of topics.reply_allow with topics.partitions and topics.replication. Topics that "
        "exist are left as they are.",
    .options = rows,
    .options_size = sizeof(struct topics_options),
    .run = run_create,
};

static const struct command topics_describe = {
    .name = "describe",
    .summary = "say which topics exist, with how many partitions",
    .options = rows,
    .options_size = sizeof(struct topics_options),
    .run = run_describe,
};

static const struct command *const subs[] = {&topics_create, &topics_describe, NULL};

const struct command command_topics = {
    .name = "topics",
    .summary = "create or describe the topics of the configuration",
    .sub = subs,
};
