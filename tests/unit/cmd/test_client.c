/* What enqueue, collect and batch over Kafka share: configuration, survey, identity, and what ends them. */
#include <signal.h>
#include <sysexits.h>

#include "cmd/jobs/client.h"
#include "scratch.h"
#include "tests/unit/io/kafka_rig.h"

static struct scratch scratch;
static struct client client;

static void setup(void)
{
    struct err e = {0};

    scratch_open(&scratch);
    cr_assert_eq(client_init(&client, "none", &e), 0, "%s", e.msg);
}

static void teardown(void)
{
    client_done(&client);
    scratch_close(&scratch);
}

TestSuite(client, .init = setup, .fini = teardown, .timeout = 60);

Test(client, unknown_progress_is_a_usage_error)
{
    struct client c;
    struct err e = {0};

    cr_expect_eq(client_init(&c, "fancy", &e), -1);
    cr_expect_eq(e.code, EX_USAGE);
    client_done(&c);
}

Test(client, request_topic)
{
    static const struct {
        const char *first, *wanted, *topic; /* topic NULL: refused */
    } rows[] = {
        {"a", NULL, "a"}, {"a", "b", "b"},  {"^a.*", "b", "b"},  {"^a.*", NULL, NULL},
        {"a", "", NULL},  {"", NULL, NULL}, {"a", "^b.*", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *names[] = {mem_strdup(rows[i].first)};
        struct config c = {.topics.requests = {.at = names, .count = 1}};
        struct err e = {0};
        const char *got = client_request_topic(&c, rows[i].wanted, &e);

        cr_expect_eq(got != NULL, rows[i].topic != NULL, "%zu", i);
        if (got && rows[i].topic)
            cr_expect_str_eq(got, rows[i].topic, "%zu", i);
        cr_expect_eq(e.code, rows[i].topic ? 0 : EX_USAGE, "%zu", i);
        free(names[0]);
    }
}

Test(client, servers_of_the_command_line_win)
{
    static const char *set[] = {"kafka.bootstrap.servers=one:9092"};
    struct config_options o = {.set = {set, 1}};
    struct err e = {0};

    cr_assert_eq(client_open(&client, &o, "two:9092", &e), 0, "%s", e.msg);
    cr_expect_str_eq(kafka_consumer_property(client.config, "bootstrap.servers"), "two:9092");
    cr_expect_str_eq(kafka_producer_property(client.config, "bootstrap.servers"), "two:9092");
}

Test(client, no_brokers_is_an_error_of_the_configuration)
{
    struct config_options o = {0};
    struct err e = {0};

    cr_expect_eq(client_open(&client, &o, NULL, &e), EX_CONFIG);
    cr_expect(strstr(e.msg, "bootstrap.servers"), "%s", e.msg);
}

Test(client, describes_the_job)
{
    static struct rig rig;
    struct config_options o = {0};
    struct input_options in = {.model = "fast"};
    struct run r;
    struct err e = {0};

    rig_open(&rig, 1);
    scratch_write("in.jsonl", "{\"prompt\":\"a\"}\n{\"prompt\":\"b\"}\n");
    cr_assert_eq(client_open(&client, &o, kafka_broker_address(rig.broker), &e), 0, "%s", e.msg);
    cr_assert_eq(client_survey(&client, "in.jsonl", &in, false, &e), 0, "%s", e.msg);
    cr_expect_str_eq(client.config->default_model, "fast");
    cr_assert_eq(client_describe(&client, "asked", &r, &e), 0, "%s", e.msg);
    cr_expect_str_eq(r.topic, "asked");
    cr_expect_str_eq(r.replies, client.config->topics.replies);
    cr_expect_str_eq(r.servers, kafka_broker_address(rig.broker));
    cr_expect(r.input[0] == '/' && strstr(r.input, "/in.jsonl"), "%s", r.input);
    cr_expect_eq(r.input_bytes, 30);
    cr_expect_eq(r.rows, 2);
    cr_expect_eq(strlen(r.digest), INDEX_DIGEST_TEXT - 1);
    cr_expect_eq(r.sent, 0);
    rig_close(&rig);
}

Test(client, bad_input_is_refused_before_anything_is_sent)
{
    static const char *set[] = {"kafka.bootstrap.servers=nobody:1"};
    struct config_options o = {.set = {set, 1}};
    struct input_options in = {0};
    struct err e = {0};

    scratch_write("in.jsonl", "{\"custom_id\":\"a\",\"prompt\":\"1\"}\n"
                              "{\"custom_id\":\"a\",\"prompt\":\"2\"}\n");
    cr_assert_eq(client_open(&client, &o, NULL, &e), 0, "%s", e.msg);
    cr_expect_eq(client_survey(&client, "in.jsonl", &in, false, &e), -1);
    cr_expect_eq(e.code, EX_DATAERR);
}

Test(client, ends_with_a_signal_or_a_fatal_error)
{
    struct err e = {0};

    cr_assert_eq(client_signals(&client, &e), 0, "%s", e.msg);
    cr_expect_eq(client_ended(&client, 0, &e), 0);
    cr_expect_eq(e.msg[0], '\0');
    raise(SIGTERM);
    cr_expect_eq(client_ended(&client, 10000, &e), 128 + SIGTERM);
    cr_expect_eq(client_ended(&client, 0, &e), 0, "a signal counts once");
    kafka_fatal_raise(&client.fatal, "fenced");
    cr_expect_eq(client_ended(&client, 0, &e), -1);
    cr_expect_str_eq(e.msg, "fenced");
    cr_expect_eq(e.code, EX_UNAVAILABLE);
    raise(SIGINT);
    cr_expect_eq(client_ended(&client, 10000, &e), 128 + SIGINT, "the signal goes first");
    cr_expect_eq(client_stopped(130, &e), 130);
    cr_expect(strstr(e.msg, "nothing is lost"), "%s", e.msg);
}
