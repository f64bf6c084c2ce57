/*
 * doubt: asks for committed offsets by the producer's own handle, since the consumer belongs to another
 * thread, and finds each outcome in them. What cannot be read there counts as
 * not published: a reply that comes twice is the lesser evil than one that never comes, and the log says so.
 */
#include "io/kafka/doubt.h"

#include <assert.h>
#include <string.h>
#include <sysexits.h>

#include "base/log.h"
#include "io/kafka/committed.h"
#include "policy/batch.h"
#include "task/task.h"

#define SLACK_MS 1000 /* the library answers at the end of its own time */

/* Is every partition told without an error? An undecided transaction is one. */
static int check(const rd_kafka_topic_partition_list_t *told, struct err *e)
{
    for (int i = 0; i < told->cnt; i++)
        if (told->elems[i].err) {
            err_set(e, EX_UNAVAILABLE, "%s", rd_kafka_err2str(told->elems[i].err));
            return DOUBT_LATER;
        }
    return DOUBT_ANSWERED;
}

int doubt_ask(rd_kafka_t *rk, const char *group, const rd_kafka_topic_partition_list_t *touched,
              int timeout_ms, rd_kafka_topic_partition_list_t **ret_committed, struct err *e)
{
    struct committed_question *q = committed_ask(rk, group, touched, timeout_ms, e);
    rd_kafka_topic_partition_list_t *told = NULL;
    int r = DOUBT_LATER;

    if (!q)
        return DOUBT_LATER;
    switch (committed_answer(q, timeout_ms + SLACK_MS, &told, e)) {
    case COMMITTED_KNOWN:
        r = check(told, e);
        break;
    case COMMITTED_WAIT:
        err_set(e, EX_UNAVAILABLE, "no answer");
        break;
    case COMMITTED_LATER:
        break;
    }
    committed_free(q);
    if (r == DOUBT_ANSWERED)
        *ret_committed = told;
    else if (told)
        rd_kafka_topic_partition_list_destroy(told);
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
