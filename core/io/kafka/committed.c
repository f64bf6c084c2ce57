/*
 * committed: a ListConsumerGroupOffsets request with a queue of its own. It judges nothing but whether the
 * answer is one to the question.
 */
#include "io/kafka/committed.h"

#include <stdbool.h>
#include <sysexits.h>

#include "base/mem.h"

struct committed_question {
    rd_kafka_queue_t *queue;
    rd_kafka_topic_partition_list_t *parts;
};

static struct committed_question *refuse(rd_kafka_AdminOptions_t *options, const char *why,
                                         struct err *e)
{
    err_set(e, EX_SOFTWARE, "committed offsets: %s", why);
    rd_kafka_AdminOptions_destroy(options);
    return NULL;
}

struct committed_question *committed_ask(rd_kafka_t *rk, const char *group,
                                         const rd_kafka_topic_partition_list_t *parts,
                                         int timeout_ms, struct err *e)
{
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
    rd_kafka_error_t *error = rd_kafka_AdminOptions_set_require_stable_offsets(options, 1);
    rd_kafka_ListConsumerGroupOffsets_t *request;
    struct committed_question *q;
    char why[200];

    if (error) {
        refuse(options, rd_kafka_error_string(error), e);
        rd_kafka_error_destroy(error);
        return NULL;
    }
    if (rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, why, sizeof why))
        return refuse(options, why, e);
    q = mem_alloc(sizeof *q);
    q->queue = rd_kafka_queue_new(rk);
    q->parts = rd_kafka_topic_partition_list_copy(parts);
    request = rd_kafka_ListConsumerGroupOffsets_new(group, parts);
    rd_kafka_ListConsumerGroupOffsets(rk, &request, 1, options, q->queue);
    rd_kafka_ListConsumerGroupOffsets_destroy(request);
    rd_kafka_AdminOptions_destroy(options);
    return q;
}

static int later(struct err *e, const char *why)
{
    err_set(e, EX_UNAVAILABLE, "%s", why);
    return COMMITTED_LATER;
}

/* A partition that is left out must not be taken for one in which nothing is committed. */
static bool tells_of_all(const rd_kafka_topic_partition_list_t *told,
                         const rd_kafka_topic_partition_list_t *asked)
{
    for (int i = 0; i < asked->cnt; i++)
        if (!rd_kafka_topic_partition_list_find(told, asked->elems[i].topic,
                                                asked->elems[i].partition))
            return false;
    return true;
}

static int read_event(const struct committed_question *q, rd_kafka_event_t *event,
                      rd_kafka_topic_partition_list_t **ret, struct err *e)
{
    const rd_kafka_group_result_t **groups;
    const rd_kafka_topic_partition_list_t *told;
    const rd_kafka_error_t *error;
    size_t n = 0;

    if (rd_kafka_event_error(event))
        return later(e, rd_kafka_event_error_string(event));
    groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
        rd_kafka_event_ListConsumerGroupOffsets_result(event), &n);
    if (n != 1)
        return later(e, "the answer is about another group");
    if ((error = rd_kafka_group_result_error(groups[0])))
        return later(e, rd_kafka_error_string(error));
    told = rd_kafka_group_result_partitions(groups[0]);
    if (!told || !tells_of_all(told, q->parts))
        return later(e, "the answer leaves partitions out");
    *ret = rd_kafka_topic_partition_list_copy(told);
    return COMMITTED_KNOWN;
}

int committed_answer(struct committed_question *q, int wait_ms,
                     rd_kafka_topic_partition_list_t **ret, struct err *e)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(q->queue, wait_ms);
    int r;

    if (!event)
        return COMMITTED_WAIT;
    r = read_event(q, event, ret, e);
    rd_kafka_event_destroy(event);
    return r;
}

struct committed_question *committed_free(struct committed_question *q)
{
    if (!q)
        return NULL;
    rd_kafka_queue_destroy(q->queue);
    rd_kafka_topic_partition_list_destroy(q->parts);
    free(q);
    return NULL;
}
