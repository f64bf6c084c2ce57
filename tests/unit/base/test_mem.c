/* mem: large blocks go back to the system, whatever lies between them, also when nothing else happens. */
#include <criterion/criterion.h>

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#ifndef __SANITIZE_ADDRESS__ /* which keeps what is freed */
#define MIB    ((size_t)1 << 20)
#define BLOCKS 64
#define SMALL  200
#define WAIT_S 20 /* ten times what jemalloc is told */

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

/* Has it come down to that within the time? */
static bool falls_to(size_t bytes)
{
    int64_t end_us = clock_mono_us() + WAIT_S * INT64_C(1000000);

    while (resident() > bytes && clock_mono_us() < end_us)
        poll(NULL, 0, 10);
    return resident() <= bytes;
}

Test(mem, large_blocks_leave)
{
    void *large[BLOCKS];
    void *small[BLOCKS];
    size_t before = 0;
    size_t full = 0;
    int i = 0;

    before = resident();
    for (i = 0; i < BLOCKS; i++) {
        large[i] = touched(MIB);
        small[i] = touched(SMALL);
    }
    full = resident();
    for (i = 0; i < BLOCKS; i++)
        free(large[i]);
    cr_expect_geq(full, before + BLOCKS * MIB);
    cr_expect(falls_to(before + BLOCKS * MIB / 8), "%zu bytes stay", resident() - before);
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
