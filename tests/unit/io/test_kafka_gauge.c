/* intake: the gauges show how the partitions stand: what is open, how far apart, since when, and what waits. */
#include "tests/unit/io/kafka_rig.h"

static struct rig rig;

static struct kafka_gauges gauges(void)
{
    struct kafka_intake_stats st;

    kafka_intake_stats(rig.in, &st);
    return st.gauges;
}

static int64_t open_records(void)
{
    struct kafka_intake_stats st;

    kafka_intake_stats(rig.in, &st);
    return st.open;
}

Test(kafka_gauge, follow_the_partitions, .timeout = 60)
{
    enum { ROOM = 50, ALL = 6000 };
    int64_t begin_us = clock_mono_us();

    rig_open(&rig, 1);
    rig.config->pool.max_in_flight = ROOM;
    rig_enqueue(&rig, 0, ALL, "x");
    rig_start(&rig);
    cr_expect_eq(gauges().head_since_us, INT64_MAX, "nothing is open yet");

    /* The pool is full, the stock behind it as well, and the rest is in the broker. */
    RIG_WAIT(rig.ntasks == ROOM, "a full pool");
    RIG_WAIT(gauges().paused == 1, "a partition that is not read");
    RIG_WAIT(open_records() + gauges().stock + gauges().unread == ALL, "all records accounted for");
    cr_expect_eq(open_records(), ROOM);
    cr_expect_gt(gauges().stock, 0);
    cr_expect_gt(gauges().unread, 0);
    cr_expect_eq(gauges().window, ROOM);
    cr_expect(gauges().head_since_us >= begin_us && gauges().head_since_us <= clock_mono_us());

    /* All but the head is done and committed: the window is as wide, and the map says so. */
    while (rig.ntasks > 1)
        rig_finish(&rig, 1, "{}");
    RIG_WAIT(gauges().window > ROOM && gauges().map_bytes > 0, "a window behind the head");

    while (rig.forgotten < ALL) {
        RIG_WAIT(rig.ntasks > 0 || rig.forgotten == ALL, "a task");
        rig_finish_all(&rig, "{}");
    }
    RIG_WAIT(gauges().unread == 0 && gauges().stock == 0 && gauges().window == 0, "an empty queue");
    cr_expect_eq(gauges().head_since_us, INT64_MAX);
    cr_expect_eq(gauges().paused, 0);
    rig_stop(&rig);
    rig_close(&rig);
}
