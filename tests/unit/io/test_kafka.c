/* Intake and publisher against librdkafka's mock cluster, with a pool that the test moves by hand. */
#include "tests/unit/io/kafka_rig.h"

#include "policy/map.h"

static struct rig rig;

/* Reads what is in a topic and was not read before; calls fn for each record. */
static size_t read_all(const char *topic, void (*fn)(const struct kafka_record *rec), size_t want)
{
    struct err e = {0};
    struct kafka_reader_setup rs = {
        .config = rig.config, .topic = topic, .from = KAFKA_FROM_COMMITTED, .fatal = &rig.fatal};
    struct kafka_reader *r = kafka_reader_new(&rs, 10000, &e);
    int64_t until_us = clock_mono_us() + 15 * 1000000LL;
    struct kafka_record rec;
    size_t n = 0;

    cr_assert(r, "%s", e.msg);
    /* A little longer than needed: what must not be there has its chance to come. */
    while (clock_mono_us() < until_us) {
        int got = kafka_reader_poll(r, n >= want ? 300 : 1000, &rec, &e);

        cr_assert_geq(got, 0, "%s", e.msg);
        if (got == KAFKA_RECORD) {
            n++;
            if (fn)
                fn(&rec);
        } else if (n >= want) {
            break;
        }
    }
    cr_assert_eq(kafka_reader_commit(r, true, &e), 0, "%s", e.msg);
    kafka_reader_free(r);
    return n;
}

static int times[RIG_MAX];

static void count_reply(const struct kafka_record *rec)
{
    char key[16];
    int i;

    cr_assert_lt(rec->key_len, sizeof key);
    snprintf(key, sizeof key, "%.*s", (int)rec->key_len, rec->key);
    cr_assert_eq(sscanf(key, "k%d", &i), 1, "reply key %s", key);
    times[i]++;
    cr_assert_str_eq(rec->fields[0].name, "kafka_correlationId");
    cr_assert_eq(memcmp(rec->fields[0].value, key, rec->key_len), 0, "of another request");
}

static uint64_t commits(void)
{
    struct kafka_intake_stats s;

    kafka_intake_stats(rig.in, &s);
    return s.commits;
}

/* Sum over all partitions of what is committed as done: below the base and in the map. */
static int64_t committed_done(int partitions, int64_t *ret_bases)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    char why[128];
    rd_kafka_t *rk;
    int64_t done = 0;

    rd_kafka_conf_set(conf, "bootstrap.servers", kafka_broker_address(rig.broker), why, sizeof why);
    rd_kafka_conf_set(conf, "group.id", "test", why, sizeof why);
    rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    for (int i = 0; i < partitions; i++)
        rd_kafka_topic_partition_list_add(list, "llm.requests", i);
    cr_assert_eq(rd_kafka_committed(rk, list, 10000), 0);
    *ret_bases = 0;
    for (int i = 0; i < partitions; i++) {
        const rd_kafka_topic_partition_t *tp = &list->elems[i];
        struct map_scope scope = {"test", "llm.requests", i};
        struct ledger *l;

        if (tp->offset < 0)
            continue;
        l = ledger_new(tp->offset, SIZE_MAX, 1000000);
        if (tp->metadata_size)
            cr_assert_eq(map_decode(&scope, tp->metadata, tp->metadata_size, l), MAP_GOOD);
        *ret_bases += tp->offset;
        done += tp->offset;
        for (int64_t at = tp->offset; at < tp->offset + 2000; at++)
            done += ledger_begin(l, at) == LEDGER_SEEN;
        ledger_free(l);
    }
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(rk);
    return done;
}

/* Every third task stays open; the others end in reverse order. After a restart only the open ones come
 * back, and in the end every request has exactly one reply. */
Test(kafka, restart_skips_what_is_done, .timeout = 60)
{
    size_t open = 0;
    int64_t bases;

    rig_open(&rig, 4);
    rig_enqueue(&rig, 0, 400, "x");
    rig_start(&rig);
    RIG_WAIT(rig.received == 400, "400 records");
    for (size_t i = 400; i-- > 0;)
        if (i % 3)
            rig_finish(&rig, i, "{\"reply\":1}");
        else
            open++;
    RIG_WAIT(rig.forgotten == 400 - open, "commits");
    cr_assert_gt(commits(), 0);
    cr_assert_eq(committed_done(4, &bases), (int64_t)(400 - open));
    cr_assert_lt(bases, (int64_t)(400 - open), "most of it must be in the maps");
    rig_stop(&rig);
    cr_assert_eq(read_all("llm.replies", count_reply, 400 - open), 400 - open);
    rig.received = 0;
    rig_start(&rig);
    RIG_WAIT(rig.received == open, "the open records");
    poll(NULL, 0, 200);
    cr_assert_eq(rig.received, open, "a record that is done came again");
    rig_finish_all(&rig, "{\"reply\":2}");
    RIG_WAIT(rig.forgotten == 400, "the last commits");
    rig_stop(&rig);
    cr_assert_eq(read_all("llm.replies", count_reply, open), open);
    for (int i = 0; i < 400; i++)
        cr_assert_eq(times[i], 1, "k%d has %d replies", i, times[i]);
    cr_assert_eq(committed_done(4, &bases), 400);
    cr_assert_eq(bases, 400);
    cr_assert_not(rig.fatal.set);
    rig_close(&rig);
}

/* The pool has room for 60 tasks: never more are in memory than that and one round. */
Test(kafka, pauses_when_the_pool_is_full, .timeout = 60)
{
    rig_open(&rig, 4);
    rig.config->pool.max_in_flight = 60;
    rig.config->pool.max_per_partition = 25;
    rig_enqueue(&rig, 0, 3000, "x");
    rig_start(&rig);
    for (int idle = 0; rig.received < 3000; idle++) {
        RIG_WAIT(rig.ntasks > 0, "a task");
        if (rig.ntasks < 20 && idle < 20) {
            poll(NULL, 0, 1);
            continue;
        }
        rig_finish(&rig, rig.ntasks / 2, "{}");
        idle = 0;
    }
    rig_finish_all(&rig, "{}");
    cr_assert_leq(rig.most, 60);
    RIG_WAIT(rig.forgotten == 3000, "commits");
    rig_stop(&rig);
    cr_assert_eq(read_all("llm.replies", count_reply, 3000), 3000);
    for (int i = 0; i < 3000; i++)
        cr_assert_eq(times[i], 1, "k%d has %d replies", i, times[i]);
    rig_close(&rig);
}

static int undeliverable, bad, dead, dead_headers;

static void count_reply_kinds(const struct kafka_record *rec)
{
    undeliverable += memmem(rec->value, rec->value_len, "reply_undeliverable", 19) != NULL;
    bad += memmem(rec->value, rec->value_len, "bad", 3) != NULL;
}

static void check_dead(const struct kafka_record *rec)
{
    dead++;
    cr_assert_eq(rec->value_len, 4);
    cr_assert_eq(memcmp(rec->value, "orig", 4), 0, "the original bytes");
    for (size_t i = 0; i < rec->nfields; i++)
        dead_headers += strcmp(rec->fields[i].name, "kafka_dlt-original-offset") == 0 ||
                        strcmp(rec->fields[i].name, "__connect.errors.topic") == 0 ||
                        strcmp(rec->fields[i].name, "kafka_correlationId") == 0;
}

/* One reply is too large for the client, one record was bad: both get an error reply and a dead letter,
 * and the third is not held up. */
Test(kafka, undeliverable_and_bad_records, .timeout = 60)
{
    char *large;

    rig_open(&rig, 1);
    rig_property(&rig.config->kafka_producer, "message.max.bytes", "20000");
    rig_enqueue(&rig, 0, 3, "orig");
    rig_start(&rig);
    RIG_WAIT(rig.received == 3, "3 records");
    large = mem_alloc(30001);
    memset(large, 'x', 30000);
    rig_finish(&rig, 0, large);
    free(large);
    rig.tasks[0]->bad_record = true;
    task_fail(rig.tasks[0], "bad_record", "not JSON");
    rig_finish(&rig, 0, "{\"error\":\"bad\"}");
    rig_finish(&rig, 0, "{}");
    RIG_WAIT(rig.forgotten == 3, "commits");
    rig_stop(&rig);
    cr_assert_eq(read_all("llm.replies", count_reply_kinds, 3), 3);
    cr_assert_eq(undeliverable, 1);
    cr_assert_eq(bad, 1);
    cr_assert_eq(read_all("llm.dead", check_dead, 2), 2);
    cr_assert_eq(dead_headers, 6);
    rig_close(&rig);
}

/* A foreign client floods a partition past what the mock keeps: the alarm counts what is missing. */
Test(kafka, gap_alarm, .timeout = 60)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[128], value[10000];
    struct kafka_intake_stats s;
    rd_kafka_t *rk;

    rig_open(&rig, 1);
    rig_enqueue(&rig, 0, 1, "x");
    rd_kafka_conf_set(conf, "bootstrap.servers", kafka_broker_address(rig.broker), why, sizeof why);
    rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    memset(value, 'v', sizeof value);
    for (int i = 0; i < 800; i++)
        cr_assert_eq(rd_kafka_producev(rk, RD_KAFKA_V_TOPIC("llm.requests"),
                                       RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_KEY("k1", 2),
                                       RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                       RD_KAFKA_V_VALUE(value, sizeof value), RD_KAFKA_V_END),
                     0);
    rd_kafka_flush(rk, 10000);
    rd_kafka_destroy(rk);
    rig_start(&rig);
    RIG_WAIT((kafka_intake_stats(rig.in, &s), s.records + s.lost == 801), "all records");
    cr_assert_gt(s.lost, 0);
    rig_stop(&rig);
    rig_close(&rig);
}

static void *enqueue_thread(void *arg)
{
    rig_enqueue(&rig, 0, 3000, arg);
    return NULL;
}

/* 12 MB of requests and of replies through one partition that keeps 5 MiB, with nobody reading at first:
 * enqueue waits for the worker, the worker for the collector, and nothing drops off. */
Test(kafka, bounded_against_the_embedded_broker, .timeout = 120)
{
    struct kafka_reader_setup rs = {.config = rig.config, .topic = "llm.replies"};
    struct kafka_publisher_stats ps;
    struct kafka_intake_stats is;
    struct kafka_reader *reader;
    struct kafka_record rec;
    struct err e = {0};
    pthread_t thread;
    char *value = mem_alloc(4001);
    size_t replies = 0;

    memset(value, 'v', 4000);
    rig_open(&rig, 1);
    rs.config = rig.config;
    rig_start(&rig);
    cr_assert_eq(pthread_create(&thread, NULL, enqueue_thread, value), 0);
    RIG_WAIT((rig_finish_all(&rig, value), kafka_publisher_stats(rig.pub, &ps), ps.held > 0),
             "replies that are held back");
    cr_assert_lt(ps.replies, 1310, "more than 5 MiB of replies without a reader");
    reader = kafka_reader_new(&rs, 10000, &e);
    cr_assert(reader, "%s", e.msg);
    while (replies < 3000) {
        rig_finish_all(&rig, value);
        if (kafka_reader_poll(reader, 10, &rec, &e) == KAFKA_RECORD)
            replies++;
        if (replies % 100 == 0)
            kafka_reader_commit(reader, false, &e);
    }
    pthread_join(thread, NULL);
    cr_assert_eq(kafka_reader_lost(reader), 0);
    kafka_intake_stats(rig.in, &is);
    cr_assert_eq(is.lost, 0);
    cr_assert_eq(rig.received, 3000);
    kafka_reader_free(reader);
    rig_stop(&rig);
    rig_close(&rig);
    free(value);
}

Test(kafka, probe_and_topics, .timeout = 60)
{
    struct kafka_info info;
    struct err e = {0};
    struct config *none = config_new();

    rig_open(&rig, 3);
    cr_assert_eq(kafka_probe(rig.config, 5000, &info, &e), 0, "%s", e.msg);
    cr_assert(info.embedded);
    cr_assert_eq(kafka_topic_partitions(rig.config, "llm.requests", 5000, &e), 3);
    cr_assert_eq(kafka_config_check(rig.config, true, &e), 0, "%s", e.msg);
    cr_assert_lt(kafka_config_check(none, true, &e), 0);
    cr_assert(strstr(e.msg, "kafka.bootstrap.servers"));
    free(rig.config->topics.requests.at[0]);
    rig.config->topics.requests.at[0] = mem_strdup("^in.*");
    cr_assert_lt(kafka_config_check(rig.config, true, &e), 0);
    cr_expect(strstr(e.msg, "limits_scope"), "%s", e.msg);
    rig_property(&none->kafka, "bootstrap.servers", "127.0.0.1:1");
    cr_assert_lt(kafka_config_check(none, true, &e), 0);
    cr_assert(strstr(e.msg, "kafka.group.id"));
    cr_assert_lt(kafka_probe(none, 1500, &info, &e), 0);
    cr_assert(strstr(e.msg, "127.0.0.1:1"), "%s", e.msg);
    rig_property(&none->kafka, "bootstrap.serverz", "x");
    cr_assert_lt(kafka_probe(none, 1500, &info, &e), 0);
    cr_assert(strstr(e.msg, "kafka.bootstrap.serverz"), "%s", e.msg);
    config_free(none);
    rig_close(&rig);
}
