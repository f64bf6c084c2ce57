/*
 * pause: when partitions are not read. Reasons are kept as bits in the part, and librdkafka is told on
 * transitions only: resuming a partition that is not paused can rewind it (librdkafka before 2.4).
 */
#include "io/kafka/intake.h"

#define STOCK_BYTES (32LL << 20)

void intake_tell(struct kafka_intake *in, struct kafka_part *p, bool pause)
{
    rd_kafka_topic_partition_list_t *one;
    rd_kafka_resp_err_t err;

    if (!p->live || p->told == pause)
        return;
    one = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(one, p->topic, p->partition);
    err = pause ? rd_kafka_pause_partitions(in->client.rk, one)
                : rd_kafka_resume_partitions(in->client.rk, one);
    if (!err && !one->elems[0].err)
        p->told = pause; /* else the next look at the reasons tries again */
    rd_kafka_topic_partition_list_destroy(one);
}

void intake_pause(struct kafka_intake *in, struct kafka_part *p, unsigned reason, bool on)
{
    p->paused = on ? p->paused | reason : p->paused & ~reason;
    intake_tell(in, p, p->paused != 0);
}

void intake_pause_all(struct kafka_intake *in, unsigned reason, bool on)
{
    for (size_t i = 0; i < in->nparts; i++)
        intake_pause(in, in->parts[i], reason, on);
}

/*
 * How many records may wait here for the pool: of one partition, and of all. Never few, however small the
 * pool is: the client takes up to a second to fetch again after a pause, and the stock has to last for it.
 */
size_t pause_part_high(const struct kafka_intake *in)
{
    size_t half = (size_t)in->setup.config->pool.max_per_partition / 2;

    return half < 500 ? 500 : half > 1000 ? 1000 : half;
}

static int64_t stock_high(const struct kafka_intake *in)
{
    int64_t half = in->setup.config->pool.max_in_flight / 2;

    return half < 1000 ? 1000 : half > 4096 ? 4096 : half;
}

bool pause_stock_full(const struct kafka_intake *in)
{
    return in->stock >= stock_high(in) || in->stock_bytes >= STOCK_BYTES;
}

void pause_adjust(struct kafka_intake *in)
{
    size_t open = 0;

    if (!in->pool_full && pause_stock_full(in)) {
        in->pool_full = true;
        intake_pause_all(in, PAUSE_POOL, true);
    } else if (in->pool_full && in->stock <= stock_high(in) / 2 &&
               in->stock_bytes <= STOCK_BYTES / 2) {
        in->pool_full = false;
        intake_pause_all(in, PAUSE_POOL, false);
    }
    for (size_t i = 0; i < in->nparts; i++) {
        struct kafka_part *p = in->parts[i];

        open += p->ledger ? ledger_open(p->ledger) : 0;
        if (p->nheld <= pause_part_high(in) / 2)
            intake_pause(in, p, PAUSE_LEDGER, false);
    }
    atomic_store(&in->open, (long long)open);
    if (atomic_load(&in->stop)) {
        intake_pause_all(in, PAUSE_STOP, true);
        atomic_store(&in->stopped, true);
    }
}
