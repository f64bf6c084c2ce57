/*
 * embedded_broker: the broker of `sluice dev` in a process of its own, so that its processor time is not the
 * worker's. Prints its address, then waits until its input ends.
 *
 *     embedded_broker PARTITIONS TOPIC...
 */
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "io/kafka/kafka.h"

static int serve(struct kafka_broker *b, int partitions, char **topics, struct err *e)
{
    for (; *topics; topics++)
        if (kafka_broker_topic(b, *topics, partitions, e) < 0)
            return -1;
    printf("%s\n", kafka_broker_address(b));
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return 0;
}

int main(int argc, char **argv)
{
    struct err e = {0};
    struct kafka_broker *b;
    int rc;

    if (argc < 3) {
        fprintf(stderr, "usage: embedded_broker PARTITIONS TOPIC...\n");
        return EX_USAGE;
    }
    b = kafka_broker_new(0, &e);
    rc = b ? serve(b, (int)strtol(argv[1], NULL, 10), argv + 2, &e) : -1;
    if (rc < 0)
        fprintf(stderr, "embedded_broker: %s\n", e.msg);
    kafka_broker_free(b);
    return rc < 0 ? EX_UNAVAILABLE : 0;
}
