/* process: reads /proc/self; see process.h. It keeps nothing. */
#include "base/process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* The fields of /proc/self/stat behind the name, which may hold anything: from "state", the third, on. */
enum {
    FIELD_THREADS = 20 - 3,
    FIELD_START = 22 - 3,
    FIELD_VIRTUAL = 23 - 3,
    FIELD_RESIDENT,
    FIELDS
};

static int read_stat(long long ret[FIELDS])
{
    char text[2048];
    FILE *f = fopen("/proc/self/stat", "re");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    char *at = NULL;
    int i = 0;

    if (f)
        fclose(f);
    text[n] = '\0';
    at = strrchr(text, ')');
    if (!at || !at[1])
        return -1;
    for (at++; i < FIELDS; i++) {
        at = strchr(at, ' ');
        if (!at)
            return -1;
        ret[i] = strtoll(++at, NULL, 10); /* the first one is a letter: 0 */
    }
    return 0;
}

static int64_t count_fds(void)
{
    DIR *d = opendir("/proc/self/fd");
    int64_t n = -3; /* ".", ".." and the one that reads it */

    if (!d)
        return -1;
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

/* Seconds from 1970 to the start of the process, which is known in ticks from the start of the system. */
static double start_seconds(long long ticks)
{
    struct timespec up, now;

    if (clock_gettime(CLOCK_BOOTTIME, &up) || clock_gettime(CLOCK_REALTIME, &now))
        return -1;
    return (double)now.tv_sec - (double)up.tv_sec + (double)(now.tv_nsec - up.tv_nsec) / 1e9 +
           (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static double seconds_of(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

void process_read(struct process_stats *ret)
{
    long long field[FIELDS];
    struct rusage used;
    struct rlimit files;

    *ret = (struct process_stats){-1, -1, -1, -1, -1, count_fds(), -1};
    if (getrusage(RUSAGE_SELF, &used) == 0)
        ret->cpu_seconds = seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY)
        ret->max_fds = (int64_t)files.rlim_cur;
    if (read_stat(field) < 0)
        return;
    ret->threads = field[FIELD_THREADS];
    ret->start_seconds = start_seconds(field[FIELD_START]);
    ret->virtual_bytes = field[FIELD_VIRTUAL];
    ret->resident_bytes = field[FIELD_RESIDENT] * sysconf(_SC_PAGESIZE);
}
