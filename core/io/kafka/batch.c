/*
 * batch: making and freeing what the intake and the publisher hand to each other. What goes into a batch
 * is decided by the intake, what became of it by the publisher; nothing of that is here.
 */
#include "io/kafka/batch.h"

#include <assert.h>

#include "base/mem.h"

size_t batch_many(const struct config *c, size_t most)
{
    size_t of_pool = (size_t)c->pool.max_in_flight / 4 + 1;
    size_t of_part = (size_t)c->pool.max_per_partition / 2 + 1;
    size_t many = of_pool < of_part ? of_pool : of_part;

    return many < most ? many : most;
}

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
