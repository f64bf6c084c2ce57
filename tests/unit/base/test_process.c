/* process: the numbers move with what the process does. */
#include "base/process.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

static void *wait_for_end(void *arg)
{
    pthread_mutex_lock(arg);
    pthread_mutex_unlock(arg);
    return NULL;
}

Test(process, files_and_threads)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    struct process_stats before, during;
    pthread_t thread;
    int fd;

    process_read(&before);
    pthread_mutex_lock(&lock);
    cr_assert_eq(pthread_create(&thread, NULL, wait_for_end, &lock), 0);
    fd = open("/dev/null", O_RDONLY);
    process_read(&during);
    close(fd);
    pthread_mutex_unlock(&lock);
    pthread_join(thread, NULL);
    cr_expect_eq(during.open_fds, before.open_fds + 1);
    cr_expect_eq(during.threads, before.threads + 1);
    cr_expect_gt(before.open_fds, 0);
    cr_expect_gt(before.max_fds, before.open_fds);
}

Test(process, memory_and_time)
{
    enum { MORE = 32 << 20 };
    struct process_stats before, after;
    char *p;

    process_read(&before);
    p = mem_alloc(MORE);
    memset(p, 1, MORE);
    while (after.cpu_seconds = 0, process_read(&after),
           after.cpu_seconds < before.cpu_seconds + 0.02)
        ;
    cr_expect_geq(after.resident_bytes, before.resident_bytes + MORE / 2);
    cr_expect_geq(after.virtual_bytes, after.resident_bytes);
    free(p);
    cr_expect_lt((double)clock_wall_ms() / 1000 - after.start_seconds, 60, "started %f",
                 after.start_seconds);
    cr_expect_gt((double)clock_wall_ms() / 1000 + 1, after.start_seconds);
}
