/* Manifest of a run: round trip, damage, and what must not be mixed up. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/mem.h"
#include "cmd/jobs/run.h"

static char path[64];

static void setup(void)
{
    char dir[] = "/tmp/test-run-XXXXXX";

    cr_assert(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/m.run", dir);
}

static void teardown(void)
{
    unlink(path);
    *strrchr(path, '/') = '\0';
    rmdir(path);
}

TestSuite(run, .init = setup, .fini = teardown);

static struct run sample(void)
{
    return (struct run){.id = "run-1",
                        .topic = "requests",
                        .replies = "replies",
                        .servers = "a:9092,b:9092",
                        .cluster = "c1",
                        .input = "/data/\"quoted\".jsonl",
                        .input_bytes = 1234,
                        .rows = 4000000000U,
                        .unreadable = 2,
                        .sent = 17};
}

Test(run, comes_back_as_it_was)
{
    struct run a = sample();
    struct run b;
    struct err e = {0};

    cr_assert_eq(run_load(&b, path, &e), RUN_NONE);
    cr_assert_eq(run_save(&a, path, &e), 0, "%s", e.msg);
    cr_assert_eq(run_load(&b, path, &e), RUN_LOADED, "%s", e.msg);
    cr_assert_str_eq(b.id, a.id);
    cr_assert_str_eq(b.topic, a.topic);
    cr_assert_str_eq(b.replies, a.replies);
    cr_assert_str_eq(b.servers, a.servers);
    cr_assert_str_eq(b.cluster, a.cluster);
    cr_assert_str_eq(b.input, a.input);
    cr_assert_eq(b.input_bytes, a.input_bytes);
    cr_assert_eq(b.rows, a.rows);
    cr_assert_eq(b.unreadable, a.unreadable);
    cr_assert_eq(b.sent, a.sent);
}

Test(run, damage_is_named)
{
    static const char *const bad[] = {"",
                                      "[]",
                                      "{\"run\":\"x\"",
                                      "{\"run\":\"x\",\"rows\":3}",
                                      "{\"run\":\"x\",\"rows\":3,\"sent\":4}",
                                      "{\"run\":\"x\",\"rows\":-1,\"sent\":-1}",
                                      "{\"run\":\"a b\",\"rows\":3,\"sent\":1}",
                                      "{\"rows\":3,\"sent\":1}"};
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(bad); i++) {
        FILE *f = fopen(path, "w");
        struct err e = {0};
        struct run r;

        fputs(bad[i], f);
        fclose(f);
        cr_assert_eq(run_load(&r, path, &e), -1, "%s", bad[i]);
        cr_assert_eq(e.code, EX_DATAERR);
        cr_assert(strstr(e.msg, path), "%s", e.msg);
    }
}

Test(run, names)
{
    static const struct {
        const char *name;
        bool good;
    } cases[] = {{"nightly-7", true}, {"A.b_c", true}, {"", false},
                 {"a b", false},      {"a/b", false},  {"a\"b", false}};
    struct run a = {0};
    struct run b = {0};
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++)
        cr_assert_eq(run_name_good(cases[i].name), cases[i].good, "%s", cases[i].name);
    cr_assert_eq(run_name(&a, NULL, NULL), 0);
    cr_assert_eq(run_name(&b, NULL, NULL), 0);
    cr_assert(run_name_good(a.id));
    cr_assert_str_neq(a.id, b.id);
}

Test(run, another_job_is_refused)
{
    struct run saved = sample();
    struct run now = sample();
    struct err e = {0};

    cr_assert_eq(run_check_same(&saved, &now, path, &e), 0);
    now.id[0] = '\0'; /* no name asked for */
    saved.rows = 10;  /* --limit was raised */
    cr_assert_eq(run_check_same(&saved, &now, path, &e), 0);
    now.rows = 9;
    cr_assert_eq(run_check_same(&saved, &now, path, &e), -1);
    now = sample();
    now.input_bytes++;
    cr_assert_eq(run_check_same(&saved, &now, path, &e), -1);
    now = sample();
    snprintf(now.cluster, sizeof now.cluster, "c2");
    cr_assert_eq(run_check_same(&saved, &now, path, &e), -1);
    now = sample();
    snprintf(now.id, sizeof now.id, "run-2");
    cr_assert_eq(run_check_same(&saved, &now, path, &e), -1);
    cr_assert(strstr(e.msg, "run-1"), "%s", e.msg);
    now = sample();
    snprintf(now.topic, sizeof now.topic, "other");
    cr_assert_eq(run_check_same(&saved, &now, path, &e), -1);
}
