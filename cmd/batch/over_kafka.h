/*
 * over_kafka: runs a job through Kafka: the rows go to the request topic and the replies come from the reply
 * topic, in one process; the calls are made by workers elsewhere.
 */
#ifndef SLUICE_CMD_BATCH_OVER_KAFKA_H
#define SLUICE_CMD_BATCH_OVER_KAFKA_H

#include "cmd/batch/batch.h"

/* Does the configuration of this job name a broker? */
bool over_kafka_wanted(const struct batch_options *o);

/* The whole job; the exit code. */
int over_kafka(const struct batch_options *o, struct err *e);

#endif
