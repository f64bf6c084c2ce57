/* The batches of exactly_once: what is in them, when they go, and what becomes of those that come back. */
#include "tests/unit/io/deal_rig.h"

#include "io/kafka/range.h"

TestSuite(kafka_deal, .init = deal_open, .fini = deal_close, .timeout = 60);

static void expect_replied(int32_t partition, int64_t from, int64_t to)
{
    for (int64_t i = from; i < to; i++)
        cr_assert_eq(dr.replied[partition][i], 1, "offset %d of %d", (int)i, (int)partition);
}

Test(kafka_deal, replies_and_offsets_go_together)
{
    deal_answer(deal_part(0), 0, 10);
    deal_answer(deal_part(2), 0, 5);
    deal_commit_all();
    cr_assert_eq(dr.batches, 1);
    expect_replied(0, 0, 10);
    expect_replied(2, 0, 5);
    cr_assert_eq(dr.base[0], 10);
    cr_assert_eq(dr.base[2], 5);
    cr_assert_eq(dr.released, 15);
    cr_assert_eq(dr.rig.forgotten, 15, "journal entries of what is committed may go");
    cr_assert_eq(atomic_load(&dr.in->unsettled), 0);
    cr_assert(deal_idle(dr.in));
}

/* Of answers that were found there is nothing in the journal that could go. */
Test(kafka_deal, what_is_not_journaled_is_not_forgotten)
{
    struct task *found = deal_begin(deal_part(0), 0);

    found->not_journaled = true;
    deal_finish(found, 10);
    deal_answer(deal_part(0), 1, 4);
    deal_commit_all();
    cr_assert_eq(dr.base[0], 4);
    cr_assert_eq(dr.rig.forgotten, 3);
}

/* Nor is it in at_least_once, where only offsets are kept until the commit. */
Test(kafka_deal, nor_when_only_offsets_are_kept)
{
    struct kafka_part *p = part_new("t", 0);
    struct task *t = task_new();

    p->ledger = ledger_new(0, 10, 10);
    for (t->origin.offset = 0; t->origin.offset < 4; t->origin.offset++) {
        cr_assert_eq(ledger_begin(p->ledger, t->origin.offset), LEDGER_NEW);
        t->not_journaled = t->origin.offset != 2;
        part_acked(p, t);
    }
    cr_assert(p->dirty);
    cr_assert_eq(ledger_base(p->ledger), 4);
    cr_assert_eq(p->acked.count, 1);
    cr_assert_eq(p->acked.at[0], 2);
    task_free(t);
    part_unref(p);
}

Test(kafka_deal, outcomes_wait_for_others_a_moment)
{
    struct deal *d = &dr.in->deal;

    deal_answer(deal_part(0), 0, 1);
    cr_assert(deal_round());
    deal_commit();
    deal_answer(deal_part(0), 1, 2);
    intake_settle(dr.in);
    deal_tick(dr.in, d->since_us + 99 * 1000, false);
    cr_assert_null(dr.away);
    deal_tick(dr.in, d->since_us + 100 * 1000, false);
    cr_assert(dr.away);
    cr_assert_eq(dr.away->count, 1);
}

Test(kafka_deal, at_a_stop_none_waits)
{
    deal_answer(deal_part(0), 0, 1);
    intake_settle(dr.in);
    deal_tick(dr.in, dr.in->deal.since_us, true);
    cr_assert(dr.away);
}

Test(kafka_deal, the_next_batch_gathers_while_one_is_away)
{
    deal_answer(deal_part(0), 0, 3);
    cr_assert(deal_round());
    deal_answer(deal_part(0), 3, 7);
    intake_settle(dr.in);
    deal_tick(dr.in, clock_mono_us() + 1000000, true);
    cr_assert_eq(dr.batches, 1);
    deal_commit();
    cr_assert(deal_round());
    cr_assert_eq(dr.away->count, 4);
    deal_commit_all();
    expect_replied(0, 0, 7);
}

Test(kafka_deal, an_abandoned_batch_goes_again_after_its_rest)
{
    deal_answer(deal_part(0), 0, 3);
    cr_assert(deal_round());
    deal_abort(2 * 1000000);
    intake_settle(dr.in);
    deal_tick(dr.in, clock_mono_us() + 1000000, true);
    cr_assert_null(dr.away);
    cr_assert(deal_round());
    deal_commit_all();
    expect_replied(0, 0, 3);
    cr_assert_eq(atomic_load(&dr.in->commit_errors), 1);
}

/* Where the group began is committed before there is an outcome, and again when that failed. */
Test(kafka_deal, offsets_alone_go_again_too)
{
    struct kafka_part *p = deal_part(1);

    p->ledger = ledger_new(0, 10, 10);
    p->dirty = true;
    for (int i = 0; i < 2; i++) {
        cr_assert(deal_round());
        cr_assert_eq(dr.away->count, 0);
        if (i == 0)
            deal_abort(0);
    }
    deal_commit();
    cr_assert_eq(dr.base[1], 0);
    cr_assert_not(deal_round());
}

Test(kafka_deal, silent_outcomes_are_committed)
{
    struct kafka_part *p = deal_part(1);

    deal_finish(deal_begin(p, 0), 0);
    cr_assert(deal_round());
    cr_assert_null(CONTAINER_OF(dr.away->outcomes.next, struct task, node)->reply);
    deal_commit();
    deal_round();
    cr_assert_eq(dr.base[1], 1);
    cr_assert_eq(dr.released, 1);
}

/* ---- refused by the broker ---- */

/* Carries on until nothing is left; the broker refuses every set with that one. How many were abandoned? */
static size_t refuse_one(int32_t partition, int64_t offset)
{
    size_t aborted = 0;
    bool given_up = false;

    while (deal_round()) {
        bool bad = !given_up && deal_carries(dr.away, partition, offset);

        given_up = given_up || (bad && dr.away->count == 1);
        aborted += bad;
        if (bad)
            deal_refuse();
        else
            deal_commit();
    }
    return aborted;
}

Test(kafka_deal, one_of_300_is_refused)
{
    size_t aborted;

    deal_answer(deal_part(0), 0, 300);
    aborted = refuse_one(0, 177);
    expect_replied(0, 0, 300);
    for (int i = 0; i < 300; i++)
        cr_assert_eq(dr.undeliverable[0][i], i == 177);
    cr_assert_eq(dr.base[0], 300);
    cr_assert_leq(aborted, 10, "%zu transactions were abandoned", aborted); /* 300, 150, ... 1 */
    cr_assert_leq(dr.batches, 22, "%zu transactions", dr.batches);
}

Test(kafka_deal, others_go_out_while_one_is_looked_for)
{
    deal_answer(deal_part(0), 0, 64);
    cr_assert(deal_round());
    deal_refuse();
    deal_answer(deal_part(1), 0, 8);
    for (int i = 0; i < 2; i++) {
        cr_assert(deal_round());
        if (deal_carries(dr.away, 0, 5))
            deal_refuse();
        else
            deal_commit();
    }
    expect_replied(1, 0, 8);
    cr_assert_leq(refuse_one(0, 5), 7);
    expect_replied(0, 0, 64);
}

/* ---- what the metadata can carry ---- */

static void close_and_open_with(size_t map_max)
{
    deal_close();
    deal_open_with(map_max);
}

Test(kafka_deal, without_room_for_a_map_outcomes_wait_for_the_head)
{
    struct kafka_part *p;
    struct task *head;

    close_and_open_with(1);
    p = deal_part(0);
    head = deal_begin(p, 0);
    deal_answer(p, 1, 200);
    for (int i = 0; i < 3; i++)
        cr_assert_not(deal_round());
    cr_assert(p->paused & PAUSE_MAP);
    deal_finish(head, 10);
    deal_commit_all();
    expect_replied(0, 0, 200);
    cr_assert_eq(dr.base[0], 200);
    cr_assert_not(p->paused & PAUSE_MAP);
}

/* More bytes than a batch holds wait for one head: those of another partition do not. */
Test(kafka_deal, a_full_map_holds_up_no_other_partition)
{
    struct kafka_part *p;
    struct task *head;

    close_and_open_with(1);
    p = deal_part(0);
    head = deal_begin(p, 0);
    for (int i = 1; i < 41; i++)
        deal_finish(deal_begin(p, i), 1 << 20);
    deal_answer(deal_part(1), 0, 3);
    for (int i = 0; i < 4 && !dr.away; i++)
        deal_round();
    cr_assert(dr.away, "nothing went out");
    deal_commit_all();
    expect_replied(1, 0, 3);
    deal_finish(head, 10);
    for (int i = 0; i < 10; i++)
        deal_commit_all();
    expect_replied(0, 0, 41);
}

Test(kafka_deal, a_broker_that_takes_less_gets_less)
{
    struct kafka_part *p = deal_part(0);
    struct task *open[200];
    size_t sent;

    for (int i = 0; i < 400; i += 2) {
        open[i / 2] = deal_begin(p, i);
        deal_answer(p, i + 1, i + 2);
    }
    cr_assert(deal_round());
    sent = dr.in->map_sent;
    cr_assert_gt(sent, 64);
    dr.away->map_refused = true;
    deal_abort(0);
    deal_commit_all();
    cr_assert_eq(dr.in->map_max, sent / 2);
    cr_assert_leq(dr.in->map_sent, sent / 2);
    for (int i = 0; i < 200; i++)
        deal_finish(open[i], 10);
    deal_commit_all();
    expect_replied(0, 0, 400);
    cr_assert_eq(dr.base[0], 400);
}

/* A loaded map that is longer than our limit has open records in it: to read them is what makes it short. */
Test(kafka_deal, a_map_with_holes_pauses_nothing)
{
    struct kafka_part *p = deal_part(0);

    p->ledger = ledger_new(0, 1000, 1000);
    cr_assert_eq(ledger_load_done(p->ledger, 5, 9), 0);
    pause_map(dr.in, p, METADATA_MAX, true);
    cr_assert_not(p->paused & PAUSE_MAP);
    for (int i = 0; i < 5; i++)
        cr_assert_eq(ledger_begin(p->ledger, i), LEDGER_NEW);
    cr_assert_eq(ledger_begin(p->ledger, 10), LEDGER_NEW);
    pause_map(dr.in, p, METADATA_MAX, true);
    cr_assert(p->paused & PAUSE_MAP);
    pause_map(dr.in, p, METADATA_MAX * 3 / 8 + 1, false);
    cr_assert(p->paused & PAUSE_MAP, "it goes on at half of where it stopped");
    pause_map(dr.in, p, METADATA_MAX * 3 / 8, false);
    cr_assert_not(p->paused & PAUSE_MAP);
    for (int i = 0; i < 10; i++) /* for the checks of the rig */
        dr.replied[0][i] = 1;
}

/* ---- partitions that go ---- */

/* The publisher does not answer: the partition is given up in bounded time; its calls answer for the next
 * assignment, and nothing is called for twice. */
Test(kafka_deal, revoked_while_a_batch_is_away)
{
    struct kafka_part *p = deal_part(0);
    int64_t began_us = clock_mono_us();
    struct task *last;

    deal_answer(p, 0, 4);
    last = deal_begin(p, 4);
    cr_assert(deal_round());
    deal_revoke(0);
    cr_assert_lt(clock_mono_us() - began_us, 20 * 1000000LL);
    cr_assert(dr.away);
    p = deal_assign(0);
    for (int i = 0; i < 5; i++)
        cr_assert_null(deal_begin(p, i), "offset %d would be called for twice", i);
    deal_abort(0);
    deal_finish(last, 10);
    deal_commit_all();
    deal_commit_all();
    cr_assert(list_empty(&dr.submitted));
    expect_replied(0, 0, 5);
    cr_assert_eq(dr.base[0], 5);
    cr_assert_eq(atomic_load(&dr.in->adopted), 5);
    cr_assert_eq(atomic_load(&dr.in->unsettled), 0);
}

/* They were visible before the partition came back: nobody waits for them. */
Test(kafka_deal, revoked_and_committed_before_the_next_assignment)
{
    struct kafka_part *p = deal_part(0);

    deal_answer(p, 0, 4);
    cr_assert(deal_round());
    deal_lose(0);
    deal_commit();
    deal_round();
    cr_assert_eq(dr.rig.forgotten, 4);
    cr_assert_eq(dr.released, 4);
    p = deal_assign(0);
    cr_assert_eq(ledger_base(p->ledger), 4);
}

/* As when the assignment is lost: there is no flush, and workers end calls all the time. */
Test(kafka_deal, ended_just_before_the_partition_went)
{
    deal_answer(deal_part(0), 0, 4);
    deal_answer(deal_part(1), 0, 2);
    rebalance_drop_all(dr.in);
    cr_assert_not(deal_round());
    deal_round();
    cr_assert_eq(dr.released, 6);
    cr_assert_eq(atomic_load(&dr.in->unsettled), 0);
}

Test(kafka_deal, refused_after_the_partition_went)
{
    deal_answer(deal_part(0), 0, 4);
    cr_assert(deal_round());
    deal_lose(0);
    deal_refuse();
    for (int i = 0; i < 3; i++)
        cr_assert_not(deal_round());
    cr_assert_eq(dr.released, 4);
}

/* The topic was made anew: answers to records of the old one have no offset to go with. */
Test(kafka_deal, the_log_begins_anew)
{
    struct kafka_part *p = deal_part(0);

    p->next = 4;
    deal_answer(p, 0, 4);
    intake_settle(dr.in);
    p->gap = true;
    cr_assert_neq(range_check(dr.in, p, 0), p);
    deal_answer(deal_part(0), 0, 1);
    deal_commit_all();
    cr_assert_eq(dr.base[0], 1);
    cr_assert_eq(dr.released, 5);
}

/* The end of a worker: the publisher has gone, what it had comes back. */
Test(kafka_deal, freed_with_a_batch_away)
{
    deal_answer(deal_part(0), 0, 4);
    cr_assert(deal_round());
    deal_answer(deal_part(1), 0, 3);
    cr_assert_not(kafka_intake_flush(dr.in, 20));
    deal_tick(dr.in, clock_mono_us() + 1000000, true);
    cr_assert_eq(dr.batches, 1, "nothing goes to the publisher after the flush");
    deal_abort(0);
    dr.in = kafka_intake_free(dr.in);
    cr_assert_eq(dr.released, 7);
}

/* Else a window, or a busy partition, is full of what waits to be published. */
Test(kafka_deal, many_is_a_part_of_the_smaller_window)
{
    static const struct {
        int64_t in_flight, per_partition;
        size_t most, many;
    } rows[] = {
        {4096, 1000, 2000, 501},       /* half of a partition's */
        {400, 1000, 2000, 101},        /* a quarter of the pool's */
        {1000000, 100000, 2000, 2000}, /* never more than asked for */
        {1, 1, 2000, 1},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config c = {.pool = {.max_in_flight = rows[i].in_flight,
                                    .max_per_partition = rows[i].per_partition}};

        cr_expect_eq(batch_many(&c, rows[i].most), rows[i].many, "row %zu", i);
    }
}
