/* Errors of clients and logs: fatal ones, positions that are not there, a small pool. */
#include "tests/unit/io/kafka_rig.h"

#include "io/kafka/intake.h"

static struct rig rig;

/* What a fenced member gets: the worker must end, so the error must reach kafka_fatal. */
Test(kafka_faults, fatal_error_of_the_consumer, .timeout = 60)
{
    rig_open(&rig, 1);
    rig_start(&rig);
    cr_assert_eq(rd_kafka_test_fatal_error(rig.in->client.rk, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID,
                                           "by a test"),
                 0);
    RIG_WAIT(atomic_load(&rig.fatal.set), "the fatal error");
    cr_assert(strstr(rig.fatal.msg, "FENCED_INSTANCE_ID"), "%s", rig.fatal.msg);
    cr_assert(strstr(rig.fatal.msg, "by a test"), "%s", rig.fatal.msg);
    rig_stop(&rig);
    rig_close(&rig);
}

/* The first fatal error stays. */
Test(kafka_faults, first_fatal_error_stays)
{
    struct kafka_fatal f;

    kafka_fatal_init(&f);
    kafka_fatal_raise(NULL, "nobody listens");
    cr_assert_not(atomic_load(&f.set));
    kafka_fatal_raise(&f, "one");
    kafka_fatal_raise(&f, "two");
    cr_assert(atomic_load(&f.set));
    cr_assert_str_eq(f.msg, "one");
}

static void commit_position(int64_t offset)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_topic_partition_list_t *one = rd_kafka_topic_partition_list_new(1);
    char why[128];
    rd_kafka_t *rk;

    rd_kafka_conf_set(conf, "bootstrap.servers", kafka_broker_address(rig.broker), why, sizeof why);
    rd_kafka_conf_set(conf, "group.id", "test", why, sizeof why);
    rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    rd_kafka_topic_partition_list_add(one, "llm.requests", 0)->offset = offset;
    cr_assert_eq(rd_kafka_commit(rk, one, 0), 0);
    rd_kafka_topic_partition_list_destroy(one);
    rd_kafka_destroy(rk);
}

/* The group's position is past the end, as after a topic was deleted and made anew: its records are new ones,
 * not old ones. */
Test(kafka_faults, topic_made_anew, .timeout = 60)
{
    struct kafka_intake_stats s;

    rig_open(&rig, 1);
    rig_enqueue(&rig, 0, 5, "x");
    commit_position(50);
    rig_start(&rig);
    RIG_WAIT(rig.received == 5, "the records of the new log");
    rig_finish_all(&rig, "{}");
    RIG_WAIT(rig.forgotten == 5, "commits");
    kafka_intake_stats(rig.in, &s);
    cr_assert_eq(s.seen, 0, "new records were taken for old ones");
    cr_assert_eq(s.lost, 0);
    rig_stop(&rig);
    rig.received = 0;
    rig_start(&rig);
    poll(NULL, 0, 500);
    cr_assert_eq(rig.received, 0, "the commit must stand in the new log");
    rig_stop(&rig);
    rig_close(&rig);
}

/* A pool for 60 tasks whose calls take no time: pausing and fetching again must not set the pace. */
Test(kafka_faults, small_pool_does_not_stall, .timeout = 120)
{
    int64_t start_us, us;

    rig_open(&rig, 4);
    rig.config->pool.max_in_flight = 60;
    rig.config->pool.max_per_partition = 25;
    rig_enqueue(&rig, 0, 6000, "x");
    start_us = clock_mono_us();
    rig_start(&rig);
    while (rig.received < 6000) {
        RIG_WAIT(rig.ntasks > 0, "a task");
        rig_finish_all(&rig, "{}");
    }
    us = clock_mono_us() - start_us;
    rig_finish_all(&rig, "{}");
    cr_assert_leq(rig.most, 60);
    /* 100 refills of 60: at half a second each that would be 50 s. */
    cr_assert_lt(us, 40 * 1000000LL, "%lld ms", (long long)us / 1000);
    fprintf(stderr, "6000 tasks through room for 60: %lld ms\n", (long long)us / 1000);
    rig_stop(&rig);
    rig_close(&rig);
}
