/* What the records look like that come out: topic, partition and headers of replies, seen by a reader. */
#include "tests/unit/io/kafka_rig.h"

#define OTHER "llm.other"

struct header {
    const char *name;
    const char *value;
    size_t len; /* 0: strlen(value) */
};

struct row {
    const char *key;
    struct header in[6];
    const char *topic; /* where the reply is expected */
    int partition;     /* -1: any */
    struct header out[6];
};

#define UUID  "\x00\x11\xff\x00\x7f\x80\xfe\x01\x00\x00\x0a\x0d\x27\x22\x5c\x00"
#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

/* clang-format off */
static const struct row rows[] = {
    {"plain", {{0}}, "llm.replies", -1,
     {{"sluice-task-id", "plain", 0}, {"sluice-source-topic", "llm.requests", 0}}},
    {"allowed", {{"kafka_replyTopic", OTHER, 0}}, OTHER, -1, {{"sluice-task-id", "allowed", 0}}},
    {"refused", {{"kafka_replyTopic", "secrets", 0}}, "llm.replies", -1,
     {{"sluice-task-id", "refused", 0}}},
    {"partition", {{"kafka_replyTopic", OTHER, 0}, {"kafka_replyPartition", "\0\0\0\2", 4}}, OTHER, 2,
     {{"sluice-task-id", "partition", 0}}},
    {"uuid", {{"kafka_correlationId", UUID, 16}}, "llm.replies", -1,
     {{"kafka_correlationId", UUID, 16}}},
    {"trace", {{"traceparent", TRACE, 0}, {"tracestate", "a=b", 0}, {"sluice-run", "r1", 0}},
     "llm.replies", -1, {{"traceparent", TRACE, 0}, {"tracestate", "a=b", 0}, {"sluice-run", "r1", 0}}},
    {"event", {{"ce_specversion", "1.0", 0}, {"ce_id", "e-1", 0}, {"ce_type", "ask", 0},
               {"ce_source", "/me", 0}}, "llm.replies", -1,
     {{"ce_specversion", "1.0", 0}, {"ce_type", "ai.sluice.reply", 0}, {"ce_source", "/sluice", 0},
      {"content-type", "application/json", 0}}},
};
/* clang-format on */

#define ROWS (sizeof rows / sizeof rows[0])

static struct rig rig;

static size_t length(const struct header *h)
{
    return h->len ? h->len : strlen(h->value);
}

static void send_rows(void)
{
    struct err e = {0};
    struct kafka_producer_setup ps = {rig.config, "llm.requests", 1 << 20, &rig.fatal};
    struct kafka_producer *p = kafka_producer_new(&ps, 10000, &e);

    cr_assert(p, "%s", e.msg);
    for (size_t i = 0; i < ROWS; i++) {
        struct kafka_record rec = {.key = rows[i].key, .value = "{}", .value_len = 2};

        rec.key_len = strlen(rec.key);
        for (size_t h = 0; h < 6 && rows[i].in[h].name; h++)
            rec.fields[rec.nfields++] = (struct kafka_field){
                rows[i].in[h].name, rows[i].in[h].value, length(&rows[i].in[h])};
        cr_assert_eq(kafka_producer_send(p, &rec, &e), KAFKA_SENT, "%s", e.msg);
    }
    cr_assert(kafka_producer_flush(p, 10000));
    kafka_producer_free(p);
}

static void check(const struct row *row, const struct kafka_record *rec)
{
    if (row->partition >= 0)
        cr_assert_eq(rec->partition, row->partition, "%s: partition %d", row->key, rec->partition);
    for (size_t i = 0; i < rec->nfields; i++)
        for (size_t k = 0; k < i; k++)
            cr_assert_str_neq(rec->fields[i].name, rec->fields[k].name, "%s: header twice",
                              row->key);
    for (size_t h = 0; h < 6 && row->out[h].name; h++) {
        const struct header *want = &row->out[h];
        size_t i = 0;

        while (i < rec->nfields && strcmp(rec->fields[i].name, want->name) != 0)
            i++;
        cr_assert_lt(i, rec->nfields, "%s: no header %s", row->key, want->name);
        cr_assert_eq(rec->fields[i].len, length(want), "%s: %s", row->key, want->name);
        cr_assert_eq(memcmp(rec->fields[i].value, want->value, length(want)), 0, "%s: %s", row->key,
                     want->name);
    }
}

/* Counts the row that a reply answers, if there is one, and looks at the reply. */
static size_t answered(const char *topic, const struct kafka_record *rec)
{
    size_t n = 0;

    for (size_t i = 0; i < ROWS; i++)
        if (rec->key_len == strlen(rows[i].key) &&
            memcmp(rec->key, rows[i].key, rec->key_len) == 0) {
            cr_assert_str_eq(topic, rows[i].topic, "%s", rows[i].key);
            check(&rows[i], rec);
            n++;
        }
    return n;
}

/* Reads the replies of a topic until they have answered `want` rows, and a moment longer. Returns how many rows
 * they answered. */
static size_t read_topic(const char *topic, size_t want)
{
    struct err e = {0};
    struct kafka_reader_setup rs = {.config = rig.config, .topic = topic, .fatal = &rig.fatal};
    struct kafka_reader *r = kafka_reader_new(&rs, 10000, &e);
    int64_t until_us = clock_mono_us() + 15 * 1000000LL;
    struct kafka_record rec;
    size_t n = 0;
    int got;

    cr_assert(r, "%s", e.msg);
    do {
        got = kafka_reader_poll(r, 500, &rec, &e);
        if (got == KAFKA_RECORD)
            n += answered(topic, &rec);
    } while (got == KAFKA_RECORD || (n < want && clock_mono_us() < until_us));
    kafka_reader_free(r);
    return n;
}

Test(kafka_records, replies, .timeout = 60)
{
    struct err e = {0};
    struct string_list *allow;

    rig_open(&rig, 4);
    cr_assert_eq(kafka_broker_topic(rig.broker, OTHER, 4, &e), 0);
    allow = &rig.config->topics.reply_allow;
    allow->at = mem_grow(allow->at, allow->count + 1, sizeof *allow->at);
    allow->at[allow->count++] = mem_strdup(OTHER);
    send_rows();
    rig_start(&rig);
    RIG_WAIT(rig.received == ROWS, "the records");
    rig_finish_all(&rig, "{}");
    RIG_WAIT(rig.forgotten == ROWS, "commits");
    rig_stop(&rig);
    cr_assert_eq(read_topic(OTHER, 2), 2);
    cr_assert_eq(read_topic("llm.replies", ROWS - 2), ROWS - 2);
    rig_close(&rig);
}
