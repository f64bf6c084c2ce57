/* measure: what the programs of this folder measure with. */
#ifndef SLUICE_TESTS_BENCH_MEASURE_H
#define SLUICE_TESTS_BENCH_MEASURE_H

#include <sys/resource.h>

/* Processor time of all threads, in microseconds. */
static inline double measure_cpu_us(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 + (double)u.ru_utime.tv_usec +
           (double)u.ru_stime.tv_usec;
}

#endif
