/*
 * batch: making and freeing what the intake and the publisher hand to each other. What goes into a batch
 * is decided by the intake, what became of it by the publisher; nothing of that is here.
 */
#include "io/kafka/batch.h"

#include <assert.h>

#include "base/mem.h"

struct kafka_batch *batch_new(void)
{
    struct kafka_batch *b = mem_alloc(sizeof *b);

    list_init(&b->outcomes);
    list_init(&b->acked);
    list_init(&b->again);
    list_init(&b->refused);
    return b;
}

struct kafka_batch *batch_free(struct kafka_batch *b)
{
    if (!b)
        return NULL;
    assert(list_empty(&b->outcomes) && list_empty(&b->acked));
    assert(list_empty(&b->again) && list_empty(&b->refused));
    if (b->offsets)
        rd_kafka_topic_partition_list_destroy(b->offsets);
    if (b->group)
        rd_kafka_consumer_group_metadata_destroy(b->group);
    free(b);
    return NULL;
}
