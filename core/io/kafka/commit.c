/*
 * commit: tells the broker what is finished: for each touched partition the lowest open offset and the
 * map of what is done above it. One commit is under way at a time; when it is known to have worked, the
 * journal entries it covers may go. Never decides what is finished: the ledger does.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/kafka/intake.h"
#include "policy/map.h"

#define COMMIT_EVERY_US (250 * 1000LL)
#define COMMIT_HOLD_US  (1500 * 1000LL) /* after an error: the group may be rebalancing */

static void add_part(struct kafka_intake *in, struct kafka_part *p,
                     rd_kafka_topic_partition_list_t *list)
{
    struct map_scope scope = {in->group, p->topic, p->partition};
    struct buf map = BUF_INIT(METADATA_MAX);
    rd_kafka_topic_partition_t *tp =
        rd_kafka_topic_partition_list_add(list, p->topic, p->partition);
    int64_t base = ledger_base(p->ledger);
    int r = map_encode(&scope, p->ledger, NULL, NULL, in->map_max, &map, &base);

    if (map.len > in->map_sent)
        in->map_sent = map.len;
    pause_map(in, p, map.len, r == MAP_TOO_LARGE);
    p->flying_map = r == MAP_GOOD;
    p->flying_base = r == MAP_GOOD ? base : ledger_base(p->ledger);
    tp->offset = p->flying_base;
    if (p->flying_map && map.len) {
        tp->metadata_size = map.len;
        tp->metadata = buf_steal(&map, NULL); /* the list frees it */
    }
    buf_done(&map);
    offsets_move(&p->flying, &p->acked);
    p->dirty = false;
    in->committing[in->ncommitting++] = part_ref(p);
}

/* The journal entries that the commit covers may go; without a map those above the base stay. */
static void forget(struct kafka_intake *in, struct kafka_part *p)
{
    uint8_t key[JOURNAL_KEY_MAX];
    size_t len;

    for (size_t i = 0; i < p->flying.count; i++) {
        int64_t offset = p->flying.at[i];

        if (offset >= p->flying_base && !p->flying_map) {
            offsets_push(&p->acked, offset);
            continue;
        }
        if (!in->setup.committed)
            continue;
        part_journal_key(p, offset, key, &len);
        in->setup.committed(in->setup.arg, key, len);
    }
    p->flying.count = 0;
}

/* Found by name: librdkafka sorts the list that it was given. */
static rd_kafka_resp_err_t error_of(const rd_kafka_topic_partition_list_t *list,
                                    const struct kafka_part *p)
{
    const rd_kafka_topic_partition_t *tp =
        list ? rd_kafka_topic_partition_list_find(list, p->topic, p->partition) : NULL;

    return tp ? tp->err : RD_KAFKA_RESP_ERR__NO_OFFSET;
}

static void on_commit(rd_kafka_t *rk, rd_kafka_resp_err_t err,
                      rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct kafka_intake *in = opaque;
    rd_kafka_resp_err_t worst = err;

    (void)rk;
    for (size_t i = 0; i < in->ncommitting; i++) {
        struct kafka_part *p = in->committing[i];
        rd_kafka_resp_err_t own = err ? err : error_of(list, p);

        if (!own) {
            forget(in, p);
        } else {
            worst = own;
            offsets_move(&p->acked, &p->flying);
            p->dirty = true;
        }
        part_unref(p);
    }
    in->ncommitting = 0;
    free(STEAL(in->committing));
    if (!worst) {
        atomic_fetch_add(&in->commits, 1);
        return;
    }
    atomic_fetch_add(&in->commit_errors, 1);
    in->commit_us = clock_mono_us() + COMMIT_HOLD_US;
    if (worst == RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE)
        pause_shrink_map(in);
    else if (intake_may_say(&in->said_commit_us))
        log_warn("commit failed, it is repeated", "error=%s", rd_kafka_err2name(worst));
}

static void start(struct kafka_intake *in)
{
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_resp_err_t err;
    size_t dirty = 0;

    for (size_t i = 0; i < in->nparts; i++)
        dirty += in->parts[i]->dirty && in->parts[i]->ledger;
    /* Sent while a join is under way, a commit can cost the whole assignment (group.h). */
    if (!dirty || in->ncommitting || atomic_load(&in->watch.joining))
        return;
    list = rd_kafka_topic_partition_list_new((int)dirty);
    in->map_sent = 0;
    in->committing = mem_array(dirty, sizeof(struct kafka_part *));
    for (size_t i = 0; i < in->nparts; i++)
        if (in->parts[i]->dirty && in->parts[i]->ledger)
            add_part(in, in->parts[i], list);
    err = rd_kafka_commit_queue(in->client.rk, list, in->commit_queue, on_commit, in);
    if (err)
        on_commit(in->client.rk, err, NULL, in);
    rd_kafka_topic_partition_list_destroy(list);
}

static void serve(struct kafka_intake *in, int timeout_ms)
{
    rd_kafka_queue_poll_callback(in->commit_queue, timeout_ms);
}

void commit_tick(struct kafka_intake *in, int64_t now_us)
{
    serve(in, 0);
    if (now_us < in->commit_us)
        return;
    in->commit_us = now_us + COMMIT_EVERY_US;
    start(in);
}

void commit_wait(struct kafka_intake *in, int64_t timeout_ms)
{
    int64_t until_us = clock_mono_us() + timeout_ms * 1000;

    while (in->ncommitting && clock_mono_us() < until_us)
        serve(in, 20);
    start(in);
    while (in->ncommitting && clock_mono_us() < until_us)
        serve(in, 20);
}

bool commit_pending(const struct kafka_intake *in)
{
    for (size_t i = 0; i < in->nparts; i++)
        if (in->parts[i]->dirty && in->parts[i]->ledger)
            return true;
    return in->ncommitting > 0;
}
