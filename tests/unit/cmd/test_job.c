/* OUT.job: made once, taken up again, and what damage says. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/mem.h"
#include "cmd/batch/job.h"

static char dir[64], output[96], file[112], store[96];

static void setup(void)
{
    char *made = NULL;

    snprintf(dir, sizeof dir, "/tmp/test-job-XXXXXX");
    made = mkdtemp(dir);
    cr_assert(made);
    snprintf(output, sizeof output, "%s/out.jsonl", dir);
    snprintf(file, sizeof file, "%s.job", output);
    snprintf(store, sizeof store, "%s/store", dir);
}

static void teardown(void)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf %s", dir);
    cr_assert_eq(system(command), 0);
}

TestSuite(job, .init = setup, .fini = teardown);

Test(job, is_the_same_when_it_is_opened_again)
{
    struct job a;
    struct job b;
    struct err e = {0};

    cr_assert_eq(job_open(&a, output, store, &e), 0, "%s", e.msg);
    cr_assert_eq(strlen(a.id), 32);
    job_close(&a);
    cr_assert_eq(job_open(&b, output, "/nowhere/at/all", &e), 0, "the file names the store: %s",
                 e.msg);
    cr_assert_str_eq(b.id, a.id);
    cr_assert_eq(b.slot.number, a.slot.number);
    job_close(&b);
}

Test(job, its_slot_has_one_user)
{
    struct job a;
    struct job b;
    struct err e = {0};

    cr_assert_eq(job_open(&a, output, store, &e), 0);
    cr_assert_neq(job_open(&b, output, store, &e), 0);
    cr_assert_eq(e.code, EX_TEMPFAIL);
    job_close(&a);
}

Test(job, damage_is_named)
{
    static const char *const bad[] = {"", "{", "{}",
                                      "{\"job\":\"short\",\"slot\":0,\"store\":\"x\"}",
                                      "{\"job\":\"00000000000000000000000000000000\",\"slot\":0}"};
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(bad); i++) {
        FILE *f = fopen(file, "w");
        struct err e = {0};
        struct job j;

        fputs(bad[i], f);
        fclose(f);
        cr_assert_neq(job_open(&j, output, store, &e), 0, "%s", bad[i]);
        cr_assert_eq(e.code, EX_DATAERR);
        cr_assert(strstr(e.msg, file), "%s", e.msg);
    }
}

Test(job, journal_keys_sort_by_row)
{
    struct job j = {.id = "00000000000000000000000000000000"};
    uint8_t a[64];
    uint8_t b[64];
    size_t n = job_journal_key(&j, 255, a, sizeof a);

    cr_assert_eq(n, 41);
    cr_assert_eq(job_journal_key(&j, 256, b, sizeof b), n);
    cr_assert_lt(memcmp(a, b, n), 0);
    cr_assert_eq(job_journal_key(&j, 1, a, 40), 0, "too small a buffer is refused");
}
