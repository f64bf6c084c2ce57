/*
 * Model of the intake's side of exactly_once as a whole: what comes and goes in any order.
 */
#include "tests/unit/io/deal_rig.h"

#define ORDER_RECORDS 400 /* of a partition */

static uint32_t seed;
static struct task *running[300];
static size_t nrunning;
static int64_t position[DEAL_PARTS]; /* next record to be read */
static int calls[DEAL_PARTS][ORDER_RECORDS];
static bool fenced; /* the batch that is away is of an earlier generation of the group */

static uint32_t dice(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

static void call(struct task *t)
{
    calls[t->origin.partition][t->origin.offset]++;
    cr_assert_lt(nrunning, ARRAY_LEN(running));
    running[nrunning++] = t;
}

static void read_one(void)
{
    int32_t at = (int32_t)dice(DEAL_PARTS);
    struct task *t;
    int result;

    if (nrunning == ARRAY_LEN(running) || position[at] == ORDER_RECORDS)
        return;
    if ((t = deal_read(deal_part(at), position[at]++, &result)))
        call(t);
    cr_assert_neq(result, LEDGER_FULL);
}

/* What the intake had kept back comes to the pool. */
static void run_submitted(void)
{
    struct list_node *n;

    list_splice(&dr.submitted, &dr.in->got);
    while ((n = list_pop(&dr.submitted))) {
        struct task *t = CONTAINER_OF(n, struct task, node);

        deal_run(t);
        call(t);
    }
}

static void end_some(uint32_t most)
{
    for (uint32_t k = dice(most); k-- && nrunning;) {
        size_t i = dice((uint32_t)nrunning);

        deal_finish(running[i], 1 + dice(50));
        running[i] = running[--nrunning];
    }
}

static void settle_somehow(void)
{
    uint32_t how = dice(4);

    if (how == 0 && dr.away->count)
        deal_refuse();
    else if (how == 1 || fenced)
        deal_abort(0);
    else
        deal_commit();
    fenced = false;
}

static void lose_one(void)
{
    int32_t at = (int32_t)dice(DEAL_PARTS);

    fenced = dr.away;
    deal_lose(at);
    if (dice(2))
        end_some(20); /* while it is nobody's */
    deal_assign(at);
    position[at] = dr.base[at] < 0 ? 0 : dr.base[at];
}

static void step(uint32_t number)
{
    read_one();
    if (number % 16 == 0)
        end_some(20);
    if (number % 128 == 127)
        lose_one();
    if (deal_round() && dice(3))
        settle_somehow();
    run_submitted();
}

static bool is_unanswered(int32_t *ret_at, int64_t *ret_offset)
{
    for (*ret_at = 0; *ret_at < DEAL_PARTS; ++*ret_at)
        for (*ret_offset = 0; *ret_offset < ORDER_RECORDS; ++*ret_offset)
            if (!dr.replied[*ret_at][*ret_offset])
                return true;
    return false;
}

static void finish_all(void)
{
    int32_t at;
    int64_t offset;

    fenced = false;
    for (int i = 0; i < 20000 && is_unanswered(&at, &offset); i++) {
        read_one();
        end_some(40);
        if (deal_round())
            deal_commit();
        run_submitted();
    }
    cr_assert_not(is_unanswered(&at, &offset), "offset %d of %d is not answered", (int)offset,
                  (int)at);
}

/* Records begin and end in any order, batches end in every way there is, partitions go and come back: the rig
 * checks each batch. In the end each record has one reply, and a call was repeated only where its
 * outcome was dropped while the partition was nobody's (there is no journal here). */
Test(kafka_deal_order, any_order, .timeout = 60)
{
    size_t again = 0, dropped;

    for (uint32_t round = 0; round < 3; round++) {
        seed = 20 + round;
        memset(position, 0, sizeof position);
        memset(calls, 0, sizeof calls);
        deal_open_with(round == 1 ? 60 : METADATA_MAX);
        for (uint32_t i = 0; i < 1500; i++)
            step(i);
        finish_all();
        dropped = atomic_load(&dr.in->dropped);
        again = 0;
        for (int32_t at = 0; at < DEAL_PARTS; at++) {
            cr_assert_eq(dr.base[at], ORDER_RECORDS);
            for (int64_t i = 0; i < ORDER_RECORDS; i++)
                again += calls[at][i] > 1;
        }
        cr_assert_leq(again, dropped, "%zu calls again, %zu outcomes dropped", again, dropped);
        cr_assert_eq(nrunning, 0);
        deal_close();
    }
}
