/* batch: the options of `sluice batch`, shared by its parts. */
#ifndef SLUICE_CMD_BATCH_BATCH_H
#define SLUICE_CMD_BATCH_BATCH_H

#include "cmd/batch/input.h"
#include "cmd/command.h"

struct batch_options {
    const char *input;
    const char *output;
    const char *error_file;
    struct input_options in;
    const char *api_base;    /* these two are for --model without a configuration file */
    const char *api_key_env; /* name of the variable that holds the key */
    int64_t limit;
    int64_t max_in_flight;
    const char *max_cost; /* USD as typed; NULL: as the configuration says */
    int64_t max_requests; /* 0: likewise */
    bool keep_going;
    bool dry_run;
    const char *retry_failed; /* file of failed replies, or NULL */
    bool retry_all;
    const char *store;
    const char *report; /* path, or NULL */
    const char *progress;
    struct config_options config;
};

extern const struct command command_batch;

#endif
