/*
 * range: what happens when offsets are not what they were: records that a broker dropped before they
 * were read are counted and reported, and a partition whose offsets begin below where we stood (its
 * topic was deleted and made anew, or its log was cut) starts over with an empty ledger, because records
 * would be taken for old ones otherwise.
 */
#include "io/kafka/range.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "io/kafka/adopt.h"
#include "io/kafka/delay.h"

/* Where librdkafka is to read this part from. */
static int64_t read_from(const struct kafka_part *p, const struct kafka_part *gone)
{
    if (p == gone)
        return RD_KAFKA_OFFSET_BEGINNING;
    return p->next >= 0 ? p->next : p->start;
}

/*
 * After such an error the library has stopped fetching the partition for good, and refuses to seek in it;
 * giving it a new assignment is the way. Under the eager protocol that is one for all partitions.
 */
static rd_kafka_resp_err_t assign_again(struct kafka_intake *in, const struct kafka_part *gone)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    bool eager = rebalance_is_eager(in);
    rd_kafka_error_t *error = NULL;
    rd_kafka_resp_err_t err = 0;

    for (size_t i = 0; i < in->nparts; i++) {
        struct kafka_part *p = in->parts[i];

        if (!p->live || (!eager && p != gone))
            continue;
        intake_tell(in, p, false);
        rd_kafka_topic_partition_list_add(list, p->topic, p->partition)->offset =
            read_from(p, gone);
    }
    if (eager) {
        err = rd_kafka_assign(in->client.rk, list);
    } else {
        error = rd_kafka_incremental_unassign(in->client.rk, list);
        if (!error)
            error = rd_kafka_incremental_assign(in->client.rk, list);
        err = error ? rd_kafka_error_code(error) : 0;
    }
    rd_kafka_error_destroy(error);
    rd_kafka_topic_partition_list_destroy(list);
    for (size_t i = 0; i < in->nparts; i++)
        intake_pause(in, in->parts[i], 0, false); /* those that were paused are again */
    return err;
}

void range_gone(struct kafka_intake *in, const rd_kafka_message_t *m)
{
    struct kafka_part *p = intake_find(in, rd_kafka_topic_name(m->rkt), m->partition);
    rd_kafka_resp_err_t err;
    char msg[200];

    if (!p || !p->live)
        return;
    p->gap = true;
    err = assign_again(in, p);
    log_error("position is gone, reading on from the oldest record",
              "topic=%s partition=%d position=%lld", p->topic, (int)p->partition,
              (long long)p->next);
    if (!err)
        return;
    snprintf(msg, sizeof msg, "partition %d of %s cannot be read on: %s", (int)p->partition,
             p->topic, rd_kafka_err2name(err));
    kafka_fatal_raise(in->setup.fatal, msg);
}

/* The new part takes the place of the old one, whose calls go on but answer nothing here. */
static struct kafka_part *start_over(struct kafka_intake *in, struct kafka_part *old)
{
    struct kafka_part *p = part_new(old->topic, old->partition);

    log_error(
        "the partition begins anew below the position: its topic was made anew or its log cut",
        "topic=%s partition=%d position=%lld", old->topic, (int)old->partition,
        (long long)old->next);
    p->priority = old->priority;
    p->above = old->above;
    p->stock = old->stock;
    p->live = old->live;
    p->paused = old->paused;
    p->told = old->told;
    p->crash_log = old->crash_log;
    delay_mark(in, p);
    memcpy(p->id_scope, old->id_scope, sizeof p->id_scope);
    memcpy(p->owner, old->owner, sizeof p->owner);
    p->owner_len = old->owner_len;
    p->prefix_len = old->prefix_len;
    for (size_t i = 0; i < old->prefix_len; i++)
        p->prefix[i] = old->prefix[i];
    for (size_t i = 0; i < in->nparts; i++)
        if (in->parts[i] == old)
            in->parts[i] = p;
    intake_retire(in, old, false);
    return p;
}

struct kafka_part *range_check(struct kafka_intake *in, struct kafka_part *p, int64_t offset)
{
    if (p->gap && offset < p->next)
        return start_over(in, p);
    /* A gap is ordinary on a real broker (compaction, transaction markers) unless it said that the
     * position is gone. */
    if (p->next >= 0 && offset > p->next && (in->setup.embedded || p->gap)) {
        atomic_fetch_add(&in->lost, (unsigned long long)(offset - p->next));
        log_error("RECORDS WERE LOST: the broker dropped them before they were read",
                  "topic=%s partition=%d from=%lld to=%lld count=%lld hint=\"%s\"", p->topic,
                  (int)p->partition, (long long)p->next, (long long)offset - 1,
                  (long long)(offset - p->next),
                  in->setup.embedded ? "the embedded broker keeps 5 MiB a partition: use enqueue, "
                                       "which waits, or a real Kafka"
                                     : "raise the topic's retention");
    }
    p->gap = false;
    return p;
}
