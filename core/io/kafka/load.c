/*
 * load: what the group has committed in the partitions that were assigned: offset and map, which become the
 * ledger. Only a loaded part is handed to librdkafka, with an explicit position. The question is asked without
 * waiting for the answer: a coordinator that is slow, or a transaction of the last owner that is not decided
 * yet, delays that partition and nothing else.
 *
 * An answer counts only for the assignment it was asked in: between two of them another owner may have
 * committed, so that every rebalance asks anew.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "io/kafka/committed.h"
#include "io/kafka/intake.h"
#include "policy/map.h"

#define LOAD_MS       2000 /* for one question */
#define LOAD_AGAIN_US (100 * 1000LL)

/* Embedded: asks for the partitions of every request topic. */
static void assign_all(struct kafka_intake *in)
{
    const struct string_list *topics = &in->topics;

    for (size_t t = 0; t < topics->count; t++) {
        const struct rd_kafka_metadata *md;
        rd_kafka_topic_t *rkt = rd_kafka_topic_new(in->client.rk, topics->at[t], NULL);
        rd_kafka_resp_err_t err = rd_kafka_metadata(in->client.rk, 0, rkt, &md, LOAD_MS);

        rd_kafka_topic_destroy(rkt);
        if (err)
            return;
        for (int i = 0; i < md->topics[0].partition_cnt; i++)
            if (!intake_find(in, topics->at[t], i))
                rebalance_add_part(in, topics->at[t], i);
        rd_kafka_metadata_destroy(md);
    }
    in->assigned_all = true;
    atomic_store(&in->member, true);
}

/* For keep(): arg is the ledger as it was loaded. */
static bool is_open(void *arg, const uint8_t *key, size_t len)
{
    int64_t offset = part_key_offset(key, len);

    return offset >= 0 && !ledger_is_done(arg, offset);
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

/* Where to begin without a committed offset: the user's auto.offset.reset is for this only, and never for what
 * we have parked ourselves. */
static int64_t first_start(const struct kafka_intake *in, const struct kafka_part *p)
{
    const char *reset = kafka_consumer_property(in->setup.config, "auto.offset.reset");

    if (!p->delay && reset &&
        (strcmp(reset, "latest") == 0 || strcmp(reset, "end") == 0 ||
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
        p->start = first_start(in, p);
        p->next = in->setup.embedded && p->start == RD_KAFKA_OFFSET_BEGINNING ? 0 : -1;
        return;
    }
    p->start = tp->offset;
    p->next = tp->offset;
    p->ledger = load_ledger(in, tp);
    if (in->setup.assigned) /* what is committed needs no journal */
        in->setup.assigned(in->setup.arg, p->prefix, p->prefix_len, is_open, p->ledger);
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
    good = rebalance_assign(in, list);
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
        if (pause_stock_of(in, in->parts[i])->full)
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

static void ask(struct kafka_intake *in)
{
    rd_kafka_topic_partition_list_t *parts = rd_kafka_topic_partition_list_new(16);
    struct err e = {0};

    for (size_t i = 0; i < in->nparts; i++)
        if (!in->parts[i]->live)
            rd_kafka_topic_partition_list_add(parts, in->parts[i]->topic, in->parts[i]->partition);
    in->unloaded = parts->cnt > 0; /* those that waited may have gone */
    if (in->unloaded)
        in->question = committed_ask(in->client.rk, in->group, parts, LOAD_MS, &e);
    if (in->unloaded && !in->question)
        kafka_fatal_raise(in->setup.fatal, e.msg);
    rd_kafka_topic_partition_list_destroy(parts);
}

static void say_later(struct kafka_intake *in, const char *why)
{
    char text[400];

    if (intake_may_say(&in->said_load_us))
        log_warn("committed offsets are not known yet, asking again", "text=%s",
                 log_quote(why, text, sizeof text));
}

/* Leaves in the list what can be made live: under the eager protocol all of it or nothing. */
static void keep_good(struct kafka_intake *in, rd_kafka_topic_partition_list_t *told)
{
    int asked = told->cnt;

    for (int i = asked - 1; i >= 0; i--) {
        if (!told->elems[i].err)
            continue;
        say_later(in, rd_kafka_err2str(told->elems[i].err));
        rd_kafka_topic_partition_list_del_by_idx(told, i);
    }
    in->unloaded = told->cnt < asked;
    while (in->unloaded && rebalance_is_eager(in) && told->cnt)
        rd_kafka_topic_partition_list_del_by_idx(told, 0);
}

static void take_answer(struct kafka_intake *in, int wait_ms)
{
    rd_kafka_topic_partition_list_t *told = NULL;
    struct err e = {0};
    int r = committed_answer(in->question, wait_ms, &told, &e);

    if (r == COMMITTED_WAIT)
        return;
    in->question = committed_free(in->question);
    if (r == COMMITTED_LATER) {
        say_later(in, e.msg);
        return;
    }
    keep_good(in, told);
    if (told->cnt)
        make_live(in, told);
    rd_kafka_topic_partition_list_destroy(told);
    atomic_store(&in->partitions, (long long)in->nparts);
}

void load_anew(struct kafka_intake *in)
{
    in->question = committed_free(in->question);
    in->load_us = 0;
}

void load_wait(struct kafka_intake *in, int wait_ms)
{
    if (in->question)
        take_answer(in, wait_ms);
}

void load_tick(struct kafka_intake *in, int64_t now_us)
{
    if (in->question) {
        take_answer(in, 0);
        return;
    }
    if (now_us < in->load_us)
        return;
    if (in->setup.embedded && !in->assigned_all)
        assign_all(in);
    if (!in->unloaded)
        return;
    in->load_us = now_us + LOAD_AGAIN_US;
    if (learn_cluster_id(in))
        ask(in);
}
