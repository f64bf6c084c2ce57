/*
 * process: what the system says about this process. Linux; a number that cannot be had is -1.
 */
#ifndef SLUICE_BASE_PROCESS_H
#define SLUICE_BASE_PROCESS_H

#include <stdint.h>

struct process_stats {
    double cpu_seconds;   /* user and system */
    double start_seconds; /* since 1970 */
    int64_t resident_bytes, virtual_bytes;
    int64_t threads;
    int64_t open_fds, max_fds;
};

void process_read(struct process_stats *ret); /* any thread */

#endif
