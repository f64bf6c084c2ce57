/* mem: large blocks go back to the system one by one, whatever lies between them. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#ifndef __SANITIZE_ADDRESS__ /* which keeps what is freed */
#define MIB    ((size_t)1 << 20)
#define BLOCKS 64
#define SMALL  200

/* Bytes of this process in memory. */
static size_t resident(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long total = 0;
    unsigned long pages = 0;

    cr_assert_not_null(f);
    cr_assert_eq(fscanf(f, "%lu %lu", &total, &pages), 2);
    fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void *touched(size_t size)
{
    char *p = mem_alloc(size);

    memset(p, 1, size);
    return p;
}

/* What made glibc keep them: a larger block that was freed before. */
Test(mem, large_blocks_leave)
{
    void *large[BLOCKS];
    void *small[BLOCKS];
    size_t before = 0;
    size_t full = 0;
    int i = 0;

    mem_setup();
    free(touched(12 * MIB));
    before = resident();
    for (i = 0; i < BLOCKS; i++) {
        large[i] = touched(MIB);
        small[i] = touched(SMALL);
    }
    full = resident();
    for (i = 0; i < BLOCKS; i++)
        free(large[i]);
    cr_expect_geq(full, before + BLOCKS * MIB);
    cr_expect_leq(resident(), before + BLOCKS * MIB / 8);
    for (i = 0; i < BLOCKS; i++)
        free(small[i]);
}
#endif

Test(mem, dup)
{
    char *p = mem_dup("ab\0c", 4);

    cr_expect_arr_eq(p, "ab\0c", 5);
    cr_expect_null(mem_dup(NULL, 4));
    cr_expect_null(mem_strdup(NULL));
    free(p);
}
