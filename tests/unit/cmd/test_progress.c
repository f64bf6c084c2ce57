/* Progress lines: their fields, rates, and what is unknown. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cmd/batch/progress.h"

static const struct progress_view half = {.done = 60,
                                          .total = 110,
                                          .resumed = 10,
                                          .cached = 5,
                                          .failed = 2,
                                          .in_flight = 7,
                                          .calls = 50,
                                          .input_tokens = 500,
                                          .output_tokens = 100,
                                          .cost_usd = 1.0,
                                          .limited_by = "input",
                                          .phase = "running"};

Test(progress, plain_line)
{
    static const char *const wanted[] = {"progress done=60 total=110",
                                         "failed=2",
                                         "inflight=7",
                                         "cost=1.0000",
                                         "eta_s=10",
                                         "cost_est=2.0000",
                                         "limited_by=\"input\"",
                                         "phase=\"running\""};
    struct progress p;
    char line[1024];
    size_t i = 0;

    cr_assert_eq(progress_init(&p, "plain", 1000000, NULL), 0);
    progress_plain(&p, &half, 11000000, line, sizeof line);
    for (i = 0; i < ARRAY_LEN(wanted); i++)
        cr_assert(strstr(line, wanted[i]), "\"%s\" is missing in: %s", wanted[i], line);
}

Test(progress, json_line_is_json)
{
    struct progress p;
    char line[1024];
    struct json_object *o CLEANUP_JSON = NULL;
    struct err e = {0};

    progress_init(&p, "json", 1000000, NULL);
    progress_json(&p, &half, 11000000, line, sizeof line);
    cr_assert_eq(json_parse(line, strlen(line), &o, &e), 0, "%s", e.msg);
    cr_assert_eq(json_get_int(o, "done", -1), 60);
    cr_assert_eq(json_get_int(o, "eta_s", -1), 10);
    cr_assert_str_eq(json_get_str(o, "phase"), "running");
}

Test(progress, unknown_is_not_zero)
{
    struct progress_view v = half;
    struct progress p;
    char line[1024];

    progress_init(&p, "plain", 0, NULL);
    v.cost_unknown = 1;
    v.cost_usd = 0;
    v.total = 0;
    progress_plain(&p, &v, 1000000, line, sizeof line);
    cr_assert(strstr(line, "cost=unknown"), "%s", line);
    cr_assert(strstr(line, "eta_s=-1"), "%s", line);
    cr_assert_not(strstr(line, "cost_est"), "%s", line);
    progress_json(&p, &v, 1000000, line, sizeof line);
    cr_assert(strstr(line, "\"cost_usd\":null"), "%s", line);
}

Test(progress, a_short_buffer_is_not_overrun)
{
    struct progress p;
    char line[64];

    progress_init(&p, "plain", 0, NULL);
    memset(line, 'x', sizeof line);
    progress_plain(&p, &half, 1000000, line, 20);
    cr_assert_eq(strlen(line), 19);
    cr_assert_eq(line[20], 'x');
}

Test(progress, rates_are_per_minute)
{
    struct progress p;

    progress_init(&p, "json", 0, NULL);
    progress_show(&p, &half, 30000000, true);
    cr_assert_lt(fabs(p.rpm - 100), 0.01, "%f", p.rpm);
    cr_assert_lt(fabs(p.in_tpm - 1000), 0.01, "%f", p.in_tpm);
}

Test(progress, modes)
{
    static const struct {
        const char *name;
        int rc;
    } cases[] = {{"auto", 0}, {"live", 0},  {"plain", 0}, {"json", 0},
                 {"none", 0}, {"loud", -1}, {"", -1}};
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = {0};
        struct progress p;

        cr_assert_eq(progress_init(&p, cases[i].name, 0, &e), cases[i].rc, "%s", cases[i].name);
    }
}
