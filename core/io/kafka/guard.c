/*
 * guard: gives the numbers to the policies and carries out what they say. The pool ends the records: as
 * poison before it has looked at them, as cancelled wherever they are.
 */
#include "io/kafka/guard.h"

#include <inttypes.h>

#include "base/log.h"
#include "policy/head.h"

#define LOOK_EVERY_US 1000000

bool guard_may_begin(struct kafka_intake *in, const struct task *t)
{
    if (crash_log_may_begin(in->setup.crash_log, t->journal_key, t->journal_key_len,
                            t->fingerprint))
        return true;
    if (intake_may_say(&in->said_suspects_us))
        log_warn(
            "records that were in flight at several crashes are tried a few at a time, and hold "
            "up those behind them",
            "suspects=%zu topic=%s partition=%" PRId32 " offset=%" PRId64 " hint=\"%s\"",
            crash_log_suspects(in->setup.crash_log), t->origin.topic, t->origin.partition,
            t->origin.offset,
            "if something else ended the worker, stop it by SIGTERM and start it again: that "
            "clears them all");
    return false;
}

void guard_begin(struct kafka_intake *in, struct kafka_part *p, struct task *t)
{
    unsigned crashes = crash_log_begin(in->setup.crash_log, t->journal_key, t->journal_key_len,
                                       t->fingerprint, &t->source_u64);

    list_push(&p->begun, &t->source_node);
    if (crashes == 0 || crashes < in->setup.config->pool.poison_crashes)
        return;
    t->poison = true;
    log_warn("record given up: it was in flight at every one of the last crashes",
             "topic=%s partition=%" PRId32 " offset=%" PRId64 " crashes=%u", p->topic, p->partition,
             t->origin.offset, crashes);
}

static struct task *find_head(const struct kafka_part *p)
{
    int64_t offset = ledger_base(p->ledger);

    for (struct list_node *n = p->begun.next; n != &p->begun; n = n->next) {
        struct task *t = CONTAINER_OF(n, struct task, source_node);

        if (t->origin.offset == offset)
            return t;
    }
    return NULL; /* it was given back and has no task */
}

static bool is_stuck(const struct kafka_intake *in, const struct kafka_part *p, int64_t now_us)
{
    const struct config *c = in->setup.config;
    int64_t since_us = p->ledger ? ledger_head_since(p->ledger) : INT64_MAX;
    struct head_window w;

    if (since_us == INT64_MAX || now_us - since_us < c->pool.head_max_age_ms * 1000)
        return false;
    w = (struct head_window){.span = ledger_window(p->ledger),
                             .span_max = c->pool.max_per_partition * WINDOW_FACTOR,
                             .map_bytes = (int64_t)p->map_len,
                             .map_max = (int64_t)(in->map_max * 3 / 4),
                             .open = (int64_t)ledger_open(p->ledger),
                             .done = ledger_done_above(p->ledger),
                             .head_age_us = now_us - since_us};
    return head_is_stuck(&w, c->pool.head_max_age_ms * 1000);
}

void guard_heads(struct kafka_intake *in, int64_t now_us)
{
    /* At a stop nothing is to come behind a head, and the pool may be gone. */
    if (!in->pool.cancel || atomic_load(&in->stop) || now_us < in->heads_us)
        return;
    in->heads_us = now_us + LOOK_EVERY_US;
    for (size_t i = 0; i < in->nparts; i++) {
        struct kafka_part *p = in->parts[i];
        struct task *t = is_stuck(in, p, now_us) ? find_head(p) : NULL;

        if (!t || atomic_load(&t->cancelled))
            continue;
        log_warn("the oldest record of a partition holds up all others, it is ended",
                 "topic=%s partition=%" PRId32 " offset=%" PRId64 " behind=%" PRId64, p->topic,
                 p->partition, t->origin.offset, ledger_window(p->ledger));
        in->pool.cancel(in->pool.pool, t);
    }
}
