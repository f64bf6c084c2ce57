/*
 * rebalance: which partitions are ours. An assigned one is loaded first (load.c). A revoked one gets a bounded
 * time for the replies that are on their way and for their commit. A lost one is dropped without.
 */
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/kafka/delay.h"
#include "io/kafka/intake.h"

#define REVOKE_MS 5000
#define COMMIT_MS 3000
#define LOAD_MS   200 /* usually enough, and short enough for the partitions that stay */

bool rebalance_is_eager(const struct kafka_intake *in)
{
    const char *protocol =
        in->setup.embedded ? "EAGER" : rd_kafka_rebalance_protocol(in->client.rk);

    return strcmp(protocol, "COOPERATIVE") != 0;
}

void rebalance_add_part(struct kafka_intake *in, const char *topic, int32_t partition)
{
    struct kafka_part *p = part_new(topic, partition);

    if (in->nparts == in->cap) {
        in->cap = in->cap ? in->cap * 2 : 64;
        in->parts = mem_grow(in->parts, in->cap, sizeof *in->parts);
    }
    p->priority = config_topic_priority(in->setup.config, topic);
    p->above = config_priorities_above(in->setup.config, p->priority);
    p->stock = p->above;
    /* What is assigned at the first time belonged to nobody; later, and with the eager protocol, it may have been
     * taken from a worker that lives. */
    p->moved = in->had_assigned || rebalance_is_eager(in);
    p->crash_log = in->setup.crash_log;
    delay_mark(in, p);
    in->parts[in->nparts++] = p;
    in->unloaded = true;
}

bool rebalance_assign(struct kafka_intake *in, const rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_error_t *error = NULL;
    const char *why = NULL;
    rd_kafka_resp_err_t err;

    if (rebalance_is_eager(in)) {
        err = rd_kafka_assign(in->client.rk, list);
        why = err ? rd_kafka_err2name(err) : NULL;
    } else {
        error = rd_kafka_incremental_assign(in->client.rk, list);
        why = error ? rd_kafka_error_name(error) : NULL;
    }
    if (why)
        log_error("partitions cannot be assigned, trying again", "count=%d error=%s", list->cnt,
                  why);
    rd_kafka_error_destroy(error);
    return !why;
}

static void remove_part(struct kafka_intake *in, struct kafka_part *p)
{
    for (size_t i = 0; i < in->nparts; i++)
        if (in->parts[i] == p) {
            in->parts[i] = in->parts[--in->nparts];
            break;
        }
    intake_retire(in, p, true);
}

static bool replies_on_their_way(struct kafka_intake *in,
                                 const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        struct kafka_part *p = intake_find(in, list->elems[i].topic, list->elems[i].partition);

        if (p && atomic_load(&p->outbox) > 0)
            return true;
    }
    return false;
}

/* From here on the sink drops what comes back for these parts; what it let pass gets its time. */
static void flush_parts(struct kafka_intake *in, const rd_kafka_topic_partition_list_t *list)
{
    int64_t until_us = clock_mono_us() + REVOKE_MS * 1000LL;

    for (int i = 0; i < list->cnt; i++) {
        struct kafka_part *p = intake_find(in, list->elems[i].topic, list->elems[i].partition);

        if (p)
            atomic_store(&p->owned, false);
    }
    intake_settle(in);
    while (replies_on_their_way(in, list) && clock_mono_us() < until_us &&
           !atomic_load(&in->close)) {
        if (in->setup.exact)
            deal_tick(in, clock_mono_us(), true);
        poll(NULL, 0, 2);
        intake_settle(in);
        holding_tick(in, clock_mono_us());
    }
    if (!in->setup.exact)
        commit_wait(in, COMMIT_MS);
}

/* Outcomes that got no place in a batch in time: their records are the next owner's, their answers are in
 * the journal. */
static void drop_unpublished(struct kafka_intake *in)
{
    struct list_node returned;

    list_init(&returned);
    deal_give_back(in, false, &returned);
    pthread_mutex_lock(&in->lock);
    list_splice(&in->returned, &returned);
    pthread_mutex_unlock(&in->lock);
    intake_settle(in);
}

static void unassign(struct kafka_intake *in, const rd_kafka_topic_partition_list_t *revoked)
{
    rd_kafka_topic_partition_list_t *live = rd_kafka_topic_partition_list_new(revoked->cnt);
    rd_kafka_error_t *error;

    for (int i = 0; i < revoked->cnt; i++) {
        const rd_kafka_topic_partition_t *tp = &revoked->elems[i];
        struct kafka_part *p = intake_find(in, tp->topic, tp->partition);

        if (p && p->live) {
            /* Else it may come back paused, while nobody here knows that it is. */
            intake_tell(in, p, false);
            rd_kafka_topic_partition_list_add(live, p->topic, p->partition);
        }
        if (p)
            remove_part(in, p);
    }
    holding_tell(in, clock_mono_us()); /* before anybody else may have them */
    if (rebalance_is_eager(in)) {
        rd_kafka_assign(in->client.rk, NULL);
    } else if ((error = rd_kafka_incremental_unassign(in->client.rk, live))) {
        log_error("partitions cannot be given up", "error=%s", rd_kafka_error_name(error));
        rd_kafka_error_destroy(error);
    }
    rd_kafka_topic_partition_list_destroy(live);
}

void rebalance_event(void *owner, rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t *list)
{
    struct kafka_intake *in = owner;
    bool lost = rd_kafka_assignment_lost(in->client.rk);
    rd_kafka_topic_partition_list_t *none;

    atomic_store(&in->learn, true);
    atomic_store(&in->watch.joining, false); /* the library waits for us: the join is over */
    atomic_store(&in->member, !lost);
    load_anew(in);
    if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        for (int i = 0; i < list->cnt; i++)
            if (!intake_find(in, list->elems[i].topic, list->elems[i].partition))
                rebalance_add_part(in, list->elems[i].topic, list->elems[i].partition);
        in->had_assigned = true;
        holding_tell(in, clock_mono_us());
        load_tick(in, clock_mono_us());
        load_wait(in, LOAD_MS);
        /* librdkafka waits for an assign call, also when nothing could be loaded yet. */
        if (in->unloaded || !list->cnt) {
            none = rd_kafka_topic_partition_list_new(0);
            rebalance_assign(in, none);
            rd_kafka_topic_partition_list_destroy(none);
        }
    } else {
        atomic_fetch_add(&in->revoked, (unsigned long long)list->cnt);
        if (!lost)
            flush_parts(in, list);
        unassign(in, list);
        drop_unpublished(in);
    }
    atomic_store(&in->partitions, (long long)in->nparts);
    log_info(what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS ? "partitions assigned"
                                                          : "partitions revoked",
             "count=%d lost=%d now=%zu", list->cnt, lost, in->nparts);
}

void rebalance_drop_all(struct kafka_intake *in)
{
    while (in->nparts)
        remove_part(in, in->parts[0]);
    free(STEAL(in->parts));
}
