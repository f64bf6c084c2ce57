/* mem: allocation that aborts with a clear line when memory is gone. */
#include "base/mem.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MMAP_BYTES (128 * 1024)
#define TRIM_BYTES (4 * 1024 * 1024) /* what is less at the end of a heap will be needed soon */
#define HEAPS_MIN  2

/*
 * Left to itself glibc takes the first large block that is freed (a job's index of ids) as a sign that large
 * blocks come and go, and from then on cuts RocksDB's write buffers of a megabyte out of the threads' heaps,
 * between small blocks that stay. Such heaps only grow: 100 MB of 300 were holes after a million prompts.
 * And every thread of RocksDB that ran once would keep a heap of its own: more heaps than threads can run at
 * a time are no use.
 */
void mem_setup(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    mallopt(M_MMAP_THRESHOLD, MMAP_BYTES);
    mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
    mallopt(M_ARENA_MAX, cores > HEAPS_MIN ? (int)cores : HEAPS_MIN);
}

static void *check(void *p, size_t size)
{
    if (p || size == 0)
        return p;
    fprintf(stderr,
            "sluice: out of memory (wanted %zu bytes); aborting, nothing is lost: "
            "unfinished tasks are redelivered\n",
            size);
    abort();
}

void *mem_alloc(size_t size)
{
    return check(calloc(1, size ? size : 1), size ? size : 1);
}

void *mem_array(size_t count, size_t size)
{
    return check(calloc(count ? count : 1, size ? size : 1), 1);
}

void *mem_grow(void *p, size_t count, size_t size)
{
    size_t total = 0;

    if (__builtin_mul_overflow(count, size, &total))
        check(NULL, (size_t)-1);
    return check(realloc(p, total ? total : 1), total ? total : 1);
}

void *mem_dup(const void *p, size_t n)
{
    char *copy = NULL;

    if (!p)
        return NULL;
    copy = check(malloc(n + 1), n + 1);
    memcpy(copy, p, n);
    copy[n] = '\0';
    return copy;
}

char *mem_strdup(const char *s)
{
    return s ? mem_dup(s, strlen(s)) : NULL;
}
