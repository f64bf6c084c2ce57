/* guard: the head that holds up its partition is ended, once, and only while the worker runs. */
#include "tests/unit/io/deal_rig.h"

#include "io/kafka/guard.h"

#define DONE 199 /* records behind the head */

TestSuite(kafka_guard, .init = deal_open, .fini = deal_close, .timeout = 60);

static size_t cancels;
static struct task *cancelled;

static void cancel(void *pool, struct task *t)
{
    (void)pool;
    atomic_store(&t->cancelled, true);
    cancelled = t;
    cancels++;
}

/* A head behind which all is done, and the map of that as long as it may be. */
static struct task *make_head(void)
{
    struct kafka_part *p = deal_part(0);
    struct task *head;

    p->ledger = ledger_new(0, DEAL_RECORDS, DEAL_RECORDS);
    ledger_set_now(p->ledger, clock_mono_us());
    head = deal_begin(p, 0);
    guard_begin(dr.in, p, head);
    deal_answer(p, 1, 1 + DONE);
    deal_commit_all();
    p->map_len = dr.in->map_max * 3 / 4;
    dr.in->pool.cancel = cancel;
    return head;
}

static int64_t late_us(void)
{
    return clock_mono_us() + dr.in->setup.config->pool.head_max_age_ms * 1000 + 2 * 1000000LL;
}

Test(kafka_guard, a_head_that_holds_up_the_others_is_ended_once)
{
    struct task *head = make_head();

    guard_heads(dr.in, clock_mono_us());
    cr_assert_eq(cancels, 0, "it is young");
    guard_heads(dr.in, late_us());
    cr_assert_eq(cancels, 1);
    cr_assert_eq(cancelled, head);
    guard_heads(dr.in, late_us() + 60 * 1000000LL);
    cr_assert_eq(cancels, 1);
    deal_finish(head, 10);
    deal_commit_all();
    cr_assert_eq(dr.base[0], 1 + DONE);
}

/* The pool may be gone by then: pool_cancel() must not be called after pool_stop(). */
Test(kafka_guard, at_a_stop_none_is_ended)
{
    struct task *head = make_head();

    atomic_store(&dr.in->stop, true);
    guard_heads(dr.in, late_us());
    cr_assert_eq(cancels, 0);
    deal_finish(head, 10);
}
