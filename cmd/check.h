/*
 * check: the parts of `sluice check`. Each returns 0 or the exit code that the command should end with, and
 * writes what it found to `report`, one line each.
 */
#ifndef SLUICE_CMD_CHECK_H
#define SLUICE_CMD_CHECK_H

#include <stdio.h>

#include "task/config.h"

/* Does librdkafka know each property and take its value? */
int check_kafka_properties(const struct config *c, FILE *report);

/* Asks the broker for itself and for the topics. */
int check_broker(const struct config *c, FILE *report);

/* Asks each provider for its list of models, with the key: costs nothing. */
int check_providers(const struct config *c, FILE *report);

#endif
