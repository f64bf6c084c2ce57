/*
 * pause: when partitions are not read. Reasons are kept as bits in the part, and librdkafka is told on
 * transitions only: resuming a partition that is not paused can rewind it (librdkafka before 2.4).
 */
#include "base/log.h"
#include "base/mem.h"
#include "io/kafka/intake.h"

#define STOCK_BYTES (32LL << 20)
#define STOCK_LEAST 2000
#define STOCK_MOST  20000
#define PART_LEAST  500
#define PART_MOST   4000
#define MAP_LEAST   64 /* shorter maps say too little to be worth a refusal */

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
 * How many records may wait here for the pool, of one partition. Many, however small the pool is: the client takes
 * up to a second to fetch again after a pause, and the stock has to last for it.
 */
size_t pause_part_high(const struct kafka_intake *in)
{
    size_t share = in->nparts ? STOCK_MOST / in->nparts : PART_MOST;

    return share < PART_LEAST ? PART_LEAST : share > PART_MOST ? PART_MOST : share;
}

/*
 * Each priority has a stock, and the delay topic has: what waits there fills up only its own, and pauses only its
 * own partitions. The bytes are divided by those in use.
 *
 * Enough records for each partition to have its share: they come in runs of one partition, so that a smaller stock
 * would be filled by a few of them while the others wait, for tens of seconds in a slow pool.
 */
static void size_stocks(struct kafka_intake *in)
{
    int64_t parts[STOCKS] = {0};
    int64_t used = 0;

    for (size_t i = 0; i < in->nparts; i++)
        used += parts[in->parts[i]->stock]++ == 0;
    for (int i = 0; i < STOCKS; i++) {
        int64_t all = parts[i] * (int64_t)pause_part_high(in);

        in->stock[i].tasks_max = all < STOCK_LEAST  ? STOCK_LEAST
                                 : all > STOCK_MOST ? STOCK_MOST
                                                    : all;
        in->stock[i].bytes_max = used ? STOCK_BYTES / used : STOCK_BYTES;
    }
}

struct intake_stock *pause_stock_of(struct kafka_intake *in, const struct kafka_part *p)
{
    return &in->stock[p->stock];
}

int64_t pause_stocked(const struct kafka_intake *in)
{
    int64_t n = 0;

    for (int i = 0; i < STOCKS; i++)
        n += in->stock[i].tasks;
    return n;
}

static bool is_full(const struct intake_stock *s)
{
    return s->tasks >= s->tasks_max || s->bytes >= s->bytes_max;
}

bool pause_is_due(const struct kafka_intake *in)
{
    bool due = false;

    for (size_t i = 0; i < ARRAY_LEN(in->stock); i++)
        due |= !in->stock[i].full && is_full(&in->stock[i]);
    return due;
}

static void adjust_stock(struct kafka_intake *in, struct intake_stock *s)
{
    bool was = s->full;

    if (!was)
        s->full = is_full(s);
    else if (s->tasks <= s->tasks_max / 2 && s->bytes <= s->bytes_max / 2)
        s->full = false;
    for (size_t i = 0; s->full != was && i < in->nparts; i++)
        if (pause_stock_of(in, in->parts[i]) == s)
            intake_pause(in, in->parts[i], PAUSE_POOL, s->full);
}

/* A partition pauses at three quarters of what the metadata holds, and goes on at half of that. A broker that
 * takes no map at all does not set the pace: the journal answers what comes again. Records that a loaded map has
 * left open make it shorter: they are read in any case. */
void pause_map(struct kafka_intake *in, struct kafka_part *p, size_t len, bool too_large)
{
    size_t high = in->map_max * 3 / 4;
    bool full;

    p->map_len = len;
    if (p->paused & PAUSE_MAP)
        high /= 2;
    full = in->map_max > 0 && (too_large || len > high);
    intake_pause(in, p, PAUSE_MAP, full && !ledger_has_holes(p->ledger));
}

/* The broker takes less metadata than Kafka does by default. In at_least_once, records done out of order
 * are read again after a crash then, and answered from the journal; in exactly_once they wait for the head of
 * their partition. */
void pause_shrink_map(struct kafka_intake *in)
{
    in->map_max = in->map_sent > MAP_LEAST ? in->map_sent / 2 : 0;
    log_warn("the broker refuses the map of what is done: a smaller one is sent",
             "bytes=%zu hint=\"raise offset.metadata.max.bytes of the broker to %d\"", in->map_max,
             METADATA_MAX);
}

void pause_adjust(struct kafka_intake *in)
{
    size_t open = 0;

    size_stocks(in);
    for (size_t i = 0; i < ARRAY_LEN(in->stock); i++)
        adjust_stock(in, &in->stock[i]);
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
