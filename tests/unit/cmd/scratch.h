/* scratch: a directory for the files of one test. The test's working directory while it is open. */
#ifndef SLUICE_TESTS_SCRATCH_H
#define SLUICE_TESTS_SCRATCH_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

struct scratch {
    char dir[32];
};

static inline void scratch_open(struct scratch *s)
{
    *s = (struct scratch){.dir = "/tmp/sluice-test-XXXXXX"};
    cr_assert(mkdtemp(s->dir));
    cr_assert_eq(chdir(s->dir), 0);
}

static inline int scratch_remove_one(const char *path, const struct stat *st, int type,
                                     struct FTW *f)
{
    (void)st, (void)type, (void)f;
    return remove(path);
}

static inline void scratch_close(struct scratch *s)
{
    cr_expect_eq(chdir("/"), 0);
    nftw(s->dir, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void scratch_write(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");

    cr_assert(f);
    cr_assert(fputs(text, f) >= 0);
    cr_assert_eq(fclose(f), 0);
}

/* The text of a file, to be freed. */
static inline char *scratch_read(const char *name)
{
    char *text = calloc(1, 65536);
    FILE *f = fopen(name, "r");

    cr_assert(f && text, "%s", name);
    cr_assert_lt(fread(text, 1, 65535, f), 65535);
    fclose(f);
    return text;
}

#endif
