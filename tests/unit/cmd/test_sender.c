/* Which rows are sent, in which form, and what the manifest says of them afterwards. */
#include "cmd/jobs/sender.h"
#include "scratch.h"
#include "tests/unit/io/kafka_rig.h"

#define MANIFEST "m.run"

static struct scratch scratch;
static struct rig rig;

static void setup(void)
{
    scratch_open(&scratch);
    rig_open(&rig, 1);
}

static void teardown(void)
{
    rig_close(&rig);
    scratch_close(&scratch);
}

TestSuite(sender, .init = setup, .fini = teardown, .timeout = 60);

/* A job of ten rows with the ids row0..row9, of which row 4 is longer than a record may be. */
struct job {
    struct run run;
    struct input *input;
    struct sender_setup setup;
    uint32_t unreadable;    /* the last one that was reported */
    const char *wanted;     /* digits of the rows that are wanted; NULL: all */
    struct sender_view end; /* as it ended */
};

static bool is_wanted(void *arg, uint32_t row)
{
    const struct job *j = arg;

    return !j->wanted || strchr(j->wanted, '0' + (int)row);
}

static void note_unreadable(void *arg, uint32_t row, struct task *t, const struct err *e)
{
    struct job *j = arg;

    cr_expect(e->msg[0]);
    j->unreadable = row;
    task_free(t);
}

static void job_open(struct job *j)
{
    static const struct input_options options = {0};
    struct err e = {0};
    FILE *f = fopen("in.jsonl", "w");

    for (int i = 0; i < 10; i++)
        fprintf(f, "{\"custom_id\":\"row%d\",\"prompt\":\"%0*d\"}\n", i, i == 4 ? 500000 : 1, i);
    fclose(f);
    *j = (struct job){.run = {.id = "r1", .topic = "llm.requests", .rows = 10}};
    j->input = input_open("in.jsonl", &options, 1000, &e);
    cr_assert(j->input, "%s", e.msg);
    j->setup = (struct sender_setup){.config = rig.config,
                                     .input = j->input,
                                     .run = &j->run,
                                     .manifest = MANIFEST,
                                     .fatal = &rig.fatal,
                                     .arg = j,
                                     .wanted = is_wanted,
                                     .unreadable = note_unreadable};
}

/* Sends to the end and compares the manifest. */
static void job_send(struct job *j, uint32_t settled)
{
    struct err e = {0};
    struct sender *s = sender_new(&j->setup, 10000, &e);
    struct run saved;
    int64_t until_us = clock_mono_us() + 20 * 1000000LL;
    int rc = 0;

    cr_assert(s, "%s", e.msg);
    while ((rc = sender_step(s, clock_mono_us(), &e)) != SENDER_DONE) {
        cr_assert(rc >= 0 && clock_mono_us() < until_us, "%d %s", rc, e.msg);
        sender_wait(s, 20);
    }
    cr_assert_eq(sender_finish(s, 0, &e), 0, "%s", e.msg);
    sender_look(s, &j->end);
    cr_expect_eq(j->end.under_way, 0);
    cr_expect_eq(j->end.settled, settled);
    cr_assert_eq(run_load(&saved, MANIFEST, &e), RUN_LOADED, "%s", e.msg);
    cr_expect_eq(saved.sent, settled);
    sender_free(s);
    input_close(j->input);
}

/* The keys of the topic, in order, and its last record. Commits as a worker would, without which the next sender is
 * held back. */
static void read_keys(char *keys, size_t cap, char *last, size_t last_cap)
{
    struct err e = {0};
    struct kafka_reader_setup rs = {
        .config = rig.config, .topic = "llm.requests", .group = "test", .fatal = &rig.fatal};
    struct kafka_reader *r = kafka_reader_new(&rs, 10000, &e);
    struct kafka_record rec;
    int64_t end = 0;

    cr_assert(r, "%s", e.msg);
    cr_assert_eq(kafka_reader_ends(r, &end, 10000, &e), 0, "%s", e.msg);
    *keys = '\0';
    while (end > 0 && kafka_reader_position(r, 0) < end) {
        size_t n = strlen(keys);

        if (kafka_reader_poll(r, 10000, &rec, &e) != KAFKA_RECORD)
            cr_assert_fail("the topic ends early: %s", e.msg);
        snprintf(keys + n, cap - n, "%.*s ", (int)rec.key_len, rec.key);
        snprintf(last, last_cap, "%.*s", (int)rec.value_len, rec.value);
        cr_assert_geq(rec.nfields, 1);
        cr_expect_str_eq(rec.fields[0].name, RUN_HEADER);
        cr_expect(rec.fields[0].len == 2 && memcmp(rec.fields[0].value, "r1", 2) == 0);
    }
    cr_assert_eq(kafka_reader_commit(r, true, &e), 0, "%s", e.msg);
    kafka_reader_free(r);
}

Test(sender, rows)
{
    static const struct {
        const char *wanted;
        uint32_t start, rows, settled; /* sent before; of the run; settled in the end */
        uint64_t limit;
        const char *keys;
    } cases[] = {
        {NULL, 0, 10, 10, 0, "row0 row1 row2 row3 row5 row6 row7 row8 row9 "},
        {NULL, 7, 10, 10, 0, "row7 row8 row9 "},
        {NULL, 0, 3, 3, 0, "row0 row1 row2 "},
        {"0389", 0, 10, 10, 0, "row0 row3 row8 row9 "},
        {"", 0, 10, 10, 0, ""},
        {"289", 0, 10, 9, 2, "row2 row8 "},
    };
    char all[1024] = "";
    char got[1024];
    char last[256];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct job j;
        size_t before = strlen(all);

        job_open(&j);
        j.wanted = cases[i].wanted;
        j.run.sent = cases[i].start;
        j.run.rows = cases[i].rows;
        j.setup.limit = cases[i].limit;
        cr_assert_eq(run_save(&j.run, MANIFEST, NULL), 0);
        job_send(&j, cases[i].settled);
        snprintf(all + before, sizeof all - before, "%s", cases[i].keys);
        read_keys(got, sizeof got, last, sizeof last);
        cr_expect_str_eq(got, all, "case %zu: %s", i, got);
    }
}

Test(sender, unreadable_rows_are_told_and_counted)
{
    struct job j;

    job_open(&j);
    job_send(&j, 10);
    cr_expect_eq(j.unreadable, 4);
    cr_expect_eq(j.end.skipped, 1);
    cr_expect_eq(j.end.sent, 9);
    cr_expect_eq(j.run.unreadable, 1);
}

Test(sender, model_goes_into_records_that_name_none)
{
    static const struct {
        const char *record, *part; /* part of what is sent */
    } rows[] = {
        {"{\"prompt\":\"x\"}", "\"model\":\"fast\""},
        {"{\"prompt\":\"x\",\"model\":\"own\"}", "\"model\":\"own\""},
        {"{\"body\":{\"prompt\":\"x\"}}", "{\"body\":{\"prompt\":\"x\",\"model\":\"fast\"}}"},
        {"{\"prompt\":\"x\",\"sluice\":{\"models\":[\"own\"]}}", "{\"prompt\":\"x\",\"sluice\""},
    };
    char keys[1024];
    char last[256];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct job j;
        struct err e = {0};

        job_open(&j);
        input_close(j.input);
        scratch_write("one.jsonl", rows[i].record);
        j.input = input_open("one.jsonl", &(struct input_options){0}, 1000, &e);
        cr_assert(j.input, "%s", e.msg);
        j.setup.input = j.input;
        j.setup.model = "fast";
        j.run.rows = 1;
        job_send(&j, 1);
        read_keys(keys, sizeof keys, last, sizeof last);
        cr_expect(strstr(last, rows[i].part), "%zu: %s", i, last);
        cr_expect_eq(strstr(last, "fast") != NULL, strstr(rows[i].part, "fast") != NULL, "%zu: %s",
                     i, last);
    }
}
