/*
 * Intake and publisher of exactly_once together, against the embedded broker, which takes transactions but
 * keeps no offsets of theirs; and what the group says of a consumer.
 */
#include "tests/unit/io/kafka_rig.h"

#include "io/kafka/group.h"

static struct rig rig;

static void begin(void)
{
    rig_open(&rig, 2);
    rig.group = true;
    rig.exact = true;
}

static void end(void)
{
    rig_close(&rig);
}

TestSuite(kafka_exact, .init = begin, .fini = end, .timeout = 60);

static size_t ntasks(void)
{
    size_t n;

    pthread_mutex_lock(&rig.lock);
    n = rig.ntasks;
    pthread_mutex_unlock(&rig.lock);
    return n;
}

/* Replies on the broker: reads until there are `want`, and a moment longer. Keys are "k0".. */
static void expect_replies(size_t want, int *times)
{
    struct kafka_reader_setup rs = {.config = rig.config, .topic = "llm.replies"};
    struct err e = {0};
    struct kafka_reader *reader = kafka_reader_new(&rs, 10000, &e);
    struct kafka_record rec = {0};
    size_t got = 0;
    int quiet = 0;

    cr_assert(reader, "%s", e.msg);
    while (got < want || quiet < 5) {
        int r = kafka_reader_poll(reader, 50, &rec, &e);
        int at = 0;

        cr_assert_geq(r, 0, "%s", e.msg);
        quiet = r == KAFKA_RECORD ? 0 : quiet + 1;
        cr_assert_lt(quiet, 200, "%zu replies instead of %zu", got, want);
        if (r != KAFKA_RECORD)
            continue;
        for (size_t i = 1; i < rec.key_len; i++)
            at = at * 10 + (rec.key[i] - '0');
        times[at]++;
        got++;
    }
    cr_assert_eq(got, want);
    kafka_reader_free(reader);
}

Test(kafka_exact, outcomes_become_replies_and_are_released)
{
    struct kafka_publisher_stats s;
    int times[300] = {0};

    rig_enqueue(&rig, 0, 300, "the request");
    rig_start(&rig);
    RIG_WAIT(ntasks() == 300, "the records");
    while (ntasks())
        rig_finish(&rig, ntasks() - 1, "{}"); /* the latest first */
    RIG_WAIT(__atomic_load_n(&rig.in_memory, __ATOMIC_SEQ_CST) == 0, "the release");
    cr_assert_eq(__atomic_load_n(&rig.forgotten, __ATOMIC_SEQ_CST), 300);
    kafka_publisher_stats(rig.pub, &s);
    cr_assert_eq(s.replies, 300);
    cr_assert_leq(s.commits, 30, "%d transactions for 300 outcomes", (int)s.commits);
    expect_replies(300, times);
    for (int i = 0; i < 300; i++)
        cr_assert_eq(times[i], 1);
    rig_stop(&rig);
}

/* Nothing that a worker holds at its end is lost, and what the publisher has is waited for. */
Test(kafka_exact, a_stop_publishes_what_is_finished)
{
    int times[20] = {0};

    rig_enqueue(&rig, 0, 20, "the request");
    rig_start(&rig);
    RIG_WAIT(ntasks() == 20, "the records");
    for (int i = 0; i < 15; i++)
        rig_finish(&rig, 0, "{}");
    rig_stop(&rig);
    cr_assert_eq(rig.forgotten, 15);
    expect_replies(15, times);
}

/* The publisher goes away in the middle: all tasks come back to the pool. */
Test(kafka_exact, freed_without_a_flush)
{
    rig_enqueue(&rig, 0, 200, "the request");
    rig_start(&rig);
    RIG_WAIT(ntasks() == 200, "the records");
    kafka_intake_stop(rig.in);
    rig_finish_all(&rig, "{}");
    kafka_intake_flush(rig.in, 0);
    rig.pub = kafka_publisher_free(rig.pub);
    rig.in = kafka_intake_free(rig.in);
    cr_assert_eq(rig.in_memory, 0);
}

/* ---- what the group says of a consumer ---- */

static rd_kafka_t *consumer(void)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[200];
    rd_kafka_t *rk;

    rd_kafka_conf_set(conf, "bootstrap.servers", kafka_broker_address(rig.broker), why, sizeof why);
    rd_kafka_conf_set(conf, "group.id", "another", why, sizeof why);
    rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    cr_assert(rk, "%s", why);
    rd_kafka_poll_set_consumer(rk);
    return rk;
}

static void join(rd_kafka_t *rk)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);

    rd_kafka_topic_partition_list_add(l, "llm.requests", RD_KAFKA_PARTITION_UA);
    cr_assert_eq(rd_kafka_subscribe(rk, l), 0);
    rd_kafka_topic_partition_list_destroy(l);
}

static size_t assigned(rd_kafka_t *rk)
{
    rd_kafka_topic_partition_list_t *l = NULL;
    rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 10);
    size_t n = 0;

    if (m)
        rd_kafka_message_destroy(m);
    if (!rd_kafka_assignment(rk, &l)) {
        n = (size_t)l->cnt;
        rd_kafka_topic_partition_list_destroy(l);
    }
    return n;
}

/* A member's metadata fences, any other must not be sent. */
Test(kafka_exact, only_a_member_has_metadata)
{
    rd_kafka_t *rk = consumer();
    rd_kafka_consumer_group_metadata_t *m;

    cr_assert_null(group_metadata(rk));
    join(rk);
    RIG_WAIT(assigned(rk) == 2, "the group");
    m = group_metadata(rk);
    cr_assert(m);
    rd_kafka_consumer_group_metadata_destroy(m);
    rd_kafka_consumer_close(rk);
    cr_assert_null(group_metadata(rk));
    rd_kafka_destroy(rk);
}

/* group.c reads the generation from the serialised form. Another form would say nothing of it: this test is
 * to tell those who build with a new librdkafka. */
Test(kafka_exact, the_form_of_metadata_is_known)
{
    rd_kafka_t *rk = consumer();
    rd_kafka_consumer_group_metadata_t *m = rd_kafka_consumer_group_metadata(rk);
    int32_t generation = 0;
    void *text = NULL;
    size_t len = 0;

    cr_assert_eq(rd_kafka_consumer_group_metadata_write(m, &text, &len), NULL);
    cr_assert_gt(len, 7 + sizeof generation);
    cr_assert_eq(memcmp(text, "CGMDv2:", 7), 0, "librdkafka %s writes another form: see group.c",
                 rd_kafka_version_str());
    memcpy(&generation, (char *)text + 7, sizeof generation);
    cr_assert_eq(generation, -1, "a consumer that never joined has generation %d", (int)generation);
    rd_kafka_mem_free(NULL, text);
    rd_kafka_consumer_group_metadata_destroy(m);

    m = rd_kafka_consumer_group_metadata_new_with_genid("g", 0x01020304, "member", NULL);
    cr_assert_eq(rd_kafka_consumer_group_metadata_write(m, &text, &len), NULL);
    memcpy(&generation, (char *)text + 7, sizeof generation);
    cr_assert_eq(generation, 0x01020304);
    rd_kafka_mem_free(NULL, text);
    rd_kafka_consumer_group_metadata_destroy(m);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
}
