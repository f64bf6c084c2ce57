/*
 * clock_jump: loaded into a process by LD_PRELOAD, moves its wall clock by the number of seconds that the file
 * $CLOCK_JUMP_FILE holds. The file is looked at again when a call comes 100 ms after the last look. Other
 * clocks run on as they are: that is what a wrong NTP server does to a program.
 *
 * gettimeofday() stays as it is: librdkafka makes the ends of its waits from it, which the kernel, whose clock
 * did not jump, would take for times far away. That would test this file, not the worker.
 */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LOOK_EVERY_NS 100000000LL

static int (*real_gettime)(clockid_t, struct timespec *);
static atomic_llong looked_ns, jump_s;

__attribute__((constructor)) static void init(void)
{
    *(void **)&real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
}

static long long read_jump(void)
{
    const char *path = getenv("CLOCK_JUMP_FILE");
    FILE *f = path ? fopen(path, "re") : NULL;
    long long s = 0;

    if (!f)
        return 0;
    if (fscanf(f, "%lld", &s) != 1)
        s = 0;
    fclose(f);
    return s;
}

static long long jump(void)
{
    struct timespec now;
    long long now_ns, last_ns = atomic_load(&looked_ns);

    real_gettime(CLOCK_MONOTONIC, &now);
    now_ns = now.tv_sec * 1000000000LL + now.tv_nsec;
    /* One of several threads looks. */
    if (now_ns - last_ns >= LOOK_EVERY_NS &&
        atomic_compare_exchange_strong(&looked_ns, &last_ns, now_ns))
        atomic_store(&jump_s, read_jump());
    return atomic_load(&jump_s);
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
    int r;

    if (!real_gettime)
        init();
    r = real_gettime(clock, ret);
    if (r == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        ret->tv_sec += jump();
    return r;
}

time_t time(time_t *ret)
{
    struct timespec now = {0};

    clock_gettime(CLOCK_REALTIME, &now);
    if (ret)
        *ret = now.tv_sec;
    return now.tv_sec;
}
