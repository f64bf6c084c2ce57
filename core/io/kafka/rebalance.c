/*
 * rebalance: which partitions are ours. An assigned partition is loaded first (committed offset and map,
 * with a budget of time) and handed to librdkafka with an explicit position only then; a coordinator that
 * does not answer delays that partition and nothing else. A revoked one gets a bounded time for the
 * replies that are on their way, then a commit. A lost one is dropped without a commit.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/kafka/intake.h"
#include "policy/batch.h"
#include "policy/map.h"

#define LOAD_MS       2000 /* how long one attempt may block the intake thread */
#define LOAD_AGAIN_US (500 * 1000LL)
#define REVOKE_MS     5000
#define COMMIT_MS     3000

bool rebalance_is_eager(const struct kafka_intake *in)
{
    const char *protocol =
        in->setup.embedded ? "EAGER" : rd_kafka_rebalance_protocol(in->client.rk);

    return strcmp(protocol, "COOPERATIVE") != 0;
}

static void add_part(struct kafka_intake *in, const char *topic, int32_t partition)
{
    if (in->nparts == in->cap) {
        in->cap = in->cap ? in->cap * 2 : 64;
        in->parts = mem_grow(in->parts, in->cap, sizeof *in->parts);
    }
    in->parts[in->nparts] = part_new(topic, partition);
    in->parts[in->nparts++]->crash_log = in->setup.crash_log;
    in->unloaded = true;
}

/* Embedded: asks for the partitions of every request topic. */
static void assign_all(struct kafka_intake *in)
{
    const struct string_list *topics = &in->setup.config->topics.requests;

    for (size_t t = 0; t < topics->count; t++) {
        const struct rd_kafka_metadata *md;
        rd_kafka_topic_t *rkt = rd_kafka_topic_new(in->client.rk, topics->at[t], NULL);
        rd_kafka_resp_err_t err = rd_kafka_metadata(in->client.rk, 0, rkt, &md, LOAD_MS);

        rd_kafka_topic_destroy(rkt);
        if (err)
            return;
        for (int i = 0; i < md->topics[0].partition_cnt; i++)
            if (!intake_find(in, topics->at[t], i))
                add_part(in, topics->at[t], i);
        rd_kafka_metadata_destroy(md);
    }
    in->assigned_all = true;
}

/* For keep(): arg is a ledger in which only asking is done. */
static bool is_open(void *arg, const uint8_t *key, size_t len)
{
    int64_t offset = part_key_offset(key, len);

    return offset >= 0 && !batch_is_done(arg, offset);
}

static void prune_journal(struct kafka_intake *in, const struct kafka_part *p,
                          const rd_kafka_topic_partition_t *tp)
{
    struct map_scope scope = {in->group, tp->topic, tp->partition};
    struct ledger *l;

    if (!in->setup.assigned || tp->offset < 0)
        return;
    l = batch_ledger(&scope, tp->offset, tp->metadata, tp->metadata_size, NULL);
    in->setup.assigned(in->setup.arg, p->prefix, p->prefix_len, is_open, l);
    ledger_free(l);
}

static struct ledger *load_ledger(const struct kafka_intake *in,
                                  const rd_kafka_topic_partition_t *tp)
{
    struct map_scope scope = {in->group, tp->topic, tp->partition};
    size_t max_open = (size_t)in->setup.config->pool.max_per_partition;
    int64_t max_window = (int64_t)max_open * WINDOW_FACTOR;
    struct ledger *l = ledger_new(tp->offset, max_open, max_window);

    if (tp->metadata_size && map_decode(&scope, tp->metadata, tp->metadata_size, l) != MAP_GOOD) {
        log_warn("commit metadata is not a map of ours, records done out of order come again",
                 "topic=%s partition=%d base=%lld", tp->topic, (int)tp->partition,
                 (long long)tp->offset);
        ledger_free(l);
        l = ledger_new(tp->offset, max_open, max_window);
    }
    return l;
}

/* Where to begin without a committed offset: the user's auto.offset.reset is for this only. */
static int64_t first_start(const struct kafka_intake *in)
{
    const char *reset = kafka_consumer_property(in->setup.config, "auto.offset.reset");

    if (reset && (strcmp(reset, "latest") == 0 || strcmp(reset, "end") == 0 ||
                  strcmp(reset, "largest") == 0))
        return RD_KAFKA_OFFSET_END;
    return RD_KAFKA_OFFSET_BEGINNING;
}

static void load_part(struct kafka_intake *in, struct kafka_part *p,
                      const rd_kafka_topic_partition_t *tp)
{
    if (part_set_prefix(p, in->cluster_id, in->group) < 0)
        kafka_fatal_raise(in->setup.fatal,
                          "cluster id, group.id and topic name are too long together");
    if (tp->offset < 0) {
        p->start = first_start(in);
        p->next = in->setup.embedded && p->start == RD_KAFKA_OFFSET_BEGINNING ? 0 : -1;
        return;
    }
    p->start = tp->offset;
    p->next = tp->offset;
    p->ledger = load_ledger(in, tp);
    prune_journal(in, p, tp);
}

/* Under the eager protocol: all of them or none. */
static bool assign(struct kafka_intake *in, const rd_kafka_topic_partition_list_t *list)
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

/* Hands loaded parts over. What librdkafka does not take is loaded again. */
static void make_live(struct kafka_intake *in, const rd_kafka_topic_partition_list_t *loaded)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(loaded->cnt);
    bool good;

    for (int i = 0; i < loaded->cnt; i++) {
        struct kafka_part *p = intake_find(in, loaded->elems[i].topic, loaded->elems[i].partition);

        load_part(in, p, &loaded->elems[i]);
        rd_kafka_topic_partition_list_add(list, p->topic, p->partition)->offset = p->start;
    }
    good = assign(in, list);
    for (int i = 0; i < list->cnt; i++) {
        struct kafka_part *p = intake_find(in, list->elems[i].topic, list->elems[i].partition);

        p->live = good;
        if (!good)
            p->ledger = ledger_free(p->ledger);
    }
    if (!good)
        in->unloaded = true;
    rd_kafka_topic_partition_list_destroy(list);
    for (size_t i = 0; i < in->nparts; i++) {
        if (in->pool_full)
            intake_pause(in, in->parts[i], PAUSE_POOL, true);
        if (atomic_load(&in->stop))
            intake_pause(in, in->parts[i], PAUSE_STOP, true);
    }
}

static bool learn_cluster_id(struct kafka_intake *in)
{
    char *id;

    if (in->has_cluster_id)
        return true;
    id = rd_kafka_clusterid(in->client.rk, LOAD_MS);
    if (!id)
        return false;
    snprintf(in->cluster_id, sizeof in->cluster_id, "%s", id);
    rd_kafka_mem_free(in->client.rk, id);
    in->has_cluster_id = true;
    return true;
}

/* Those of the list whose committed offset is known. */
static rd_kafka_topic_partition_list_t *only_good(rd_kafka_topic_partition_list_t *asked)
{
    for (int i = asked->cnt - 1; i >= 0; i--)
        if (asked->elems[i].err)
            rd_kafka_topic_partition_list_del_by_idx(asked, i);
    return asked;
}

void rebalance_load(struct kafka_intake *in, int64_t now_us)
{
    rd_kafka_topic_partition_list_t *ask;
    rd_kafka_resp_err_t err;
    int want;

    /* The coordinator answers nothing of ours while a join waits there, and a question that waits
     * longer than socket.timeout.ms would cost the connection, and the join with it. */
    if (now_us < in->load_us || atomic_load(&in->watch.joining))
        return;
    if (in->setup.embedded && !in->assigned_all)
        assign_all(in);
    if (!in->unloaded)
        return;
    in->load_us = now_us + LOAD_AGAIN_US;
    if (!learn_cluster_id(in))
        return;
    ask = rd_kafka_topic_partition_list_new(16);
    for (size_t i = 0; i < in->nparts; i++)
        if (!in->parts[i]->live)
            rd_kafka_topic_partition_list_add(ask, in->parts[i]->topic, in->parts[i]->partition);
    want = ask->cnt;
    err = rd_kafka_committed(in->client.rk, ask, LOAD_MS);
    if (err && intake_may_say(&in->said_load_us)) {
        log_warn("committed offsets are not known yet, asking again", "partitions=%d error=%s",
                 want, rd_kafka_err2name(err));
    } else if (!err && (only_good(ask)->cnt == want || (ask->cnt && !rebalance_is_eager(in)))) {
        in->unloaded = ask->cnt != want;
        make_live(in, ask);
        atomic_store(&in->partitions, (long long)in->nparts);
    }
    rd_kafka_topic_partition_list_destroy(ask);
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

    atomic_store(&in->watch.joining, false); /* the library waits for us: the join is over */
    if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        for (int i = 0; i < list->cnt; i++)
            if (!intake_find(in, list->elems[i].topic, list->elems[i].partition))
                add_part(in, list->elems[i].topic, list->elems[i].partition);
        in->load_us = 0;
        rebalance_load(in, clock_mono_us());
        /* librdkafka waits for an assign call, also when nothing could be loaded yet. */
        if (in->unloaded || !list->cnt) {
            rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(0);

            assign(in, none);
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
