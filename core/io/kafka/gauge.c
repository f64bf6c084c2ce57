/*
 * gauge: how the partitions stand, once a second, for those who watch: it reads the ledgers and what the client
 * knows of the ends of the partitions, and changes neither.
 */
#include "io/kafka/intake.h"

#define EVERY_US 1000000

/* Records that are in the broker and were not read, as of the last fetch; -1: not known. */
static int64_t unread(const struct kafka_intake *in, const struct kafka_part *p)
{
    int64_t next = p->next >= 0 ? p->next : p->start;
    int64_t low = 0;
    int64_t high = 0;

    if (!p->live || next < 0 ||
        rd_kafka_get_watermark_offsets(in->client.rk, p->topic, p->partition, &low, &high) ||
        high < 0)
        return -1;
    if (next < low)
        next = low;
    return high > next ? high - next : 0;
}

static void add(struct kafka_gauges *g, const struct kafka_intake *in, const struct kafka_part *p)
{
    int64_t n = unread(in, p);

    if (p->delay) {
        g->parked += (n > 0 ? n : 0) + (int64_t)p->nheld;
    } else {
        if (n >= 0)
            g->unread = g->unread < 0 ? n : g->unread + n;
        g->paused += p->told;
    }
    if ((int64_t)p->map_len > g->map_bytes)
        g->map_bytes = (int64_t)p->map_len;
    if (!p->ledger)
        return;
    if (ledger_window(p->ledger) > g->window)
        g->window = ledger_window(p->ledger);
    if (ledger_head_since(p->ledger) < g->head_since_us)
        g->head_since_us = ledger_head_since(p->ledger);
}

void gauge_tick(struct kafka_intake *in, int64_t now_us)
{
    struct kafka_gauges g = {.unread = in->nparts ? -1 : 0, .head_since_us = INT64_MAX};

    if (now_us < in->gauges_us)
        return;
    in->gauges_us = now_us + EVERY_US;
    for (size_t i = 0; i < in->nparts; i++)
        add(&g, in, in->parts[i]);
    g.stock = pause_stocked(in);
    pthread_mutex_lock(&in->gauges_lock);
    in->gauges = g;
    pthread_mutex_unlock(&in->gauges_lock);
}
