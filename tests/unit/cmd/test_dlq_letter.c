/* letter: the headers of sluice, Kafka Connect and Spring, what is restored, and bytes that are no text. */
#include "cmd/dlq/letter.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

static struct kafka_record record;

static void add(const char *name, const void *value, size_t len)
{
    record.fields[record.nfields++] = (struct kafka_field){name, value, len};
}

static void add_text(const char *name, const char *value)
{
    add(name, value, strlen(value));
}

static void start(void)
{
    record = (struct kafka_record){.key = "row-1",
                                   .key_len = 5,
                                   .value = "{\"custom_id\":\"id-1\"}",
                                   .value_len = 20,
                                   .partition = 3,
                                   .offset = 77,
                                   .timestamp_ms = 1796083200000};
}

TestSuite(letter, .init = start);

static void add_connect(const char *topic, const char *offset)
{
    add_text("__connect.errors.topic", topic);
    add_text("__connect.errors.partition", "2");
    add_text("__connect.errors.offset", offset);
    add_text("__connect.errors.connector.name", "jdbc-sink");
    add_text("__connect.errors.exception.class.name", "org.apache.kafka.DataException");
    add_text("__connect.errors.exception.message", "cannot convert");
}

static void add_spring(const char *prefix, const char *topic)
{
    static char names[8][64];
    static const char *const rest[] = {
        "original-topic",    "original-partition",   "original-offset",   "exception-fqcn",
        "exception-message", "exception-stacktrace", "original-timestamp"};

    for (size_t i = 0; i < ARRAY_LEN(rest); i++)
        snprintf(names[i], sizeof names[i], "%s%s", prefix, rest[i]);
    add_text(names[0], topic);
    add(names[1], "\0\0\1\2", 4);
    add(names[2], "\0\0\0\0\0\1\0\0", 8);
    add_text(names[3], "java.lang.IllegalStateException");
    add_text(names[4], "no");
    add_text(names[5], "at a\nat b");
    add(names[6], "\0\0\0\0\0\0\0\1", 8);
    add_text("kafka_dlt-original-consumer-group", "billing");
}

static bool is(struct letter_text t, const char *want)
{
    return t.at && t.len == strlen(want) && memcmp(t.at, want, t.len) == 0;
}

Test(letter, of_connect)
{
    struct letter l;

    add_connect("orders", "9000000000");
    cr_assert_eq(letter_read(&record, &l), LETTER_GOOD);
    cr_expect_eq(l.writer, LETTER_CONNECT);
    cr_expect_str_eq(l.topic, "orders");
    cr_expect_eq(l.partition, 2);
    cr_expect_eq(l.offset, 9000000000);
    cr_expect(is(l.code, "org.apache.kafka.DataException"));
    cr_expect(is(l.message, "cannot convert"));
    cr_expect_null(l.group.at);
}

Test(letter, of_spring_and_its_retry_topics)
{
    static const char *const prefixes[] = {"kafka_dlt-", "kafka_"};

    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        struct letter l;

        start();
        add_spring(prefixes[i], "payments");
        cr_assert_eq(letter_read(&record, &l), LETTER_GOOD, "%s", prefixes[i]);
        cr_expect_eq(l.writer, LETTER_SPRING);
        cr_expect_str_eq(l.topic, "payments");
        cr_expect_eq(l.partition, 258);
        cr_expect_eq(l.offset, 65536);
        cr_expect(is(l.code, "java.lang.IllegalStateException"));
        cr_expect(is(l.group, "billing"));
    }
}

Test(letter, of_sluice_has_both_sets)
{
    struct letter l;

    add_text("__connect.errors.topic", "payments");
    add_text("__connect.errors.partition", "258");
    add_text("__connect.errors.offset", "65536");
    add_text("__connect.errors.connector.name", "sluice");
    add_text("__connect.errors.exception.class.name", "bad_record");
    add_spring("kafka_dlt-", "payments");
    cr_assert_eq(letter_read(&record, &l), LETTER_GOOD);
    cr_expect_eq(l.writer, LETTER_SLUICE);
    cr_expect(is(l.code, "bad_record"));
    cr_expect(is(l.group, "billing"));
}

/* Who wrote last knows the topic that the record was on last. */
Test(letter, that_died_twice)
{
    struct letter l;

    add_spring("kafka_dlt-", "payments");
    add_connect("payments-dlt", "5");
    cr_assert_eq(letter_read(&record, &l), LETTER_GOOD);
    cr_expect_eq(l.writer, LETTER_CONNECT);
    cr_expect_str_eq(l.topic, "payments-dlt");
    start();
    add_connect("payments", "5");
    add_spring("kafka_dlt-", "payments-dlt");
    cr_assert_eq(letter_read(&record, &l), LETTER_GOOD);
    cr_expect_eq(l.writer, LETTER_SPRING);
    cr_expect_str_eq(l.topic, "payments-dlt");
    start();
    add_spring("kafka_dlt-", "first");
    add_spring("kafka_dlt-", "second");
    cr_assert_eq(letter_read(&record, &l), LETTER_GOOD);
    cr_expect_str_eq(l.topic, "second");
}

Test(letter, foreign_records)
{
    struct letter l;
    char longest[300];

    cr_expect_eq(letter_read(&record, &l), LETTER_FOREIGN);
    add_text("traceparent", "00-1-2-01");
    add_text("kafka_replyTopic", "replies");
    cr_expect_eq(letter_read(&record, &l), LETTER_FOREIGN);
    add_text("__connect.errors.offset", "1");
    cr_expect_eq(letter_read(&record, &l), LETTER_FOREIGN, "no topic");
    add_text("__connect.errors.topic", "");
    cr_expect_eq(letter_read(&record, &l), LETTER_FOREIGN, "an empty topic");
    add_text("__connect.errors.topic", "a\"b");
    cr_expect_eq(letter_read(&record, &l), LETTER_FOREIGN, "no name of a topic");
    memset(longest, 'x', sizeof longest);
    add("__connect.errors.topic", longest, sizeof longest);
    cr_expect_eq(letter_read(&record, &l), LETTER_FOREIGN, "too long");
    add("__connect.errors.topic", NULL, 0);
    cr_expect_eq(letter_read(&record, &l), LETTER_FOREIGN, "null");
    add("__connect.errors.topic", longest, 249);
    cr_expect_eq(letter_read(&record, &l), LETTER_GOOD);
}

Test(letter, numbers_that_are_none_are_unknown)
{
    static const char *const bad[] = {"", "x", "-5", "12345678901234567890123", "1.5"};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct letter l;

        start();
        add_text("__connect.errors.topic", "t");
        add_text("__connect.errors.offset", bad[i]);
        add("__connect.errors.partition", "\0\0", 2);
        cr_assert_eq(letter_read(&record, &l), LETTER_GOOD);
        cr_expect_eq(l.offset, -1, "\"%s\"", bad[i]);
        cr_expect_eq(l.partition, -1);
    }
}

Test(letter, ids)
{
    static const struct {
        const char *value, *key, *id;
    } rows[] = {
        {"{\"custom_id\":\"c\",\"task_id\":\"t\"}", "k", "c"},
        {"{\"task_id\":\"t\"}", "k", "t"},
        {"{\"custom_id\":7}", "k", "k"},
        {"not json", "k", "k"},
        {NULL, "k", "k"},
        {"[]", NULL, "orders-2-5"},
        {"{}", "", "orders-2-5"},
    };
    struct buf id = BUF_INIT(1000);

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct letter l;

        start();
        record.value = rows[i].value;
        record.value_len = rows[i].value ? strlen(rows[i].value) : 0;
        record.key = rows[i].key;
        record.key_len = rows[i].key ? strlen(rows[i].key) : 0;
        add_connect("orders", "5");
        cr_assert_eq(letter_read(&record, &l), LETTER_GOOD);
        letter_id(&l, &id);
        cr_expect_str_eq(id.data, rows[i].id, "row %zu: %s", i, id.data);
    }
    buf_done(&id);
}

/* Whatever is in there, the line is JSON and holds nothing of the value. */
Test(letter, line_of_any_bytes)
{
    CLEANUP_JSON struct json_object *line = NULL;
    struct buf out = BUF_INIT(100000);
    struct letter l;
    struct err e = {0};
    char message[3001];

    memset(message, 'm', sizeof message);
    memcpy(message + 1999, "\xc3\xa4", 2); /* the cut would go through it */
    record.key = "\xff\"\n\\\xc3";
    record.key_len = 5;
    record.value = "secret";
    record.value_len = 6;
    add_connect("orders", "5");
    add("__connect.errors.exception.message", message, sizeof message);
    cr_assert_eq(letter_read(&record, &l), LETTER_GOOD);
    letter_format(&l, "dead", "id", "back", &out);
    cr_assert_eq(json_parse(out.data, out.len, &line, &e), 0, "%s: %s", e.msg, out.data);
    cr_expect_str_eq(json_get_str(line, "key"), "?\"\n\\?");
    cr_expect_str_eq(json_get_str(line, "to"), "back");
    cr_expect_str_eq(json_get_str(line, "time"), "2026-12-01T00:00:00.000Z");
    cr_expect_eq(strlen(json_get_str(line, "message")), 1999);
    cr_expect_eq(json_get_int(line, "bytes", 0), 6);
    cr_expect_eq(json_get_int(json_get(line, "dead_letter"), "offset", 0), 77);
    cr_expect_eq(json_get_int(json_get(line, "source"), "offset", 0), 5);
    cr_expect_null(strstr(out.data, "secret"));
    buf_done(&out);
}

static const struct kafka_field *field(const struct kafka_record *r, const char *name)
{
    for (size_t i = 0; i < r->nfields; i++)
        if (strcmp(r->fields[i].name, name) == 0)
            return &r->fields[i];
    return NULL;
}

/* Twice around: the user's headers stay as they were, in order; those of death go; the count goes up. */
Test(letter, restored)
{
    struct kafka_record again, thrice;
    struct letter_own own, own2;
    struct letter l;

    add_text("sluice-run", "first");
    add("kafka_correlationId", "\0\1\xff", 3);
    add("empty", NULL, 0);
    add_spring("kafka_dlt-", "payments");
    add_text("retry_topic-attempts", "3");
    add_connect("orders", "5");
    cr_assert_eq(letter_read(&record, &l), LETTER_GOOD);
    letter_restore(&l, "dead", NULL, &own, &again);
    cr_assert_eq(again.nfields, 5);
    cr_expect_str_eq(again.fields[0].name, "sluice-run");
    cr_expect_eq(again.fields[1].len, 3);
    cr_expect_eq(memcmp(again.fields[1].value, "\0\1\xff", 3), 0);
    cr_expect_null(again.fields[2].value);
    cr_expect_str_eq(field(&again, LETTER_FROM_HEADER)->value, "dead/3/77");
    cr_expect_str_eq(field(&again, LETTER_COUNT_HEADER)->value, "1");
    cr_expect_eq(again.key, record.key);
    cr_expect_eq(again.value, record.value);
    cr_expect_eq(again.offset, 77, "names where it was read");

    record = again;
    record.offset = 80;
    add_connect("orders", "6");
    cr_assert_eq(letter_read(&record, &l), LETTER_GOOD);
    cr_expect_eq(l.replays, 1);
    letter_restore(&l, "dead", "second", &own2, &thrice);
    cr_assert_eq(thrice.nfields, 5);
    cr_expect_str_eq(field(&thrice, "sluice-run")->value, "second");
    cr_expect_str_eq(field(&thrice, LETTER_FROM_HEADER)->value, "dead/3/80");
    cr_expect_str_eq(field(&thrice, LETTER_COUNT_HEADER)->value, "2");
}
