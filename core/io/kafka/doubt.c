/*
 * doubt: asks for committed offsets by the admin interface of the producer's own handle, since the
 * consumer belongs to another thread, and finds each outcome in them. What cannot be read there counts as
 * not published: a reply that comes twice is the lesser evil than one that never comes, and the log says so.
 */
#include "io/kafka/doubt.h"

#include <assert.h>
#include <string.h>
#include <sysexits.h>

#include "base/log.h"
#include "policy/batch.h"
#include "task/task.h"

#define SLACK_MS 1000 /* the library answers at the end of its own time */

static int later(struct err *e, const char *why)
{
    err_set(e, EX_UNAVAILABLE, "%s", why);
    return DOUBT_LATER;
}

/* A partition that is left out must not be taken for one in which nothing is committed. */
static bool tells_of_all(const rd_kafka_topic_partition_list_t *parts,
                         const rd_kafka_topic_partition_list_t *touched)
{
    for (int i = 0; i < touched->cnt; i++)
        if (!rd_kafka_topic_partition_list_find(parts, touched->elems[i].topic,
                                                touched->elems[i].partition))
            return false;
    return true;
}

static int read_answer(rd_kafka_event_t *event, const rd_kafka_topic_partition_list_t *touched,
                       rd_kafka_topic_partition_list_t **ret_committed, struct err *e)
{
    const rd_kafka_group_result_t **groups;
    const rd_kafka_topic_partition_list_t *parts;
    const rd_kafka_error_t *error;
    size_t n = 0;

    if (!event)
        return later(e, "no answer");
    if (rd_kafka_event_error(event))
        return later(e, rd_kafka_event_error_string(event));
    groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
        rd_kafka_event_ListConsumerGroupOffsets_result(event), &n);
    if (n != 1)
        return later(e, "the answer is about another group");
    if ((error = rd_kafka_group_result_error(groups[0])))
        return later(e, rd_kafka_error_string(error));
    parts = rd_kafka_group_result_partitions(groups[0]);
    for (int i = 0; parts && i < parts->cnt; i++)
        if (parts->elems[i].err)
            return later(e, rd_kafka_err2str(parts->elems[i].err));
    if (!parts || !tells_of_all(parts, touched))
        return later(e, "the answer leaves partitions out");
    *ret_committed = rd_kafka_topic_partition_list_copy(parts);
    return DOUBT_ANSWERED;
}

int doubt_ask(rd_kafka_t *rk, const char *group, const rd_kafka_topic_partition_list_t *touched,
              int timeout_ms, rd_kafka_topic_partition_list_t **ret_committed, struct err *e)
{
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
    rd_kafka_ListConsumerGroupOffsets_t *question =
        rd_kafka_ListConsumerGroupOffsets_new(group, touched);
    rd_kafka_queue_t *q = rd_kafka_queue_new(rk);
    rd_kafka_error_t *error = rd_kafka_AdminOptions_set_require_stable_offsets(options, 1);
    rd_kafka_event_t *event = NULL;
    char why[200];
    int r;

    if (error) {
        r = later(e, rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
    } else if (rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, why, sizeof why)) {
        r = later(e, why);
    } else {
        rd_kafka_ListConsumerGroupOffsets(rk, &question, 1, options, q);
        event = rd_kafka_queue_poll(q, timeout_ms + SLACK_MS);
        r = read_answer(event, touched, ret_committed, e);
    }
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(q);
    rd_kafka_ListConsumerGroupOffsets_destroy(question);
    rd_kafka_AdminOptions_destroy(options);
    return r;
}

static struct ledger *load(const char *group, const rd_kafka_topic_partition_t *part)
{
    struct map_scope scope = {group, part->topic, part->partition};
    bool broken = false;
    struct ledger *l =
        batch_ledger(&scope, part->offset, part->metadata, part->metadata_size, &broken);

    if (broken)
        log_warn("committed map cannot be read, replies above the offset may be repeated",
                 "topic=%s partition=%d offset=%lld bytes=%zu", part->topic, (int)part->partition,
                 (long long)part->offset, part->metadata_size);
    return l;
}

static bool is_of(const struct task *t, const rd_kafka_topic_partition_t *part)
{
    return t->origin.partition == part->partition && strcmp(t->origin.topic, part->topic) == 0;
}

size_t doubt_sort(const char *group, const rd_kafka_topic_partition_list_t *committed,
                  struct list_node *outcomes, struct list_node *acked, struct list_node *again)
{
    size_t nacked = 0;

    for (int i = 0; i < committed->cnt; i++) {
        struct ledger *l = load(group, &committed->elems[i]);

        for (struct list_node *n = outcomes->next, *next; n != outcomes; n = next) {
            struct task *t = CONTAINER_OF(n, struct task, node);

            next = n->next;
            if (!is_of(t, &committed->elems[i]))
                continue;
            list_remove(n);
            if (batch_is_done(l, t->origin.offset)) {
                list_push(acked, n);
                nacked++;
            } else {
                list_push(again, n);
            }
        }
        ledger_free(l);
    }
    assert(list_empty(outcomes)); /* doubt_ask() has answers for all partitions */
    return nacked;
}
