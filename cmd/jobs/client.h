/* client: what `enqueue`, `collect` and `batch` over Kafka need before they meet the broker. */
#ifndef SLUICE_CMD_JOBS_CLIENT_H
#define SLUICE_CMD_JOBS_CLIENT_H

#include "cmd/command.h"
#include "cmd/jobs/run.h"

#define CLIENT_TIMEOUT_MS 15000

/* The configuration of a command that needs no models; servers: --bootstrap-servers, or NULL. 0 or an exit
 * code. */
int client_config(const struct config_options *o, const char *servers, struct config **ret,
                  struct err *e);

/* The topic of requests: wanted, or the first of the configuration. NULL: it is a pattern. */
const char *client_request_topic(const struct config *c, const char *wanted, struct err *e);

/* Fills topics, servers, cluster, input and its size. Asks the broker who it is. */
int client_describe(struct run *r, const struct config *c, const char *topic, const char *input,
                    int64_t input_bytes, struct err *e);

#endif
