/* Which replies of a topic become lines of the output, and that reading goes on where it ended. */
#include <sysexits.h>

#include "cmd/jobs/collector.h"
#include "cmd/jobs/run.h"
#include "scratch.h"
#include "tests/unit/io/kafka_rig.h"

#define REPLY(id, status)                                                                          \
    "{\"custom_id\":\"" id "\",\"response\":{\"status_code\":" status ",\"body\":{}},"             \
    "\"error\":null}"

static struct scratch scratch;
static struct rig rig;
static struct kafka_producer *producer;

static void setup(void)
{
    struct kafka_producer_setup ps = {NULL, "llm.replies", 1 << 20, &rig.fatal};
    struct err e = {0};

    scratch_open(&scratch);
    rig_open(&rig, 1);
    ps.config = rig.config;
    producer = kafka_producer_new(&ps, 10000, &e);
    cr_assert(producer, "%s", e.msg);
}

static void teardown(void)
{
    kafka_producer_free(producer);
    rig_close(&rig);
    scratch_close(&scratch);
}

TestSuite(collector, .init = setup, .fini = teardown, .timeout = 60);

struct sent {
    const char *run, *value; /* run NULL: no header; value NULL: a tombstone */
};

static void send_replies(const struct sent *replies, size_t n)
{
    struct err e = {0};

    for (size_t i = 0; i < n; i++) {
        struct kafka_record r = {.key = "k", .key_len = 1, .value = replies[i].value};

        r.value_len = r.value ? strlen(r.value) : 0;
        if (replies[i].run)
            r.fields[r.nfields++] =
                (struct kafka_field){RUN_HEADER, replies[i].run, strlen(replies[i].run)};
        cr_assert_eq(kafka_producer_send(producer, &r, &e), KAFKA_SENT, "%s", e.msg);
    }
    cr_assert(kafka_producer_flush(producer, 10000));
}

/* Ids a, b and c are of the job, each once; x is of another. */
static int take(void *arg, const char *id, size_t len)
{
    char *seen = arg;

    if (len != 1 || !strchr("abc", *id))
        return -1;
    if (strchr(seen, *id))
        return 0;
    seen[strlen(seen)] = *id;
    return 1;
}

struct collected {
    struct collector_view view;
    char *out, *errors;
};

static struct collected collect(const char *run, char seen[8], uint64_t resumed)
{
    struct err e = {0};
    struct collected ret = {.out = NULL};
    struct collector_setup setup = {.config = rig.config,
                                    .topic = "llm.replies",
                                    .run = run,
                                    .cluster = "c1",
                                    .output = "out",
                                    .resumed = resumed,
                                    .out = line_writer_open("out", &e),
                                    .errors = line_writer_open("errors", &e),
                                    .fatal = &rig.fatal,
                                    .arg = seen,
                                    .take = take};
    struct collector *c = collector_new(&setup, 10000, &e);
    int64_t until_us = clock_mono_us() + 20 * 1000000LL;

    cr_assert(c, "%s", e.msg);
    while (!collector_caught_up(c)) {
        cr_assert_geq(collector_step(c, 100, clock_mono_us(), &e), 0, "%s", e.msg);
        cr_assert_lt(clock_mono_us(), until_us, "the end of the topic is not reached");
    }
    cr_assert_eq(collector_finish(c, &e), 0, "%s", e.msg);
    collector_look(c, &ret.view);
    cr_expect_eq(collector_tally(c)->done, ret.view.taken);
    cr_expect_eq(collector_progress(c, 9).done, resumed + ret.view.taken);
    cr_expect_eq(collector_progress(c, 9).total, 9);
    collector_free(c);
    line_writer_close(setup.out);
    line_writer_close(setup.errors);
    ret.out = scratch_read("out");
    ret.errors = scratch_read("errors");
    return ret;
}

static void collected_done(struct collected *c)
{
    free(c->out);
    free(c->errors);
}

static const struct sent topic[] = {
    {"r1", REPLY("a", "200")},
    {"r2", REPLY("b", "200")}, /* of another run */
    {NULL, REPLY("b", "200")},
    {"r1", "no JSON"},
    {"r1", NULL},
    {"r1", REPLY("a", "200")}, /* a repeat */
    {"r1", REPLY("x", "200")}, /* of this run, they say, but not of this job */
    {"r1",
     "{\"custom_id\":\"b\",\n \"response\":{\"status_code\":200,\"body\":{}},\"error\":null}"},
    {"r1", REPLY("c", "400")},
};

Test(collector, keeps_the_replies_of_its_run_once_and_in_one_line_each)
{
    char seen[8] = "";
    struct collected c;

    send_replies(topic, ARRAY_LEN(topic));
    c = collect("r1", seen, 0);
    cr_expect_eq(c.view.taken, 3);
    cr_expect_eq(c.view.repeats, 1);
    cr_expect_eq(c.view.others, 3);
    cr_expect_eq(c.view.unreadable, 2);
    cr_expect_eq(c.view.lost, 0);
    cr_expect_str_eq(
        c.out,
        REPLY("a", "200") "\n"
                          "{\"custom_id\":\"b\",\"response\":{\"status_code\":200,\"body\":{}},"
                          "\"error\":null}\n");
    cr_expect_str_eq(c.errors, REPLY("c", "400") "\n");
    collected_done(&c);
}

Test(collector, takes_those_of_everybody_without_a_run)
{
    char seen[8] = "";
    struct collected c;

    send_replies(topic, ARRAY_LEN(topic));
    c = collect(NULL, seen, 0);
    cr_expect_eq(c.view.taken, 3);
    cr_expect_eq(c.view.repeats, 3);
    cr_expect_eq(c.view.others, 1);
    collected_done(&c);
}

Test(collector, goes_on_behind_its_place_and_starts_over_when_lines_have_gone)
{
    static const struct sent later[] = {{"r1", REPLY("b", "200")}};
    char seen[8] = "";
    struct collected c;

    send_replies(topic, 1);
    c = collect("r1", seen, 0);
    collected_done(&c);
    send_replies(later, 1);
    c = collect("r1", seen, 1);
    cr_expect_eq(c.view.taken, 1);
    cr_expect_eq(c.view.repeats, 0, "the first reply was read again");
    cr_expect_str_eq(c.out, REPLY("a", "200") "\n" REPLY("b", "200") "\n");
    collected_done(&c);

    memset(seen, 0, sizeof seen);
    scratch_write("out", "");
    c = collect("r1", seen, 0);
    cr_expect_eq(c.view.taken, 2, "an output that was emptied is filled again");
    collected_done(&c);
}

Test(collector, refuses_the_output_of_another_run)
{
    char seen[8] = "";
    struct collected c;
    struct err e = {0};
    struct collector_setup setup = {.config = rig.config,
                                    .topic = "llm.replies",
                                    .run = "r2",
                                    .cluster = "c1",
                                    .output = "out",
                                    .fatal = &rig.fatal};

    send_replies(topic, 1);
    c = collect("r1", seen, 0);
    collected_done(&c);
    setup.out = line_writer_open("out", &e);
    cr_expect_null(collector_new(&setup, 10000, &e));
    cr_expect_eq(e.code, EX_CANTCREAT);
    cr_expect(strstr(e.msg, "r1") && strstr(e.msg, "another output"), "%s", e.msg);
    line_writer_close(setup.out);
}
