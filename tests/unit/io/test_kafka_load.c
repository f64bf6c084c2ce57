/* load: partitions that go before their committed offsets are known. */
#include "tests/unit/io/deal_rig.h"

TestSuite(kafka_load, .init = deal_open, .fini = deal_close, .timeout = 60);

/* Else it would be asked for the offsets of no partition, time and again, which librdkafka refuses. */
Test(kafka_load, nothing_is_asked_for_when_all_that_waited_are_gone)
{
    rebalance_add_part(dr.in, DEAL_TOPIC, DEAL_PARTS);
    cr_assert(dr.in->unloaded);
    deal_revoke(DEAL_PARTS);
    cr_assert_eq(dr.in->nparts, DEAL_PARTS);
    load_tick(dr.in, clock_mono_us());
    cr_assert_null(dr.in->question);
    cr_assert_not(dr.in->unloaded);
}
