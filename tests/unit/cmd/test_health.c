/* health: the ready file follows the signs, and a loop that stands still is noticed after enough looks. */
#include "cmd/health.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static char path[64];

static void set_up(void)
{
    snprintf(path, sizeof path, "/tmp/sluice-health-%ld", (long)getpid());
    unlink(path);
}

static void tear_down(void)
{
    unlink(path);
}

TestSuite(health, .init = set_up, .fini = tear_down);

static bool is_there(void)
{
    return access(path, F_OK) == 0;
}

Test(health, file_follows_the_signs)
{
    static const struct {
        struct health_signs signs;
        bool ready;
    } steps[] = {
        {{.producer = true, .store = true}, false},
        {{.member = true, .store = true}, false},
        {{.member = true, .producer = true}, false},
        {{.member = true, .producer = true, .store = true}, true},
        {{.member = true, .producer = true, .store = true}, true},
        {{.member = true, .producer = true}, false},
        {{.member = true, .producer = true, .store = true}, true},
        {{.producer = true, .store = true}, false},
        {{.member = true, .producer = true, .store = true}, true},
        {{.member = true, .producer = true, .store = true, .broke = true}, false},
        {{.member = true, .producer = true, .store = true}, true},
    };
    struct health h;
    struct err e = {0};

    cr_assert_eq(health_open(&h, path, &e), 0, "%s", e.msg);
    cr_expect_not(is_there());
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        health_show(&h, &steps[i].signs);
        cr_expect_eq(is_there(), steps[i].ready, "step %zu", i);
    }
    health_close(&h);
    cr_expect_not(is_there(), "a worker that ends is not ready");
}

Test(health, file_of_an_earlier_life_goes)
{
    FILE *f = fopen(path, "w");
    struct health h;
    struct err e = {0};

    fclose(f);
    cr_assert_eq(health_open(&h, path, &e), 0);
    cr_expect_not(is_there());
}

Test(health, file_that_cannot_be_made_is_said_at_once)
{
    struct health h;
    struct err e = {0};

    cr_assert_eq(health_open(&h, "/nonexistent/ready", &e), -1);
    cr_expect_eq(e.code, EX_CANTCREAT);
    cr_expect(strstr(e.msg, "--ready-file /nonexistent/ready"));
}

Test(health, hang_is_a_number_of_looks_without_a_round)
{
    struct health h;
    struct err e = {0};

    cr_assert_eq(health_open(&h, NULL, &e), 0);
    for (uint64_t round = 1; round < 10; round++)
        cr_expect_not(health_hangs(&h, round, 3));
    cr_expect_not(health_hangs(&h, 9, 3));
    cr_expect_not(health_hangs(&h, 9, 3));
    cr_expect(health_hangs(&h, 9, 3));
    cr_expect_not(health_hangs(&h, 10, 3), "it moves again");
}

Test(health, reasons)
{
    static const struct {
        struct health_signs signs;
        const char *reasons;
    } rows[] = {
        {{true, true, true, false, false, false, false, false}, ""},
        {{true, true, true, false, false, false, true, false}, "budget_used_up "},
        {{true, true, true, false, false, false, false, true}, "every_model_refuses "},
        {{false, true, true, false, false, false, false, false}, "not_member "},
        {{true, false, true, false, false, false, false, false}, "producer_not_ready "},
        {{true, true, false, false, false, false, false, false}, "store_failing "},
        {{true, true, true, false, true, false, false, false}, "paused "},
        {{false, false, false, false, true, false, false, false},
         "not_member producer_not_ready store_failing paused "},
        {{false, false, false, true, true, false, false, false}, "starting "},
        {{true, true, true, false, true, true, false, false}, "draining "},
        {{false, false, false, false, false, true, false, false}, "draining "},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *reasons[HEALTH_REASONS_MAX];
        size_t n = health_reasons(&rows[i].signs, reasons);
        char all[200] = "";

        for (size_t k = 0; k < n; k++)
            snprintf(all + strlen(all), sizeof all - strlen(all), "%s ", reasons[k]);
        cr_expect_str_eq(all, rows[i].reasons, "row %zu", i);
    }
}

Test(health, a_paused_worker_is_not_ready)
{
    struct health h;
    struct err e = {0};

    cr_assert_eq(health_open(&h, path, &e), 0);
    health_show(&h, &(struct health_signs){true, true, true, false, false, false, false, false});
    cr_expect(is_there());
    health_show(&h, &(struct health_signs){true, true, true, false, true, false, false, false});
    cr_expect_not(is_there());
}
