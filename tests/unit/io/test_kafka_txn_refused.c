/* Records that the broker never takes, and topics that are not there: nobody else is held up. */
#include "tests/unit/io/txn_rig.h"

#include "task/reply.h"

static struct txn_rig rig;

static void begin(void)
{
    txn_open_rig(&rig);
}

static void end(void)
{
    txn_close_rig(&rig);
}

TestSuite(kafka_txn_refused, .init = begin, .fini = end, .timeout = 60);

static void use_topic(const char *replies)
{
    free(rig.config->topics.replies);
    rig.config->topics.replies = mem_strdup(replies);
}

/* One partition: the records of a batch are one request. */
static void use_single_partition(void)
{
    cr_assert_eq(rd_kafka_mock_topic_create(rig.cluster, "single", 1, 1), 0);
    use_topic("single");
}

static struct task *first(struct list_node *l)
{
    cr_assert_not(list_empty(l));
    return CONTAINER_OF(l->next, struct task, node);
}

static void expect_replaced(const struct task *t)
{
    cr_expect(t->undeliverable);
    cr_expect_not(t->ok);
    cr_expect(strstr(t->reply, "reply_undeliverable"), "%s", t->reply);
}

static bool has_offset(const struct list_node *l, int64_t offset)
{
    for (const struct list_node *n = l->next; n != l; n = n->next)
        if (CONTAINER_OF(n, struct task, node)->origin.offset == offset)
            return true;
    return false;
}

/* Half of the tasks of l, at least one. */
static struct kafka_batch *half(struct list_node *l)
{
    struct kafka_batch *b = txn_batch(100);
    size_t n = (txn_count(l) + 1) / 2;

    while (n--)
        txn_add(b, CONTAINER_OF(list_pop(l), struct task, node));
    return b;
}

/* 1 of 50 is refused whenever it is sent. The set it was sent in comes back refused, half of it at a time
 * is tried as the intake does, and the others go through. */
Test(kafka_txn_refused, one_of_fifty)
{
    const int64_t bad = 17;
    struct kafka_batch *b;
    struct list_node left, *n;
    size_t acked = 0, rounds = 0;
    bool replaced = false;

    use_single_partition();
    txn_start(&rig);
    txn_fail_next(&rig, API_PRODUCE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    b = txn_run(&rig, txn_batch_of(0, 50), 0, 0, 50);
    cr_assert_eq(b->rest_us, 0);
    cr_assert_eq(txn_stats(&rig)->aborts[KAFKA_ABORT_REFUSED], 1);
    list_init(&left);
    while (acked < 50) {
        size_t sent;
        bool has_bad, lone;

        list_splice(&left, &b->refused);
        list_splice(&left, &b->again);
        txn_discard(b);
        b = half(&left);
        sent = b->count;
        lone = sent == 1;
        has_bad = has_offset(&b->outcomes, bad) && !replaced;
        if (has_bad)
            txn_fail_next(&rig, API_PRODUCE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
        txn_run(&rig, b, has_bad ? 0 : sent, has_bad && lone, has_bad && !lone ? sent : 0);
        if (has_bad && lone) {
            expect_replaced(first(&b->again));
            replaced = true;
        }
        while ((n = list_pop(&b->acked))) {
            task_free(CONTAINER_OF(n, struct task, node));
            acked++;
        }
        cr_assert_lt(++rounds, 20);
    }
    txn_discard(b);
    cr_assert(list_empty(&left));
    txn_stats(&rig);
    cr_assert_eq(rig.stats.replies, 50);
    cr_assert_eq(rig.stats.undeliverable, 1);
    cr_assert_eq(rig.stats.dead_letters, 1);
    cr_assert_eq(rig.stats.in_doubt, 0);
    cr_assert_eq(rig.stats.aborts[KAFKA_ABORT_OTHER], 0, "sequence numbers were missing");
}

/* The client knows the limit: what is above it is replaced within the same transaction. */
Test(kafka_txn_refused, too_large_for_the_client)
{
    struct kafka_batch *b = txn_batch(3);
    char *large = mem_array(5001, 1);

    rig_property(&rig.config->kafka_producer, "message.max.bytes", "3000");
    txn_start(&rig);
    memset(large, 'x', 5000);
    txn_add(b, txn_task(0, "{}"));
    txn_add(b, txn_task(1, large));
    txn_add(b, txn_task(2, "{}"));
    txn_run(&rig, b, 3, 0, 0);
    expect_replaced(CONTAINER_OF(b->acked.next->next, struct task, node));
    txn_discard(b);
    free(large);
    cr_assert_eq(txn_stats(&rig)->undeliverable, 1);
    cr_assert_eq(rig.stats.dead_letters, 1);
    cr_assert_eq(rig.stats.commits, 1);
}

/* A dead letter that is too large goes without, and holds nothing up. */
Test(kafka_txn_refused, dead_letter_too_large)
{
    struct kafka_batch *b = txn_batch(1);
    struct task *t = txn_task(0, "{}");

    rig_property(&rig.config->kafka_producer, "message.max.bytes", "3000");
    txn_start(&rig);
    free(t->raw);
    t->raw = mem_array(5001, 1);
    memset(t->raw, 'x', 5000);
    t->raw_len = 5000;
    t->bad_record = true;
    txn_add(b, t);
    txn_run(&rig, b, 1, 0, 0);
    cr_assert(first(&b->acked)->no_dead_letter);
    txn_discard(b);
    cr_assert_eq(txn_stats(&rig)->replies, 1);
    cr_assert_eq(rig.stats.dead_letters, 0);
}

static void ask_for(struct task *t, const char *topic, const char *partition)
{
    cr_assert_eq(task_header_add(t, "kafka_replyTopic", topic, strlen(topic)), 0);
    if (partition)
        cr_assert_eq(task_header_add(t, "kafka_replyPartition", partition, strlen(partition)), 0);
}

static void allow(const char *topic)
{
    struct string_list *l = &rig.config->topics.reply_allow;

    l->at = mem_grow(l->at, l->count + 1, sizeof *l->at);
    l->at[l->count++] = mem_strdup(topic);
}

/* Found before the transaction begins: there is no abort. */
Test(kafka_txn_refused, partition_out_of_range)
{
    struct kafka_batch *b = txn_batch(3);

    allow("other");
    txn_start(&rig);
    for (int i = 0; i < 3; i++)
        txn_add(b, txn_task(i, "{}"));
    ask_for(CONTAINER_OF(b->outcomes.next, struct task, node), "other", "1");
    ask_for(CONTAINER_OF(b->outcomes.prev, struct task, node), "other", "2");
    txn_run(&rig, b, 3, 0, 0);
    cr_expect_not(first(&b->acked)->undeliverable);
    expect_replaced(CONTAINER_OF(b->acked.prev, struct task, node));
    txn_discard(b);
    cr_assert_eq(txn_stats(&rig)->undeliverable, 1);
    cr_assert_eq(rig.stats.dead_letters, 1);
}

/* The dead-letter topic is missing: what needs it is taken apart, and the others go out. */
Test(kafka_txn_refused, missing_dead_letter_topic)
{
    struct kafka_batch *b = txn_batch_of(0, 3);
    struct kafka_batch *apart = txn_batch(3);
    struct task *bad = txn_task(3, "{}");

    free(rig.config->topics.dead_letter);
    rig.config->topics.dead_letter = mem_strdup("late-dead");
    rd_kafka_mock_topic_set_error(rig.cluster, "late-dead",
                                  RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    bad->bad_record = true;
    task_fail(bad, "bad_record", "not JSON");
    txn_add(b, bad);
    txn_start(&rig);
    b = txn_run(&rig, b, 0, 3, 1);
    cr_assert_eq(first(&b->refused), bad);
    list_push(&apart->outcomes, list_pop(&b->refused));
    apart->count = 1;
    txn_expect(&rig, txn_again(b), 3, 0, 0);
    apart = txn_run(&rig, apart, 0, 0, 1);
    cr_assert_gt(apart->rest_us, 0, "it is tried in a loop");
    txn_discard(apart);
    cr_assert_eq(txn_stats(&rig)->replies, 3);
}

/* A topic that a request asks for and that stays missing: its reply is replaced, the others wait for one
 * look more. */
Test(kafka_txn_refused, missing_topic_of_a_request)
{
    struct kafka_batch *b = txn_batch_of(0, 2);
    size_t rounds = 0;

    allow("missing");
    rd_kafka_mock_topic_set_error(rig.cluster, "missing", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    ask_for(first(&b->outcomes), "missing", NULL);
    txn_start(&rig);
    for (;;) {
        kafka_publisher_submit(rig.pub, b);
        cr_assert_eq(txn_settled(&rig), b);
        if (list_empty(&b->again))
            break;
        cr_assert_gt(b->rest_us, 0);
        cr_assert_lt(++rounds, 5);
        poll(NULL, 0, (int)(b->rest_us / 1000)); /* as the intake does */
        b = txn_again(b);
    }
    cr_assert_eq(txn_count(&b->acked), 2);
    expect_replaced(first(&b->acked));
    txn_discard(b);
    cr_assert_eq(txn_stats(&rig)->undeliverable, 1);
    cr_assert_eq(rig.stats.aborts[KAFKA_ABORT_TOPIC], 0, "it was found before the begin");
}

/* Nobody leads a partition of a topic that a request asks for: the records time out, then the reply for it
 * is replaced, and the others go through. */
Test(kafka_txn_refused, partition_without_leader)
{
    struct kafka_batch *b = txn_batch_of(0, 2), *before = txn_batch_of(2, 3);

    allow("other");
    rig_property(&rig.config->kafka_producer, "transaction.timeout.ms", "2000");
    txn_start(&rig);
    ask_for(first(&b->outcomes), "other", "1");
    ask_for(first(&before->outcomes), "other", "1");
    txn_expect(&rig, before, 1, 0, 0);
    rd_kafka_mock_partition_set_leader(rig.cluster, "other", 1, -1);
    for (;;) {
        kafka_publisher_submit(rig.pub, b);
        cr_assert_eq(txn_settled(&rig), b);
        if (list_empty(&b->again))
            break;
        cr_assert_lt(rig.taken, 60);
        poll(NULL, 0, (int)(b->rest_us / 1000)); /* as the intake does */
        b = txn_again(b);
    }
    cr_assert_eq(txn_count(&b->acked), 2);
    expect_replaced(first(&b->acked));
    txn_discard(b);
    cr_assert_eq(txn_stats(&rig)->undeliverable, 1);
    cr_assert_gt(rig.stats.aborts[KAFKA_ABORT_OTHER], 0, "it was known, and timed out");
}

/* A topic of the configuration is waited for, and nothing is replaced. */
Test(kafka_txn_refused, missing_default_topic)
{
    struct kafka_batch *b = txn_batch_of(0, 2);

    use_topic("late");
    rd_kafka_mock_topic_set_error(rig.cluster, "late", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    txn_start(&rig);
    for (int i = 0; i < 3; i++) {
        b = txn_run(&rig, b, 0, 2, 0);
        cr_assert_geq(b->rest_us, 500 * 1000);
        poll(NULL, 0, 200);
        b = txn_again(b);
    }
    rd_kafka_mock_topic_set_error(rig.cluster, "late", RD_KAFKA_RESP_ERR_NO_ERROR);
    for (;;) { /* a "no" is kept for some seconds */
        kafka_publisher_submit(rig.pub, b);
        cr_assert_eq(txn_settled(&rig), b);
        if (list_empty(&b->again))
            break;
        b = txn_again(b);
        poll(NULL, 0, 100);
    }
    txn_discard(b);
    cr_assert_eq(txn_stats(&rig)->undeliverable, 0);
    cr_assert_eq(rig.stats.replies, 2);
}

/* Seen, but closed to us: the transaction fails as a whole, and those who asked for the topic are to blame. */
Test(kafka_txn_refused, topic_not_authorised)
{
    struct kafka_batch *b = txn_batch_of(0, 3);

    allow("other");
    ask_for(first(&b->outcomes), "other", NULL);
    txn_start(&rig);
    txn_fail_next(&rig, API_ADD_PARTITIONS, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    b = txn_run(&rig, b, 0, 3, 0);
    cr_assert_eq(txn_stats(&rig)->undeliverable, 1);
    expect_replaced(first(&b->again));
    txn_expect(&rig, txn_again(b), 3, 0, 0);
    cr_assert_eq(rig.stats.in_doubt, 0);
}

static const struct kafka_field *field(const struct kafka_record *rec, const char *name)
{
    for (size_t i = 0; i < rec->nfields; i++)
        if (strcmp(rec->fields[i].name, name) == 0)
            return &rec->fields[i];
    cr_assert_fail("no header %s", name);
    return NULL;
}

static void expect_text(const struct kafka_record *rec, const char *name, const char *value)
{
    const struct kafka_field *f = field(rec, name);

    cr_expect(f->len == strlen(value) && memcmp(f->value, value, f->len) == 0, "%s is %.*s", name,
              (int)f->len, (const char *)f->value);
}

static void expect_bytes(const struct kafka_record *rec, const char *name, const char *bytes,
                         size_t len)
{
    const struct kafka_field *f = field(rec, name);

    cr_expect(f->len == len && memcmp(f->value, bytes, len) == 0, "%s", name);
}

/* The headers that Kafka Connect's and Spring's tools read. */
Test(kafka_txn_refused, dead_letter_headers)
{
    struct kafka_batch *b = txn_batch(259);
    struct task *t = txn_task(258, "{}");
    struct kafka_reader_setup rs = {.config = rig.config, .topic = "llm.dead"};
    struct kafka_reader *reader;
    struct kafka_record rec = {0};
    struct err e = {0};

    t->bad_record = true;
    t->record_ms = 0x0102030405;
    task_fail(t, "bad_record", "not JSON");
    txn_add(b, t);
    txn_start(&rig);
    txn_expect(&rig, b, 1, 0, 0);
    reader = kafka_reader_new(&rs, 10000, &e);
    cr_assert(reader, "%s", e.msg);
    RIG_WAIT(kafka_reader_poll(reader, 100, &rec, &e) == KAFKA_RECORD, "the dead letter");
    cr_expect(rec.value_len == 11 && memcmp(rec.value, "the request", 11) == 0);
    expect_text(&rec, "__connect.errors.topic", "llm.requests");
    expect_text(&rec, "__connect.errors.partition", "0");
    expect_text(&rec, "__connect.errors.offset", "258");
    expect_text(&rec, "__connect.errors.connector.name", "sluice");
    expect_text(&rec, "__connect.errors.task.id", "0");
    expect_text(&rec, "__connect.errors.stage", "VALUE_CONVERTER");
    expect_text(&rec, "__connect.errors.class.name", "sluice");
    expect_text(&rec, "__connect.errors.exception.class.name", "bad_record");
    expect_text(&rec, "__connect.errors.exception.message", "not JSON");
    expect_text(&rec, "__connect.errors.exception.stacktrace", "bad_record: not JSON");
    expect_text(&rec, "kafka_dlt-original-topic", "llm.requests");
    expect_bytes(&rec, "kafka_dlt-original-partition", "\0\0\0\0", 4);
    expect_bytes(&rec, "kafka_dlt-original-offset", "\0\0\0\0\0\0\1\2", 8);
    expect_bytes(&rec, "kafka_dlt-original-timestamp", "\0\0\0\1\2\3\4\5", 8);
    expect_text(&rec, "kafka_dlt-original-timestamp-type", "CreateTime");
    expect_text(&rec, "kafka_dlt-original-consumer-group", "test");
    expect_text(&rec, "kafka_dlt-exception-fqcn", "bad_record");
    expect_text(&rec, "kafka_dlt-exception-cause-fqcn", "bad_record");
    expect_text(&rec, "kafka_dlt-exception-message", "not JSON");
    expect_text(&rec, "kafka_dlt-exception-stacktrace", "bad_record: not JSON");
    kafka_reader_free(reader);
}
