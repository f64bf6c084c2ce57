/* budget_file: what it keeps for whom, and which files it leaves alone. */
#include "io/budget_file.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[64];

static void set_up(void)
{
    snprintf(path, sizeof path, "/tmp/budget-file-%ld", (long)getpid());
    unlink(path);
}

static void tear_down(void)
{
    unlink(path);
}

TestSuite(budget_file, .init = set_up, .fini = tear_down);

static void open_for(struct budget_file *f, const char *owner)
{
    struct err e = {0};

    cr_assert_eq(budget_file_open(f, path, owner, &e), 0, "%s", e.msg);
}

Test(budget_file, outlives_a_process_that_is_killed)
{
    struct budget_file f;
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        open_for(&f, "job");
        budget_add(f.book, 1.5, 3);
        kill(getpid(), SIGKILL);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status));
    open_for(&f, "job");
    cr_expect_not(f.fresh);
    cr_expect_eq(f.book->at[0].spent, 1500000000);
    cr_expect_eq(f.book->at[0].calls, 3);
    budget_file_close(&f);
    budget_file_close(&f);
}

Test(budget_file, another_owner_begins_anew)
{
    struct budget_file f;

    open_for(&f, "job");
    cr_expect(f.fresh);
    budget_add(f.book, 2, 1);
    budget_file_close(&f);
    open_for(&f, "next");
    cr_expect(f.fresh);
    cr_expect_eq(f.book->at[0].spent, 0);
    budget_file_close(&f);
}

Test(budget_file, foreign_files_are_left_alone)
{
    struct budget_book book = {.magic = "another"};
    struct budget_file f;
    struct err e = {0};
    FILE *file = fopen(path, "w");

    fputs("notes", file);
    fclose(file);
    cr_expect_lt(budget_file_open(&f, path, "job", &e), 0);
    cr_expect(strstr(e.msg, "delete it"), "%s", e.msg);
    file = fopen(path, "w");
    fwrite(&book, sizeof book, 1, file);
    fclose(file);
    cr_expect_lt(budget_file_open(&f, path, "job", &e), 0);
    cr_expect_null(f.book);
    cr_expect_lt(budget_file_open(&f, "/nowhere/budget", "job", &e), 0);
}
