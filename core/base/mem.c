/* mem: allocation that aborts with a clear line when memory is gone. */
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

/*
 * jemalloc reads its settings here. With glibc's malloc a quarter of the processor time of a task was spent in it,
 * and its heaps kept holes where small blocks stay between RocksDB's buffers that come and go. What is freed goes
 * back to the system after two seconds, also in a process that is idle.
 */
extern const char *malloc_conf;
const char *malloc_conf = "background_thread:true,dirty_decay_ms:2000,muzzy_decay_ms:0";

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
