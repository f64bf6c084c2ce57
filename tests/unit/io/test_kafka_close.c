/*
 * intake: how a consumer leaves its group. In the place of two of librdkafka's functions there are others that
 * look first.
 */
#include <dlfcn.h>

#include "io/kafka/intake.h"
#include "tests/unit/io/kafka_rig.h"

static struct rig rig;
static struct kafka_intake *watched; /* its join ends when it goes on polling after its end */
static int polls;                    /* since then; one may be that of the loop's last round */
static bool left_in_join;

rd_kafka_message_t *rd_kafka_consumer_poll(rd_kafka_t *rk, int timeout_ms)
{
    rd_kafka_message_t *(*next)(rd_kafka_t *, int) = dlsym(RTLD_NEXT, "rd_kafka_consumer_poll");

    if (watched && rk == watched->client.rk && atomic_load(&watched->end) && ++polls > 2)
        atomic_store(&watched->watch.joining, false);
    return next(rk, timeout_ms);
}

/* rd_kafka_destroy() calls it, too. */
rd_kafka_resp_err_t rd_kafka_consumer_close(rd_kafka_t *rk)
{
    rd_kafka_resp_err_t (*next)(rd_kafka_t *) = dlsym(RTLD_NEXT, "rd_kafka_consumer_close");

    if (watched && rk == watched->client.rk)
        left_in_join |= atomic_load(&watched->watch.joining);
    return next(rk);
}

/* A member that leaves in the middle of a join holds up all others until its session ends. */
static void leave(bool exact)
{
    rig_open(&rig, 1);
    rig.group = true;
    rig.exact = exact;
    rig_start(&rig);
    RIG_WAIT(atomic_load(&rig.in->member), "the partition");
    kafka_intake_stop(rig.in);
    watched = rig.in;
    atomic_store(&rig.in->watch.joining, true);
    rig_stop(&rig);
    watched = NULL;
    rig_close(&rig);
    cr_assert_not(left_in_join);
}

Test(kafka_close, a_join_is_waited_for, .timeout = 60)
{
    leave(false);
}

Test(kafka_close, a_join_is_waited_for_in_exactly_once, .timeout = 60)
{
    leave(true);
}
