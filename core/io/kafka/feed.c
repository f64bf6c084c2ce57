/*
 * feed: from the stock into the pool, while that has room. A record enters the ledger when it leaves the stock.
 * Intake thread.
 */
#include "base/clock.h"
#include "io/kafka/adopt.h"
#include "io/kafka/guard.h"
#include "io/kafka/intake.h"

#define FEED_CHUNK 16 /* records of one partition before the next has its turn */

/* Of the pool's room that a topic keeps free for each higher priority: one in so many. */
#define KEPT_PART 8

/* When so many records of higher topics went ahead of a lower one, one of its own goes first. */
#define LATE_AFTER 16

/* Opens the record in the ledger; the task goes to the round's list or is dropped. Returns false when the
 * ledger is full, or the record has to wait for others of its kind: it stays with the caller. */
static bool begin(struct kafka_intake *in, struct kafka_part *p, struct task *t)
{
    int64_t max_open = in->setup.config->pool.max_per_partition;

    if (!p->ledger) {
        p->ledger = ledger_new(t->origin.offset, (size_t)max_open, max_open * WINDOW_FACTOR);
        p->dirty = true; /* where the group began is committed at once: "latest" moves on */
    }
    if (!guard_may_begin(in, t))
        return false;
    ledger_set_now(p->ledger, t->received_us);
    switch (ledger_begin(p->ledger, t->origin.offset)) {
    case LEDGER_SEEN:
        atomic_fetch_add(&in->seen, 1);
        part_task_free(t);
        return true;
    case LEDGER_FULL:
        return false;
    default:
        if (adopt_wait(in, p, t))
            return true;
        guard_begin(in, p, t);
        list_push(&in->got, &t->node);
        in->ngot++;
        return true;
    }
}

static void submit(struct kafka_intake *in)
{
    struct list_node good, *n;

    list_init(&good);
    while ((n = list_pop(&in->got))) {
        struct task *t = CONTAINER_OF(n, struct task, node);
        struct kafka_part *p = t->source_data;

        if (atomic_load(&p->owned))
            list_push(&good, n);
        else
            adopt_drop(in, t); /* a rebalance came between; it stays open for the next owner */
    }
    in->ngot = 0;
    if (!list_empty(&good))
        in->pool.submit(in->pool.pool, &good);
}

/* Moves up to `most` tasks of one partition from the stock to the round's list. */
static int64_t feed_part(struct kafka_intake *in, struct kafka_part *p, int64_t most)
{
    int64_t now_us = p->delay ? clock_mono_us() : 0;
    struct intake_stock *stock = pause_stock_of(in, p);
    int64_t n = 0;

    if (p->paused & PAUSE_MAP)
        return 0;
    while (n < most && p->nheld) {
        struct task *t = part_unhold(p);
        int64_t bytes = (int64_t)t->raw_len;

        if (t->not_before_us > now_us || !begin(in, p, t)) {
            part_hold_front(p, t);
            break;
        }
        stock->tasks--;
        stock->bytes -= bytes;
        n++;
    }
    return n;
}

/* n records of this level went: those of lower ones were passed so many times more. */
static void count_passed(struct kafka_intake *in, int above, int64_t n)
{
    int64_t *p = in->passed;

    p[above] = p[above] > LATE_AFTER * n ? p[above] - LATE_AFTER * n : 0;
    for (int i = above + 1; i < TASK_PRIORITIES; i++)
        p[i] = p[i] + n < LATE_AFTER * FEED_CHUNK ? p[i] + n : LATE_AFTER * FEED_CHUNK;
}

/* Gives the pool up to `room` tasks of topics with as many priorities above theirs, a few of each partition in
 * turn. */
static void feed_topics(struct kafka_intake *in, int above, int64_t room)
{
    int64_t before = in->ngot;
    int64_t moved = 1;

    while (room > in->ngot && moved) {
        moved = 0;
        for (size_t i = 0; i < in->nparts && room > in->ngot; i++) {
            struct kafka_part *p = in->parts[(in->turn + i) % in->nparts];
            int64_t left = room - in->ngot;

            if (p->above == above)
                moved += feed_part(in, p, left < FEED_CHUNK ? left : FEED_CHUNK);
        }
        in->turn++;
    }
    count_passed(in, above, in->ngot - before);
}

/* What is open of topics with at least as many priorities above theirs. */
static int64_t open_below(const struct kafka_intake *in, int above)
{
    int64_t n = 0;

    for (size_t i = 0; i < in->nparts; i++)
        if (in->parts[i]->above >= above && in->parts[i]->ledger)
            n += (int64_t)ledger_open(in->parts[i]->ledger);
    return n;
}

/* Higher topics that have more than the pool can take would keep the lower ones out for ever. What those may
 * hold of the pool stays the same. */
static void feed_late(struct kafka_intake *in, int lowest, int64_t room, int64_t kept)
{
    for (int above = 1; above <= lowest; above++) {
        int64_t most = in->passed[above] / LATE_AFTER;
        int64_t left;

        if (most == 0)
            continue;
        left = in->setup.config->pool.max_in_flight - kept * above - open_below(in, above);
        most = in->ngot + (left < most ? left : most);
        feed_topics(in, above, most < room ? most : room);
    }
}

/* Topics of a lower priority leave room for those above, half of the pool's at most. */
void feed_pool(struct kafka_intake *in)
{
    const struct config *c = in->setup.config;
    int64_t room = pause_stocked(in) > 0 ? in->pool.room(in->pool.pool) : 0;
    int64_t kept = c->pool.max_in_flight / KEPT_PART;
    int lowest = config_priorities_above(c, -1) - 1;

    kept = kept > 0 ? kept : 1;
    if (kept * lowest > c->pool.max_in_flight / 2)
        kept = c->pool.max_in_flight / 2 / lowest;
    feed_late(in, lowest, room, kept);
    for (int above = 0; above <= lowest; above++)
        feed_topics(in, above, room - kept * above);
    submit(in);
}
