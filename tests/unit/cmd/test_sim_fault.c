/* Fault plans, scripts, latency and the small texts they are typed in. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/sim/fault.h"
#include "cmd/sim/latency.h"
#include "cmd/sim/script.h"
#include "cmd/sim/spec.h"

Test(sim_fault, reads_what_a_person_types)
{
    static const struct {
        const char *text;
        bool good;
        const char *says; /* part of the message when it is bad */
    } rows[] = {
        {"429:10", true, NULL},
        {"429:10,header=retry-after-ms,wait=2500ms", true, NULL},
        {"drip:1.5,bytes=8,wait=10ms,model=m", true, NULL},
        {"cut:100,at=0", true, NULL},
        {"oops:10", false, "none of: 429"},
        {"none:10", false, "none of: 429"},
        {"raw:10", false, "--script"},
        {"429", false, "KIND:PERCENT"},
        {"429:101", false, "0 to 100"},
        {"429:x", false, "0 to 100"},
        {"429:-1", false, "0 to 100"},
        {"429:1,wait=soon", false, "wait=soon"},
        {"429:1,header=pigeon", false, "header=pigeon"},
        {"429:1,colour=red", false, "colour"},
        {"", false, "KIND:PERCENT"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sim_plan p = {.count = 0};
        struct err e = {0};

        cr_expect_eq(sim_plan_add(&p, rows[i].text, &e) == 0, rows[i].good, "%s: %s", rows[i].text,
                     e.msg);
        if (!rows[i].good)
            cr_expect(strstr(e.msg, rows[i].says), "%s: %s", rows[i].text, e.msg);
    }
}

Test(sim_fault, draws_the_share_and_repeats_it)
{
    struct sim_plan p = {.count = 0};
    int hits[SIM_KINDS] = {0};

    cr_assert_eq(sim_plan_add(&p, "429:10", NULL), 0);
    cr_assert_eq(sim_plan_add(&p, "500:5,model=a", NULL), 0);
    for (uint64_t i = 0; i < 100000; i++) {
        const struct sim_fault *f = sim_plan_draw(&p, 7, i * 0x9e3779b97f4a7c15ULL, i % 3, "a");

        cr_assert_eq(f, sim_plan_draw(&p, 7, i * 0x9e3779b97f4a7c15ULL, i % 3, "a"));
        hits[f ? f->kind : SIM_NONE]++;
    }
    cr_expect(hits[SIM_429] > 9500 && hits[SIM_429] < 10500, "%d", hits[SIM_429]);
    cr_expect(hits[SIM_500] > 4600 && hits[SIM_500] < 5400, "%d", hits[SIM_500]);
    for (uint64_t i = 0; i < 1000; i++) {
        const struct sim_fault *f = sim_plan_draw(&p, 7, i, 0, "b");

        cr_assert(!f || f->kind == SIM_429, "a rule for another model applied");
    }
}

Test(sim_fault, retries_of_a_body_draw_anew)
{
    struct sim_plan p = {.count = 0};
    int failed_always = 0;

    cr_assert_eq(sim_plan_add(&p, "500:50", NULL), 0);
    for (uint64_t body = 1; body <= 1000; body++) {
        int failed = 0;

        for (uint64_t attempt = 0; attempt < 20; attempt++)
            failed += sim_plan_draw(&p, 1, body, attempt, "m") != NULL;
        failed_always += failed == 20;
    }
    cr_expect_eq(failed_always, 0);
}

static const char *apply(struct sim_script *s, const char *model, const char *body, int attempt,
                         int at_ms)
{
    struct sim_script_ask a = {.api = "chat",
                               .model = model,
                               .body = body,
                               .body_len = strlen(body),
                               .attempt = attempt,
                               .at_ms = at_ms};
    const struct sim_fault *f = sim_script_apply(s, &a);

    return f ? sim_kind_name(f->kind) : "";
}

static void add(struct sim_script *s, const char *line)
{
    struct err e = {0};

    cr_assert_eq(sim_script_add(s, line, strlen(line), &e), 0, "%s: %s", line, e.msg);
}

Test(sim_script, first_line_that_applies_wins)
{
    struct sim_script s = {0};

    add(&s, "{\"match\":{\"contains\":\"vip\"},\"fault\":{\"kind\":\"none\"}}");
    add(&s, "{\"match\":{\"model\":\"x\",\"nth\":2},\"fault\":{\"kind\":\"reset\"}}");
    add(&s, "{\"match\":{\"attempt\":1},\"fault\":{\"kind\":\"429\",\"wait\":\"2s\"},\"times\":2}");
    add(&s, "{\"from\":\"10s\",\"until\":\"40s\",\"fault\":{\"kind\":\"503\"}}");
    cr_expect_str_eq(apply(&s, "x", "a", 1, 0), "429");
    cr_expect_str_eq(apply(&s, "x", "vip", 1, 20000), "none");
    cr_expect_str_eq(apply(&s, "x", "a", 2, 0), "reset");
    cr_expect_str_eq(apply(&s, "x", "a", 2, 0), "");
    cr_expect_str_eq(apply(&s, "y", "b", 1, 0), "429");
    cr_expect_str_eq(apply(&s, "y", "b", 1, 0), "", "times was used up");
    cr_expect_str_eq(apply(&s, "y", "b", 1, 10000), "503");
    cr_expect_str_eq(apply(&s, "y", "b", 1, 40000), "");
    sim_script_restart(&s);
    cr_expect_str_eq(apply(&s, "y", "b", 1, 0), "429");
    sim_script_done(&s);
}

Test(sim_script, refuses_bad_lines)
{
    static const char *const rows[][2] = {
        {"[]", "object"},
        {"{}", "fault"},
        {"{\"fault\":{\"kind\":\"nope\"}}", "none of"},
        {"{\"fault\":{}}", "kind"},
        {"{\"falt\":{\"kind\":\"429\"}}", "falt"},
        {"{\"match\":{\"modle\":\"x\"},\"fault\":{\"kind\":\"429\"}}", "modle"},
        {"{\"fault\":{\"kind\":\"429\"},\"from\":\"later\"}", "from"},
        {"{\"fault\":", ""},
        {"{\"fault\":{\"kind\":\"raw\"}}", "status"},
        {"{\"fault\":{\"kind\":\"raw\",\"status\":429,\"header\":{}}}", "\"header\""},
        {"{\"fault\":{\"kind\":\"raw\",\"status\":429,\"headers\":\"x\"}}", "an object"},
        {"{\"fault\":{\"kind\":\"raw\",\"status\":429,\"headers\":{\"a\":\"b\\r\\nc\"}}}",
         "no header"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sim_script s = {0};
        struct err e = {0};

        cr_expect_eq(sim_script_add(&s, rows[i][0], strlen(rows[i][0]), &e), -1, "%s", rows[i][0]);
        cr_expect(strstr(e.msg, rows[i][1]), "%s: %s", rows[i][0], e.msg);
        sim_script_done(&s);
    }
}

Test(sim_latency, reads_and_draws)
{
    static const struct {
        const char *text;
        int rc;
        int64_t low_us, high_us, mean_us; /* of 20,000 draws */
    } rows[] = {
        {"", 0, 0, 0, 0},
        {"200ms", 0, 200000, 200000, 200000},
        {"1.5s", 0, 1500000, 1500000, 1500000},
        {"uniform:50ms,150ms", 0, 50000, 150000, 100000},
        {"lognormal:median=800ms,sigma=0.6", 0, 1000, 3600000000, 958000},
        {"lognormal:sigma=0.6", -1, 0, 0, 0},
        {"uniform:200ms,100ms", -1, 0, 0, 0},
        {"uniform:200ms", -1, 0, 0, 0},
        {"fast", -1, 0, 0, 0},
        {"-1s", -1, 0, 0, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sim_latency l = {0};
        struct rng r = {.state = 5};
        double sum = 0;

        cr_expect_eq(sim_latency_parse(rows[i].text, &l, NULL), rows[i].rc, "%s", rows[i].text);
        for (int n = 0; rows[i].rc == 0 && n < 20000; n++) {
            int64_t us = sim_latency_draw_us(&l, &r);

            cr_assert(us >= rows[i].low_us && us <= rows[i].high_us, "%s: %ld", rows[i].text, us);
            sum += (double)us / 20000;
        }
        cr_expect(sum >= (double)rows[i].mean_us * 0.97 && sum <= (double)rows[i].mean_us * 1.03,
                  "%s: mean %f", rows[i].text, sum);
    }
}

Test(sim_script, an_answer_word_for_word)
{
    static const struct {
        const char *fault, *type, *headers, *body;
    } rows[] = {
        {"{\"kind\":\"raw\",\"status\":429}", "application/json", "", ""},
        {"{\"kind\":\"raw\",\"status\":429,\"body\":\"a \\\"word\\\"\"}", "application/json", "",
         "a \"word\""},
        {"{\"kind\":\"raw\",\"status\":429,\"body\":{\"a\":[1]},"
         "\"headers\":{\"Content-Type\":\"text/html\",\"retry-after\":\"2\",\"x-n\":3}}",
         "text/html", "retry-after: 2\r\nx-n: 3\r\n", "{\"a\":[1]}"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sim_script s = {0};
        const struct sim_raw *raw = NULL;
        char line[300];

        snprintf(line, sizeof line, "{\"fault\":%s}", rows[i].fault);
        add(&s, line);
        raw = s.lines[0].fault.raw;
        cr_expect_eq(s.lines[0].fault.kind, SIM_RAW);
        cr_expect_eq(raw->status, 429);
        cr_expect_str_eq(raw->type, rows[i].type);
        cr_expect_str_eq(raw->headers, rows[i].headers);
        cr_expect_str_eq(raw->body, rows[i].body);
        sim_script_done(&s);
    }
}
