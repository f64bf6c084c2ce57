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
        {{false, true, true}, false}, {{true, false, true}, false}, {{true, true, false}, false},
        {{true, true, true}, true},   {{true, true, true}, true},   {{true, true, false}, false},
        {{true, true, true}, true},   {{false, true, true}, false}, {{true, true, true}, true},
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
