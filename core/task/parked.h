/*
 * parked: what a record on the delay topic says of the record that it is a copy of, in one header. So the copy
 * is answered as the first one would have been: under its name, by its deadline, with its tries used up. Pure.
 */
#ifndef SLUICE_TASK_PARKED_H
#define SLUICE_TASK_PARKED_H

#include <stddef.h>
#include <stdint.h>

#define PARKED_HEADER    "sluice-parked"
#define PARKED_TOPIC_MAX 250 /* with the zero at the end; Kafka allows 249 */
#define PARKED_OWNER_LEN 16
#define PARKED_TEXT_MAX  512
#define PARKED_TIMES_MAX 1000000000
#define PARKED_CALLS_MAX 1000000

struct parked {
    char topic[PARKED_TOPIC_MAX]; /* where the first copy was read */
    int32_t partition;
    int64_t offset;
    int64_t received_ms; /* and when, wall clock */
    int64_t record_ms;   /* its own time stamp; -1: unknown, or none that can be meant */
    int32_t times;       /* how often it was parked, this copy counted */
    int32_t attempts;    /* calls that count against num_retries */
    uint8_t owner[PARKED_OWNER_LEN]; /* digest of the cluster and the group whose copy it is */
};

/* The header's value into out (PARKED_TEXT_MAX is enough); its length. */
int parked_format(const struct parked *p, char *out, size_t cap);

/* 0, or -1: these bytes were not written by parked_format(). */
int parked_parse(const void *value, size_t len, struct parked *ret);

#endif
