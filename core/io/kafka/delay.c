/*
 * delay: all records wait there for the same time, so that a partition of the delay topic is in the order in which
 * they are due, and only its head has to be looked at. What is not due for a while is not read: the partition is
 * paused, with no more of it in memory than what is due soon. It never waits itself, and publishes nothing.
 *
 * A record that another group has parked is finished without a reply: it is that group's to answer. One without our
 * header is a request like any other.
 */
#include "io/kafka/delay.h"

#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/kafka/guard.h"
#include "policy/park.h"

/* A pause costs up to a second of fetching again: so much is read ahead, in time and in records of a partition, and
 * it goes on at half of that. */
#define AHEAD_US  (2 * 1000000LL)
#define AHEAD_MAX 256
#define REST_US   (10 * 1000000LL) /* without parking, when the topic has refused it */

void delay_mark(const struct kafka_intake *in, struct kafka_part *p)
{
    const char *delay = in->setup.config->topics.delay;

    /* An embedded broker drops what it has no room for. */
    p->parks = *delay && !in->setup.embedded;
    p->delay = p->parks && strcmp(p->topic, delay) == 0;
    if (!p->delay)
        return;
    /* fed like the lowest topic; its tasks have the priority of theirs */
    p->above = config_priorities_above(in->setup.config, -1) - 1;
    p->stock = STOCK_DELAY;
}

static bool read_header(const rd_kafka_message_t *m, struct parked *ret)
{
    rd_kafka_headers_t *hs;
    const void *value;
    size_t len;

    return !rd_kafka_message_headers(m, &hs) &&
           !rd_kafka_header_get_last(hs, PARKED_HEADER, &value, &len) &&
           parked_parse(value, len, ret) == 0;
}

void delay_take(struct kafka_intake *in, struct kafka_part *p, const rd_kafka_message_t *m,
                struct task *t)
{
    int64_t park_for_ms = in->setup.config->pool.park_for_ms;
    int64_t due_ms = park_due_ms(t->record_ms, t->received_wall_ms, park_for_ms);
    struct parked parked;

    if (!read_header(m, &parked))
        return;
    if (memcmp(parked.owner, p->owner, sizeof p->owner) != 0) {
        t->silent = true;
        return;
    }
    t->not_before_us = t->received_us + (due_ms - t->received_wall_ms) * 1000;
    p->due_us = t->not_before_us;
    t->topic_priority = config_topic_priority(in->setup.config, parked.topic);
    t->record_ms = parked.record_ms;
    t->attempts_used = parked.attempts;
    if (parked.received_ms > t->received_wall_ms) /* another clock */
        parked.received_ms = t->received_wall_ms;
    t->waited_us = (t->received_wall_ms - parked.received_ms) * 1000;
    part_scope_of(p, parked.topic, t->id_scope);
    t->parked = mem_dup(&parked, sizeof parked);
    if (p->due_us > t->received_us + (p->nheld < AHEAD_MAX ? AHEAD_US : 0))
        intake_pause(in, p, PAUSE_DUE, true);
}

static bool may_read_on(const struct kafka_part *p, int64_t now_us)
{
    return p->due_us <= now_us || (p->due_us <= now_us + AHEAD_US / 2 && p->nheld < AHEAD_MAX / 2);
}

static void adjust_excess(const struct kafka_intake *in, struct kafka_part *p, int64_t now_us)
{
    const struct config *c = in->setup.config;
    int64_t share = c->pool.max_in_flight / (int64_t)in->nparts;
    struct park_window w;

    if (!p->parks || !p->ledger)
        return;
    w = (struct park_window){
        .open = (int64_t)ledger_open(p->ledger),
        .leaving = atomic_load(&p->outbox),
        .open_max = share < c->pool.max_per_partition ? share : c->pool.max_per_partition,
        .span = ledger_window(p->ledger),
        .span_max = c->pool.max_per_partition * WINDOW_FACTOR,
        .map = (int64_t)p->map_len,
        .map_max = (int64_t)(in->map_max * 3 / 4),
    };
    atomic_store(&p->excess, now_us < in->park_us ? 0 : park_excess(&w));
}

void delay_adjust(struct kafka_intake *in, int64_t now_us)
{
    for (size_t i = 0; i < in->nparts; i++) {
        struct kafka_part *p = in->parts[i];

        adjust_excess(in, p, now_us);
        if ((p->paused & PAUSE_DUE) && may_read_on(p, now_us))
            intake_pause(in, p, PAUSE_DUE, false);
    }
}

void delay_refused(struct kafka_intake *in, struct task *t)
{
    struct kafka_part *p = t->source_data;
    struct task *again;

    part_ended(p, t);
    again = part_task_again(t);
    in->park_us = again->received_us + REST_US;
    guard_begin(in, p, again);
    list_push(&in->got, &again->node);
    in->ngot++;
    if (intake_may_say(&in->said_park_us))
        log_warn("requests cannot be parked, they wait where they are",
                 "topic=%s partition=%" PRId32 " offset=%" PRId64 " hint=\"%s\"",
                 in->setup.config->topics.delay, p->partition, again->origin.offset,
                 "sluice topics create makes topics.delay; it has to take records as large as the "
                 "requests");
}
